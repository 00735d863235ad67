"""Mean of a numeric column, from sums about the baseline's center: they keep the digits that sums of large values lose."""

from __future__ import annotations

import numpy as np

from prediction_exporter.families import BASELINE_COLUMN, Family
from prediction_exporter.statistics.base import NUMERIC, Constant, Statistic, column_family, finite
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference


def column_mean(comparison: Comparison) -> Floats:
    """Return the mean of each numeric column, (C,); NaN where it has no valid value or the sum overflows.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> column_mean(comparison_of([1, 2, 3, 4], [1, 2, 6]))
    array([3.])
    """
    layout = comparison.layout
    with np.errstate(invalid="ignore", over="ignore"):
        z = comparison.window.sums[0] / comparison.valid[layout.numeric]
        mean = layout.centers + layout.scales * z
    return comparison.over_columns(finite(mean))


def _of_baseline(reference: Reference) -> Floats:
    return column_mean(Comparison(reference, reference.baseline))


#: What a message tells a shift from.
BASELINE_MEAN = Family(
    name="model_baseline_mean",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="window",
    help="Mean of the column's values in the baseline.",
)

MEAN = Statistic(
    key="mean",
    title="Mean",
    family=column_family(
        "model_column_mean",
        "Mean of the column's values in the window.",
        "quality",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=False,
    compute=column_mean,
    undefined="no_values_or_overflow",
    lower=float("-inf"),
    upper=float("inf"),
    unit="short",
    reference="numpy.mean",
    is_distance=False,
    symmetric=False,
    constants=(Constant(family=BASELINE_MEAN, compute=_of_baseline),),
)
