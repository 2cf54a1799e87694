#!/usr/bin/env python3
"""A table of what the tests reached, by folder of src/, from gcovr's summary.

    gcovr --root . --filter src/ --json-summary summary.json build/coverage
    python3 tools/coverage/report.py summary.json [--files]

Branches that only an exception can take are left out: gcovr is told so by `./dev coverage`.
"""

import argparse
import json
import sys
from pathlib import Path

GOAL = 90.0


def percent(reached, all_):
    return 100 * reached / all_ if all_ else 100.0


def add(rows, name, file):
    row = rows.setdefault(name, [0, 0, 0, 0])
    for i, key in enumerate(("line_covered", "line_total", "branch_covered", "branch_total")):
        row[i] += file[key]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("summary", type=Path)
    parser.add_argument("--files", action="store_true", help="also every file that is below the goal")
    options = parser.parse_args()

    folders, files = {}, {}
    for file in json.loads(options.summary.read_text())["files"]:
        name = file["filename"]
        add(folders, "/".join(name.split("/")[:2]), file)
        add(folders, "all of src", file)
        add(files, name, file)
    if not folders:
        sys.exit(f"{options.summary} holds no file of src/")
    rows = [(n, folders[n]) for n in sorted(folders, key=lambda n: (n == "all of src", n))]
    if options.files:
        rows = sorted((n, r) for n, r in files.items() if percent(r[0], r[1]) < GOAL) + rows
    print(f"{'folder':<36} {'lines':>7} {'reached':>8} {'branches':>9} {'reached':>8}")
    for name, (lines, all_lines, branches, all_branches) in rows:
        print(f"{name:<36} {all_lines:7} {percent(lines, all_lines):6.1f} % {all_branches:9} "
              f"{percent(branches, all_branches):6.1f} %")
    lines, all_lines = folders["all of src"][:2]
    print(f"goal: {GOAL:.0f} % of the lines; {'reached' if percent(lines, all_lines) >= GOAL else 'not reached'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
