"""Jensen-Shannon distance: the square root of the Jensen-Shannon divergence to base 2, hence in [0, 1].

``JSD = (KL(p || m) + KL(q || m)) / 2`` with ``m = (p + q) / 2`` and the shares unsmoothed: an empty bin does no harm here.
Without drift, 8 ln(2) JSD / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees of freedom.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from prediction_exporter.statistics.base import (
    BOTH_KINDS,
    Comparison,
    Floats,
    Noise,
    Statistic,
    Threshold,
    column_family,
)

_CURVATURE = 8 * np.log(2)


def jensen_shannon_distance(comparison: Comparison) -> Floats:
    """Return the Jensen-Shannon distance of each column, (C,), in [0, 1]."""
    reference = comparison.reference
    p, q = comparison.proportions, reference.proportions
    middle = (p + q) / 2
    # rel_entr(x, m) = x log(x / m), and 0 where x is 0.
    divergence = reference.sum_drift_bins(special.rel_entr(p, middle) + special.rel_entr(q, middle)) / (2 * np.log(2))
    return np.sqrt(np.clip(divergence, 0.0, 1.0))


def _floor(comparison: Comparison) -> Floats:
    return comparison.reference.chi_mean * np.sqrt(comparison.inverse_sizes / _CURVATURE)


def _quantile(comparison: Comparison) -> Floats:
    return np.sqrt(comparison.reference.chi_square_quantile * comparison.inverse_sizes / _CURVATURE)


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
    noise=Noise(
        floor=_floor,
        quantile=_quantile,
        formula="E[chi(B - 1)] sqrt((1/N + 1/M) / (8 ln 2)) on average; sqrt(chi-square quantile (1/N + 1/M) / (8 ln 2))",
    ),
    threshold=Threshold(
        default=0.19,
        margin=_quantile,
        meaning="0.19 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
