"""What there is to classify, and its division into parts: the same on every run over the same pictures."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from pyarrow import fs, parquet  # type: ignore[import-untyped,import-not-found,unused-ignore]

from ..errors import InputError, OptionError
from ._files import Place, find_place
from ._parts import FilesPart, ParquetPart, Part, TarPart, is_junk, is_picture_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

LIST_LIMIT = 256 << 20  # bytes of a list of paths


@dataclass(frozen=True)
class Picture:
    """A picture's own file."""

    place: Place
    size: int | None  #: bytes; None where it was not asked for


@dataclass(frozen=True)
class Tar:
    """An archive, read from its beginning to its end by one worker."""

    place: Place
    size: int | None


@dataclass(frozen=True)
class Table:
    """A Parquet file with a column of encoded pictures."""

    place: Place
    groups: tuple[int, ...]  #: rows of each row group
    column: str  #: of the pictures; "image.bytes" is a field of a struct
    id_column: str | None


Unit = Union[Picture, Tar, Table]


@dataclass
class Listing:
    """Everything that was found, in order."""

    units: list[Unit] = field(default_factory=list)
    left_out: int = 0  #: files of folders that are no input

    def sha256(self) -> str:
        """Of names and sizes."""
        digest = hashlib.sha256()
        for unit in self.units:
            what = unit.groups + (unit.column, unit.id_column) if isinstance(unit, Table) else (unit.size,)
            digest.update(json.dumps([type(unit).__name__, unit.place.name, *what]).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def pictures(self) -> int | None:
        """How many; None where archives are among them, which say it only at their end."""
        counts = [0 if isinstance(u, Tar) else sum(u.groups) if isinstance(u, Table) else 1 for u in self.units]
        return None if any(isinstance(u, Tar) for u in self.units) else sum(counts)

    def divide(self, pictures: int) -> list[Part]:
        """Parts of about so many pictures: neighbouring files, neighbouring row groups of one table, one archive."""
        parts: list[Part] = []
        run: list[Place] = []

        def end_run() -> None:
            parts.extend(FilesPart(run[i : i + pictures]) for i in range(0, len(run), pictures))
            run.clear()

        for unit in self.units:
            if isinstance(unit, Picture):
                run.append(unit.place)
                continue
            end_run()
            parts.extend([TarPart(unit.place)] if isinstance(unit, Tar) else _divide_table(unit, pictures))
        end_run()
        return parts


def _divide_table(table: Table, pictures: int) -> Iterator[ParquetPart]:
    first_row, start = 0, 0
    for end in range(1, len(table.groups) + 1):
        rows = sum(table.groups[start:end])
        if rows >= pictures or end == len(table.groups):
            yield ParquetPart(table.place, range(start, end), first_row, rows, table.column, table.id_column)
            first_row += rows
            start = end


def find_inputs(words: Sequence[str], column: str | None = None, id_column: str | None = None) -> Listing:
    """Lists what `words` name: pictures, folders, @lists, .tar archives and .parquet tables, as paths or URIs.

    Args:
        column: of tables: where the pictures are; None: the only column of bytes.
        id_column: of tables: what names a row; None: file and number of the row.

    Raises:
        InputError: what is not there or cannot be listed; a folder of several kinds; a table without pictures.
        OptionError: a URI that cannot be understood.
    """
    listing = Listing()
    for word in words:
        for one in _expanded(word):
            _Finder(listing, column, id_column).add(one)
    if not listing.units:
        raise InputError(f"no picture in {', '.join(words)}")
    return listing


def _expanded(word: str) -> Iterable[str]:
    """shard-{000..004}.tar is five words, unless a file has that very name."""
    match = re.search(r"\{(\d+)\.\.(\d+)\}", word)
    if match is None or ("://" not in word and os.path.lexists(word)):
        return [word]
    first, last = match[1], match[2]
    if int(first) > int(last) or int(last) - int(first) >= 1_000_000:
        raise OptionError(f"{word}: a range from {first} to {last}; write it upwards, of at most a million")
    width = len(first) if first.startswith("0") or len(first) == len(last) else 0
    numbers = range(int(first), int(last) + 1)
    return (part for n in numbers for part in _expanded(f"{word[: match.start()]}{n:0{width}d}{word[match.end() :]}"))


class _Finder:
    def __init__(self, listing: Listing, column: str | None, id_column: str | None) -> None:
        self.listing = listing
        self.column = column
        self.id_column = id_column

    def add(self, word: str) -> None:
        if word.startswith("@") and not os.path.lexists(word):
            return self.add_list(find_place(word[1:]))
        place = find_place(word)
        try:
            info = place.info()
        except OSError as error:
            raise InputError(f"{word}: {error}") from error
        if info.type == fs.FileType.NotFound:
            raise InputError(f"{word}: no such file or folder")
        if info.type == fs.FileType.Directory:
            return self.add_folder(place)
        if info.type != fs.FileType.File:
            raise InputError(f"{word}: neither a file nor a folder")
        self.add_file(place, info.size)

    def add_file(self, place: Place, size: int | None) -> None:
        kind = _kind(place.path)
        if kind == "table":
            self.listing.units.append(self.table(place))
        else:
            self.listing.units.append(Tar(place, size) if kind == "archive" else Picture(place, size))

    def add_folder(self, folder: Place) -> None:
        """All files of a folder and its subfolders that are of one kind, sorted by their paths' bytes."""
        try:
            found = folder.filesystem.get_file_info(fs.FileSelector(folder.path, recursive=True))
        except OSError as error:
            raise InputError(f"{folder.name}: {error}") from error
        kinds: dict[str, list[Any]] = {}
        for info in found:
            inner = info.path[len(folder.path.rstrip("/")) :]
            if info.type == fs.FileType.File and not any(map(is_junk, inner.strip("/").split("/"))):
                kinds.setdefault(_kind(info.path) or "other", []).append(info)
        others = len(kinds.pop("other", []))
        if len(kinds) > 1:
            counts = ", ".join(f"{len(files)} .{_EXTENSIONS[kind]}" for kind, files in sorted(kinds.items()))
            raise InputError(f"{folder.name}: holds inputs of several kinds ({counts}); name those that you mean")
        if not kinds:
            raise InputError(f"{folder.name}: no picture, archive or table in this folder ({others} other files)")
        self.listing.left_out += others
        (files,) = kinds.values()
        for info in sorted(files, key=lambda info: os.fsencode(info.path)):
            self.add_file(folder.inner(info.path), info.size)

    def add_list(self, place: Place) -> None:
        """A path or a URI a line. Relative ones are meant from the list's folder, or else from the working folder."""
        try:
            data = place.read(LIST_LIMIT)
        except OSError as error:
            raise InputError(f"{place.name}: {error}") from error
        if len(data) > LIST_LIMIT:
            raise InputError(f"{place.name}: a list of more than {LIST_LIMIT >> 20} MiB; divide it")
        lines = [line.rstrip("\r") for line in data.decode("utf-8-sig", "surrogateescape").split("\n")]
        lines = [line for line in lines if line.strip()]
        folder = self.base_of(place, lines)
        for line in lines:
            whole = line if "://" in line or line.startswith("/") else folder + line
            # Not asked for one by one: a file that isn't there is a row with an error.
            self.add_file(find_place(whole), None)

    def base_of(self, place: Place, lines: Sequence[str]) -> str:
        beside = place.name[: place.name.rfind("/") + 1]
        relative = next((line for line in lines if "://" not in line and not line.startswith("/")), None)
        if relative is None or not place.local or os.path.abspath(beside or ".") == os.getcwd():
            return beside
        there, here = (os.path.exists(base + relative) for base in (beside, ""))
        if there and here:
            raise InputError(
                f"{place.name}: '{relative}' is there both beside the list and from the working folder; write whole paths"
            )
        return "" if here else beside

    def table(self, place: Place) -> Table:
        try:
            with place.filesystem.open_input_file(place.path) as file:
                footer = parquet.ParquetFile(file)
                schema, metadata = footer.schema_arrow, footer.metadata
                groups = tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
        except (OSError, ValueError) as error:
            raise InputError(f"{place.name}: no Parquet file that can be read: {error}") from error
        if self.id_column is not None and self.id_column not in schema.names:
            raise InputError(f"{place.name}: no column '{self.id_column}', but {', '.join(schema.names)}")
        return Table(place, groups, _column_of_pictures(place.name, schema, self.column), self.id_column)


_EXTENSIONS = {"archive": "tar", "picture": "jpg or .png", "table": "parquet"}


def _kind(path: str) -> str | None:
    name = path.lower()
    if name.endswith(".tar"):
        return "archive"
    if name.endswith((".parquet", ".pq")):
        return "table"
    return "picture" if is_picture_name(name) else None


def _column_of_pictures(name: str, schema: Any, wanted: str | None) -> str:
    """Bytes, or a struct with a field `bytes`, as Hugging Face's datasets has pictures."""
    from pyarrow import types  # type: ignore[import-untyped,import-not-found,unused-ignore]

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))

    columns: list[str] = []
    for entry in schema:
        if is_bytes(entry.type):
            columns.append(entry.name)
        elif types.is_struct(entry.type):
            columns += [f"{entry.name}.{part.name}" for part in entry.type if is_bytes(part.type)]
    if wanted is not None:
        for column in (wanted, f"{wanted}.bytes"):
            if column in columns:
                return column
        raise InputError(f"{name}: no column '{wanted}' of bytes; there are {', '.join(columns) or 'none'}")
    if len(columns) != 1:
        raise InputError(
            f"{name}: {len(columns)} columns of bytes ({', '.join(columns)}); name that of the pictures with --column"
            if columns
            else f"{name}: no column of bytes: the columns are {', '.join(schema.names)}"
        )
    return columns[0]
