"""The index of what waits in the state file: which half stands in which chunk, and since when it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Part(NamedTuple):
    """The halves of a chunk: its number, their keys, uint64 (n,), and when they were read, uint32 (n,)."""

    number: int
    keys: NDArray[np.uint64]
    since: NDArray[np.uint32]


class Index:
    """Where each half stands that the state file has, in the order of their keys.

    Attributes:
        keys: as of :class:`.chunks.Named`, uint64 (n,).
        chunks: the number of the chunk of each, int32 (n,).
        since: when each was read, uint32 (n,).
        gone: which wait no more, and are dropped at the next commit, bool (n,).
    """

    def __init__(self) -> None:
        self.keys: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.chunks: NDArray[np.int32] = np.zeros(0, np.int32)
        self.since: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.gone: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return where keys (n,) stand; -1 where one is not there, or waits no more."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        there = (self.keys[places] == keys) & ~self.gone[places]
        return np.where(there, places, -1)

    def of(self, number: int) -> NDArray[np.uint64]:
        """Return the keys of the halves of a chunk, (n,)."""
        found: NDArray[np.uint64] = self.keys[self.chunks == number]
        return found

    def touched(self) -> set[int]:
        """Return the numbers of the chunks with halves that wait no more."""
        found: set[int] = set(np.unique(self.chunks[self.gone]).tolist())
        return found

    def left(self) -> dict[int, int]:
        """Return how many halves of each chunk still wait, of chunks with any."""
        numbers, counts = np.unique(self.chunks[~self.gone], return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    def by_side(self, of: NDArray[np.bool_]) -> tuple[int, int]:
        """Return how many of some halves (n,) are requests and responses."""
        responses = int((self.keys[of] & np.uint64(1)).sum())
        return int(of.sum()) - responses, responses

    def replace(self, numbers: Sequence[int], parts: Sequence[Part]) -> None:
        """Take those out that wait no more and all of some chunks, and add those of others."""
        stay = ~self.gone
        if numbers:
            stay &= ~np.isin(self.chunks, np.array(numbers, np.int32))
        if not stay.all():
            self.keys, self.chunks, self.since = self.keys[stay], self.chunks[stay], self.since[stay]
        if parts:
            keys = np.concatenate([part.keys for part in parts])
            chunks = np.concatenate([np.full(len(part.keys), part.number, np.int32) for part in parts])
            since = np.concatenate([part.since for part in parts])
            order = np.argsort(keys)
            places = np.searchsorted(self.keys, keys[order])
            self.keys = np.insert(self.keys, places, keys[order])
            self.chunks = np.insert(self.chunks, places, chunks[order])
            self.since = np.insert(self.since, places, since[order])
        self.gone = np.zeros(len(self.keys), np.bool_)
