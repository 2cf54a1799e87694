"""Which source files can be compiled as one: those that share no name of their own.

    python3 tools/compile/together.py FILE...     a line a file: its path and the number of its group

Most of the time that a compiler takes over a file goes into headers and templates of libraries, which files of one
folder share. CMake compiles such groups as one where SMLP_TOGETHER is on; clang-tidy reads them together.
"""

import re
import sys
from pathlib import Path

# Names at the left edge, where everything outside of functions begins.
DEFINED = re.compile(
    r"^(?:class|struct|union|enum(?: class)?) (?:SMLP_\w+ )?(\w+)"
    r"|^(?=[A-Za-z_])(?!namespace|using|extern|return|class|struct|union|enum|TEST(?:_[FP])?\(|INSTANTIATE_)"
    r"[^\n]*?([\w:~]+)(?:\(| = |\{| \{|\[|;)"
    r"|^#define (\w+)", re.M)
ALIAS = re.compile(r"^(?:namespace|using) (?:[\w:]*::)?(\w+)(?: = [^;]*)?;", re.M)
TOGETHER = 16  # files: a third less time than 8, in 0.8 GB; more would leave one processor waiting at the end


def names_of(path):
    """What a file defines for itself, each with the text where equal definitions may meet."""
    text = path.read_text()
    aliases = {m.group(1): m.group() for m in ALIAS.finditer(text)}
    found = {name: None for m in DEFINED.finditer(text) for name in m.groups() if name}
    return {**found, **aliases}


def compiles_itself_again(path):
    return "HWY_TARGET_INCLUDE" in path.read_text()


class Group:
    def __init__(self, kind):
        self.kind = kind
        self.files = []
        self.names = {}

    def takes(self, names):
        return all(name not in self.names or (text is not None and self.names[name] == text) for name, text in names.items())


def groups_of(paths, kind=lambda path: path.parent, most=TOGETHER):
    """Lists of files of one kind, at most `most`, that can be compiled as one."""
    groups = []
    for path in paths:
        names = names_of(path)
        alone = compiles_itself_again(path)
        open_ = [] if alone else [g for g in groups if g.kind == kind(path) and len(g.files) < most]
        home = next((g for g in open_ if g.takes(names)), None)
        if home is None:
            home = Group(None if alone else kind(path))
            groups.append(home)
        home.files.append(path)
        home.names.update(names)
    return [g.files for g in groups]


def main():
    for number, files in enumerate(groups_of([Path(name) for name in sys.argv[1:]])):
        for path in files:
            print(f"{path} {number}")


if __name__ == "__main__":
    main()
