"""Learnt: what a column's variation without drift was, as far as the baseline could tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.layout import Column
from prediction_exporter.evidence.scores import ColumnScores, Floats, column_scores

#: The least change that is looked for, in standard deviations of the score: a smaller one matters to nobody.
LEAST_TOLERANCE = 0.1

#: Hours of the seasons that can be told apart: none, of the day, of the week that begins on Monday.
SEASONS = (1, 24, 168)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known of a column's S scores before production began.

    Attributes:
        hours: of the season that its scores follow, one of :data:`SEASONS`.
        counts: int64 (hours, B), rows of the baseline in each cell by hour of the season; None where there is no season.
        first: float64 (S,), variance of an hour's mean score, in units of what independent rows would have; at least 1.
        effect: float64 (S,), the same for windows of whatever length shows most: rows that stand for one that is independent.
        tolerance: float64 (S,), in standard deviations, what the column's own variation is not told apart from.
        replayed: whether a replay of the baseline taught this; if not, production alone teaches.
        copies: how many hours in succession have the same counts, as those of a day where nothing is known of its hours.
    """

    hours: int
    counts: NDArray[np.int64] | None
    first: Floats
    effect: Floats
    tolerance: Floats
    replayed: bool
    copies: int = 1

    @property
    def by_slot(self) -> NDArray[np.int64] | None:
        """Rows of the baseline in each cell by slot of the season, (24, 7 or 168, B); None where there is no season."""
        return None if self.counts is None else self.counts[:: self.copies]

    @classmethod
    def nothing(cls, scores: ColumnScores) -> Learnt:
        """Return what is known of a column whose baseline has no times."""
        ones = np.ones(len(scores.names))
        return cls(1, None, ones, ones, LEAST_TOLERANCE * ones, replayed=False)


def scores_of(
    column: Column, whole: NDArray[np.int64], learnt: Learnt, outside: tuple[float, float] | None = None
) -> ColumnScores:
    """Return a column's scores by hour of the season that it follows.

    Args:
        column: the column.
        whole: int64 (B,), rows of the baseline in each cell.
        learnt: what is known of it.
        outside: as of :func:`column_scores`.
    """
    if learnt.counts is None:
        return column_scores(column, whole[None], outside)
    return column_scores(column, learnt.counts, outside, copies=learnt.copies)


def tolerated(scores: ColumnScores, learnt: Learnt) -> Floats:
    """Return what is tolerated of each score's mean, (S,): the column's own variation, and the baseline's sampling error."""
    return np.maximum(np.maximum(learnt.tolerance, LEAST_TOLERANCE) * scores.deviation, scores.error * np.sqrt(learnt.first))
