#!/usr/bin/env python3
"""Resumes interrupted runs with one thing changed at a time: what would mix two kinds of results is refused and loses
nothing; what changes no result is accepted and ends with the files of a run that nobody interrupted.

    resume_matrix_test.py --smlp BIN --shim LIBRARY

Besides the changes that a user can make, every field of the recorded identity is changed in the record itself, so that a
field that is written but never compared is found.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import commands

FIXTURES = commands.SOURCE / "tests/formats"
RECORD, JOURNAL = ".smlp-run.jsonl", ".smlp-preprocess.jsonl"


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Test:
    def __init__(self, smlp, shim, scratch):
        self.smlp, self.scratch, self.world = smlp, scratch, scratch / "world"
        self.shim = {"LD_PRELOAD": str(shim), "SMLP_SHIM_UNDER": str(scratch)}
        self.problems, self.refusals, self.successes = [], 0, 0
        commands.make_world(smlp, self.world)
        self.many = self.world / "many"  # pictures as inputs: preprocessing is a part of their results
        self.many.mkdir()
        for i, name in enumerate(("420.jpg", "444-progressive.jpg", "rgb8-plain.png")):
            shutil.copy(commands.SOURCE / "tests/image/fixtures" / name, self.many / f"{i}-{name}")

    def interrupt(self, argv, out):
        """The run of `argv` as a failing disk leaves it: begun, recorded and not finished."""
        fail = dict(self.shim, SMLP_SHIM_FAIL="rename:3:5")
        done = commands.run(self.smlp, [w.format(world=self.world, out=out) for w in argv], env=fail)
        if done.returncode != 1:
            raise SystemExit(f"not interrupted: {argv}: {done.stderr.decode()}")

    def state(self, argv):
        """(an interrupted run, the files of a whole one)"""
        whole, broken = (Path(tempfile.mkdtemp(prefix=p, dir=self.scratch)) for p in ("whole-", "broken-"))
        done = commands.run(self.smlp, [w.format(world=self.world, out=whole) for w in argv])
        if done.returncode != 0:
            raise SystemExit(f"{argv}: {done.stderr.decode()}")
        self.interrupt(argv, broken)
        return broken, whole

    def copy_of(self, state):
        out = Path(tempfile.mkdtemp(prefix="out-", dir=self.scratch))
        shutil.copytree(state, out, dirs_exist_ok=True)
        return out

    def refused(self, what, state, argv, prepare=None, says=()):
        """Exit 1 with one line that has a word of `says`, and every file as it was."""
        self.refusals += 1
        out = self.copy_of(state)
        if prepare:
            prepare(out)
        before = tree(out)
        done = commands.run(self.smlp, [w.format(world=self.world, out=out) for w in argv])
        text = done.stderr.decode()
        if done.returncode != 1 or commands.complaint(done):
            self.problems.append(f"{what}: exit {done.returncode}: {text[:400]}")
        elif says and not any(word in text for word in says):
            self.problems.append(f"{what}: the message names none of {says}: {text[:400]}")
        if tree(out) != before:
            changed = sorted(k for k in before.keys() | tree(out).keys() if before.get(k) != tree(out).get(k))
            self.problems.append(f"{what}: refused, and changed {changed}")

    def accepted(self, what, state, argv, whole, patterns):
        self.successes += 1
        out = self.copy_of(state)
        done = commands.run(self.smlp, [w.format(world=self.world, out=out) for w in argv])
        files = lambda root: {str(p.relative_to(root)): p.read_bytes() for g in patterns for p in root.glob(g)}
        if done.returncode != 0 or commands.complaint(done):
            self.problems.append(f"{what}: exit {done.returncode}: {done.stderr.decode()[:400]}")
        elif files(out) != files(whole) or not files(whole):
            self.problems.append(f"{what}: other files than those of a run without interruption")

    def infer(self, packed):
        results = ("result/run/packed_0.npy", "result/run/packed_names.tsv") if packed else ("result/run/*_0.npy",)
        base = ["infer", "--model", "{world}/net.onnx", "--output", "{out}/result", "--output_dirname", "run"]
        few = ["--batchsize", "1", "--threads", "1"] + (["--packed"] if packed else [])
        argv = base + ["--input", "{world}/many"] + few
        if packed:  # renames are fewer there: the record, then the list of names
            state, whole = self.packed_state(argv)
        else:
            state, whole = self.state(argv)
        resume = argv + ["--resume"]
        self.accepted(f"infer, packed {packed}", state, resume, whole, results)
        for option in (["--threads", "2"], ["--warmup", "0"], ["--mode", "latency"], ["--no-pin"]):
            changed = [w for w in resume if w not in ("--threads", "1")] if option[0] == "--threads" else resume
            if option[0] == "--threads":
                changed = base + ["--input", "{world}/many", "--batchsize", "1", *option, "--resume"] + (["--packed"] if packed else [])
            self.accepted(f"infer {option}", state, changed + (option if option[0] != "--threads" else []), whole, results)
        for option, says in (
            (["--precision", "bf16"], ["precision"]), (["--isa", "reference"], ["instruction set"]),
            (["--interpolation", "nearest"], ["preprocessing"]), (["--mean", "0.5,0.5,0.5"], ["preprocessing"]),
            (["--std", "0.5,0.5,0.5"], ["preprocessing"]), (["--crop-pct", "0.5"], ["preprocessing"]),
            (["--format", "BIN"], ["format"]), (["--format", "TXT"], ["format"]),
        ):
            if packed and option[0] == "--format":
                continue  # refused as words that contradict each other
            self.refused(f"infer, packed {packed}, {option}", state, resume + option, says=says)
        toggled = [w for w in resume if w != "--packed"] if packed else resume + ["--packed"]
        self.refused(f"infer, packed {not packed}", state, toggled, says=["pack"])
        self.inputs(packed, state, resume)
        self.models(packed, state, resume)
        record = f"result/run/{RECORD}"
        header = json.loads((state / record).read_bytes().split(b"\n")[0])
        for field in header["identity"]:
            self.refused(f"infer, packed {packed}, {field} changed in the record", state, resume, self.tamper(record, ["identity"], field))
        self.refused("another version of the record", state, resume, self.tamper(record, [], "smlp_run"))

    def packed_state(self, argv):
        whole, broken = (Path(tempfile.mkdtemp(prefix=p, dir=self.scratch)) for p in ("whole-", "broken-"))
        done = commands.run(self.smlp, [w.format(world=self.world, out=whole) for w in argv])
        assert done.returncode == 0, done.stderr
        fail = dict(self.shim, SMLP_SHIM_FAIL="rename:2:5")
        done = commands.run(self.smlp, [w.format(world=self.world, out=broken) for w in argv], env=fail)
        assert done.returncode == 1, "not interrupted"
        return broken, whole

    def inputs(self, packed, state, resume):
        folder = self.world / "many"
        first = sorted(folder.iterdir())[0]
        content = first.read_bytes()
        other = (commands.SOURCE / "tests/image/fixtures/17x9.jpg").read_bytes()
        first.write_bytes(other)
        self.refused(f"infer, packed {packed}, an input changed", state, resume, says=["input"])
        first.write_bytes(content)
        (folder / "9-new.jpg").write_bytes(other)
        self.refused(f"infer, packed {packed}, an input more", state, resume, says=["input"])
        (folder / "9-new.jpg").unlink()
        first.unlink()
        self.refused(f"infer, packed {packed}, an input fewer", state, resume, says=["input"])
        first.write_bytes(content)
        renamed = first.with_name("0-other.jpg")
        first.rename(renamed)
        self.refused(f"infer, packed {packed}, an input renamed", state, resume, says=["input"])
        renamed.rename(first)

    def models(self, packed, state, resume):
        """The same network with one byte of a weight changed, and one with another number of classes."""
        model = self.world / "net.onnx"
        whole = model.read_bytes()
        other = bytearray(whole)
        at = next(i for i in range(len(whole) // 2, len(whole) - 8) if whole[i + 3] in (0x3C, 0xBC, 0x3D, 0xBD))
        other[at] ^= 1
        model.write_bytes(other)
        self.refused(f"infer, packed {packed}, another model", state, resume, says=["model", "is not", "damaged"])
        shutil.copy(FIXTURES / "onnx/script_17_nchw_inputs.onnx", model)
        self.refused(f"infer, packed {packed}, another network", state, resume, says=["model", "classes"])
        model.write_bytes(whole)

    @staticmethod
    def tamper(record, path, field):
        """Changes one field of a record's first line, of whatever type it is."""

        def change(out):
            first, _, rest = (out / record).read_bytes().partition(b"\n")
            header = json.loads(first)
            place = header
            for key in path:
                place = place[key]
            value = place[field]
            if isinstance(value, list):
                place[field] = [value[0] + 0.25, *value[1:]]
            elif field == "interpolation":
                place[field] = "nearest"
            elif isinstance(value, bool):
                place[field] = not value
            else:
                place[field] = value + 1 if isinstance(value, int) else "0" * 64 if len(value) == 64 else value + "x"
            (out / record).write_bytes(json.dumps(header, separators=(",", ":")).encode() + b"\n" + rest)

        return change

    def preprocess(self):
        argv = ["preprocess", "--model", "{world}/net.onnx", "--data_root", "{world}/pictures", "--save_dir", "{out}/prep/bins"]
        resume = argv + ["--batch_size", "2", "--threads", "1"]
        state, whole = self.state(resume)
        results = ("prep/bins/batch-*.bin", "prep/labels.npy", "prep/manifest.jsonl")
        self.accepted("preprocess", state, resume, whole, results)
        self.accepted("preprocess with two threads", state, argv + ["--batch_size", "2", "--threads", "2"], whole, results)
        self.refused("preprocess --batch_size 3", state, argv + ["--batch_size", "3"])
        for option in (["--interpolation", "nearest"], ["--mean", "0.5,0.5,0.5"], ["--std", "0.5,0.5,0.5"], ["--crop-pct", "0.5"]):
            self.refused(f"preprocess {option}", state, resume + option)
        new = self.world / "pictures/a/new.jpg"
        shutil.copy(commands.SOURCE / "tests/image/fixtures/420.jpg", new)
        self.refused("preprocess with a picture more", state, resume)
        new.unlink()
        header = json.loads((state / f"prep/bins/{JOURNAL}").read_bytes().split(b"\n")[0])
        for field in header.keys() - {"provenance"}:  # tells where the bins come from; nothing depends on it
            self.refused(f"preprocess, {field} changed in the journal", state, resume, self.tamper(f"prep/bins/{JOURNAL}", [], field))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    parser.add_argument("--shim", type=Path, required=True)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="smlp-resume-"))
    try:
        test = Test(options.smlp, options.shim, scratch)
        test.infer(packed=False)
        test.infer(packed=True)
        test.preprocess()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report(test.problems, f"{test.refusals} changes that are refused, {test.successes} that are not")


if __name__ == "__main__":
    sys.exit(main())
