"""The program's commands as a table: what each is given, and which files it must leave whole or not at all.

A new command is a row of COMMANDS. Everything works on a tiny network and a few small pictures of this repository.
"""

import concurrent.futures
import dataclasses
import json
import os
import random
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
NETWORK = SOURCE / "tests/formats/onnx/script_11_nchw_batch.onnx"  # 8 x 8 pixels, 3 classes
PICTURES = ("17x9.jpg", "420.jpg", "444-progressive.jpg", "rgb8-plain.png", "grey8-interlaced.png", "palette4-plain.png")


@dataclasses.dataclass
class Command:
    """`arguments`: of a first run; {world} has the inputs, {out} gets the outputs. `again`: what follows them to finish,
    or repeat, after a run that failed. `exact`: patterns of files below {out} that have the same bytes each time;
    `json`: those that are JSON, with times in them. `seal`: files whose presence says that the others are complete."""

    name: str
    arguments: list
    again: list = dataclasses.field(default_factory=list)
    exact: tuple = ()
    json: tuple = ()
    seal: tuple = ()

    def argv(self, world, out, again=False):
        words = self.arguments + (self.again if again else [])
        return [w.format(world=world, out=out) for w in words]

    def finals(self, out):
        return sorted(p for pattern in self.exact + self.json for p in out.glob(pattern))


def infer(name, *options, exact):
    arguments = ["infer", "--model", "{world}/net.onnx", "--input", "{world}/prep/bins", "--output", "{out}/result"]
    arguments += ["--output_dirname", "run", "--batchsize", "2", "--threads", "1", *options]
    summary = "result/run_summary.json"
    return Command(name, arguments, ["--resume"], exact, (summary,), (summary,))


COMMANDS = [
    Command("classify", ["classify", "--model", "{world}/net.onnx", "--threads", "2", "{world}/pictures/a/17x9.jpg"]),
    Command("evaluate", ["evaluate", "--model", "{world}/net.onnx", "--data", "{world}/pictures", "--json"]),
    Command("compare", ["compare", "fp32", "bf16", "--model", "{world}/net.onnx", "--data", "{world}/pictures", "--threads", "1"]),
    Command("classify archive and list", ["classify", "--model", "{world}/net.onnx", "--threads", "2", "--json",
                                          "{world}/pictures.tar", "@{world}/list.txt"]),
    Command("evaluate shard", ["evaluate", "--model", "{world}/net.onnx", "--json", "{world}/shard-{{0..0}}.tar"]),
    Command(
        "evaluate with files",
        ["evaluate", "--model", "{world}/net.onnx", "--data", "{world}/pictures", "--threads", "1"]
        + ["--predictions", "{out}/p.jsonl", "--confusion", "{out}/c.csv"],
        ["--resume"],
        exact=("p.jsonl", "c.csv"),
    ),
    Command("merge", ["merge", "{world}/part1.json", "{world}/part2.json", "--confusion", "{out}/m.csv"], ["--force"], ("m.csv",)),
    Command(
        "merge runs",
        ["merge", "{world}/parts/p1", "{world}/parts/p2", "--output", "{out}/result", "--output-dirname", "run"],
        ["--resume"],
        exact=("result/run/*_0.npy",),
        json=("result/run_summary.json",),
        seal=("result/run_summary.json",),
    ),
    Command("info", ["info", "{world}/net.onnx"]),
    Command(
        "preprocess",
        ["preprocess", "--model", "{world}/net.onnx", "--data_root", "{world}/pictures", "--save_dir", "{out}/prep/bins"]
        + ["--batch_size", "2", "--threads", "1"],
        exact=("prep/bins/batch-*.bin", "prep/labels.npy", "prep/manifest.jsonl"),
        seal=("prep/manifest.jsonl",),
    ),
    Command("export", ["export", "--pth_path", "{world}/net.onnx", "--onnx_path", "{out}/net.onnx"], ["--force"], ("net.onnx",)),
    Command("compile", ["compile", "--model", "{world}/net.onnx", "--output", "{out}/net.smlp"], ["--force"], ("net.smlp",)),
    Command("compile int8", ["compile", "--model", "{world}/net.onnx", "--output", "{out}/net8.smlp", "--precision", "int8"]
            + ["--calibrate", "{world}/pictures"], ["--force"], ("net8.smlp",)),
    Command("compile budget", ["compile", "--model", "{world}/net.onnx", "--output", "{out}/kept.smlp", "--precision", "int8"]
            + ["--calibrate", "{world}/pictures", "--max-drop", "100"], ["--force"],
            ("kept.smlp", "kept.op_precision.ini")),
    infer("infer NPY", exact=("result/run/*_0.npy",)),
    infer("infer BIN", "--outfmt", "BIN", exact=("result/run/*_0.bin",)),
    infer("infer TXT", "--outfmt", "TXT", exact=("result/run/*_0.txt",)),
    infer("infer packed", "--packed", exact=("result/run/packed_0.npy", "result/run/packed_names.tsv")),
    Command("postprocess", ["postprocess", "--infer_result_dir", "{world}/result/run", "--labels", "{world}/prep/labels.npy"]),
    Command(
        "bench",
        ["bench", "--model", "{world}/net.onnx", "--batch-sizes", "1", "--loop", "1", "--threads", "1", "--no-pin"]
        + ["--profile", "--json", "--trace", "{out}/trace.json"],
        ["--force"],
        json=("trace.json",),
    ),
]


def run(smlp, argv, timeout=60, env=None, **options):
    """Runs the program; a run that hangs raises subprocess.TimeoutExpired."""
    return subprocess.run(
        [str(smlp), *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        **options,
    )


def in_time(todo, deadline, attempt):
    """attempt(*case) of every case, two at a time; None for those that time.monotonic() is too late for. The cases are
    shuffled, so that little time still sees something of everything."""
    random.Random(1).shuffle(todo)

    def one(case):
        return attempt(*case) if time.monotonic() < deadline else None

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, todo))


def report(problems, counts):
    """Prints them; the exit status."""
    print("\n".join([*problems, f"{counts}, {len(problems)} problems"]))
    return 1 if problems else 0


def report_outcomes(outcomes, cases):
    """The same of what in_time() gave: lists of problems. `cases`: what they are of, in the plural."""
    skipped = outcomes.count(None)
    problems = [problem for outcome in outcomes if outcome for problem in outcome]
    return report(problems, f"{len(outcomes) - skipped} {cases}, {skipped} left out for want of time")


def make_world(smlp, world):
    """Inputs of every command."""
    world.mkdir()
    shutil.copy(NETWORK, world / "net.onnx")
    for i, name in enumerate(PICTURES):
        folder = world / "pictures" / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE / "tests/image/fixtures" / name, folder / name)
    pictures = sorted((world / "pictures").rglob("*.*"))
    (world / "list.txt").write_text("".join(f"{picture} {i % 3}\n" for i, picture in enumerate(pictures)))
    with tarfile.open(world / "pictures.tar", "w") as plain, tarfile.open(world / "shard-0.tar", "w") as shard:
        for i, picture in enumerate(pictures):
            plain.add(picture, picture.name)
            shard.add(picture, picture.name)
            (world / "label").write_text(str(i % 3))
            shard.add(world / "label", f"{picture.stem}.cls")
    for command in COMMANDS:
        if command.name in ("preprocess", "infer NPY"):
            done = run(smlp, command.argv(world, world))
            assert done.returncode == 0, done.stderr
    for k in "12":
        done = run(smlp, ["evaluate", str(world / "pictures"), "--model", str(world / "net.onnx"), "--json", "--shard", f"{k}/2"])
        assert done.returncode == 0, done.stderr
        (world / f"part{k}.json").write_bytes(done.stdout)
        parts = ["infer", str(world / "prep/bins"), str(world / "parts"), "--model", str(world / "net.onnx"), "--batch", "2"]
        done = run(smlp, [*parts, "--output-dirname", f"p{k}", "--shard", f"{k}/2", "--threads", "1"])
        assert done.returncode == 0, done.stderr


def error_lines(done):
    return [line for line in done.stderr.decode(errors="replace").splitlines() if line.startswith("smlp: error: ")]


def complaint(done):
    """What is wrong with the way a run ended: it has to be success, or exit 1 with nothing but one-line remarks."""
    lines = done.stderr.decode(errors="replace").splitlines()
    if done.returncode == 0:
        return "an error and exit 0" if error_lines(done) else ""
    if done.returncode == 127 and "error while loading shared libraries" in done.stderr.decode(errors="replace"):
        return ""  # the system's loader, before the program begins
    if done.returncode != 1:
        return f"exit {done.returncode}: {lines[-1:]}"
    if not error_lines(done):
        return f"exit 1 without an error: {lines}"
    if any("std::" in line for line in lines):
        return f"an exception's own name: {lines}"
    strange = [line for line in lines if not line.startswith("smlp: ")]
    return f"not in one line: {strange}" if strange else ""


def wrong_files(command, out, reference):
    """Files under final names that are neither whole nor absent. `reference`: path below {out} -> bytes."""
    wrong = []
    for path in command.finals(out):
        name = str(path.relative_to(out))
        content = path.read_bytes()
        if any(path.match(pattern) for pattern in command.json):
            try:
                json.loads(content)
            except ValueError:
                wrong.append(f"{name} is no JSON")
        elif content != reference.get(name):
            wrong.append(f"{name} has {len(content)} bytes that are not those of a run without failures")
    present = {str(p.relative_to(out)) for p in command.finals(out)}
    if any((out / seal).exists() for seal in command.seal) and present != set(reference):
        wrong.append(f"sealed with {sorted(set(reference) - present)} missing")
    return wrong


def reference_of(command, out):
    return {str(p.relative_to(out)): p.read_bytes() for p in command.finals(out)}
