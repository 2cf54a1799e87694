"""smlp.bench and smlp.compare_bench"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import _core
from ._checks import flag, path, real, session_options, whole
from ._model import Model
from ._program import run, shown
from ._report import Report
from .errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Literal

    import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from ._types import Path


class BenchWarning(UserWarning):
    """What makes two measurements hard to compare."""


@dataclass(frozen=True)
class StepCost(Report):
    """What calls of one step of the network, or of one kind of step, cost."""

    name: str  #: "token_mix.3.fuse", or the kind
    kind: str
    calls: int
    milliseconds: float
    gflops: float  #: a second
    share_of_peak: float
    macs: int  #: multiply-accumulates
    bytes: int  #: read and written


@dataclass(frozen=True)
class Profile(Report):
    """Where the time of one execution goes: the shortest of some after those that were measured."""

    milliseconds: float  #: of the execution
    rest_milliseconds: float  #: of it outside of all steps
    kinds: list[StepCost]
    steps: list[StepCost]

    def to_dataframe(self) -> pandas.DataFrame:
        """A row a step. Needs pandas."""
        import pandas

        return pandas.DataFrame([step.to_dict() for step in self.steps]).set_index("name")

    def __str__(self) -> str:
        lines = [
            f"{self.milliseconds:.3f} ms, {self.rest_milliseconds:.3f} ms of them outside of all steps",
            f"{'step':<16}  calls        ms  % of time  GFLOP/s  % of peak",
        ]
        for step in self.kinds:
            share = 100 * step.milliseconds / self.milliseconds
            lines.append(
                f"{step.name:<16}  {step.calls:5}  {step.milliseconds:8.3f}  {share:9.1f}  {step.gflops:7.1f}  "
                f"{100 * step.share_of_peak:9.1f}"
            )
        return "\n".join(lines)


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
    noisy: bool  #: executions spread widely
    doubt: str | None  #: why these times are not to be trusted; None where they are
    profile: Profile | None  #: where it was asked for


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
    peak_doubt: str | None  #: why shares of the peak are not to be trusted; None where they are
    gmacs: float  #: of one picture
    results: list[BatchTimes]
    json: str = field(repr=False)  #: as `smlp bench --json` writes it, for `smlp.compare_bench` and `smlp bench --compare`

    @property
    def best(self) -> BatchTimes:
        """The batch size with the most images a second."""
        return max(self.results, key=lambda times: times.images_per_second)

    def to_dataframe(self) -> pandas.DataFrame:
        """A row a batch size. Needs pandas."""
        import pandas

        rows = [{name: value for name, value in times.to_dict().items() if name != "profile"} for times in self.results]
        return pandas.DataFrame(rows).set_index("batch")

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        lines = [
            f"{self.model}, {self.precision}, {self.isa}, {threads}, {self.machine}",
            "batch  images/s  median ms  p99 ms  % of peak",
        ]
        for t in self.results:
            share = "?" if self.peak_doubt else f"{100 * t.share_of_peak:.1f}"
            mark = f"  not to be trusted: {t.doubt}" if t.doubt else ""
            lines.append(f"{t.batch:5}  {t.images_per_second:8.1f}  {t.median_ms:9.2f}  {t.p99_ms:6.2f}  {share:>9}{mark}")
        if self.peak_doubt:
            lines.append(f"shares of the peak are not to be trusted: {self.peak_doubt}")
        for t in self.results:
            if t.profile is not None:
                lines.append(f"\nbatch {t.batch}: {t.profile}")
        return "\n".join(lines)


@dataclass(frozen=True)
class BatchComparison(Report):
    """Of one batch size that both measurements have."""

    batch: int
    ratio: float  #: images a second, after / before
    uncertainty: float  #: a ratio within 1 +- this tells nothing
    verdict: str  #: "faster", "slower" or "can't tell"


@dataclass(frozen=True)
class BenchComparison(Report):
    """What `smlp.compare_bench` found."""

    verdict: str  #: "slower" where any batch size is, else "faster" where any is, else "can't tell"
    batches: list[BatchComparison]
    differences: list[str]  #: what else differs: machine, model, precision ...
    doubts: list[str]  #: why measurements are not to be trusted
    json: str = field(repr=False)  #: as `smlp bench --compare --json` writes it

    def to_dataframe(self) -> pandas.DataFrame:
        """A row a batch size. Needs pandas."""
        import pandas

        return pandas.DataFrame([batch.to_dict() for batch in self.batches]).set_index("batch")

    def __str__(self) -> str:
        lines = [self.verdict, "batch  ratio     +-  verdict"]
        lines += [f"{b.batch:5}  {b.ratio:5.3f}  {b.uncertainty:5.3f}  {b.verdict}" for b in self.batches]
        lines += [f"not the same {one}" for one in self.differences] + [f"not to be trusted: {one}" for one in self.doubts]
        return "\n".join(lines)


def bench(
    model: Model | Path | None = None,
    *,
    batch_sizes: Sequence[int] = (1, 4, 8, 16, 32, 64),
    loop: int | None = None,
    seconds: float = 5,
    warmup: int = 1,
    profile: bool = False,
    trace: Path | None = None,
    force: bool = False,
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
        profile: execute each batch size some times more, and say where the time goes.
        trace: a file to write the profile to, which https://ui.perfetto.dev shows.
        force: replace the trace of an earlier run.
        threads, precision, mode, isa, pin: as of :class:`smlp.Session`.
        progress: called with (batch, images_per_second) after each batch size; what it raises ends the job. True draws
            a bar: tqdm's where it is installed.

    Raises:
        JobError: the machine cannot serve the options, a trace that is there already or cannot be written.
        OptionError: an option that makes no sense.
    """
    if isinstance(batch_sizes, str) or not hasattr(batch_sizes, "__iter__"):
        raise OptionError(f"batch_sizes is {batch_sizes!r}; a list of whole numbers is needed")
    sizes = [whole("a batch size", size) for size in batch_sizes]
    if not sizes or any(not 1 <= size <= 4096 for size in sizes):
        raise OptionError(f"batch sizes {sizes}; one or more from 1 to 4096 are needed")
    rounds = 0 if loop is None else whole("loop", loop)
    if not (real("seconds", seconds) > 0 and whole("warmup", warmup) >= 0 and (loop is None or rounds > 0)):
        raise OptionError("seconds and loop are more than 0, warmup is 0 or more")
    if trace is None and flag("force", force):
        raise OptionError("force is for the file of trace; leave it out, or name that file")
    if trace is not None and not flag("profile", profile):
        raise OptionError("a trace is of a profile; pass profile=True")
    file = b"" if trace is None else os.fsencode(path("trace", trace))
    loaded = model if isinstance(model, Model) else Model.bundled() if model is None else Model.load(model)
    session = _core.SessionOptions(*session_options(threads, 8, precision, mode, isa, pin))
    ways = _core.BenchOptions(sizes, rounds, float(seconds), warmup, flag("profile", profile), file, flag("force", force))
    with _heard(progress, len(sizes)) as hear:
        text = _core.bench(loaded._core, os.fsencode(loaded.file or ""), ways, session, hear)
    values = json.loads(text)
    names = set(BenchReport.__dataclass_fields__) - {"results", "json"}
    rows = [_times(row) for row in values["results"]]
    return BenchReport(**{name: values[name] for name in names}, results=rows, json=text)


def _times(row: dict[str, Any]) -> BatchTimes:
    latency = {f"{name}_ms": row["latency_ms"][name] for name in ("min", "median", "p90", "p99")}
    names = set(BatchTimes.__dataclass_fields__) - {*latency, "profile"}
    return BatchTimes(**{name: row[name] for name in names}, **latency, profile=_profile(row.get("profile")))


def _profile(values: dict[str, Any] | None) -> Profile | None:
    if values is None:
        return None
    kinds, steps = ([StepCost(**cost) for cost in values[name]] for name in ("kinds", "steps"))
    return Profile(values["milliseconds"], values["rest_milliseconds"], kinds, steps)


@contextlib.contextmanager
def _heard(progress: Callable[[int, float], object] | bool | None, sizes: int) -> Iterator[Callable[[int, float], object]]:
    if callable(progress):
        yield progress
        return
    with shown(progress, "batch size") as hear:
        done = itertools.count(1)
        yield lambda batch, rate: hear(next(done), sizes)


def compare_bench(before: BenchReport | Path, after: BenchReport | Path) -> BenchComparison:
    """Is the second measurement faster than the first? What `smlp bench --compare` says.

    Args:
        before, after: what :func:`smlp.bench` gave, or the path of a file of `smlp bench --json`.

    Raises:
        JobError: a file that is no measurement, no batch size in common.

    Warns:
        BenchWarning: measurements of different things, or made on a busy machine.
    """
    with contextlib.ExitStack() as stack:
        files = [_file_of(stack, name, one) for name, one in (("before", before), ("after", after))]
        outcome = run(["bench", "--json", "--compare", *files], warning=BenchWarning)
    values = outcome.values
    return BenchComparison(
        verdict=values["verdict"],
        batches=[BatchComparison(**batch) for batch in values["batches"]],
        differences=values["differences"],
        doubts=values["doubts"],
        json=outcome.text,
    )


def _file_of(stack: contextlib.ExitStack, name: str, one: BenchReport | Path) -> str:
    if not isinstance(one, BenchReport):
        return os.path.abspath(path(name, one))  # a name that begins with a dash is no option
    file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=f"-{name}.json", encoding="utf-8"))
    file.write(one.json)
    file.flush()
    return file.name
