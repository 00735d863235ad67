"""Files that a person wrote, as a whole: of a bounded size, and never a pipe or a device that would be waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Bytes that a configuration may have: Kubernetes keeps no more in a ConfigMap.
MOST_BYTES = 1 << 20

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class NoFileError(OSError):
    """What a path leads to is no file that can be read as a whole."""

    def __init__(self, problem: str) -> None:
        super().__init__(None, problem)


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read, is no file, or holds more than ``most`` bytes.
    """
    with _opened(path) as fd:
        content = b""
        # Not by its size, which /proc has none of, and which says nothing where somebody writes meanwhile.
        while len(content) <= most and (more := os.read(fd, most + 1)):
            content += more
    if len(content) > most:
        raise NoFileError(f"it is larger than {most >> 10:,} KiB")
    return content


def refuse_unless_file(path: Path) -> None:
    """Look whether a path leads to a file that can be read, for those who read it by its name.

    Raises:
        OSError: it does not.
    """
    with _opened(path):
        pass


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Without waiting: to open a pipe takes until somebody writes to it, which may be never.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        kind = stat.S_IFMT(os.fstat(fd).st_mode)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if kind in _KINDS:
            raise NoFileError(f"it is {_KINDS[kind]} and must be a file")
        yield fd
    finally:
        os.close(fd)
