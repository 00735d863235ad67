"""Precision: right predictions of a class by all predictions of it.

``n[k, k] / sum(n[k, :])``.

The macro average is the mean over classes, the weighted one that by labels, both over the classes where it is defined.
"""

from __future__ import annotations

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, is_classification, measure_family
from prediction_exporter.performance.confusion import (
    FORMULA,
    by_class,
    errors_with_averages,
    precision_of,
    undefined,
    with_averages,
)
from prediction_exporter.performance.counts import Performance


def precision_ratio(performance: Performance) -> Floats:
    """Return it of each class and on average, (K + 2,), in [0, 1]; NaN where it is undefined.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> precision_ratio(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])).round(4)
    array([1.   , 0.5  , 0.75 , 0.875])
    """
    return with_averages(performance, precision_of)


def _error(performance: Performance) -> Floats:
    return errors_with_averages(performance, precision_of)


PRECISION_RATIO = Measure(
    key="precision_ratio",
    title="Precision",
    family=measure_family(
        "model_precision_ratio",
        "Precision of the pairs of the window: right predictions of a class by all predictions of it.",
        *BY_CLASS,
    ),
    applies=is_classification,
    entries=by_class,
    compute=precision_ratio,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(undefined("class_never_predicted", precision_of),),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.precision_score(labels=classes, zero_division=numpy.nan).",
)
