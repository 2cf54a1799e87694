#!/usr/bin/env python3
"""Swaps the folders of a run while it writes, and puts files in its way: nothing of anybody else's is touched.

    swapped_folders_test.py --smlp BIN

A run is stopped with SIGSTOP once its first output is there. Meanwhile its folder is renamed and a link to another run's
folder, or an empty folder, takes its place; or files appear where it is going to write. Then it goes on: it ends with an
error that names the place, the other run's files are as they were, and once the folder is back under its name the same
command comes to its end, with the bytes of an undisturbed run.
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
from kill_test import infer, make_world, preprocess

BINS, RUN = Path("prep/bins"), Path("run")


def tree_of(folder):
    """Relative name -> bytes of every file below a folder; journals hold times and are left out."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*"))
            if p.is_file() and not p.name.startswith(".smlp-") and not p.name.endswith("_summary.json")}


class Test:
    def __init__(self, smlp, scratch):
        self.smlp, self.scratch, self.problems, self.runs = smlp, scratch, [], 0
        self.world = scratch / "world"
        make_world(self.world)

    def undisturbed(self, arguments, name):
        out = self.scratch / name
        out.mkdir()
        commands.run(self.smlp, arguments(self.world, out))
        return out

    def disturbed(self, what, arguments, out, begun, disturb):
        """Runs the command, stops it once a file matches `begun`, disturbs, and lets it go on. What it says, or
        None where it was too fast to be met."""
        out.mkdir(exist_ok=True)
        command = [str(word) for word in [self.smlp, *arguments(self.world, out)]]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and not any(out.glob(begun)):
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        met = process.poll() is None and not self.is_over(out)
        if met:
            disturb()
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=60)
        self.runs += 1
        if not met:
            return None
        said = errors.decode(errors="replace")
        if process.returncode != 1:
            self.problems.append(f"{what}: exit {process.returncode}\n{said}")
        return said

    def is_over(self, out):
        return (out / "prep/manifest.jsonl").exists() or any(out.glob("*_summary.json"))

    def met(self, what, arguments, begun, disturb):
        """A run that was alive when disturb(out) was called: its folder and what it said, or nothing."""
        for attempt in range(20):
            out = self.scratch / f"{what} {attempt}".replace(" ", "-").replace("/", "-")
            said = self.disturbed(what, arguments, out, begun, lambda: disturb(out))
            if said is not None:
                return out, said
        self.problems.append(f"{what}: the command is too fast to be met")
        return None, None

    def check_resumed(self, what, arguments, out):
        commands.run(self.smlp, arguments(self.world, out))
        if tree_of(out) != tree_of(self.whole[arguments]):
            self.problems.append(f"{what}: resumed, it does not give the files of an undisturbed run")

    def swap(self, what, arguments, folder, begun, other, put):
        """`put` takes the folder's place while the command runs."""
        before = tree_of(other)

        def disturb(out):
            os.rename(out / folder, out / "away")
            put(out / folder)

        out, said = self.met(what, arguments, begun, disturb)
        if out is None:
            return
        place = out / folder
        if f"{place}: is no longer" not in said:
            self.problems.append(f"{what}: {said} does not name {place}")
        if tree_of(other) != before:
            self.problems.append(f"{what}: the other run's files have changed")
        if place.is_symlink():
            place.unlink()
        else:
            if any(place.iterdir()):
                self.problems.append(f"{what}: {sorted(p.name for p in place.iterdir())} in the new folder")
            shutil.rmtree(place)
        os.rename(out / "away", place)
        self.check_resumed(what, arguments, out)

    def newcomer(self, name):
        """A file appears under a name that preprocess has not reached yet."""
        what = f"newcomer {name}"
        out, said = self.met(what, preprocess, f"{BINS}/batch-*.bin", lambda out: (out / name).write_text("precious"))
        if out is None:
            return
        newcomer = out / name
        if newcomer.read_bytes() != b"precious":
            self.problems.append(f"{name} is replaced")
        if f"{newcomer}: " not in said:
            self.problems.append(f"{what}: {said} does not name it")
        newcomer.unlink()
        self.check_resumed(what, preprocess, out)

    def run(self):
        to_files = infer()
        self.whole = {preprocess: self.undisturbed(preprocess, "whole-prep"), to_files: self.undisturbed(to_files, "whole-infer")}
        for command, folder, begun in ((preprocess, BINS, f"{BINS}/batch-*.bin"), (to_files, RUN, f"{RUN}/*_0.npy")):
            other = self.scratch / f"other-{command.__name__}"
            shutil.copytree(self.whole[command] / folder, other)
            for link, put in (("link", lambda place: place.symlink_to(other)), ("folder", Path.mkdir)):
                self.swap(f"{folder.name} swapped for a {link}", command, folder, begun, other, put)
        last = max(p.name for p in (self.whole[preprocess] / BINS).glob("batch-*.bin"))
        for name in (BINS / last, Path("prep/labels.npy"), Path("prep/manifest.jsonl")):
            self.newcomer(str(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="smlp-swapped-"))
    try:
        test = Test(options.smlp.resolve(), scratch)
        test.run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report(test.problems, f"{test.runs} runs")


if __name__ == "__main__":
    sys.exit(main())
