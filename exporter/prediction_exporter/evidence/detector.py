"""Detector: bets whose capital says whether a column moved, folded slice by slice in the order of time.

Each bet's capital ``M`` becomes ``(1 + M) * product of its factors`` with each slice of five minutes: a new bet begins with
each slice, so a change is seen whenever it comes (the Shiryaev-Roberts sum). Without a change, the mean of the capitals of a
column grows by 1 a slice at most, so in the mean it takes as many slices as the limit to reach it: the false-alarm budget is
this average run length. It holds for any number of looks, and for any dependence between columns.

Rows that depend on each other are worth fewer: the factors are raised to one over the rows that stand for an independent one,
as the replay of the baseline taught it and as production's own hours show it. That is an approximation of second order.

References:
    Shin, Ramdas, Rinaldo, E-detectors: a nonparametric framework for sequential change detection, 2023.
    Wang, Ramdas, False discovery rate control with e-values, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.hours import hour_of_week
from prediction_exporter.counting.slices import SLICE_SECONDS, Counts
from prediction_exporter.evidence.bets import BETS, Bets
from prediction_exporter.evidence.scores import Floats
from prediction_exporter.evidence.variation import Means, Variation

#: Slices of thirty days: the looks that a false-alarm budget by the month is spent on.
LOOKS_PER_MONTH = 30 * 86_400 // SLICE_SECONDS

#: Slices without a row that count as looks between two with some; more are as if the watch had begun anew.
MOST_EMPTY = 86_400 // SLICE_SECONDS

#: A bet's capital is cut at so many times the limit: evidence of yesterday must not outlast a change that is over for long.
CUT = 1e6

#: An alarm ends when the mean is back under the tolerance, taken over so many independent rows, times one over its square;
#: and that is asked when this part of them has come since it began, which a large change needs far fewer for.
SETTLED = 9.0
LEAST_SETTLED = 0.25


@dataclass(eq=False)
class Walk:
    """The bets on one version.

    Attributes:
        capital: float64 (C, S, L).
        alarmed: bool (C,), columns that moved and are not back yet.
        newest: start of the newest slice that was folded, in seconds; None before the first.
        sums, rows: float64 (C, S), of each score over the newest rows, of those since an alarm began, what it ends by.
        means: the means of hours and longer windows, what production's variation is told by.
    """

    capital: Floats
    alarmed: NDArray[np.bool_]
    sums: Floats
    rows: Floats
    means: Means
    newest: int | None = None

    def copy(self) -> Walk:
        """Return the same, to be folded further on its own."""
        return Walk(
            self.capital.copy(), self.alarmed.copy(), self.sums.copy(), self.rows.copy(), self.means.copy(), self.newest
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the bets on one version say.

    Attributes:
        log10: float64 (C,), decimal logarithm of the capital, at least 0, and at least the limit's until an alarm ends; NaN
            where nothing is bet on.
        alarmed: bool (C,), columns that surely moved, each by the whole limit.
        moved: how many columns surely moved, all of them taken together.
        learning: seconds of event time until the first bet; 0 from then on.
        effective: share of the version's newest rows that are independent if all of an entity's are alike; None where none of
            them names one.
    """

    log10: Floats
    alarmed: NDArray[np.bool_]
    moved: int
    learning: float
    effective: float | None = None


@dataclass(eq=False)
class Detector:
    """The rule for one model.

    Args:
        bets: what is bet on.
        budget: false alarms that are tolerated in a month.
        timezone: where the hours of the seasons are those of.
        learning: seconds of event time, from the first event on, without bets: production's own variation is not known then.
        shares: float64 (C,), each column's part of the budget as a multiple of an equal part; equal where absent.
    """

    bets: Bets
    budget: float
    timezone: str = "UTC"
    learning: float = 86_400.0
    shares: Floats | None = None
    _growth: dict[int, Floats] = field(default_factory=dict)
    _values: dict[int, Floats] = field(default_factory=dict)

    @cached_property
    def watched(self) -> NDArray[np.bool_]:
        """Columns that there is something to bet on, bool (C,)."""
        watched: NDArray[np.bool_] = np.logical_or.reduce(self.bets.exists, axis=1)
        return watched

    @cached_property
    def limit(self) -> float:
        """The mean capital from which on a column surely moved that has an equal part of the budget."""
        return LOOKS_PER_MONTH / self.budget * max(int(self.watched.sum()), 1)

    @cached_property
    def limits(self) -> Floats:
        """The mean capital of each column from which on it surely moved, (C,)."""
        limits: Floats = self.limit / (np.ones(len(self.watched)) if self.shares is None else self.shares)
        return limits

    @cached_property
    def visible(self) -> Floats:
        """The change from which on each column's evidence can grow, in standard deviations, (C,); NaN where there is none."""
        in_deviations = np.where(self.bets.main, self.bets.tolerance / self.bets.deviation, 0.0)
        return np.where(self.watched, in_deviations.max(axis=1, initial=0.0), np.nan)

    def rows_until_sure(self, change: float, dependence: float = 1.0) -> Floats:
        """Return about how many rows it takes until a change is sure, (C,); infinite where it cannot be seen.

        A bet of the best size grows by x**2 / (2 (1 + x**2)) a row, x being what the change is above the tolerance.

        Args:
            change: of the column's mean, in standard deviations.
            dependence: as of :meth:`fold`.
        """
        above = np.maximum(change - self.visible, 0.0)
        growth = above**2 / (2.0 * (1.0 + above**2))
        needed = np.log(self.limits * self.bets.exists.sum(axis=1) * len(BETS))
        effect = np.where(self.bets.is_replayed, self.bets.effect, np.maximum(self.bets.effect, dependence))
        worth = np.where(self.bets.main, effect, 1.0).max(axis=1, initial=1.0)
        with np.errstate(divide="ignore"):
            rows: Floats = np.where(above > 0, needed * worth / growth, np.inf)
        return rows

    @cached_property
    def _weights(self) -> Floats:
        exists = self.bets.exists
        weights: Floats = exists / np.maximum(exists.sum(axis=1, keepdims=True), 1) / len(BETS)
        return weights

    @cached_property
    def _remembered(self) -> Floats:
        """Rows that an alarm's end is judged by, (C, S)."""
        in_deviations = self.bets.tolerance / self.bets.deviation
        rows: Floats = SETTLED * self.bets.effect / np.maximum(in_deviations, 1e-3) ** 2
        return rows

    def begin(self) -> Walk:
        """Return the bets on a version before its first event."""
        columns, scores, _ = self.bets.shape
        zeros = np.zeros((columns, scores))
        return Walk(
            np.zeros((columns, scores, len(BETS))),
            np.zeros(columns, np.bool_),
            zeros,
            zeros.copy(),
            Means.empty(zeros.shape),
        )

    def variation(self) -> Variation:
        """Return what is known of production's own variation before its first hour."""
        return Variation.empty(self.bets.shape[:2])

    def hour_of_week(self, start: int) -> int:
        """Return the hour of the week that a slice lies in, 0 being Monday at midnight, in local time."""
        return hour_of_week(start, self.timezone)

    def fold(self, walk: Walk, variation: Variation, start: int, counts: Counts, dependence: float = 1.0) -> None:
        """Take a slice of one version into account; slices come in the order of time.

        Args:
            walk: the version's bets, changed in place.
            variation: production's own variation, changed in place.
            start: begin of the slice, in seconds.
            counts: int64, rows in each cell of all columns.
            dependence: rows that stand for an independent one where all of an entity's are alike, of slices before.
        """
        rows = self.bets.padded_counts(counts)
        hour = self.hour_of_week(start)
        sums = np.matmul(self._values_at(hour), rows[..., None])[..., 0]
        taken = np.matmul(self.bets.takes, rows[..., None])[..., 0]
        variation.begin(start)
        walk.means.add(start, sums, taken, variation, self.bets)
        self._settle(walk, sums, taken)
        if start < variation.since + self.learning:
            walk.newest = start
            return
        empty = 0 if walk.newest is None else (start - walk.newest) // SLICE_SECONDS - 1
        grown = np.matmul(self._growth_at(hour), rows[:, None, :, None])[..., 0] * self._worth(variation, dependence)[..., None]
        capital = (1.0 + walk.capital + min(max(empty, 0), MOST_EMPTY)) * np.exp(np.minimum(grown, 600.0))
        walk.capital = np.minimum(capital, CUT * self.limits[:, None, None])
        walk.newest = start
        begun = (self.mean_capital(walk) >= self.limits) & ~walk.alarmed
        walk.sums[begun] = walk.rows[begun] = 0.0
        walk.alarmed |= begun

    def _worth(self, variation: Variation, dependence: float) -> Floats:
        """Return what part of an independent row each row is worth, (C, S).

        What is rare shows too seldom how it comes: a session of ten rows out of range is one event. Its rows are taken to
        depend on each other as those of the column's other scores do; where it has none, as those of other columns mostly do.

        What entities could come to counts where no replay taught how rows depend on each other, and until days show that it
        cannot be so much: of a column that is different in each row of an entity.
        """
        if variation.worth is None or variation.worth[0] != dependence:
            variation.worth = dependence, self._worth_now(variation, dependence)
        return variation.worth[1]

    def _worth_now(self, variation: Variation, dependence: float) -> Floats:
        bets = self.bets
        rows = variation.rows(bets.first, bets.effect)
        if dependence > 1:
            rows = np.where(bets.is_replayed, rows, np.maximum(rows, np.minimum(dependence, variation.at_most())))
        own: Floats = 1.0 / rows
        common = bets.exists & ~bets.rare
        of_column = np.where(common, own, np.inf).min(axis=1, initial=np.inf)
        known = np.isfinite(of_column)
        of_column[~known] = np.median(of_column[known]) if known.any() else 1.0
        return np.where(bets.rare, np.minimum(own, of_column[:, None]), own)

    def _settle(self, walk: Walk, sums: Floats, taken: Floats) -> None:
        """End the alarms of columns whose scores are all back under their tolerance."""
        kept = np.exp(-taken / self._remembered)
        walk.sums = walk.sums * kept + sums
        walk.rows = walk.rows * kept + taken
        if walk.alarmed.any():
            means = walk.sums / np.maximum(walk.rows, 1.0)
            settled = (means <= self.bets.tolerance) & (walk.rows >= LEAST_SETTLED * self._remembered)
            back = np.where(self.bets.exists, settled, True).all(axis=1)
            ended = walk.alarmed & back
            walk.capital[ended] = 0.0
            walk.alarmed &= ~ended

    def mean_capital(self, walk: Walk) -> Floats:
        """Return the mean capital of the bets on each column, (C,)."""
        mean: Floats = np.einsum("csl,cs->c", walk.capital, self._weights)
        return mean

    def evidence(self, walk: Walk, variation: Variation, effective: float | None = None) -> Evidence:
        """Return what the bets on a version say; ``effective`` is passed on."""
        mean = self.mean_capital(walk)
        shown = np.log10(np.maximum(mean, 1.0))
        shown = np.where(walk.alarmed, np.maximum(shown, np.log10(self.limits)), shown)
        newest = walk.newest if walk.newest is not None else variation.since
        learning = max(variation.since + self.learning - newest, 0.0) if np.isfinite(variation.since) else self.learning
        return Evidence(
            log10=np.where(self.watched & (learning == 0), shown, np.nan),
            alarmed=walk.alarmed.copy(),
            moved=max(self._moved(mean), int(walk.alarmed.sum())),
            learning=learning,
            effective=effective,
        )

    def _moved(self, mean: Floats) -> int:
        """Return how many columns surely moved (weighted e-BH): the most of which each has its limit over their number."""
        shares = 1.0 if self.shares is None else self.shares
        ordered = np.sort((mean * shares)[self.watched])[::-1]
        enough = np.flatnonzero(ordered * np.arange(1, len(ordered) + 1) >= self.limit)
        return int(enough[-1]) + 1 if len(enough) else 0

    def _values_at(self, hour: int) -> Floats:
        """Return the scores in an hour; what is asked for is the last hour, or the one before, again and again."""
        place = hour if self.bets.has_seasons else 0
        if place not in self._values:
            _drop_all_but(1, self._values)
            self._values[place] = self.bets.values(hour)
        return self._values[place]

    def _growth_at(self, hour: int) -> Floats:
        place = hour if self.bets.has_seasons else 0
        if place not in self._growth:
            _drop_all_but(1, self._growth)
            self._growth[place] = self.bets.growth(self._values_at(hour))
        return self._growth[place]


def _drop_all_but(kept: int, cache: dict[int, Floats]) -> None:
    """Drop what was put there first."""
    for place in list(cache)[: max(len(cache) - kept, 0)]:
        del cache[place]
