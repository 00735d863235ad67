"""Missing ratio: share of the predictions in which the column is absent or null."""

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


def missing_ratio(comparison: Comparison) -> Floats:
    """Return the share of each column, (C,), in [0, 1]; NaN for an empty window."""
    return comparison.state_ratio(ValueState.MISSING)


def _of_baseline(reference: Reference) -> Floats:
    return share_of_rows(reference.baseline.state(ValueState.MISSING), reference.baseline.rows)


MISSING_RATIO = Statistic(
    key="missing_ratio",
    title="Missing values",
    family=column_family(
        "model_column_missing_ratio",
        "Share of predictions in the window in which the column is absent or null.",
        "quality",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=False,
    compute=missing_ratio,
    undefined="no_predictions",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="A share of counts; its margin is the normal quantile times the standard error of a difference of shares.",
    is_distance=False,
    symmetric=False,
    threshold=Threshold(
        default=0.05,
        margin=share_margin(_of_baseline),
        baseline=_of_baseline,
        meaning="Five in a hundred more than in the baseline.",
    ),
)
