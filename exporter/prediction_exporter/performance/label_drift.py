"""Drift of labels: how much the labels of a window are spread in another way than those of the baseline's data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LabelDrift:
    """The labels of a window beside those of the baseline.

    Attributes:
        bins: the classes, ``other`` among them, or the bins of actual values, as label values.
        counts: labels of the window by bin, what they weigh, (K,).
        ratios: share of the baseline's labels by bin, smoothed, (K,), in sum 1.
        psi: population stability index between the two, from 0; NaN where there are too few labels.
        noise_floor: what it reads from sampling alone.
        threshold: what an alert compares with; NaN where there are too few labels on either side.
        status: ``ok``, or why the value is absent.
    """

    bins: tuple[str, ...]
    counts: NDArray[np.float64]
    ratios: NDArray[np.float64]
    psi: float
    noise_floor: float
    threshold: float
    status: str
