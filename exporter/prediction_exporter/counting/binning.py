"""Binning of numbers: which bin of a fixed, sorted list of edges each value lies in.

A bin is closed on the left: bin ``i`` holds ``edges[i - 1] <= x < edges[i]``; the first is open to -inf, the last to +inf.
This is what ``numpy.searchsorted(edges, x, side="right")`` computes. A binary search costs about 40 ns a value; here a
uniform grid over the edges gives the answer up to the few edges that share a cell, and those are compared exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS = 8192

#: With more edges than this in one cell of the grid (a very skewed column) the binary search is the faster way.
MAX_EDGES_PER_CELL = 4


class Binner:
    """Bins values into fixed edges.

    The grid's cell of a value is a monotone function of it, in floating point too, so an edge in an earlier cell is below
    the value and one in a later cell above it; only edges in the value's own cell need a comparison. The result is exact.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        if edges.ndim != 1 or not np.all(np.isfinite(edges)) or np.any(edges[1:] <= edges[:-1]):
            raise ValueError("edges must be finite and strictly increasing")
        self.edges = edges
        self._rounds: list[NDArray[np.float64]] = []
        self._base: NDArray[np.int32] | None = None
        if len(edges) > 1:
            self._build_grid()

    def _build_grid(self) -> None:
        self._low = float(self.edges[0])
        with np.errstate(over="ignore"):
            span = self.edges[-1] - self.edges[0]
            self._scale = (CELLS - 2) / span
        if not np.isfinite(span) or not np.isfinite(self._scale):
            return  # the span overflows, or is so small that its inverse does: no grid
        cells = self._cells(self.edges)
        per_cell = np.bincount(cells, minlength=CELLS)
        if per_cell.max() > MAX_EDGES_PER_CELL:
            return
        first = np.concatenate(([0], np.cumsum(per_cell)[:-1]))
        self._base = first.astype(np.int32)
        rank = np.arange(len(self.edges)) - first[cells]
        for round_number in range(int(per_cell.max())):
            table = np.full(CELLS, np.inf)
            chosen = rank == round_number
            table[cells[chosen]] = self.edges[chosen]
            self._rounds.append(table)

    def _cells(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        with np.errstate(over="ignore", invalid="ignore"):
            position = (values - self._low) * self._scale
            # Unlike clip, these give NaN a cell too: its bin means nothing, but it must be one.
            np.fmax(position, -1.0, out=position)
            np.fmin(position, CELLS - 2.0, out=position)
            position += 1.0
            cells: NDArray[np.intp] = position.astype(np.intp)
        return cells

    def bin(self, values: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the bin of each value, int32 of the same shape; NaN gets a bin that means nothing."""
        if self._base is None:
            return np.searchsorted(self.edges, values, side="right").astype(np.int32)
        cells = self._cells(values)
        bins = self._base.take(cells)
        for table in self._rounds:
            bins += values >= table.take(cells)
        return bins
