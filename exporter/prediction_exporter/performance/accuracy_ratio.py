"""Accuracy: the share of right predictions.

What is predicted and is none of the classes is wrong.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, is_classification, measure_family, one
from prediction_exporter.performance.confusion import FORMULA, Ratios, confusion, deviation, is_right, smoothed
from prediction_exporter.performance.counts import Performance


def accuracy_ratio(performance: Performance) -> Floats:
    """Return the accuracy, (1,), in [0, 1].

    >>> from prediction_exporter.performance.examples import of_classes
    >>> accuracy_ratio(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"]))
    array([0.75])
    """
    return _ratios(performance).values(confusion(performance))


def _ratios(performance: Performance) -> Ratios:
    right = is_right(performance.layout.other)
    return Ratios(right[None], np.ones_like(right)[None])


def _error(performance: Performance) -> Floats:
    cells = smoothed(performance)
    return deviation(cells, _ratios(performance).gradients(cells))


ACCURACY_RATIO = Measure(
    key="accuracy_ratio",
    title="Accuracy",
    family=measure_family("model_accuracy_ratio", "Share of right predictions among the pairs of the window."),
    applies=is_classification,
    entries=one,
    compute=accuracy_ratio,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.accuracy_score.",
)
