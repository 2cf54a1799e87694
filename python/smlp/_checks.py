"""Options of other types than they should have are refused by name, before the module sees them."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import InputError, InputTypeError, OptionError

if TYPE_CHECKING:
    from typing import Any, Union

_LARGEST = 2**31 - 1


def whole(name: str, value: Any) -> int:
    """A whole number, of Python's or numpy's, that fits the library's."""
    try:
        number = operator.index(value)
    except TypeError:
        raise OptionError(f"{name} is {value!r}; a whole number is needed") from None
    if abs(number) > _LARGEST:
        raise OptionError(f"{name} is {number}; {_LARGEST} is the largest")
    return number


def real(name: str, value: Any) -> float:
    """A number, not NaN."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        number = float(value)
        if number != number:
            raise ValueError
        return number
    except (TypeError, ValueError):
        raise OptionError(f"{name} is {value!r}; a number is needed") from None


def word(name: str, value: Any) -> str:
    """A word."""
    if not isinstance(value, str):
        raise OptionError(f"{name} is {value!r}; a word is needed")
    return value


def three(name: str, value: Any) -> tuple[float, float, float]:
    """A number for each of red, green and blue."""
    try:
        red, green, blue = value
    except (TypeError, ValueError):
        raise OptionError(f"{name} is {value!r}; three numbers are needed, of red, green and blue") from None
    return real(name, red), real(name, green), real(name, blue)


def path(name: str, value: Any) -> str:
    """The path of a file."""
    if not isinstance(value, (str, os.PathLike)):
        raise InputTypeError(f"{name} is of type {type(value).__name__}; a path is needed")
    text = os.fsdecode(value)
    if "\0" in text:
        raise InputError(f"{name} holds a NUL byte; no file has such a name")
    return text


def names(value: Any) -> Union[bytes, list[str]]:
    """Of classes: the path of a file, or the names themselves."""
    if value is None:
        return []
    if isinstance(value, (str, os.PathLike)):
        return os.fsencode(value)
    if isinstance(value, (bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise OptionError(f"classes is of type {type(value).__name__}; pass a list of names, or the path of a file")
    return [word("a class name", name) for name in value]


def session_options(
    threads: Any, batch: Any, precision: Any, mode: Any, isa: Any, pin: Any
) -> tuple[int, int, Union[str, None], str, str, bool]:
    """As the module takes them."""
    return (
        0 if threads is None else whole("threads", threads),
        whole("batch", batch),
        None if precision is None else word("precision", precision),
        word("mode", mode),
        "" if isa is None else word("isa", isa),
        bool(pin),
    )
