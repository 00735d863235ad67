"""Unseen ratio: share of a categorical column's values that the baseline's category table does not hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics.base import CATEGORICAL, SHARE_REFERENCE, Share, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats


def unseen_ratio(comparison: Comparison) -> Floats:
    """Return the share of each categorical column, (C,), in [0, 1]; NaN where it has no valid value.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> unseen_ratio(comparison_of(["a", "b", "c"], ["a", "b", "c", "d"]))
    array([0.25])
    """
    return _SHARE.of(comparison.window)


def _other(profile: Profile) -> NDArray[np.int64]:
    """Return the count of each column's last bin, which in a categorical column takes what the table does not hold."""
    return profile.values[profile.layout.value_offsets[1:] - 1]


def _categorical(profile: Profile) -> NDArray[np.int64]:
    """Return the valid values of the categorical columns."""
    return profile.valid * profile.layout.of_kinds(CATEGORICAL)


#: The baseline's own share is not zero where its table was cut to the most frequent categories.
_SHARE = Share(part=_other, whole=_categorical, is_outside=True, by_season=lambda _, season: season.last)


UNSEEN_RATIO = Statistic(
    key="unseen_ratio",
    title="Unseen categories",
    family=column_family(
        "model_column_unseen_ratio",
        "Share of the column's values in the window that are not in the baseline's category table.",
        "quality",
    ),
    scope="column",
    kinds=CATEGORICAL,
    compares=False,
    compute=unseen_ratio,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference=SHARE_REFERENCE,
    is_distance=False,
    symmetric=False,
    threshold=_SHARE.threshold(
        default=0.02,
        meaning="Two in a hundred more than the baseline has outside its table.",
    ),
)
