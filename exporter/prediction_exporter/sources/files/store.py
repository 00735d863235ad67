"""Stores: places that hold files, of which one is a folder."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from prediction_exporter.errors import SourceError
from prediction_exporter.sources.content import CompressedContent, Content, PlainContent
from prediction_exporter.sources.files.names import Compression, matches, split_pattern

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A file as a store shows it at one moment.

    Attributes:
        path: below the place that is read, with slashes.
        size: in bytes.
        modified: when it was last modified, in nanoseconds since the epoch.
        version: differs when the content does.
        identity: stays when the file is renamed; empty where a store has no such thing.
    """

    path: str
    size: int
    modified: int
    version: str
    identity: str = ""


class Store(Protocol):
    """A place that holds files.

    Attributes:
        atomic: whether files appear whole.
        look_seconds: how long a look stays good; looking costs money in some places.
    """

    atomic: bool
    look_seconds: float

    def look(self) -> list[Found]:
        """Return all files.

        Raises:
            SourceError: the place cannot be read.
        """

    def version(self, file: Found) -> str | None:
        """Return the version of a file now, or None where it is gone.

        Raises:
            SourceError: the place cannot be read.
        """

    def scan(self, file: Found) -> pl.LazyFrame:
        """Return a Parquet file's rows, to be read."""

    def open(self, file: Found, compression: Compression | None) -> Content:
        """Open a file to be read as bytes."""

    def problem(self, error: BaseException) -> SourceError | None:
        """Return what is wrong with the store where that is why a file could not be read."""

    def shown(self, file: Found) -> str:
        """Return the full name of a file, for people."""


class FolderStore:
    """A folder and all that is below it, the files that a glob names, or one file.

    Links to folders below it are not followed.
    """

    atomic = False
    look_seconds = 0.0

    def __init__(self, pattern: str) -> None:
        self._root, self._pattern = split_pattern(pattern)
        self._hidden: set[str] = set()

    def look(self) -> list[Found]:
        """Return all files; those that cannot be seen are left out."""
        if not self._pattern and Path(self._root).is_file():
            self._root, _, self._pattern = self._root.rpartition("/")
        try:
            os.scandir(self._root or "/").close()
        except OSError as error:
            raise SourceError(f"cannot read {self._root}: {error.strerror or error}") from error
        return list(self._files())

    def _files(self) -> Iterator[Found]:
        root = self._root or "/"
        for folder, folders, names in os.walk(root, onerror=self._tell):
            folders[:] = [name for name in folders if not name.startswith((".", "_"))]
            inside = os.path.relpath(folder, root)
            for name in names:
                path = name if inside == "." else f"{inside}/{name}"
                if matches(path, self._pattern):
                    found = self._found(path)
                    if found is not None:
                        yield found

    def _tell(self, error: OSError) -> None:
        """Warn of a folder that cannot be seen, once."""
        if error.filename not in self._hidden and not isinstance(error, FileNotFoundError):
            self._hidden.add(error.filename)
            logger.warning("a folder cannot be read: %s", error.strerror, extra={"path": error.filename})

    def _found(self, path: str) -> Found | None:
        try:
            status = Path(self._root, path).stat()
        except OSError:
            return None  # gone since, or a link to nowhere
        if not stat.S_ISREG(status.st_mode):
            return None  # opening a pipe would wait for its writer
        version = f"{status.st_size}-{status.st_mtime_ns}"
        return Found(path, status.st_size, status.st_mtime_ns, version, str(status.st_ino))

    def version(self, file: Found) -> str | None:
        """Return size and time of modification."""
        found = self._found(file.path)
        return None if found is None else found.version

    def scan(self, file: Found) -> pl.LazyFrame:
        """Return the rows of a Parquet file."""
        return pl.scan_parquet(self.shown(file), glob=False, hive_partitioning=False)

    def open(self, file: Found, compression: Compression | None) -> Content:
        """Open a file."""
        path = self.shown(file)
        return PlainContent(path) if compression is None else CompressedContent(path, compression)

    def problem(self, error: BaseException) -> SourceError | None:  # noqa: ARG002 - a folder is looked into first
        """Return nothing: a file's error is its own."""
        return None

    def shown(self, file: Found) -> str:
        """Return the path of a file."""
        return f"{self._root}/{file.path}"
