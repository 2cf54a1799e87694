"""The command `smlp`, and `python -m smlp`: the program itself, which the package carries."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    program = Path(__file__).parent / "bin" / "smlp"
    os.execv(program, [str(program), *sys.argv[1:]])


if __name__ == "__main__":
    main()
