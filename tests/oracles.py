"""What each statistic must be, computed from the raw values: by SciPy and NumPy, or by its formula written out plainly.

An oracle gives an interval. Its width is rounding where the statistic is exact, and the stated bound of the bins elsewhere.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.layout import Kind, Role
from samples import ALPHA, Sample, state

EPSILON = float(np.finfo(float).eps)

#: Sums of a few hundred positive terms of about the result's size: rounding leaves far more than these digits.
RELATIVE = 1e-10
ABSOLUTE = 1e-13


@dataclass(frozen=True)
class Interval:
    """Where a value must lie; NaN for both ends where it must be absent."""

    low: float
    high: float
    or_absent: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value lies there."""
        if math.isnan(value):
            return self.or_absent or math.isnan(self.low)
        return self.low <= value <= self.high


ABSENT = Interval(math.nan, math.nan)


def near(value: float, absolute: float = ABSOLUTE) -> Interval:
    """Return the interval of rounding around a value."""
    if math.isnan(value):
        return ABSENT
    margin = RELATIVE * abs(value) + absolute
    return Interval(value - margin, value + margin)


def _shares(sample: Sample, *, fine: bool = False) -> tuple[list[float], list[float]]:
    """Shares of the bins of window and baseline."""
    new, old = sample.counts(sample.new, fine=fine), sample.counts(sample.old, fine=fine)
    return [count / len(sample.new) for count in new], [count / len(sample.old) for count in old]


def _smoothed(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [(count + 0.5) / (total + 0.5 * len(counts)) for count in counts]


def _array(values: Sequence[float | str]) -> NDArray[np.float64]:
    return np.array(values, np.float64)


def _empty(sample: Sample) -> bool:
    return not sample.old or not sample.new


def comparing(oracle: Callable[[Sample], Interval]) -> Callable[[Sample], Interval]:
    """Wrap an oracle of a distance: there is none without values on both sides."""
    return lambda sample: ABSENT if _empty(sample) else oracle(sample)


def _psi_of(p: Sequence[float], q: Sequence[float]) -> float:
    total = 0.0
    for a, b in zip(p, q, strict=True):
        total += (a - b) * math.log(a / b)
    return total


def psi(sample: Sample) -> Interval:
    """The formula."""
    return near(_psi_of(_smoothed(sample.counts(sample.new)), _smoothed(sample.counts(sample.old))))


def kl_divergence(sample: Sample) -> Interval:
    """SciPy's relative entropy; its terms cancel, so that rounding is relative to the largest."""
    return near(float(stats.entropy(_smoothed(sample.counts(sample.new)), _smoothed(sample.counts(sample.old)))))


def jensen_shannon_distance(sample: Sample) -> Interval:
    """SciPy's distance; it is the root of a difference, so that rounding of 1e-16 under the root is 1e-8."""
    return near(float(jensenshannon(*_shares(sample), base=2)), absolute=4e-8)


def hellinger_distance(sample: Sample) -> Interval:
    """The formula."""
    total = 0.0
    for p, q in zip(*_shares(sample), strict=True):
        total += (math.sqrt(p) - math.sqrt(q)) ** 2
    return near(math.sqrt(total / 2))


def total_variation_distance(sample: Sample) -> Interval:
    """The formula."""
    total = 0.0
    for p, q in zip(*_shares(sample), strict=True):
        total += abs(p - q)
    return near(total / 2)


def ks_statistic(sample: Sample) -> Interval:
    """Below SciPy's exact statistic by at most the mass of the baseline's largest bin that holds different values."""
    exact = float(stats.ks_2samp(_array(sample.old), _array(sample.new)).statistic)
    mass = max(_shares(sample, fine=True)[1])
    return Interval(exact - mass - ABSOLUTE, exact + ABSOLUTE)


def ks_p_value(sample: Sample) -> Interval:
    """SciPy's limit distribution, at SciPy's statistic of the bins' numbers."""
    old, new = ([bisect_right(sample.column.edges, float(value)) for value in values] for values in (sample.old, sample.new))
    n, m = len(sample.old), len(sample.new)
    binned = float(stats.ks_2samp(_array(old), _array(new)).statistic)
    return near(float(stats.kstwobign.sf(binned * math.sqrt(n * m / (n + m)))))


def wasserstein_distance(sample: Sample) -> Interval:
    """SciPy's distance of the values clamped to the baseline's extreme quantiles, give or take what bins can move."""
    edges, scale = sample.column.edges, sample.column.scale
    if len(edges) < 2:
        return ABSENT
    new, old = _shares(sample, fine=True)
    inner = [i for i in range(1, len(edges)) if sum(old[: i + 1]) > 0.005 + 1e-12 and sum(old[:i]) < 0.995 - 1e-12]
    low, high = edges[inner[0] - 1], edges[inner[-1]]
    clamped = [[min(max(float(value), low), high) / scale for value in values] for values in (sample.old, sample.new)]
    exact = float(stats.wasserstein_distance(*clamped))
    moved = sum((new[i] + old[i]) * (edges[i] - edges[i - 1]) / scale for i in inner)
    rounding = RELATIVE * exact + 8 * EPSILON * max(abs(low), abs(high)) / scale
    return Interval(exact - moved - rounding, exact + moved + rounding)


def chi2_p_value(sample: Sample) -> Interval:
    """SciPy's test of homogeneity, after pooling by hand."""
    cells = list(zip(sample.counts(sample.new), sample.counts(sample.old), strict=True))
    n, m = len(sample.new), len(sample.old)
    smaller = min(n, m) / (n + m)
    kept = [index for index, cell in enumerate(cells) if sum(cell) * smaller >= 5]
    if not kept:
        return ABSENT
    rest = [cell for index, cell in enumerate(cells) if index not in kept]
    pool = (sum(new for new, _ in rest), sum(old for _, old in rest))
    table = [cells[index] for index in kept]
    if sum(pool) * smaller >= 5:
        table.append(pool)
    else:
        largest = max(range(len(table)), key=lambda index: sum(table[index]))
        table[largest] = (table[largest][0] + pool[0], table[largest][1] + pool[1])
    if len(table) < 2:
        return ABSENT
    return near(float(stats.chi2_contingency(np.array(table).T, correction=False).pvalue))


def _drifted(samples: Sequence[Sample]) -> tuple[int, int]:
    """How many features can be compared, and how many have drifted, by the formulas of PSI and its threshold."""
    compared = [sample for sample in samples if sample.column.role is Role.FEATURE and not _empty(sample)]
    drifted = 0
    for sample in compared:
        old, new = sample.counts(sample.old), sample.counts(sample.new)
        q = _smoothed(old)
        expected = _smoothed([count * sum(new) / sum(old) for count in old])
        noise = float(stats.chi2.ppf(1 - ALPHA, len(old) - 1)) if len(old) > 1 else 0.0
        threshold = max(0.2, noise * (1 / sum(old) + 1 / sum(new)) + _psi_of(expected, q))
        drifted += _psi_of(_smoothed(new), q) > threshold
    return len(compared), drifted


def drifted_columns(samples: Sequence[Sample]) -> Interval:
    """Counted one by one."""
    compared, drifted = _drifted(samples)
    return near(drifted) if compared else ABSENT


def drifted_columns_ratio(samples: Sequence[Sample]) -> Interval:
    """Counted one by one."""
    compared, drifted = _drifted(samples)
    return near(drifted / compared) if compared else ABSENT


def share_in_state(wanted: ValueState) -> Callable[[Sample], Interval]:
    """Return the oracle that counts one by one."""

    def oracle(sample: Sample) -> Interval:
        if not sample.window:
            return ABSENT
        return near(sum(state(value, sample.column.kind) is wanted for value in sample.window) / len(sample.window))

    return oracle


def out_of_range_ratio(sample: Sample) -> Interval:
    """Compared with the raw baseline's minimum and maximum, and what stands for these."""
    if _empty(sample):
        return ABSENT
    return near(sum(_is_outside(sample, float(value)) for value in sample.new) / len(sample.new))


def _is_outside(sample: Sample, value: float) -> bool:
    """Whether a value is not one between the raw baseline's extremes, nor within the reach of these."""
    low, high = min(map(float, sample.old)), max(map(float, sample.old))
    return not low <= value <= high and not sample.column.edges[0] <= value < sample.column.edges[-1]


def unseen_ratio(sample: Sample) -> Interval:
    """Looked up one by one."""
    if not sample.new:
        return ABSENT
    return near(sum(value not in sample.column.categories for value in sample.new) / len(sample.new))


def schema_mismatch(sample: Sample) -> list[Interval]:
    """All of the values, or not."""
    if not sample.window:
        return [ABSENT, ABSENT]
    states = {state(value, sample.column.kind) for value in sample.window}
    return [near(float(states == {ValueState.MISSING})), near(float(states == {ValueState.INVALID}))]


def outlier_ratio(samples: Sequence[Sample]) -> Interval:
    """Row by row."""
    rows = len(samples[0].window)
    if not rows:
        return ABSENT
    outside = set()
    for sample in samples:
        if sample.column.kind is Kind.NUMERIC and sample.column.role is Role.FEATURE and sample.old:
            for row, value in enumerate(sample.window):
                if state(value, Kind.NUMERIC) is ValueState.VALID and _is_outside(sample, float(value)):  # type: ignore[arg-type]  # a valid number is one
                    outside.add(row)
    return near(len(outside) / rows)


def _exactly(sample: Sample) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
    """The window's values, and these in the column's scale about its center, with more digits and range than float64."""
    values = np.array(sample.new, np.longdouble)
    return values, (values - np.longdouble(sample.column.center)) / np.longdouble(sample.column.scale)


def mean(sample: Sample) -> Interval:
    """NumPy's mean in extended precision; a sum of n numbers about the center is off by at most n roundings."""
    if not sample.new:
        return ABSENT
    values, z = _exactly(sample)
    margin = EPSILON * ((len(z) + 8) * sample.column.scale * float(np.abs(z).mean()) + 4 * abs(sample.column.center))
    return Interval(float(values.mean()) - margin, float(values.mean()) + margin, or_absent=bool(np.abs(z).sum() > 1e308))


def stddev(sample: Sample) -> Interval:
    """NumPy's standard deviation in extended precision; absent where squares overflow or rounding decides the difference."""
    n = len(sample.new)
    if n < 2:
        return ABSENT
    values, z = _exactly(sample)
    squares, about_mean = (z * z).sum(), ((z - z.mean()) ** 2).sum()
    error = 2 * (n + 16) * EPSILON * squares
    absent = not 1e-290 < squares < 1e308 or bool(about_mean - error <= 1e-10 * squares)
    if values.min() == values.max():
        return near(0.0)
    low, high = (
        float(sample.column.scale * np.sqrt(max(end, np.longdouble(0)) / (n - 1)))
        for end in (about_mean - error, about_mean + error)
    )
    return Interval(low * (1 - RELATIVE), high * (1 + RELATIVE), or_absent=absent)


def column_min(sample: Sample) -> Interval:
    """Python's min, exactly."""
    return near(min(map(float, sample.new)), absolute=0.0) if sample.new else ABSENT


def column_max(sample: Sample) -> Interval:
    """Python's max, exactly."""
    return near(max(map(float, sample.new)), absolute=0.0) if sample.new else ABSENT


def quantile(sample: Sample) -> list[Interval]:
    """Within the bin of the sorted sample's value of that rank, cut to the window's extremes."""
    values, edges = sorted(map(float, sample.new)), sample.column.edges
    found = []
    for percent in (1, 5, 25, 50, 75, 95, 99):
        if not values:
            found.append(ABSENT)
            continue
        value = values[-(-len(values) * percent // 100) - 1]
        bounds = [-math.inf, *edges, math.inf]
        code = bisect_right(edges, value)
        low, high = max(bounds[code], values[0]), min(bounds[code + 1], values[-1])
        rounding = 2 * EPSILON * max(abs(low), abs(high))
        found.append(Interval(low - rounding, high + rounding))
    return found


Oracle = Callable[[Sample], Interval] | Callable[[Sample], list[Interval]]

#: By statistic of columns.
COLUMN_ORACLES: dict[str, Oracle] = {
    "psi": comparing(psi),
    "jensen_shannon_distance": comparing(jensen_shannon_distance),
    "hellinger_distance": comparing(hellinger_distance),
    "kl_divergence": comparing(kl_divergence),
    "total_variation_distance": comparing(total_variation_distance),
    "wasserstein_distance": comparing(wasserstein_distance),
    "ks_statistic": comparing(ks_statistic),
    "ks_p_value": comparing(ks_p_value),
    "chi2_p_value": comparing(chi2_p_value),
    "missing_ratio": share_in_state(ValueState.MISSING),
    "invalid_ratio": share_in_state(ValueState.INVALID),
    "non_finite_ratio": share_in_state(ValueState.NON_FINITE),
    "out_of_range_ratio": out_of_range_ratio,
    "unseen_ratio": unseen_ratio,
    "schema_mismatch": schema_mismatch,
    "mean": mean,
    "stddev": stddev,
    "min": column_min,
    "max": column_max,
    "quantile": quantile,
}

#: By statistic of the window as a whole.
WINDOW_ORACLES: dict[str, Callable[[Sequence[Sample]], Interval]] = {
    "drifted_columns": drifted_columns,
    "drifted_columns_ratio": drifted_columns_ratio,
    "outlier_ratio": outlier_ratio,
}
