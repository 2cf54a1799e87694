"""Runs the program that the package carries, for whole jobs: what it does, says and refuses becomes Python's."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path as _Path
from typing import TYPE_CHECKING

from ._checks import path
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
    if not isinstance(progress, bool) and progress is not None:
        yield progress
    elif not progress:
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
    """--the-name=VALUE of each: none where it is None or False, a flag where it is True."""
    words = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        word = "--" + name.replace("_", "-")
        if isinstance(value, (list, tuple)):
            value = ",".join(map(str, value))
        words.append(word if value is True else f"{word}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    return words


def inputs(name: str, paths: Path | Sequence[Path] | None) -> list[str]:
    """--name=A --name=B"""
    if paths is None:
        return []
    several = [paths] if isinstance(paths, (str, os.PathLike)) or not hasattr(paths, "__iter__") else list(paths)
    return [f"--{name}={path(name, one)}" for one in several]


HOW = ("img_size", "crop_pct", "interpolation", "mean", "std")


@contextlib.contextmanager
def of_model(
    model: Model | Path | None, classes: Path | None = None, how: Mapping[str, Any] | None = None
) -> Iterator[tuple[str | None, list[str]]]:
    """The file of a model, and --classes and the options of preprocessing: those given here, else those that
    Model.load() was told."""
    told = {name: value for name, value in (how or {}).items() if value is not None}
    if not isinstance(model, Model):
        yield None if model is None else path("a model", model), options(classes=classes, **told)
        return
    if model._made is None:
        raise OptionError("a model made of tensors in memory; save it to a file and give its path")
    file, own_classes, own_how = model._made
    told = {**dict(zip(HOW, own_how)), **told}
    with contextlib.ExitStack() as stack:
        if classes is None and own_classes is not None:
            classes = own_classes if isinstance(own_classes, (str, os.PathLike)) else _listed(stack, own_classes)
        yield file, options(classes=classes, **told)


def _listed(stack: contextlib.ExitStack, names: Sequence[str]) -> str:
    """A file with these names, a line each."""
    if any("\n" in name or "\r" in name for name in names):
        raise OptionError("a class name with a line break; the program reads a name a line")
    file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8"))
    file.write("".join(f"{name}\n" for name in names))
    file.flush()
    return file.name
