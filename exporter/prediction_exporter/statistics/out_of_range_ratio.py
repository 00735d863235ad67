"""Out-of-range ratio: share of a numeric column's values below the baseline's minimum or above its maximum."""

from __future__ import annotations

import numpy as np

from prediction_exporter.statistics.base import (
    NUMERIC,
    Comparison,
    Floats,
    Reference,
    Statistic,
    Threshold,
    column_family,
    share_margin,
)


def out_of_range_ratio(comparison: Comparison) -> Floats:
    """Return the share of each numeric column, (C,), in [0, 1]; NaN where it has no valid value."""
    first, last = comparison.layout.value_offsets[:-1], comparison.layout.value_offsets[1:] - 1
    outside = comparison.window.values[first] + comparison.window.values[last]
    with np.errstate(invalid="ignore"):
        share: Floats = outside / comparison.valid
    return np.where(OUT_OF_RANGE_RATIO.applies(comparison.layout), share, np.nan)


def _of_baseline(reference: Reference) -> Floats:
    """The baseline lies within its own range."""
    return np.zeros(len(reference.layout.columns))


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
    reference="A share of counts; its margin is the normal quantile times the standard error of a difference of shares.",
    is_distance=False,
    symmetric=False,
    threshold=Threshold(
        default=0.05,
        margin=share_margin(_of_baseline),
        baseline=_of_baseline,
        meaning="Five in a hundred; the range of a large baseline is rarely left by chance.",
    ),
)
