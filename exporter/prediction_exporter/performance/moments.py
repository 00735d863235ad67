"""Means of exact sums and their standard errors, and what R2 is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from prediction_exporter.performance.base import Floats, always
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import scored

#: Actual values are taken for constant whose variance is at most this, times their distance from the baseline's center in
#: scales; with weights, this part of their mean square: what is cut off leaves as much.
CONSTANT, CONSTANT_WEIGHTED = Fraction(1, 2**68), Fraction(1, 2**46)

#: What the documentation says of errors of means.
FORMULA_OF_MEANS = "Standard deviation of the pairs' terms by the root of their number."


def mean(performance: Performance, name: str, total: float) -> float:
    """Return the mean of a sum's terms over pairs that weigh so much; NaN where that is nothing."""
    return float(performance.exact(name) / Fraction(total)) if total > 0 else math.nan


def error_of_mean(performance: Performance, first: float, second: float, total: float) -> float:
    """Return the standard error of a mean by the means of terms and of squares; NaN for a pair or less."""
    pairs = total * performance.factor
    return math.sqrt(max(second - first**2, 0.0) / (pairs - 1)) if pairs > 1 else math.nan


def mean_of(performance: Performance, name: str) -> float:
    """Return the mean over all pairs."""
    return mean(performance, name, performance.total)


def error_of(performance: Performance, name: str, squares: str) -> float:
    """Return the standard error of :func:`mean_of` by the sums of terms and of their squares."""
    terms, of_squares = mean_of(performance, name), mean_of(performance, squares)
    return error_of_mean(performance, terms, of_squares, performance.total)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of the terms of an exact sum, as a measure of one value.

    Attributes:
        terms, squares: the sums of the terms and of their squares.
        of_scored: whether it is over the pairs that have scores alone.
        in_units: whether terms are in units of the layout, as errors are.
    """

    terms: str
    squares: str
    of_scored: bool = False
    in_units: bool = False

    def values(self, performance: Performance) -> Floats:
        """Return the mean, (1,); NaN of no pairs."""
        total = self._total(performance)
        return self._scaled(performance, mean(performance, self.terms, total))

    def errors(self, performance: Performance) -> Floats:
        """Return its standard error, (1,); NaN for a pair or less."""
        total = self._total(performance)
        first, second = (mean(performance, name, total) for name in (self.terms, self.squares))
        return self._scaled(performance, error_of_mean(performance, first, second, total))

    def _total(self, performance: Performance) -> float:
        return scored(performance) if self.of_scored else performance.total

    def _scaled(self, performance: Performance, number: float) -> Floats:
        return np.array([number * (performance.layout.unit if self.in_units else 1.0)])


@dataclass(frozen=True, slots=True)
class Explained:
    """What R2 is made of.

    Attributes:
        r2: the share of the actual values' variance that is explained; NaN where they are constant.
        error: its standard error by the delta method; NaN where there are two pairs or fewer.
    """

    r2: float
    error: float


def explained(performance: Performance) -> Explained:
    """Return R2 of the pairs, computed without rounding from the exact sums."""
    total = Fraction(performance.total)
    if total <= 0:
        return Explained(math.nan, math.nan)
    e2, e4, a, a2, rest, a3, a4, e2a, e2a2 = (
        performance.exact(name) / total for name in ("e2", "e4", "a", "a2", "a2 rest", "a3", "a4", "e2a", "e2a2")
    )
    variance = a2 + rest - a**2
    if variance <= (CONSTANT_WEIGHTED * a2 if performance.layout.weighted else CONSTANT * (1 + abs(a))):
        return Explained(math.nan, math.nan)
    fourth = a4 - 4 * a * a3 + 6 * a**2 * a2 - 3 * a**4
    mixed = e2a2 - 2 * a * e2a + a**2 * e2
    ratio = e2 / variance
    # Each pair moves R2 by ratio * ((a - mean)**2 / variance - 1) - (e**2 / variance - ratio); this is the variance of that.
    spread = (e4 - e2**2) / variance**2
    spread += ratio**2 * (fourth / variance**2 - 1) - 2 * ratio * (mixed / variance**2 - ratio)
    pairs = performance.effective
    error = math.sqrt(max(float(spread), 0.0) / (pairs - 1)) if pairs > 2 else math.nan  # noqa: PLR2004 - as documented
    return Explained(float(1 - ratio), error)


def _is_constant(performance: Performance) -> bool:
    return math.isnan(explained(performance).r2)


#: Why R2 may be undefined: actual values do not vary, or all that is known of them is how far out they lie.
NO_VARIANCE = (
    always("values_out_of_range", lambda performance: performance.clipped > 0 and _is_constant(performance)),
    always("constant_actuals", _is_constant),
)
