"""Minimum of a numeric column."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import NUMERIC, Comparison, Floats, Statistic, column_family


def column_min(comparison: Comparison) -> Floats:
    """Return the smallest value of each numeric column, (C,); NaN where it has no valid value."""
    smallest = comparison.window.extremes[0]
    return comparison.over_columns(np.where(np.isfinite(smallest), smallest, np.nan))


MIN = Statistic(
    key="min",
    title="Minimum",
    family=column_family(
        "model_column_min",
        "Smallest of the column's values in the window.",
        "quality",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=False,
    compute=column_min,
    undefined="no_values",
    lower=float("-inf"),
    upper=float("inf"),
    unit="short",
    reference="numpy.min",
    is_distance=False,
    symmetric=False,
)
