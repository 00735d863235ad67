"""Jensen-Shannon distance: the square root of the Jensen-Shannon divergence to base 2, hence in [0, 1].

``JSD = (KL(p || m) + KL(q || m)) / 2`` with ``m = (p + q) / 2`` and the shares unsmoothed: an empty bin does no harm here.
Without drift, 8 ln(2) JSD / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees of freedom.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats
from prediction_exporter.statistics.noise import divergence, divergence_noise


def jensen_shannon_distance(comparison: Comparison) -> Floats:
    """Return the Jensen-Shannon distance of each column, (C,), in [0, 1].

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> jensen_shannon_distance(comparison_of([1, 2, 3, 4], [1, 1, 2, 4])).round(4)
    array([0.3945])
    """
    squared = np.clip(divergence(_term, comparison, smoothed=False), 0.0, 1.0)  # rounding may leave it just below zero
    return np.sqrt(squared)


def _term(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    # rel_entr(x, m) = x log(x / m), and 0 where x is 0.
    term: Floats = (special.rel_entr(p, middle) + special.rel_entr(q, middle)) / math.log(4)
    return term


_NOISE = divergence_noise(_term, 8 * math.log(2), smoothed=False, root=True)


JENSEN_SHANNON_DISTANCE = Statistic(
    key="jensen_shannon_distance",
    title="Jensen-Shannon distance",
    family=column_family(
        "model_column_jensen_shannon_distance",
        "Jensen-Shannon distance (base 2) of the column's drift bins, window against baseline, from 0 to 1.",
        "drift",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=True,
    compute=jensen_shannon_distance,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Lin, Divergence measures based on the Shannon entropy, 1991; scipy.spatial.distance.jensenshannon(base=2).",
    is_distance=True,
    symmetric=True,
    noise=_NOISE,
    threshold=Threshold(
        default=0.19,
        margin=_NOISE.quantile,
        meaning="0.19 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
