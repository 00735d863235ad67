"""Filters: whether a table may have a key, without asking the table.

Most keys are in one of thirty tables, or in none. A Bloom filter whose bits of a key are all in one word of 64 bits takes
12 bits for each key, errs for about two absent keys in a hundred, and never for one that is there.

Reference: Putze, Sanders, Singler, Cache-, hash- and space-efficient Bloom filters, 2007.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS_EACH = 12
_BITS_SET = 5
_SMALLEST = 4096

_MIX = np.uint64(0xD6E8_FEB8_6659_FD93)


class Probe:
    """Keys to ask filters for, prepared once for all of them.

    Attributes:
        keys: uint64 (n,).
    """

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self.keys = keys
        mixed = (keys ^ (keys >> np.uint64(32))) * _MIX
        mixed ^= mixed >> np.uint64(29)
        self.place = mixed >> np.uint64(32)
        mixed *= _MIX
        self.mask = np.zeros(len(keys), np.uint64)
        for turn in range(_BITS_SET):
            self.mask |= np.uint64(1) << (mixed >> np.uint64(64 - 6 * (turn + 1)) & np.uint64(63))


class Filter:
    """The keys of one table; grows with it.

    Args:
        expected: how many keys are to be added at first.
    """

    def __init__(self, expected: int) -> None:
        self._layers: list[NDArray[np.uint64]] = []
        self._room = 0
        self._grow(expected)

    def _grow(self, keys: int) -> None:
        keys = max(keys, _SMALLEST)
        self._layers.append(np.zeros(-(-keys * BITS_EACH // 64), np.uint64))
        self._room = keys

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(layer.nbytes for layer in self._layers)

    def add(self, probe: Probe) -> None:
        """Add keys."""
        if len(probe.keys) > self._room:
            self._grow(max(len(probe.keys), self.nbytes * 8 // BITS_EACH))
        self._room -= len(probe.keys)
        layer = self._layers[-1]
        np.bitwise_or.at(layer, self._places(probe, layer), probe.mask)

    def may_have(self, probe: Probe) -> NDArray[np.bool_]:
        """Return which keys may have been added, (n,)."""
        found = np.zeros(len(probe.keys), np.bool_)
        for layer in self._layers:
            found |= layer[self._places(probe, layer)] & probe.mask == probe.mask
        return found

    @staticmethod
    def _places(probe: Probe, layer: NDArray[np.uint64]) -> NDArray[np.intp]:
        return (probe.place * np.uint64(len(layer)) >> np.uint64(32)).astype(np.intp)
