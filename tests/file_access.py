#!/usr/bin/env python3
"""Checks that src/ opens files through base/open_file.h and base/atomic_file.h alone.

    file_access.py

What else opens a file there is listed with its reason; files of the kernel (/proc, /sys) and of a terminal wait for
nobody and lead nowhere else.
"""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"
OPENS = re.compile(r"\b(?:std::)?(?:[io]?fstream|fopen|freopen|creat|openat|mkstemp|tmpfile)\s*[({]|(?<![\w.>:])::open\s*\(|\bstd::[io]?fstream\s+\w+\s*[({]")
ALLOWED = {
    "base/open_file.cc": "is the place",
    "base/system_file.cc": "/proc and /sys",
    "base/atomic_file.cc": "is the place for files written whole",
    "base/affinity.cc": "/sys/devices/system/cpu",
    "base/cgroup.cc": "/proc/self/cgroup",
    "tasks/benchmark.cc": "/proc/self/clear_refs",
    "cli/console.cc": "/dev/null in the place of closed streams",
    "cli/own_arguments.h": "/proc/self/cmdline",
}


def main():
    problems = [f"src/{name} opens no file by itself: take it off the list in {Path(__file__).name}"
                for name in ALLOWED if not OPENS.search((SOURCE / name).read_text())]
    for path in sorted(SOURCE.rglob("*")):
        name = str(path.relative_to(SOURCE))
        if path.suffix not in (".cc", ".h") or name in ALLOWED:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if OPENS.search(line.split("//")[0]):
                problems.append(f"src/{name}:{number}: opens a file by itself: use base/open_file.h or base/atomic_file.h")
    print("\n".join(problems) or "files are opened in one place")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
