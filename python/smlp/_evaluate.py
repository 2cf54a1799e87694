"""smlp.evaluate"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._program import asked, flags, inputs, options, run
from ._report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from ._model import Model
    from ._program import Outcome, Progress
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
    acc1: float | None  #: None without pictures, as a part of a run may be
    acc5: float | None
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
        if self.acc1 is None or self.acc5 is None:
            return f"no picture; {self.skipped} skipped"
        (low1, high1), (low5, high5) = self.acc1_interval, self.acc5_interval
        skipped = f"; {self.skipped} skipped" if self.skipped else ""
        return (
            f"acc@1 {self.acc1:.4f} ({low1:.4f} to {high1:.4f}), acc@5 {self.acc5:.4f} ({low5:.4f} to {high5:.4f})\n"
            f"{self.images} pictures, {self.images_per_second:.1f} pictures/s with decoding{skipped}"
        )


def evaluate(
    data: Path | Sequence[Path],
    model: Model | Path | None = None,
    *,
    labels: Literal["wnid", "name", "index", "position"] | None = None,
    limit: int | None = None,
    predictions: Path | None = None,
    confusion: Path | None = None,
    journal: Path | None = None,
    resume: bool = False,
    force: bool = False,
    shard: str | None = None,
    classes: Path | Sequence[str] | None = None,
    img_size: int | None = None,
    crop_pct: float | None = None,
    interpolation: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    batch: int = 8,
    threads: int | None = None,
    precision: Literal["fp32", "bf16", "int8"] | None = None,
    mode: Literal["automatic", "throughput", "latency"] = "automatic",
    isa: str | None = None,
    pin: bool = False,
    progress: Progress = None,
) -> Evaluation:
    """Accuracy on labelled pictures: what `smlp evaluate` says, run in a process of its own.

    Args:
        data: an ImageFolder (a folder a class), an @list, a .tar with labels; or several of them.
        model: a path, or a Model that was loaded from one; None: the bundled model.
        labels: how class folders name the model's classes; None: by WordNet id or name, and refused in doubt.
        limit: only so many pictures.
        predictions: a file to write, a line of JSON a picture.
        confusion: a .csv to write, a row a pair of classes.
        journal: a file that keeps the outcome of each picture, so that a run can be resumed.
        resume: go on where an interrupted run with the same options stopped.
        force: replace the files of an earlier evaluation.
        shard: "2/4": the second of four parts of the pictures.
        classes: the names of the classes in their order, or the path of a file with a name a line.
        img_size, crop_pct, interpolation, mean, std: preprocessing other than the model's own, in timm's terms.
        batch, threads, precision, mode, isa, pin: as of :class:`smlp.Session`.
        progress: called with (done, all) pictures, at most ten times a second; what it raises ends the job. True draws a
            bar: tqdm's where it is installed.

    Raises:
        JobError: data without pictures or labels, a model that cannot be read, folders that match in part.
        OptionError: a model made of tensors in memory, options that make no sense.

    Warns:
        EvaluationWarning: accuracy at chance level, folders without pictures.
    """
    one = asked(model, classes, img_size, crop_pct, interpolation, mean, std)
    with one.options() as beside:
        command = ["evaluate", "--json", *inputs("data", data), *options(model=one.file), *beside]
        command += options(labels=labels, limit=limit, predictions=predictions, confusion=confusion, journal=journal)
        command += options(shard=shard, batch=batch, threads=threads, precision=precision, mode=mode, isa=isa)
        return _evaluation(run([*command, *flags(resume=resume, force=force, pin=pin)], progress, EvaluationWarning))


def _evaluation(outcome: Outcome) -> Evaluation:
    values = outcome.values
    names = ("images", "skipped", "not_finite", "acc1", "acc5", "seconds", "images_per_second", "label_rule")
    return Evaluation(
        **{name: values[name] for name in names},
        acc1_interval=tuple(values["acc1_interval"]),
        acc5_interval=tuple(values["acc5_interval"]),
        per_class=[
            ClassAccuracy(**{name: row[name] for name in ClassAccuracy.__dataclass_fields__})
            for row in values["per_class"]
        ],
        errors=outcome.errors[:-1],  # the last is the count of the others
        json=outcome.text,
    )
