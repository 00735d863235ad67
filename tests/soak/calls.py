"""The reader's system calls: each gives others the chance to act just before it, and shows numbers of files that are simulated.

Python's file functions are replaced while a reader runs. What they do not cover would be a call at which nobody acts;
``tests/sources/test_simulation.py`` compares them with what ``strace`` sees.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Self

from soak.disk import Inodes

#: Functions of ``os`` that make one system call each, but for ``scandir``, whose folder is read as it is gone through.
PLAIN = ("open", "close", "pread", "preadv", "read", "readv", "lseek", "readlink", "access", "statvfs", "listdir", "dup")
STATUS = ("stat", "lstat", "fstat")


class Killed(BaseException):
    """The reader's process ends here, without any chance to do something."""


class Calls:
    """Replaces the functions that make system calls, while the ``with`` statement lasts.

    Args:
        folder: what lies elsewhere does not concern anybody.
        before: is called before each call with its name; may raise :class:`Killed`.
        inodes: numbers of files to show, and what is open.
    """

    def __init__(self, folder: Path, before: Callable[[str], None], inodes: Inodes) -> None:
        self._folder = str(folder)
        self._before = before
        self._inodes = inodes
        self._armed = False
        self._real = {name: getattr(os, name) for name in (*PLAIN, *STATUS, "scandir")}
        self._open = io.open
        self._files: dict[int, int] = {}
        self._objects: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in PLAIN:
            setattr(os, name, self._plain(name))
        for name in STATUS:
            setattr(os, name, self._status(name))
        os.scandir = self._scandir
        io.open = builtins.open = self._file
        return self

    def __exit__(self, *_: object) -> None:
        for name, function in self._real.items():
            setattr(os, name, function)
        io.open = builtins.open = self._open

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What is called in here is the reader's."""
        self._armed = True
        try:
            yield
        finally:
            self._armed = False

    def point(self, name: str, at: Any = None) -> bool:
        """Let others act where the reader calls; return whether it does."""
        if not self._armed or (isinstance(at, str | PathLike) and not str(at).startswith(self._folder)):
            return False
        self._armed = False
        self._before(name)  # where it raises, the reader is dead and calls nothing any more
        self._armed = True
        return True

    def close_all(self) -> None:
        """Close what a dead reader had open."""
        for fd in list(self._files):
            if fd in self._objects:
                self._objects.pop(fd).close()
            else:
                self._real["close"](fd)
            self._inodes.closed(self._files.pop(fd))

    def _plain(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*args: Any, **more: Any) -> Any:
            called = self.point(name, args[0])
            result = real(*args, **more)
            if name == "open" and called:
                self._note(result)
            if name == "close" and args[0] in self._files:
                self._inodes.closed(self._files.pop(args[0]))
            return result

        return call

    def _note(self, fd: int) -> None:
        self._files[fd] = self._real["fstat"](fd).st_ino
        self._inodes.opened(self._files[fd])

    def _status(self, name: str) -> Callable[..., os.stat_result]:
        real = self._real[name]

        def call(*args: Any, **more: Any) -> os.stat_result:
            called = self.point(name, args[0])
            result: os.stat_result = real(*args, **more)
            return self._shown(result) if called else result

        return call

    def _shown(self, status: os.stat_result) -> os.stat_result:
        reduced: Any = status.__reduce__()[1]  # what is in it by position, and what by name
        numbers, names = reduced
        return os.stat_result((numbers[0], self._inodes.given(status.st_ino), *numbers[2:]), names)

    def _scandir(self, path: Any = ".") -> Any:
        called = self.point("scandir", path)
        entries = self._real["scandir"](path)
        return _Entries(self, entries) if called else entries

    def _file(self, file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        if "b" not in mode or not self.point("open", file):
            return self._open(file, mode, *args, **more)
        opened = self._open(file, mode, *args, **more)
        self._note(opened.fileno())
        self._objects[opened.fileno()] = opened  # so that it is not closed by chance
        return _File(self, opened)

    def close_file(self, file: Any) -> None:
        """Close a file object."""
        self.point("close")
        if not file.closed:
            fd = file.fileno()
            self._objects.pop(fd).close()
            self._inodes.closed(self._files.pop(fd))


class _Entries:
    """A folder that is gone through: what is in it is asked for with the first entry."""

    def __init__(self, calls: Calls, entries: Any) -> None:
        self._calls, self._entries = calls, entries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        self._calls.point("getdents")
        return iter(self._entries)

    def close(self) -> None:
        self._entries.close()


class _File:
    """A file object whose reads and seeks are calls."""

    def __init__(self, calls: Calls, file: Any) -> None:
        self._calls, self._file = calls, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, *args: Any) -> Any:
        self._calls.point("read")
        return self._file.read(*args)

    def seek(self, *args: Any) -> Any:
        self._calls.point("lseek")
        return self._file.seek(*args)

    def close(self) -> None:
        self._calls.close_file(self._file)
