"""python -m smlp.ray on a real cluster of one machine: the same rows as the program's, whatever is killed."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tarfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy
import pytest
from drivers import end_group, start_driver, workers_below
from support import ROOT

import smlp

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[data]'")
import pyarrow  # noqa: E402
from pyarrow import parquet  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")
Truth = dict[str, dict[str, Any]]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """All rows in the order of the parts."""
    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("part-*")):
        if file.suffix == ".parquet":
            rows += parquet.read_table(file).to_pylist()
        else:
            rows += [json.loads(line) for line in file.read_text().splitlines()]
    return rows


def single(value: float) -> bytes:
    return struct.pack("f", value)


def assert_same(rows: list[dict[str, Any]], truth: Truth, name: Any = lambda id_: id_) -> None:
    """The same pictures, each once, with the same answers to the bit and errors in the same places."""
    assert sorted(name(row["id"]) for row in rows) == sorted(truth)
    for row in rows:
        expected = truth[name(row["id"])]
        assert (row["error"] is None) == (expected["error"] is None), row
        if row["error"] is None:
            assert [(t["index"], t["label"], single(t["probability"])) for t in row["top"]] == [
                (t["index"], t["label"], single(t["probability"])) for t in expected["top"]
            ]
        else:
            assert not row["top"]


def test_a_folder_gives_the_rows_of_the_program(cluster: None, photos: Path, truth: Truth, tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    report = smlp.ray.classify(photos, tmp_path / "out", top=3, part=40, cpus_per_actor=1, logits=True,
                               progress=lambda *now: seen.append(now))
    rows = rows_of(tmp_path / "out")
    assert_same(rows, truth)
    assert [row["id"] for row in rows] == sorted(truth, key=os.fsencode)
    assert (report.rows, report.errors, report.parts, report.actors) == (154, 4, 4, 3)
    assert [done for done, parts, _ in seen] == [1, 2, 3, 4] and seen[-1][2] == 154
    good = [row for row in rows if row["error"] is None]
    session = smlp.Session(smlp.Model.bundled(), threads=1)
    assert numpy.array([row["logits"] for row in good], numpy.float32).tobytes() == session.logits(
        [row["id"] for row in good]).tobytes()
    assert all(row["logits"] is None for row in rows if row["error"])
    schema = parquet.read_schema(tmp_path / "out" / "part-000000.parquet")
    assert [field.name for field in schema] == ["id", "top", "logits", "error"]
    assert json.loads(schema.metadata[b"smlp"])["threads"] == 1  # what Ray assigned
    # Readers of datasets see the answers alone.
    assert parquet.read_table(tmp_path / "out").num_rows == 154


def test_json_lines_and_uris(cluster: None, photos: Path, truth: Truth, tmp_path: Path) -> None:
    report = smlp.ray.classify(photos.as_uri(), (tmp_path / "out").as_uri(), top=3, format="jsonl", actors=1,
                               cpus_per_actor=2)
    rows = rows_of(tmp_path / "out")
    assert_same(rows, truth, lambda id_: id_.removeprefix("file://").replace("%20", " "))
    assert (report.rows, report.errors, report.cpus_per_actor) == (154, 4, 2)
    assert rows[0]["provenance"]["threads"] == 2 and rows[0]["provenance"]["program"] == smlp.__version__


def test_a_filesystem_of_fsspec_is_read_as_bytes(cluster: None, photos: Path, truth: Truth, tmp_path: Path) -> None:
    smlp.ray.classify(f"local://{photos}/a", f"local://{tmp_path}/out", top=3, cpus_per_actor=1)
    below_a = {name: row for name, row in truth.items() if "/a/" in name}
    assert_same(rows_of(tmp_path / "out"), below_a, lambda id_: id_.removeprefix("local://"))


def test_lists(cluster: None, photos: Path, truth: Truth, tmp_path: Path) -> None:
    names = sorted(truth)
    relative = [os.path.relpath(name, photos) for name in names[:20]]
    (photos / "list.lst").write_text("\ufeff" + "\r\n".join(relative) + "\n\n" + "\n".join(names[20:]) + "\nmissing.jpg\n")
    smlp.ray.classify(f"@{photos}/list.lst", tmp_path / "out", top=3, cpus_per_actor=3)
    rows = rows_of(tmp_path / "out")
    assert rows[-1]["id"].endswith("missing.jpg") and "missing.jpg" in rows[-1]["error"]
    assert_same(rows[:-1], truth)
    (photos / "list.lst").unlink()


def write_shard(path: Path, files: list[Path]) -> None:
    with tarfile.open(path, "w") as shard:
        for i, file in enumerate(files):
            for name, data in [
                (f"{i:06d}{file.suffix}", file.read_bytes()),
                (f"{i:06d}.cls", b"3"),
                (f"{i:06d}.seg.png", b"a mask, which is not used"),
            ]:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))


def test_webdataset_shards(cluster: None, photos: Path, truth: Truth, tmp_path: Path) -> None:
    files = [Path(name) for name in sorted(truth)]
    for i in range(3):
        write_shard(tmp_path / f"shard-{i:03d}.tar", files[i::3])
    report = smlp.ray.classify(tmp_path / "shard-{000..002}.tar", tmp_path / "out", top=3, cpus_per_actor=1)
    assert report.parts == 3

    def name(id_: str) -> str:
        shard, _, member = id_.rpartition(":")
        return str(files[int(shard[-7:-4]) :: 3][int(member[:6])])

    assert_same(rows_of(tmp_path / "out"), truth, name)
    # The webdataset library finds the same samples.
    webdataset = pytest.importorskip("webdataset")
    samples = list(webdataset.WebDataset(str(tmp_path / "shard-000.tar"), shardshuffle=False))
    ids = [row["id"] for row in rows_of(tmp_path / "out") if "shard-000" in row["id"]]
    assert [sample["__key__"] for sample in samples] == [id_.rpartition(":")[2][:6] for id_ in ids]


def test_damaged_archives(cluster: None, photos: Path, tmp_path: Path) -> None:
    files = sorted((photos / "b b").iterdir())[:6]
    for name in ("whole", "no_end", "in_member", "in_header", "damaged"):
        write_shard(tmp_path / f"{name}.tar", files)
    whole = (tmp_path / "whole.tar").read_bytes()
    with tarfile.open(tmp_path / "whole.tar") as archive:
        offsets = {member.name: member.offset for member in archive}
    third = next(offset for name, offset in offsets.items() if name.startswith("000003") and name.endswith(files[3].suffix))
    (tmp_path / "no_end.tar").write_bytes(whole[:third])
    (tmp_path / "in_member.tar").write_bytes(whole[: third + 700])
    (tmp_path / "in_header.tar").write_bytes(whole[: third + 100])
    (tmp_path / "damaged.tar").write_bytes(whole[:third] + b"\xff" * 512 + whole[third + 512 :])
    (tmp_path / "nothing.tar").write_bytes(b"")
    smlp.ray.classify(tmp_path, tmp_path / "out", cpus_per_actor=3)
    by_archive: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(tmp_path / "out"):
        by_archive.setdefault(Path(row["id"]).name.partition(":")[0], []).append(row)
    assert len(by_archive.pop("whole.tar")) == 6
    assert len(by_archive.pop("nothing.tar")) == 1
    for name, rows in by_archive.items():
        good = [row for row in rows if row["error"] is None]
        assert len(good) == 3 and rows[-1]["error"] is not None, (name, rows)
        assert name in rows[-1]["error"]


def test_tables(cluster: None, photos: Path, truth: Truth, tmp_path: Path) -> None:
    names = sorted(truth)
    data = [Path(name).read_bytes() for name in names]
    parquet.write_table(pyarrow.table({"name": names, "jpeg": data}), tmp_path / "plain.parquet", row_group_size=25)
    report = smlp.ray.classify(tmp_path / "plain.parquet", tmp_path / "out", top=3, part=50, cpus_per_actor=1, id_column="name")
    assert report.parts == 4
    assert_same(rows_of(tmp_path / "out"), truth)
    # A struct, as Hugging Face's datasets have it, with a null; rows have numbers for names.
    structs = [{"bytes": one, "path": None} for one in data] + [None]
    parquet.write_table(pyarrow.table({"image": structs, "label": range(155)}), tmp_path / "structs.parquet", row_group_size=60)
    smlp.ray.classify(tmp_path / "structs.parquet", tmp_path / "out2", top=3, column="image", cpus_per_actor=3)
    rows = rows_of(tmp_path / "out2")
    assert "null" in rows.pop()["error"]
    assert_same(rows, truth, lambda id_: names[int(id_.rpartition(":")[2])])
    with pytest.raises(smlp.InputError, match="no column 'photo' of bytes; there are image.bytes"):
        smlp.ray.classify(tmp_path / "structs.parquet", tmp_path / "out3", column="photo")
    # Bytes changed after the listing: every row has an answer or an error.
    file = tmp_path / "plain.parquet"
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 2000] = bytes(2000)
    file.write_bytes(whole)
    assert smlp.ray.classify(file, tmp_path / "out4", cpus_per_actor=3).rows == 154


def test_what_is_refused(cluster: None, photos: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "a.tar").write_bytes(b"")
    (mixed / "a.jpg").write_bytes(b"")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    (tmp_path / "empty.parquet").write_text("no table")
    os.mkfifo(tmp_path / "pipe.jpg")
    good, out = photos, tmp_path / "out"
    cases: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
        (tmp_path / "nothing", out, {}, smlp.InputError, "no such"),
        (mixed, out, {}, smlp.InputError, "several kinds"),
        (tmp_path / "other", out, {}, smlp.InputError, "no picture"),
        (f"@{tmp_path / 'none.txt'}", out, {}, smlp.InputError, "none.txt"),
        (good, out, {"classes": tmp_path / "none.txt"}, smlp.ModelError, "none.txt"),
        (tmp_path / "empty.parquet", out, {}, smlp.InputError, "Parquet"),
        (tmp_path / "pipe.jpg", out, {}, smlp.InputError, "neither"),
        ([], out, {}, smlp.InputError, "no picture"),
        ("nonsense://x", out, {}, smlp.OptionError, "fsspec"),
        (good, tmp_path / "other", {}, smlp.OptionError, "other files"),
        (good, out, {"model": tmp_path / "nothing"}, smlp.ModelError, "nothing"),
        (good, out, {"model": photos / "a" / "1.jpg"}, smlp.ModelError, "1.jpg"),
        (good, out, {"top": 0}, smlp.OptionError, "1 or more"),
        (good, out, {"actors": 0}, smlp.OptionError, "actors is 0"),
        (good, out, {"top": 2.5}, smlp.OptionError, "whole number"),
        (good, out, {"top": None}, smlp.OptionError, "whole number"),
        (good, out, {"part": True}, smlp.OptionError, "whole number"),
        (good, out, {"batch": 0}, smlp.OptionError, "batch is 0"),
        (good, out, {"precision": "FP32"}, smlp.OptionError, "'fp32', 'bf16' or 'int8'"),
        (good, out, {"logits": "yes"}, smlp.OptionError, "True or False"),
        (good, out, {"mean": (1, 2)}, smlp.OptionError, "three numbers"),
        (good, tmp_path / "empty.parquet", {}, smlp.OptionError, "is a file"),
        (good, tmp_path / "empty.parquet" / "x", {}, smlp.JobError, "name a folder"),
        (good, "/proc/none/x", {}, smlp.JobError, "name a folder"),
        (good, out, {"model": 5}, smlp.InputTypeError, "path"),
        (5, out, {}, smlp.InputTypeError, "path"),
        ([good, None], out, {}, smlp.InputTypeError, "path"),
        (b"x", out, {}, smlp.InputTypeError, "path"),
        (good, None, {}, smlp.InputTypeError, "path"),
        (good, out, {"cpus_per_actor": 99}, smlp.OptionError, "no node has 99 CPUs: the largest has"),
        (good, out, {"format": "csv"}, smlp.OptionError, "csv"),
    ]
    for inputs, output, options, kind, words in cases:
        with pytest.raises(kind, match=words):
            smlp.ray.classify(inputs, output, **options)
    assert not out.exists()


def test_a_job_that_could_not_begin_leaves_nothing_to_resume(cluster: None, photos: Path, tmp_path: Path) -> None:
    """What only a worker can know: here, which kernels there are."""
    out = tmp_path / "out"
    with pytest.raises(smlp.OptionError, match="unknown instruction set 'abacus'; known: "):
        smlp.ray.classify(photos / "b b", out, isa="abacus", cpus_per_actor=3)
    assert list(out.iterdir()) == []
    assert smlp.ray.classify(photos / "b b" / "0.png", out, cpus_per_actor=3).rows == 1


def test_why_a_cluster_failed() -> None:
    from ray.exceptions import ActorDiedError, RayError, RayTaskError
    from smlp.ray._job import _failure

    try:
        raise smlp.OptionError("no such thing; take another")
    except smlp.OptionError as error:
        of_task = RayTaskError("__init__", traceback.format_exc(), error, "ray::MapWorker", 1, "127.0.0.1")
    died = ActorDiedError(cause=of_task)
    died.__cause__ = Exception()  # Ray Data chains one that says nothing
    found = _failure(died)
    assert type(found) is smlp.OptionError and str(found) == "no such thing; take another"
    for error, words in [(ActorDiedError(), "ActorDiedError: "), (RayError("out\nof memory\n\n"), "RayError: of memory"),
                         (RayError("smlp.errors.Nothing: x"), "smlp.errors.Nothing: x")]:
        found = _failure(error)
        assert type(found) is smlp.JobError and "--resume" in str(found) and words in str(found) and "\n" not in str(found)
    circle = RayError("round")
    circle.__cause__ = circle
    assert "round" in str(_failure(circle))


def test_a_record_that_is_none(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for text in ("", "{", "[]", "3", "{}", '{"smlp_ray": 1, "identity": 5, "part": 3}', '{"smlp_ray": 1, "identity": {}, "part": 0}'):
        (out / "_job.json").write_text(text)
        with pytest.raises(smlp.JobError, match="_job.json: is no record of a job"):
            smlp.ray.classify(photos, out, resume=True)


def test_the_schema_is_that_of_the_guide(tmp_path: Path) -> None:
    """Of every part, also where no row has an answer, or there is no row."""
    from smlp.ray._classifier import Answers
    from smlp.ray._files import find_place
    from smlp.ray._output import Output

    guide = (ROOT / "docs" / "ray.md").read_text()
    for logits in (False, True):
        for rows in (0, 1, 2):
            answers = Answers(logits=logits)
            for row in range(rows):
                error = "broken" if row == 0 else None
                answers.add(None if error else [smlp.Prediction(3, "church", 0.5)], None if error else [0.25, 1.0], error)
            ids = [f"{row}.jpg" for row in range(rows)]
            for form in ("parquet", "jsonl"):
                output = Output(find_place(str(tmp_path)), form)
                output.write_part(0, ids, answers, {"program": "x"})
            schema = parquet.read_schema(tmp_path / "part-000000.parquet")
            assert json.loads(schema.metadata[b"smlp"]) == {"program": "x"}
            columns = [f"{entry.name}: {entry.type}" for entry in schema]
            described = re.search(r"```text\n(.*?)```", guide, re.S)
            assert described is not None
            wanted = [line.split("  ")[0].rstrip() for line in described[1].splitlines()]
            assert columns == [line for line in wanted if logits or not line.startswith("logits")]
            lines = [json.loads(line) for line in (tmp_path / "part-000000.jsonl").read_text().splitlines()]
            assert [line["id"] for line in lines] == ids
            for line in lines:
                assert list(line) == ["id", "top", *(["logits"] if logits else []), "error", "provenance"]
                assert (line["error"] is None) == bool(line["top"])


def test_resume_is_refused_for_another_job(cluster: None, photos: Path, tmp_path: Path) -> None:
    few, out = photos / "b b", tmp_path / "out"
    smlp.ray.classify(few, out, cpus_per_actor=3)
    with pytest.raises(smlp.OptionError, match="--resume"):
        smlp.ray.classify(few, out)
    for changed, words in [({"top": 2}, "top"), ({"logits": True}, "logits"), ({"mean": [0, 0, 0]}, "preprocess"),
                           ({"format": "jsonl"}, "format"), ({"part": 3}, "parts of 3")]:
        with pytest.raises(smlp.OptionError, match=words):
            smlp.ray.classify(few, out, resume=True, **changed)  # type: ignore[arg-type]
    with pytest.raises(smlp.OptionError, match="inputs_sha256"):
        smlp.ray.classify(photos / "a", out, resume=True)
    before = {file.name: file.read_bytes() for file in out.glob("part-*")}
    again = smlp.ray.classify(few, out, resume=True)
    assert (again.rows, again.resumed_parts) == (50, again.parts)
    (out / "part-000001.parquet").unlink()
    (out / ".part-000001.parquet.abc").write_text("half")
    again = smlp.ray.classify(few, out, resume=True)
    assert (again.rows, again.resumed_parts) == (50, again.parts - 1)
    assert {file.name: file.read_bytes() for file in out.glob("part-*")} == before
    assert not list(out.glob(".part*"))


def wait_for(condition: Any, process: subprocess.Popen[str], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "too slow"
        time.sleep(0.02)


def parts(out: Path) -> int:
    return len(list(out.glob("part-*")))


def test_killed_actors_and_a_killed_driver(photos: Path, truth: Truth, tmp_path: Path) -> None:
    """Actors are killed, then the driver with all that it started; another ends the work, with an actor killed too."""
    out = tmp_path / "out"
    command = [str(photos), "--output", str(out), "--top", "3", "--part", "4", "--cpus-per-actor", "1", "--json"]
    driver = start_driver(*command)
    try:
        killed = set()
        for wanted in (1, 4):
            wait_for(lambda: parts(out) >= wanted and set(workers_below(driver.pid)) - killed, driver)  # noqa: B023
            actor = (set(workers_below(driver.pid)) - killed).pop()
            os.kill(actor, signal.SIGKILL)
            killed.add(actor)
        wait_for(lambda: parts(out) >= 8, driver)
    finally:
        end_group(driver)
    there = parts(out)
    assert 8 <= there < 35, "the driver was not killed in the middle"
    resumed = start_driver(*command, "--resume")
    try:
        wait_for(lambda: parts(out) >= there + 2 and workers_below(resumed.pid), resumed)
        os.kill(workers_below(resumed.pid)[0], signal.SIGKILL)
        assert parts(out) < 39, "the actor was not killed in the middle"
        text, errors = resumed.communicate(timeout=150)
    finally:
        resumed.kill()
    assert resumed.returncode == 1 and text, errors  # four pictures are broken
    report = json.loads(text)  # all that Ray says goes to standard error
    assert (report["rows"], report["errors"], report["parts"]) == (154, 4, 39)
    assert there <= report["resumed_parts"] < 39
    assert_same(rows_of(out), truth)


def test_the_command_line(tmp_path: Path) -> None:
    help_ = subprocess.run([sys.executable, "-m", "smlp.ray", "--help"], capture_output=True, text=True)
    assert help_.returncode == 0 and "--resume" in help_.stdout
    wrong = subprocess.run([sys.executable, "-m", "smlp.ray", str(tmp_path / "none"), "--output", str(tmp_path / "o")],
                           capture_output=True, text=True)
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "no such file" in wrong.stderr
    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "names.parquet")
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"")
    for arguments, status, words in [
        ([], 2, "required: INPUT"),
        ([picture, "--top", "x"], 2, "--top"),
        ([picture, "--top", "0"], 2, "top is 0"),
        ([picture, "--mean", "1,2"], 2, "three numbers"),
        ([picture, "--mean", "a,b,c"], 2, "--mean"),
        ([picture, "--precision", "FP32"], 2, "fp32"),
        ([picture, "--model", tmp_path / "none.pth"], 1, "none.pth"),
        ([tmp_path / "names.parquet"], 1, "no column of bytes"),
        ([picture, "--output", picture], 2, "is a file"),
    ]:
        command = [sys.executable, "-m", "smlp.ray", "--output", tmp_path / "o", *arguments]
        wrong = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert wrong.returncode == status and wrong.stdout == "", (arguments, wrong.stderr)
        assert words in wrong.stderr.splitlines()[-1], wrong.stderr
        assert wrong.stderr.count("\n") == 1 or wrong.stderr.startswith("usage:"), wrong.stderr
    assert not (tmp_path / "o").exists()
    wrong = subprocess.run([sys.executable, "-m", "smlp.ray", "nonsense://x", "--output", str(tmp_path / "o")],
                           capture_output=True, text=True)
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1
