"""p-value of the two-sample Kolmogorov-Smirnov test, from its limit distribution.

As the binned statistic is a lower bound, the p-value is an upper bound. It says how surely a difference exists, not how large
it is: with enough traffic any difference is sure. For dashboards, never for alerts.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from prediction_exporter.statistics.base import NUMERIC, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats
from prediction_exporter.statistics.ks_statistic import ks_statistic


def ks_p_value(comparison: Comparison) -> Floats:
    """Return the p-value of each numeric column, (C,), in [0, 1].

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> ks_p_value(comparison_of([1, 2, 3, 4], [1, 1, 2, 4])).round(4)
    array([0.9996])
    """
    p_values: Floats = special.kolmogorov(ks_statistic(comparison) / np.sqrt(comparison.inverse_sizes))
    return p_values


KS_P_VALUE = Statistic(
    key="ks_p_value",
    title="Kolmogorov-Smirnov p-value",
    family=column_family(
        "model_column_ks_p_value",
        "p-value of the two-sample Kolmogorov-Smirnov test; no effect size, not for alerts.",
        "drift",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=True,
    compute=ks_p_value,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Kolmogorov, 1933; scipy.stats.ks_2samp(method='asymp') in the limit of large samples.",
    is_distance=False,
    symmetric=True,
)
