"""smlp.Session"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from . import _core
from ._checks import session_options, whole
from ._model import Model
from ._types import Prediction
from .errors import ClosedError, InputTypeError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Any, Literal

    from ._types import FloatArray, Pictures
    from .errors import SmlpError


atexit.register(_core.end_calls)


class Answer:
    """What a stream says of one picture: predictions and logits, or an error."""

    __slots__ = ("index", "predictions", "logits", "error")

    def __init__(
        self,
        index: int,
        predictions: list[Prediction] | None,
        logits: FloatArray | None,
        error: SmlpError | None,
    ) -> None:
        self.index = index  #: place in the stream, from 0
        self.predictions = predictions  #: best first; None where there is an error
        self.logits = logits  #: float32 (classes,); None where there is an error
        self.error = error  #: why there is no answer, or None

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return self.error is None

    def result(self) -> list[Prediction]:
        """The predictions; raises the error where there is one."""
        if self.error is not None:
            raise self.error
        assert self.predictions is not None
        return self.predictions

    def __repr__(self) -> str:
        return f"<smlp.Answer {self.index}: {self.predictions if self.error is None else repr(self.error)}>"


class Session:
    """Runs a model on this machine's processors.

    Pictures are paths, encoded bytes, PIL images, uint8 HWC pixels (numpy, or anything with DLPack or ``__array__``),
    or prepared float32 CHW tensors. Arrays may have a first dimension more, and iterables hold single pictures; both
    give answers with a first dimension more. Memory is shared, not copied, where its layout allows; no value is ever
    converted silently.

    A session may be used from several threads: calls wait for each other, and the GIL is released while they compute.
    For many callers at once see :class:`smlp.Batcher`. In a child process after ``fork`` a session makes itself anew
    when it is first used there; for ``spawn`` it is pickled by the file of its model.

    Args:
        model: shared with other sessions, weights included.
        threads: None: as many as the process may use.
        precision: "fp32", "bf16", "int8", or None: the model's own.
        mode: how threads share the work: "throughput" (each takes pictures of its own), "latency" (all share each
            picture), or "automatic".
        batch: the most pictures that go through the network at once.
        isa: kernels to use, a name of ``smlp info``; None: the best here.
        pin: keep each thread on a processor of its own.

    Raises:
        OptionError: options that make no sense or that this machine cannot serve.
        InputTypeError: a model that is none.
        ResourceError: memory or threads that run out.

    >>> with smlp.Session(model) as session:
    ...     session.predict("church.jpg", top=1)
    [Prediction('church, church building', 0.9350)]
    """

    def __init__(
        self,
        model: Model,
        *,
        threads: int | None = None,
        precision: Literal["fp32", "bf16", "int8"] | None = None,
        mode: Literal["automatic", "throughput", "latency"] = "automatic",
        batch: int = 8,
        isa: str | None = None,
        pin: bool = False,
    ) -> None:
        if not isinstance(model, Model):
            raise InputTypeError(f"a session needs a smlp.Model, not {type(model).__name__}; use Model.load(path)")
        self._options = (threads, precision, mode, batch, isa, pin)
        self._model = model
        self._core = _core.Session(model._core, *session_options(threads, batch, precision, mode, isa, pin))

    def logits(self, x: Pictures) -> FloatArray:
        """The network's output.

        Returns:
            float32 (classes,) of one picture, (n, classes) of an array of n or an iterable.

        Raises:
            PictureError: the first picture that cannot be read or decoded. See :meth:`stream` for an error an item.
            InputTypeError: another type, dtype or device; nothing is converted silently.
            InputError: a wrong shape, NaN or infinities, or no picture at all.
            ClosedError: the session is closed.
        """
        return self._core.logits(x)

    def predict(self, x: Pictures, top: int = 5) -> Any:
        """The `top` best classes, best first: a list of Prediction of one picture, a list of such lists of several.

        Raises as :meth:`logits`.
        """
        return self._core.predict(x, whole("top", top), Prediction)

    def predict_proba(self, x: Pictures) -> FloatArray:
        """Softmax of the logits over all classes, in the shape of :meth:`logits`."""
        return self._core.probabilities(x)

    def stream(self, iterable: Iterable[Any], *, top: int = 5) -> Iterator[Answer]:
        """Answers for the pictures of any iterable, in order, as they are asked for.

        Takes `batch` pictures at a time, so that endless iterables are fine. A picture that is broken, or is none, has
        an :class:`Answer` with its error, and the others go on. Where the iterable itself raises, what it gave before
        is answered first.

        Raises:
            InputTypeError: a single picture: pass ``[x]``.
            OptionError: less than one class asked for.
            ClosedError: the session is closed.
        """
        if whole("top", top) < 1:
            raise OptionError(f"the best {top} classes; ask for 1 or more")
        return self._stream(_several(iterable), top)

    def _stream(self, items: Iterator[Any], top: int) -> Iterator[Answer]:
        index = 0
        failure: BaseException | None = None
        while failure is None:
            taken: list[Any] = []
            try:
                for item in islice(items, self.batch):
                    taken.append(item)
            except Exception as raised:
                failure = raised
            if not taken and failure is None:
                return
            for logits, predictions, error in self._core.answers(taken, top, Prediction):
                yield Answer(index, predictions, logits, error)
                index += 1
        raise failure

    def close(self) -> None:
        """Ends the threads and frees the workspace, after the calls that are under way. Closing twice is fine."""
        self._core.close()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._core.closed

    @property
    def model(self) -> Model:
        """What it runs."""
        return self._model

    @property
    def threads(self) -> int:
        """How many compute."""
        return self._core.threads

    @property
    def batch(self) -> int:
        """The most pictures that go through the network at once."""
        return self._core.batch

    @property
    def precision(self) -> str:
        """ "fp32", "bf16" or "int8"."""
        return self._core.precision

    @property
    def isa(self) -> str:
        """The kernels in use, "avx2" for one."""
        return self._core.isa

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        threads = "" if self.closed else "1 thread" if self.threads == 1 else f"{self.threads} threads"
        state = "closed" if self.closed else f"{threads}, {self.precision}, {self.isa}, batch {self.batch}"
        return f"<smlp.Session of {self._model!r}: {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.closed:
            raise ClosedError("the session is closed, and a copy would be open; make a new one")
        return _again, (self._model, self._options)


def _several(iterable: Any) -> Iterator[Any]:
    """Its iterator: the letters of a path, the rows of an image and the lines of a file are no pictures."""
    is_array = hasattr(iterable, "ndim") and getattr(getattr(iterable, "dtype", None), "kind", "") not in ("O", "U", "T")
    is_one = isinstance(iterable, (str, bytes, bytearray, memoryview)) or (is_array and iterable.ndim < 4)
    if isinstance(iterable, (set, frozenset)):
        raise InputTypeError("a set, whose pictures have no order to answer in; pass a list, sorted(x) for one")
    if hasattr(iterable, "columns"):
        raise InputTypeError("a table, whose items are no pictures; pass a column, x['path'] for one")
    if is_one or isinstance(iterable, Mapping) or any(hasattr(iterable, n) for n in ("__fspath__", "read", "getpixel")):
        raise InputTypeError(f"{type(iterable).__name__} where an iterable of pictures is taken; pass [x] for one picture")
    try:
        return iter(iterable)
    except TypeError:
        raise InputTypeError(f"{type(iterable).__name__} is no iterable of pictures; pass [x] for one picture") from None


def _again(model: Model, options: tuple[Any, ...]) -> Session:
    return Session(model, **dict(zip(("threads", "precision", "mode", "batch", "isa", "pin"), options)))
