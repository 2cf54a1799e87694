"""Runs the program that the package carries, for whole jobs: what it does, says and refuses becomes Python's."""

from __future__ import annotations

import contextlib
import json
import numbers
import os
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path as _Path
from typing import TYPE_CHECKING

from ._checks import flag, names, path, preprocessing
from ._model import Model
from .errors import JobError, OptionError, ResourceError, SmlpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Union

    from ._types import Path

    # Called with (done, all); True draws a bar.
    Progress = Union[Callable[[int, int], object], bool, None]

PROGRAM = _Path(__file__).parent / "bin" / "smlp"


@dataclass(frozen=True)
class Outcome:
    """Of a run that gave a result."""

    text: str  #: what it printed: JSON
    errors: list[str]  #: of single pictures

    @property
    def values(self) -> dict[str, Any]:
        """The JSON, read."""
        read: dict[str, Any] = json.loads(self.text)
        return read


def run(arguments: Sequence[str], progress: Progress = None, warning: type[Warning] = UserWarning) -> Outcome:
    """What `smlp ARGUMENTS` printed. Ends it with the exception that ends this.

    Raises:
        OptionError: the command line makes no sense.
        ResourceError: memory, threads or a disk failed.
        JobError: whatever else the program says.
    """
    if any("\0" in argument for argument in arguments):
        raise OptionError("an option that holds a NUL byte")
    errors: list[SmlpError] = []
    cautions: list[str] = []
    environment = {**os.environ, "SMLP_REMARKS": "json"}
    with tempfile.TemporaryFile("w+") as out, shown(progress) as hear:
        process = subprocess.Popen(
            [str(PROGRAM), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env=environment
        )
        with _ended(process):
            assert process.stderr is not None
            for line in process.stderr:
                remark = _remark(line.decode(errors="replace"))
                if "progress" in remark:
                    hear(remark["progress"]["done"], remark["progress"]["all"])
                elif "warning" in remark:
                    cautions.append(remark["warning"])
                else:
                    errors.append(_error(remark))
        out.seek(0)
        text = out.read()
    for caution in cautions:
        warnings.warn(caution, warning, stacklevel=3)
    if process.returncode == 2 and errors:
        raise _of_class(OptionError, errors[-1])
    if not text:
        raise errors[-1] if errors else JobError(f"smlp ended with status {process.returncode}")
    return Outcome(text, [str(error) for error in errors])


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:  # Ctrl-C, or what the callback raised: nothing goes on without us
        process.kill()
        raise
    finally:
        assert process.stderr is not None
        process.stderr.close()
        process.wait()


def _remark(line: str) -> dict[str, Any]:
    """An object of JSON, or text that something else wrote: the loader, a sanitizer."""
    try:
        read: dict[str, Any] = json.loads(line)
        return read
    except ValueError:
        return {"error": line.strip()}


def _error(remark: Mapping[str, Any]) -> SmlpError:
    made = (ResourceError if remark.get("transient") else JobError)(remark["error"])
    made.what = remark.get("what") or remark["error"]
    for part in ("file", "offset", "tensor", "remedy"):
        setattr(made, part, remark.get(part))
    made.transient = bool(remark.get("transient"))
    return made


def _of_class(kind: type[SmlpError], error: SmlpError) -> SmlpError:
    made = kind(*error.args)
    made.__dict__.update(error.__dict__)
    return made


@contextlib.contextmanager
def shown(progress: Progress, unit: str = "picture") -> Iterator[Callable[[int, int], object]]:
    """What hears (done, all): the caller's function, a bar of tqdm, a line on stderr where there is no tqdm, or nothing."""
    if callable(progress):
        yield progress
    elif progress is None or not flag("progress", progress):
        yield lambda done, all_: None
    else:
        with contextlib.ExitStack() as stack:
            yield _bar(stack, unit)


def _bar(stack: contextlib.ExitStack, unit: str) -> Callable[[int, int], object]:
    import sys

    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ModuleNotFoundError:
        stack.callback(lambda: print(file=sys.stderr))
        return lambda done, all_: print(f"\r{done} of {all_}", end="", file=sys.stderr, flush=True)
    bar = stack.enter_context(tqdm(unit=unit))

    def draw(done: int, all_: int) -> None:
        if bar.total != all_:
            bar.reset(all_)
        bar.update(done - bar.n)

    return draw


def options(**values: object) -> list[str]:
    """--the-name=VALUE of each that is not None."""
    return [f"--{name.replace('_', '-')}={_text(name, value)}" for name, value in values.items() if value is not None]


def flags(**values: object) -> list[str]:
    """--the-name of each that is True."""
    return [f"--{name}" for name, value in values.items() if flag(name, value)]


def _text(name: str, value: Any) -> str:
    """As the program reads it. Nothing stands for its repr(), which the program might take for a word."""
    if isinstance(value, (str, os.PathLike)):
        return path(name, value)
    if isinstance(value, tuple):
        return ",".join(_text(name, one) for one in value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return str(value)
    raise OptionError(f"{name} is {value!r}, of type {type(value).__name__}; a word, a number or a path is needed")


def inputs(name: str, paths: Any, *, needed: bool = True) -> list[str]:
    """--name=A --name=B, of a path or several."""
    if paths is None and not needed:
        return []
    is_one = paths is None or isinstance(paths, (str, bytes, os.PathLike)) or not hasattr(paths, "__iter__")
    words = [f"--{name}={path(name, one)}" for one in ([paths] if is_one else paths)]
    if not words:
        raise OptionError(f"{name} is empty; pass a path, or several of them")
    return words


@dataclass(frozen=True)
class Asked:
    """A model as a job is to run it: its file, and what is given beside that."""

    file: str | None  #: None: the bundled model
    classes: Union[str, list[str], None]  #: a file of names, or the names; None: those of `file`
    class_names: Union[str, list[str], None]  #: what `classes` came to, to be compared
    how: dict[str, Any]  #: preprocessing other than the model's own

    def same_beside(self, other: Asked) -> bool:
        """Whether the same is given beside both files."""
        return (self.class_names, self.how) == (other.class_names, other.how)

    @contextlib.contextmanager
    def options(self) -> Iterator[list[str]]:
        """--classes and the options of preprocessing. Names are in a file for as long as this lasts."""
        with contextlib.ExitStack() as stack:
            classes = _listed(stack, self.classes) if isinstance(self.classes, list) else self.classes
            yield options(classes=classes, **self.how)


def asked(model: Model | Path | None, classes: Any, *how: Any) -> Asked:
    """What is given here comes before what Model.load() was told; `how` are the arguments that _checks.HOW names.

    Raises:
        OptionError: a model made of tensors in memory, options of another type.
    """
    own, given = names(classes), preprocessing(*how)
    if not isinstance(model, Model):
        return Asked(None if model is None else path("a model", model), own, own, given)
    made = made_of(model)
    if own is not None:
        return Asked(made.file, own, own, {**made.how, **given})
    return Asked(made.file, made.classes, model.class_names if made.classes else None, {**made.how, **given})


def made_of(model: Model) -> Any:
    """The file of a model, and what Model.load() was told."""
    if model._made is None:
        raise OptionError(
            "a model made of tensors in memory, where a file is read; save them, with torch.save or safetensors, and "
            "give Model.load() that file"
        )
    return model._made


def _listed(stack: contextlib.ExitStack, several: Sequence[str]) -> str:
    """A file with these names, a line each."""
    file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8"))
    file.write("".join(f"{name}\n" for name in several))
    file.flush()
    return file.name
