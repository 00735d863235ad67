"""What distances read without any drift: their mean and a quantile, from the sizes and shares of baseline and window.

Many distances are sums of a term for each bin, and times ``divisor / (1/N + 1/M)`` tend to a chi-square distribution with
B - 1 degrees of freedom. A window of a hundred rows is not large enough for that where bins are rare: a bin that should hold
0.1 rows holds none or one. So the mean and variance of each rare bin's term are summed over its binomial distribution. The
quantile is the larger of the chi-square distribution's, moved up by what the mean lies above the limit's, and that of a gamma
distribution with this mean and variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prediction_exporter.statistics.base import Noise
from prediction_exporter.statistics.comparison import Comparison, Floats, smoothed_shares

#: A bin that should hold more rows than this in the window has the limit's mean and variance, to about one per cent.
RARE = 32

#: The most rows that a rare bin is taken to hold: eight standard deviations more than it should.
MOST = 80

#: A distance's term of a bin, from the shares of window and baseline.
Term = Callable[[Floats, Floats], Floats]


def divergence(term: Term, comparison: Comparison, *, smoothed: bool) -> Floats:
    """Return the sum of the terms over the drift bins of each column, (C,)."""
    reference, expected = comparison.reference, comparison.expected
    if smoothed:
        return reference.sum_drift_bins(term(comparison.smoothed, expected.smoothed))
    return reference.sum_drift_bins(term(comparison.proportions, expected.proportions))


def divergence_noise(term: Term, divisor: float, *, smoothed: bool, root: bool = False) -> Noise:
    """Return the noise of the sum of a term over the bins, or of its root."""

    def moments(comparison: Comparison) -> tuple[Floats, Floats]:
        return _moments(term, divisor, comparison, smoothed=smoothed)

    def floor(comparison: Comparison) -> Floats:
        mean, variance = comparison.cached(moments)
        return _mean_of_root(mean, variance) if root else mean

    def quantile(comparison: Comparison) -> Floats:
        return comparison.cached(larger_quantile)

    def larger_quantile(comparison: Comparison) -> Floats:
        reference, scale = comparison.reference, comparison.inverse_sizes / divisor
        mean, variance = comparison.cached(moments)
        limit = reference.chi_square_quantile * scale + np.maximum(mean - (reference.drift_bins - 1) * scale, 0.0)
        larger = np.maximum(limit, gamma_quantile(mean, variance, reference.alpha))
        return np.sqrt(larger) if root else larger

    over = "" if divisor == 1 else f" / {divisor:.4g}"
    limit = f"chi-square(B - 1) (1/N + 1/M){over}"
    formula = f"the root of {limit}" if root else limit
    return Noise(floor=floor, quantile=quantile, formula=f"mean and 1 - alpha quantile of {formula}; rare bins exactly")


def _moments(term: Term, divisor: float, comparison: Comparison, *, smoothed: bool) -> tuple[Floats, Floats]:
    """Return mean and variance of the sum of the terms without drift, (C,) each."""
    reference = comparison.reference
    shares, inverse_sizes = comparison.expected.proportions, comparison.inverse_sizes
    valid = np.where(np.isnan(inverse_sizes), np.nan, comparison.valid)
    mean = (1 - shares) / (np.repeat(valid, reference.drift_bins) * divisor)
    variance = 2 * mean**2
    rare = comparison.cached(rare_bins)
    if len(rare.bins):
        baseline = (comparison.expected.smoothed if smoothed else shares)[rare.bins, None]
        terms = term(rare.smoothed if smoothed else rare.shares, baseline)
        mean[rare.bins], variance[rare.bins] = rare.moments(terms)
    # The terms of a chi-square statistic are correlated, because the counts add up to the window's rows.
    covariance = 2 * (1 - reference.sum_drift_bins(shares**2)) / (valid * divisor) ** 2
    of_baseline = reference.sum_drift_bins((shares > 0) * (1 - shares)) * (inverse_sizes - 1 / valid) / divisor
    scale = inverse_sizes * valid  # what the baseline's own noise adds
    return reference.sum_drift_bins(mean) + of_baseline, (reference.sum_drift_bins(variance) + covariance) * scale**2


@dataclass(frozen=True, slots=True)
class RareBins:
    """The rare bins, and for each the counts 0, 1, 2, ... that it may hold: their chances and the shares that they make."""

    bins: NDArray[np.intp]
    chances: Floats
    shares: Floats
    smoothed: Floats

    def moments(self, terms: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of each bin's term, given for each count."""
        mean = (self.chances * terms).sum(axis=1)
        return mean, (self.chances * (terms - mean[:, None]) ** 2).sum(axis=1)


def rare_bins(comparison: Comparison) -> RareBins:
    """Return what the rare bins of a window of this size may hold."""
    reference, proportions = comparison.reference, comparison.expected.proportions
    rows = np.repeat(comparison.valid, reference.drift_bins)
    bins = np.flatnonzero((rows > 0) & (rows * proportions <= RARE))
    rows = rows[bins, None]
    columns = np.repeat(reference.drift_bins, reference.drift_bins)[bins, None].astype(np.float64)
    count = np.arange(MOST + 1.0)
    chances = _binomial(count, rows, proportions[bins, None])
    count = np.minimum(count, rows)  # what cannot be has no chance
    return RareBins(bins, chances, count / rows, smoothed_shares(count, rows, columns))


def _binomial(count: Floats, rows: Floats, share: Floats) -> Floats:
    """Return the probabilities of the counts."""
    others = np.maximum(rows - count, 0)
    ways = special.gammaln(rows + 1) - special.gammaln(count + 1) - special.gammaln(others + 1)
    chances: Floats = np.exp(ways + special.xlogy(count, share) + special.xlog1py(others, -share))
    return np.where(count <= rows, chances, 0.0)


def gamma_quantile(mean: Floats, variance: Floats, alpha: Floats) -> Floats:
    """Return the 1 - alpha quantile of gamma distributions; the mean where there is no variance."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = mean**2 / variance
        quantile: Floats = mean / shape * special.gammainccinv(shape, alpha)
    return np.where(variance > 0, quantile, mean)


def _mean_of_root(mean: Floats, variance: Floats) -> Floats:
    """Return the mean of the root of a gamma variable; for one that is chi-square distributed, that of chi."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = mean**2 / variance
        root: Floats = np.sqrt(mean / shape) * np.exp(special.gammaln(shape + 0.5) - special.gammaln(shape))
    return np.where(variance > 0, root, np.sqrt(mean))


def absolute_moments(covariance: Floats, weights: Floats) -> tuple[float, float]:
    """Return mean and variance of the weighted sum of |X| for normal X about 0 with this covariance.

    The mean of |X| is sqrt(2/pi) sd; that of |XY| is (2/pi) sd sd' (sqrt(1 - r**2) + r arcsin(r)), r being the correlation.
    """
    deviations = np.sqrt(np.diag(covariance))
    both = np.multiply.outer(deviations, deviations)
    r = np.clip(covariance / both, -1.0, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = math.sqrt(2 / math.pi) * float(weights @ deviations)
        second = 2 / math.pi * float(weights @ (both * (np.sqrt(1 - r**2) + r * np.arcsin(r))) @ weights)
        return mean, max(second - mean * mean, 0.0)
