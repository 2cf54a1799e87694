"""An evaluation from Python is the program's."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import PROGRAM, model_file

import smlp


def comparable(text: str) -> dict[str, object]:
    times = ("seconds", "images_per_second", "latency_ms", "provenance")
    return {key: value for key, value in json.loads(text).items() if key not in times}


def test_the_programs_evaluation(data: Path) -> None:
    report = smlp.evaluate(data, threads=1)
    theirs = subprocess.run([str(PROGRAM), "evaluate", str(data), "--json", "--threads", "1", "--model", str(model_file())],
                            capture_output=True, text=True, check=True).stdout
    assert comparable(report.json) == comparable(theirs)
    assert report.images == 12 and report.label_rule == "wnid" and len(report.per_class) == 3
    assert report.acc1 == json.loads(theirs)["acc1"] and "acc@1" in str(report)
    assert report.to_dict()["per_class"][0]["images"] == 4
    session = smlp.Session(smlp.Model.bundled(), threads=1)
    names = session.model.class_names
    right = sum(session.predict(file, top=1)[0].index == names.index(row.label)
                for row in report.per_class for file in (data / row.folder).iterdir())
    assert report.acc1 == right / 12
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert isinstance(report.to_dataframe(), pandas.DataFrame)


def test_models_and_their_overrides(data: Path) -> None:
    model = smlp.Model.load(model_file(), crop_pct=0.5, interpolation="bilinear", mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    report = smlp.evaluate(data, model, threads=1)
    session = smlp.Session(model, threads=1)
    right = sum(session.predict(file, top=1)[0].index == row.index
                for row in report.per_class for file in (data / row.folder).iterdir())
    assert report.acc1 == right / 12
    assert smlp.evaluate(data, model_file(), threads=1).acc1 == smlp.evaluate(data, threads=1).acc1


def test_broken_pictures_and_refusals(data: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(data, tmp_path / "d")
    (tmp_path / "d" / "n01440764" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    report = smlp.evaluate(tmp_path / "d", threads=1)
    assert (report.images, report.skipped) == (12, 1) and len(report.errors) == 1 and "broken.jpg" in report.errors[0]
    with pytest.raises(smlp.JobError, match="missing"):
        smlp.evaluate(tmp_path / "missing")
    with pytest.raises(smlp.JobError, match="none.pth"):
        smlp.evaluate(data, "none.pth")
    with pytest.raises(smlp.OptionError):
        smlp.evaluate(data, precision="int4")  # type: ignore[arg-type]
    from test_model import state_dict

    with pytest.raises(smlp.OptionError, match="in memory"):
        smlp.evaluate(data, smlp.Model.load(state_dict()))
    (tmp_path / "d" / "n01440764").rename(tmp_path / "d" / "something")
    with pytest.raises(smlp.JobError, match="something"):
        smlp.evaluate(tmp_path / "d", threads=1)


def test_options_are_the_programs(data: Path, tmp_path: Path) -> None:
    folders = sorted(data.iterdir())
    report = smlp.evaluate(folders[0].parent, limit=5, threads=1, predictions=tmp_path / "p.jsonl",
                           confusion=tmp_path / "c.csv", journal=tmp_path / "j")
    assert report.images == 5 and len((tmp_path / "p.jsonl").read_text().splitlines()) == 5
    assert (tmp_path / "c.csv").exists()
    with pytest.raises(smlp.JobError, match="p.jsonl"):
        smlp.evaluate(data, limit=5, threads=1, predictions=tmp_path / "p.jsonl")
    again = smlp.evaluate(data, limit=5, threads=1, predictions=tmp_path / "p.jsonl", confusion=tmp_path / "c.csv",
                          journal=tmp_path / "j", resume=True)
    assert (again.images, again.acc1) == (report.images, report.acc1)
    parts = [smlp.evaluate(data, shard=f"{k}/2", threads=1) for k in (1, 2)]
    assert sum(part.images for part in parts) == 12
    assert smlp.evaluate(data, smlp.Model.bundled(), crop_pct=0.5, interpolation="nearest", threads=1).images == 12
    for wrong in ({"shard": "3/2"}, {"limit": 0}, {"resume": True}, {"batch": 0}, {"img_size": -1}, {"mode": "fast"},
                  {"resume": 1}, {"force": "yes"}, {"limit": True}, {"threads": 0}, {"labels": b"wnid"}, {"shard": [1, 2]},
                  {"crop_pct": "0.5"}, {"mean": 3}, {"pin": None}):
        with pytest.raises(smlp.OptionError):
            smlp.evaluate(data, **wrong)  # type: ignore[arg-type]


def test_errors_have_their_parts(data: Path) -> None:
    with pytest.raises(smlp.JobError) as caught:
        smlp.evaluate(data, "none.pth")
    assert caught.value.file == "none.pth" and caught.value.what and "none.pth" in str(caught.value)
    assert not caught.value.transient and "\n" not in str(caught.value)


def test_progress_is_heard(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[int, int]] = []
    smlp.evaluate(data, threads=1, progress=lambda done, all_: heard.append((done, all_)))
    assert heard[-1] == (12, 12) and heard == sorted(heard)

    def stop(done: int, all_: int) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        smlp.evaluate(data, threads=1, progress=stop)
    if importlib.util.find_spec("tqdm"):
        smlp.evaluate(data, threads=1, progress=True)
        assert "12/12" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as where it is not installed
    smlp.evaluate(data, threads=1, progress=True)
    assert capsys.readouterr().err.endswith("12 of 12\n")
