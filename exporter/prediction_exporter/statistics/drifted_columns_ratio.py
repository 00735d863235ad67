"""Drifted columns ratio: share of the features that can be compared whose PSI is above its threshold."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, window_family
from prediction_exporter.statistics.comparison import Comparison, Floats
from prediction_exporter.statistics.drifted_columns import drifted_features


def drifted_columns_ratio(comparison: Comparison) -> Floats:
    """Return the share, (), in [0, 1]; NaN where no feature can be compared.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> drifted_columns_ratio(comparison_of(["yes", "no"] * 50, ["yes"] * 100))
    array(1.)
    """
    compared, drifted = comparison.cached(drifted_features)
    return np.array(drifted.sum() / compared.sum() if compared.any() else np.nan)


DRIFTED_COLUMNS_RATIO = Statistic(
    key="drifted_columns_ratio",
    title="Share of drifted features",
    family=window_family(
        "model_drifted_columns_ratio", "Share of the features whose PSI in the window is above its threshold.", "drift"
    ),
    scope="window",
    kinds=BOTH_KINDS,
    compares=True,
    compute=drifted_columns_ratio,
    undefined="too_few_predictions",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="A share of counts.",
    is_distance=False,
    symmetric=False,
)
