"""Shrinkage: the shares of cells in an hour, drawn towards those of all hours, as one hour has few rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Rows by which the shares of an hour are drawn towards those of all hours.
SHRINKAGE = 20.0


def share_of_all(whole: Floats, takes: NDArray[np.bool_]) -> Floats:
    """Return the share of each cell in all hours, (B,), with half a row more in each; 0 where a cell is not taken."""
    of_all: Floats = np.where(takes, whole + 0.5, 0.0)
    of_all /= of_all.sum()
    return of_all


def shares_by_hour(counts: NDArray[np.int64], of_all: Floats, takes: NDArray[np.bool_]) -> Floats:
    """Return the share of each cell among those that are taken, by hour, drawn towards that of all hours, (H, B)."""
    taken = np.where(takes, counts, 0)
    shares: Floats = (taken + SHRINKAGE * of_all) / (taken.sum(axis=1, keepdims=True) + SHRINKAGE)
    return shares
