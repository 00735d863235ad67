"""Decompresses rotated logs piece by piece, in bounded memory: each codec is a generator of blocks."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Literal, Protocol

import zstandard

Compression = Literal["gz", "zst", "xz", "bz2"]

#: How the names of compressed files end.
COMPRESSIONS: dict[str, Compression] = {".gz": "gz", ".zst": "zst", ".xz": "xz", ".bz2": "bz2"}

BLOCK_BYTES = 1 << 20
#: zstd gives all output of a piece of input at once, at worst 32 KiB for each byte, so pieces are small; that costs nothing.
ZSTD_PIECE_BYTES = 1 << 8
#: What ``xz -9`` needs is 65 MiB; a file may ask for gigabytes.
XZ_MEMORY_BYTES = 100 << 20

DAMAGE = (zlib.error, lzma.LZMAError, zstandard.ZstdError)

Decode = Callable[[Iterator[bytes]], Generator[bytes, None, bool]]
"""Decompresses all members of a file; returns whether the input ended at the end of one."""


class Damaged(Exception):  # noqa: N818 - a state of a file, as EOFError is
    """What a compressed file holds is not what it says."""


def decode(compression: Compression, pieces: Iterator[bytes]) -> Generator[bytes, None, bool]:
    """Yield what compressed pieces hold; return whether they end where a member ends.

    Raises:
        Damaged: what follows cannot be decompressed.
    """
    try:
        return (yield from CODECS[compression](pieces))
    except DAMAGE as error:
        raise Damaged(str(error)) from error


def _gunzip(pieces: Iterator[bytes]) -> Generator[bytes, None, bool]:
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


class _Decoder(Protocol):
    """A decompressor of the standard library that keeps what it was given until it is asked for."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _with(new: Callable[[], _Decoder]) -> Decode:
    def run(pieces: Iterator[bytes]) -> Generator[bytes, None, bool]:
        decoder, whole = new(), False
        for piece in pieces:
            rest = piece
            while rest or not (whole or decoder.needs_input):
                if whole:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    decoder, whole = new(), False
                block = _decompressed(decoder, rest)
                whole = decoder.eof
                rest = decoder.unused_data if whole else b""
                if block:
                    yield block
        return whole

    return run


def _decompressed(decoder: _Decoder, data: bytes) -> bytes:
    try:
        return decoder.decompress(data, BLOCK_BYTES)
    except OSError as error:  # what bz2 raises for damage; nothing is read from a disk here
        raise Damaged(str(error)) from error


CODECS: dict[Compression, Decode] = {
    "gz": _gunzip,
    "zst": _unzstd,
    "xz": _with(lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)),
    "bz2": _with(bz2.BZ2Decompressor),
}
