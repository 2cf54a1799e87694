"""Which tests run which changed lines: every change gets a mark, a byte of a file that is set where the program comes by.

    before: count += step;
    after:  if (!__builtin_is_constant_evaluated()) smlp_marks[17] = 1; count += step;

The mark stands before the statement that holds the changed line, or before one around it, found by indentation: it says
"not reached" only where that is so. A mark that does not compile there (in a class, in a list) is taken away, and its change
counts as reached by every test.
"""

import re

from .operators import masked

DECLARATION = "extern \"C\" unsigned char* volatile smlp_marks;\n"
# A file, not memory of the process: what a killed process and its children reached counts too. Its calls go to the system
# directly, since some tests count or fail those of the library.
DEFINITION = """
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
namespace {{
unsigned char smlp_marks_unmapped[{count}];
}}
extern "C" unsigned char* volatile smlp_marks;
unsigned char* volatile smlp_marks = smlp_marks_unmapped;
namespace {{
__attribute__((constructor(101))) void smlp_map_marks() {{
  const long file = syscall(SYS_openat, AT_FDCWD, "{path}", O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  const long at = syscall(SYS_mmap, nullptr, {count}, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (at > 0) smlp_marks = reinterpret_cast<unsigned char*>(at);
}}
}}  // namespace
"""
BEGINS_NO_STATEMENT = re.compile(r"\s*(?:\}|else\b|case\b|default:|#|:|\)|\])")
AFTER_STATEMENT = re.compile(r".*(?:[;}]|(?:\)|\]|\b(?:else|do|try|const|noexcept|mutable)|-> [\w:<>,&* ]+) \{)$|\s*(?:case\b.*|default):$")


def statement_of(lines, number):
    """The line (from 1) before which a mark of line `number` can stand, or None. `lines` are masked."""
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
    for at in range(number, 0, -1):
        line = lines[at - 1]
        depth = len(line) - len(line.lstrip())
        if not line.strip("\x01 ") or depth > indent or BEGINS_NO_STATEMENT.match(line):
            continue
        if depth == 0:
            return None
        before = next((b.rstrip("\x01 ") for b in reversed(lines[:at - 1]) if b.strip("\x01 ")), "")
        if AFTER_STATEMENT.match(before):
            return at
        indent = depth
    return None


class Marks:
    """The marks of a plan: `place` says where each stands, `taken_away` which could not."""

    def __init__(self, mutations, texts, path):
        self.numbers = {m.id: k for k, m in enumerate(mutations)}
        self.path, self.definition_in = path, min(f for f in texts if re.fullmatch(r"src/base/\w+\.cc", f))
        self.places = {}  # file -> line -> number of the mark; changes of one statement share it
        self.number_of = {}
        for mutation in mutations:
            at = statement_of(masked(texts[mutation.file]).split("\n"), mutation.line)
            if at is not None:
                of_file = self.places.setdefault(mutation.file, {})
                self.number_of[mutation.id] = of_file.setdefault(at, self.numbers[mutation.id])

    def applied(self, file, text):
        """`text` of `file` with its marks; one line longer, and longer still where the marks are defined."""
        lines = text.split("\n")
        for at, number in self.places.get(file, {}).items():
            lines[at - 1] = f"if (!__builtin_is_constant_evaluated()) smlp_marks[{number}] = 1; {lines[at - 1]}"
        text = "\n".join(lines)
        if file in self.places:
            text = DECLARATION + text
        if file == self.definition_in:
            text += DEFINITION.format(count=len(self.numbers), path=self.path)
        return text

    def take_away(self, file, line):
        """Removes the mark nearest to `line` of the marked file, which did not compile. False where there is none."""
        of_file = self.places.get(file)
        if not of_file:
            return False
        nearest = min(of_file, key=lambda at: abs(at + 1 - line))
        number = of_file.pop(nearest)
        self.number_of = {id_: n for id_, n in self.number_of.items() if n != number}
        if not of_file:
            del self.places[file]
        return True

    def clear(self):
        self.path.write_bytes(bytes(len(self.numbers)))

    def reached(self):
        """Numbers of the marks that were reached since `clear`."""
        return {k for k, byte in enumerate(self.path.read_bytes()) if byte}
