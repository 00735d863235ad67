"""Windows: running sums of the minutes of a span, which enter and leave; pairs of minutes inside come and go directly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.joined.folding import Block
from prediction_exporter.joined.packing import add_packed

Counts = NDArray[np.int64]


class Running:
    """The sums of the minutes ``[first, last)``, by the code of their key; exact, as all of it are integers.

    Args:
        width: of the counts.

    Attributes:
        first, last: the minutes, since the epoch; equal where it holds none.
        totals: int64 (width,) by code; those that hold nothing are left out.
        changes: by code, a number that is another one after each change.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._turn = 0
        self.clear()

    def clear(self) -> None:
        """Hold no minute."""
        self.first = self.last = 0
        self.totals: dict[int, Counts] = {}
        self.changes: dict[int, int] = {}

    def add(self, block: Block) -> None:
        """Add the counts of those minutes that it holds."""
        inside = (block.minutes >= self.first) & (block.minutes < self.last)
        for code in np.unique(block.keys[inside]).tolist():
            total = self._changing(code)
            total += block.counts[inside & (block.keys == code)].sum(axis=0)
        self._leave_out_empty()

    def move(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Hold other minutes from now on; yield the spans that are to be added (1) and to be taken out (-1)."""
        if first >= self.last or last <= self.first:
            self.clear()
            self.first, self.last = first, first
        spans = ((self.last, last, 1), (last, self.last, -1), (first, self.first, 1), (self.first, first, -1))
        self.first, self.last = first, last
        yield from (span for span in spans if span[0] < span[1])

    def put(self, code: int, body: bytes, sign: int) -> None:
        """Add packed counts of a key, or take them out."""
        add_packed(self._changing(code), body, sign)

    def _changing(self, code: int) -> Counts:
        self._turn += 1
        self.changes[code] = self._turn
        if code not in self.totals:
            self.totals[code] = np.zeros(self._width, np.int64)
        return self.totals[code]

    def settle(self) -> None:
        """Note that all spans of a move were put."""
        self._leave_out_empty()

    def _leave_out_empty(self) -> None:
        for code in [code for code, total in self.totals.items() if not total.any()]:
            del self.totals[code], self.changes[code]
