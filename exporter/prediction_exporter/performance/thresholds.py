"""What lies at a configured threshold or above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_exporter.performance.base import Floats, divide
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import curve
from prediction_exporter.performance.layout import PerformanceLayout


@dataclass(frozen=True, slots=True)
class Upwards:
    """What pairs weigh whose score is the threshold or more: positives, and all; and all positives."""

    positives: float
    both: float
    all_positives: float


def has_threshold(layout: PerformanceLayout) -> bool:
    """Whether a threshold is configured."""
    return layout.threshold is not None


def upwards(performance: Performance) -> Upwards:
    """Return what lies at the threshold or above it."""
    one, [score] = curve(performance, 0), performance.layout.scores
    first = int(np.searchsorted(np.array(score.edges), performance.layout.threshold or 0.0)) + 1
    return Upwards(float(one.positives[first:].sum()), float(one.both[first:].sum()), one.of_positives)


def share_of(part: float, whole: float) -> Floats:
    """Return a share, (1,); NaN of nothing."""
    return divide(np.array([part]), np.array([whole]))


def error_of_share(performance: Performance, part: float, whole: float) -> Floats:
    """Return the standard error of a share, (1,); NaN of nothing."""
    if whole <= 0:
        return np.array([np.nan])
    pairs = whole * performance.factor
    share = (part * performance.factor + 0.5) / (pairs + 1.0)
    return np.array([np.sqrt(share * (1 - share) / pairs)])
