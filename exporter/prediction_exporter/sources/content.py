"""The bytes of a log file, plain or compressed, at any position of the decompressed stream."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal, Protocol

import zstandard

Compression = Literal["gz", "zst"]

BLOCK_BYTES = 1 << 20
#: zstd gives all output of a piece of input at once, at worst 32 KiB for each byte, so pieces are small; that costs nothing.
ZSTD_PIECE_BYTES = 1 << 8


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
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def stat(self) -> os.stat_result:
        """Return the state of the file, also when it has no name any more."""
        return os.fstat(self._fd)

    def id(self) -> tuple[int, int]:
        """Return device and inode."""
        status = self.stat()
        return status.st_dev, status.st_ino

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
    """A gzip or zstd file, decompressed as far as asked for, in bounded memory.

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
        self._decode = _gunzip if compression == "gz" else _unzstd
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._start = 0
        self._buffer = bytearray()
        self._blocks = self._run()

    def _run(self) -> Iterator[bytes]:
        try:
            self.complete = yield from self._decode(_pieces(self._file.read))
        except (zlib.error, zstandard.ZstdError) as error:
            self.complete, self.damage = True, str(error)

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


class _Read(Protocol):
    def __call__(self, size: int, /) -> bytes: ...


def _pieces(read: _Read) -> Iterator[bytes]:
    while block := read(BLOCK_BYTES):
        yield block


def _gunzip(pieces: Iterator[bytes]) -> Generator[bytes, None, bool]:
    """Decompress all members; return whether the input ended at the end of one."""
    decoder, whole = zlib.decompressobj(wbits=31), False
    for piece in pieces:
        rest = piece
        while rest:
            if whole:  # behind a member: padding or the next one
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                decoder, whole = zlib.decompressobj(wbits=31), False
            block = decoder.decompress(rest, BLOCK_BYTES)
            whole = decoder.eof
            rest = decoder.unused_data if whole else decoder.unconsumed_tail
            if block:
                yield block
    return whole


def _unzstd(pieces: Iterator[bytes]) -> Generator[bytes, None, bool]:
    """Decompress all frames; return whether the input ended at the end of one."""
    decoder, whole = zstandard.ZstdDecompressor().decompressobj(), False
    for piece in pieces:
        for begin in range(0, len(piece), ZSTD_PIECE_BYTES):
            rest = piece[begin : begin + ZSTD_PIECE_BYTES]
            while rest:
                if whole:
                    decoder, whole = zstandard.ZstdDecompressor().decompressobj(), False
                block = decoder.decompress(rest)
                whole = decoder.eof
                rest = decoder.unused_data if whole else b""
                if block:
                    yield block
    return whole
