"""Bets: by how much each row of a cell changes the capital of each bet on a column's scores.

A bet of ``b`` on a score ``s`` with the tolerance ``t`` multiplies its capital by ``1 + b (s - t)`` at each row. As long as the
score's mean is at most ``t``, that is no more than 1 on average, whatever the distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.cells import Cells
from prediction_exporter.evidence.learnt import Learnt, tolerated
from prediction_exporter.evidence.scores import ColumnScores, Floats

#: Sizes of the bets, in units of one over the score's standard deviation: small ones see small changes, large ones others soon.
BETS = np.array([0.03, 0.05, 0.1, 0.2, 0.35, 0.5])

#: A row costs at most so much of a bet's capital.
LARGEST_LOSS = 0.9


@dataclass(frozen=True)
class Bets:
    """The bets on all columns, padded to the same shape: C columns, S scores, L bets, B cells.

    Attributes:
        cells: the cells that counts are of.
        columns: the scores of each column.
        learnt: what is known of each.
    """

    cells: Cells
    columns: Sequence[ColumnScores]
    learnt: Sequence[Learnt]

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """C, S and B."""
        return (
            len(self.columns),
            max((len(scores.names) for scores in self.columns), default=0),
            int(np.diff(self.cells.offsets).max()),
        )

    def _padded(self, of_columns: Sequence[Floats], fill: float) -> Floats:
        padded = np.full(self.shape[:2], fill)
        for row, values in zip(padded, of_columns, strict=True):
            row[: len(values)] = values
        return padded

    @cached_property
    def has_seasons(self) -> bool:
        """Whether the scores of any column depend on the hour."""
        return any(len(scores.values) > 1 for scores in self.columns)

    @cached_property
    def exists(self) -> NDArray[np.bool_]:
        """Which scores there are, bool (C, S)."""
        return self._padded([np.ones(len(scores.names)) for scores in self.columns], 0.0) > 0

    @cached_property
    def rare(self) -> NDArray[np.bool_]:
        """Which scores are about what the baseline has seldom or never, bool (C, S)."""
        return self._padded([scores.rare.astype(np.float64) for scores in self.columns], 0.0) > 0

    @cached_property
    def main(self) -> NDArray[np.bool_]:
        """The scores that a column is first of all watched by, bool (C, S)."""
        return self._padded([scores.main.astype(np.float64) for scores in self.columns], 0.0) > 0

    @cached_property
    def deviation(self) -> Floats:
        """Standard deviation of each score, (C, S); 1 where there is none."""
        return self._padded([scores.deviation for scores in self.columns], 1.0)

    @cached_property
    def tolerance(self) -> Floats:
        """What is tolerated of each score's mean, (C, S); 1 where there is none."""
        return self._padded([tolerated(scores, learnt) for scores, learnt in zip(self.columns, self.learnt, strict=True)], 1.0)

    @cached_property
    def first(self) -> Floats:
        """Variance of an hour's mean in units of independent rows, (C, S)."""
        return self._padded([learnt.first for learnt in self.learnt], 1.0)

    @cached_property
    def effect(self) -> Floats:
        """Rows that stand for one independent row, (C, S)."""
        return self._padded([learnt.effect for learnt in self.learnt], 1.0)

    @cached_property
    def is_replayed(self) -> NDArray[np.bool_]:
        """Whether a replay taught what is known of each column, bool (C, 1)."""
        return np.array([[learnt.replayed] for learnt in self.learnt], np.bool_)

    @cached_property
    def takes(self) -> Floats:
        """Whether rows of a cell say anything of a score, 1 or 0, (C, S, B)."""
        takes = np.zeros(self.shape)
        for column, scores in zip(takes, self.columns, strict=True):
            column[: len(scores.names), : scores.takes.shape[1]] = scores.takes
        return takes

    @cached_property
    def sizes(self) -> Floats:
        """The bets, (C, S, L), none so large that a row could cost more than :data:`LARGEST_LOSS` of the capital."""
        worst = np.zeros(self.shape[:2])
        for column, scores in zip(worst, self.columns, strict=True):
            if scores.names:
                column[: len(scores.names)] = scores.values.min(axis=(0, 2))
        loss = np.maximum(self.tolerance - worst, 1e-9)
        return np.minimum(BETS / self.deviation[..., None], LARGEST_LOSS / loss[..., None])

    def values(self, hour: int) -> Floats:
        """Return the scores in an hour of the week, (C, S, B), 0 being Monday at midnight."""
        values = np.zeros(self.shape)
        for column, scores in zip(values, self.columns, strict=True):
            at = scores.values[hour % len(scores.values)]
            column[: at.shape[0], : at.shape[1]] = at
        return values

    def growth(self, values: Floats) -> Floats:
        """Return the logarithm of the factor of each bet for a row of each cell, (C, S, L, B)."""
        gain = (values - self.tolerance[..., None])[:, :, None, :]
        taken = (self.takes * self.exists[..., None])[:, :, None, :]
        grown: Floats = np.log1p(self.sizes[..., None] * gain * taken)
        return grown

    def padded_counts(self, counts: NDArray[np.int64]) -> Floats:
        """Return the counts of all cells side by side as (C, B)."""
        return np.append(counts, 0)[self._places].astype(np.float64)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        columns, _, cells = self.shape
        places = np.full((columns, cells), self.cells.total, np.intp)
        for row, first, end in zip(places, self.cells.offsets, self.cells.offsets[1:], strict=False):
            row[: end - first] = np.arange(first, end)
        return places
