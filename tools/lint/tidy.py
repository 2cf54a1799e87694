#!/usr/bin/env python3
"""clang-tidy over every source file of src/, as many at a time as there are processors.

    python3 tools/lint/tidy.py --build build/release            every file that changed since it was last clean
    python3 tools/lint/tidy.py --build build/release FILE...    these files

A file that was clean is not read again until it, a header of ours that it includes, .clang-tidy or clang-tidy itself
changes: clang-tidy takes 5 to 20 seconds a file. What was clean is kept in BUILD/tidy/.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INCLUDE = re.compile(rb'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def our_headers(path, seen):
    """Adds `path` and every file of ours that it includes, directly or not."""
    if path in seen:
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_bytes()):
        for folder in (path.parent, ROOT / "src", ROOT / "include"):
            header = (folder / os.fsdecode(name)).resolve()
            if header.is_file() and header.is_relative_to(ROOT):
                our_headers(header, seen)
                break


def fingerprint(path, command, tidy):
    seen = set()
    our_headers(path, seen)
    hash_ = hashlib.sha256(f"{tidy}\n{command}\n".replace(str(ROOT), ".").encode())
    hash_.update((ROOT / ".clang-tidy").read_bytes())
    for file in sorted(seen):
        hash_.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return hash_.hexdigest()


def run_tidy(options, path):
    start = time.monotonic()
    done = subprocess.run([options.tidy, "--quiet", "-p", str(options.build), str(path)], capture_output=True,
                          text=True, errors="replace")
    return path, done, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="a build folder with compile_commands.json")
    parser.add_argument("--tidy", default="clang-tidy-19")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()

    version = subprocess.run([options.tidy, "--version"], capture_output=True, text=True, check=True).stdout
    commands = {Path(c["file"]).resolve(): c["command"]
                for c in json.loads((options.build / "compile_commands.json").read_text())}
    wanted = [f.resolve() for f in options.files] or sorted(f for f in commands if f.is_relative_to(ROOT / "src"))
    unknown = [f for f in wanted if f not in commands]
    if unknown:
        sys.exit(f"{options.build}/compile_commands.json does not know {unknown[0]}")

    kept = options.build / "tidy"
    kept.mkdir(exist_ok=True)
    stamps = {f: kept / fingerprint(f, commands[f], version) for f in wanted}
    todo = [f for f in wanted if not stamps[f].exists()]
    # The slow ones first, so that no processor waits for another at the end.
    todo.sort(key=lambda f: -f.stat().st_size)
    print(f"{len(todo)} of {len(wanted)} files, {options.jobs} at a time", flush=True)

    failed, spent = [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, done, seconds in pool.map(lambda f: run_tidy(options, f), todo):
            spent.append((seconds, path.relative_to(ROOT)))
            if done.returncode == 0:
                stamps[path].touch()
                continue
            failed.append(path)
            findings = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"(error|warning): ", line)]
            print("\n".join(findings) or f"{path}: clang-tidy ended with {done.returncode}\n{done.stderr[-2000:]}",
                  flush=True)
    if spent:
        slowest = ", ".join(f"{path} {seconds:.0f} s" for seconds, path in sorted(spent, reverse=True)[:3])
        print(f"slowest: {slowest}")
    print(f"{len(failed)} files with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
