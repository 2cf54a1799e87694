"""smlp.Model"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from . import _core
from ._checks import HOW, names, path, preprocessing
from .errors import InputTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._core import Model as CoreModel
    from ._types import FloatArray, Path, Pictures, StateDict


class Preprocessing(NamedTuple):
    """What pictures go through: RGB, short side to `resize`, centre crop, (pixel / 255 - mean) / std."""

    resize: int  #: pixels of the short side
    crop: int  #: pixels of a side of the crop, which is the network's input
    interpolation: str  #: Pillow's filter: "bicubic"
    mean: tuple[float, float, float]  #: of red, green and blue
    std: tuple[float, float, float]


class _Made(NamedTuple):
    """What Model.load() was told, for whoever loads it again."""

    file: str
    classes: str | list[str] | None  #: a file of names, or the names
    how: dict[str, Any]  #: preprocessing, by the names of _checks.HOW


class Model:
    """An sMLPNet read from a file or from tensors, ready for sessions.

    Immutable; any number of threads and sessions may share one. It can be pickled where it came from a file: the other
    process reads that file again.

    >>> model = smlp.Model.bundled()
    >>> model.image_size, model.num_classes
    (128, 10)
    """

    __slots__ = ("_core", "_made", "__weakref__")
    _core: CoreModel
    _made: _Made | None

    def __init__(self) -> None:
        raise TypeError("use Model.load(path) or Model.bundled()")

    @classmethod
    def load(
        cls,
        source: Path | StateDict,
        *,
        classes: Path | Sequence[str] | None = None,
        img_size: int | None = None,
        crop_pct: float | None = None,
        interpolation: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> Model:
        """Reads a model.

        Args:
            source: the path of a compiled model (.smlp), a PyTorch checkpoint, safetensors or ONNX, told by its
                content; or a mapping of names to numpy arrays or torch tensors: a state dict, or a checkpoint that
                holds one, under the rules for files.
            classes: the names of the classes in their order, or the path of a file with a name a line; else those that
                the file carries.
            img_size, crop_pct, interpolation, mean, std: preprocessing other than the model's own, in timm's terms.

        Raises:
            ModelError: no sMLPNet, or a damaged one; names the file, tensor or byte, and the remedy.
            InputTypeError: a source that is neither, tensors on another device.
            OptionError: an unknown interpolation, options of another type.
        """
        own, how = names(classes), preprocessing(img_size, crop_pct, interpolation, mean, std)
        overrides = _core.Overrides(os.fsencode(own) if isinstance(own, str) else own or [], *map(how.get, HOW))
        if isinstance(source, (str, os.PathLike)):
            file = path("a model", source)
            made = _Made(os.path.abspath(file) if file else file, os.path.abspath(own) if isinstance(own, str) else own, how)
            return cls._of(_core.Model.load(os.fsencode(file), overrides), made)
        if not isinstance(source, Mapping):
            raise InputTypeError(
                f"a model cannot be loaded from {type(source).__name__}; pass a path, or a mapping of names to arrays "
                "such as module.state_dict()"
            )
        return cls._of(_core.Model.of_tensors(source, overrides), None)

    @classmethod
    def bundled(cls) -> Model:
        """The small Imagenette model that comes with the package: 10 classes, 128 x 128 pixels."""
        return cls.load(os.fsdecode(_core.bundled_file()))

    @classmethod
    def _of(cls, core: CoreModel, made: _Made | None) -> Model:
        self = object.__new__(cls)
        self._core = core
        self._made = made
        return self

    def preprocess(self, x: Pictures) -> FloatArray:
        """What the network sees of a picture, to the same bits as Pillow and torchvision make it.

        Args:
            x: a path, encoded bytes, a PIL image or uint8 HWC pixels; uint8 NHWC pixels, or an iterable of pictures.

        Returns:
            float32 (channels, size, size); with a first dimension more where several were given.

        Raises:
            PictureError: a picture that cannot be read or decoded.
            InputTypeError, InputError: something else than a picture, or none.
        """
        return self._core.preprocess(x)

    @property
    def file(self) -> str | None:
        """The file that it was read from; None for tensors in memory."""
        return None if self._made is None else self._made.file

    @property
    def image_size(self) -> int:
        """Height and width of the input, pixels."""
        return self._core.image_size

    @property
    def in_channels(self) -> int:
        """Planes of the input."""
        return self._core.in_channels

    @property
    def num_classes(self) -> int:
        """Length of one picture's logits."""
        return self._core.classes

    @property
    def class_names(self) -> list[str]:
        """By class index; empty where the model carries none."""
        return self._core.class_names

    @property
    def preprocessing(self) -> Preprocessing:
        """What pictures go through before the network."""
        return Preprocessing(*self._core.preprocessing)

    @property
    def dim(self) -> int:
        """Channels of the first stage."""
        return self._core.dim

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks of each stage."""
        return tuple(self._core.depths)

    @property
    def parameters(self) -> int:
        """How many numbers were learnt."""
        return self._core.parameters

    @property
    def precision(self) -> str:
        """In which a session computes unless told otherwise: "fp32", "bf16" or "int8"."""
        return self._core.precision

    def __repr__(self) -> str:
        name = f" {self._core.source!r}" if self._core.source else ""
        depths = "-".join(map(str, self.depths))
        return (
            f"<smlp.Model{name}: sMLPNet, dim {self.dim}, depths {depths}, {self.parameters:,} parameters, "
            f"{self.in_channels} x {self.image_size} x {self.image_size} -> {self.num_classes} classes>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if self._made is None:
            import pickle

            raise pickle.PicklingError(
                "a model made of tensors in memory cannot be pickled; save it to a file and load that in each process"
            )
        return _again, tuple(self._made)


def _again(file: str, classes: Any, how: dict[str, Any]) -> Model:
    return Model.load(file, classes=classes, **how)
