"""Sample standard deviation of a numeric column (divisor n - 1), from sums about the baseline's center.

The variance is a difference of two sums. Where it is a tiny part of them (a window very far from the baseline's center, in
units of its own spread), rounding would decide the result, and it is undefined; where all values are equal, it is 0.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.families import BASELINE_COLUMN, Family
from prediction_exporter.statistics.base import NUMERIC, Constant, Statistic, column_family, finite
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference

#: Smallest part of the sum of squares that a variance may be: it keeps five digits, sums of many minutes included.
RESOLUTION = 1e-10


def column_stddev(comparison: Comparison) -> Floats:
    """Return the standard deviation of each numeric column, (C,); NaN with fewer than two values or where digits run out.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> column_stddev(comparison_of([1, 2, 3, 4], [1, 3, 5]))
    array([2.])
    """
    layout, window = comparison.layout, comparison.window
    n = comparison.valid[layout.numeric]
    total, squares = window.sums
    smallest, largest = window.extremes[0], -window.extremes[1]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        about_mean = squares - total * total / n
        deviation = layout.scales * np.sqrt(np.where(about_mean > RESOLUTION * squares, about_mean, np.nan) / (n - 1))
    deviation[smallest == largest] = 0.0
    return comparison.over_columns(np.where(n > 1, finite(deviation), np.nan))


def _of_baseline(reference: Reference) -> Floats:
    return column_stddev(Comparison(reference, reference.baseline))


#: The unit in which a message tells the size of a shift.
BASELINE_STDDEV = Family(
    name="model_baseline_stddev",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="window",
    help="Sample standard deviation of the column's values in the baseline.",
)

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
    undefined="fewer_than_two_values_or_imprecise",
    lower=0.0,
    upper=float("inf"),
    unit="short",
    reference="numpy.std(ddof=1); Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983.",
    is_distance=False,
    symmetric=False,
    constants=(Constant(family=BASELINE_STDDEV, compute=_of_baseline),),
)
