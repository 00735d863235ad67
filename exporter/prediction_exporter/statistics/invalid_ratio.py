"""Invalid ratio: share of the predictions in which the column holds a value of a type that it does not take."""

from __future__ import annotations

from prediction_exporter.events import ValueState
from prediction_exporter.statistics.base import (
    BOTH_KINDS,
    Comparison,
    Floats,
    Reference,
    Statistic,
    Threshold,
    column_family,
    share_margin,
    share_of_rows,
)


def invalid_ratio(comparison: Comparison) -> Floats:
    """Return the share of each column, (C,), in [0, 1]; NaN for an empty window."""
    return comparison.state_ratio(ValueState.INVALID)


def _of_baseline(reference: Reference) -> Floats:
    return share_of_rows(reference.baseline.state(ValueState.INVALID), reference.baseline.rows)


INVALID_RATIO = Statistic(
    key="invalid_ratio",
    title="Invalid values",
    family=column_family(
        "model_column_invalid_ratio",
        "Share of predictions in the window in which the column holds text where it takes numbers, or an object.",
        "quality",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=False,
    compute=invalid_ratio,
    undefined="no_predictions",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="A share of counts; its margin is the normal quantile times the standard error of a difference of shares.",
    is_distance=False,
    symmetric=False,
    threshold=Threshold(
        default=0.01,
        margin=share_margin(_of_baseline),
        baseline=_of_baseline,
        meaning="One in a hundred more than in the baseline: a type that changes is a broken producer.",
    ),
)
