"""Maximum of a numeric column."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import NUMERIC, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats


def column_max(comparison: Comparison) -> Floats:
    """Return the largest value of each numeric column, (C,); NaN where it has no valid value.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> column_max(comparison_of([1, 2, 3, 4], [1, 2, 6]))
    array([6.])
    """
    largest = -comparison.window.extremes[1]
    return comparison.over_columns(np.where(np.isfinite(largest), largest, np.nan))


MAX = Statistic(
    key="max",
    title="Maximum",
    family=column_family(
        "model_column_max",
        "Largest of the column's values in the window.",
        "quality",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=False,
    compute=column_max,
    undefined="no_values",
    lower=float("-inf"),
    upper=float("inf"),
    unit="short",
    reference="numpy.max",
    is_distance=False,
    symmetric=False,
)
