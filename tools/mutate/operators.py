"""Small changes to C++ source, found by text: the house format puts a space around every binary operator and none
around templates' brackets, references and pointers, so that no parser is needed."""

import dataclasses
import hashlib
import re

SWAPS = {
    "comparison": {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == "},
    "logic": {" && ": " || ", " || ": " && "},
    "arithmetic": {" + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " % ": " / ", " += ": " -= ", " -= ": " += ",
                   " & ": " | ", " | ": " & "},
    "off by one": {" + 1": "", " - 1": "", ".size()": ".size() - 1"},
    "extreme": {"std::min(": "std::max(", "std::max(": "std::min("},
    "answer": {"return true;": "return false;", "return false;": "return true;"},
}
NUMBER = re.compile(r"(?<![\w.'])(\d+)(?![\w.'])")
# A call or an assignment that is a line of its own; declarations begin with two words and are left alone.
STATEMENT = re.compile(r"^\s+(?:::)?[a-z][\w.:]*(?:->[\w.]+)*(?:\[[^\]]*\])?(?:\(.*\)| [-+*/|&]?= .*);$")
GUARD = re.compile(r"^\s+if \(.*\) (?:return|continue|break)\b.*;$")
KEPT = re.compile(r"^\s+(?:return|break|continue|static_assert|using|delete|throw|else|case|default|SMLP_TRY)\b")
DURABLE = re.compile(r"fsync|fdatasync|rename|sync_folder")
SWAPPED_WORDS = re.compile(r"(?<=\()([a-z_]\w*), ([a-z_]\w*)(?=\))")


@dataclasses.dataclass(frozen=True)
class Mutation:
    file: str
    line: int  # from 1
    kind: str
    old: str   # the whole line
    new: str

    @property
    def id(self):
        text = f"{self.file}\0{self.line}\0{self.kind}\0{self.old}\0{self.new}"
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def apply(self, text):
        lines = text.split("\n")
        assert lines[self.line - 1] == self.old
        lines[self.line - 1] = self.new
        return "\n".join(lines)

    def diff(self):
        return f"- {self.old.strip()}\n+ {self.new.strip() or '(removed)'}"


def masked(text):
    """`text` with the inside of comments, strings and characters, and preprocessor lines, blanked out."""
    blank = lambda match: re.sub(r"[^\n]", "\x01", match.group())
    pattern = r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*'
    return re.sub(pattern, blank, text, flags=re.M | re.S)


def condition_span(line):
    """Where the condition of `if (...)` is in a line that holds all of it: (start, end), or None."""
    start = re.match(r"\s*(?:\} else )?(?:if|while) \(", line)
    if not start:
        return None
    depth, begin = 1, start.end()
    for i in range(begin, len(line)):
        if line[i] in "([{":
            depth += 1
        elif line[i] in ")]}":
            depth -= 1
        elif line[i] == ";" and depth == 1:
            begin = i + 1
        if depth == 0:
            return begin, i
    return None


def mutations_of_line(code, line):
    """(kind, new line) of every change to `line`; `code` is the line masked."""
    found = []

    def replace(kind, start, end, new):
        found.append((kind, line[:start] + new + line[end:]))

    for kind, swaps in SWAPS.items():
        for old, new in swaps.items():
            at = code.find(old)
            while at >= 0:
                following = code[at + len(old):at + len(old) + 1]
                if not (kind == "off by one" and (following.isalnum() or following == ".")):
                    replace(kind, at, at + len(old), new)
                at = code.find(old, at + 1)
    for number in NUMBER.finditer(code):
        replace("constant", number.start(), number.end(), str(int(number.group()) + 1))
    span = condition_span(code)
    if span:
        begin, end = span
        replace("negated condition", begin, end, f"!({line[begin:end].strip()})")
    for words in SWAPPED_WORDS.finditer(code):
        replace("swapped arguments", words.start(), words.end(), f"{words.group(2)}, {words.group(1)}")
    balanced = code.count("(") == code.count(")") and "{" not in code
    if balanced and not KEPT.match(code):
        if STATEMENT.match(code):
            found.append(("durability" if DURABLE.search(code) else "removed statement", ""))
        elif GUARD.match(code):
            found.append(("removed guard", ""))
    if balanced and DURABLE.search(code) and code.lstrip().startswith(("if (", "SMLP_CHECK(")) and code.endswith(";"):
        found.append(("durability", ""))
    return found


def mutations_of(file, text):
    """Every change to one file, in order. Lines outside of functions (column 0, using, static_assert) stay."""
    found = []
    previous_end = ";"
    for number, (line, code) in enumerate(zip(text.split("\n"), masked(text).split("\n")), 1):
        stripped = code.replace("\x01", "").strip()
        inside = line.startswith("  ") and not re.match(r"\s*(?:using|static_assert|template|friend)\b", line)
        if inside and stripped:
            for kind, new in mutations_of_line(code, line):
                # The second line of a long statement cannot be taken away alone.
                if new == "" and previous_end not in ";{}:":
                    continue
                found.append(Mutation(file, number, kind, line, new))
        if stripped:
            previous_end = stripped[-1]
    return found
