#!/usr/bin/env python3
"""Cuts each data file of a run at every byte: what follows has to give the right result, or to refuse with one line.

    cut_files_test.py --smlp BIN --shim LIBRARY [--seconds 60]

Files are those of finished runs, and of one that a failing disk interrupted, so that parts of results lie about.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import commands

ALL = 40  # a longer file is cut at some places only: around its ends and line ends, and between


class Case:
    """`state`: a folder as a run left it; `patterns`: its files to be cut; `argv`: what follows. The outcome is right where
    the final files of `command`, or the first line of stdout where there are none, are those of the uncut state."""

    def __init__(self, name, state, patterns, argv, command):
        self.name, self.state, self.argv, self.command = name, state, argv, command
        self.files = sorted(p.relative_to(state) for pattern in patterns for p in state.glob(pattern))
        self.reference, self.line = {}, b""


def lengths(path):
    content = path.read_bytes()
    if len(content) <= ALL:
        return range(len(content))
    near = {0, 1, len(content) - 1, len(content) - 2}
    ends = [i for i, byte in enumerate(content) if byte == 10]
    for end in ends[:2] + ends[-2:]:
        near |= {end - 1, end, end + 1}
    near |= set(random.Random(len(content)).sample(range(len(content)), ALL - 16))
    return sorted(n for n in near if 0 <= n < len(content))


class Test:
    def __init__(self, smlp, shim, scratch):
        self.smlp, self.scratch, self.world = smlp, scratch, scratch / "world"
        commands.make_world(smlp, self.world)
        self.table = {command.name: command for command in commands.COMMANDS}
        self.cases = []
        prep = self.finished("preprocess")
        self.add("preprocess again", prep, ["prep/bins/.*", "prep/bins/*-00001.bin", "prep/labels.npy", "prep/manifest.jsonl"], "preprocess", [])
        for kind, pattern in (("NPY", "*-00001_0.npy"), ("BIN", "*-00001_0.bin"), ("TXT", "*-00001_0.txt")):
            state = self.finished(f"infer {kind}")
            self.add(f"infer {kind} --resume", state, [f"result/run/{pattern}", "result/run/.*"], f"infer {kind}", ["--resume"])
        packed = self.finished("infer packed")
        self.add("infer packed --resume", packed, ["result/run/packed_*", "result/run/.*"], "infer packed", ["--resume"])
        broken = self.finished("infer packed", {"LD_PRELOAD": str(shim), "SMLP_SHIM_UNDER": str(scratch), "SMLP_SHIM_FAIL": "rename:2:5"})
        self.add("interrupted infer packed --resume", broken, ["result/run/.*", "result/run/*.tsv"], "infer packed", ["--resume"])
        for kind in ("NPY", "packed"):
            self.score(kind)

    def finished(self, name, env=None):
        state = Path(tempfile.mkdtemp(prefix="state-", dir=self.scratch))
        commands.run(self.smlp, self.table[name].argv(self.world, state), env=env)
        return state

    def add(self, name, state, patterns, command, more):
        command = self.table[command]
        case = Case(name, state, patterns, command.arguments + more, command)
        whole = self.finished(command.name)
        case.reference = commands.reference_of(command, whole)
        self.cases.append(case)

    def score(self, kind):
        """Folder with results and labels, for postprocess."""
        state = self.finished(f"infer {kind}")
        shutil.copy(self.world / "prep/labels.npy", state / "labels.npy")
        argv = ["postprocess", "--infer_result_dir", "{out}/result/run", "--labels", "{out}/labels.npy"]
        patterns = ["labels.npy", "result/run/*", "result/*.json"]
        case = Case(f"postprocess {kind}", state, patterns, argv, commands.Command("postprocess", argv))
        done = commands.run(self.smlp, case.command.argv(self.world, state))
        assert done.returncode == 0, done.stderr
        case.line = done.stdout.splitlines()[0]
        self.cases.append(case)

    def one(self, case, file, length):
        out = Path(tempfile.mkdtemp(prefix="cut-", dir=self.scratch))
        what = f"{case.name}: {file} cut to {length} bytes"
        try:
            shutil.copytree(case.state, out, dirs_exist_ok=True)
            with open(out / file, "r+b") as stream:
                stream.truncate(length)
            done = commands.run(self.smlp, [w.format(world=self.world, out=out) for w in case.argv], timeout=30)
            found = [commands.complaint(done)]
            if done.returncode == 0 and case.line and done.stdout.splitlines()[:1] != [case.line]:
                found.append(f"gives {done.stdout.splitlines()[:1]}, not {case.line}")
            if done.returncode == 0 and case.reference:
                found += commands.wrong_files(case.command, out, case.reference)
                if commands.reference_of(case.command, out).keys() != case.reference.keys():
                    found.append("ends well with files missing")
        except subprocess.TimeoutExpired:
            found = ["hangs"]
        finally:
            shutil.rmtree(out, ignore_errors=True)
        return [f"{what}: {problem}" for problem in found if problem]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    parser.add_argument("--shim", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    scratch = Path(tempfile.mkdtemp(prefix="smlp-cut-"))
    try:
        test = Test(options.smlp, options.shim, scratch)
        todo = [(case, file, n) for case in test.cases for file in case.files for n in lengths(case.state / file)]
        outcomes = commands.in_time(todo, deadline, test.one)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report_outcomes(outcomes, "cuts")


if __name__ == "__main__":
    sys.exit(main())
