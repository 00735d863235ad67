"""Missing ratio: share of the predictions in which the column is absent or null."""

from __future__ import annotations

from prediction_exporter.counting.events import ValueState
from prediction_exporter.statistics.base import ALL_KINDS, SHARE_REFERENCE, Share, Statistic, column_family, rows
from prediction_exporter.statistics.comparison import Comparison, Floats

_SHARE = Share(
    part=lambda profile: profile.state(ValueState.MISSING),
    whole=rows,
    by_season=lambda _, season: season.missing,
)


def missing_ratio(comparison: Comparison) -> Floats:
    """Return the share of each column, (C,), in [0, 1]; NaN for an empty window.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> missing_ratio(comparison_of([1, 2, 3, 4], [1, 2, 3, None]))
    array([0.25])
    """
    return _SHARE.of(comparison.window)


MISSING_RATIO = Statistic(
    key="missing_ratio",
    title="Missing values",
    family=column_family(
        "model_column_missing_ratio",
        "Share of predictions in the window in which the column is absent or null.",
        "quality",
    ),
    scope="column",
    kinds=ALL_KINDS,
    compares=False,
    compute=missing_ratio,
    undefined="no_predictions",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference=SHARE_REFERENCE,
    is_distance=False,
    symmetric=False,
    of_derived=False,
    threshold=_SHARE.threshold(
        default=0.05,
        meaning="Five in a hundred more than in the baseline.",
    ),
)
