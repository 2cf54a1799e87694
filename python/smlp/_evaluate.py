"""smlp.evaluate"""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from dataclasses import dataclass, field
from pathlib import Path as _Path
from typing import TYPE_CHECKING

from ._jobs import Report
from ._model import Model
from .errors import JobError, OptionError

if TYPE_CHECKING:
    from typing import Any, Literal

    import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from ._types import Path


class EvaluationWarning(UserWarning):
    """What could make the accuracy mean something else than the reader thinks."""


@dataclass(frozen=True)
class ClassAccuracy(Report):
    """Of one class that the data has."""

    index: int  #: of the model's class
    folder: str
    label: str
    images: int
    acc1: float | None  #: None without pictures
    acc5: float | None
    mistaken_for: int | None  #: the class that it was most often taken for
    mistakes: int  #: how often


@dataclass(frozen=True)
class Evaluation(Report):
    """What `smlp.evaluate` found."""

    images: int  #: answered
    skipped: int  #: could not be read, and are not counted
    not_finite: int  #: logits that are no finite numbers; counted as wrong
    acc1: float
    acc5: float
    acc1_interval: tuple[float, float]  #: 95 %
    acc5_interval: tuple[float, float]
    seconds: float  #: decoding included
    images_per_second: float
    label_rule: str  #: how class folders name classes: "wnid", "name", "index" or "position"
    per_class: list[ClassAccuracy]
    errors: list[str]  #: a line for each picture that could not be read
    json: str = field(repr=False)  #: as `smlp evaluate --json` writes it

    def to_dataframe(self) -> pandas.DataFrame:
        """A row a class. Needs pandas."""
        import pandas

        return pandas.DataFrame([one.to_dict() for one in self.per_class]).set_index("index")

    def __str__(self) -> str:
        (low1, high1), (low5, high5) = self.acc1_interval, self.acc5_interval
        skipped = f"; {self.skipped} skipped" if self.skipped else ""
        return (
            f"acc@1 {self.acc1:.4f} ({low1:.4f} to {high1:.4f}), acc@5 {self.acc5:.4f} ({low5:.4f} to {high5:.4f})\n"
            f"{self.images} pictures, {self.images_per_second:.1f} pictures/s with decoding{skipped}"
        )


def evaluate(
    data: Path,
    model: Model | Path | None = None,
    *,
    labels: Literal["wnid", "name", "index", "position"] | None = None,
    classes: Path | None = None,
    batch: int = 8,
    threads: int | None = None,
    precision: Literal["fp32", "bf16", "int8"] | None = None,
    mode: Literal["automatic", "throughput", "latency"] = "automatic",
    isa: str | None = None,
) -> Evaluation:
    """Accuracy on labelled pictures: what `smlp evaluate` says, run in a process of its own.

    Args:
        data: an ImageFolder: a folder a class.
        model: a path, or a Model that was loaded from one; None: the bundled model.
        labels: how class folders name the model's classes; None: by WordNet id or name, and refused in doubt.
        classes: a file with a class name a line.
        batch, threads, precision, mode, isa: as of :class:`smlp.Session`.

    Raises:
        JobError: data without pictures or labels, a model that cannot be read, folders that match in part.
        OptionError: a model made of tensors in memory.

    Warns:
        EvaluationWarning: accuracy at chance level, folders without pictures.
    """
    command = ["evaluate", "--json", "--data", os.fspath(data), "--batch", str(batch), "--mode", mode]
    command += _model_options(model, classes)
    for name, value in [("--labels", labels), ("--threads", threads), ("--precision", precision), ("--isa", isa)]:
        if value is not None:
            command += [name, str(value)]
    status, out, remarks = _run(command)
    for text in remarks["warning"]:
        warnings.warn(text, EvaluationWarning, stacklevel=2)
    if status == 2:
        raise OptionError(remarks["error"][-1])
    if not out:
        raise JobError(remarks["error"][-1] if remarks["error"] else f"smlp ended with status {status}")
    return _evaluation(out, remarks["error"][:-1])  # the last is the count of the others


def _model_options(model: Model | Path | None, classes: Path | None) -> list[str]:
    options: list[str] = []
    if isinstance(model, Model):
        if model._made is None:
            raise OptionError("a model made of tensors in memory; save it to a file and give its path")
        path, own_classes, how = model._made
        options += ["--model", path]
        for name, value in zip(("img-size", "crop-pct", "interpolation", "mean", "std"), how):
            if value is not None:
                words = [str(v) for v in value] if isinstance(value, tuple) else [str(value)]
                options += [f"--{name}", ",".join(words)]
        if classes is None and isinstance(own_classes, list):
            raise OptionError("class names in a list; give them as a file, which other processes can read")
        classes = own_classes if classes is None else classes
    elif model is not None:
        options += ["--model", os.fspath(model)]
    return options if classes is None else [*options, "--classes", os.fspath(classes)]


def _run(arguments: list[str]) -> tuple[int, str, dict[str, list[str]]]:
    program = str(_Path(__file__).parent / "bin" / "smlp")
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate()
    except BaseException:  # Ctrl-C, for one: nothing goes on without us
        process.kill()
        process.wait()
        raise
    remarks: dict[str, list[str]] = {"error": [], "warning": []}
    for line in err.splitlines():
        kind, _, text = line.removeprefix("smlp: ").partition(": ")
        remarks[kind if kind in remarks else "error"].append(text if kind in remarks else line)
    return process.returncode, out, remarks


def _evaluation(text: str, errors: list[str]) -> Evaluation:
    values: dict[str, Any] = json.loads(text)
    names = ("images", "skipped", "not_finite", "acc1", "acc5", "seconds", "images_per_second", "label_rule")
    return Evaluation(
        **{name: values[name] for name in names},
        acc1_interval=tuple(values["acc1_interval"]),
        acc5_interval=tuple(values["acc5_interval"]),
        per_class=[
            ClassAccuracy(**{name: row[name] for name in ClassAccuracy.__dataclass_fields__})
            for row in values["per_class"]
        ],
        errors=errors,
        json=text,
    )
