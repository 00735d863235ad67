"""Chunks: what waits for its other half, as the parts that the state file has of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import xxhash
import zstandard
from numpy.typing import NDArray

from prediction_exporter.sources.layouts.base import SIDES, Half

#: Bytes of the lines of a chunk, so that writing one again is cheap; a longer line has a chunk of its own.
CHUNK_BYTES = 1 << 20

#: What is counted of a line beside its own bytes.
_BESIDE = 24

#: Of compression: writing is most of what waiting costs.
_LEVEL = 1

_HEAD = np.dtype([("key", "<u8"), ("check", "<u8"), ("since", "<u4"), ("length", "<u4")])


def names_of(halves: Iterable[Half]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return what halves are known by.

    Returns:
        Keys, uint64 (n,): 63 bits of each one's id and one of its side, by which it is looked up; those of both sides differ in
        the last bit. And checks, uint64 (n,): further 64 bits of the id, which tell ids apart whose keys are the same.
    """
    halves = list(halves)
    hashes = b"".join(xxhash.xxh3_128_digest(name.encode("utf-8", "surrogatepass")) for name, _ in halves)
    words = np.frombuffer(hashes, ">u8").astype(np.uint64).reshape(-1, 2)
    sides = np.array([SIDES.index(side) for _, side in halves], np.uint64)
    return words[:, 1] & ~np.uint64(1) | sides, words[:, 0]


class Entry(NamedTuple):
    """A half that waits.

    Attributes:
        key, check: what it is known by, see :func:`names_of`.
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
    >>> list(Chunk(pack([entry])).entries(np.ones(1, np.bool_))) == [entry]
    True
    """
    entries = list(entries)
    heads = np.array([(one.key, one.check, one.since, len(one.line)) for one in entries], _HEAD)
    raw = len(entries).to_bytes(4, "little") + heads.tobytes() + b"".join(one.line for one in entries)
    return zstandard.compress(raw, _LEVEL)


class Chunk:
    """A chunk that was read.

    Args:
        data: what :func:`pack` gave.

    Attributes:
        keys: of its halves, uint64 (n,).
        since: when they were read, uint32 (n,).
    """

    def __init__(self, data: bytes) -> None:
        self._raw = zstandard.decompress(data)
        heads = np.frombuffer(self._raw, _HEAD, int.from_bytes(self._raw[:4], "little"), offset=4)
        self.keys: NDArray[np.uint64] = heads["key"].astype(np.uint64)
        self.since: NDArray[np.uint32] = heads["since"].astype(np.uint32)
        self._checks: NDArray[np.uint64] = heads["check"].astype(np.uint64)
        self._ends = np.cumsum([4 + heads.nbytes, *heads["length"].tolist()]).tolist()
        self._order = np.argsort(self.keys)

    @property
    def size(self) -> int:
        """What its halves count for."""
        return int(self._ends[-1] - self._ends[0]) + _BESIDE * len(self.keys)

    def has(self, keys: NDArray[np.uint64]) -> bool:
        """Return whether halves with these keys (n,) stand in it."""
        return bool(np.isin(keys, self.keys).all())

    def lines(self, keys: NDArray[np.uint64], checks: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the lines of halves whose keys stand in it, (n,); None where another id has the key of one."""
        places = self._order[np.searchsorted(self.keys, keys, sorter=self._order)]
        same = self._checks[places] == checks
        return [self._line(place) if is_it else None for place, is_it in zip(places.tolist(), same.tolist(), strict=True)]

    def _line(self, place: int) -> bytes:
        return self._raw[self._ends[place] : self._ends[place + 1]]

    def entries(self, chosen: NDArray[np.bool_]) -> Iterator[Entry]:
        """Yield those of its halves that are chosen, bool (n,), in their order."""
        places = np.flatnonzero(chosen)
        heads = zip(self.keys[places].tolist(), self._checks[places].tolist(), self.since[places].tolist(), strict=True)
        return (Entry(*head, self._line(place)) for place, head in zip(places.tolist(), heads, strict=True))


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
