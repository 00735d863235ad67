"""Grouping: pairs of many groups, such as minutes, counted at once; the counts are (G, layout.width)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.performance.exact import digits_of, sum_of
from prediction_exporter.performance.layout import PerformanceLayout

Counts = NDArray[np.int64]
Places = NDArray[np.intp]

#: Counts of as many groups at a time as take so many bytes.
BLOCK_BYTES = 16 << 20


def at_a_time(layout: PerformanceLayout) -> int:
    """Return how many groups are counted at a time."""
    return max(BLOCK_BYTES // (8 * layout.width), 1)


def by_group(places: NDArray[Any], width: int, groups: Places | None, size: int, weights: NDArray[Any] | None = None) -> Counts:
    """Return how often each place occurs in each group, int64 (size, width).

    >>> by_group(np.array([0, 2, 2]), 3, np.array([1, 0, 0]), 2).tolist()
    [[0, 0, 2], [1, 0, 0]]

    Args:
        places: from 0 up to and without ``width``, (n,).
        width: number of places.
        groups: the group of each row, (n,); None where there is one alone.
        size: number of groups.
        weights: whole numbers to be summed instead, (n,), whose sums floats hold exactly.
    """
    at = places if groups is None else groups * width + places
    found = np.bincount(at, weights=weights, minlength=size * width)
    return found.astype(np.int64).reshape(size, width)


def count_into(
    layout: PerformanceLayout, counts: Counts, block: str, places: NDArray[Any], units: Counts | None, groups: Places | None
) -> None:
    """Add rows to a block of the counts: one each, or its units."""
    place, _ = layout.blocks[block]
    counts[:, place] += by_group(places, place.stop - place.start, groups, len(counts), units)


def add_counter(counts: Counts, index: int, groups: Places | None, rows: NDArray[np.bool_] | Counts) -> None:
    """Add numbers, (n,), to a counter of the groups."""
    if groups is None:
        counts[0, index] += int(rows.sum())
    else:
        counts[:, index] += np.bincount(groups, weights=rows, minlength=len(counts)).astype(np.int64)


def add_terms(sums: Counts, first: int, terms: NDArray[np.float64], groups: Places | None) -> None:
    """Add terms, (k, n), to k of the exact sums of each group, (G, sums, 6), from the first on."""
    if groups is None:
        sums[0, first : first + len(terms)] += sum_of(terms)
        return
    for place, digits in enumerate(digits_of(terms)):
        for index, digit in enumerate(digits):
            sums[:, first + index, place] += np.bincount(groups, weights=digit, minlength=len(sums)).astype(np.int64)
