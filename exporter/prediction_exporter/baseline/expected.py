"""Expected: how many values of a new sample of the same population lie outside of what a sample has shown.

A table of categories holds what was frequent in the very sample that it was made of, and a range ends at that sample's own
extremes: the sample itself shows too little outside. Leaving out each row in turn tells what the others would have said of it.
For categories that is Good and Turing's estimate: what was seen once is about as frequent as what was not seen at all.

References:
    Good, The population frequencies of species and the estimation of population parameters, 1953.
    Esty, A normal limit law for a nonparametric estimator of the coverage of a random sample, 1983, for the variance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


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
