"""The program and its tests on processors that this machine is not: under qemu-user, beside a native run.

    emulated_test.py --smlp PROGRAM --native PROGRAM --arch x86_64 --cpus Nehalem Haswell [--tests DIR] [--full]

On each processor: which kernels `info` takes; the pictures prepared to the same bytes as natively; the classes and the
logits beside the native ones; an error of one line for kernels that the processor lacks; and the tests of the kernels that
it is given. With --full: the logits of all kernels, and the tests of the engine, the readers and the images as well. The
processors are emulated side by side.

Bounds. The golden tests, which run here too, hold every activation to bounds derived from the arithmetic
(tools/golden/rounding.py). Whole pictures are held to the promise that follows from it: float32 logits are within 1e-4
of the largest of what exact arithmetic gives, so those of two machines are within twice that. A bfloat16 activation is
off by half a unit in its last place, 2^-9 of it, whenever a float32 sum falls on the other side of a tie; a few of them
in a row, as between two tables on one machine (tests/engine/determinism_test.cc), give 8 * 2^-8.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
except ImportError:
    print("SKIPPED: the emulated processors: no NumPy here (Debian: python3-numpy)")
    sys.exit(77)

# The kernels that a processor should be given, of each precision.
PRECISIONS = ("int8", "bf16", "fp32")
EXPECTED = {
    ("x86_64", "core2duo"): ("portable", "portable", "portable"),
    ("x86_64", "qemu64"): ("portable", "portable", "portable"),
    ("x86_64", "Nehalem"): ("sse4", "sse4", "sse4"),
    ("x86_64", "Haswell"): ("avx2", "avx2", "avx2"),
    ("x86_64", "max"): ("avx2", "avx2", "avx2"),
    ("aarch64", "cortex-a53"): ("neon", "neon", "neon"),
    ("aarch64", "neoverse-n1"): ("dotprod", "neon", "neon"),
    ("aarch64", "max"): ("bfdot", "bfdot", "neon"),
}
BOUNDS = {"fp32": 2e-4, "bf16": 8 * 2**-8}
FIXTURES = pathlib.Path(__file__).parents[1] / "image" / "fixtures"
PICTURES = ("17x9.jpg", "420-progressive.jpg", "rgba8-plain.png")
# The tests that run: patterns of names, with {taken} for each of the kernels that the processor is given (the others are
# tested where they are the ones given). The short part has each step with tails of every kind, and leaves out what
# repeats them at more sizes: minutes of emulation would go into the oracles.
SHORT = {
    "kernels_test": [f"*{step}*/{{taken}}" for step in (
        "UnitsGiveTheBits", "NanPicture", "StemOf", "DownsampleOf", "WithTheFastGelu", "FarFromZero", "HeadOf", "GeluOf",
        "Int8")],
}
FULL = {
    "kernels_test": ["*/{taken}", "*Oracle*"],
    "golden_test": ["*-*smlpnet*"],
    "determinism_test": ["*"],
    "fold_test": ["*"],
    "profile_test": ["*/{taken}"],
    "image_test": ["*"],
    "formats_test": ["*-*AnyByteChanged*"],  # many minutes, and the readers have no code of their own for a processor
    "formats_onnx_test": ["*"],
}


class Machine:
    """Runs a program natively, or under an emulator, and keeps what is to be said about it."""

    def __init__(self, name, *prefix):
        self.name, self.prefix, self.lines, self.failures = name, prefix, [], []

    def run(self, *command, check=True, **env):
        done = subprocess.run([*self.prefix, *map(str, command)], capture_output=True, text=True,
                              env={**os.environ, **env}, check=False)
        # What qemu says about features that it does not emulate is no output of the program.
        done.stderr = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("qemu-"))
        if check and done.returncode != 0:
            raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}{done.stdout[-3000:]}")
        return done

    def note(self, line):
        self.lines.append(f"  {line}")

    def expect(self, holds, what):
        if not holds:
            self.failures.append(what)


class Failure(Exception):
    pass


def pictures(folder):
    """A dataset of a few pictures, so that the same files are read by everyone."""
    klass = folder / "pictures" / "n03888257"
    klass.mkdir(parents=True)
    for picture in PICTURES:
        shutil.copy(FIXTURES / picture, klass)
    return folder / "pictures"


def prepare(machine, smlp, data, work):
    """A bin of each picture."""
    machine.run(smlp, "preprocess", "--data_root", data, "--save_dir", work / "bins", "--model", "bundled",
                "--batch_size", "1")
    return {p.name: p.read_bytes() for p in sorted((work / "bins").glob("*.bin"))}


def infer(machine, smlp, inputs, work, precision, isa):
    out = work / f"{precision}-{isa or 'default'}"
    machine.run(smlp, "infer", "--input", inputs, "--output", out, "--output_dirname", "run",
                "--outfmt", "NPY", "--precision", precision, "--threads", "2", "--warmup", "0", *(("--isa", isa) if isa else ()))
    return np.concatenate([np.load(p).reshape(1, -1) for p in sorted((out / "run").glob("*.npy"))])


def classify(machine, smlp, data):
    answers = map(json.loads, machine.run(smlp, "classify", "--json", "--top", "1", data).stdout.splitlines())
    return {a["file"]: a["top"][0]["label"] for a in answers}


def compare(machine, precision, isa, got, want):
    error = np.abs(got - want).max() / np.abs(want).max()
    machine.expect(error <= BOUNDS[precision], f"{precision} {isa}: logits off by {error:.1e} of the largest")
    # Classes may only change places where the bound allows it.
    for row, (a, b) in enumerate(zip(got.argmax(axis=1), want.argmax(axis=1))):
        tied = abs(want[row, a] - want[row, b]) <= 2 * BOUNDS[precision] * np.abs(want).max()
        machine.expect(a == b or (precision == "bf16" and tied), f"{precision} {isa}: another class for picture {row}")
    return error


def check_program(machine, smlp, expected, native, work, full):
    isas = json.loads(machine.run(smlp, "info", "--json").stdout)["isas"]
    for precision, isa in zip(PRECISIONS, expected):
        taken = [c["isa"] for c in isas if c["precision"] == precision and c["taken"]]
        machine.expect(taken == [isa], f"info takes {taken} for {precision}, not {isa}")

    data = native["data"]
    bins = prepare(machine, smlp, data, work)
    machine.expect(bins == native["bins"], "pictures are not prepared to the same bytes")

    some = data if full else next(data.rglob(PICTURES[1]))
    labels = classify(machine, smlp, some)
    machine.expect(labels and labels.items() <= native["labels"].items(), f"classify names other classes: {labels}")

    inputs = work / "bins" if full else work / "bins" / min(bins)
    for c in isas:
        precision, isa = c["precision"], c["isa"]
        if c["usable"]:
            # The reference takes minutes; its steps are tested. The bundled model has no scales for int8.
            if isa == "reference" or precision == "int8" or not (c["taken"] or full):
                continue
            got = infer(machine, smlp, inputs, work, precision, isa)
            error = compare(machine, precision, isa, got, native[precision][:len(got)])
            machine.note(f"{precision} {isa}: logits of {len(got)} within {error:.1e} of the native ones")
        elif precision != "int8":
            done = machine.run(smlp, "classify", "--precision", precision, FIXTURES / "411.jpg", check=False, SMLP_ISA=isa)
            machine.expect(done.returncode == 1 and c["reason"] in done.stderr and done.stderr.count("\n") == 0,
                           f"SMLP_ISA={isa} {precision}: exit {done.returncode}, {done.stderr!r}")


def check_tests(machine, folder, tests, taken):
    for name, patterns in tests.items():
        program = next(folder.rglob(name), None)
        if program is None:
            machine.expect(False, f"no test {name} under {folder}")
            continue
        names = ":".join(dict.fromkeys(p.format(taken=t) for p in patterns for t in taken))
        start = time.monotonic()
        done = machine.run(program, f"--gtest_filter={names}", "--gtest_brief=1", check=False)
        passed = done.returncode == 0 and "[  PASSED  ] 0 tests" not in done.stdout
        machine.expect(passed, f"{name}: exit {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        counted = [line for line in done.stdout.splitlines() if "PASSED" in line]
        machine.note(f"{name}: {' '.join(counted)} ({time.monotonic() - start:.0f} s)")


def run_natively(smlp, data, work):
    machine = Machine("native")
    bins = prepare(machine, smlp, data, work)
    out = {"data": data, "bins": bins}
    out["labels"] = classify(machine, smlp, data)
    for precision in BOUNDS:
        out[precision] = infer(machine, smlp, work / "bins", work, precision, "")
    return out


def check_machine(machine, part, options, native, work):
    """The program or the tests on one processor; what is wrong comes last."""
    start = time.monotonic()
    expected = EXPECTED[options.arch, machine.name]
    try:
        if part == "program":
            work.mkdir()
            check_program(machine, options.smlp, expected, native, work, options.full)
        else:
            taken = [isa if p == "fp32" else f"{isa}_{p}" for p, isa in zip(PRECISIONS, expected)]
            check_tests(machine, options.tests, FULL if options.full else SHORT, taken)
    except Failure as failure:
        machine.failures.append(str(failure))
    lines = [f"{options.arch} {machine.name}: {part} ({time.monotonic() - start:.0f} s)", *machine.lines]
    print("\n".join(lines + [f"  FAILED: {failure}" for failure in machine.failures]), flush=True)
    return not machine.failures


class ListTests(argparse.Action):
    def __call__(self, *_):
        print("\n".join(FULL))
        sys.exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smlp", type=pathlib.Path, required=True, help="the program to emulate")
    parser.add_argument("--native", type=pathlib.Path, required=True, help="the program for this machine")
    parser.add_argument("--arch", default="x86_64", help="of qemu: x86_64, aarch64")
    parser.add_argument("--cpus", nargs="+", required=True, help="as `qemu-ARCH -cpu help` lists them")
    parser.add_argument("--sysroot", help="where the emulated program finds its libraries")
    parser.add_argument("--tests", type=pathlib.Path, help="where the test programs are")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--list-tests", action=ListTests, nargs=0, help="print the names of the tests that --full runs")
    options = parser.parse_args()
    qemu = shutil.which(f"qemu-{options.arch}")
    if qemu is None:
        print(f"SKIPPED: no qemu-{options.arch} here (Debian: qemu-user)")
        sys.exit(77)

    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        data = pictures(work)
        (work / "native").mkdir()
        native = run_natively(options.native, data, work / "native")
        sysroot = ("-L", options.sysroot) if options.sysroot else ()
        parts = ("program", "tests") if options.tests else ("program",)
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            jobs = [pool.submit(check_machine, Machine(cpu, qemu, "-cpu", cpu, *sysroot), part, options, native, work / cpu)
                    for cpu in options.cpus for part in parts]
            passed = [job.result() for job in jobs]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
