"""The folder of a job: a file a part, each written whole, and what the job was told."""

from __future__ import annotations

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
    from collections.abc import Mapping
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

    def begin(self, job: Mapping[str, Any], resume: bool) -> Mapping[str, Any]:
        """Makes the folder, or enters one to resume; gives the record of the job, the earlier one where there is one.

        Raises:
            OptionError: files of another or an unfinished job that was not to be resumed.
        """
        record = self.folder.child(JOB_FILE)
        if record.exists():
            if not resume:
                raise OptionError(
                    f"{self.folder.name}: holds the answers of a job; --resume goes on with it, and another folder keeps both"
                )
            return self._resumed(json.loads(record.read()), job)
        if any(info.type == fs.FileType.File for info in self._files()):
            raise OptionError(f"{self.folder.name}: holds other files; name a new folder for the answers")
        self.folder.filesystem.create_dir(self.folder.path, recursive=True)
        record.write(json.dumps(job, indent=1).encode())
        return job

    def _resumed(self, earlier: Mapping[str, Any], job: Mapping[str, Any]) -> Mapping[str, Any]:
        then, now = earlier.get("identity", {}), job["identity"]
        differing = sorted(key for key in {*then, *now} if then.get(key) != now.get(key))
        if earlier.get("smlp_ray") != job["smlp_ray"] or differing:
            words = ", ".join(f"{key} ({then.get(key)!r}, now {now.get(key)!r})" for key in differing) or "version"
            raise OptionError(
                f"{self.folder.name}: cannot resume: the earlier job differs in {words}; give what it was given, or "
                "another folder"
            )
        for info in self._files():
            if info.base_name.startswith(".part-"):  # of a worker that was killed while it wrote
                self.folder.filesystem.delete_file(info.path)
        return earlier

    def _files(self) -> list[Any]:
        selector = fs.FileSelector(self.folder.path, allow_not_found=True)
        return list(self.folder.filesystem.get_file_info(selector))


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
