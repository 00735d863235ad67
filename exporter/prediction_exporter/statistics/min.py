"""Minimum of a numeric column."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import NUMERIC, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats


def column_min(comparison: Comparison) -> Floats:
    """Return the smallest value of each numeric column, (C,); NaN where it has no valid value.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> column_min(comparison_of([1, 2, 3, 4], [1, 2, 6]))
    array([1.])
    """
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
