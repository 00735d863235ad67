"""Hellinger distance: ``sqrt(sum((sqrt(p) - sqrt(q)) ** 2) / 2)``, in [0, 1]; shares unsmoothed.

Without drift, 8 H**2 / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees of freedom.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats
from prediction_exporter.statistics.noise import divergence, divergence_noise


def hellinger_distance(comparison: Comparison) -> Floats:
    """Return the Hellinger distance of each column, (C,), in [0, 1].

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> hellinger_distance(comparison_of([1, 2, 3, 4], [1, 1, 2, 4])).round(4)
    array([0.3827])
    """
    return np.sqrt(np.clip(divergence(_term, comparison, smoothed=False), 0.0, 1.0))


def _term(p: Floats, q: Floats) -> Floats:
    term: Floats = (np.sqrt(p) - np.sqrt(q)) ** 2 / 2
    return term


_NOISE = divergence_noise(_term, 8, smoothed=False, root=True)


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
    noise=_NOISE,
    threshold=Threshold(
        default=0.16,
        margin=_NOISE.quantile,
        meaning="0.16 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
