"""What the tests share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy
import pytest
from PIL import Image
from support import PROGRAM, picture_pixels, program_environment

import smlp


@pytest.fixture(scope="session")
def model() -> smlp.Model:
    return smlp.Model.bundled()


@pytest.fixture(scope="session")
def session(model: smlp.Model) -> smlp.Session:
    return smlp.Session(model, threads=2)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """PNG, JPEG, grey and palette pictures of several shapes."""
    folder = tmp_path_factory.mktemp("pictures")
    made = []
    for i, (width, height, kind) in enumerate(
        [(200, 150, "png"), (150, 200, "jpg"), (128, 128, "png"), (640, 130, "jpg"), (90, 91, "png"), (301, 300, "jpg")]
    ):
        image = Image.fromarray(picture_pixels(width, height, i))
        if i == 4:
            image = image.convert("P")
        if i == 5:
            image = image.convert("L")
        made.append(folder / f"{i}.{kind}")
        image.save(made[-1], **({"quality": 90} if kind == "jpg" else {}))
    return made


@pytest.fixture(scope="session")
def program_logits(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> numpy.ndarray:
    """The logits of `files` as the C++ program writes them."""
    out = tmp_path_factory.mktemp("infer")
    command = [PROGRAM, "infer", "--input", ",".join(map(str, files)), "--output", out, "--output_dirname", "run"]
    subprocess.run([*command, "--outfmt", "NPY"], check=True, capture_output=True, env=program_environment())
    return numpy.concatenate([numpy.load(out / "run" / f"{file.stem}_0.npy").reshape(1, -1) for file in files])


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in folders of three classes of the bundled model."""
    root = tmp_path_factory.mktemp("data")
    for c, wnid in enumerate(("n01440764", "n02102040", "n03028079")):
        (root / wnid).mkdir()
        for i in range(4):
            Image.fromarray(picture_pixels(140, 130, 10 * c + i)).save(root / wnid / f"{i}.png")
    return root
