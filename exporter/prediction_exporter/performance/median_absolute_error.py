"""Median absolute error, from bins of sizes that are 4.4 % wide.

Within a bin errors are taken to be spread evenly.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import FARTHEST, error_edges


def median_absolute_error(performance: Performance) -> Floats:
    """Return the median, (1,), and half of a bin beside it at most.

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> bool(abs(median_absolute_error(of_numbers([1.0, 2.0, 3.0], [1.0, 2.3, 2.0]))[0] - 0.3) < 0.3 * 0.044)
    True
    """
    weights, edges = _sizes(performance)
    return np.array([_median(weights, edges)]) * performance.layout.unit


def _sizes(performance: Performance) -> tuple[Floats, Floats]:
    """Return what errors weigh by their size, whatever their sign, (m + 1,), and where these bins begin and end, (m + 2,)."""
    of_errors, middle = performance.weight("errors"), len(error_edges()) // 2
    weights = of_errors[middle:].copy()
    weights[1:] += of_errors[:middle][::-1]
    return weights, np.concatenate(([0.0], error_edges()[middle:], [FARTHEST]))


def _around_middle(weights: Floats) -> tuple[int, int]:
    """Return the bins of the last error of the lower half and of the first one of the upper half."""
    upto, half = np.cumsum(weights), weights.sum() / 2
    return int(np.searchsorted(upto, half)), int(np.searchsorted(upto, half, side="right"))


def _median(weights: Floats, edges: Floats) -> float:
    total = weights.sum()
    if total <= 0:
        return np.nan
    below, above = _around_middle(weights)
    if below != above:
        return float((edges[below + 1] + edges[above]) / 2)
    return _quantile(weights, edges, 0.5)


def _quantile(weights: Floats, edges: Floats, share: float) -> float:
    """Return the size that a share of errors does not exceed."""
    wanted, upto = share * weights.sum(), np.cumsum(weights)
    at = min(int(np.searchsorted(upto, wanted)), len(weights) - 1)
    within = (wanted - (upto[at] - weights[at])) / weights[at] if weights[at] > 0 else 0.0
    return float(edges[at] + within * (edges[at + 1] - edges[at]))


def _error(performance: Performance) -> Floats:
    weights, edges = _sizes(performance)
    pairs = performance.effective
    if pairs <= 1:
        return np.array([np.nan])
    reach = min(0.5 / np.sqrt(pairs), 0.5)
    high, low = (_quantile(weights, edges, 0.5 + side * reach) for side in (1, -1))
    return np.array([(high - low) / 2]) * performance.layout.unit


def _bound(performance: Performance) -> Floats:
    weights, edges = _sizes(performance)
    if weights.sum() <= 0:
        return np.array([np.nan])
    below, above = _around_middle(weights)
    median = _median(weights, edges)
    return np.array([max(median - edges[below], edges[above + 1] - median)]) * performance.layout.unit


MEDIAN_ABSOLUTE_ERROR = Measure(
    key="median_absolute_error",
    title="Median absolute error",
    family=measure_family(
        "model_median_absolute_error",
        "Median absolute error of the pairs of the window, in the unit of what is predicted.",
    ),
    applies=is_regression,
    entries=one,
    compute=median_absolute_error,
    error=_error,
    error_formula="Woodruff: half of what lies between the quantiles a binomial error above and below a half.",
    bound=_bound,
    floor=None,
    reasons=(),
    better="lower",
    effect=Effect(default=0.1, scale=median_absolute_error, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=math.inf,
    unit="short",
    reference="sklearn.metrics.median_absolute_error; Woodruff, Confidence intervals for medians, 1952.",
)
