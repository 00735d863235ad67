"""Confusion matrix: how many predictions of each class had labels of each class.

The counts add up over replicas, and what is made of them for a fleet is made of their sums.
"""

from __future__ import annotations

import math

from prediction_exporter.performance.base import Entries, Floats, Measure, class_label, is_classification, measure_family
from prediction_exporter.performance.confusion import confusion
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import PerformanceLayout


def confusion_predictions(performance: Performance) -> Floats:
    """Return what the pairs weigh by prediction and label, ((K + 1) ** 2,), the labels of a prediction side by side.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> confusion_predictions(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"]))
    array([2., 0., 0., 1., 1., 0., 0., 0., 0.])
    """
    return confusion(performance).ravel()


def _entries(layout: PerformanceLayout) -> Entries:
    names = [class_label(layout, code) for code in range(layout.other + 1)]
    return tuple((predicted, actual) for predicted in names for actual in names)


CONFUSION_PREDICTIONS = Measure(
    key="confusion_predictions",
    title="Confusion matrix",
    family=measure_family(
        "model_confusion_predictions",
        "Pairs of the window by what was predicted and what is true, of all; they add up over replicas.",
        "predicted",
        "actual",
    ),
    applies=is_classification,
    entries=_entries,
    compute=confusion_predictions,
    error=None,
    error_formula="Counts have none.",
    bound=None,
    floor=None,
    reasons=(),
    better="higher",
    effect=None,
    lower=0.0,
    upper=math.inf,
    unit="short",
    reference="sklearn.metrics.confusion_matrix, transposed.",
)
