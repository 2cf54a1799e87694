"""smlp.compile and smlp.quantize"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._checks import path
from ._program import asked, flags, inputs, options, run
from ._report import Report
from .errors import InputTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from ._model import Model
    from ._program import Progress
    from ._types import Path


class CalibrationWarning(UserWarning):
    """What of the pictures makes the scales of int8 less good."""


@dataclass(frozen=True)
class CompileReport(Report):
    """What `smlp.compile` wrote."""

    output: str  #: path of the .smlp file
    bytes: int  #: its size
    precision: str  #: "fp32", "bf16" or "int8"
    gelu: str  #: "high_precision" or "high_performance"
    batch: int | None  #: of `smlp infer` where it is given none
    parameters: int
    source_sha256: str  #: of the file that was compiled
    calibration: str | None  #: how the scales of int8 were measured
    drop: float | None  #: points that int8 loses, where `max_drop` was given
    drop_all_int8: float | None  #: and would lose with every product in int8
    returned_to_bf16: list[str] | None  #: products that are back in bf16 therefore, in the order of their harm
    op_precision: str | None  #: the file that says so, for another compile

    def __str__(self) -> str:
        line = f"{self.output}: {self.bytes / 1e6:.1f} MB, {self.precision}, {self.parameters:,} parameters"
        if self.drop is None:
            return line
        return (
            f"{line}\nint8 loses {self.drop:.2f} points, with every product in int8 {self.drop_all_int8:.2f}; "
            f"{len(self.returned_to_bf16 or [])} back in bf16, see {self.op_precision}"
        )


def compile(  # noqa: A001
    model: Model | Path,
    output: Path,
    *,
    precision: Literal["fp32", "bf16", "int8"] | None = None,
    input_shape: str | None = None,
    op_precision: Path | None = None,
    calibrate: Path | Sequence[Path] | None = None,
    calibration_images: int | None = None,
    calibration_range: Literal["mse", "minmax", "percentile"] | None = None,
    max_drop: float | None = None,
    data: Path | Sequence[Path] | None = None,
    classes: Path | Sequence[str] | None = None,
    img_size: int | None = None,
    crop_pct: float | None = None,
    interpolation: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    force: bool = False,
    progress: Progress = None,
) -> CompileReport:
    """Makes one .smlp file of any model file: what `smlp compile` does, run in a process of its own.

    Args:
        model: the path of a PyTorch checkpoint, safetensors, ONNX or .smlp, or a Model that was loaded from one: its
            file is read, and class names and preprocessing that Model.load() was told are recorded.
        output: where to write; ".smlp" is added where it is missing.
        precision: of the matrix products; None: the model's own. "int8" needs `calibrate`.
        input_shape: "input:8,3,224,224": checked, and its batch becomes the model's own.
        op_precision: the guide's op_precision.ini.
        calibrate: pictures to measure the scales of int8 on: a folder, an @list, a .tar, a file; or several of them.
        calibration_images: as many of them, evenly spread; None: 256.
        calibration_range: how ranges are chosen; None: "mse".
        max_drop: points of a hundred that int8 may lose on `data`; without it, answers of the calibration's pictures that
            may differ from fp32's. Products go back to bf16 until that holds.
        data: labelled pictures that `max_drop` is judged by.
        classes: the names of the classes in their order, or the path of a file with a name a line.
        img_size, crop_pct, interpolation, mean, std: preprocessing to record, in timm's terms.
        force: replace a file that exists.
        progress: called with (done, all) pictures of the calibration, then of the judging; what it raises ends the job.
            True draws a bar: tqdm's where it is installed.

    Raises:
        JobError: a model that cannot be read, a file that is there already, no pictures.
        OptionError: an option that makes no sense, a model made of tensors in memory.

    Warns:
        CalibrationWarning: pictures that make the scales less good.
    """
    if model is None:
        raise InputTypeError("model is None; a path or a Model is needed")
    one = asked(model, classes, img_size, crop_pct, interpolation, mean, std)
    with one.options() as beside:
        command = ["compile", "--json", *options(model=one.file, output=path("output", output), precision=precision), *beside]
        command += options(input_shape=input_shape, op_precision_mode=op_precision, max_drop=max_drop)
        command += flags(force=force)
        command += [*inputs("calibrate", calibrate, needed=False), *inputs("data", data, needed=False)]
        command += options(calibration_images=calibration_images, calibration_range=calibration_range)
        values = run(command, progress, CalibrationWarning).values
    names = set(CompileReport.__dataclass_fields__) - {"source_sha256"}
    return CompileReport(**{name: values[name] for name in names}, source_sha256=values["source"]["sha256"])


def quantize(
    model: Model | Path,
    output: Path,
    calibrate: Path | Sequence[Path],
    *,
    images: int = 256,
    range: Literal["mse", "minmax", "percentile"] = "mse",  # noqa: A002
    max_drop: float | None = None,
    data: Path | Sequence[Path] | None = None,
    input_shape: str | None = None,
    op_precision: Path | None = None,
    classes: Path | Sequence[str] | None = None,
    img_size: int | None = None,
    crop_pct: float | None = None,
    interpolation: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    force: bool = False,
    progress: Progress = None,
) -> CompileReport:
    """Makes an int8 model: `compile` with precision "int8", its scales measured on pictures.

    Args:
        model, output: as of :func:`smlp.compile`.
        calibrate: pictures as the network will see them; some hundreds do. No labels are needed.
        images: as many of them, evenly spread.
        range: how the range of each product's input is chosen.
        max_drop: points of top-1 that int8 may lose on `data`, 0 to 100; see :func:`smlp.compile`.
        data: labelled pictures, others than `calibrate`.
        input_shape, op_precision, classes, img_size, crop_pct, interpolation, mean, std, force, progress: as of
            :func:`smlp.compile`.

    Raises and warns as :func:`smlp.compile`.
    """
    if calibrate is None:
        raise InputTypeError("calibrate is None; a path of pictures is needed, or several of them")
    return compile(
        model,
        output,
        precision="int8",
        input_shape=input_shape,
        op_precision=op_precision,
        calibrate=calibrate,
        calibration_images=images,
        calibration_range=range,
        max_drop=max_drop,
        data=data,
        classes=classes,
        img_size=img_size,
        crop_pct=crop_pct,
        interpolation=interpolation,
        mean=mean,
        std=std,
        force=force,
        progress=progress,
    )
