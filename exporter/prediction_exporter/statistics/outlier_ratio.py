"""Outlier ratio: share of the predictions in which at least one numeric feature lies outside the baseline's range."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, window_family
from prediction_exporter.statistics.comparison import Comparison, Floats


def outlier_ratio(comparison: Comparison) -> Floats:
    """Return the share, (), in [0, 1]; NaN for an empty window.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> outlier_ratio(comparison_of([1, 2, 3, 4], [1, 2, 3, 5]))
    array(0.25)
    """
    return np.array(comparison.window.outliers / comparison.rows if comparison.rows else np.nan)


OUTLIER_RATIO = Statistic(
    key="outlier_ratio",
    title="Predictions with outliers",
    family=window_family(
        "model_outlier_ratio",
        "Share of predictions in the window with a numeric feature outside the baseline's minimum and maximum.",
        "quality",
    ),
    scope="window",
    kinds=BOTH_KINDS,
    compares=False,
    compute=outlier_ratio,
    undefined="no_predictions",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="A share of counts.",
    is_distance=False,
    symmetric=False,
)
