"""Which files there are: those that a pattern names, and their rotated siblings."""

from __future__ import annotations

import errno
import fnmatch
import functools
import glob
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from prediction_exporter.sources.content import CompressedContent, Compression, Content, PlainContent

COMPRESSIONS: dict[str, Compression] = {".gz": "gz", ".zst": "zst"}

FileId = tuple[int, int]
"""Device and inode."""

# What rotation adds to a name: a number, a date and time, or a word.
_ADDED = re.compile(r"\d[\dT:_.+-]*Z?|old|bak|prev")
_EXTENSION = re.compile(r"\.[A-Za-z]\w*$")


@dataclass(slots=True)
class File:
    """A regular file as one look at the folder shows it.

    Attributes:
        path: its name, symbolic links resolved.
        label: the name for messages, as the pattern gives it.
        names: every name under which it was found.
        id: device and inode.
        size: bytes on disk.
        mtime_ns: when it was last written, by the file system's clock.
        compression: by the name's extension.
        matched: whether the pattern names it.
        home: the name that the pattern gives, for this file or for the one that this is a rotated sibling of; ``None``
            for a file that was looked for because it was known before.
        rotated: whether its name is another log's name with something added, or compressed.
    """

    path: str
    label: str
    names: set[str]
    id: FileId
    size: int
    mtime_ns: int
    compression: Compression | None
    matched: bool
    home: str | None
    rotated: bool

    @property
    def look(self) -> tuple[int, int, int, int]:
        """What changes whenever the content does."""
        return (*self.id, self.size, self.mtime_ns)

    def families(self) -> set[str]:
        """The logs that this may be a part of."""
        return {family(name) for name in (*self.names, self.path)}

    def open(self) -> Content:
        """Open the content."""
        return PlainContent(self.path) if self.compression is None else CompressedContent(self.path, self.compression)


@dataclass(slots=True)
class Found:
    """All files that concern a pattern, and the errors on the way to them, by path."""

    files: list[File] = field(default_factory=list)
    errors: dict[str, OSError] = field(default_factory=dict)


@functools.lru_cache(maxsize=1 << 14)
def origins(path: str) -> frozenset[str]:
    """Return the names that a file may have had before it was rotated or compressed.

    ``app.log`` for ``app.log.1``, ``app.log-20260101``, ``app-20260101.log`` and ``app.1.log``; with ``.gz`` or ``.zst``
    also the name without it.
    """
    pure = PurePath(path)
    found = set()
    if pure.suffix in COMPRESSIONS:
        pure = pure.with_suffix("")
        found.add(pure.name)
    extension = _EXTENSION.search(pure.name)
    for tail in {"", extension.group()} if extension else {""}:
        body = pure.name.removesuffix(tail)
        found.update(
            body[:at] + tail for at, char in enumerate(body) if at and char in "._-" and _ADDED.fullmatch(body, at + 1)
        )
    return frozenset(str(pure.with_name(name)) for name in found)


@functools.lru_cache(maxsize=1 << 14)
def family(path: str) -> str:
    """Return the shortest name that a file may have had before any rotation."""
    while found := origins(path):
        path = min(found, key=lambda name: (len(name), name))
    return path


def matches(path: str, pattern: str) -> bool:
    """Return whether a pattern names a path, whether or not the file exists."""
    if not glob.has_magic(pattern):
        return path == pattern
    return _matches(PurePath(path).parts, PurePath(pattern).parts)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def discover(pattern: str, homes: Iterable[str], paths: Iterable[str]) -> Found:
    """Look for the files that a pattern names, for their rotated siblings, and for known files.

    Args:
        pattern: an absolute path or glob.
        homes: names that the pattern gave earlier; their siblings count although they themselves may be gone.
        paths: where known files were last seen.
    """
    look = _Look(pattern)
    for name in _glob(pattern, look.errors):
        look.add(name, matched=True)
    bases = {home: home for home in homes} | look.bases()
    if look.literal:
        bases[pattern] = pattern
    for folder in sorted({str(PurePath(base).parent) for base in bases}):
        for name in _listing(folder, look.errors):
            home = next((bases[origin] for origin in sorted(origins(name)) if origin in bases), None)
            if home is not None:
                look.add(name, home=home)
    for name in paths:
        look.add(name)
    for file in look.files.values():
        names = file.names | {file.path}
        file.rotated = file.compression is not None or any(origin in bases for name in names for origin in origins(name))
    return Found(list(look.files.values()), look.errors)


class _Look:
    """Files by device and inode, so that a file with two names is one."""

    def __init__(self, pattern: str) -> None:
        self.literal = not glob.has_magic(pattern)
        self.files: dict[FileId, File] = {}
        self.errors: dict[str, OSError] = {}

    def bases(self) -> dict[str, str]:
        """Return the name that the pattern gives for each name, links resolved or not, that may have siblings."""
        return {name: file.label for file in self.files.values() for name in (file.path, *file.names)}

    def add(self, name: str, *, matched: bool = False, home: str | None = None) -> None:
        try:
            status = Path(name).stat()
            path = str(Path(name).resolve())
        except (FileNotFoundError, NotADirectoryError):
            return  # gone since the folder was listed, or a link to nothing yet
        except (OSError, RuntimeError) as error:  # resolve() of Python 3.11 reports a loop of links as RuntimeError
            self.errors[name] = error if isinstance(error, OSError) else OSError(errno.ELOOP, str(error))
            return
        if not stat.S_ISREG(status.st_mode):
            if matched and (self.literal or not stat.S_ISDIR(status.st_mode)):  # a glob may well meet folders
                self.errors[name] = OSError(errno.EINVAL, "not a regular file")
            return
        file = self.files.setdefault(
            (status.st_dev, status.st_ino),
            File(
                path=path,
                label=name,
                names=set(),
                id=(status.st_dev, status.st_ino),
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                compression=COMPRESSIONS.get(PurePath(path).suffix),
                home=name if matched else home,
                matched=matched,
                rotated=False,
            ),
        )
        file.names.add(name)
        file.home = file.home or home


def _glob(pattern: str, errors: dict[str, OSError]) -> list[str]:
    if not glob.has_magic(pattern):
        return [pattern]
    names = sorted(glob.iglob(pattern, recursive=True))  # noqa: PTH207  # pathlib's takes hidden files too
    if not names:  # glob is silent about a folder that it may not read
        parts = PurePath(pattern).parts
        fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
        _listing(str(PurePath(*parts[:fixed])), errors)
    return names


def _listing(folder: str, errors: dict[str, OSError]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        errors[folder] = error
        return []
