"""Out-of-range ratio: share of a numeric column's values below the baseline's minimum or above its maximum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics.base import NUMERIC, SHARE_REFERENCE, Share, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats


def out_of_range_ratio(comparison: Comparison) -> Floats:
    """Return the share of each numeric column, (C,), in [0, 1]; NaN where it has no valid value, or the baseline had none.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> out_of_range_ratio(comparison_of([1, 2, 3, 4], [1, 2, 3, 5]))
    array([0.25])
    """
    return _SHARE.of(comparison.window)


def _outside(profile: Profile) -> NDArray[np.int64]:
    offsets = profile.layout.value_offsets
    return profile.values[offsets[:-1]] + profile.values[offsets[1:] - 1]


def _inside_or_outside(profile: Profile) -> NDArray[np.int64]:
    """Return the valid values of columns that have a range."""
    return profile.valid * profile.layout.ranged


_SHARE = Share(part=_outside, whole=_inside_or_outside, is_outside=True)


OUT_OF_RANGE_RATIO = Statistic(
    key="out_of_range_ratio",
    title="Values out of range",
    family=column_family(
        "model_column_out_of_range_ratio",
        "Share of the column's values in the window outside the baseline's minimum and maximum.",
        "quality",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=False,
    compute=out_of_range_ratio,
    undefined="no_values",
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference=SHARE_REFERENCE,
    is_distance=False,
    symmetric=False,
    threshold=_SHARE.threshold(
        default=0.05,
        meaning="Five in a hundred; the range of a large baseline is rarely left by chance.",
    ),
)
