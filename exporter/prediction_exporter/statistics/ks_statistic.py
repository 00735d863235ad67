"""Kolmogorov-Smirnov statistic: the largest difference of the two distribution functions, at the edges of the fine bins.

It is a lower bound of the exact statistic, at most the largest bin's share below it (about 1 % with percentile bins).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from prediction_exporter.statistics.base import NUMERIC, Noise, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference, divide

#: Mean of the Kolmogorov distribution, sqrt(pi / 2) ln 2.
_MEAN = math.sqrt(math.pi / 2) * math.log(2)

#: What a random walk's highest step lies below the highest point of its limit, in standard deviations of a step.
_OVERSHOOT = 0.5826


def ks_statistic(comparison: Comparison) -> Floats:
    """Return the statistic of each numeric column, (C,), in [0, 1].

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> ks_statistic(comparison_of([1, 2, 3, 4], [1, 1, 2, 4]))
    array([0.25])
    """
    gap = np.abs(comparison.cumulative_difference)
    largest = np.maximum.reduceat(gap, comparison.layout.value_offsets[:-1])
    return np.where(KS_STATISTIC.applies(comparison.layout), largest, np.nan)


def _step(reference: Reference) -> Floats:
    """Return the standard deviation of a step from bin to bin, averaged over the values, (C,)."""
    offsets, baseline = reference.layout.value_offsets, reference.baseline
    shares = divide(baseline.values, np.repeat(baseline.valid, np.diff(offsets)))
    steps: Floats = np.add.reduceat(shares**1.5, offsets[:-1])
    return steps


def _floor(comparison: Comparison) -> Floats:
    step = comparison.reference.cached(_step)
    if comparison.season is not None:  # of columns that have a season, what is compared are cells
        seasons, _ = comparison.season
        step = np.where(seasons.mask, comparison.reference.sum_drift_bins(comparison.expected.proportions**1.5), step)
    mean = (_MEAN - _OVERSHOOT * step) * np.sqrt(comparison.inverse_sizes)
    return np.where(KS_STATISTIC.applies(comparison.layout), mean, np.nan)


def _quantile(comparison: Comparison) -> Floats:
    quantile = special.kolmogi(comparison.reference.alpha) * np.sqrt(comparison.inverse_sizes)
    return np.where(KS_STATISTIC.applies(comparison.layout), quantile, np.nan)


KS_STATISTIC = Statistic(
    key="ks_statistic",
    title="Kolmogorov-Smirnov statistic",
    family=column_family(
        "model_column_ks_statistic",
        "Largest difference of the distribution functions of window and baseline, from 0 to 1.",
        "drift",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=True,
    compute=ks_statistic,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Smirnov, Table for estimating the goodness of fit of empirical distributions, 1948; scipy.stats.ks_2samp.",
    is_distance=True,
    symmetric=True,
    noise=Noise(
        floor=_floor,
        quantile=_quantile,
        formula="(sqrt(pi/2) ln(2) - 0.58 sum(q**1.5)) sqrt(1/N + 1/M) on average; "
        "Kolmogorov quantile(1 - alpha) sqrt(1/N + 1/M)",
    ),
    threshold=Threshold(
        default=0.18,
        margin=_quantile,
        meaning="0.18 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
