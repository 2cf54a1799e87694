"""An evaluation from Python is the program's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support import PROGRAM, model_file, picture_pixels
from PIL import Image

import smlp


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for c, wnid in enumerate(("n01440764", "n02102040", "n03028079")):
        (root / wnid).mkdir()
        for i in range(4):
            Image.fromarray(picture_pixels(140, 130, 10 * c + i)).save(root / wnid / f"{i}.png")
    return root


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
