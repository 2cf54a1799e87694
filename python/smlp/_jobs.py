"""smlp.export and smlp.bench: whole jobs, with the options of the program's commands."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import _core
from ._checks import path, real, session_options, whole, word
from ._model import Model
from ._program import shown
from ._report import Report
from .errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal

    import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from ._types import Path


@dataclass(frozen=True)
class ExportReport(Report):
    """What `smlp.export` wrote."""

    output: str  #: path of the .onnx file
    bytes: int  #: its size
    opset: int
    model_name: str | None  #: "smlpnet_tiny" ...; None for a network without a name
    parameters: int
    image_size: int
    num_classes: int

    def __str__(self) -> str:
        return f"{self.output}: {self.bytes / 1e6:.1f} MB, opset {self.opset}, {self.parameters:,} parameters"


@dataclass(frozen=True)
class BatchTimes(Report):
    """Times of one batch size: from a batch in memory to its logits."""

    batch: int
    images_per_second: float
    min_ms: float
    median_ms: float
    p90_ms: float
    p99_ms: float
    share_of_peak: float  #: arithmetic done a second / what the machine can
    peak_rss_mb: float
    executions: int
    noisy: bool  #: something else used the machine: do not trust these


@dataclass(frozen=True)
class BenchReport(Report):
    """What `smlp.bench` measured."""

    machine: str
    model: str
    precision: str
    isa: str
    threads: int
    mode: str
    pinned: bool
    peak_gflops: float
    gmacs: float  #: of one picture
    results: list[BatchTimes]
    json: str = field(repr=False)  #: as `smlp bench --json` writes it, for `smlp bench --compare`

    @property
    def best(self) -> BatchTimes:
        """The batch size with the most images a second."""
        return max(self.results, key=lambda times: times.images_per_second)

    def to_dataframe(self) -> pandas.DataFrame:
        """A row a batch size. Needs pandas."""
        import pandas

        return pandas.DataFrame([times.to_dict() for times in self.results]).set_index("batch")

    def __str__(self) -> str:
        lines = [
            f"{self.model}, {self.precision}, {self.isa}, {self.threads} threads, {self.machine}",
            "batch  images/s  median ms  p99 ms  % of peak",
        ]
        for t in self.results:
            mark = "  not to be trusted: the machine was busy" if t.noisy else ""
            lines.append(
                f"{t.batch:5}  {t.images_per_second:8.1f}  {t.median_ms:9.2f}  {t.p99_ms:6.2f}  "
                f"{100 * t.share_of_peak:9.1f}{mark}"
            )
        return "\n".join(lines)


def _file_of(model: Model | Path) -> bytes:
    if not isinstance(model, Model):
        return os.fsencode(path("a model", model))
    if model.file is None:
        raise OptionError("a model made of tensors in memory; save it to a file and give its path")
    return os.fsencode(model.file)


def export(
    checkpoint: Model | Path, onnx: Path, *, model_name: str = "auto", opset: int = 11, force: bool = False
) -> ExportReport:
    """Writes ONNX of any checkpoint or compiled model, as `smlp export` does.

    Args:
        checkpoint: the path of PyTorch's format, safetensors, ONNX or a `.smlp`, or a Model that was loaded from one.
        onnx: where to write.
        model_name: "smlpnet_tiny", "smlpnet_small" or "smlpnet_base" is checked against the checkpoint.
        opset: 11 to 23; of a model in int8 from 13 on.
        force: replace a file that exists.

    Raises:
        JobError: a checkpoint that cannot be read or is of another name, an opset that is not written, a file that is
            there already.
    """
    file, out = _file_of(checkpoint), os.fsencode(path("onnx", onnx))
    return ExportReport(**_core.export_onnx(file, out, word("model_name", model_name), whole("opset", opset), bool(force)))


def bench(
    model: Model | Path | None = None,
    *,
    batch_sizes: Sequence[int] = (1, 4, 8, 16, 32, 64),
    loop: int | None = None,
    seconds: float = 5,
    warmup: int = 1,
    threads: int | None = None,
    precision: Literal["fp32", "bf16", "int8"] | None = None,
    mode: Literal["automatic", "throughput", "latency"] = "automatic",
    isa: str | None = None,
    pin: bool = True,
    progress: Callable[[int, float], object] | bool | None = None,
) -> BenchReport:
    """Measures throughput and latency on made-up pictures, as `smlp bench` does.

    Args:
        model: a Model or a path; None: the bundled model.
        batch_sizes: pictures in one execution.
        loop: executions of each batch size; None: as many as fit in `seconds`.
        seconds: for each batch size.
        warmup: executions before the first that counts.
        threads, precision, mode, isa, pin: as of :class:`smlp.Session`.
        progress: called with (batch, images_per_second) after each batch size; what it raises ends the job. True draws
            a bar: tqdm's where it is installed.

    Raises:
        JobError: the machine cannot serve the options.
        OptionError: an option that makes no sense.
    """
    sizes = [whole("a batch size", size) for size in batch_sizes]
    if not sizes or any(not 1 <= size <= 4096 for size in sizes):
        raise OptionError(f"batch sizes {sizes}; one or more from 1 to 4096 are needed")
    rounds = 0 if loop is None else whole("loop", loop)
    if not (real("seconds", seconds) > 0 and whole("warmup", warmup) >= 0 and (loop is None or rounds > 0)):
        raise OptionError("seconds and loop are more than 0, warmup is 0 or more")
    loaded = model if isinstance(model, Model) else Model.bundled() if model is None else Model.load(model)
    session = _core.SessionOptions(*session_options(threads, 8, precision, mode, isa, pin))
    with _heard(progress, len(sizes)) as hear:
        text = _core.bench(loaded._core, sizes, rounds, seconds, warmup, session, hear)
    values = json.loads(text)
    names = {f.name for f in dataclasses.fields(BenchReport)} - {"results", "json"}
    rows = [
        BatchTimes(
            **{f"{name}_ms": row["latency_ms"][name] for name in ("min", "median", "p90", "p99")},
            **{name: row[name] for name in ("batch", "images_per_second", "share_of_peak", "peak_rss_mb")},
            executions=row["executions"],
            noisy=row["noisy"],
        )
        for row in values["results"]
    ]
    return BenchReport(**{name: values[name] for name in names}, results=rows, json=text)


@contextlib.contextmanager
def _heard(progress: Callable[[int, float], object] | bool | None, sizes: int) -> Iterator[Callable[[int, float], object]]:
    if not isinstance(progress, bool) and progress is not None:
        yield progress
        return
    with shown(progress, "batch size") as hear:
        done = itertools.count(1)
        yield lambda batch, rate: hear(next(done), sizes)
