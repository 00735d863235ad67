"""What lies at a configured threshold or above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prediction_exporter.performance.base import Floats, Reason, divide
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


@dataclass(frozen=True, slots=True)
class ShareAtThreshold:
    """Positives at the threshold or above it, as a share of a whole, as a measure of one value."""

    whole: Callable[[Upwards], float]

    def values(self, performance: Performance) -> Floats:
        """Return the share, (1,); NaN of nothing."""
        found = upwards(performance)
        return divide([found.positives], [self.whole(found)])

    def errors(self, performance: Performance) -> Floats:
        """Return its standard error, (1,); NaN of nothing."""
        found = upwards(performance)
        pairs = self.whole(found) * performance.factor
        if pairs <= 0:
            return np.array([np.nan])
        share = (found.positives * performance.factor + 0.5) / (pairs + 1.0)
        return np.array([np.sqrt(share * (1 - share) / pairs)])

    def undefined(self, name: str) -> Reason:
        """Return the reason that the whole is nothing."""
        return Reason(name=name, holds=lambda performance: np.isnan(self.values(performance)))
