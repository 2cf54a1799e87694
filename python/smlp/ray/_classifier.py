"""smlp.ray.Classifier, and the columns that answers become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]
import ray  # type: ignore[import-untyped,import-not-found,unused-ignore]

from .._checks import flag, whole, word
from .._model import Model
from .._session import Session
from .._types import Prediction
from ..errors import InputError, OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, Union

    from .._types import Path

#: Best classes, best first; null where there is an error.
TOP = pyarrow.list_(
    pyarrow.struct([("index", pyarrow.int32()), ("label", pyarrow.string()), ("probability", pyarrow.float64())])
)


def assigned_threads() -> int | None:
    """The CPUs that Ray assigned to this worker, at least 1; None outside of Ray's workers."""
    if not ray.is_initialized():
        return None
    context = ray.get_runtime_context()
    if context.worker.mode != ray.WORKER_MODE:
        return None
    return max(1, int(context.get_assigned_resources().get("CPU", 0)))


class Answers:
    """Answers of many pictures, column by column."""

    def __init__(self, *, logits: bool) -> None:
        self.top: list[Any] = []
        self.logits: list[Any] | None = [] if logits else None
        self.error: list[str | None] = []

    def add(self, predictions: Any, logits: Any, error: object) -> None:
        """One picture's: predictions and logits, or why there are none."""
        failed = error is not None
        self.error.append(str(error) if failed else None)
        self.top.append(None if failed else [p._asdict() for p in predictions])
        if self.logits is not None:
            self.logits.append(None if failed else logits)

    def columns(self) -> dict[str, Any]:
        """Arrow arrays: `top`, `logits` where they were asked for, `error`. Their types never depend on the rows."""
        columns = {"top": pyarrow.array(self.top, TOP)}
        if self.logits is not None:
            columns["logits"] = pyarrow.array(self.logits, pyarrow.list_(pyarrow.float32()))
        columns["error"] = pyarrow.array(self.error, pyarrow.string())
        return columns


def answer(session: Session, pictures: Sequence[Any], top: int, answers: Answers) -> None:
    """Adds one answer a picture. An exception in the place of a picture is its answer."""
    good = [picture for picture in pictures if not isinstance(picture, Exception)]
    found = iter(session._core.answers(good, top, Prediction))
    for picture in pictures:
        if isinstance(picture, Exception):
            answers.add(None, None, picture)
        else:
            logits, predictions, error = next(found)
            answers.add(predictions, logits, error)


class Classifier:
    """Answers encoded pictures in ``ray.data.Dataset.map_batches``.

    A batch keeps its columns but for the pictures, and gets ``top``, a list of structs (index, label, probability),
    best first; ``logits``, a list of float32, where it is asked for; and ``error``, null or why there is no answer: a
    broken picture is a row like others, and never ends the job. Threads are the CPUs that Ray assigned (``num_cpus``).

    Feed it bytes (``ray.data.read_binary_files``, or a column of Parquet or WebDataset), so that the library decodes,
    and give ``map_batches`` a batch_size: 64 is a good one. ``batch_format="pyarrow"`` saves a copy.

    Args:
        model: a path that every node can read, or a Model that was loaded from one; None: the bundled model.
        column: of the pictures: bytes of JPEG or PNG files, or paths that the node can read.
        top: how many classes to give.
        logits: whether to give the logits too.
        threads: None: those that Ray assigned.
        precision, mode, batch, isa: as of :class:`smlp.Session`. Nodes with different processors choose different
            kernels, whose last bits differ: name an isa that all have where that matters.

    Raises:
        ModelError, OptionError: when an actor starts.
        InputError: a batch without that column.
    """

    def __init__(
        self,
        model: Model | Path | None = None,
        *,
        column: str = "bytes",
        top: int = 5,
        logits: bool = False,
        threads: int | None = None,
        precision: Literal["fp32", "bf16", "int8"] | None = None,
        mode: Literal["automatic", "throughput", "latency"] = "automatic",
        batch: int = 8,
        isa: str | None = None,
    ) -> None:
        if whole("top", top) < 1:
            raise OptionError(f"the best {top} classes; ask for 1 or more")
        if not isinstance(model, Model):
            model = Model.bundled() if model is None else Model.load(model)
        self.session = Session(
            model, threads=assigned_threads() if threads is None else threads, precision=precision, mode=mode, batch=batch, isa=isa
        )
        self.column = word("column", column)
        self.top = top
        self.logits = flag("logits", logits)

    def __call__(self, batch: Union[Mapping[str, Any], pyarrow.Table]) -> pyarrow.Table:
        """`batch`: columns of numpy arrays, or an Arrow table."""
        table = batch if isinstance(batch, pyarrow.Table) else ray.data.block.BlockAccessor.batch_to_block(dict(batch))
        if self.column not in table.column_names:
            raise InputError(
                f"the batch has no column '{self.column}', but {', '.join(table.column_names)}; pass column= in "
                "fn_constructor_kwargs"
            )
        answers = Answers(logits=self.logits)
        answer(self.session, [picture_of(value) for value in table.column(self.column)], self.top, answers)
        table = table.drop_columns([self.column])
        for name, values in answers.columns().items():
            if name in table.column_names:
                table = table.drop_columns([name])
            table = table.append_column(name, values)
        return table


def picture_of(value: Any) -> Any:
    """The picture in a value of Arrow: bytes, without a copy where they lie in a buffer; or why there is none."""
    if not value.is_valid:
        return InputError("no picture: the value is null")
    return memoryview(value.as_buffer()) if hasattr(value, "as_buffer") and not is_text(value) else value.as_py()


def is_text(value: Any) -> bool:
    """Whether a value of Arrow is a string."""
    return bool(pyarrow.types.is_string(value.type) or pyarrow.types.is_large_string(value.type))
