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
    with pytest.raises(smlp.OptionError, match="int3"):
        smlp.compile(model_file(), tmp_path / "x", precision="int3")  # type: ignore[arg-type]
    with pytest.raises(smlp.OptionError):
        smlp.compile(model_file(), tmp_path / "x", input_shape="input:x")
    with pytest.raises(smlp.JobError, match="none.pth"):
        smlp.compile("none.pth", tmp_path / "x")


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
    for options in ({"batch_sizes": []}, {"batch_sizes": [0]}, {"seconds": 0}, {"loop": 0}, {"mode": "fast"}):
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
