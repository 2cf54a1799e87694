"""What the tests share. They run against an installed package, or with PYTHONPATH=build/release/python."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import numpy
import pytest
from PIL import Image

import smlp

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(smlp.__file__).parent / "bin" / "smlp"


def picture_pixels(width: int, height: int, seed: int) -> numpy.ndarray:
    """Smooth shapes with grain, as photographs have."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [numpy.sin(x / random.uniform(5, 40) + y / random.uniform(5, 40) + random.uniform(0, 6)) for _ in range(3)]
    grain = random.integers(-20, 21, (height, width, 3))
    return (numpy.stack(waves, -1) * 90 + 128 + grain).clip(0, 255).astype(numpy.uint8)


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


def program_environment() -> dict[str, str]:
    return {**os.environ, "SMLP_MODEL_DIR": str(model_file().parent)}


def model_file() -> Path:
    """The bundled model, in the package or in the source tree."""
    installed = Path(smlp.__file__).parent / "share/smlp/models/smlp_imagenette.safetensors"
    return installed if installed.exists() else ROOT / "models/smlp_imagenette.safetensors"


def encoded(pixels: numpy.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
