#!/usr/bin/env python3
"""Gives every option that takes a path something that is no regular file, or nothing; and plants links at outputs.

    hostile_paths_test.py --smlp BIN

A pipe, a socket, a device and a folder are refused in time with one line; an empty path never means a default; a link
is never written through.
"""

import argparse
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import commands

# Every place for the path of an input file. {bad} is it.
INPUTS = {
    "picture of classify": ["classify", "--model", "{world}/net.onnx", "{bad}"],
    "list of classify": ["classify", "--model", "{world}/net.onnx", "@{bad}"],
    "list of evaluate": ["evaluate", "--model", "{world}/net.onnx", "@{bad}"],
    "list of preprocess": ["preprocess", "--data_root", "@{bad}", "--save_dir", "{out}/p/bins"],
    "list of infer": ["infer", "--model", "{world}/net.onnx", "--input", "@{bad}"],
    "model of classify": ["classify", "--model", "{bad}", "{world}/pictures/a/17x9.jpg"],
    "class names of classify": ["classify", "--model", "{world}/net.onnx", "--classes", "{bad}", "{world}/pictures/a/17x9.jpg"],
    "model of evaluate": ["evaluate", "--model", "{bad}", "--data", "{world}/pictures"],
    "class names of evaluate": ["evaluate", "--model", "{world}/net.onnx", "--classes", "{bad}", "--data", "{world}/pictures"],
    "file of info": ["info", "{bad}"],
    "picture of info": ["info", "{world}/net.onnx", "--compare", "fp32,bf16", "--picture", "{bad}"],
    "model of preprocess": ["preprocess", "--model", "{bad}", "--data_root", "{world}/pictures", "--save_dir", "{out}/p/bins"],
    "checkpoint of export": ["export", "--pth_path", "{bad}", "--onnx_path", "{out}/e.onnx"],
    "model of compile": ["compile", "--model", "{bad}", "--output", "{out}/c.smlp"],
    "class names of compile": ["compile", "--model", "{world}/net.onnx", "--classes", "{bad}", "--output", "{out}/c.smlp"],
    "op_precision of compile": ["compile", "--model", "{world}/net.onnx", "--op_precision_mode", "{bad}", "--output", "{out}/c.smlp"],
    "model of infer": ["infer", "--model", "{bad}", "--input", "{world}/prep/bins", "--batchsize", "2"],
    "input of infer": ["infer", "--model", "{world}/net.onnx", "--input", "{bad}", "--batchsize", "2"],
    "labels of postprocess": ["postprocess", "--infer_result_dir", "{world}/result/run", "--labels", "{bad}"],
    "model of bench": ["bench", "--model", "{bad}", "--batch-sizes", "1", "--loop", "1"],
    "first of bench --compare": ["bench", "--compare", "{bad}", "{world}/net.onnx"],
}
# And for folders and outputs, where only the empty path is bad for certain.
OTHERS = {
    "data of evaluate": ["evaluate", "--model", "{world}/net.onnx", "--data", "{bad}"],
    "data of preprocess": ["preprocess", "--data_root", "{bad}", "--save_dir", "{out}/p/bins"],
    "save_dir of preprocess": ["preprocess", "--data_root", "{world}/pictures", "--save_dir", "{bad}"],
    "output of export": ["export", "--pth_path", "{world}/net.onnx", "--onnx_path", "{bad}"],
    "output of compile": ["compile", "--model", "{world}/net.onnx", "--output", "{bad}"],
    "output of infer": ["infer", "--model", "{world}/net.onnx", "--output", "{bad}"],
    "output_dirname of infer": ["infer", "--model", "{world}/net.onnx", "--output", "{out}", "--output_dirname", "{bad}"],
    "results of postprocess": ["postprocess", "--infer_result_dir", "{bad}"],
    "trace of bench": ["bench", "--model", "{world}/net.onnx", "--loop", "1", "--profile", "--trace", "{bad}"],
}
# Outputs {bad} that are written at the end of long work, with the ending that they must have. The inputs are broken, or
# the work would take hours: an error that names the output came before the work.
LATE = {
    "output of export": (".onnx", ["export", "--pth_path", "{broken}/a/a.png", "--onnx_path", "{bad}"]),
    "output of compile": (".smlp", ["compile", "--model", "{world}/net.onnx", "--output", "{bad}", "--precision", "int8"]
                          + ["--calibrate", "{broken}"]),
    "ini of compile": (".op_precision.ini", ["compile", "--model", "{world}/net.onnx", "--output", "{name}", "--precision"]
                       + ["int8", "--calibrate", "{broken}", "--max-drop", "1"]),
    "predictions of evaluate": (".jsonl", ["evaluate", "--model", "{world}/net.onnx", "--data", "{broken}", "--predictions", "{bad}"]),
    "confusion of evaluate": (".csv", ["evaluate", "--model", "{world}/net.onnx", "--data", "{broken}", "--confusion", "{bad}"]),
    "trace of bench": (".json", ["bench", "--model", "{world}/net.onnx", "--batch-sizes", "1", "--loop", "1000000000", "--profile"]
                       + ["--trace", "{bad}"]),
    "save_dir of preprocess": ("", ["preprocess", "--model", "{world}/net.onnx", "--data_root", "{broken}", "--save_dir", "{bad}"]),
    "output of infer": ("", ["infer", "--model", "{world}/net.onnx", "--input", "{broken}", "--output", "{bad}"]),
}
FOLDER_IS_FINE = ("picture of classify", "input of infer", "picture of info")


class Test:
    def __init__(self, smlp, scratch):
        self.smlp, self.scratch, self.world, self.out = smlp, scratch, scratch / "world", scratch / "out"
        commands.make_world(smlp, self.world)
        self.out.mkdir()
        self.problems, self.runs = [], 0
        os.mkfifo(scratch / "pipe")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(scratch / "socket"))
        os.symlink("pipe", scratch / "link-to-pipe")

    def refuse(self, what, argv, status, *words):
        """The run has to end with this status and one line that holds one of the words."""
        self.runs += 1
        try:
            done = commands.run(self.smlp, argv, timeout=30)
        except subprocess.TimeoutExpired:
            self.problems.append(f"{what}: hangs")
            return
        errors = commands.error_lines(done)
        if done.returncode not in (status if isinstance(status, tuple) else (status,)):
            self.problems.append(f"{what}: exit {done.returncode}, expected {status}: {errors or done.stdout[:200]}")
        elif len(errors) < 1 or words and not any(word in errors[0] for word in words):
            self.problems.append(f"{what}: {done.stderr.decode(errors='replace')}")

    def fill(self, argv, bad):
        return [word.format(world=self.world, out=self.out, bad=bad) for word in argv]

    def irregular_inputs(self):
        for what, argv in INPUTS.items():
            for bad, word in (("pipe", "pipe"), ("socket", "socket"), ("link-to-pipe", "pipe"), ("/dev/zero", "device"), ("/dev/null", "device")):
                self.refuse(f"{what} is {bad}", self.fill(argv, self.scratch / bad), 1, word, "not a regular", "is no .bin")
            if what not in FOLDER_IS_FINE:
                self.refuse(f"{what} is a folder", self.fill(argv, self.scratch), 1, "director", "folder")

    def empty_paths(self):
        for what, argv in {**INPUTS, **OTHERS}.items():
            self.refuse(f"{what} is empty", self.fill(argv, ""), (1, 2))

    def outputs_before_the_work(self):
        broken = self.scratch / "broken"
        for label in "abc":
            (broken / label).mkdir(parents=True)
            (broken / label / f"{label}.png").write_bytes(b"no picture")
        taken = self.scratch / "taken"
        taken.write_text("of somebody else")
        for what, (ending, argv) in LATE.items():
            there = Path(f"{self.out}/there{ending}")
            there.write_text("of somebody else")
            for bad in (there, Path(f"{taken}/x{ending}"), Path(f"/proc/x{ending}"), Path(f"/proc/none/x{ending}")):
                words = {"world": self.world, "broken": broken, "bad": bad, "name": str(bad).removesuffix(".op_precision.ini")}
                named = [bad] if bad == there else [bad, bad.parent]
                self.refuse(f"{what} is {bad}", [word.format(**words) for word in argv], 1, *map(str, named))
            if there.read_text() != "of somebody else":
                self.problems.append(f"{what} is overwritten")
            there.unlink()

    def planted_links(self):
        precious = self.scratch / "precious"
        outputs = {
            "export": (["export", "--pth_path", "{world}/net.onnx", "--onnx_path", "{bad}"], "x.onnx"),
            "compile": (["compile", "--model", "{world}/net.onnx", "--output", "{bad}"], "x.smlp"),
            "bench": (["bench", "--model", "{world}/net.onnx", "--batch-sizes", "1", "--loop", "1", "--profile", "--trace", "{bad}"], "x.json"),
        }
        for name, (argv, output) in outputs.items():
            for goal in (precious, self.scratch / "nowhere"):
                for force in ([], ["--force"]):
                    precious.write_bytes(b"precious")
                    link = self.out / output
                    link.symlink_to(goal)
                    self.refuse(f"{name} to a link {force}", self.fill(argv, link) + force, 1)
                    if precious.read_bytes() != b"precious" or (self.scratch / "nowhere").exists():
                        self.problems.append(f"{name} {force} writes through a link")
                    if not link.is_symlink():
                        self.problems.append(f"{name} {force} replaces a link")
                    link.unlink()

    def planted_at_hidden_names(self):
        """A first run shows the names that a command uses; links are planted there before a second one."""
        precious, nowhere = self.scratch / "precious", self.scratch / "nowhere"
        for command in commands.COMMANDS:
            if command.name not in ("preprocess", "infer packed", "infer NPY"):
                continue
            used = self.scratch / f"used by {command.name}"
            used.mkdir()
            commands.run(self.smlp, command.argv(self.world, used))
            names = {str(p.relative_to(used)) for p in used.rglob("*") if p.is_file()}
            names |= {"prep/bins/.smlp-preprocess.jsonl", "result/run/.packed_0.npy.part", "result/run/.smlp-run.jsonl"}
            for name in sorted(names):
                for goal in (precious, nowhere):
                    precious.write_bytes(b"precious")
                    out = self.scratch / "planted"
                    (out / name).parent.mkdir(parents=True)
                    (out / name).symlink_to(goal)
                    self.runs += 1
                    done = commands.run(self.smlp, command.argv(self.world, out))
                    if commands.complaint(done):
                        self.problems.append(f"{command.name} with a link at {name}: {commands.complaint(done)}")
                    if precious.read_bytes() != b"precious" or nowhere.exists():
                        self.problems.append(f"{command.name} writes through a link at {name}")
                        nowhere.unlink(missing_ok=True)
                    shutil.rmtree(out)

    def leftovers_of_killed_runs(self):
        """A run clears away what killed ones left of its files, and nothing else."""
        for command in commands.COMMANDS:
            names = [name for name in command.exact + command.json if not set(name) & set("*/")]
            if not names:
                continue
            out = self.scratch / f"left by {command.name}"
            out.mkdir()
            planted = [out / f".{name}.{digit * 16}.smlp-tmp" for name in names for digit in "0f"]
            strange = [out / ".other.0123456789abcdef.smlp-tmp", out / f".{names[0]}.notes.smlp-tmp", out / f".{names[0]}"]
            living = out / f".{names[0]}.00000000deadbeef.smlp-tmp"
            for path in [*planted, *strange, living]:
                path.write_text("half")
            self.runs += 1
            with open(living) as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                done = commands.run(self.smlp, command.argv(self.world, out))
            if done.returncode != 0:
                self.problems.append(f"{command.name} among leftovers: {done.stderr.decode()}")
            self.problems += [f"{command.name} leaves {p.name}" for p in planted if p.exists()]
            self.problems += [f"{command.name} deletes {p.name}" for p in [*strange, living] if not p.exists()]

    def closed_pipe(self):
        """A reader that has enough ends the program quietly."""
        pictures = [str(self.world / "pictures" / "a" / "17x9.jpg")] * 3000
        process = subprocess.Popen(
            [str(self.smlp), "classify", "--model", str(self.world / "net.onnx"), *pictures],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=60)
        self.runs += 1
        if errors or process.returncode not in (0, -13):
            self.problems.append(f"a closed pipe: exit {process.returncode}, {errors.decode()[:300]}")

    def full_disk(self):
        """What cannot be printed is an error."""
        for argv in (["info"], ["classify", "--model", "{world}/net.onnx", "{world}/pictures/a/17x9.jpg"], ["--help"]):
            self.runs += 1
            with open("/dev/full", "wb") as full:
                done = subprocess.run([str(self.smlp), *self.fill(argv, "")], stdout=full, stderr=subprocess.PIPE, timeout=60)
            if done.returncode != 1 or len(commands.error_lines(done)) != 1:
                self.problems.append(f"{argv[0]} to a full disk: exit {done.returncode}, {done.stderr.decode()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="smlp-paths-"))
    try:
        test = Test(options.smlp, scratch)
        test.irregular_inputs()
        test.empty_paths()
        test.outputs_before_the_work()
        test.planted_links()
        test.planted_at_hidden_names()
        test.leftovers_of_killed_runs()
        test.closed_pipe()
        test.full_disk()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report(test.problems, f"{test.runs} runs")


if __name__ == "__main__":
    sys.exit(main())
