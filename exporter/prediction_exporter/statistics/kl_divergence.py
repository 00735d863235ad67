"""Kullback-Leibler divergence of the window from the baseline, in nats: ``sum(p * ln(p / q))``, q being the baseline's.

Shares are smoothed as for PSI. Without drift, 2 KL / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees
of freedom.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, Threshold, chi_square_noise, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference


def kl_divergence(comparison: Comparison) -> Floats:
    """Return the divergence of each column, (C,), in nats, at least 0.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> kl_divergence(comparison_of([1, 2, 3, 4], [1, 1, 2, 4])).round(4)
    array([0.1213])
    """
    return _divergence(comparison.reference, comparison.smoothed)


def _divergence(reference: Reference, p: Floats) -> Floats:
    total = reference.sum_drift_bins(p * np.log(p / reference.smoothed))
    return np.maximum(total, 0.0)  # rounding may leave a sum of cancelling terms just below zero


def _bias(comparison: Comparison) -> Floats:
    """What smoothing alone makes of a window with the baseline's own shares."""
    return _divergence(comparison.reference, comparison.expected)


_NOISE = chi_square_noise(2, bias=_bias)


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
