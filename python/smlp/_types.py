"""Types of arguments and results. Nothing here is imported at run time but what costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from typing import Any, Protocol, Union

    import numpy
    import numpy.typing
    import PIL.Image

    FloatArray = numpy.typing.NDArray[numpy.float32]
    Path = Union[str, os.PathLike[str]]

    class SupportsDLPack(Protocol):
        """torch, jax, cupy ...: anything that hands out its memory by DLPack."""

        def __dlpack__(self, *, stream: Any = ...) -> Any: ...

    class SupportsArray(Protocol):
        """Anything that becomes a numpy array."""

        def __array__(self) -> Any: ...

    # One picture: a path, the bytes of a JPEG or PNG file, a PIL image, uint8 HWC pixels, or a prepared float32 CHW
    # tensor.
    Picture = Union[str, os.PathLike[str], bytes, bytearray, memoryview, PIL.Image.Image, SupportsDLPack, SupportsArray]
    # One or many: arrays may have a first dimension more.
    Pictures = Union[Picture, Iterable[Picture]]
    StateDict = Mapping[str, Any]


class Prediction(NamedTuple):
    """One class of a picture's answer."""

    index: int  # type: ignore[assignment]  #: of the class, from 0
    label: str  #: its name, or "class 207" where the model carries no names
    probability: float  #: softmax over all classes

    def __repr__(self) -> str:
        return f"Prediction({self.label!r}, {self.probability:.4f})"
