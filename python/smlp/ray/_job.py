"""smlp.ray.classify: a whole job on a cluster."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import pickle
import re
import tempfile
import time
import warnings
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import ray  # type: ignore[import-untyped,import-not-found,unused-ignore]

from .. import _core, errors
from .._checks import flag, path, session_options, whole
from .._report import Report
from .._model import Model
from .._session import Session
from ..errors import JobError, ModelError, OptionError, SmlpError
from ._classifier import Answers, answer, assigned_threads
from ._files import Place, find_place
from ._listing import Listing, find_inputs
from ._output import FORMATS, SUMMARY_FILE, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Literal

    from .._types import Path
    from ._parts import Part

    Progress = Callable[[int, int, int], None]

# Pictures whose answers go through the network in one pass: reading, decoding and inference overlap within it.
PASS = 256
# What is lost with a worker, and what a file of answers holds.
LARGEST_PART = 1024


class ClusterWarning(UserWarning):
    """What keeps a cluster from beginning a job."""


@dataclass(frozen=True)
class JobReport(Report):
    """What a job did."""

    output: str  #: the folder
    rows: int  #: answers in it, those with errors included
    errors: int  #: rows without an answer
    parts: int  #: files of answers
    resumed_parts: int  #: of them written by an earlier run
    seconds: float  #: of this run, listing and start of the workers included
    rows_per_second: float  #: of this run
    actors: int
    cpus_per_actor: int
    isas: list[str]  #: kernels that were used; their last bits differ

    def __str__(self) -> str:
        resumed = f", {self.resumed_parts} of them by an earlier run" if self.resumed_parts else ""
        mixed = f"\nkernels differ between nodes: {', '.join(self.isas)}" if len(self.isas) > 1 else ""
        return (
            f"{self.output}: {self.rows} rows, {self.errors} with errors, in {self.parts} parts{resumed}\n"
            f"{self.rows_per_second:.1f} pictures/s on {self.actors} actors of {self.cpus_per_actor} CPUs{mixed}"
        )


@dataclass(frozen=True)
class _Orders:
    """What every worker is told."""

    model: Any  #: a reference to the bytes of the model's file
    model_name: str
    load: dict[str, Any]  #: of Model.load
    session: dict[str, Any]  #: of Session
    top: int
    logits: bool
    output: Output
    provenance: dict[str, Any]


class _Worker:
    """Does parts: reads, infers, writes. A part that was done in half is done again from its beginning."""

    def __init__(self, orders: _Orders) -> None:
        self.orders = orders
        model = _load(ray.get(orders.model), orders.model_name, orders.load)
        self.session = Session(model, threads=assigned_threads(), **orders.session)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        done = [self.do(int(number), pickle.loads(part)) for number, part in zip(batch["number"], batch["part"])]
        return {
            "number": list(batch["number"]),
            "rows": [rows for rows, _ in done],
            "errors": [errors for _, errors in done],
            "isa": [self.session.isa] * len(done),
        }

    def do(self, number: int, part: Part) -> tuple[int, int]:
        """Writes the answers of a part; gives the rows and how many have errors."""
        answers = Answers(logits=self.orders.logits)
        ids: list[str] = []
        rows = part.rows()
        while taken := _taken(rows):
            ids += [id_ for id_, _ in taken]
            answer(self.session, [picture for _, picture in taken], self.orders.top, answers)
        of_worker = {"isa": self.session.isa, "precision": self.session.precision, "threads": self.session.threads}
        self.orders.output.write_part(number, ids, answers, {**self.orders.provenance, **of_worker})
        return len(ids), sum(error is not None for error in answers.error)


def _taken(rows: Iterator[tuple[str, Any]], most_bytes: int = 256 << 20) -> list[tuple[str, Any]]:
    """The next rows for one pass."""
    taken: list[tuple[str, Any]] = []
    size = 0
    for row in islice(rows, PASS):
        taken.append(row)
        size += len(row[1]) if isinstance(row[1], bytes) else 0
        if size >= most_bytes:
            break
    return taken


def _load(data: bytes, name: str, options: dict[str, Any]) -> Model:
    """A model of a file's bytes, which need not be on this machine."""
    with tempfile.TemporaryDirectory(prefix="smlp-") as folder:
        path = os.path.join(folder, os.path.basename(name) or "model")
        with open(path, "wb") as file:
            file.write(data)
        return Model.load(path, **options)


def classify(
    inputs: Path | Sequence[Path],
    output: Path,
    model: Path | None = None,
    *,
    format: Literal["parquet", "jsonl"] = "parquet",  # noqa: A002
    top: int = 5,
    logits: bool = False,
    column: str | None = None,
    id_column: str | None = None,
    resume: bool = False,
    actors: int | None = None,
    cpus_per_actor: int | None = None,
    part: int | None = None,
    address: str | None = None,
    classes: Path | None = None,
    img_size: int | None = None,
    crop_pct: float | None = None,
    interpolation: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    precision: Literal["fp32", "bf16", "int8"] | None = None,
    isa: str | None = None,
    batch: int = 8,
    progress: Progress | None = None,
) -> JobReport:
    """Classifies pictures on a Ray cluster and writes a file of answers a part.

    Each part of the input is one task: its answers appear whole, under a name that says its place, or not at all. So
    workers and nodes may die (Ray does their parts again), the driver may die (``resume`` does the parts that are
    missing), and no row is lost or written twice.

    Args:
        inputs: pictures, folders, "@lists" of paths, .tar archives (WebDataset's or others) and .parquet tables, as
            paths that all nodes can read or as URIs of any filesystem that pyarrow or fsspec reads.
        output: a folder, as a path or a URI.
        model: a path or URI; the driver reads it and sends it to the workers. None: the bundled model.
        format: of the answers: "parquet" or "jsonl", with id, top, logits where asked for, and error.
        top: how many classes to give.
        logits: whether to give the logits.
        column, id_column: of tables: the pictures' bytes, and what names a row.
        resume: go on with a job in `output` that was interrupted.
        actors: how many workers; None: as many as the cluster's CPUs allow.
        cpus_per_actor: threads of each; None: those of the smallest node, at most 8.
        part: pictures in a part; None: 1024, or fewer so that every actor has some.
        address: of the cluster; None: RAY_ADDRESS, a cluster that runs on this machine, or else this machine alone.
        classes, img_size, crop_pct, interpolation, mean, std: as of :meth:`smlp.Model.load`.
        precision, isa, batch: as of :class:`smlp.Session`.
        progress: called with parts done, parts in all, and rows, after each part.

    Raises:
        InputError: inputs that are not there. What breaks later is a row with an error.
        ModelError: a model that cannot be read.
        OptionError: an output folder of another job, options that make no sense.
        InputTypeError: what is no path.
        JobError: the cluster failed, and resume goes on; a folder that cannot be read or written.

    Warns:
        ClusterWarning: no node has as many CPUs as an actor asks for.
    """
    start = time.monotonic()
    numbers = {"top": top, "batch": batch, "part": part, "actors": actors, "cpus_per_actor": cpus_per_actor}
    for name, number in numbers.items():
        if (number is not None or name in ("top", "batch")) and whole(name, number) < 1:
            raise OptionError(f"{name} is {number}; 1 or more are possible")
    logits, resume = flag("logits", logits), flag("resume", resume)
    _core.SessionOptions(*session_options(None, batch, precision, "automatic", isa, False))  # its words, not this machine
    if format not in FORMATS:
        raise OptionError(f"unknown format '{format}'; {' or '.join(FORMATS)}")
    is_one = isinstance(inputs, (str, bytes, os.PathLike)) or not hasattr(inputs, "__iter__")
    words = [path("an input", word) for word in ([inputs] if is_one else inputs)]  # type: ignore[union-attr]
    out = Output(find_place(path("output", output)), format)
    earlier = out.earlier(resume)
    place, data = _model_bytes(model)
    file = place.name
    how = {"img_size": img_size, "crop_pct": crop_pct, "interpolation": interpolation, "mean": mean, "std": std}
    load: dict[str, Any] = {"classes": classes, **how}
    checked = Model.load(place.path, **load) if place.local else _load(data, file, load)
    load["classes"] = checked.class_names or None  # the workers may not have that file
    session = {"precision": precision, "isa": isa, "batch": batch}
    listing = find_inputs(words, column, id_column)
    identity = {
        "program": _core.version,
        "model_sha256": hashlib.sha256(data).hexdigest(),
        "classes_sha256": hashlib.sha256("\n".join(checked.class_names).encode()).hexdigest(),
        "preprocess": list(checked.preprocessing),
        "precision": precision or checked.precision,
        "isa": isa,
        "inputs_sha256": listing.sha256(),
        "format": format,
        "top": top,
        "logits": logits,
    }
    with _cluster(address):
        workers, cpus = _pool(actors, cpus_per_actor)
        size = part or _part_size(listing, workers)
        identity = json.loads(json.dumps(identity))  # as it is read again
        record = out.begin({"smlp_ray": 1, "identity": identity, "part": size}, earlier)
        if part is not None and record["part"] != part:
            raise OptionError(f"{out.folder.name}: cannot resume with parts of {part}; the job has parts of {record['part']}")
        provenance = {"program": identity["program"], "model": {"file": file, "sha256": identity["model_sha256"]}}
        orders = _Orders(ray.put(data), file, load, session, top, logits, out, provenance)
        try:
            tally = _run(orders, listing.divide(record["part"]), workers, cpus, progress)
        except SmlpError:
            if earlier is None:
                out.forget()
            raise
    return _report(out, tally, time.monotonic() - start, workers, cpus)


@dataclass
class _Tally:
    parts: int
    earlier: list[int]
    rows: int = 0
    errors: int = 0
    isas: tuple[str, ...] = ()


def _run(orders: _Orders, parts: list[Part], workers: int, cpus: int, progress: Progress | None) -> _Tally:
    written = orders.output.written()
    missing = [number for number in range(len(parts)) if number not in written]
    tally = _Tally(len(parts), sorted(written & set(range(len(parts)))))
    if not missing:
        return tally
    items = [{"number": number, "part": pickle.dumps(parts[number])} for number in missing]
    # A block a part: a task that is done again does no other part again.
    answers = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        _Worker,
        fn_constructor_args=[orders],
        batch_size=1,
        num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(missing)), max_tasks_in_flight_per_actor=2),
    )
    try:
        for row in answers.iter_rows():
            tally.rows += int(row["rows"])
            tally.errors += int(row["errors"])
            tally.isas = tuple(sorted({*tally.isas, str(row["isa"])}))
            if progress is not None:
                missing.remove(int(row["number"]))
                progress(len(parts) - len(missing), len(parts), tally.rows)
    except ray.exceptions.RayError as error:
        raise _failure(error) from error
    return tally


def _failure(error: BaseException) -> SmlpError:
    """What a worker of ours raised, or else that the cluster failed and how."""
    told = _told(error)
    ours = re.fullmatch(r"smlp\.errors\.(\w+): (.*)", told)
    kind = getattr(errors, ours[1], None) if ours else None
    if ours and isinstance(kind, type) and issubclass(kind, SmlpError):
        return kind(ours[2])
    return JobError(f"the cluster failed: {type(error).__name__}: {told}; --resume goes on with what is done")


def _told(error: BaseException) -> str:
    """The last line of the innermost reason that says something: Ray chains its own, and some are mute."""
    told = ""
    seen: set[int] = set()
    reason: BaseException | None = error
    while reason is not None and id(reason) not in seen:
        seen.add(id(reason))
        told = next((line.strip() for line in reversed(str(reason).splitlines()) if line.strip()), told)
        inner = getattr(reason, "cause", None)
        reason = inner if isinstance(inner, BaseException) else reason.__cause__
    return told


def _report(out: Output, tally: _Tally, seconds: float, workers: int, cpus: int) -> JobReport:
    earlier_rows, earlier_errors = out.count(tally.earlier)
    report = JobReport(
        output=out.folder.name,
        rows=tally.rows + earlier_rows,
        errors=tally.errors + earlier_errors,
        parts=tally.parts,
        resumed_parts=len(tally.earlier),
        seconds=seconds,
        rows_per_second=tally.rows / seconds,
        actors=workers,
        cpus_per_actor=cpus,
        isas=list(tally.isas),
    )
    out.folder.child(SUMMARY_FILE).write(json.dumps(report.to_dict(), indent=1).encode())
    return report


def _model_bytes(model: Path | None) -> tuple[Place, bytes]:
    place = find_place(os.fsdecode(_core.bundled_file()) if model is None else path("a model", model))
    try:
        return place, place.read()
    except OSError as error:
        raise ModelError(f"{place.name}: {error}") from error


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Connects, unless the caller has; starts one on this machine where there is none."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address, include_dashboard=False if address is None else None, log_to_driver=False,
                 logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OptionError(f"no Ray cluster at {address or 'this machine'}: {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield
    finally:
        ray.shutdown()


def _pool(actors: int | None, cpus: int | None) -> tuple[int, int]:
    """How many actors of how many CPUs."""
    nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    nodes = [count for count in nodes if count > 0]
    if not nodes and (actors is None or cpus is None):
        raise OptionError("the cluster has no CPU now; name --actors and --cpus-per-actor for the nodes that will come")
    if cpus is None:
        cpus = min(8, *nodes) if len(nodes) > 1 else min(8, nodes[0])
    if cpus > max(nodes, default=0):  # Ray would wait for such a node, and say nothing
        largest = f"no node has {cpus} CPUs: the largest has {max(nodes, default=0)}"
        if actors is None:
            raise OptionError(f"{largest}; ask for fewer an actor, or name --actors too where nodes are still to come")
        warnings.warn(f"{largest}; the job waits until one comes", ClusterWarning, stacklevel=3)
    return actors or max(1, sum(count // cpus for count in nodes)), cpus


def _part_size(listing: Listing, workers: int) -> int:
    """So large that files are few, so small that every worker has four."""
    pictures = listing.pictures()
    return LARGEST_PART if pictures is None else max(16, min(LARGEST_PART, math.ceil(pictures / (4 * workers))))
