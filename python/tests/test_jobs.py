"""compile, export and bench do what the program's commands do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

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
            del values[side]["images_per_second"]
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
    with pytest.raises(smlp.OptionError, match="different"):
        smlp.compare(smlp.Model.bundled(), smlp.Model.load(model_file(), crop_pct=0.5), data)
    with pytest.raises(smlp.JobError, match="none.pth"):
        smlp.compare("none.pth", other, data)
    with pytest.raises(smlp.JobError, match="nowhere"):
        smlp.compare("fp32", "bf16", tmp_path / "nowhere")


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

    def stop(batch: int, rate: float) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        smlp.bench(batch_sizes=[1, 2], loop=1, threads=1, pin=False, progress=stop)
    for options in ({"batch_sizes": []}, {"batch_sizes": [0]}, {"seconds": 0}, {"loop": 0}, {"mode": "fast"},
                    {"batch_sizes": [1.5]}, {"seconds": "1"}, {"threads": "2"}):
        with pytest.raises(smlp.OptionError):
            smlp.bench(**options)


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
