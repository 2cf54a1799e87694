"""examples/confusion_matrix.py runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support import ROOT, picture_pixels

import smlp


def test_the_confusion_matrix_of_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    wnids = ["n01440764", "n02102040", "n03028079"]
    for i, wnid in enumerate(wnids):
        (tmp_path / "data" / wnid).mkdir(parents=True)
        for j in range(3):
            Image.fromarray(picture_pixels(160, 140, 10 * i + j)).save(tmp_path / "data" / wnid / f"{j}.png")
    (tmp_path / "data" / wnids[0] / "broken.jpg").write_bytes(b"no picture")
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "confusion_matrix.py"), "data"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "confusion.png") as plot:
        assert plot.size[0] > 800
    assert done.stdout.count("left out: data/n01440764/broken.jpg") == 1
    right = re.search(r"^9 pictures, ([0-9.]+) of them right$", done.stdout, re.M)
    assert right and float(right[1]) == round(smlp.evaluate(tmp_path / "data").acc1, 4)
