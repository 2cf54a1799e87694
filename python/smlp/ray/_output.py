"""The folder of a job: a file a part, each written whole, and what the job was told."""

from __future__ import annotations

import contextlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]
from pyarrow import fs, parquet  # type: ignore[import-untyped,import-not-found,unused-ignore]

from ..errors import JobError, OptionError
from ._files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ._classifier import Answers

# Readers of datasets leave out names that begin with an underscore.
JOB_FILE = "_job.json"
SUMMARY_FILE = "_summary.json"
FORMATS = {"parquet": "parquet", "jsonl": "jsonl"}


@dataclass(frozen=True)
class Output:
    """Where parts go. Workers have copies."""

    folder: Place
    format: str

    def part(self, number: int) -> Place:
        """The file of a part, whose name says its place in the order."""
        return self.folder.child(f"part-{number:06d}.{FORMATS[self.format]}")

    def write_part(self, number: int, ids: list[str], answers: Answers, provenance: Mapping[str, Any]) -> None:
        """Replaces the part's file by these rows."""
        columns = {"id": pyarrow.array(ids, pyarrow.string()), **answers.columns()}
        encode = _as_parquet if self.format == "parquet" else _as_json_lines
        self.part(number).write(encode(pyarrow.table(columns), provenance))

    def written(self) -> set[int]:
        """Numbers of the parts that are there."""
        names = [info.base_name for info in self._files()]
        ending = f".{FORMATS[self.format]}"
        return {int(name[5:-len(ending)]) for name in names if name.startswith("part-") and name.endswith(ending)}

    def count(self, numbers: list[int]) -> tuple[int, int]:
        """Rows of these parts, and those of them that have errors."""
        with ThreadPoolExecutor(16) as pool:
            counts = list(pool.map(self._count_part, numbers))
        return sum(rows for rows, _ in counts), sum(errors for _, errors in counts)

    def _count_part(self, number: int) -> tuple[int, int]:
        place = self.part(number)
        try:
            data = place.read()
            if self.format == "parquet":
                errors = parquet.read_table(pyarrow.BufferReader(data), columns=["error"]).column("error")
                return len(errors), len(errors) - errors.null_count
            rows = [json.loads(line) for line in data.splitlines()]
            return len(rows), sum(row["error"] is not None for row in rows)
        except (OSError, ValueError, KeyError) as error:
            raise JobError(f"{place.name}: cannot be read ({error}); remove this file and resume") from error

    def earlier(self, resume: bool) -> Mapping[str, Any] | None:
        """The record of the job whose answers are there; None where there are none.

        Raises:
            OptionError: files of a job that was not to be resumed, or other files.
            JobError: a folder or a record that cannot be read.
        """
        with self._readable():
            record = self.folder.child(JOB_FILE)
            kind = self.folder.info().type
            if kind not in (fs.FileType.NotFound, fs.FileType.Directory):
                raise OptionError(f"{self.folder.name}: is a file; name a folder for the answers")
            if kind == fs.FileType.Directory and record.exists():
                if not resume:
                    raise OptionError(
                        f"{self.folder.name}: holds the answers of a job; --resume goes on with it, and another folder "
                        "keeps both"
                    )
                return _read_record(record)
            if any(info.type == fs.FileType.File for info in self._files()):
                raise OptionError(f"{self.folder.name}: holds other files; name a new folder for the answers")
        return None

    def begin(self, job: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Makes the folder, or enters that of an earlier job; gives the record that holds from now on.

        Raises:
            OptionError: an earlier job that differs.
            JobError: a folder that cannot be written.
        """
        if earlier is not None:
            return self._resumed(earlier, job)
        with self._readable():
            self.folder.filesystem.create_dir(self.folder.path, recursive=True)
            self.folder.child(JOB_FILE).write(json.dumps(job, indent=1).encode())
        return job

    def forget(self) -> None:
        """Takes back the record of a job that has written nothing, so that it can be begun with other options."""
        with self._readable():
            if not self.written():
                self.folder.filesystem.delete_file(self.folder.child(JOB_FILE).path)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JobError(f"{self.folder.name}: {error}; name a folder that can be read and written") from error

    def _resumed(self, earlier: Mapping[str, Any], job: Mapping[str, Any]) -> Mapping[str, Any]:
        then, now = earlier["identity"], job["identity"]
        differing = sorted(key for key in {*then, *now} if then.get(key) != now.get(key))
        if earlier["smlp_ray"] != job["smlp_ray"] or differing:
            words = ", ".join(f"{key} ({then.get(key)!r}, now {now.get(key)!r})" for key in differing) or "version"
            raise OptionError(
                f"{self.folder.name}: cannot resume: the earlier job differs in {words}; give what it was given, or "
                "another folder"
            )
        with self._readable():
            for info in self._files():
                if info.base_name.startswith(".part-"):  # of a worker that was killed while it wrote
                    self.folder.filesystem.delete_file(info.path)
        return earlier

    def _files(self) -> list[Any]:
        selector = fs.FileSelector(self.folder.path, allow_not_found=True)
        return list(self.folder.filesystem.get_file_info(selector))


def _read_record(place: Place) -> Mapping[str, Any]:
    try:
        read = json.loads(place.read())
        if isinstance(read["identity"], dict) and int(read["part"]) > 0 and "smlp_ray" in read:
            return dict(read)
    except (ValueError, KeyError, TypeError):
        pass
    raise JobError(f"{place.name}: is no record of a job; name another folder, or remove this one and begin again")


def _as_parquet(table: Any, provenance: Mapping[str, Any]) -> Any:
    out = pyarrow.BufferOutputStream()
    metadata = {**(table.schema.metadata or {}), "smlp": json.dumps(provenance)}
    parquet.write_table(table.replace_schema_metadata(metadata), out, compression="zstd")
    return out.getvalue()


def _as_json_lines(table: Any, provenance: Mapping[str, Any]) -> bytes:
    out = io.StringIO()
    for row in table.to_pylist():
        row["top"] = row["top"] or []
        json.dump({**row, "provenance": provenance}, out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    return out.getvalue().encode()
