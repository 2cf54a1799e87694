"""smlp.compare"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._checks import path
from ._evaluate import EvaluationWarning
from ._model import Model
from ._program import asked, inputs, options, run
from ._report import Report
from .errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from ._program import Outcome, Progress
    from ._types import Path

_PRECISIONS = ("fp32", "bf16", "int8")


@dataclass(frozen=True)
class ComparedModel(Report):
    """One of the two."""

    model: str  #: its file
    precision: str
    isa: str
    acc1: float
    acc5: float
    acc1_interval: tuple[float, float]  #: 95 %
    not_finite: int  #: logits that are no finite numbers; counted as wrong
    images_per_second: float  #: of inference alone


@dataclass(frozen=True)
class Flip(Report):
    """A picture that the two answer differently."""

    file: str
    label: str
    answers: tuple[str, str]  #: "not finite" where there is none
    right: tuple[bool, bool]


@dataclass(frozen=True)
class Comparison(Report):
    """What `smlp.compare` found."""

    first: ComparedModel
    second: ComparedModel
    pictures: int  #: that both answered
    skipped: int  #: that could not be read
    difference: float  #: acc@1 of the second less that of the first
    difference_interval: tuple[float, float]  #: 95 %
    only_right: tuple[int, int]  #: pictures that one alone is right about
    mcnemar_p: float  #: two-sided: how probable so uneven a split is if both are as good
    relative_error: float  #: of the second's logits
    largest_error: float  #: of one logit
    speed_ratio: float  #: of the second to the first
    flips: list[Flip]
    errors: list[str]  #: a line for each picture that could not be read
    json: str = field(repr=False)  #: as `smlp compare --json` writes it

    def to_dataframe(self) -> pandas.DataFrame:
        """A row a picture that is answered differently. Needs pandas."""
        import pandas

        columns = ["file", "label", "first", "second", "right_first", "right_second"]
        rows = [(flip.file, flip.label, *flip.answers, *flip.right) for flip in self.flips]
        return pandas.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        lines = [
            f"{side.model or 'bundled model'}, {side.precision}, {side.isa}: acc@1 {side.acc1:.4f} "
            f"({side.acc1_interval[0]:.4f} to {side.acc1_interval[1]:.4f}), acc@5 {side.acc5:.4f}, "
            f"{side.images_per_second:.1f} pictures/s"
            for side in (self.first, self.second)
        ]
        low, high = self.difference_interval
        share = 100 * len(self.flips) / self.pictures
        lines.append(
            f"{self.pictures} pictures, {len(self.flips)} answered differently ({share:.2f} %), acc@1 differs by "
            f"{self.difference:+.4f} ({low:+.4f} to {high:+.4f}), McNemar's p = {self.mcnemar_p:.3g}"
        )
        return "\n".join(lines)


def compare(
    first: Model | Path,
    second: Model | Path,
    data: Path | Sequence[Path],
    *,
    model: Model | Path | None = None,
    labels: Literal["wnid", "name", "index", "position"] | None = None,
    limit: int | None = None,
    classes: Path | Sequence[str] | None = None,
    img_size: int | None = None,
    crop_pct: float | None = None,
    interpolation: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    batch: int = 8,
    threads: int | None = None,
    isa: str | None = None,
    progress: Progress = None,
) -> Comparison:
    """Two models, or one in two precisions, on the same labelled pictures: what `smlp compare` says, run in a process of
    its own.

    Args:
        first, second: a Model that was loaded from a file, a path, "path:precision", or a precision ("fp32", "bf16",
            "int8") of `model`.
        data: an ImageFolder (a folder a class), an @list, a .tar with labels; or several of them.
        model: whose precisions are meant; None: the bundled model.
        labels, limit, batch, threads, isa: as of :func:`smlp.evaluate`.
        classes, img_size, crop_pct, interpolation, mean, std: for both models; see :func:`smlp.evaluate`.
        progress: called with (done, all) pictures, at most ten times a second; what it raises ends the job. True draws a
            bar: tqdm's where it is installed.

    Raises:
        JobError: data without pictures or labels, a model that cannot be read, models of other classes.
        OptionError: a model made of tensors in memory; two of which one alone was loaded with other class names or
            preprocessing than its file's; an option that makes no sense.

    Warns:
        EvaluationWarning: what could make the accuracy mean something else than the reader thinks.
    """
    for name, side in (("first", first), ("second", second)):
        if not isinstance(side, Model):
            path(name, side)
    if model is not None and not {first, second} & {*_PRECISIONS}:
        raise OptionError('model= is whose precisions are meant, and neither of the two is "fp32", "bf16" or "int8"')
    how = (img_size, crop_pct, interpolation, mean, std)
    sides = [asked(model if side in _PRECISIONS else side, classes, *how) for side in (first, second)]
    if not sides[0].same_beside(sides[1]):
        raise OptionError(
            "one of the two was loaded with class names or preprocessing that the other was not; load both with the same, "
            "pass them here, where they hold for both, or compile each with its own"
        )
    words = [side if side in _PRECISIONS else one.file for side, one in zip((first, second), sides)]
    of = next((one.file for side, one in zip((first, second), sides) if side in _PRECISIONS), None)
    command = ["compare", "--json", *options(first=words[0], second=words[1], model=of), *inputs("data", data)]
    command += options(labels=labels, limit=limit, batch=batch, threads=threads, isa=isa)
    with sides[0].options() as beside:
        return _comparison(run([*command, *beside], progress, EvaluationWarning))


def _comparison(outcome: Outcome) -> Comparison:
    values = outcome.values
    left_out = ("first", "second", "flips", "errors", "json", "difference_interval", "only_right")
    return Comparison(
        **{name: values[name] for name in Comparison.__dataclass_fields__ if name not in left_out},
        first=_side(values["first"]),
        second=_side(values["second"]),
        difference_interval=tuple(values["difference_interval"]),
        only_right=tuple(values["only_right"]),
        flips=[Flip(row["file"], row["label"], tuple(row["answers"]), tuple(row["right"])) for row in values["flips"]],
        errors=outcome.errors,
        json=outcome.text,
    )


def _side(values: dict[str, Any]) -> ComparedModel:
    known = {name: values[name] for name in ComparedModel.__dataclass_fields__}
    return ComparedModel(**{**known, "acc1_interval": tuple(values["acc1_interval"])})
