"""Hellinger distance: ``sqrt(sum((sqrt(p) - sqrt(q)) ** 2) / 2)``, in [0, 1]; shares unsmoothed.

Without drift, 8 H**2 / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees of freedom.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import (
    BOTH_KINDS,
    Comparison,
    Floats,
    Noise,
    Statistic,
    Threshold,
    column_family,
)


def hellinger_distance(comparison: Comparison) -> Floats:
    """Return the Hellinger distance of each column, (C,), in [0, 1]."""
    reference = comparison.reference
    gap = np.sqrt(comparison.proportions) - np.sqrt(reference.proportions)
    return np.sqrt(np.clip(reference.sum_drift_bins(gap * gap) / 2, 0.0, 1.0))


def _floor(comparison: Comparison) -> Floats:
    return comparison.reference.chi_mean * np.sqrt(comparison.inverse_sizes / 8)


def _quantile(comparison: Comparison) -> Floats:
    return np.sqrt(comparison.reference.chi_square_quantile * comparison.inverse_sizes / 8)


HELLINGER_DISTANCE = Statistic(
    key="hellinger_distance",
    title="Hellinger distance",
    family=column_family(
        "model_column_hellinger_distance",
        "Hellinger distance of the column's drift bins, window against baseline, from 0 to 1.",
        "drift",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=True,
    compute=hellinger_distance,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Hellinger, 1909; Le Cam and Yang, Asymptotics in statistics, 2000, chapter 3.",
    is_distance=True,
    symmetric=True,
    noise=Noise(
        floor=_floor,
        quantile=_quantile,
        formula="E[chi(B - 1)] sqrt((1/N + 1/M) / 8) on average; sqrt(chi-square quantile (1/N + 1/M) / 8)",
    ),
    threshold=Threshold(
        default=0.16,
        margin=_quantile,
        meaning="0.16 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
