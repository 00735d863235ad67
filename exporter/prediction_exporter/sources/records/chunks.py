"""Chunks: what waits for its other half, as the parts that the state file has of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

from prediction_exporter.sources.layouts.base import SIDES, Half

#: Bytes of the lines of a chunk, so that writing one again is cheap; a longer line has a chunk of its own.
CHUNK_BYTES = 1 << 20

#: What is counted of a line beside its own bytes.
_BESIDE = 24

_HEAD = np.dtype([("key", "<u8"), ("check", "<u8"), ("since", "<u4"), ("length", "<u4")])


class Named(NamedTuple):
    """What a half is known by.

    Attributes:
        key: 63 bits of its id and one of its side, by which it is looked up; those of both sides differ in the last bit.
        check: further 64 bits of its id, which tell ids apart whose keys are the same.
    """

    key: int
    check: int

    @classmethod
    def of(cls, half: Half) -> Named:
        """Return what a half is known by."""
        hashed = xxhash.xxh3_128_intdigest(half.id.encode("utf-8", "surrogatepass"))
        return cls(hashed & 0xFFFF_FFFF_FFFF_FFFE | SIDES.index(half.side), hashed >> 64)


class Entry(NamedTuple):
    """A half that waits.

    Attributes:
        key: as of :class:`Named`.
        check: as there.
        since: when it was read, in whole seconds of Unix time.
        line: its record, as it was written.
    """

    key: int
    check: int
    since: int
    line: bytes

    @property
    def size(self) -> int:
        """What it counts for in a chunk."""
        return len(self.line) + _BESIDE


def pack(entries: Iterable[Entry]) -> bytes:
    """Return entries as compressed bytes.

    >>> entry = Entry(1, 2, 3, b"{}")
    >>> Chunk(pack([entry])).entries() == [entry]
    True
    """
    entries = list(entries)
    heads = np.array([(one.key, one.check, one.since, len(one.line)) for one in entries], _HEAD)
    return zlib.compress(len(entries).to_bytes(4, "little") + heads.tobytes() + b"".join(one.line for one in entries), 1)


class Chunk:
    """A chunk that was read.

    Args:
        data: what :func:`pack` gave.

    Attributes:
        keys: of its halves, uint64 (n,).
        since: when they were read, uint32 (n,).
    """

    def __init__(self, data: bytes) -> None:
        self._raw = zlib.decompress(data)
        heads = np.frombuffer(self._raw, _HEAD, int.from_bytes(self._raw[:4], "little"), offset=4)
        self.keys: NDArray[np.uint64] = heads["key"].astype(np.uint64)
        self.since: NDArray[np.uint32] = heads["since"].astype(np.uint32)
        self._checks: NDArray[np.uint64] = heads["check"].astype(np.uint64)
        self._ends = np.cumsum([4 + heads.nbytes, *heads["length"].tolist()])

    @property
    def size(self) -> int:
        """What its halves count for."""
        return int(self._ends[-1] - self._ends[0]) + _BESIDE * len(self.keys)

    def line(self, named: Named) -> bytes | None:
        """Return the line of a half; None where another id has its key."""
        place = int(np.flatnonzero(self.keys == np.uint64(named.key))[0])
        return self._line(place) if int(self._checks[place]) == named.check else None

    def _line(self, place: int) -> bytes:
        return self._raw[self._ends[place] : self._ends[place + 1]]

    def entries(self) -> list[Entry]:
        """Return what stands in it, in its order."""
        heads = zip(self.keys.tolist(), self._checks.tolist(), self.since.tolist(), strict=True)
        return [Entry(*head, self._line(place)) for place, head in enumerate(heads)]


def cut(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield entries in lists that make a chunk each."""
    piece: list[Entry] = []
    size = 0
    for entry in entries:
        if piece and size + entry.size > CHUNK_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += entry.size
    if piece:
        yield piece
