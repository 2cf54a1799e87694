"""`python -m peers.python_calls`, run in the environment of ./dev peers: what Python adds to a call.

- `import smlp`, `import onnxruntime` and `import openvino`, each in fresh processes, numpy counted where it is imported.
- session.predict() of one small JPEG's bytes against Session::classify() of C++, in turns, one thread each.
- session.logits() of eight pictures in a numpy array against Session::run() of C++, in turns.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .process import Worker

ROOT = Path(__file__).resolve().parents[2]
IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def import_times(rounds):
    """Median milliseconds of each package that is installed."""
    found = {}
    for name in ("smlp", "numpy", "onnxruntime", "openvino"):
        times = []
        for _ in range(rounds + 1):
            done = subprocess.run([sys.executable, "-c", IMPORT.format(name)], capture_output=True, text=True)
            if done.returncode != 0:
                break
            times.append(1000 * float(done.stdout))
        if len(times) > 1:
            found[name] = statistics.median(times[1:])  # the first reads the files
    return found


def small_jpeg():
    """160 x 120 pixels of smooth shapes, as photographs have."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(1)
    small = random.integers(0, 256, (9, 12, 3), dtype=numpy.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def median_call(call, seconds):
    """Microseconds."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def in_turns(theirs, ours, rounds):
    """Of both, the median call of the least disturbed round; and the median of what the rounds differ by. Each begins every
    other round, so that a machine that slows down favours neither."""
    pairs = []
    for turn in range(rounds + 1):
        if turn % 2:
            of_ours = ours()
            pairs.append((theirs(), of_ours))
        else:
            pairs.append((theirs(), ours()))
    pairs = pairs[1:]
    differences = [b - a for a, b in pairs]
    return min(a for a, _ in pairs), min(b for _, b in pairs), statistics.median(differences)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "models" / "smlp_imagenette.safetensors"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one side in one round")
    parser.add_argument("--only", choices=("small_jpeg", "batch_8"), help="one of the two calls")
    parser.add_argument("--threads", type=int, help="for the batch (all)")
    parser.add_argument("--no-imports", action="store_true", help="leave the times of import out")
    options = parser.parse_args()
    import numpy

    import smlp

    report = {} if options.no_imports else {"import_ms": import_times(options.rounds)}
    model = smlp.Model.load(options.model)
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        jpeg, pictures = Path(folder) / "small.jpg", Path(folder) / "pictures.bin"
        jpeg.write_bytes(small_jpeg())
        batch = numpy.random.default_rng(1).normal(size=(8, model.in_channels, model.image_size, model.image_size)).astype(numpy.float32)
        batch.tofile(pictures)
        for what, of_session in [("small_jpeg_us", 1), ("batch_8_us", options.threads or threads)]:
            if options.only and options.only not in what:
                continue
            session = smlp.Session(model, threads=of_session)
            command = [ROOT / "build/release/bin/smlp_peers_ours", options.model, pictures, of_session]
            with Worker("smlp", command, os.sched_getaffinity(0), Path(folder) / "log", {}) as worker:
                worker.ask("prepare 8", 60)
                if what == "small_jpeg_us":
                    data = jpeg.read_bytes()
                    cpp = lambda: worker.ask(f"classify {jpeg} {options.seconds}", 60)["median_us"]  # noqa: E731,B023
                    python = lambda: median_call(lambda: session.predict(data, top=5), options.seconds)  # noqa: E731,B023
                else:
                    cpp = lambda: worker.ask(f"time {options.seconds}", 60)["median_us"]  # noqa: E731,B023
                    python = lambda: median_call(lambda: session.logits(batch), options.seconds)  # noqa: E731,B023
                of_cpp, of_python, paired = in_turns(cpp, python, options.rounds)
            report[what] = {"cpp": of_cpp, "python": of_python, "difference": of_python - of_cpp, "ratio": of_python / of_cpp,
                            "paired_difference": paired}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
