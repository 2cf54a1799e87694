"""Pictures and paths for the tests, which run against an installed package, or with PYTHONPATH=build/release/python."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy
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
