"""Total variation distance: half the sum of absolute differences of the shares, in [0, 1]; shares unsmoothed.

It is the share of rows that would have to move to another bin, and what a constant column's drift reads best in.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.statistics.base import BOTH_KINDS, Noise, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference
from prediction_exporter.statistics.noise import absolute_moments, gamma_quantile, rare_bins


def total_variation_distance(comparison: Comparison) -> Floats:
    """Return the total variation distance of each column, (C,), in [0, 1].

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> total_variation_distance(comparison_of(["a", "b", "c", "d"], ["a", "a", "b", "e"]))
    array([0.5])
    """
    reference = comparison.reference
    gap = np.abs(comparison.proportions - comparison.expected.proportions)
    return np.minimum(reference.sum_drift_bins(gap) / 2, 1.0)


def _limit_variance(reference: Reference) -> Floats:
    """Return the variance of half the sum of |the bins' differences|, jointly normal in the limit, (C,)."""
    variance = np.zeros(len(reference.drift_bins))
    for index, (first, end) in enumerate(pairwise(reference.layout.drift_offsets)):
        shares = reference.proportions[first:end]
        shares = shares[shares > 0]
        if len(shares) > 1:
            covariance = np.diag(shares) - np.multiply.outer(shares, shares)
            _, variance[index] = absolute_moments(covariance, np.full(len(shares), 0.5))
    return variance


def _limit_variance_of(shares: Floats, bins: NDArray[np.intp]) -> Floats:
    """Return the same of columns whose bins' shares lie side by side, all columns at once, (K,)."""
    padded = np.zeros((len(bins), int(bins.max())))
    padded[np.arange(padded.shape[1]) < bins[:, None]] = shares
    deviations = np.sqrt(np.clip(padded * (1 - padded), 0.0, None))
    both = deviations[:, :, None] * deviations[:, None, :]
    covariance = -padded[:, :, None] * padded[:, None, :]
    diagonal = np.arange(padded.shape[1])
    covariance[:, diagonal, diagonal] += padded
    r = np.clip(np.divide(covariance, both, out=np.zeros_like(both), where=both > 0), -1.0, 1.0)
    second = (both * (np.sqrt(1 - r**2) + r * np.arcsin(r))).sum(axis=(1, 2)) / (2 * np.pi)
    mean = deviations.sum(axis=1) / np.sqrt(2 * np.pi)
    variance: Floats = np.maximum(second - mean**2, 0.0)
    return variance


def _moments(comparison: Comparison) -> tuple[Floats, Floats]:
    """Return mean and variance without drift, (C,) each: normal differences, but binomial ones in rare bins."""
    reference = comparison.reference
    shares = comparison.expected.proportions
    size = np.repeat(comparison.inverse_sizes, reference.drift_bins)
    mean = np.sqrt(shares * (1 - shares) * size / (2 * np.pi))
    more_variance = np.zeros_like(mean)
    rare = comparison.cached(rare_bins)
    if len(rare.bins):
        normal_variance = (np.pi / 2 - 1) * mean[rare.bins] ** 2
        rare_mean, rare_variance = rare.moments(np.abs(rare.shares - shares[rare.bins, None]) / 2)
        scale = size[rare.bins] * np.repeat(comparison.valid, reference.drift_bins)[rare.bins]  # the baseline's own noise
        mean[rare.bins] = rare_mean * np.sqrt(scale)
        more_variance[rare.bins] = np.maximum(rare_variance * scale - normal_variance, 0.0)
    limit = reference.cached(_limit_variance)
    if comparison.season is not None:
        seasons, season = comparison.season
        limit = limit.copy()
        limit[seasons.columns] = _limit_variance_of(season.drift, reference.drift_bins[seasons.columns])
    variance = limit * comparison.inverse_sizes + reference.sum_drift_bins(more_variance)
    return reference.sum_drift_bins(mean), variance


def _floor(comparison: Comparison) -> Floats:
    mean, _ = comparison.cached(_moments)
    return mean


def _quantile(comparison: Comparison) -> Floats:
    """Return the quantile, and one row more: a single row in a rare bin moves the distance by that."""
    one_row = 1 / np.maximum(comparison.valid, 1.0)
    return gamma_quantile(*comparison.cached(_moments), comparison.reference.alpha) + one_row


TOTAL_VARIATION_DISTANCE = Statistic(
    key="total_variation_distance",
    title="Total variation distance",
    family=column_family(
        "model_column_total_variation_distance",
        "Total variation distance of the column's drift bins, window against baseline, from 0 to 1.",
        "drift",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=True,
    compute=total_variation_distance,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="Levin, Peres and Wilmer, Markov chains and mixing times, 2009, proposition 4.2.",
    is_distance=True,
    symmetric=True,
    noise=Noise(
        floor=_floor,
        quantile=_quantile,
        formula="sum(sqrt(q (1 - q))) sqrt((1/N + 1/M) / (2 pi)) on average; a gamma quantile of the same mean and variance",
    ),
    threshold=Threshold(
        default=0.18,
        margin=_quantile,
        meaning="0.18 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
