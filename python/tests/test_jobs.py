"""compile, export and bench do what the program's commands do."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
from support import PROGRAM, model_file

import smlp


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)


def test_compile_writes_the_programs_bytes(tmp_path: Path, files: list[Path], program_logits: numpy.ndarray) -> None:
    report = smlp.compile(model_file(), tmp_path / "ours", precision="bf16", input_shape="input:4,3,128,128")
    assert run("compile", model_file(), tmp_path / "theirs", "--precision", "bf16", "--input-shape",
               "input:4,3,128,128").returncode == 0
    written = (tmp_path / "ours.smlp").read_bytes()
    assert written == (tmp_path / "theirs.smlp").read_bytes()
    assert (report.output, report.bytes) == (str(tmp_path / "ours.smlp"), len(written))
    assert (report.precision, report.batch, report.gelu) == ("bf16", 4, "high_precision")
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert "bf16" in str(report) and repr(report).startswith("CompileReport(output=")
    assert smlp.Model.load(report.output).precision == "bf16"
    with pytest.raises(smlp.JobError, match="ours.smlp"):
        smlp.compile(model_file(), tmp_path / "ours")
    smlp.compile(model_file(), tmp_path / "ours", force=True, crop_pct=0.5)
    assert smlp.Model.load(tmp_path / "ours.smlp").preprocessing.resize == 256
    names = [f"name {i}" for i in range(10)]
    smlp.compile(smlp.Model.load(model_file(), classes=names, crop_pct=0.5), tmp_path / "ours", force=True, mean=(0.1, 0.2, 0.3))
    told = smlp.Model.load(tmp_path / "ours.smlp")
    assert told.class_names == names and told.preprocessing.resize == 256
    assert told.preprocessing.mean == pytest.approx((0.1, 0.2, 0.3))
    with pytest.raises(smlp.OptionError, match="int3"):
        smlp.compile(model_file(), tmp_path / "x", precision="int3")  # type: ignore[arg-type]
    with pytest.raises(smlp.OptionError):
        smlp.compile(model_file(), tmp_path / "x", input_shape="input:x")
    with pytest.raises(smlp.JobError, match="none.pth"):
        smlp.compile("none.pth", tmp_path / "x")


def test_quantize_writes_the_programs_bytes(tmp_path: Path, data: Path) -> None:
    heard: list[tuple[int, int]] = []
    with pytest.warns(smlp.CalibrationWarning) as told:
        report = smlp.quantize(model_file(), tmp_path / "ours", data, images=8, range="minmax",
                               progress=lambda done, all_: heard.append((done, all_)))
    assert "8 calibration pictures are few" in str(told[0].message)
    assert run("compile", model_file(), tmp_path / "theirs", "--precision", "int8", "--calibrate", data,
               "--calibration-images", 8, "--calibration-range", "minmax").returncode == 0
    assert Path(report.output).read_bytes() == (tmp_path / "theirs.smlp").read_bytes()
    assert report.precision == "int8" and report.drop is None and "8 pictures" in (report.calibration or "")
    assert heard[-1] == (8, 8)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert smlp.Model.load(report.output).precision == "int8"
    assert smlp.Session(smlp.Model.load(report.output), threads=1).precision == "int8"
    with pytest.raises(smlp.OptionError, match="calibrat"):
        smlp.compile(model_file(), tmp_path / "x", calibration_images=5)
    with pytest.raises(smlp.JobError, match="calibrat"):
        smlp.compile(model_file(), tmp_path / "x", precision="int8")
    with pytest.raises(smlp.JobError, match="nothing"):
        smlp.quantize(model_file(), tmp_path / "x", tmp_path / "nothing")
    with pytest.raises(smlp.OptionError, match="range"):
        smlp.quantize(model_file(), tmp_path / "x", data, range="best")  # type: ignore[arg-type]


def test_quantize_within_a_budget(tmp_path: Path, data: Path) -> None:
    with pytest.warns(smlp.CalibrationWarning):
        report = smlp.quantize(smlp.Model.bundled(), tmp_path / "kept", data, max_drop=100, data=[data])
    assert report.drop is not None and report.drop <= 100 and report.returned_to_bf16 == []
    assert report.drop == report.drop_all_int8 and "points" in str(report)


def test_compare_is_the_programs(tmp_path: Path, data: Path) -> None:
    smlp.compile(model_file(), tmp_path / "other", interpolation="nearest", mean=(0.3, 0.6, 0.4))
    other = tmp_path / "other.smlp"
    heard: list[tuple[int, int]] = []
    report = smlp.compare(smlp.Model.bundled(), other, data, threads=1, progress=lambda done, all_: heard.append((done, all_)))
    theirs = json.loads(run("compare", model_file(), other, "--data", data, "--json", "--threads", 1).stdout)
    ours = json.loads(report.json)
    for values in (ours, theirs):
        for side in ("first", "second"):
            del values[side]["images_per_second"], values[side]["provenance"]
        del values["speed_ratio"], values["provenance"]
    assert ours == theirs
    assert heard[-1] == (12, 12) and report.pictures == 12 and report.errors == []
    for side, model in ((report.first, model_file()), (report.second, other)):
        assert side.acc1 == smlp.evaluate(data, model, threads=1).acc1
    assert report.difference == pytest.approx(report.second.acc1 - report.first.acc1)
    sessions = [smlp.Session(smlp.Model.load(file), threads=1) for file in (model_file(), other)]
    pictures = sorted(data.rglob("*.png"))
    best = [[session.predict(picture, top=1)[0].label for picture in pictures] for session in sessions]
    flipped = [(str(p), a, b) for p, a, b in zip(pictures, *best) if a != b]
    assert [(flip.file, *flip.answers) for flip in report.flips] == flipped
    assert "McNemar" in str(report) and json.loads(json.dumps(report.to_dict()))["pictures"] == 12
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = report.to_dataframe()
    assert isinstance(table, pandas.DataFrame) and len(table) == len(flipped)

    precisions = smlp.compare("fp32", "bf16", data, model=smlp.Model.bundled(), threads=1)
    assert (precisions.first.precision, precisions.second.precision) == ("fp32", "bf16")
    named = smlp.compare(f"{model_file()}:bf16", "bf16", data, threads=1)
    assert named.flips == [] and named.largest_error == 0
    with pytest.raises(smlp.OptionError, match="the other was not"):
        smlp.compare(smlp.Model.bundled(), smlp.Model.load(model_file(), crop_pct=0.5), data)
    with pytest.raises(smlp.JobError, match="none.pth"):
        smlp.compare("none.pth", other, data)
    with pytest.raises(smlp.JobError, match="nowhere"):
        smlp.compare("fp32", "bf16", tmp_path / "nowhere")


def test_compare_takes_models_by_what_they_were_told(tmp_path: Path, data: Path) -> None:
    names = [f"name {i}" for i in range(10)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    how = {"labels": "position", "limit": 4, "threads": 1}
    how_told = {"crop_pct": 0.5, "mean": (0.5, 0.5, 0.5)}
    plain = model_file()
    told = [
        smlp.Model.load(plain, classes=names, **how_told),
        smlp.Model.load(plain, classes=list(names), **how_told),
        smlp.Model.load(plain, classes=tmp_path / "names.txt", crop_pct=0.5, mean=[0.5, 0.5, 0.5]),
    ]
    (tmp_path / "folders").mkdir()
    for folder in sorted(data.iterdir()):
        (tmp_path / "folders" / f"name {len(list((tmp_path / 'folders').iterdir()))}").symlink_to(folder)
    how["labels"] = "name"
    for second in told:
        report = smlp.compare(told[0], second, tmp_path / "folders", **how)  # type: ignore[arg-type]
        assert report.pictures == 4 and report.flips == [] and report.largest_error == 0
    report = smlp.compare("fp32", told[1], tmp_path / "folders", model=told[0], **how)  # type: ignore[arg-type]
    assert report.largest_error == 0
    # What is given here holds for both, whatever they were told.
    report = smlp.compare(told[0], plain, tmp_path / "folders", classes=names, **how_told, **how)  # type: ignore[arg-type]
    assert report.largest_error == 0
    for first, second, model in [(told[0], plain, None), (plain, told[0], None), (told[0], "fp32", None),
                                 (told[0], smlp.Model.load(plain, classes=names[::-1], **how_told), None),
                                 (told[0], smlp.Model.load(plain, classes=names), None), ("fp32", plain, told[0])]:
        with pytest.raises(smlp.OptionError, match="the other was not"):
            smlp.compare(first, second, tmp_path / "folders", model=model, **how)  # type: ignore[arg-type]
    with pytest.raises(smlp.OptionError, match="neither"):
        smlp.compare(plain, plain, data, model=plain)
    with pytest.raises(smlp.InputTypeError, match="first is of type NoneType"):
        smlp.compare(None, plain, data)  # type: ignore[arg-type]


def test_class_names_are_a_list_or_a_file(tmp_path: Path, data: Path) -> None:
    wnids = ["n01440764", "n02102040", "n02979186", "n03000684", "n03028079", "n03394916", "n03417042", "n03425413",
             "n03445777", "n03888257"]
    names = [f"{wnid} name {i}" for i, wnid in enumerate(wnids)]
    (tmp_path / "names.txt").write_text("\n".join(names), encoding="utf-8")
    expected = [f"name {i}" for i in range(10)]
    for classes in (names, tuple(names), (name for name in names), tmp_path / "names.txt", str(tmp_path / "names.txt")):
        model = smlp.Model.load(model_file(), classes=classes)
        assert model.class_names == expected
        for one in (model, pickle.loads(pickle.dumps(model))):
            assert [row.label for row in smlp.evaluate(data, one, threads=1).per_class] == ["name 0", "name 1", "name 4"]
    for classes in (names, tmp_path / "names.txt"):
        report = smlp.evaluate(data, model_file(), classes=classes, threads=1)
        assert [row.label for row in report.per_class] == ["name 0", "name 1", "name 4"]
        written = smlp.compile(model_file(), tmp_path / "named", classes=classes, force=True).output
        assert smlp.Model.load(written).class_names == expected
    # WordNet ids stand apart from the names in all lines or in none.
    ids = [f"n0144076{i} {name}" for i, name in enumerate("abcdefghij")]
    assert smlp.Model.load(model_file(), classes=ids).class_names == list("abcdefghij")
    with pytest.raises(smlp.ModelError, match="class 1, 'b', has no WordNet id and a name"):
        smlp.Model.load(model_file(), classes=["n01440764 a", *"bcdefghij"])
    for wrong in (["a"] * 9 + ["\udc80"], ["a\nb"] * 10, ["a\rb"] * 10, ["a\0b"] * 10, [""] * 10, [], "", b"x", {"a"}, 5):
        for call in (lambda w: smlp.Model.load(model_file(), classes=w), lambda w: smlp.evaluate(data, classes=w),
                     lambda w: smlp.compile(model_file(), tmp_path / "x", classes=w),
                     lambda w: smlp.quantize(model_file(), tmp_path / "x", data, classes=w),
                     lambda w: smlp.compare("fp32", "bf16", data, classes=w)):
            with pytest.raises(smlp.OptionError):
                call(wrong)  # type: ignore[no-untyped-call]


def test_a_model_in_memory_has_no_file_to_read(tmp_path: Path, data: Path) -> None:
    from test_model import state_dict

    model = smlp.Model.load(state_dict())
    for job in (lambda: smlp.evaluate(data, model), lambda: smlp.compile(model, tmp_path / "x"),
                lambda: smlp.export(model, tmp_path / "x.onnx"), lambda: smlp.quantize(model, tmp_path / "x", data),
                lambda: smlp.compare(model, "fp32", data), lambda: smlp.compare("fp32", "bf16", data, model=model)):
        with pytest.raises(smlp.OptionError, match="in memory.*torch.save"):
            job()
    assert smlp.bench(model, batch_sizes=[1], loop=1, threads=1, pin=False).results[0].executions == 1


def test_pictures_are_paths(tmp_path: Path, data: Path) -> None:
    """Of all jobs that take some."""
    jobs = {
        "data": [smlp.evaluate, lambda x: smlp.compare("fp32", "bf16", x),
                 lambda x: smlp.quantize(model_file(), tmp_path / "x", data, max_drop=1, data=x)],
        "calibrate": [lambda x: smlp.quantize(model_file(), tmp_path / "x", x)],
    }
    for name, calls in jobs.items():
        for job in calls:
            for wrong, kind in [([], smlp.OptionError), (b"x", smlp.InputTypeError), (5, smlp.InputTypeError),
                                ([5], smlp.InputTypeError), ("\ud800", smlp.InputError), ("a\0b", smlp.InputError)]:
                with pytest.raises(kind, match=name):
                    job(wrong)  # type: ignore[no-untyped-call]
    for job in (jobs["data"][0], jobs["data"][1], jobs["calibrate"][0]):
        with pytest.raises(smlp.InputTypeError, match="None"):
            job(None)  # type: ignore[no-untyped-call]
    with pytest.raises(smlp.OptionError, match="progress"):
        smlp.evaluate(data, progress=3)  # type: ignore[arg-type]


def test_export_writes_the_programs_bytes(tmp_path: Path, files: list[Path], program_logits: numpy.ndarray) -> None:
    report = smlp.export(model_file(), tmp_path / "ours.onnx", opset=17)
    assert run("export", "--pth_path", model_file(), "--onnx_path", tmp_path / "theirs.onnx", "--opset_version",
               17).returncode == 0
    assert (tmp_path / "ours.onnx").read_bytes() == (tmp_path / "theirs.onnx").read_bytes()
    assert (report.opset, report.image_size, report.num_classes, report.model_name) == (17, 128, 10, None)
    again = smlp.Session(smlp.Model.load(report.output), threads=1).logits(files)
    assert numpy.abs(again - program_logits).max() < 1e-3
    with pytest.raises(smlp.JobError):
        smlp.export(model_file(), tmp_path / "x.onnx", opset=5)
    with pytest.raises(smlp.JobError):
        smlp.export(model_file(), tmp_path / "x.onnx", model_name="smlpnet_tiny")
    for wrong in ({"opset": "17"}, {"opset": 17.0}, {"model_name": 3}):
        with pytest.raises(smlp.OptionError):
            smlp.export(model_file(), tmp_path / "x.onnx", **wrong)  # type: ignore[arg-type]
    for job in (smlp.export, smlp.compile):
        for none in (None, 5, b"x"):
            with pytest.raises(smlp.InputTypeError, match="path"):
                job(none, tmp_path / "x.onnx")  # type: ignore[operator]


def test_bench(tmp_path: Path) -> None:
    heard: list[tuple[int, float]] = []
    report = smlp.bench(batch_sizes=[1, 2], seconds=0.1, threads=1, pin=False,
                        progress=lambda batch, rate: heard.append((batch, rate)))
    assert heard == [(t.batch, t.images_per_second) for t in report.results]
    assert [t.batch for t in report.results] == [1, 2] and report.best.images_per_second > 0
    assert report.threads == 1 and report.precision == "fp32" and "images/s" in str(report)
    assert report.to_dict()["results"][1]["batch"] == 2
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = report.to_dataframe()
    assert isinstance(table, pandas.DataFrame) and list(table.index) == [1, 2]
    (tmp_path / "a.json").write_text(report.json)
    assert run("bench", "--compare", tmp_path / "a.json", tmp_path / "a.json").returncode == 0
    source = json.loads(report.json)["provenance"]["model"]
    assert source == {"file": str(model_file()), "sha256": hashlib.sha256(model_file().read_bytes()).hexdigest()}
    assert report.results[0].profile is None

    def stop(batch: int, rate: float) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        smlp.bench(batch_sizes=[1, 2], loop=1, threads=1, pin=False, progress=stop)
    for options in ({"batch_sizes": []}, {"batch_sizes": [0]}, {"seconds": 0}, {"loop": 0}, {"mode": "fast"},
                    {"batch_sizes": [1.5]}, {"batch_sizes": 8}, {"batch_sizes": "1,8"}, {"progress": 3}, {"progress": "x"},
                    {"seconds": "1"}, {"threads": "2"}):
        with pytest.raises(smlp.OptionError):
            smlp.bench(**options)


def test_a_profile_and_its_trace(tmp_path: Path) -> None:
    how: dict[str, Any] = {"batch_sizes": [2], "loop": 2, "threads": 1, "pin": False, "profile": True}
    report = smlp.bench(**how, trace=tmp_path / "trace.json")
    profile = report.results[0].profile
    assert profile is not None and profile.milliseconds > 0
    assert sum(step.calls for step in profile.steps) == sum(kind.calls for kind in profile.kinds)
    spent = sum(step.milliseconds for step in profile.steps) + profile.rest_milliseconds
    assert spent == pytest.approx(profile.milliseconds, rel=0.01)
    assert sum(step.macs for step in profile.steps) == pytest.approx(2 * report.gmacs * 1e9, rel=0.01)
    assert "outside of all steps" in str(report) and json.loads(json.dumps(report.to_dict())) == report.to_dict()
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {event["name"] for event in events} >= {step.name for step in profile.steps}
    with pytest.raises(smlp.JobError, match="trace.json.*force"):
        smlp.bench(**how, trace=tmp_path / "trace.json")
    smlp.bench(**how, trace=tmp_path / "trace.json", force=True)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(smlp.JobError, match="mine.txt"):
        smlp.bench(**how, trace=tmp_path / "mine.txt", force=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    for wrong, words in [({"trace": tmp_path / "t", "profile": False}, "profile=True"), ({"force": True}, "trace"),
                         ({"profile": 1}, "True or False"), ({"force": "yes"}, "True or False")]:
        with pytest.raises(smlp.OptionError, match=words):
            smlp.bench(**{**how, **wrong})
    with pytest.raises(smlp.InputTypeError, match="trace"):
        smlp.bench(**how, trace=5)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert isinstance(profile.to_dataframe(), pandas.DataFrame) and "profile" not in report.to_dataframe()


def test_compare_bench(tmp_path: Path) -> None:
    report = smlp.bench(batch_sizes=[1, 2], loop=1, threads=1, pin=False)

    def measured(milliseconds: float, **changed: object) -> str:
        """As on a quiet machine."""
        values = {**json.loads(report.json), "peak_load": None, **changed}
        values["lesser_peak_gflops"] = values["peak_gflops"]
        for row in values["results"]:
            row.update(images_per_second=1000 * row["batch"] / milliseconds, load=None, doubt=None)
            row["latency_ms"] = {name: milliseconds for name in row["latency_ms"]}
        return json.dumps(values)

    report = dataclasses.replace(report, json=measured(1))
    slower = tmp_path / "-slower.json"
    slower.write_text(measured(10, precision="bf16"))
    with pytest.warns(smlp.BenchWarning, match="precision"):
        found = smlp.compare_bench(report, slower)
    assert found.verdict == "slower" and [batch.batch for batch in found.batches] == [1, 2]
    assert found.batches[0].ratio == pytest.approx(0.1) and any("precision" in one for one in found.differences)
    assert "slower" in str(found) and json.loads(json.dumps(found.to_dict())) == found.to_dict()
    with pytest.warns(smlp.BenchWarning):
        assert smlp.compare_bench(slower, report).verdict == "faster"
    assert smlp.compare_bench(report, report).verdict == "can't tell"
    (tmp_path / "none.json").write_text("{}")
    for wrong in (tmp_path / "none.json", tmp_path / "missing.json", tmp_path):
        with pytest.raises(smlp.JobError, match=wrong.name):
            smlp.compare_bench(report, wrong)
    with pytest.raises(smlp.InputTypeError, match="after"):
        smlp.compare_bench(report, 5)  # type: ignore[arg-type]


def test_ctrl_c_ends_a_bench() -> None:
    code = "import signal, smlp; signal.signal(signal.SIGINT, signal.default_int_handler); print('ready', flush=True); smlp.bench(batch_sizes=[1] * 50, seconds=0.2, pin=False)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors
