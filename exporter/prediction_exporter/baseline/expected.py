"""Expected: how many values of a new sample of the same population lie outside of what a sample has shown.

A table of categories holds what was frequent in the very sample that it was made of, and a range ends at that sample's own
extremes: the sample itself shows too little outside. Leaving out each row in turn tells what the others would have said of it.
For categories that is Good and Turing's estimate: what was seen once is about as frequent as what was not seen at all.

References:
    Good, The population frequencies of species and the estimation of population parameters, 1953.
    Esty, A normal limit law for a nonparametric estimator of the coverage of a random sample, 1983, for the variance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: A category that the baseline has at least so often has a drift bin of its own; a test of two samples needs as many.
LEAST_IN_OWN_BIN = 5

#: Of more categories than these some are frequent by chance, and by how much that may move a PSI.
FEW = 10
MOVED_BY_CHANCE = 0.01


@dataclass(frozen=True)
class Outside:
    """Rows of another sample, as large, that lie outside.

    Attributes:
        rows: how many are expected.
        variance: of what that estimate is off by.
    """

    rows: float
    variance: float


def outside_table(counts: Sequence[int], kept: int) -> Outside:
    """Return the rows of another sample that hold a category which is not among the most frequent ones of this.

    Categories that were seen ``s + 1`` times hold together what those seen ``s`` times really have, and those seen once what
    was never seen: the rows outside of the table are those of the categories that were seen at most as often as what it left
    out. With ``o`` for that, their variance is the rows themselves and ``o (o + 1)`` times the categories seen ``o + 1`` times.

    Args:
        counts: rows of each category, most frequent first.
        kept: how many of them the table holds.

    >>> outside_table([50, 30, 2, 1, 1, 1], 6)
    Outside(rows=3.0, variance=5.0)
    >>> outside_table([50, 30, 2, 2, 1], 3).rows
    5.0
    """
    often = Counter(counts)
    if kept >= len(counts):
        rows = float(often[1])
        return Outside(rows, rows + 2.0 * often[2])
    most = counts[kept]  # of what is outside; some inside may have as many, by chance
    tied = [place for place, count in enumerate(counts) if count == most]
    outside = sum(place >= kept for place in tied) / len(tied)
    # So many categories are seen one time more, about: where none is, those a little beside tell.
    above = max(often[most + 1], (often[most] + often[most + 1] + often[most + 2]) / 3)
    rows = sum(count for count in counts if count <= most) + outside * often[most + 1] * (most + 1)
    rows = min(rows, float(sum(counts)))
    return Outside(float(rows), float(rows + most * (most + 1) * above))


def outside_range(first: int, last: int) -> Outside:
    """Return the rows that lie outside of the range of the others, by how often the least and the greatest value stand there.

    >>> outside_range(1, 1).rows, outside_range(3, 1).rows
    (2.0, 1.0)
    """
    rows = float((first == 1) + (last == 1))
    return Outside(rows, rows)


def own_bins(counts: Sequence[int], kept: int) -> int:
    """Return how many of the most frequent categories have a drift bin of their own; the others share one.

    Those that are just frequent enough are so by chance, and another sample has fewer of them and more of the others: what was
    seen ``s - 1`` times is really as frequent as what was seen ``s`` times shows. Where that would move the shared bin, more
    have to be in it: sixty equal categories in 150 rows were above the threshold of their PSI in one of five baselines, for as
    long as that was used.

    Args:
        counts: rows of each category, most frequent first.
        kept: how many of them the table holds.

    >>> own_bins([400, 300, 200, 4], 4), own_bins([90, 80, 70, 60, 50, 40, 30, 20, 10, 7, 1, 1], 12)
    (3, 10)
    >>> own_bins([9, 8, 7, 7, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3], 24)
    2
    """
    if len(counts) <= FEW:
        return sum(count >= LEAST_IN_OWN_BIN for count in counts)
    often, total = Counter(counts), sum(counts)
    least = LEAST_IN_OWN_BIN if kept >= len(counts) else max(LEAST_IN_OWN_BIN, counts[kept] + 1)
    while least <= counts[0]:
        shared = sum(count for count in counts if count < least)
        near = max(1, round(math.sqrt(least) / 2))  # few categories were seen just so often
        moved = least * sum(often[count] for count in range(least - near, least + near + 1)) / (2 * near + 1)
        if shared == 0 or moved**2 <= MOVED_BY_CHANCE * shared * total:
            break
        least += 1
    return max(sum(count >= least for count in counts), 1)
