#!/usr/bin/env python3
"""clang-tidy over every source file of src/, as many at a time as there are processors.

    python3 tools/lint/tidy.py --build build/release            every file that changed since it was last clean
    python3 tools/lint/tidy.py --build build/release FILE...    these files

A file that was clean is not read again until it, a header of ours that it includes, .clang-tidy or clang-tidy itself
changes. What was clean is kept in BUILD/tidy/.

Most of the 5 to 20 seconds that clang-tidy takes over a file go into the headers of libraries, so files of one folder
that share no name of their own go through it together. Where it finds anything, each of them goes through it alone.
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


# Names at the left edge, where everything outside of functions begins: files that share one cannot be one.
DEFINED = re.compile(r"^(?=[A-Za-z_])(?!namespace|using|extern|return)[^\n]*?([\w:~]+)(?:\(| = |\{| \{|\[|;)|^#define (\w+)", re.M)
ALIAS = re.compile(r"^(?:namespace|using) (?:[\w:]*::)?(\w+)(?: = [^;]*)?;", re.M)
TOGETHER = 8  # files: more save little, and a finding costs that many runs


def names_of(path):
    """What a file defines for itself, each with the text where equal definitions may meet."""
    text = path.read_text()
    aliases = {m.group(1): m.group() for m in ALIAS.finditer(text)}
    found = {name: None for m in DEFINED.finditer(text) for name in m.groups() if name}
    return {**found, **aliases}


def fits(group, names):
    return all(name not in group or (text is not None and group[name] == text) for name, text in names.items())


def flags_of(path, command):
    """The compiler's options for a file."""
    words = shlex.split(command)
    words = words[words.index(next(w for w in words if w.endswith(("++", "++-19", "c++")))) + 1:]
    skipped = {i + k for i, w in enumerate(words) if w in ("-o", "-c", "-MF", "-MT") for k in (0, 1)}
    return [w for i, w in enumerate(words) if i not in skipped and w != "-MD" and w != str(path)]


def groups_of(paths, commands):
    """Lists of files that go through clang-tidy together."""
    groups = []
    for path in paths:
        names, flags = names_of(path), flags_of(path, commands[path])
        alone = "HWY_TARGET_INCLUDE" in path.read_text()  # compiles itself several times
        home = next((g for g in groups if not alone and g["folder"] == path.parent and g["flags"] == flags
                     and len(g["files"]) < TOGETHER and fits(g["names"], names)), None)
        if home is None:
            home = {"folder": path.parent, "flags": flags, "files": [], "names": {}}
            groups.append(home)
        home["files"].append(path)
        home["names"].update(names)
    return [g["files"] for g in groups]


def run_tidy(options, path):
    return subprocess.run([options.tidy, "--quiet", "-p", str(options.build), str(path)], capture_output=True,
                          text=True, errors="replace")


def run_together(options, paths, commands):
    """True where none of the files gives a finding."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "together.cc"
        whole.write_text("".join(f'#include "{path}"  // NOLINT(bugprone-suspicious-include)\n'
                                 for path in paths))
        done = subprocess.run([options.tidy, "--quiet", "--header-filter=(src|include)/.*\\.(h|cc)$",
                               f"--config-file={ROOT / '.clang-tidy'}", str(whole), "--",
                               *flags_of(paths[0], commands[paths[0]])],
                              cwd=options.build, capture_output=True, text=True, errors="replace")
        if options.verbose and done.returncode != 0:
            print(done.stdout + done.stderr, flush=True)
        return done.returncode == 0


def run_group(options, paths, commands):
    """[(file, its own run, or None where it is clean)], seconds."""
    start = time.monotonic()
    if len(paths) > 1 and run_together(options, paths, commands):
        runs = [(path, None) for path in paths]
    else:
        runs = [(path, run_tidy(options, path)) for path in paths]
    return runs, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="a build folder with compile_commands.json")
    parser.add_argument("--tidy", default="clang-tidy-19")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="show what is found in files that go together")
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
    groups = groups_of(todo, commands)
    # The slow ones first, so that no processor waits for another at the end.
    groups.sort(key=lambda g: -sum(f.stat().st_size for f in g))
    print(f"{len(todo)} of {len(wanted)} files in {len(groups)} groups, {options.jobs} at a time", flush=True)

    failed, spent = [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for runs, seconds in pool.map(lambda g: run_group(options, g, commands), groups):
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
