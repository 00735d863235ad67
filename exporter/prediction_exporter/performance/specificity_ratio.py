"""Specificity: pairs that are not of a class and were not predicted so, by all that are not of it.

``1 -`` the rate of false positives.

The macro average is the mean over classes, the weighted one that by labels, both over the classes where it is defined.
"""

from __future__ import annotations

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, is_classification, measure_family
from prediction_exporter.performance.confusion import (
    FORMULA,
    by_class,
    errors_with_averages,
    specificity_of,
    undefined,
    with_averages,
)
from prediction_exporter.performance.counts import Performance


def specificity_ratio(performance: Performance) -> Floats:
    """Return it of each class and on average, (K + 2,), in [0, 1]; NaN where it is undefined.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> specificity_ratio(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])).round(4)
    array([1.    , 0.6667, 0.8333, 0.9167])
    """
    return with_averages(performance, specificity_of)


def _error(performance: Performance) -> Floats:
    return errors_with_averages(performance, specificity_of)


SPECIFICITY_RATIO = Measure(
    key="specificity_ratio",
    title="Specificity",
    family=measure_family(
        "model_specificity_ratio",
        "Specificity of the pairs of the window: the share of those not of a class that were not predicted so.",
        *BY_CLASS,
    ),
    applies=is_classification,
    entries=by_class,
    compute=specificity_ratio,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(undefined("every_label_of_class", specificity_of),),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.recall_score of the complement of each class.",
)
