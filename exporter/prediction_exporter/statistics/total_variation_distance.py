"""Total variation distance: half the sum of absolute differences of the shares, in [0, 1]; shares unsmoothed.

It is the share of rows that would have to move to another bin, and what a constant column's drift reads best in.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Noise, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats


def total_variation_distance(comparison: Comparison) -> Floats:
    """Return the total variation distance of each column, (C,), in [0, 1].

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> total_variation_distance(comparison_of(["a", "b", "c", "d"], ["a", "a", "b", "e"]))
    array([0.5])
    """
    reference = comparison.reference
    gap = np.abs(comparison.proportions - reference.proportions)
    return np.minimum(reference.sum_drift_bins(gap) / 2, 1.0)


def _floor(comparison: Comparison) -> Floats:
    """Half the sum of the mean absolute deviations of the bins' differences, each approximately normal."""
    reference = comparison.reference
    spread = reference.sum_drift_bins(np.sqrt(reference.proportions * (1 - reference.proportions)))
    return spread * np.sqrt(comparison.inverse_sizes / (2 * np.pi))


def _quantile(comparison: Comparison) -> Floats:
    """By Cauchy and Schwarz, the distance is at most half the root of the chi-square distance: a bound, not the quantile."""
    return np.sqrt(comparison.reference.chi_square_quantile * comparison.inverse_sizes) / 2


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
        formula="sum(sqrt(q (1 - q))) sqrt((1/N + 1/M) / (2 pi)) on average; at most sqrt(chi-square quantile (1/N + 1/M)) / 2",
    ),
    threshold=Threshold(
        default=0.18,
        margin=_quantile,
        meaning="0.18 is what a normal column reads whose mean moved by 0.45 standard deviations.",
    ),
)
