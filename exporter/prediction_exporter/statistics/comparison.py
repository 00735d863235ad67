"""What a statistic is computed from: a baseline (``Reference``) and a window seen from it (``Comparison``).

Both hold the quantities that several statistics share, each computed once, for all columns at a time. Arrays over columns have
length C, over drift bins D, over value bins V, as the layout lays them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prediction_exporter.counting.hours import ByHour
from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics.seasons import Season, Seasons

Floats = NDArray[np.float64]
T = TypeVar("T")

#: Added to each bin's count on both sides where a formula divides or takes logarithms (the Jeffreys prior).
SMOOTHING = 0.5

#: Share of the baseline's values on each side that the Wasserstein distance takes as lying at the extreme quantile.
WINSOR = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What a window is compared with: all of the baseline; of columns that have a season, what it shows in the window's hours.

    Attributes:
        valid: float64 (C,), values of the baseline that stand behind the shares.
        proportions: float64 (D,), share of each drift bin in its column; NaN where the column has no valid value.
        smoothed: float64 (D,), the same smoothed.
        counts: float64 (D,), the shares as counts of the baseline's values.
        season: what is known of the columns that have a season; None where none has, or the window's hours are not known.
    """

    valid: Floats
    proportions: Floats
    smoothed: Floats
    counts: Floats
    season: Season | None = None


class Reference:
    """A baseline, and what an owner expects of a window compared with it.

    Args:
        baseline: the profile of the baseline.
        alpha: chance of a false alarm for each look that the thresholds are made for, of all columns or of each, (C,).
        min_predictions: fewest valid values on both sides for a comparison.
        effects: effect thresholds by statistic key and column name, overriding the statistics' defaults.
        outside: of each column, how many of as many rows of another sample lie outside of the baseline's table or range, and
            the variance of that, (2, C); NaN where only what the baseline itself shows is known.
        usual: by statistic key, what windows of this length read without any change, (C,): default effects are no less.
        seasons: the columns whose baseline taught a season; None where none has one.
    """

    def __init__(
        self,
        baseline: Profile,
        *,
        alpha: float | Floats,
        min_predictions: int,
        effects: Mapping[str, Mapping[str, float]] | None = None,
        outside: Floats | None = None,
        usual: Mapping[str, Floats] | None = None,
        seasons: Seasons | None = None,
    ) -> None:
        self.baseline = baseline
        self.layout = baseline.layout
        self.alpha: Floats = np.broadcast_to(np.asarray(alpha, np.float64), len(self.layout.columns))
        self.min_predictions = min_predictions
        self.effects = effects or {}
        self.usual = usual or {}
        self.outside = np.full((2, len(self.layout.columns)), np.nan) if outside is None else outside
        self.seasons = seasons
        self._cache: dict[Callable[[Reference], object], object] = {}

    def cached(self, compute: Callable[[Reference], T]) -> T:
        """Return what a function makes of this reference, computed once."""
        if compute not in self._cache:
            self._cache[compute] = compute(self)
        return cast("T", self._cache[compute])

    @cached_property
    def whole(self) -> Expected:
        """All of the baseline."""
        return Expected(self.valid, self.proportions, self.smoothed, self.baseline.drift_counts.astype(np.float64))

    def expected(self, by_hour: ByHour | None) -> Expected:
        """Return what a window of these hours is compared with."""
        whole, seasons = self.whole, self.seasons
        if by_hour is None or seasons is None:
            return whole
        season = seasons.of(by_hour)
        valid, proportions, smoothed, counts = (
            of.copy() for of in (whole.valid, whole.proportions, whole.smoothed, whole.counts)
        )
        valid[seasons.columns] = season.valid
        # What hours are drawn towards is smoothed already, and more would not add up over windows.
        proportions[seasons.drift_bins] = smoothed[seasons.drift_bins] = season.drift
        counts[seasons.drift_bins] = season.drift * np.repeat(season.valid, self.drift_bins[seasons.columns])
        return Expected(valid, proportions, smoothed, counts, season)

    def effect(self, key: str, default: float) -> Floats:
        """Return each column's effect threshold of a statistic, (C,), where nothing is configured its default."""
        chosen = self.effects.get(key, {})
        return np.array([chosen.get(name, default) for name in self.layout.names], np.float64)

    def is_default(self, key: str) -> NDArray[np.bool_]:
        """Whether no effect threshold of a statistic is configured for each column, (C,)."""
        return np.array([name not in self.effects.get(key, {}) for name in self.layout.names], np.bool_)

    def sum_drift_bins(self, of_bins: Floats) -> Floats:
        """Sum what is given for each drift bin over each column, (D,) to (C,)."""
        total: Floats = np.add.reduceat(of_bins, self.layout.drift_offsets[:-1])
        return total

    @cached_property
    def drift_bins(self) -> NDArray[np.intp]:
        """Number of drift bins of each column, (C,)."""
        bins: NDArray[np.intp] = np.diff(self.layout.drift_offsets)
        return bins

    @cached_property
    def chi_square_quantile(self) -> Floats:
        """The 1 - alpha quantile of the chi-square distribution with B - 1 degrees of freedom, (C,); 0 where B is 1."""
        freedom = np.asarray(self.drift_bins - 1, np.float64)
        return np.where(freedom > 0, special.chdtri(np.maximum(freedom, 1.0), self.alpha), 0.0)

    @cached_property
    def most_frequent(self) -> Floats:
        """Share of the most frequent value of each numeric column that has a bin of its own, (C,); 0 where there is none."""
        found = np.zeros(len(self.layout.columns))
        for index in self.layout.numeric:
            column = self.layout.columns[index]
            if column.heavy and self.valid[index]:
                bins = np.searchsorted(np.array(column.edges), np.array(column.heavy), side="right")
                counts = self.baseline.values[self.layout.value_offsets[index] + bins]
                found[index] = counts.max() / self.valid[index]
        return found

    @cached_property
    def valid(self) -> Floats:
        """Rows of the baseline with a valid value, (C,)."""
        return self.baseline.valid.astype(np.float64)

    @cached_property
    def proportions(self) -> Floats:
        """Share of each drift bin in its column, (D,); NaN where the column has no valid value."""
        return _proportions(self, self.baseline)

    @cached_property
    def smoothed(self) -> Floats:
        """Smoothed share of each drift bin in its column, (D,); NaN where the column has no valid value."""
        return _smoothed(self, self.baseline)

    @cached_property
    def cumulative(self) -> Floats:
        """Share of the column's values up to the end of each value bin, (V,); NaN where it has no valid value."""
        return _cumulative(self.baseline)

    @cached_property
    def bin_widths(self) -> Floats:
        """Width of each value bin in the column's scale, (V,); NaN where it overflows.

        0 for categories, and for the bins beyond the baseline's extreme quantiles: what lies there counts as lying at them.
        """
        widths = np.zeros(self.layout.values)
        for index in self.layout.numeric:
            column = self.layout.columns[index]
            if not column.ranged:
                continue
            first = self.layout.value_offsets[index]
            inner = slice(first + 1, first + len(column.edges))
            with np.errstate(over="ignore"):
                width = np.diff(np.array(column.edges)) / column.scale
            width[~np.isfinite(width)] = np.nan
            at_end, at_start = self.cumulative[inner], self.cumulative[first : first + len(column.edges) - 1]
            width[(at_end <= WINSOR) | (at_start >= 1 - WINSOR)] = 0.0
            widths[inner] = width
        return widths


class Comparison:
    """A window seen from a reference.

    Args:
        fixed: name of the column whose value is the same in all of the window, because the window is that value's segment. It
            is not compared: it differs from the baseline by definition.
        expected: what the window is compared with; all of the baseline where nothing is given.
    """

    def __init__(
        self, reference: Reference, window: Profile, *, fixed: str | None = None, expected: Expected | None = None
    ) -> None:
        if window.layout.digest != reference.layout.digest:
            raise ValueError("window and baseline have different layouts")
        self.reference = reference
        self.layout = reference.layout
        self.window = window
        self.expected = reference.whole if expected is None else expected
        self.fixed = np.array([name == fixed for name in self.layout.names], np.bool_)
        self._cache: dict[Callable[[Comparison], object], object] = {}

    def cached(self, compute: Callable[[Comparison], T]) -> T:
        """Return what a function makes of this comparison, computed once."""
        if compute not in self._cache:
            self._cache[compute] = compute(self)
        return cast("T", self._cache[compute])

    @cached_property
    def rows(self) -> int:
        """Predictions in the window."""
        return self.window.rows

    @cached_property
    def valid(self) -> Floats:
        """Valid values of each column in the window, (C,)."""
        return self.window.valid.astype(np.float64)

    @cached_property
    def comparable(self) -> NDArray[np.bool_]:
        """Whether a column is not fixed and has enough valid values on both sides to be compared, (C,)."""
        return (np.minimum(self.valid, self.reference.valid) >= max(self.reference.min_predictions, 1)) & ~self.fixed

    @cached_property
    def inverse_sizes(self) -> Floats:
        """1/N + 1/M of each column, N and M the valid values of baseline and window, (C,); NaN where one has none.

        Of a column that has a season, the baseline's are those that stand behind the window's hours.
        """
        return self._inverse_sizes(self.expected)

    @cached_property
    def inverse_sizes_of_whole(self) -> Floats:
        """The same with all of the baseline's values."""
        return self.inverse_sizes if self.expected.season is None else self._inverse_sizes(self.reference.whole)

    def _inverse_sizes(self, expected: Expected) -> Floats:
        with np.errstate(divide="ignore"):
            total = 1.0 / self.valid + 1.0 / expected.valid
        return np.where(np.isfinite(total), total, np.nan)

    @cached_property
    def season(self) -> tuple[Seasons, Season] | None:
        """The columns that have a season, and what is known of it; None where none has, or the hours are not known."""
        seasons, season = self.reference.seasons, self.expected.season
        return None if seasons is None or season is None else (seasons, season)

    @cached_property
    def proportions(self) -> Floats:
        """Share of each drift bin in its column, (D,); NaN where the column has no valid value."""
        return _proportions(self.reference, self.window)

    @cached_property
    def smoothed(self) -> Floats:
        """Smoothed share of each drift bin in its column, (D,); NaN where the column has no valid value."""
        return _smoothed(self.reference, self.window)

    @cached_property
    def cumulative(self) -> Floats:
        """Share of the column's values up to the end of each value bin, (V,); NaN where it has no valid value."""
        return _cumulative(self.window)

    @cached_property
    def cumulative_difference(self) -> Floats:
        """Difference of the cumulative shares at the end of each value bin, window less baseline, (V,).

        Of a column that has a season, what is compared are cells, see :meth:`Seasons.differences`.
        """
        difference: Floats = self.cumulative - self.reference.cumulative
        if self.season is not None:
            seasons, season = self.season
            difference[seasons.value_bins] = seasons.differences(season, self.window)
        return difference

    def over_columns(self, numeric: Floats) -> Floats:
        """Spread values of the numeric columns, (K, ...), over all columns, (C, ...), with NaN elsewhere."""
        spread = np.full((len(self.layout.columns), *numeric.shape[1:]), np.nan)
        spread[self.layout.numeric] = numeric
        return spread


def smoothed_shares(counts: Floats, valid: Floats, bins: Floats) -> Floats:
    """Return (count + 0.5) / (n + 0.5 B), n being the values of the bin's column and B its bins."""
    return (counts + SMOOTHING) / (valid + SMOOTHING * bins)


def _smoothed(reference: Reference, profile: Profile) -> Floats:
    bins = reference.drift_bins
    valid = np.where(profile.valid > 0, profile.valid, np.nan)
    return smoothed_shares(
        profile.drift_counts.astype(np.float64), np.repeat(valid, bins), np.repeat(bins, bins).astype(np.float64)
    )


def _proportions(reference: Reference, profile: Profile) -> Floats:
    return divide(profile.drift_counts, np.repeat(profile.valid, reference.drift_bins))


def _cumulative(profile: Profile) -> Floats:
    offsets = profile.layout.value_offsets
    bins = np.diff(offsets)
    running = np.cumsum(profile.values)
    before = np.concatenate(([0], running))[offsets[:-1]]
    return divide(running - np.repeat(before, bins), np.repeat(profile.valid, bins))


def divide(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> Floats:
    """Return parts / wholes; NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = parts / wholes
    shares[wholes == 0] = np.nan
    return shares
