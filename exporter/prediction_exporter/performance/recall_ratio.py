"""Recall: right predictions of a class by all labels of it.

``n[k, k] / sum(n[:, k])``.

The macro average is the mean over classes, the weighted one that by labels, both over the classes where it is defined.
"""

from __future__ import annotations

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, is_classification, measure_family
from prediction_exporter.performance.confusion import (
    FORMULA,
    by_class,
    errors_with_averages,
    recall_of,
    undefined,
    with_averages,
)
from prediction_exporter.performance.counts import Performance


def recall_ratio(performance: Performance) -> Floats:
    """Return it of each class and on average, (K + 2,), in [0, 1]; NaN where it is undefined.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> recall_ratio(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])).round(4)
    array([0.6667, 1.    , 0.8333, 0.75  ])
    """
    return with_averages(performance, recall_of)


def _error(performance: Performance) -> Floats:
    return errors_with_averages(performance, recall_of)


RECALL_RATIO = Measure(
    key="recall_ratio",
    title="Recall",
    family=measure_family(
        "model_recall_ratio",
        "Recall of the pairs of the window: right predictions of a class by all labels of it.",
        *BY_CLASS,
    ),
    applies=is_classification,
    entries=by_class,
    compute=recall_ratio,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(undefined("class_without_labels", recall_of),),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.recall_score(labels=classes, zero_division=numpy.nan).",
)
