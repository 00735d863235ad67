"""Scores: what is bet on, a number for each cell of a column whose mean is 0 as long as nothing changes.

Of numbers, the middle of the cell's ranks in the baseline less one half, and how far that is from the middle: these see a shift
and a change of spread, whatever the distribution. Of categories, whether it is this one, less its share. Of both, whether a
value is missing, of the wrong type, or one that the baseline never showed, less what is expected of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.cells import STATE_CELLS
from prediction_exporter.counting.layout import Column, Kind
from prediction_exporter.counting.shrinkage import share_of_all, shares_by_hour

Floats = NDArray[np.float64]

#: The least standard deviation that is taken for a score: one that never varied in the baseline is not free of any variation.
LEAST_DEVIATION = 0.02

#: The baseline's own sampling error is tolerated so many times, and a share that it never showed up to so many rows of it.
TOLERATED_ERRORS = 3.0
TOLERATED_ROWS = 4.0

#: What fewer rows of the baseline are than this is seen too seldom to tell by itself how it comes.
SELDOM = 0.05

_RARE = ("outside", "missing", "invalid")


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """The scores of a column.

    Attributes:
        names: what each of the S scores is, for people.
        rare: bool (S,): whether it is about what few rows of the baseline are: no value, one out of range, or a rare category.
        values: float64 (H, S, B): of each cell, in each hour of the season; H is 1 where there is none.
        takes: bool (S, B): whether rows of the cell say anything of the score; of a value that is missing, its rank does not.
        deviation: float64 (S,): standard deviation of the score of one row of the baseline.
        error: float64 (S,): what the baseline's own size leaves open of the score's mean.
    """

    names: tuple[str, ...]
    rare: NDArray[np.bool_]
    values: Floats
    takes: NDArray[np.bool_]
    deviation: Floats
    error: Floats

    @property
    def main(self) -> NDArray[np.bool_]:
        """Those that the column is first of all watched by, bool (S,): its ranks, its categories, or whether it is there."""
        for names in (("higher", "lower"), tuple(name for name in self.names if " category " in name)):
            if set(names) & set(self.names):
                return np.isin(self.names, names)
        return np.ones(len(self.names), np.bool_)


def column_scores(
    column: Column, counts: NDArray[np.int64], outside: tuple[float, float] | None = None, *, copies: int = 1
) -> ColumnScores:
    """Return the scores that a baseline gives a column.

    Args:
        column: the column.
        counts: int64 (H, B): rows of the baseline in each cell, by hour of the season; (1, B) without one.
        outside: how many of as many rows of another sample lie outside of the baseline's table or range, and the variance of
            that; None where it is not known.
        copies: how many of the hours have the same rows, as those of a day where nothing is known of its hours.
    """
    whole = counts.sum(axis=0) / copies
    cells = len(whole)
    values = cells - STATE_CELLS
    valid = whole[:values].sum()
    is_value = np.arange(cells) < values
    builder = _Builder(counts, whole, is_value)
    beyond = _beyond(column, values)
    expected = _expected(outside, valid)
    if column.kind is Kind.NUMERIC and values > 1:
        builder.ranks()
    elif column.kind is Kind.CATEGORICAL:
        for cell in range(values - 1):
            rest = expected if cell == values - 2 and len(column.categories) > values - 1 else None
            kept, error = _kept(whole[cell], whole[beyond].sum(), valid, rest)
            builder.share(f"category {cell}", [cell], is_value, both=True, kept=kept, error=error)
    if beyond:
        least, error = expected or (0.0, 0.0)
        builder.share("outside", beyond, is_value, both=False, least=least, error=error)
    if not column.is_derived:
        everything = np.ones(cells, np.bool_)
        builder.share("missing", [values], everything, both=True)
        builder.share("invalid", [values + 1], everything, both=False)
    return builder.build()


def _beyond(column: Column, values: int) -> list[int]:
    """Return the cells that the baseline's own rows do not fall into."""
    if column.kind is Kind.CATEGORICAL:
        return [values - 1]
    return [0, values - 1] if column.kind is Kind.NUMERIC and column.ranged else []


def _expected(outside: tuple[float, float] | None, valid: float) -> tuple[float, float] | None:
    """Return the share that is expected outside, and the standard error of that."""
    if outside is None or not valid or math.isnan(outside[0]):
        return None
    return outside[0] / valid, math.sqrt(max(outside[1], 0.0)) / valid


def _kept(rows: float, beyond: float, valid: float, expected: tuple[float, float] | None) -> tuple[float, float]:
    """Return what part of a cell's share another sample has in it, and the standard error of that share.

    The cell of the table's many rare categories holds those of them that this very sample happened to have: what another one
    has outside of the table, and this one had not, it lacks in that cell.
    """
    if expected is None or not rows:
        return 1.0, 0.0
    lost = max(expected[0] * valid - beyond, 0.0)
    return max(1.0 - lost / rows, 0.0), math.hypot(math.sqrt(rows) / valid, expected[1])


class _Builder:
    """Collects the scores of a column."""

    def __init__(self, counts: NDArray[np.int64], whole: Floats, is_value: NDArray[np.bool_]) -> None:
        self._counts = counts
        self._whole = whole
        self._is_value = is_value
        self._names: list[str] = []
        self._values: list[Floats] = []  # (H, B) each
        self._takes: list[NDArray[np.bool_]] = []
        self._errors: list[float] = []
        self._rare: list[bool] = []

    def _shares(self, takes: NDArray[np.bool_]) -> Floats:
        """Return the share of each cell among those that are taken, by hour, drawn towards that of all hours, (H, B)."""
        of_all = share_of_all(self._whole, takes)
        if len(self._counts) == 1:
            return of_all[None] if not self._whole[takes].sum() else (self._whole * takes / self._whole[takes].sum())[None]
        return shares_by_hour(self._counts, of_all, takes)

    def _add(self, name: str, values: Floats, takes: NDArray[np.bool_], error: float = 0.0, *, rare: bool = False) -> None:
        self._names.append(name)
        self._rare.append(rare)
        self._values.append(np.where(takes, values, 0.0))
        self._takes.append(takes)
        self._errors.append(error)

    def ranks(self) -> None:
        shares = self._shares(self._is_value)
        middle = np.cumsum(shares, axis=1) - shares / 2 - 0.5
        spread = np.abs(middle) - (shares * np.abs(middle)).sum(axis=1, keepdims=True)
        for name, values in (("higher", middle), ("lower", -middle), ("wider", spread), ("narrower", -spread)):
            self._add(name, values, self._is_value)

    def share(
        self,
        name: str,
        cells: list[int],
        takes: NDArray[np.bool_],
        *,
        both: bool,
        least: float = 0.0,
        kept: float = 1.0,
        error: float = 0.0,
    ) -> None:
        shares = np.maximum(self._shares(takes)[:, cells].sum(axis=1, keepdims=True) * kept, least)
        there = np.zeros(len(self._whole))
        there[cells] = 1.0
        rows = max(self._whole[takes].sum(), 1.0)
        rare = name in _RARE or self._whole[cells].sum() < SELDOM * rows
        error *= TOLERATED_ERRORS
        self._add(f"more {name}", there - shares, takes, max(error, TOLERATED_ROWS / rows), rare=rare)
        if both:
            self._add(f"less {name}", shares - there, takes, error, rare=rare)

    def build(self) -> ColumnScores:
        hours, cells = self._counts.shape
        scores = len(self._names)
        values = np.stack(self._values, axis=1) if scores else np.zeros((hours, 0, cells))
        takes = np.stack(self._takes) if scores else np.zeros((0, cells), np.bool_)
        of_hour = self._counts.sum(axis=1) / max(self._counts.sum(), 1)
        deviation, taken = np.zeros(scores), np.zeros(scores)
        for score in range(scores):
            shares = self._shares(takes[score])
            deviation[score] = math.sqrt(float(of_hour @ (shares * values[:, score] ** 2).sum(axis=1)))
            taken[score] = self._whole[takes[score]].sum()
        deviation = np.maximum(deviation, LEAST_DEVIATION)
        error = np.maximum(TOLERATED_ERRORS * deviation / np.sqrt(np.maximum(taken, 1.0)), self._errors)
        rare = np.array(self._rare, np.bool_)
        return ColumnScores(tuple(self._names), rare, values, takes, deviation, error)
