"""Kullback-Leibler divergence of the window from the baseline, in nats: ``sum(p * ln(p / q))``, q being the baseline's.

Shares are smoothed as for PSI. Without drift, 2 KL / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees
of freedom.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats
from prediction_exporter.statistics.noise import divergence, divergence_noise


def kl_divergence(comparison: Comparison) -> Floats:
    """Return the divergence of each column, (C,), in nats, at least 0.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> kl_divergence(comparison_of([1, 2, 3, 4], [1, 1, 2, 4])).round(4)
    array([0.1213])
    """
    total = divergence(_term, comparison, smoothed=True)
    return np.maximum(total, 0.0)  # rounding may leave a sum of cancelling terms just below zero


def _term(p: Floats, q: Floats) -> Floats:
    """Return p ln(p / q) - p + q, which sums up to the same, and is 0 with its slope where p is q."""
    return p * np.log(p / q) - p + q


_NOISE = divergence_noise(_term, 2, smoothed=True)


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
    smoothed=True,
    noise=_NOISE,
    threshold=Threshold(
        default=0.1,
        margin=_NOISE.quantile,
        meaning="0.1 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
