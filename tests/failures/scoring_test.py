#!/usr/bin/env python3
"""Scores made-up results with `smlp postprocess` and with NumPy: ties, infinities, NaN, missing pictures and files.

    scoring_test.py --smlp BIN

The oracle: NumPy's stable sort of a picture's logits; a picture whose logits are not all finite is wrong; Wilson's interval
with z = 1.959964.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import commands

try:
    import numpy as np
except ImportError:
    print("SKIPPED: no NumPy (Debian's python3-numpy)")
    sys.exit(77)

Z = 1.959963984540054
NOTHING = -1  # fills the last row of labels
VALUES = {
    "ties": [0.0, -0.0, 1.0, 1.0, 2.0],
    "infinities": [0.0, 1.0, 2.0, 3.0, np.inf, -np.inf],
    "NaN": [0.0, 1.0, 2.0, 3.0, np.nan],
    "one bit apart": [1.0, np.nextafter(np.float32(1), np.float32(2)), np.nextafter(np.float32(1), np.float32(0))],
    "negative": [-1.0, -2.0, -3.0, -1e-40, -3e38],
}


def wilson(right, count):
    share, square = right / count, Z * Z / count
    centre = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * np.sqrt(share * (1 - share) / count + square / (4 * count))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def oracle(logits, labels):
    """(right at 1, right at 5, pictures that are not finite)"""
    right1 = right5 = strange = 0
    for row, label in zip(logits, labels):
        if not np.all(np.isfinite(row)):
            strange += 1
            continue
        rank = int(np.argsort(-row.astype(np.float64), kind="stable").tolist().index(label))
        right1 += rank == 0
        right5 += rank < 5
    return right1, right5, strange


def write_results(folder, kind, logits, batch):
    for i in range(0, len(logits), batch):
        rows, stem = logits[i : i + batch].astype("<f4"), folder / f"batch-{i // batch:05d}_0"
        if kind == "NPY":
            np.save(f"{stem}.npy", rows)
        elif kind == "BIN":
            rows.tofile(f"{stem}.bin")
        else:
            np.savetxt(f"{stem}.txt", rows, fmt="%.9g")


def write_labels(path, labels, batch):
    bins = -(-len(labels) // batch)
    table = np.full(bins * batch, NOTHING, np.int64)
    table[: len(labels)] = labels
    np.save(path, table.reshape(bins, batch))


class Test:
    def __init__(self, smlp, scratch):
        self.smlp, self.scratch, self.problems, self.runs = smlp, scratch, [], 0

    def score(self, folder, labels, *more):
        self.runs += 1
        return commands.run(self.smlp, ["postprocess", "--results", str(folder), "--labels", str(labels), *more])

    def expect(self, what, ok, done):
        if not ok:
            self.problems.append(f"{what}: exit {done.returncode}, {(done.stdout + done.stderr).decode()[:400]}")

    def refused(self, what, folder, labels, *more):
        done = self.score(folder, labels, *more)
        self.expect(f"{what} is refused", done.returncode == 1 and not commands.complaint(done), done)

    def compare(self, what, done, logits, labels):
        right1, right5, strange = oracle(logits, labels)
        count, text = len(labels), done.stdout.decode()
        found = re.search(r"^acc@1:([\d.]+), acc@5:([\d.]+)$", text, re.M)
        self.expect(what, done.returncode == 0 and found, done)
        if not found:
            return
        wanted = (f"{right1 / count:.4f}", f"{right5 / count:.4f}")
        self.expect(f"{what}: NumPy has {wanted}", found.groups() == wanted, done)
        low, high = wilson(right1, count)
        interval = re.search(r"acc@1 ([\d.]+) to ([\d.]+)", text)
        self.expect(f"{what}: interval {low:.4f} to {high:.4f}",
                    interval and interval.groups() == (f"{low:.4f}", f"{high:.4f}"), done)
        self.expect(f"{what}: pictures", f"{count} picture" in text, done)
        said = re.search(r"(\d+) of (\d+) pictures? ha\w+ logits that are no finite numbers", done.stderr.decode())
        said = tuple(map(int, said.groups())) if said else (0, count)
        self.expect(f"{what}: says that {strange} are not finite", said == (strange, count), done)

    def values(self):
        rng = np.random.default_rng(5)
        for kind in ("NPY", "BIN", "TXT"):
            for classes in (2, 5, 6, 11):
                for name, values in VALUES.items():
                    count, batch = int(rng.integers(1, 40)), int(rng.integers(1, 9))
                    logits = rng.choice(np.array(values, np.float32), (count, classes))
                    labels = rng.integers(0, classes, count)
                    folder = Path(tempfile.mkdtemp(prefix="results-", dir=self.scratch))
                    write_results(folder, kind, logits, batch)
                    write_labels(folder / "labels.npy", labels, batch)
                    what = f"{kind}, {classes} classes, {name}"
                    self.compare(what, self.score(folder, folder / "labels.npy"), logits, labels)
                    first = max(1, count // 2)
                    done = self.score(folder, folder / "labels.npy", "--limit", str(first))
                    self.compare(f"{what}, the first {first}", done, logits[:first], labels[:first])

    def missing(self):
        """Results and labels that do not belong to each other are never scored in part."""
        rng = np.random.default_rng(6)
        logits, labels = rng.standard_normal((10, 7)).astype(np.float32), rng.integers(0, 7, 10)
        folder = self.scratch / "missing"
        folder.mkdir()
        write_results(folder, "NPY", logits, 4)
        write_labels(folder / "labels.npy", labels, 4)
        self.compare("whole", self.score(folder, folder / "labels.npy"), logits, labels)
        write_labels(folder / "more.npy", np.append(labels, 1), 4)
        self.refused("a label more than pictures", folder, folder / "more.npy")
        write_labels(folder / "fewer.npy", labels[:-1], 4)
        self.refused("a label fewer than pictures", folder, folder / "fewer.npy")
        write_labels(folder / "beyond.npy", np.append(labels[:-1], 7), 4)
        self.refused("a label beyond the classes", folder, folder / "beyond.npy")
        write_labels(folder / "negative.npy", np.append([NOTHING], labels[1:]), 4)
        self.refused("a negative label before the end", folder, folder / "negative.npy")
        np.save(folder / "floats.npy", labels.astype("f4") + 0.5)
        self.refused("labels with fractions", folder, folder / "floats.npy")
        short = self.scratch / "short"
        shutil.copytree(folder, short)
        (short / "batch-00002_0.npy").unlink()
        done = self.score(short, short / "labels.npy")
        self.compare("without the last", done, logits[:8], labels[:8])
        self.expect("without the last: it is said", b"knows 10: the run is not complete" in done.stderr, done)
        for name in ("batch-00000_0.npy", "batch-00001_0.npy"):
            other = self.scratch / f"without {name}"
            shutil.copytree(folder, other)
            (other / name).unlink()
            self.refused(f"without {name}", other, folder / "labels.npy")
        np.save(folder / "batch-00001_0.npy", logits[4:8, :6])
        self.refused("results of another number of classes", folder, folder / "labels.npy")
        np.save(folder / "batch-00001_0.npy", logits[4:7])
        self.refused("a picture missing in the middle", folder, folder / "labels.npy")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="smlp-scoring-"))
    try:
        test = Test(options.smlp, scratch)
        test.values()
        test.missing()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report(test.problems, f"{test.runs} runs")


if __name__ == "__main__":
    sys.exit(main())
