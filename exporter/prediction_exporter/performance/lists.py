"""Counting lists of ranked items: discounted gains, and where the first item stood that was worth something."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.ranks import MOST_RANKS, are_sets, chosen
from prediction_exporter.performance.exact import BLOCK, DIGITS, sum_of
from prediction_exporter.performance.grouping import add_counter, add_terms
from prediction_exporter.performance.layout import CLIPPED, NOTHING_CHOSEN, ROWS, UNUSABLE, WEIGHT, PerformanceLayout

Floats = NDArray[np.float64]

#: Values are rounded to this, as they come from logarithms, whose last digits differ between processors.
_STEP = 2.0**-32


def count_lists(layout: PerformanceLayout, lists: NDArray[Any], ranks: Floats, gains: Floats) -> NDArray[np.int64]:
    """Return the counts of a batch, int64 (layout.width,); the arguments are those of ``Performance.of_lists``.

    A list is unusable in which a rank is no whole number from 1 or is there twice, or a gain is negative or not finite.
    """
    counts = np.zeros(layout.width, np.int64)
    if not len(lists):
        return counts
    _, of_list = np.unique(lists, return_inverse=True)
    of_list = of_list.astype(np.intp)
    total = int(of_list.max()) + 1
    wrong = ~(np.isfinite(ranks) & (ranks >= 1) & (ranks == np.floor(ranks)) & np.isfinite(gains) & (gains >= 0))
    by_rank = np.lexsort((ranks, of_list))
    twice = (np.diff(of_list[by_rank]) == 0) & (np.diff(np.where(wrong, 0.0, ranks)[by_rank]) == 0)
    wrong[by_rank[1:]] |= twice
    usable = np.bincount(of_list, weights=wrong, minlength=total) == 0
    counts[UNUSABLE] = total - int(np.count_nonzero(usable))
    kept = by_rank[usable[of_list[by_rank]]]
    of_list, ranks, gains = of_list[kept], ranks[kept], gains[kept]
    values = np.rint(_values(layout.cutoff, total, of_list, ranks, gains)[:, usable] / _STEP) * _STEP
    counts[ROWS] = counts[WEIGHT] = values.shape[1]
    counts[NOTHING_CHOSEN] = np.count_nonzero(values[1] == 0)
    place, shape = layout.blocks["sums"]
    for first in range(0, values.shape[1], BLOCK):
        ndcg, reciprocal = values[:, first : first + BLOCK]
        counts[place] += sum_of(np.stack((ndcg, ndcg**2, reciprocal, reciprocal**2))).reshape(shape).ravel()
    return counts


def count_sets(
    layout: PerformanceLayout, sets: NDArray[Any], groups: NDArray[np.intp] | None = None, size: int = 1
) -> NDArray[np.int64]:
    """Return the counts of a batch by group, int64 (size, layout.width); the arguments are those of ``Performance.of_sets``."""
    counts = np.zeros((size, layout.width), np.int64)
    for first in range(0, len(sets), BLOCK):
        rows = slice(first, first + BLOCK)
        _count_sets(layout, counts, sets[rows].astype(np.float64), None if groups is None else groups[rows])
    return counts


def _count_sets(layout: PerformanceLayout, counts: NDArray[np.int64], sets: Floats, groups: NDArray[np.intp] | None) -> None:
    usable = are_sets(sets)
    if not usable.all():
        add_counter(counts, UNUSABLE, groups, ~usable)
        sets, groups = sets[usable], None if groups is None else groups[usable]
    each = np.ones(len(sets), np.int64)
    for counter in (ROWS, WEIGHT):
        add_counter(counts, counter, groups, each)
    found = chosen(sets)
    add_counter(counts, CLIPPED, groups, found[:, MOST_RANKS])
    add_counter(counts, NOTHING_CHOSEN, groups, sets == 0)
    of_list, places = np.nonzero(found)  # by list and rank; items that were not chosen are worth nothing
    ranks = (places + 1).astype(np.float64)
    values = _values(layout.cutoff, len(sets), of_list, ranks, np.ones(len(ranks)))
    values[1, ~found[:, :MOST_RANKS].any(axis=1)] = 0.0
    ndcg, reciprocal = np.rint(values / _STEP) * _STEP
    place, _ = layout.blocks["sums"]
    sums = counts[:, place].reshape(len(counts), -1, DIGITS)
    add_terms(sums, 0, np.stack((ndcg, ndcg**2, reciprocal, reciprocal**2)), groups)


def _values(cutoff: int, total: int, of_list: NDArray[np.intp], ranks: Floats, gains: Floats) -> Floats:
    """Return NDCG and the reciprocal rank of each list, (2, L), from items sorted by list and rank."""
    largest = np.zeros(total)
    np.maximum.at(largest, of_list, gains)
    worth = gains / np.where(largest > 0, largest, 1.0)[of_list]  # the ratio is the same, and nothing overflows
    found = _discounted(cutoff, total, of_list, ranks, worth)
    best_first = np.lexsort((-worth, of_list))  # the list of each item stays where it is
    starts = np.searchsorted(of_list, of_list)
    positions = (np.arange(len(of_list)) - starts + 1).astype(np.float64)
    best = _discounted(cutoff, total, of_list, positions, worth[best_first])
    first = np.full(total, np.inf)
    np.minimum.at(first, of_list[worth > 0], ranks[worth > 0])
    return np.stack((found / np.where(best > 0, best, 1.0), 1.0 / first))


def _discounted(cutoff: int, total: int, of_list: NDArray[np.intp], ranks: Floats, worth: Floats) -> Floats:
    terms = np.where(ranks <= cutoff, worth / np.log2(ranks + 1.0), 0.0)
    sums: Floats = np.bincount(of_list, weights=terms, minlength=total).astype(np.float64)
    return sums
