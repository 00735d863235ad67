"""Variation: how much production's own hours differ from each other without any drift.

The squared difference of the mean scores of neighbouring windows, in units of what independent rows would show. A lasting
change moves one of these differences alone, so it does not excuse itself. Sessions move those of hours, and a cycle that no
baseline taught those of longer windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prediction_exporter.evidence.scores import Floats

if TYPE_CHECKING:
    from prediction_exporter.evidence.bets import Bets

#: Lengths of the windows whose means are compared, in seconds.
LENGTHS = (3600, 6 * 3600, 24 * 3600)

#: Differences that are averaged, by length: those of a week, and of two for days.
AVERAGED = np.array([168.0, 28.0, 14.0])

#: The baseline's variation stands in for production's until so many differences have been seen, by length.
SEEN = np.array([12.0, 3.0, 3.0])

#: For how many differences it stands until then.
PRIOR = 24.0

#: A difference counts as at most so many times what is usual by then.
CUT = 10.0

#: A window with fewer rows has no mean to speak of.
LEAST_ROWS = 5

#: The chance that days differ by so little though their rows depend on each other by more than is concluded from that.
BY_LUCK = 0.01

#: Degrees of freedom of the mean of squared differences of neighbours, by difference: each window is in two of them.
FREEDOM = 2 / 3


def _by_length(values: Floats) -> Floats:
    return values[:, None, None]


@dataclass(eq=False)
class Variation:
    """Production's own variation, of all versions together; W lengths of windows, C columns, S scores.

    Attributes:
        mean: float64 (W, C, S), mean of the differences.
        count: float64 (W, C, S), how many of them there were, at most :data:`AVERAGED`.
        since: begin of the first slice, in seconds; infinite before it.
        worth: what was derived from it, and from how many rows of an entity, until there is more of it.
    """

    mean: Floats
    count: Floats
    since: float = np.inf
    worth: tuple[float, Floats] | None = None

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Variation:
        """Return what is known before the first hour."""
        return cls(np.zeros((len(LENGTHS), *shape)), np.zeros((len(LENGTHS), *shape)))

    def begin(self, start: int) -> None:
        """Note a slice."""
        self.since = min(self.since, start)

    def rows(self, usual: Floats, effect: Floats) -> Floats:
        """Return how many rows stand for one that is independent, (C, S), by what production shows beside the baseline.

        Where it surely shows more than the baseline, it is taken with two standard errors of such a mean of squares. Hours
        scale what the baseline taught, for traffic has more rows an hour than a sample of it; longer windows stand for
        themselves. What surely lasts longer than an hour may last a day, until days have shown that it does not.

        Args:
            usual: variance of the mean of the baseline's hours, (C, S), in units of what independent rows would have.
            effect: the same of the baseline's windows of whatever length shows most.
        """
        mean = self._mean(usual)
        by_chance = 1.0 + 2.0 * np.sqrt(2.0 / np.maximum(self.count, 1.0))
        hour = np.where(mean[0] > usual * by_chance[0], mean[0] * by_chance[0], np.maximum(mean[0], usual))
        shown: Floats = effect * hour / usual
        for place in range(1, len(LENGTHS)):
            surely = mean[place] > shown * by_chance[place]
            shown = np.where(surely, mean[place] * by_chance[place] * self._longer(place), shown)
        return shown

    def at_most(self) -> Floats:
        """Return how many rows may stand for one that is independent, (C, S), if days differ by no more than they did.

        Days whose rows all resemble each other would have to differ more, but for luck. Infinite before there are two.
        """
        mean, count = self.mean[-1], self.count[-1]
        freedom = FREEDOM * count
        with np.errstate(divide="ignore", invalid="ignore"):
            most: Floats = mean * freedom / (2.0 * special.gammaincinv(freedom / 2.0, BY_LUCK))
        return np.where(count > 0, np.maximum(most, 1.0), np.inf)

    def _longer(self, place: int) -> Floats:
        """Return how many times as much the next length may show, (C, S): as many as it is longer, while it is not seen yet."""
        if place + 1 == len(LENGTHS):
            return np.ones(1)
        times: Floats = np.where(self.count[place + 1] < SEEN[place + 1], LENGTHS[place + 1] / LENGTHS[place], 1.0)
        return times

    def _mean(self, usual: Floats) -> Floats:
        prior = np.where(self.count < _by_length(SEEN), PRIOR, 0.0)
        mean: Floats = (prior * usual + self.count * self.mean) / (prior + self.count)
        return mean

    def add(self, length: int, differences: Floats, *, usual: Floats, is_replayed: NDArray[np.bool_]) -> None:
        """Count differences of windows of one length.

        Each is cut, so that a change, which is one large difference, does not excuse itself: of hours, and where nothing was
        replayed, as soon as some of them have shown what is usual.

        Args:
            length: its place.
            differences: (C, S); NaN where there is none.
            usual: variance of the mean of the baseline's hours.
            is_replayed: whether that is known, bool (C, 1).
        """
        mean, count = self.mean[length], self.count[length]
        self.worth = None
        there = np.isfinite(differences)
        is_new = (count < SEEN[length]) & ~(is_replayed & (length > 0))
        most = np.where(is_new, np.inf, CUT * np.maximum(self._mean(usual)[length], 1.0))
        cut = np.minimum(differences, most, where=there, out=np.zeros_like(mean))
        counted = np.where(there, np.minimum(count + 1, AVERAGED[length]), count)
        self.count[length] = counted
        self.mean[length] = np.where(there, mean + (cut - mean) / np.maximum(counted, 1.0), mean)

    def copy(self) -> Variation:
        """Return the same, to be changed on its own."""
        return Variation(self.mean.copy(), self.count.copy(), self.since, self.worth)


@dataclass(eq=False)
class Means:
    """The mean scores of one version, of its running windows and of those before that had enough rows.

    Attributes:
        numbers: int64 (W,), numbers of the running windows; -1 before the first slice.
        sums, rows: float64 (W, C, S), of the running windows.
        former, former_rows: float64 (W, C, S), mean of the window before, and its rows; 0 rows where there is none.
    """

    sums: Floats
    rows: Floats
    former: Floats
    former_rows: Floats
    numbers: NDArray[np.int64]

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Means:
        """Return what is known before the first slice."""
        sums, rows, former, former_rows = np.zeros((4, len(LENGTHS), *shape))
        return cls(sums, rows, former, former_rows, np.full(len(LENGTHS), -1, np.int64))

    def add(self, start: int, sums: Floats, rows: Floats, variation: Variation, bets: Bets) -> None:
        """Count a slice; what a window that is over says goes into the variation first."""
        for place, length in enumerate(LENGTHS):
            if self.numbers[place] not in (-1, start // length):
                self._end(place, variation, bets)
            self.numbers[place] = start // length
        self.sums += sums
        self.rows += rows

    def _end(self, place: int, variation: Variation, bets: Bets) -> None:
        sums, rows, former, former_rows = self.sums[place], self.rows[place], self.former[place], self.former_rows[place]
        enough = rows >= LEAST_ROWS
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums / rows
            differences = ((means - former) / bets.deviation) ** 2 / (1.0 / rows + 1.0 / former_rows)
        there = enough & (former_rows >= LEAST_ROWS)
        variation.add(place, np.where(there, differences, np.nan), usual=bets.first, is_replayed=bets.is_replayed)
        self.former[place] = np.where(enough, means, former)
        self.former_rows[place] = np.where(enough, rows, former_rows)
        self.sums[place] = 0.0
        self.rows[place] = 0.0

    def copy(self) -> Means:
        """Return the same, to be changed on its own."""
        return Means(self.sums.copy(), self.rows.copy(), self.former.copy(), self.former_rows.copy(), self.numbers.copy())
