#!/usr/bin/env python3
"""Kills commands at random moments with SIGKILL, resumes them, and compares the bytes with those of an undisturbed run.

    python3 tests/failures/kill_test.py --smlp build/release/bin/smlp [--kills 50] [--seed 1]

Each command is killed until --kills of them have met it alive, over as many runs as that takes; after every run that
came to its end the files are compared.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from commands import NETWORK, PICTURES, SOURCE

PICTURES_PER_CLASS = 60


def make_world(world):
    """Three classes of small pictures, a broken one among them, and their bins."""
    for label, folder in enumerate("abc"):
        (world / "pictures" / folder).mkdir(parents=True)
        for i in range(PICTURES_PER_CLASS):
            name = PICTURES[(label + i) % len(PICTURES)]
            shutil.copy(SOURCE / "tests/image/fixtures" / name, world / "pictures" / folder / f"{folder}{i}-{name}")
    whole = (SOURCE / "tests/image/fixtures/rgb.jpg").read_bytes()
    (world / "pictures" / "b" / "b7-broken.jpg").write_bytes(whole[: len(whole) // 2])


def evaluate(world, out):
    return ["evaluate", world / "pictures", "--model", NETWORK, "--threads", "1", "--batch", "2", "--json",
            "--predictions", out / "p.jsonl", "--confusion", out / "c.csv", "--resume"]


def preprocess(world, out):
    return ["preprocess", world / "pictures", out / "prep" / "bins", "--model", NETWORK, "--batch", "3", "--threads", "1"]


def infer(*options):
    def arguments(world, out):
        return ["infer", "--model", NETWORK, "--input", world / "pictures", "--output", out, "--output_dirname", "run",
                "--batch", "4", "--threads", "1", "--resume", *options]
    return arguments


COMMANDS = {
    "evaluate": (evaluate, ["p.jsonl", "c.csv"]),
    "preprocess": (preprocess, ["prep/bins/batch-*.bin", "prep/labels.npy", "prep/manifest.jsonl"]),
    "infer": (infer(), ["run/*_0.npy", "run/.smlp-inputs.jsonl"]),
    "infer packed": (infer("--packed"), ["run/packed_0.npy", "run/packed_names.tsv"]),
}


def contents(out, patterns):
    return {str(p.relative_to(out)): p.read_bytes() for pattern in patterns for p in out.glob(pattern)}


def counts(stdout):
    """What an evaluation says, without its times."""
    if not stdout.startswith(b"{"):
        return None
    report = json.loads(stdout)
    return {k: v for k, v in report.items() if k not in ("seconds", "images_per_second", "latency_ms", "resumed")}


def leftovers(out):
    return [p for p in out.rglob("*") if p.name.endswith(".smlp-tmp")]


def torment(smlp, name, world, scratch, kills, rng):
    """What is wrong, as text; empty where nothing is."""
    arguments, patterns = COMMANDS[name]

    def start(out):
        return subprocess.Popen([smlp, *map(str, arguments(world, out))], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    reference_out = scratch / "reference"
    reference_out.mkdir()
    began = time.monotonic()
    process = start(reference_out)
    reference_stdout = process.communicate()[0]
    duration = time.monotonic() - began
    status, reference = process.returncode, contents(reference_out, patterns)
    if status != 1 or not reference:  # one picture is broken
        return f"the undisturbed run exits with {status} and writes {len(reference)} files"

    met = finished = attempts = 0
    while met < kills:
        out = scratch / f"run{finished}"
        out.mkdir()
        while True:
            attempts += 1
            if attempts > 40 * kills + 40:
                return f"only {met} of {kills} kills met a living process"
            process = start(out)
            try:
                stdout = process.communicate(timeout=rng.uniform(0, 1.2 * duration) if met < kills else None)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                met += 1
                continue
            if process.returncode != status:
                return f"exit {process.returncode} after {met} kills"
            break
        finished += 1
        got = contents(out, patterns)
        wrong = sorted(k for k in reference.keys() | got.keys() if reference.get(k) != got.get(k))
        if wrong:
            return f"other bytes after {met} kills: {wrong[:3]}"
        if counts(stdout) != counts(reference_stdout):
            return f"other counts after {met} kills"
        if leftovers(out):
            return f"left behind: {leftovers(out)[:3]}"
        shutil.rmtree(out)
    print(f"{name}: {met} kills over {finished} runs, the same bytes each time ({len(reference)} files)")
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        world = Path(directory) / "world"
        make_world(world)
        for name in COMMANDS:
            scratch = Path(directory) / name.replace(" ", "-")
            scratch.mkdir()
            wrong = torment(options.smlp, name, world, scratch, options.kills, rng)
            if wrong:
                failed = True
                print(f"{name}: {wrong} (seed {options.seed})")
    return failed


if __name__ == "__main__":
    sys.exit(main())
