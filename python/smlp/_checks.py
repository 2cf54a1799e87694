"""Options of other types than they should have are refused by name, before the module sees them."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from .errors import InputError, InputTypeError, OptionError

if TYPE_CHECKING:
    from typing import Any, Union

_LARGEST = 2**31 - 1


def whole(name: str, value: Any) -> int:
    """A whole number, of Python's or numpy's, that fits the library's."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise OptionError(f"{name} is {value!r}; a whole number is needed") from None
    if abs(number) > _LARGEST:
        raise OptionError(f"{name} is {number}; {_LARGEST} is the largest")
    return number


def real(name: str, value: Any) -> float:
    """A number, not NaN."""
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        number = float(value)
        if number != number:
            raise ValueError
        return number
    except (TypeError, ValueError):
        raise OptionError(f"{name} is {value!r}; a number is needed") from None


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that Python takes for one of them."""
    if type(value).__name__ not in ("bool", "bool_"):  # numpy's is called either, by its version
        raise OptionError(f"{name} is {value!r}; True or False is needed")
    return bool(value)


def word(name: str, value: Any) -> str:
    """A word."""
    if not isinstance(value, str) or not value:
        raise OptionError(f"{name} is {value!r}; a word is needed")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise OptionError(f"{name} is {value!r}, which is no text; half a character is in it") from None
    return value


def three(name: str, value: Any) -> tuple[float, float, float]:
    """A number for each of red, green and blue."""
    try:
        if isinstance(value, (Mapping, Set)):
            raise TypeError
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
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise InputError(f"{name} is {text!r}, which is no text; no file has such a name") from None
    return text


def names(value: Any) -> Union[str, list[str], None]:
    """Of classes: the path of a file, or the names themselves; None where there are none."""
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        file = path("classes", value)
        if not file:
            raise OptionError("classes is an empty path; pass the path of a file, or None")
        return file
    if isinstance(value, (bytes, Mapping, Set)) or not hasattr(value, "__iter__"):
        raise OptionError(f"classes is of type {type(value).__name__}; pass a list of names, or the path of a file")
    several = [word("a class name", name) for name in value]
    if not several:
        raise OptionError("classes is empty; pass a name a class, in their order, or None")
    for name in several:
        if any(end in name for end in "\n\r\0"):
            raise OptionError(f"a class name with a line break or a NUL: {name!r}; a name is one line")
    return several


#: What `preprocessing` takes, in order.
HOW = ("img_size", "crop_pct", "interpolation", "mean", "std")


def preprocessing(img_size: Any, crop_pct: Any, interpolation: Any, mean: Any, std: Any) -> dict[str, Any]:
    """What is given of a preprocessing other than the model's own, by the names of HOW."""
    checks = zip(HOW, (whole, real, word, three, three), (img_size, crop_pct, interpolation, mean, std))
    return {name: check(name, value) for name, check, value in checks if value is not None}


def session_options(
    threads: Any, batch: Any, precision: Any, mode: Any, isa: Any, pin: Any
) -> tuple[int, int, Union[str, None], str, str, bool]:
    """As the module takes them."""
    if threads is not None and whole("threads", threads) < 1:
        raise OptionError(f"threads is {threads}; pass 1 or more, or None for as many as the process may use")
    return (
        0 if threads is None else whole("threads", threads),
        whole("batch", batch),
        None if precision is None else word("precision", precision),
        word("mode", mode),
        "" if isa is None else word("isa", isa),
        flag("pin", pin),
    )
