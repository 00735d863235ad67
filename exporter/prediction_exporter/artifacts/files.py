"""Which files there are by names, globs and folders, each of them once.

Other than with :mod:`glob`, a folder that may not be read is an error, for what is in it would be missing from a sum.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path, PurePath

from prediction_exporter.errors import PredictionExporterError

#: The most files and folders of one look, and how long it may take: it is made again and again.
MOST, MOST_SECONDS = 100_000, 10.0

#: Where checks of a file system put what they find: no model's, and not to be read by others than root.
_OF_CHECKS = "lost+found"


class UnseenError(PredictionExporterError):
    """It is not known which files there are, or how large.

    Attributes:
        reason: ``not_found``, ``denied``, ``too_many``, ``too_slow``, or ``error``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class File:
    """A regular file at one look.

    Attributes:
        identity: device and inode.
        size: in bytes.
        modified: when it was last modified, in nanoseconds since the epoch.
    """

    identity: tuple[int, int]
    size: int
    modified: int


def files_of(
    patterns: Iterable[str], *, most: int = MOST, seconds: float = MOST_SECONDS, clock: Callable[[], float] = time.monotonic
) -> list[File]:
    """Return the files of names and globs; of a folder all that is below it. Links are followed.

    What is renamed or deleted meanwhile may be missing, as a file that is rotated.

    Args:
        patterns: as in :mod:`glob`; each has to name something that is there.
        most: files and folders that may be looked at.
        seconds: time that it may take.
        clock: seconds of a clock that never jumps.

    Raises:
        UnseenError: nothing is there by a pattern, something cannot be looked at, or there is too much of it.
    """
    look = _Look(most, seconds, clock)
    for pattern in patterns:
        try:
            there = [look.add(name) for name in look.names(str(Path(pattern).absolute()))]
        except PermissionError as error:
            raise UnseenError("denied", f"{error.filename} may not be read") from error
        except OSError as error:
            raise UnseenError("error", f"{error.filename} cannot be read: {error.strerror or error}") from error
        if not any(there):
            raise UnseenError("not_found", f"nothing is there by {pattern}")
    return list(look.files.values())


class _Look:
    """Files by device and inode, so that one with two names is one."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self.files: dict[tuple[int, int], File] = {}
        self._folders: set[tuple[int, int]] = set()
        self._most, self._seen = most, 0
        self._seconds, self._clock, self._began = seconds, clock, clock()

    def names(self, pattern: str) -> list[str]:
        """Return what an absolute pattern may name; whether the last parts are there is not looked at."""
        root, *parts = PurePath(pattern).parts
        found = [root]
        for part in parts:
            if part == "**":
                found = [folder for name in found for folder in self._below(name)]
            elif has_magic(part):
                found = [entry.path for name in found for entry in self._entries(name) if _fits(entry.name, part)]
            else:
                found = [f"{name.rstrip('/')}/{part}" for name in found]
        return found

    def add(self, name: str) -> bool:
        """Take in a file, or what is below a folder; return whether there is one."""
        status = _status(name)
        names, there = [name], status is not None
        while names:
            name = names.pop()
            status = _status(name)
            if status is None:
                continue
            identity = (status.st_dev, status.st_ino)
            if stat.S_ISREG(status.st_mode):
                self.files[identity] = File(identity, status.st_size, status.st_mtime_ns)
            elif stat.S_ISDIR(status.st_mode) and identity not in self._folders:  # links may lead round in a circle
                self._folders.add(identity)
                names += (entry.path for entry in self._entries(name))
        return there

    def _below(self, folder: str) -> Iterator[str]:
        """Yield a folder and those below it, those that are hidden or linked to not."""
        yield folder
        for entry in self._entries(folder):
            if _fits(entry.name, "*") and entry.is_dir(follow_symlinks=False):
                yield from self._below(entry.path)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count(folder)
                    if entry.name != _OF_CHECKS:
                        found.append(entry)
        except (FileNotFoundError, NotADirectoryError):
            return []  # gone since it was seen, or a file, of which a glob may well meet some
        return found

    def _count(self, folder: str) -> None:
        self._seen += 1
        if self._seen > self._most:
            raise UnseenError("too_many", f"there are more than {self._most:,} files and folders, those in {folder} among them")
        if self._clock() - self._began > self._seconds:
            raise UnseenError("too_slow", f"looking takes more than {self._seconds:g} s, and was at {folder}")


def _status(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116 - there may be very many of them
    except (FileNotFoundError, NotADirectoryError):
        return None  # gone since it was seen, or a link to nothing
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None  # a link to itself, which is nothing either
        raise


def _fits(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
