"""Which files there are: those that a pattern names, and their rotated siblings."""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from prediction_exporter.sources.content import CompressedContent, Content, Look, PlainContent, look_of
from prediction_exporter.sources.decompress import COMPRESSIONS, Compression
from prediction_exporter.sources.naming import ancestors, family, matches, origins

FileId = tuple[int, int]
"""Device and inode."""


@dataclass(slots=True)
class File:
    """A regular file as one look at the folder shows it.

    Attributes:
        path: its name, symbolic links resolved.
        label: the name for messages, as the pattern gives it.
        names: every name under which it was found.
        look: device, inode, size and time stamp by the file system's clock; since it was opened, as of then.
        compression: by the name's extension.
        matched: whether the pattern names it.
        home: the name that the pattern gives, for this file or for the one that this is a rotated sibling of; ``None``
            for a file that was looked for because it was known before.
        rotated: whether its name is another log's name with something added, or compressed.
    """

    path: str
    label: str
    names: set[str]
    look: Look
    compression: Compression | None
    matched: bool
    home: str | None
    rotated: bool

    @property
    def id(self) -> FileId:
        """Device and inode."""
        return self.look[:2]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.look[2]

    @property
    def mtime_ns(self) -> int:
        """When it was last written."""
        return self.look[3]

    def families(self) -> set[str]:
        """The logs that this may be a part of."""
        return {family(name) for name in (*self.names, self.path)}

    def ancestors(self) -> set[str]:
        """The names, without folders, of the files that this may be a copy of."""
        return {name for path in (*self.names, self.path) for name in ancestors(path)}

    def open(self) -> Content:
        """Open the content.

        Raises:
            FileNotFoundError: the name is gone, or another file bears it by now.
        """
        content: Content
        if self.compression is None:
            plain = PlainContent(self.path)
            content, look = plain, look_of(plain.stat())
        else:
            packed = Path(self.path).open("rb")  # noqa: SIM115 - closed with the content
            content, look = CompressedContent(packed, self.compression), look_of(os.fstat(packed.fileno()))
        if look[:2] != self.id:
            content.close()
            raise FileNotFoundError(errno.ENOENT, "another file has taken the name", self.path)
        self.look = look
        return content


@dataclass(slots=True)
class Found:
    """All files that concern a pattern, and the errors on the way to them, by path.

    Attributes:
        moved: whether a file got another name meanwhile, so that another one may have been missed.
    """

    files: list[File] = field(default_factory=list)
    errors: dict[str, OSError] = field(default_factory=dict)
    moved: bool = False


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
            if home is not None:  # it may have got its name after the pattern was looked for
                look.add(name, home=home, matched=not look.literal and matches(name, pattern))
    for name in paths:
        look.add(name)
    logs = {PurePath(base).name for base in bases}  # rotated files may lie in another folder than their log
    for file in look.files.values():
        file.rotated = file.compression is not None or all(
            any(PurePath(origin).name in logs for origin in origins(name)) for name in file.names
        )
    return Found(list(look.files.values()), look.errors, look.moved)


class _Look:
    """Files by device and inode, so that a file with two names is one."""

    def __init__(self, pattern: str) -> None:
        self.literal = not glob.has_magic(pattern)
        self.files: dict[FileId, File] = {}
        self.errors: dict[str, OSError] = {}
        self.moved = False
        self._added: set[str] = set()
        self._folders: dict[str, str] = {}

    def bases(self) -> dict[str, str]:
        """Return the name that the pattern gives for each name, links resolved or not, that may have siblings."""
        return {name: file.label for file in self.files.values() for name in (file.path, *file.names)}

    def add(self, name: str, *, matched: bool = False, home: str | None = None) -> None:
        """Take a file in; a name that was looked at is not looked at again."""
        if name in self._added:
            return
        self._added.add(name)
        try:
            status = os.lstat(name)
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(name)  # noqa: PTH116 - beside lstat, and as often as there are files
                path = str(Path(name).resolve())
            else:
                path = self._resolve(name)
        except (FileNotFoundError, NotADirectoryError):
            return  # gone since the folder was listed, or a link to nothing yet
        except (OSError, RuntimeError) as error:  # resolve() of Python 3.11 reports a loop of links as RuntimeError
            if isinstance(error, OSError) and error.errno == errno.EINVAL:
                self.moved = True  # a file has replaced the link just now
            else:
                self.errors[name] = error if isinstance(error, OSError) else OSError(errno.ELOOP, str(error))
            return
        if not stat.S_ISREG(status.st_mode):
            if matched and (self.literal or not stat.S_ISDIR(status.st_mode)):  # a glob may well meet folders
                self.errors[name] = OSError(errno.EINVAL, "not a regular file")
            return
        look = look_of(status)
        file = self.files.setdefault(
            look[:2],
            File(
                path=path,
                label=name,
                names=set(),
                look=look,
                compression=COMPRESSIONS.get(PurePath(path).suffix),
                home=name if matched else home,
                matched=matched,
                rotated=False,
            ),
        )
        file.names.add(name)
        self.moved |= file.path != path and status.st_nlink == 1
        file.home = file.home or home

    def _resolve(self, name: str) -> str:
        """Return the path of a file that is no link, its folder resolved."""
        folder, _, last = name.rpartition("/")
        return f"{self._folder(folder)}/{last}"

    def _folder(self, folder: str) -> str:
        """Return a folder without links, asking for each one once; the root is empty."""
        if folder and folder not in self._folders:
            link = stat.S_ISLNK(os.lstat(folder).st_mode)
            self._folders[folder] = str(Path(folder).resolve()) if link else self._resolve(folder)
        return self._folders[folder] if folder else ""


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
