"""What a statistic is: a function of a window, or of a baseline and a window, for all columns at once; and its declaration.

A statistic measures and does not judge: it returns a number for each column, NaN where it is undefined. Thresholds and noise
floors stand beside it as data, and the evaluation turns NaN into an absent series with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prediction_exporter.events import ValueState
from prediction_exporter.families import COLUMN, WINDOW, Family
from prediction_exporter.layout import Kind, Layout, Role
from prediction_exporter.profile import Profile

Floats = NDArray[np.float64]
T = TypeVar("T")

#: Added to each bin's count on both sides where a formula divides or takes logarithms (the Jeffreys prior).
SMOOTHING = 0.5

BOTH_KINDS = frozenset(Kind)
NUMERIC = frozenset({Kind.NUMERIC})
CATEGORICAL = frozenset({Kind.CATEGORICAL})


class Reference:
    """A baseline, and what an owner expects of a window compared with it.

    Args:
        baseline: the profile of the baseline.
        alpha: chance of a false alarm for each column and look that the thresholds are made for.
        min_predictions: fewest valid values on both sides for a comparison.
        effects: effect thresholds by statistic key and column name, overriding the statistics' defaults.
    """

    def __init__(
        self,
        baseline: Profile,
        *,
        alpha: float,
        min_predictions: int,
        effects: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.baseline = baseline
        self.layout = baseline.layout
        self.alpha = alpha
        self.min_predictions = min_predictions
        self.effects = effects or {}
        self._cache: dict[Callable[[Reference], object], object] = {}

    def cached(self, compute: Callable[[Reference], T]) -> T:
        """Return what a function makes of this reference, computed once."""
        if compute not in self._cache:
            self._cache[compute] = compute(self)
        return cast("T", self._cache[compute])

    def effect(self, statistic: Statistic) -> Floats:
        """Return each column's effect threshold of a statistic, (C,)."""
        if statistic.threshold is None:
            raise ValueError(f"{statistic.key} has no threshold")
        chosen = self.effects.get(statistic.key, {})
        return np.array([chosen.get(name, statistic.threshold.default) for name in self.layout.names])

    def sum_drift_bins(self, of_bins: Floats) -> Floats:
        """Sum what is given for each drift bin over each column, (D,) to (C,)."""
        total: Floats = np.add.reduceat(of_bins, self.layout.drift_offsets[:-1])
        return total

    @cached_property
    def drift_bins(self) -> NDArray[np.intp]:
        """Number of drift bins of each column, (C,)."""
        return np.diff(self.layout.drift_offsets).astype(np.intp)

    @cached_property
    def degrees_of_freedom(self) -> Floats:
        """Drift bins less one, (C,)."""
        return self.drift_bins - 1.0

    @cached_property
    def chi_square_quantile(self) -> Floats:
        """The 1 - alpha quantile of the chi-square distribution with each column's degrees of freedom, (C,)."""
        quantile: Floats = special.chdtri(self.degrees_of_freedom, self.alpha)
        return quantile

    @cached_property
    def chi_mean(self) -> Floats:
        """The mean of the chi distribution with each column's degrees of freedom, (C,)."""
        k = self.degrees_of_freedom
        mean: Floats = np.sqrt(2.0) * np.exp(special.gammaln((k + 1) / 2) - special.gammaln(k / 2))
        return mean

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
        """Smoothed share of each drift bin in its column, (D,)."""
        return _smoothed(self, self.baseline)

    @cached_property
    def cumulative(self) -> Floats:
        """Share of the column's values up to the end of each value bin, (V,); NaN where it has no valid value."""
        return _cumulative(self.layout, self.baseline)

    @cached_property
    def bin_widths(self) -> Floats:
        """Width of each value bin in the column's scale, (V,).

        0 for categories, and for the bins beyond the baseline's extreme quantiles: what lies there counts as lying at them.
        """
        widths = np.zeros(self.layout.values)
        for index in self.layout.numeric:
            column = self.layout.columns[index]
            first = self.layout.value_offsets[index]
            edges = np.array(column.edges)
            inner = np.diff(edges) / column.scale
            inside = self.cumulative[first + 1 : first + len(edges)]  # at the right edge of each inner bin
            before = self.cumulative[first : first + len(edges) - 1]  # at its left edge
            inner[(inside <= WINSOR) | (before >= 1 - WINSOR)] = 0.0
            widths[first + 1 : first + len(edges)] = inner
        return widths


#: Share of the baseline's values on each side that the Wasserstein distance takes as lying at the extreme quantile.
WINSOR = 0.005


class Comparison:
    """A window seen from a reference: the quantities that several statistics share, each computed once.

    Arrays over columns have length C, over drift bins D, over value bins V, as the layout lays them out.
    """

    def __init__(self, reference: Reference, window: Profile) -> None:
        self.reference = reference
        self.layout = reference.layout
        self.window = window

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
        """Whether a column has enough valid values on both sides to be compared, (C,)."""
        least = self.reference.min_predictions
        return (self.valid >= max(least, 1)) & (self.reference.valid >= 1)

    @cached_property
    def inverse_sizes(self) -> Floats:
        """1/N + 1/M of each column, N and M the valid values of baseline and window, (C,); NaN where one has none."""
        with np.errstate(divide="ignore"):
            total = 1.0 / self.valid + 1.0 / self.reference.valid
        return np.where(np.isfinite(total), total, np.nan)

    @cached_property
    def proportions(self) -> Floats:
        """Share of each drift bin in its column, (D,); NaN where the column has no valid value."""
        return _proportions(self.reference, self.window)

    @cached_property
    def smoothed(self) -> Floats:
        """Smoothed share of each drift bin in its column, (D,)."""
        return _smoothed(self.reference, self.window)

    @cached_property
    def log_ratio(self) -> Floats:
        """Logarithm of the smoothed shares' ratio, window over baseline, (D,)."""
        return np.log(self.smoothed / self.reference.smoothed)

    @cached_property
    def cumulative(self) -> Floats:
        """Share of the column's values up to the end of each value bin, (V,); NaN where it has no valid value."""
        return _cumulative(self.layout, self.window)

    @cached_property
    def cumulative_difference(self) -> Floats:
        """Difference of the cumulative shares at the end of each value bin, window less baseline, (V,)."""
        return self.cumulative - self.reference.cumulative

    def state_ratio(self, state: ValueState) -> Floats:
        """Share of the window's predictions whose value is in a state, (C,); NaN for an empty window."""
        return share_of_rows(self.window.state(state), self.rows)

    def over_columns(self, numeric: Floats) -> Floats:
        """Spread values of the numeric columns, (K, ...), over all columns, (C, ...), with NaN elsewhere."""
        spread = np.full((len(self.layout.columns), *numeric.shape[1:]), np.nan)
        spread[self.layout.numeric] = numeric
        return spread


def _proportions(reference: Reference, profile: Profile) -> Floats:
    counts = profile.drift_counts
    with np.errstate(invalid="ignore"):
        shares: Floats = counts / np.repeat(profile.valid, reference.drift_bins)
    return shares


def _smoothed(reference: Reference, profile: Profile) -> Floats:
    totals = profile.valid + SMOOTHING * reference.drift_bins
    return (profile.drift_counts + SMOOTHING) / np.repeat(totals, reference.drift_bins)


def _cumulative(layout: Layout, profile: Profile) -> Floats:
    bins = np.diff(layout.value_offsets)
    running = np.cumsum(profile.values)
    before = np.concatenate(([0], running))[layout.value_offsets[:-1]]
    with np.errstate(invalid="ignore"):
        shares: Floats = (running - np.repeat(before, bins)) / np.repeat(profile.valid, bins)
    return shares


def share_of_rows(part: NDArray[np.int64], whole: int) -> Floats:
    """Return the parts' share of a whole, of the parts' shape; NaN where the whole is nothing."""
    return part / whole if whole else np.full(part.shape, np.nan)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What a distance reads without any drift, from sampling alone.

    Attributes:
        floor: its expectation, (C,).
        quantile: a value that it exceeds with probability of at most about alpha, (C,).
        formula: where both come from, for the documentation.
    """

    floor: Callable[[Comparison], Floats]
    quantile: Callable[[Comparison], Floats]
    formula: str


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What an alert compares a statistic with.

    Attributes:
        default: the effect that matters, in the statistic's unit, where the configuration names none.
        margin: the part that the sample size demands, (C,); the threshold is the larger of effect and margin.
        meaning: one sentence on the choice of the default, for the documentation.
        baseline: the baseline's own value of a statistic that does not compare, added to the threshold.
    """

    default: float
    margin: Callable[[Comparison], Floats]
    meaning: str
    baseline: Callable[[Reference], Floats] | None = None

    def of(self, statistic: Statistic, comparison: Comparison) -> Floats:
        """Return the threshold of each column, (C,); NaN where the window is too small for one."""
        effect = comparison.reference.effect(statistic)
        with np.errstate(invalid="ignore"):
            threshold = np.maximum(effect, self.margin(comparison))
            if self.baseline is not None:
                threshold = threshold + self.baseline(comparison.reference)
        return threshold


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A series that depends on the reference alone and that rules need to compute a threshold for the whole fleet."""

    family: Family
    compute: Callable[[Reference], Floats]


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """The declaration of a statistic; everything that users see of it is derived from here.

    Attributes:
        key: its name in configuration, labels, documentation, and of its module.
        title: its name on panels.
        family: the series of its values.
        scope: a value for each column, or one for the window.
        kinds: the kinds of column that it is defined for.
        compares: whether it needs a baseline with enough values, and a window with enough.
        compute: values, (C,) for scope column, (C, E) with an extra label of E values, () for scope window.
        undefined: the reason that the status gives where a value is NaN though the column has enough predictions.
        lower, upper: its range, both attained or approached.
        unit: of the values, as Grafana calls it.
        reference: the source of the formula.
        extra: the name and values of an extra label.
        is_distance: zero for identical distributions, never negative; the law tests check it.
        symmetric: whether exchanging window and baseline leaves it unchanged.
    """

    key: str
    title: str
    family: Family
    scope: Literal["column", "window"]
    kinds: frozenset[Kind]
    compares: bool
    compute: Callable[[Comparison], Floats]
    undefined: str
    lower: float
    upper: float
    unit: str
    reference: str
    is_distance: bool
    symmetric: bool
    extra: tuple[str, tuple[str, ...]] | None = None
    noise: Noise | None = None
    threshold: Threshold | None = None
    constants: tuple[Constant, ...] = field(default=())

    @cached_property
    def noise_floor_family(self) -> Family:
        """The series of the noise floors."""
        return _beside(self, "noise_floor", f"What {self.family} reads without any drift, from sampling alone.")

    @cached_property
    def threshold_family(self) -> Family:
        """The series of the thresholds that alerts compare with."""
        return _beside(
            self,
            "threshold",
            f"What alerts compare {self.family} with: the configured effect or the sample size's demand.",
        )

    @property
    def families(self) -> tuple[Family, ...]:
        """All families of the statistic, in the order of exposition."""
        found = [self.family]
        if self.noise is not None:
            found.append(self.noise_floor_family)
        if self.threshold is not None:
            found.append(self.threshold_family)
        return (*found, *(constant.family for constant in self.constants))

    def applies(self, layout: Layout) -> NDArray[np.bool_]:
        """Whether the statistic is defined for each column, (C,)."""
        return np.array([column.kind in self.kinds for column in layout.columns])


def _beside(statistic: Statistic, suffix: str, text: str) -> Family:
    own = statistic.family
    return Family(name=f"{own.name}_{suffix}", type="gauge", help=text, labels=own.labels, group=own.group)


def column_family(name: str, text: str, group: str, *extra: str) -> Family:
    """Return the family of a statistic that has a value for each column."""
    return Family(name=name, type="gauge", help=text, labels=(*COLUMN, *extra), group=group)


def window_family(name: str, text: str, group: str) -> Family:
    """Return the family of a statistic that has one value for the window."""
    return Family(name=name, type="gauge", help=text, labels=WINDOW, group=group)


def feature_mask(layout: Layout) -> NDArray[np.bool_]:
    """Whether each column is a feature, (C,)."""
    return np.array([column.role is Role.FEATURE for column in layout.columns])


def share_margin(baseline_share: Callable[[Reference], Floats]) -> Callable[[Comparison], Floats]:
    """Return the sampling margin of a share: the normal quantile times the standard error of the difference.

    The baseline's share is taken with half an event added, so that a share of zero has an error too.
    """

    def margin(comparison: Comparison) -> Floats:
        reference = comparison.reference
        baseline_rows, rows = reference.baseline.rows, comparison.rows
        if not baseline_rows or rows < reference.min_predictions:
            return np.full(len(comparison.layout.columns), np.nan)
        share = (baseline_share(reference) * baseline_rows + SMOOTHING) / (baseline_rows + 2 * SMOOTHING)
        error = np.sqrt(share * (1 - share) * (1 / rows + 1 / baseline_rows))
        return -special.ndtri(reference.alpha) * error

    return margin
