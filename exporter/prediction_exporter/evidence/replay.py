"""Replay: the baseline's own hours played as if they were production, so that they show what varies without any drift.

Each hour is scored by what the other folds of the baseline teach, as production is scored by what the whole of it teaches. Of
the mean scores of windows of an hour to a week, two things are kept: how many rows stand for an independent one, and how far
the mean goes without a change. Rows that come in sessions show in the first, calendars and wander in the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.layout import Column, Kind
from prediction_exporter.counting.shrinkage import SHRINKAGE, share_of_all, shares_by_hour
from prediction_exporter.evidence.learnt import LEAST_TOLERANCE, Learnt
from prediction_exporter.evidence.scores import LEAST_DEVIATION, ColumnScores, Floats, column_scores

Counts = NDArray[np.int64]

DAY, WEEK = 24, 168

#: Slots of the season that has a table for each day of the week.
DAYS = 7

#: Lengths of the windows, in hours; of data that has each day's rows at one time, those of days alone.
LENGTHS = (1, 6, DAY, 72, WEEK)
DAILY_LENGTHS = (DAY, WEEK)

#: Fewer windows than these say nothing of a length, and fewer than those do not say how many rows are worth one.
FEW_WINDOWS, ENOUGH_WINDOWS = 8, 20

#: Folds, and from how many days on there are more of them.
FOLDS, MORE_FOLDS, LONG = 4, 6, 60

#: Days from which on the hour of the day, and that of the week, can be learnt with a fold left out: for the latter four weeks,
#: which may lack their last weekend.
DAYS_FOR_DAY, DAYS_FOR_WEEK = 7, 26

#: Days from which on data of one time a day can be steady.
DAYS_FOR_STEADY = 50

#: What is tolerated of a mean that goes about: so many times the farthest that it went.
MARGIN = 1.25

#: Days with rows in fewer hours than this, on average, have their rows at one time.
HOURS_OF_A_DAY = 2

#: Hours whose scores are looked up at a time.
AT_A_TIME = 1024

#: Shifts, in standard deviations, that a season is to see sooner than none, each with its weight: what sees none of the first
#: kind is judged by the others. How much sooner it must be: by chance alone, one of three seasons is a little.
LOOKED_FOR = ((0.5, 1.0), (1.0, 1e-3), (2.0, 1e-6))
SOONER = 1.5

#: The score of what the baseline's own rows never are: replaying them shows nothing of it.
OUTSIDE = "more outside"


class Replay:
    """The hours of a baseline that have rows.

    Args:
        hours: int64 (T,), increasing: local hours since a Monday, 00:00.

    Attributes:
        hours: the same.
        days: from the first to the last.
        daily: whether each day has its rows at one time.
        lengths: of the windows, in hours.
        folds: how many there are.

    >>> Replay(np.arange(24 * 70)).seasons, Replay(np.arange(0, 24 * 70, 24)).seasons
    ((1, 24, 7, 168), (1, 7))
    """

    def __init__(self, hours: NDArray[np.int64]) -> None:
        self.hours = hours
        # A stray row of another year makes no long baseline.
        weeks = len(np.unique(hours // WEEK))
        self.days = min(int(hours[-1] // DAY - hours[0] // DAY) + 1, DAYS * weeks) if len(hours) else 0
        self.daily = len(hours) < HOURS_OF_A_DAY * len(np.unique(hours // DAY))
        self.lengths = DAILY_LENGTHS if self.daily else LENGTHS
        self.folds = MORE_FOLDS if self.days >= LONG else FOLDS

    @property
    def unit(self) -> Literal["hour", "day"]:
        """What the shortest windows are."""
        return "day" if self.daily else "hour"

    @property
    def windows(self) -> int:
        """How many windows of the shortest length there are."""
        return len(np.unique(self.hours // self.lengths[0]))

    @property
    def is_enough(self) -> bool:
        """Whether something can be learnt."""
        return self.windows >= FEW_WINDOWS

    @property
    def seasons(self) -> tuple[int, ...]:
        """How many slots each season has that can be learnt, none first."""
        if self.daily:
            return (1, DAYS) if self.days >= DAYS_FOR_WEEK else (1,)
        return (1, *([DAY] if self.days >= DAYS_FOR_DAY else []), *([DAYS, WEEK] if self.days >= DAYS_FOR_WEEK else []))

    def learn(self, column: Column, counts: Counts, outside: tuple[float, float] | None = None) -> Learnt:
        """Return what a column's rows by hour teach.

        Args:
            column: the column.
            counts: int64 (T, B), rows in each of its cells in each hour.
            outside: as of :func:`column_scores`, for all rows.
        """
        whole = counts.sum(axis=0)
        if not self.is_enough or not whole.any():
            return Learnt.nothing(column_scores(column, whole[None], outside))
        best, most = None, -1.0
        for slots in self.seasons:
            if most * SOONER >= MOST_SEEN:
                break
            scores, learnt = self._learn(column, counts, slots, outside)
            seen = _seen(column, scores, learnt)
            if best is None or seen > most * SOONER:
                best, most = learnt, seen
        assert best is not None  # noqa: S101 - there is always the season of one slot
        return best

    def by_length(self, counts: Counts, slots: int = 1) -> Iterator[Windows]:
        """Yield the windows of each length, one from each hour on from which it lies within the data.

        Args:
            counts: int64 (T, B), rows in each of a column's bins in each hour.
            slots: of the column's season: 1, or 24, 7 or 168.
        """
        before = _summed(counts)
        bounds = np.array([0, *(of[-1] + 1 for of in self._folds if len(of))])
        for length in self.lengths:
            starts = np.flatnonzero(self.hours + length - 1 <= self.hours[-1])
            ends = np.searchsorted(self.hours, self.hours[starts] + length)
            first = bounds[np.searchsorted(bounds, starts, side="right") - 1]
            last = bounds[np.searchsorted(bounds, ends, side="left")]
            others = before[-1] - (before[last] - before[first])
            if slots > 1:
                others = self._in_season(counts, slots, starts, ends)
            yield Windows(length, self.hours[starts], before[ends] - before[starts], others)

    def _places(self, slots: int) -> NDArray[np.int64]:
        """Return the slot of a season that each hour lies in, (T,)."""
        return (self.hours // DAY if slots == DAYS else self.hours) % slots

    def _in_season(self, counts: Counts, slots: int, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Counts:
        """Return what the other folds show in each window's hours, as so many rows as stand behind it, (W, B).

        Each hour is that of the folds it is not in; :mod:`prediction_exporter.statistics.seasons` has the same of a window in
        production.
        """
        places = self._places(slots)
        by_slot = _by_place(counts, places, slots)
        rows = counts.sum(axis=1)
        expected, inverse = np.zeros(counts.shape), np.zeros((len(rows), slots))
        for fold in self._folds:
            others = by_slot - _by_place(counts[fold], places[fold], slots)
            everything = np.ones(others.shape[1], np.bool_)
            shares = shares_by_hour(others, share_of_all(others.sum(axis=0).astype(np.float64), everything), everything)
            expected[fold] = rows[fold, None] * shares[places[fold]]
            inverse[fold, places[fold]] = rows[fold] / np.sqrt(others.sum(axis=1)[places[fold]] + SHRINKAGE)
        expected, inverse, rows = _summed(expected), _summed(inverse), _summed(rows)
        of_window = np.maximum(rows[ends] - rows[starts], 1)
        behind = of_window**2 / np.maximum(((inverse[ends] - inverse[starts]) ** 2).sum(axis=1), 1e-9)
        shown: Counts = np.rint((expected[ends] - expected[starts]) * (behind / of_window)[:, None]).astype(np.int64)
        return shown

    def _learn(
        self, column: Column, counts: Counts, slots: int, outside: tuple[float, float] | None
    ) -> tuple[ColumnScores, Learnt]:
        """Return the scores of a season and what they teach."""
        places = self._places(slots)
        by_slot = _by_place(counts, places, slots)
        scores = column_scores(column, by_slot, outside)
        sums = self._sums(column, counts, by_slot, places, outside)
        shown = self._shown(scores, sums, counts.astype(np.float64) @ scores.takes.T)
        copies = DAY if slots == DAYS else 1
        kept = np.repeat(by_slot, copies, axis=0) if slots > 1 else None
        return scores, Learnt(slots * copies, kept, *shown, replayed=True, copies=copies)

    def _sums(
        self,
        column: Column,
        counts: Counts,
        by_slot: Counts,
        places: NDArray[np.int64],
        outside: tuple[float, float] | None,
    ) -> Floats:
        """Return the sums of each hour's scores, as the other folds give them, (T, S)."""
        parts = []
        for fold in self._folds:
            hours, at = counts[fold], places[fold]
            others = by_slot - _by_place(hours, at, len(by_slot))
            share = others.sum() / max(int(by_slot.sum()), 1)
            values = column_scores(column, others, outside and (outside[0] * share, outside[1] * share)).values
            for begin in range(0, len(fold), AT_A_TIME):
                part = slice(begin, begin + AT_A_TIME)
                parts.append(np.matmul(values[at[part]], hours[part, :, None].astype(np.float64))[..., 0])
        return np.concatenate(parts)

    def _shown(self, scores: ColumnScores, sums: Floats, taken: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the variance of the shortest windows, the rows that stand for one, and what is tolerated, (S,) each."""
        variances = [_variance(window, scores.deviation) for window in self._windows(sums, taken)]
        shortest, *longer = variances
        first = np.maximum(1.0, shortest.mean)
        effect = np.maximum(1.0, np.where(shortest.mean > shortest.most, shortest.mean * shortest.most, 1.0))
        # A day's rows at one time may all be as one: steady is only what varies no more than independent ones, in days enough
        # that no more than the least tolerance absorbs can hide in it.
        explained = within_a_day = np.ones(len(first)) if self.daily else first
        steady = shortest.mean <= explained * shortest.most
        steady &= (shortest.windows >= DAYS_FOR_STEADY) | (not self.daily)
        for hours, length in zip(self.lengths[1:], longer, strict=True):
            if hours >= DAY:  # what windows within a day show, an exponent accounts for; sessions are no wander
                unlike = length.mean > np.maximum(explained * shortest.most, within_a_day) * length.most
                steady &= ~((length.windows >= FEW_WINDOWS) & unlike)
            surely = (length.windows >= ENOUGH_WINDOWS) & (length.mean > effect * length.most)
            effect = np.where(surely, np.maximum(1.0, length.mean * length.most), effect)
            within_a_day = effect if hours < DAY else within_a_day
        farthest = self._farthest(variances)
        tolerance = np.where(steady, LEAST_TOLERANCE, np.maximum(LEAST_TOLERANCE, MARGIN * farthest))
        never = np.array([name == OUTSIDE for name in scores.names], np.bool_)
        return (
            np.where(never, 1.0, first),
            np.where(never, 1.0, effect),
            np.where(never, LEAST_TOLERANCE, tolerance),
        )

    def _farthest(self, variances: list[_Variance]) -> Floats:
        """Return how far the mean of a day or more went, or of the longest windows that there are."""
        found = np.zeros_like(variances[0].mean)
        known = np.zeros(len(found), np.bool_)
        for length, variance in reversed(list(zip(self.lengths, variances, strict=True))):
            enough = variance.windows >= FEW_WINDOWS
            counts = enough if length >= DAY else enough & ~known
            found = np.where(counts, np.maximum(found, variance.farthest), found)
            known |= enough
        return found

    def _windows(self, sums: Floats, taken: Floats) -> list[tuple[Floats, Floats]]:
        """Return the sums and rows of the windows of each length, of those at the ends only where they are not cut short."""
        found = []
        for starts in self._starts:
            rows = np.add.reduceat(taken, starts, axis=0)
            of_window = rows.max(axis=1, initial=0.0)
            whole = np.ones(len(starts), np.bool_)
            whole[[0, -1]] = of_window[[0, -1]] >= np.median(of_window) / 2
            found.append((np.add.reduceat(sums, starts, axis=0)[whole], rows[whole]))
        return found

    @cached_property
    def _folds(self) -> list[NDArray[np.intp]]:
        """The places of each fold's hours."""
        return np.array_split(np.arange(len(self.hours)), self.folds)

    @cached_property
    def _starts(self) -> list[NDArray[np.intp]]:
        """Where the windows of each length begin."""
        return [np.unique(self.hours // length, return_index=True)[1] for length in self.lengths]


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one length, at any hour of the day, so that they overlap.

    Attributes:
        length: in hours.
        hours: int64 (W,), at which each begins.
        rows: int64 (W, B), of each in a column's bins.
        others: int64 (W, B), those of the folds that it was not in, in its hours of a season: what it is compared with.
    """

    length: int
    hours: NDArray[np.int64]
    rows: Counts
    others: Counts


@dataclass(frozen=True, slots=True)
class _Variance:
    """What windows of one length show of each score, (S,) each.

    Attributes:
        mean: mean of rows times the square of the window's mean score: 1 where rows are independent.
        most: how much larger than its expectation it may well be by chance.
        farthest: the largest mean of a window, in standard deviations.
        windows: how many windows there are.
    """

    mean: Floats
    most: Floats
    farthest: Floats
    windows: NDArray[np.intp]


def _variance(window: tuple[Floats, Floats], deviation: Floats) -> _Variance:
    sums, rows = window
    there = rows > 0
    windows = there.sum(axis=0)
    some = np.maximum(rows, 1.0)
    with np.errstate(invalid="ignore"):
        mean = np.where(windows > 0, (sums**2 / some).sum(axis=0) / np.maximum(windows, 1) / deviation**2, 1.0)
    farthest = np.abs(sums / some).max(axis=0, initial=0.0) / deviation
    return _Variance(mean, 1.0 + 2.0 * np.sqrt(2.0 / np.maximum(windows, 1)), farthest, windows)


def _summed(values: NDArray[Any]) -> NDArray[Any]:
    """Return the sums of what stands before each place, and of all."""
    return np.concatenate((np.zeros_like(values[:1]), np.cumsum(values, axis=0)))


def _by_place(counts: Counts, places: NDArray[np.int64], slots: int) -> Counts:
    """Return counts by slot of the season, (slots, B)."""
    found = np.zeros((slots, counts.shape[1]), np.int64)
    np.add.at(found, places, counts)
    return found


def _growth(tolerance: Floats) -> Floats:
    """Return how fast evidence of independent rows grows at the shifts that are looked for."""
    growth = np.zeros_like(tolerance)
    for shift, weight in LOOKED_FOR:
        square = np.maximum(shift - tolerance, 0.0) ** 2
        growth += weight * square / (2.0 * (1.0 + square))
    return growth


#: More than what the least tolerance sees of independent rows, nothing sees.
MOST_SEEN = float(_growth(np.array([LEAST_TOLERANCE]))[0])


def _seen(column: Column, scores: ColumnScores, learnt: Learnt) -> float:
    """Return how fast evidence grows at the shifts that are looked for."""
    if not scores.names:
        return 0.0
    seen = _growth(learnt.tolerance) / learnt.effect
    varies = scores.main & (scores.deviation > LEAST_DEVIATION)  # of what never comes, or always, any season sees all
    of_values = seen[varies if varies.any() else scores.main]
    return float(of_values.min() if column.kind is Kind.NUMERIC else of_values.mean())


def rounded(learnt: Learnt, digits: int = 4) -> Learnt:
    """Return the same in so many significant digits, so that it is the same on each machine."""

    def rounded_of(values: Floats) -> Floats:
        return np.array([float(f"{value:.{digits}g}") for value in values])

    return replace(
        learnt,
        first=rounded_of(learnt.first),
        effect=rounded_of(learnt.effect),
        tolerance=rounded_of(learnt.tolerance),
    )
