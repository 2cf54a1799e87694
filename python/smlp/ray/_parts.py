"""Parts of a job: what one task reads, row by row. A row is an id and a picture, or an exception in its place."""

from __future__ import annotations

import queue
import tarfile
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from ..errors import InputError
from ._files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Row = tuple[str, Any]

# Of a picture's file: what the decoder takes.
PICTURE_LIMIT = 512 << 20
READERS = 16  # threads that wait for a network
AHEAD = 64  # rows that are read and not yet decoded

_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def is_picture_name(name: str) -> bool:
    """By its extension."""
    return name.lower().endswith(_SUFFIXES)


def is_junk(name: str) -> bool:
    """What systems leave in folders and archives; `name` is one part of a path."""
    return name.startswith(".") and name not in (".", "..") or name in ("Thumbs.db", "desktop.ini", "__MACOSX")


@dataclass(frozen=True)
class FilesPart:
    """Pictures in files of their own."""

    places: Sequence[Place]

    def rows(self) -> Iterator[Row]:
        """Local files are paths, which the library reads ahead itself; others are fetched by several threads."""
        if all(place.local for place in self.places):
            yield from ((place.name, place.path) for place in self.places)
            return
        pool = ThreadPoolExecutor(READERS)
        waiting: deque[Any] = deque()
        try:
            for place in self.places:
                waiting.append((place.name, pool.submit(_fetch, place)))
                if len(waiting) >= AHEAD:
                    name, fetched = waiting.popleft()
                    yield name, fetched.result()
            for name, fetched in waiting:
                yield name, fetched.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _fetch(place: Place) -> Any:
    if place.local:
        return place.path
    try:
        data = place.read(PICTURE_LIMIT)
    except FileNotFoundError:
        return InputError(f"{place.name}: no such file")
    except OSError as error:
        return InputError(f"{place.name}: {error}")
    return _too_large(place.name) if len(data) > PICTURE_LIMIT else data


def _too_large(name: str) -> InputError:
    return InputError(f"{name}: more than {PICTURE_LIMIT >> 20} MiB; no picture is as large")


@dataclass(frozen=True)
class ParquetPart:
    """Neighbouring row groups of a table."""

    place: Place
    groups: range
    first_row: int  #: of the file
    count: int  #: rows
    column: str
    id_column: str | None

    def rows(self) -> Iterator[Row]:
        """Every row has one, also where the file breaks off: then with an error."""
        return read_ahead(self._rows())

    def _rows(self) -> Iterator[Row]:
        done = 0
        try:
            for id_, value in self._values():
                yield id_, value
                done += 1
            reason = f"the file holds {done} of {self.count} rows"
        except (OSError, ValueError) as error:
            reason = str(error)
        for row in range(self.first_row + done, self.first_row + self.count):
            yield f"{self.place.name}:{row}", InputError(f"{self.place.name}: cannot be read: {reason}")

    def _values(self) -> Iterator[Row]:
        from pyarrow import parquet  # type: ignore[import-untyped,import-not-found,unused-ignore]

        row = self.first_row
        names = [self.column, *([] if self.id_column is None else [self.id_column])]
        with self.place.filesystem.open_input_file(self.place.path) as file:
            table = parquet.ParquetFile(file)
            for batch in table.iter_batches(batch_size=AHEAD, row_groups=list(self.groups), columns=names):
                values = batch.column(self.column.split(".")[0])
                if "." in self.column and self.column not in batch.schema.names:
                    values = values.field(self.column.split(".")[1]) if values.null_count == 0 else _field(values, self.column)
                ids = None if self.id_column is None else batch.column(self.id_column)
                for i, value in enumerate(values):
                    picture = value.as_py() if value.is_valid else InputError("no picture: the value is null")
                    yield f"{self.place.name}:{row}" if ids is None else str(ids[i].as_py()), picture
                    row += 1


def _field(values: Any, column: str) -> Any:
    from pyarrow import compute  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return compute.struct_field(values, column.split(".")[1])


@dataclass(frozen=True)
class TarPart:
    """A tar archive: WebDataset's shards, or any other."""

    place: Place

    def rows(self) -> Iterator[Row]:
        """Its pictures in order. What cannot be read is a row with an error; an archive that breaks off is one more."""
        return read_ahead(self._rows())

    def _rows(self) -> Iterator[Row]:
        seen: set[str] = set()
        try:
            with self.place.filesystem.open_input_stream(self.place.path, compression=None) as stream:
                with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
                    for sample in _samples(archive):
                        for name, data in sample.pictures():
                            again = InputError(f"{name}: a second member of this name")
                            yield f"{self.place.name}:{name}", again if name in seen else data
                            seen.add(name)
                    end = getattr(archive, "smlp_end", None)
            if not isinstance(end, tarfile.EOFHeaderError):  # type: ignore[attr-defined,unused-ignore]
                raise tarfile.ReadError(f"no end mark ({end}): it is cut off or damaged")
        except (OSError, EOFError, tarfile.TarError) as error:
            yield self.place.name, InputError(f"{self.place.name}: cannot be read further: {error}")


class _Header(tarfile.TarInfo):
    """Remembers why the last header was none: tarfile takes damage for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: Any) -> Any:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:  # type: ignore[attr-defined,unused-ignore]
            tarfile_.smlp_end = error
            raise


class _Sample:
    """Neighbouring members with one name up to the first dot, as the webdataset library groups them."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.members: list[tuple[str, Any]] = []
        self.labelled = False  # a .cls or a .json is beside the picture: other pictures are masks and the like

    def pictures(self) -> list[tuple[str, Any]]:
        whole = [member for member in self.members if _suffix(member[0]).count(".") == 1]
        return whole if self.labelled and whole else self.members


def _suffix(name: str) -> str:
    base = name.rpartition("/")[2]
    return base[base.find(".") :] if "." in base[1:] else ""


def _samples(archive: Any) -> Iterator[_Sample]:
    sample = None
    for member in archive:
        if member.isdir() or any(map(is_junk, member.name.split("/"))) or member.name.startswith("__"):
            continue
        suffix = _suffix(member.name)
        key = member.name[: len(member.name) - len(suffix)]
        if sample is None or key != sample.key:
            if sample is not None:
                yield sample
            sample = _Sample(key)
        sample.labelled = sample.labelled or suffix in (".cls", ".json")
        data = _member(archive, member)
        if data is not None:
            sample.members.append((member.name, data))
    if sample is not None:
        yield sample


def _member(archive: Any, member: Any) -> Any:
    """The bytes of a picture, told by its name or its first bytes; None for something else."""
    named = is_picture_name(member.name)
    if not member.isreg() or member.issparse():
        return InputError(f"{member.name}: a link or a sparse file; write the archive with the files themselves") if named else None
    if member.size > PICTURE_LIMIT:
        return _too_large(member.name) if named else None
    file = archive.extractfile(member)
    start = file.read(8)
    if not named and not start.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return None
    data = start + file.read()
    return data if len(data) == member.size else InputError(f"{member.name}: the archive ends within this member")


Part = Union[FilesPart, ParquetPart, TarPart]

_END = object()


def read_ahead(rows: Iterator[Row]) -> Iterator[Row]:
    """The same rows, read by a thread of its own, which waits while others compute."""
    ready: queue.Queue[Any] = queue.Queue(AHEAD)
    stop = threading.Event()

    def offer(item: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def read() -> None:
        last: Any = _END
        try:
            for row in rows:
                if not offer(row):
                    return
        except BaseException as error:
            last = error
        offer(last)

    thread = threading.Thread(target=read, daemon=True, name="smlp reader")
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
