"""smlp.export"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _core
from ._checks import flag, path, whole, word
from ._model import Model
from ._program import made_of
from ._report import Report

if TYPE_CHECKING:
    from ._types import Path


@dataclass(frozen=True)
class ExportReport(Report):
    """What `smlp.export` wrote."""

    output: str  #: path of the .onnx file
    bytes: int  #: its size
    opset: int
    model_name: str | None  #: "smlpnet_tiny" ...; None for a network without a name
    parameters: int
    image_size: int
    num_classes: int

    def __str__(self) -> str:
        return f"{self.output}: {self.bytes / 1e6:.1f} MB, opset {self.opset}, {self.parameters:,} parameters"


def _file_of(model: Model | Path) -> bytes:
    return os.fsencode(made_of(model).file if isinstance(model, Model) else path("a model", model))


def export(
    checkpoint: Model | Path, onnx: Path, *, model_name: str = "auto", opset: int = 11, force: bool = False
) -> ExportReport:
    """Writes ONNX of any checkpoint or compiled model, as `smlp export` does.

    Args:
        checkpoint: the path of PyTorch's format, safetensors, ONNX or a `.smlp`, or a Model that was loaded from one.
        onnx: where to write.
        model_name: "smlpnet_tiny", "smlpnet_small" or "smlpnet_base" is checked against the checkpoint.
        opset: 11 to 23; of a model in int8 from 13 on.
        force: replace a file that exists.

    Raises:
        JobError: a checkpoint that cannot be read or is of another name, an opset that is not written, a file that is
            there already.
    """
    file, out = _file_of(checkpoint), os.fsencode(path("onnx", onnx))
    return ExportReport(**_core.export_onnx(file, out, word("model_name", model_name), whole("opset", opset), flag("force", force)))
