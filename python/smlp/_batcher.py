"""smlp.Batcher"""

from __future__ import annotations

import atexit
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Union

from . import _core
from ._checks import real, session_options, whole
from ._model import Model
from ._types import Prediction
from .errors import InputTypeError, OptionError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import Any, Literal

    from ._types import FloatArray, Picture


_NEVER = 365 * 86400  # seconds; clocks would overflow on infinity


class Times(NamedTuple):
    """Times in microseconds; bucket b of the histogram counts those below 2 ** b."""

    events: int
    total: int
    largest: int
    histogram: list[int]


class BatcherStatistics(NamedTuple):
    """Counts at one moment: accepted == answered + failed + expired + cancelled + queued + running."""

    accepted: int
    refused: int
    answered: int
    failed: int
    expired: int
    cancelled: int
    queued: int
    running: int
    batches: list[int]  #: [n]: how many batches had n pictures
    queue: Times  #: from submit() to the start of its batch, a request
    compute: Times  #: reading, decoding and inference, a batch


class Request(Future):  # type: ignore[type-arg]
    """The answer to come: ``await request`` in a coroutine, ``request.result(timeout)`` in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self._stop = _core.Stop()

    def cancel(self) -> bool:
        """Gives up the answer; a request that has not begun yet is not computed."""
        cancelled = super().cancel()
        if cancelled:
            self._stop.stop()
        return cancelled

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio

        return asyncio.wrap_future(self).__await__()


class Batcher:
    """Answers single pictures from many threads or coroutines by gathering them into batches.

    Has a session and a thread of its own, and may be used from any number of threads. Each request is answered exactly
    once, in the order of :meth:`submit`. It belongs to the process that made it.

    Args:
        model: what to run.
        max_batch: pictures that go through the network together.
        max_delay: seconds that the first of a batch waits for others.
        max_queue: requests that wait; :meth:`submit` refuses more with QueueFullError.
        threads, precision, mode, isa, pin: as of :class:`smlp.Session`.

    >>> async def classify(data: bytes):
    ...     return await batcher.submit(data, top=1)
    """

    def __init__(
        self,
        model: Model,
        *,
        max_batch: int = 8,
        max_delay: float = 0.002,
        max_queue: int = 256,
        threads: int | None = None,
        precision: Literal["fp32", "bf16", "int8"] | None = None,
        mode: Literal["automatic", "throughput", "latency"] = "automatic",
        isa: str | None = None,
        pin: bool = False,
    ) -> None:
        if not isinstance(model, Model):
            raise InputTypeError(f"a batcher needs a smlp.Model, not {type(model).__name__}; use Model.load(path)")
        if not 0 <= real("max_delay", max_delay) <= 3600:
            raise OptionError(f"a delay of {max_delay} seconds; 0 to 3600 are possible")
        if whole("max_queue", max_queue) < 1:
            raise OptionError(f"a queue of {max_queue} requests; 1 or more are needed")
        self._model = model
        count, batch, *_ = session_options(threads, max_batch, precision, mode, isa, pin)
        self._core = _core.Batcher(
            model._core, count, precision, mode, isa or "", pin, batch, float(max_delay), int(max_queue)
        )
        _open.add(self)

    def submit(self, x: Picture, *, top: int | None = 5, timeout: float | None = None) -> Request:
        """Takes one picture and returns at once.

        Args:
            x: a picture, as Session.predict takes it. Arrays must not be changed until the answer.
            top: that many Predictions are the answer, best first; None: the logits, float32 (classes,).
            timeout: seconds; a request that has not begun by then is answered with DeadlineError. More than a
                year is for ever.

        Raises:
            QueueFullError: too many wait.
            ClosedError: the batcher is closed, or of another process.
            InputTypeError, InputError: not a picture. A picture that cannot be decoded is an error of the answer.
        """
        if timeout is not None:
            timeout = real("timeout", timeout)
            timeout = None if timeout > _NEVER else timeout
        if top is not None and whole("top", top) < 1:
            raise OptionError(f"the best {top} classes; ask for 1 or more, or None for logits")
        request = Request()

        def hear(logits: Union[FloatArray, None], error: Union[Exception, None]) -> None:
            if not request.set_running_or_notify_cancel():
                return
            try:
                if error is not None:
                    raise error
                request.set_result(
                    logits if top is None else _core.top_classes(self._model._core, logits, top, Prediction)
                )
            except Exception as failure:
                request.set_exception(failure)

        self._core.submit(x, timeout, request._stop, hear)
        return request

    def statistics(self) -> BatcherStatistics:
        """What has been done so far, and what is being done."""
        counts = self._core.statistics()
        counts.update((name, Times(*counts[name])) for name in ("queue", "compute"))
        return BatcherStatistics(**counts)

    def close(self) -> None:
        """Takes no more requests, answers those that were taken and returns when all are. Not for an answer's own
        callback."""
        self._core.close()

    @property
    def model(self) -> Model:
        """What it runs."""
        return self._model

    def __repr__(self) -> str:
        counts = self.statistics()
        return f"<smlp.Batcher of {self._model!r}: {counts.queued} queued, {counts.running} running, {counts.answered} answered>"

    def __reduce__(self) -> tuple[Any, ...]:
        import pickle

        raise pickle.PicklingError("a batcher belongs to the process that made it; pickle its model, and make one in each")

    def __enter__(self) -> Batcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# Answers need the interpreter: none is given any more when it ends.
_open: weakref.WeakSet[Batcher] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for batcher in list(_open):
        batcher.close()
