"""smlp.pipeline, which behaves like Hugging Face's image-classification pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from ._checks import whole
from ._model import Model
from ._session import Session
from .errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Literal, Union

    from ._types import Path

    Function = Literal["softmax", "sigmoid", "none"]
    Scores = list[dict[str, Union[str, float]]]

_UNSET: Any = object()


class ImageClassificationPipeline:
    """Made by :func:`smlp.pipeline`."""

    task = "image-classification"

    def __init__(self, session: Session, top_k: int | None, function_to_apply: Function) -> None:
        self._sessions = {session.batch: session}
        self.session = session
        self.model = session.model
        self.top_k = top_k
        self.function_to_apply = function_to_apply

    def __call__(
        self,
        inputs: Any,
        *,
        top_k: int | None = _UNSET,
        function_to_apply: Function | None = None,
        batch_size: int | None = None,
    ) -> Any:
        """Classifies pictures.

        Args:
            inputs: a picture, as Session.predict takes it; a list or tuple of them, or an array of several; or a
                generator or dataset, for which a generator of answers is returned.
            top_k: how many classes to give; None: all.
            function_to_apply: what turns logits into scores.
            batch_size: pictures that go through the network at once.

        Returns:
            A list of ``{"label": str, "score": float}``, best first; for several pictures a list of such lists.
        """
        top = self.top_k if top_k is _UNSET else top_k
        function = function_to_apply or self.function_to_apply
        _check(top, function)
        session = self._session_of(batch_size)
        if isinstance(inputs, (list, tuple)):
            return self._scores(session, list(inputs), top, function) if inputs else []
        if _is_lazy(inputs):
            return self._generate(session, _items(inputs), top, function)
        return self._scores(session, inputs, top, function)

    def _session_of(self, batch_size: int | None) -> Session:
        size = self.session.batch if batch_size is None else whole("batch_size", batch_size)
        if size not in self._sessions:  # weights are shared: only its workspace is new
            options: dict[str, Any] = dict(zip(("threads", "precision", "mode", "batch", "isa", "pin"), self.session._options))
            self._sessions[size] = Session(self.model, **{**options, "batch": size})
        return self._sessions[size]

    def _scores(self, session: Session, inputs: Any, top: int | None, function: Function) -> Any:
        count = self.model.num_classes if top is None else min(top, self.model.num_classes)
        if function == "softmax":
            found = session.predict(inputs, top=count)
            if found and isinstance(found[0], list):
                return [[{"label": p.label, "score": p.probability} for p in one] for one in found]
            return [{"label": p.label, "score": p.probability} for p in found]
        logits = session.logits(inputs)
        if logits.ndim == 1:
            return self._others(logits, count, function)
        return [self._others(row, count, function) for row in logits]

    def _others(self, logits: Any, count: int, function: Function) -> Scores:
        import numpy

        scores = logits if function == "none" else 1 / (1 + numpy.exp(-logits))
        names = self.model.class_names or [f"class {i}" for i in range(len(scores))]
        best = numpy.argsort(-logits, kind="stable")[:count]
        return [{"label": names[i], "score": float(scores[i])} for i in best]

    def _generate(self, session: Session, items: Iterator[Any], top: int | None, function: Function) -> Iterator[Scores]:
        count = self.model.num_classes if top is None else top
        for answer in session.stream(items, top=count):
            if answer.error is not None:
                raise answer.error
            if function == "softmax":
                yield [{"label": p.label, "score": p.probability} for p in answer.result()]
            else:
                yield self._others(answer.logits, count, function)

    def __repr__(self) -> str:
        return f"<smlp.pipeline {self.task!r} on {self.session!r}>"


def _check(top: int | None, function: str) -> None:
    if top is not None and whole("top_k", top) < 1:
        raise OptionError(f"top_k is {top}; ask for 1 or more, or None for all")
    if function not in ("softmax", "sigmoid", "none"):
        raise OptionError(f"unknown function_to_apply '{function}'; 'softmax', 'sigmoid' or 'none'")


def _is_lazy(inputs: Any) -> bool:
    """Iterators, generators and datasets: nothing with memory or a file of its own."""
    no_items = (str, bytes, bytearray, memoryview, Mapping, Set)  # or none that are pictures in an order
    if isinstance(inputs, no_items) or hasattr(inputs, "__fspath__"):
        return False
    if any(hasattr(inputs, name) for name in ("__dlpack__", "__array__", "__array_interface__", "tobytes")):
        return False
    return hasattr(inputs, "__iter__") or (hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__"))


def _items(inputs: Any) -> Iterator[Any]:
    if hasattr(inputs, "__iter__"):
        iterable: Iterable[Any] = inputs
        return iter(iterable)
    return (inputs[i] for i in range(len(inputs)))


def pipeline(
    task: str | None = None,
    model: Path | Model | Session | None = None,
    *,
    top_k: int | None = 5,
    function_to_apply: Function = "softmax",
    batch_size: int | None = None,
    device: Any = None,
    **session_options: Any,
) -> ImageClassificationPipeline:
    """A function from pictures to labels and scores, as Hugging Face's image-classification pipeline is one.

    Args:
        task: "image-classification", which is the only one, or None.
        model: a path, a Model or a Session; None: the bundled model.
        top_k, function_to_apply, batch_size: see :meth:`ImageClassificationPipeline.__call__`.
        device: "cpu", -1 or None: there is nothing else.
        session_options: as of :class:`smlp.Session`, where `model` is none.

    >>> smlp.pipeline()("church.jpg", top_k=1)
    [{'label': 'church, church building', 'score': 0.9350}]
    """
    if task not in (None, "image-classification"):
        raise OptionError(f"unknown task '{task}'; smlp has 'image-classification'")
    if device not in (None, -1, "cpu") and str(device) != "cpu":
        raise OptionError(f"device '{device}': smlp runs on the CPU; pass device='cpu' or leave it out")
    _check(top_k, function_to_apply)
    if isinstance(model, Session):
        if session_options or batch_size is not None:
            raise OptionError("options of a session that is made already; give them to smlp.Session")
        session = model
    else:
        loaded = model if isinstance(model, Model) else Model.bundled() if model is None else Model.load(model)
        session = Session(loaded, batch=8 if batch_size is None else batch_size, **session_options)
    return ImageClassificationPipeline(session, top_k, function_to_apply)
