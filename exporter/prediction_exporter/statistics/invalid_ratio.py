"""Invalid ratio: share of the predictions in which the column holds a value of a type that it does not take."""

from __future__ import annotations

from prediction_exporter.counting.events import ValueState
from prediction_exporter.statistics.base import ALL_KINDS, SHARE_REFERENCE, Share, Statistic, column_family, rows
from prediction_exporter.statistics.comparison import Comparison, Floats

_SHARE = Share(
    part=lambda profile: profile.state(ValueState.INVALID),
    whole=rows,
    by_season=lambda seasons, season: season.bad * seasons.invalid_of_bad,
)


def invalid_ratio(comparison: Comparison) -> Floats:
    """Return the share of each column, (C,), in [0, 1]; NaN for an empty window.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> invalid_ratio(comparison_of([1, 2, 3, 4], [1, 2, 3, "many"]))
    array([0.25])
    """
    return _SHARE.of(comparison.window)


INVALID_RATIO = Statistic(
    key="invalid_ratio",
    title="Invalid values",
    family=column_family(
        "model_column_invalid_ratio",
        "Share of predictions in the window in which the column holds text where it takes numbers, or an object.",
        "quality",
    ),
    scope="column",
    kinds=ALL_KINDS,
    compares=False,
    compute=invalid_ratio,
    undefined="no_predictions",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference=SHARE_REFERENCE,
    is_distance=False,
    symmetric=False,
    threshold=_SHARE.threshold(
        default=0.01,
        meaning="One in a hundred more than in the baseline: a type that changes is a broken producer.",
    ),
)
