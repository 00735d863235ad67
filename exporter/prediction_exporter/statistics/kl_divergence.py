"""Kullback-Leibler divergence of the window from the baseline, in nats: ``sum(p * ln(p / q))``, q being the baseline's.

Shares are smoothed as for PSI. Without drift, 2 KL / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees
of freedom.
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


def kl_divergence(comparison: Comparison) -> Floats:
    """Return the divergence of each column, (C,), in nats, at least 0."""
    total = comparison.reference.sum_drift_bins(comparison.smoothed * comparison.log_ratio)
    return np.maximum(total, 0.0)  # rounding may leave a sum of cancelling terms just below zero


def _floor(comparison: Comparison) -> Floats:
    return comparison.reference.degrees_of_freedom * comparison.inverse_sizes / 2


def _quantile(comparison: Comparison) -> Floats:
    return comparison.reference.chi_square_quantile * comparison.inverse_sizes / 2


KL_DIVERGENCE = Statistic(
    key="kl_divergence",
    title="Kullback-Leibler divergence",
    family=column_family(
        "model_column_kl_divergence",
        "Kullback-Leibler divergence of the column's window from its baseline, over the drift bins, in nats.",
        "drift",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=True,
    compute=kl_divergence,
    undefined="no_values",
    lower=0.0,
    upper=float("inf"),
    unit="short",
    reference="Kullback and Leibler, On information and sufficiency, 1951; scipy.stats.entropy(p, q).",
    is_distance=True,
    symmetric=False,
    noise=Noise(
        floor=_floor,
        quantile=_quantile,
        formula="(B - 1) (1/N + 1/M) / 2 on average; chi-square quantile(1 - alpha, B - 1) (1/N + 1/M) / 2",
    ),
    threshold=Threshold(
        default=0.1,
        margin=_quantile,
        meaning="0.1 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
