#!/usr/bin/env python3
"""clang-tidy over every source file of src/ and python/bindings/, as many at a time as there are processors.

    python3 tools/lint/tidy.py --build build/release            every file that changed since it was last clean
    python3 tools/lint/tidy.py --build build/release FILE...    these files

A file that was clean is not read again until it, a header of ours that it includes, .clang-tidy or clang-tidy itself
changes. What was clean is kept in BUILD/tidy/, also when it is interrupted.

Most of the 5 to 20 seconds that clang-tidy takes over a file go into the headers of libraries, so files that are compiled
alike and share no name of their own go through it together. Where it finds something, the files that it names go through it
alone, and what is found there counts.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "compile"))
from together import groups_of  # noqa: E402

TOGETHER = 24  # files: a third less time than 12
FOLDERS = (ROOT / "src", ROOT / "python" / "bindings")
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


def fingerprint(path, flags, tidy):
    seen = set()
    our_headers(path, seen)
    hash_ = hashlib.sha256(f"{tidy}\n{flags}\n".replace(str(ROOT), ".").encode())
    hash_.update((ROOT / ".clang-tidy").read_bytes())
    for file in sorted(seen):
        hash_.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return hash_.hexdigest()


def commands_of(build):
    """The compiler's command for each source file; those that are compiled as one share one."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path, command = Path(entry["file"]).resolve(), entry["command"]
        if path.parent.name == "Unity":
            for source in re.findall(r'^#include "(/.+)"$', path.read_text(), re.M):
                commands[Path(source)] = command.replace(entry["file"], source)
        else:
            commands[path] = command
    return commands


def flags_of(path, command):
    """The compiler's options for a file, without what nanobind defines: a value that is no expression is a finding."""
    words = shlex.split(command)
    words = words[words.index(next(w for w in words if w.endswith(("++", "++-19", "c++")))) + 1:]
    skipped = {i + k for i, w in enumerate(words) if w in ("-o", "-c", "-MF", "-MT") for k in (0, 1)}
    return [w for i, w in enumerate(words) if i not in skipped and w != "-MD" and w != str(path)
            and not w.startswith("-DNB_BACKEND_PYPI=")]


def run_tidy(options, path, flags, *more):
    return subprocess.run([options.tidy, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", *more, str(path), "--", *flags],
                          cwd=options.build, capture_output=True, text=True, errors="replace")


def suspects(done, paths):
    """The files of a common run that give findings; all of them where it did not come to its end."""
    found = re.findall(r"^(/[^:\n]+):\d+:\d+: (?:error|warning): .*\[([a-z].*)\]$", done.stdout, re.M)
    named = {Path(name) for name, _ in found}
    compiled = "clang-diagnostic-error" not in done.stdout and named
    return [p for p in paths if p in named] if compiled and named <= set(paths) else paths


def run_together(options, paths, flags):
    """Those of the files that have to be looked at alone."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "together.cc"
        whole.write_text("".join(f'#include "{path}"  // NOLINT(bugprone-suspicious-include)\n'
                                 for path in paths))
        done = run_tidy(options, whole, flags, "--header-filter=(src|include|python/bindings)/.*\\.(h|cc)$")
    if options.verbose and done.returncode != 0:
        print(done.stdout + done.stderr, flush=True)
    return [] if done.returncode == 0 else suspects(done, paths)


def run_group(options, paths, flags):
    """[(file, its own run, or None where it is clean)], seconds."""
    start = time.monotonic()
    alone = run_together(options, paths, flags) if len(paths) > 1 else paths
    runs = [(path, run_tidy(options, path, flags) if path in alone else None) for path in paths]
    return runs, time.monotonic() - start


def files_of(folders, known):
    """The files of these folders that have a compiler's command; a folder without any is named."""
    found = {folder: sorted(f for f in known if f.is_relative_to(folder)) for folder in folders}
    for folder, files in found.items():
        if not files:
            print(f"left out: {folder.relative_to(ROOT)}, which this build folder does not compile", flush=True)
    return [f for files in found.values() for f in files]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="a build folder with compile_commands.json")
    parser.add_argument("--tidy", default="clang-tidy-19")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="show what is found in files that go together")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()

    version = subprocess.run([options.tidy, "--version"], capture_output=True, text=True, check=True).stdout
    flags = {path: flags_of(path, command) for path, command in commands_of(options.build).items()}
    wanted = [f.resolve() for f in options.files] or files_of(FOLDERS, flags)
    unknown = [f for f in wanted if f not in flags]
    if unknown:
        sys.exit(f"{options.build}/compile_commands.json does not know {unknown[0]}")

    kept = options.build / "tidy"
    kept.mkdir(exist_ok=True)
    stamps = {f: kept / fingerprint(f, flags[f], version) for f in wanted}
    todo = [f for f in wanted if not stamps[f].exists()]
    groups = groups_of(todo, lambda path: flags[path], TOGETHER)
    # The slow ones first, so that no processor waits for another at the end.
    groups.sort(key=lambda g: -sum(f.stat().st_size for f in g))
    print(f"{len(todo)} of {len(wanted)} files in {len(groups)} groups, {options.jobs} at a time", flush=True)

    failed, spent = [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        started = [pool.submit(run_group, options, g, flags[g[0]]) for g in groups]
        for future in concurrent.futures.as_completed(started):
            runs, seconds = future.result()
            spent.append((seconds, ", ".join(str(path.relative_to(ROOT)) for path, _ in runs)))
            for path, done in runs:
                if done is None or done.returncode == 0:
                    stamps[path].touch()
                    continue
                failed.append(path)
                findings = [line for line in (done.stdout + done.stderr).splitlines()
                            if re.search(r"(error|warning): ", line)]
                print("\n".join(findings) or f"{path}: clang-tidy ended with {done.returncode}\n{done.stderr[-2000:]}",
                      flush=True)
    for seconds, names in sorted(spent, reverse=True)[:3]:
        print(f"slow: {seconds:.0f} s for {names}")
    print(f"{len(failed)} files with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
