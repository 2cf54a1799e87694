#!/usr/bin/env python3
"""Runs smlp under LoadGen, briefly: each scenario once, and accuracy against smlp evaluate.

    python3 tests/loadgen/loadgen_test.py --build build/release

The 5 seconds of Offline show that all goes its way; they are no measurement, and the program has to say so. Exit 77: LoadGen
cannot be fetched, or there is no Pillow to make pictures with.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ["n01440764", "n02102040", "n02979186", "n03000684", "n03028079", "n03394916", "n03417042", "n03425413", "n03445777",
           "n03888257"]
SKIPPED = 77


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def make_pictures(folder):
    """Six pictures a class of the bundled model; whether it knows them does not matter here."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(1)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for i in range(6):
            small = random.integers(0, 256, (9, 9, 3), dtype=numpy.uint8)
            Image.fromarray(small).resize((150 + 10 * i, 140), Image.Resampling.BICUBIC).save(folder / name / f"{i}.jpg")


def loadgen(options, data, *arguments):
    command = [sys.executable, "-m", "loadgen", data, "--build", options.build, "--json", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "tools")})
    if done.returncode == SKIPPED:
        print(done.stdout, end="")
        sys.exit(SKIPPED)
    check(done.returncode == 0, f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    options = parser.parse_args()
    missing = [name for name in ("numpy", "PIL") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"SKIPPED: no {' and '.join(missing)} to make pictures with")
        return SKIPPED
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        make_pictures(data)
        for scenario, more in [("SingleStream", []), ("Offline", []), ("Server", ["--encoded"]), ("SingleStream", ["--encoded"])]:
            report = loadgen(options, data, "--scenario", scenario, "--accuracy", *more)
            check((report["verdict"], report["answered"]) == ("equal", 60), f"accuracy: {report}")
        for scenario, seconds, more in [("Offline", 5, ["--samples", "100"]), ("SingleStream", 3, []),
                                        ("Server", 3, ["--latency-ms", "1000", "--rate", "20"])]:
            report = loadgen(options, data, "--scenario", scenario, "--seconds", seconds, *more)
            check(report["verdict"].startswith("not valid"), f"a short run is not labelled: {report}")
            check(report["pictures_per_second"] > 0 and "LoadGen" in report["measured_with"], f"{report}")
            summary = (Path(report["logs"]) / "mlperf_log_summary.txt").read_text()
            check(f"Scenario : {scenario}" in " ".join(summary.split()), f"{summary}")
            print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
