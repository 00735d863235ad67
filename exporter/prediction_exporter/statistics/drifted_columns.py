"""Drifted columns: how many features read a PSI above their threshold, which takes the sample size into account."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, window_family
from prediction_exporter.statistics.comparison import Comparison, Floats
from prediction_exporter.statistics.psi import PSI


def drifted_features(comparison: Comparison) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which columns are features that can be compared, and which of these drifted, (C,) each."""
    if PSI.threshold is None:
        raise AssertionError("PSI declares a threshold")
    compared = comparison.layout.features & comparison.comparable & PSI.applies(comparison.layout)
    values, thresholds = comparison.cached(PSI.compute), PSI.threshold.of(PSI, comparison)
    drifted = np.greater(values, thresholds, where=compared, out=np.zeros_like(compared))
    return compared, drifted


def drifted_columns(comparison: Comparison) -> Floats:
    """Return the number of drifted features, (); NaN where none can be compared.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> drifted_columns(comparison_of(["yes", "no"] * 50, ["yes"] * 100))
    array(1.)
    """
    compared, drifted = comparison.cached(drifted_features)
    return np.array(float(drifted.sum()) if compared.any() else np.nan)


DRIFTED_COLUMNS = Statistic(
    key="drifted_columns",
    title="Drifted features",
    family=window_family("model_drifted_columns", "Features whose PSI in the window is above its threshold.", "drift"),
    scope="window",
    kinds=BOTH_KINDS,
    compares=True,
    compute=drifted_columns,
    undefined="too_few_predictions",
    lower=0.0,
    upper=float("inf"),
    unit="short",
    reference="A count of features, each at the threshold that the false-alarm budget gives it.",
    is_distance=False,
    symmetric=False,
)
