"""Sample standard deviation of a numeric column (divisor n - 1), from sums about the baseline's center."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import NUMERIC, Comparison, Floats, Statistic, column_family


def column_stddev(comparison: Comparison) -> Floats:
    """Return the standard deviation of each numeric column, (C,); NaN with fewer than two values or where a square overflows."""
    layout = comparison.layout
    n = comparison.valid[layout.numeric]
    total, squares = comparison.window.sums
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        variance = (squares - total * total / n) / (n - 1)
        deviation = layout.scales * np.sqrt(np.maximum(variance, 0.0))
    return comparison.over_columns(np.where(n >= 2, deviation, np.nan))


STDDEV = Statistic(
    key="stddev",
    title="Standard deviation",
    family=column_family(
        "model_column_stddev",
        "Sample standard deviation of the column's values in the window.",
        "quality",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=False,
    compute=column_stddev,
    undefined="fewer_than_two_values",
    lower=0.0,
    upper=float("inf"),
    unit="short",
    reference="numpy.std(ddof=1); Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983.",
    is_distance=False,
    symmetric=False,
)
