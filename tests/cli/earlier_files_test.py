#!/usr/bin/env python3
"""Files that earlier versions left: what has to stay readable is read, the rest refused in a line that names it.

    earlier_files_test.py --smlp BIN

A field that an earlier version did not write yet is taken out of a file of today; a version to come is written into it.
"""

import argparse
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
FIXTURES = SOURCE / "tests/image/fixtures"
MODEL = SOURCE / "models/smlp_imagenette.safetensors"
PICTURES = {"n01440764": ("420.jpg", "rgb.jpg"), "n03888257": ("422.jpg", "444.jpg")}


def header_of(path):
    """The first line of a file of lines, and the others."""
    first, _, rest = path.read_bytes().partition(b"\n")
    return json.loads(first), rest


def write_header(path, header, rest):
    path.write_bytes(json.dumps(header, separators=(",", ":")).encode() + b"\n" + rest)


def read_compiled(path):
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write_compiled(path, header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Test:
    def __init__(self, smlp, work):
        self.smlp, self.work, self.problems, self.checks = smlp, work, [], 0
        for folder, names in PICTURES.items():
            (work / "data" / folder).mkdir(parents=True)
            for name in names:
                shutil.copy(FIXTURES / name, work / "data" / folder / name)

    def run(self, *arguments):
        return subprocess.run([self.smlp, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def expect(self, what, done, status, *words):
        self.checks += 1
        text = done.stdout + done.stderr
        if done.returncode != status or not all(word in text for word in words):
            self.problems.append(f"{what}: exit {done.returncode}, expected {status} and {words}: {text[:500]}")

    def expect_same(self, what, one, other):
        self.checks += 1
        if one != other:
            self.problems.append(f"{what}: other results")

    def compiled_models(self):
        for precision in ("fp32", "bf16", "int8"):
            path = self.work / f"{precision}.smlp"
            calibrate = ["--calibrate", self.work / "data"] if precision == "int8" else []
            self.expect(precision, self.run("compile", MODEL, path, "--precision", precision, *calibrate), 0)
            header, data = read_compiled(path)
            answers = self.run("classify", self.work / "data", "--model", path).stdout
            earlier = json.loads(json.dumps(header))
            earlier["__metadata__"].pop("smlp.wnids")
            preprocess = json.loads(earlier["__metadata__"]["smlp.preprocess"])
            preprocess.pop("interpolation")  # was bicubic
            earlier["__metadata__"]["smlp.preprocess"] = json.dumps(preprocess)
            write_compiled(self.work / "earlier.smlp", earlier, data)
            done = self.run("classify", self.work / "data", "--model", self.work / "earlier.smlp")
            self.expect(f"{precision} without ids and interpolation", done, 0)
            self.expect_same(f"{precision} without ids and interpolation", done.stdout, answers)
            header["__metadata__"]["smlp.format"] = "2"
            write_compiled(self.work / "later.smlp", header, data)
            for command in (["info"], ["classify", self.work / "data", "--model"], ["compile", "--output", self.work / "x", "--model"]):
                done = self.run(*command, self.work / "later.smlp")
                self.expect(f"{precision} of a later format, {command[0]}", done, 0 if command == ["info"] else 1, "version '2'")

    def preprocessed(self):
        bins, journal = self.work / "p/bins", self.work / "p/bins/.smlp-preprocess.jsonl"
        make = lambda: self.run("preprocess", self.work / "data", bins, "--model", "bundled", "--batch", 2)
        self.expect("preprocess", make(), 0)
        header, rest = header_of(journal)
        earlier = {key: value for key, value in header.items() if key not in ("interpolation", "shard", "first_bin", "provenance")}
        write_header(journal, earlier, rest)
        before = {path: path.read_bytes() for path in bins.parent.rglob("batch-*.bin")}
        self.expect("a journal of version 0.1", make(), 0, "4 pictures")
        self.expect_same("a journal of version 0.1", {path: path.read_bytes() for path in bins.parent.rglob("batch-*.bin")}, before)
        for version in (1, 3):
            write_header(journal, {**header, "smlp_preprocess": version}, rest)
            self.expect(f"a journal of format {version}", make(), 1, ".smlp-preprocess.jsonl", "another version", "--save_dir")
        write_header(journal, header, rest)

    def runs(self):
        infer = lambda *more: self.run("infer", self.work / "p/bins", self.work / "r", "--batch", 2, "--output-dirname", "run", *more)
        self.expect("infer", infer(), 0)
        score = lambda: self.run("postprocess", self.work / "r/run")
        before = score()
        self.expect("postprocess", before, 0, "acc@1:")
        record, inputs = (self.work / "r/run" / name for name in (".smlp-run.jsonl", ".smlp-inputs.jsonl"))
        kept = {path: path.read_bytes() for path in (record, inputs)}
        header, rest = header_of(inputs)
        write_header(inputs, {key: value for key, value in header.items() if key not in ("classes", "wnids", "missing")}, rest)
        header, rest = header_of(record)
        header["identity"].pop("labels")
        write_header(record, header, rest)
        self.expect_same("a run of version 0.1", score().stdout, before.stdout)
        header["identity"]["program"] = "0.0.9"
        write_header(record, header, rest)
        self.expect("another program", infer("--resume"), 1, "version of smlp (0.0.9 there")
        write_header(record, {**header, "smlp_run": 2}, rest)
        self.expect("a record of a later format", infer("--resume"), 1, ".smlp-run.jsonl", "another format")
        header, rest = header_of(inputs)
        write_header(inputs, {**header, "smlp_inputs": 2}, rest)
        self.expect("a list of inputs of a later format", score(), 1, ".smlp-inputs.jsonl", "another version")
        for path, content in kept.items():
            path.write_bytes(content)
        self.expect("as it was", infer("--resume"), 0)
        summary = self.work / "r/run_summary.json"
        text = json.loads(summary.read_text())
        text["smlp"].pop("h2d_list")
        summary.write_text(json.dumps(text))
        self.expect("a summary without lists", self.run("merge", self.work / "r/run", "--output", self.work / "m"), 1, "run_summary.json", "run this part again")

    def evaluations(self):
        evaluate = lambda *more: self.run("evaluate", self.work / "data", "--predictions", self.work / "p.jsonl", *more)
        self.expect("evaluate", evaluate(), 0)
        journal = self.work / ".p.jsonl.smlp-journal"
        header, rest = header_of(journal)
        header["identity"]["program"] = "0.0.9"
        write_header(journal, header, rest)
        self.expect("an evaluation by another program", evaluate("--resume"), 1, "version of smlp (0.0.9 there", "--force")
        write_header(journal, {**header, "smlp_evaluation_journal": 2}, rest)
        self.expect("a journal of a later format", evaluate("--resume"), 1, "another version", "--journal")
        parts = [self.work / f"part{k}.json" for k in (1, 2)]
        for k, part in enumerate(parts, 1):
            part.write_text(self.run("evaluate", self.work / "data", "--shard", f"{k}/2", "--json").stdout)
        self.expect("two parts", self.run("merge", *parts), 0)
        second = json.loads(parts[1].read_text())
        program = {**second["provenance"], "program": {"version": "0.0.9", "commit": None}}
        for change, word in (({"smlp_evaluation": 2}, "another version"), ({"provenance": program}, "version of smlp")):
            parts[1].write_text(json.dumps({**second, **change}))
            self.expect(f"a part with {word}", self.run("merge", *parts), 1, "part2.json", word)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smlp-earlier-") as work:
        test = Test(options.smlp, Path(work))
        test.compiled_models()
        test.preprocessed()
        test.runs()
        test.evaluations()
    for problem in test.problems:
        print(problem)
    print(f"{test.checks} checks, {len(test.problems)} problems")
    return bool(test.problems)


if __name__ == "__main__":
    sys.exit(main())
