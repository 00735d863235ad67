"""Unseen ratio: share of a categorical column's values that the baseline's category table does not hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.profile import Profile
from prediction_exporter.statistics.base import (
    CATEGORICAL,
    Comparison,
    Floats,
    Reference,
    Statistic,
    Threshold,
    column_family,
    share_margin,
)


def unseen_ratio(comparison: Comparison) -> Floats:
    """Return the share of each categorical column, (C,), in [0, 1]; NaN where it has no valid value."""
    with np.errstate(invalid="ignore"):
        share: Floats = _other(comparison.window) / comparison.valid
    return np.where(UNSEEN_RATIO.applies(comparison.layout), share, np.nan)


def _other(profile: Profile) -> NDArray[np.int64]:
    """Return the count of each column's last bin, which in a categorical column takes what the table does not hold."""
    return profile.values[profile.layout.value_offsets[1:] - 1]


def _of_baseline(reference: Reference) -> Floats:
    """Not zero where the table was cut to the most frequent categories."""
    with np.errstate(invalid="ignore"):
        share: Floats = _other(reference.baseline) / reference.valid
    return np.nan_to_num(share)


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
    reference="A share of counts; its margin is the normal quantile times the standard error of a difference of shares.",
    is_distance=False,
    symmetric=False,
    threshold=Threshold(
        default=0.02,
        margin=share_margin(_of_baseline),
        baseline=_of_baseline,
        meaning="Two in a hundred more than the baseline has outside its table.",
    ),
)
