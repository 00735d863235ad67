"""Weights of labels: whole numbers of 1/1024, so that they add up exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.performance.layout import MOST_WEIGHT, WEIGHT_UNIT


def usable_weights(weights: NDArray[np.float64] | None, rows: int) -> NDArray[np.bool_]:
    """Return which rows have a weight that counts, (n,): more than 0 and at most 2**14."""
    return np.ones(rows, np.bool_) if weights is None else (weights > 0) & (weights <= MOST_WEIGHT)


def weights_of(units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what units weigh, (n,)."""
    weights: NDArray[np.float64] = units.astype(np.float64) * WEIGHT_UNIT
    return weights


def units_of(weights: NDArray[np.float64] | None) -> NDArray[np.int64] | None:
    """Return usable weights in units, (n,), at least one each; None where every row counts 1.

    >>> units_of(np.array([1.0, 0.5, 1e-9])).tolist()
    [1024, 512, 1]
    """
    return None if weights is None else np.maximum(np.rint(weights / WEIGHT_UNIT), 1.0).astype(np.int64)
