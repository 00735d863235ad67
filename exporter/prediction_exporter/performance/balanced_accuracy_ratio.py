"""Balanced accuracy: the mean of the recalls of all classes that have labels.

It is the macro average of recall, without the class of others.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import Effect, Flags, Floats, Measure, Reason, is_classification, measure_family, one
from prediction_exporter.performance.confusion import FORMULA, errors_with_averages, recall_of, with_averages
from prediction_exporter.performance.counts import Performance


def balanced_accuracy_ratio(performance: Performance) -> Floats:
    """Return the balanced accuracy, (1,), in [0, 1]; NaN where no label is of a class.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> balanced_accuracy_ratio(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])).round(4)
    array([0.8333])
    """
    return with_averages(performance, recall_of)[-2:-1]


def _error(performance: Performance) -> Floats:
    return errors_with_averages(performance, recall_of)[-2:-1]


def _is_undefined(performance: Performance) -> Flags:
    return np.isnan(balanced_accuracy_ratio(performance))


BALANCED_ACCURACY_RATIO = Measure(
    key="balanced_accuracy_ratio",
    title="Balanced accuracy",
    family=measure_family(
        "model_balanced_accuracy_ratio",
        "Mean of the recalls of all classes that have labels among the pairs of the window.",
    ),
    applies=is_classification,
    entries=one,
    compute=balanced_accuracy_ratio,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(Reason(name="classes_without_labels", holds=_is_undefined),),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong in each class."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.balanced_accuracy_score.",
)
