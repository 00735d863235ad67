"""The bytes of a log file, plain or compressed, at any position of the decompressed stream."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from prediction_exporter.sources.decompress import BLOCK_BYTES, Compression, Damaged, decode

Look = tuple[int, int, int, int]
"""Device, inode, size and time stamp of a file: what changes whenever its content does."""


def look_of(status: os.stat_result) -> Look:
    """Return the look of a file."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Content(Protocol):
    """An open file. Renaming or deleting the file does not disturb it."""

    @property
    def complete(self) -> bool:
        """Whether no more bytes will ever come behind those that ``read_at`` has come to."""

    def read_at(self, position: int, length: int) -> bytes:
        """Return ``length`` bytes from ``position`` on; fewer at the end of what is there now."""

    def length(self) -> int:
        """Return the number of bytes there now; a compressed file is read through for it."""

    def close(self) -> None:
        """Close the file."""


class PlainContent:
    """A file as it is. It may grow, so it is never complete."""

    complete = False

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO may stand there by now

    def stat(self) -> os.stat_result:
        """Return the state of the file, also when it has no name any more."""
        return os.fstat(self._fd)

    def read_at(self, position: int, length: int) -> bytes:
        """Read at a position, without moving any."""
        data = os.pread(self._fd, length, position)
        while data and len(data) < length:  # a signal or a limit of the system may cut a read short
            more = os.pread(self._fd, length - len(data), position + len(data))
            if not more:
                break
            data += more
        return data

    def length(self) -> int:
        """Return the size of the file."""
        return self.stat().st_size

    def next_data(self, position: int) -> int:
        """Return where the next bytes may be that are none of a hole's, from a position on."""
        try:
            return os.lseek(self._fd, position, os.SEEK_DATA)
        except OSError as error:
            # Nothing but a hole follows; or the file system does not tell.
            return max(self.length(), position) if error.errno == errno.ENXIO else position

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Bytes(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def seek(self, position: int, /) -> int: ...
    def close(self) -> None: ...


class CompressedContent:
    """A compressed file, decompressed as far as asked for, in bounded memory.

    It is named by its path, or is a file of bytes that is open.

    Going forward is one pass through the file; going back starts again at its beginning. A file that is still being
    written ends early and is not complete; open it again to see more of it. A damaged one ends where the damage begins.

    Attributes:
        complete: whether its end was reached.
        damage: what is wrong with the file, as far as it was read.
    """

    def __init__(self, file: str | _Bytes, compression: Compression) -> None:
        self.complete = False
        self.damage: str | None = None
        self._file: _Bytes = Path(file).open("rb") if isinstance(file, str) else file  # noqa: SIM115 - closed by close()
        self._compression: Compression = compression
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._start = 0
        self._buffer = bytearray()
        self._blocks = self._run()

    def _run(self) -> Iterator[bytes]:
        try:
            self.complete = yield from decode(self._compression, self._pieces())
        except Damaged as error:
            self.complete, self.damage = True, str(error)

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._file.read(BLOCK_BYTES):
            yield piece

    def read_at(self, position: int, length: int) -> bytes:
        """Read at a position, keeping only what lies behind it."""
        if position < self._start:
            self._rewind()
        while True:
            drop = min(position - self._start, len(self._buffer))
            del self._buffer[:drop]
            self._start += drop
            if self._start == position and len(self._buffer) >= length:
                return bytes(self._buffer[:length])
            block = next(self._blocks, b"")
            if not block:
                return bytes(self._buffer[:length]) if self._start == position else b""
            self._buffer += block

    def length(self) -> int:
        """Decompress to the end and return how many bytes there are."""
        while block := next(self._blocks, b""):
            # The last bytes stay, because whoever asks for the length looks at the end next.
            drop = max(len(self._buffer) - BLOCK_BYTES, 0)
            del self._buffer[:drop]
            self._start += drop
            self._buffer += block
        return self._start + len(self._buffer)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
