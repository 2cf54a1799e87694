#!/usr/bin/env python3
"""Puts another run's folder in the place of a run's own, right before each call that opens, renames or deletes a file.

    swaps_at_calls_test.py --smlp BIN --shim LIBRARY

The shim stops the program right before the call, once it has locked its folder. The folder is renamed, and a link to the
folder of another run takes its place. Then the program goes on: it may end well or with an error, but not one byte of the
other run has changed, nothing has come and nothing has gone.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import commands
from commands import NETWORK, PICTURES, SOURCE

CALLS = ("open", "rename", "unlink")


def make_world(world):
    for label, folder in enumerate("abc"):
        (world / "pictures" / folder).mkdir(parents=True)
        for name in PICTURES[2 * label:2 * label + 2]:
            shutil.copy(SOURCE / "tests/image/fixtures" / name, world / "pictures" / folder)


def preprocess(*options, batch="2"):
    return lambda world, out: ["preprocess", world / "pictures", out / "prep/bins", "--model", NETWORK, "--batch", batch,
                               "--threads", "1", *options]


def infer(*options):
    return lambda world, out: ["infer", "--model", NETWORK, "--input", world / "pictures", "--output", out,
                               "--output_dirname", "run", "--threads", "1", *options]


# The command, its folder, and what has run there before. The other run is the same with other settings.
CASES = {
    "preprocess": (preprocess(), "prep/bins", None),
    "preprocess again": (preprocess("--force"), "prep/bins", preprocess()),
    "infer": (infer(), "run", None),
    "infer again": (infer("--force"), "run", infer()),
    "infer packed": (infer("--packed"), "run", None),
    "infer packed again": (infer("--packed", "--force"), "run", infer("--packed")),
}


def tree_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Test:
    def __init__(self, smlp, shim, scratch):
        self.smlp, self.shim, self.scratch, self.problems, self.swaps = smlp, shim, scratch, [], 0
        self.world = scratch / "world"
        make_world(self.world)

    def shimmed(self, out, **more):
        return dict(os.environ, LD_PRELOAD=str(self.shim), SMLP_SHIM_UNDER=str(out), **more)

    def prepared(self, before, name):
        """A new folder for results; `before` has run there."""
        out = self.scratch / name.replace(" ", "-")
        out.mkdir()
        if before is not None:
            self.finished(before, out)
        return out

    def finished(self, command, out, env=None):
        result = commands.run(self.smlp, command(self.world, out), env=env)
        if result.returncode != 0:
            raise RuntimeError(result.stderr.decode())

    def calls_after_lock(self, command, folder, before, name):
        """(call, its number) of every call that opens, renames or deletes below the folder of results, once it is held."""
        out, log = self.prepared(before, f"{name} counted"), self.scratch / f"{name}.log".replace(" ", "-")
        self.finished(command, out, self.shimmed(out, SMLP_SHIM_LOG=str(log)))
        lines = [line.split("\t")[:2] for line in log.read_text().splitlines()]
        held = max(i for i, (call, path) in enumerate(lines) if call == "flock" and Path(path) in
                   (out / folder, (out / folder).parent))
        numbers = dict.fromkeys(CALLS, 0)
        for i, (call, _) in enumerate(lines):
            if call in numbers:
                numbers[call] += 1
                if i > held:
                    yield call, numbers[call]

    def swap_at(self, command, folder, before, other, name, call, number):
        what = f"{name}, {call} {number}"
        out = self.prepared(before, f"{name} {call} {number}")
        process = subprocess.Popen([str(word) for word in [self.smlp, *command(self.world, out)]], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=self.shimmed(out, SMLP_SHIM_FAIL=f"{call}:{number}:stop"))
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            self.problems.append(f"{what}: the call did not come")
            return
        os.rename(out / folder, out / "away")
        (out / folder).symlink_to(other)
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=60)
        self.swaps += 1
        if process.returncode not in (0, 1):
            self.problems.append(f"{what}: exit {process.returncode}: {errors.decode(errors='replace')}")
        if tree_of(other) != self.whole:
            self.problems.append(f"{what}: the other run's files have changed: {errors.decode(errors='replace')}")
            shutil.rmtree(other)
            shutil.copytree(self.spare, other)
        shutil.rmtree(out)

    def run(self, deadline):
        for name, (command, folder, before) in CASES.items():
            other_out = self.prepared(preprocess(batch="3") if folder != "run" else infer("--outfmt", "BIN"), f"{name} other")
            other, self.spare = other_out / folder, other_out / "spare"
            shutil.copytree(other, self.spare)
            self.whole = tree_of(other)
            for call, number in self.calls_after_lock(command, folder, before, name):
                if time.monotonic() < deadline:
                    self.swap_at(command, folder, before, other, name, call, number)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    parser.add_argument("--shim", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120, help="begin no more swaps after this time")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="smlp-swaps-"))
    try:
        test = Test(options.smlp.resolve(), options.shim.resolve(), scratch)
        test.run(time.monotonic() + options.seconds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report(test.problems, f"{test.swaps} swaps")


if __name__ == "__main__":
    sys.exit(main())
