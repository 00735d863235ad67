"""Outlier ratio: share of the predictions in which at least one numeric feature lies outside the baseline's range."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Comparison, Floats, Statistic, window_family


def outlier_ratio(comparison: Comparison) -> Floats:
    """Return the share, (), in [0, 1]; NaN for an empty window."""
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
