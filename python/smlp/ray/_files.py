"""Files of any filesystem that pyarrow reads: reading, and writing whole or not at all."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]
from pyarrow import fs  # type: ignore[import-untyped,import-not-found,unused-ignore]

from ..errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

# A file becomes visible there when its stream is closed, and not before.
_WHOLE_WRITES = ("s3", "gcs", "abfs")


@dataclass(frozen=True)
class Place:
    """A file or folder as the user wrote it, and where that is."""

    filesystem: Any  #: pyarrow's, which can be pickled
    path: str  #: for that filesystem
    name: str  #: as the user wrote it

    @property
    def local(self) -> bool:
        """Whether it is of this machine, or of a disk that all machines mount."""
        return bool(self.filesystem.type_name == "local")

    def inner(self, path: str) -> Place:
        """A path of the filesystem that lies inside this folder."""
        below = path[len(self.path.rstrip("/")) :].lstrip("/")
        return Place(self.filesystem, path, f"{self.name.rstrip('/')}/{below}")

    def child(self, name: str) -> Place:
        """The file of a name in this folder."""
        return self.inner(f"{self.path.rstrip('/')}/{name}")

    def info(self) -> Any:
        """pyarrow's FileInfo."""
        return _patiently(lambda: self.filesystem.get_file_info(self.path))

    def exists(self) -> bool:
        """Whether there is anything of this name."""
        return bool(self.info().type != fs.FileType.NotFound)

    def read(self, limit: int | None = None) -> bytes:
        """The whole file; one byte more than `limit` of a file that is longer. Raises OSError."""

        def once() -> bytes:
            with self.filesystem.open_input_stream(self.path, compression=None) as stream:
                return bytes(stream.read() if limit is None else stream.read(limit + 1))

        return _patiently(once)

    def write(self, data: Any) -> None:
        """Replaces the file: readers see the old one or the new one, whenever this process ends."""
        if self.local:
            return self._write_local(data)
        if self.filesystem.type_name in _WHOLE_WRITES:
            return self._write_stream(self.path, data)
        folder, _, name = self.path.rpartition("/")
        scratch = f"{folder}/.{name}.{secrets.token_hex(6)}"
        self._write_stream(scratch, data)
        self.filesystem.move(scratch, self.path)

    def _write_stream(self, path: str, data: Any) -> None:
        with self.filesystem.open_output_stream(path, compression=None) as out:
            out.write(data)

    def _write_local(self, data: Any) -> None:
        folder, name = os.path.split(self.path)
        scratch = os.path.join(folder, f".{name}.{secrets.token_hex(6)}")
        try:
            with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.replace(scratch, self.path)
        except BaseException:
            if os.path.exists(scratch):
                os.unlink(scratch)
            raise
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def find_place(word: str) -> Place:
    """Where a path or a URI leads.

    Raises:
        OptionError: a URI of a kind that neither pyarrow nor fsspec knows, or whose access fails.
    """
    if "://" not in word:
        return Place(fs.LocalFileSystem(), os.path.abspath(word), word)
    try:
        filesystem, path = fs.FileSystem.from_uri(word)
        return Place(filesystem, path, word)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        return _find_by_fsspec(word, error)
    except OSError as error:
        raise OptionError(f"{word}: {error}") from error


def _find_by_fsspec(word: str, refusal: Exception) -> Place:
    import fsspec  # type: ignore[import-untyped,import-not-found,unused-ignore]

    try:
        filesystem, path = fsspec.core.url_to_fs(word)
    except (ValueError, ImportError) as error:
        raise OptionError(f"{word}: neither pyarrow ({refusal}) nor fsspec ({error}) can read it") from error
    return Place(fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path, word)


def _patiently(action: Callable[[], T]) -> T:
    """Does it again where a network or a disk failed, three times in all; a file that isn't there stays so."""
    for wait in (0.2, 1.0):
        try:
            return action()
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError):
            raise
        except OSError:
            time.sleep(wait)
    return action()
