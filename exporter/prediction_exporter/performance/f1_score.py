"""F1: harmonic mean of precision and recall of a class.

``2 n[k, k] / (sum(n[k, :]) + sum(n[:, k]))``.

The macro average is the mean over classes, the weighted one that by labels, both over the classes where it is defined.
"""

from __future__ import annotations

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, is_classification, measure_family
from prediction_exporter.performance.confusion import (
    FORMULA,
    by_class,
    errors_with_averages,
    f1_of,
    undefined,
    with_averages,
)
from prediction_exporter.performance.counts import Performance


def f1_score(performance: Performance) -> Floats:
    """Return it of each class and on average, (K + 2,), in [0, 1]; NaN where it is undefined.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> f1_score(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])).round(4)
    array([0.8   , 0.6667, 0.7333, 0.7667])
    """
    return with_averages(performance, f1_of)


def _error(performance: Performance) -> Floats:
    return errors_with_averages(performance, f1_of)


F1_SCORE = Measure(
    key="f1_score",
    title="F1",
    family=measure_family(
        "model_f1_score", "F1 of the pairs of the window: harmonic mean of precision and recall of a class.", *BY_CLASS
    ),
    applies=is_classification,
    entries=by_class,
    compute=f1_score,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(undefined("class_in_no_pair", f1_of),),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="sklearn.metrics.f1_score(labels=classes, zero_division=numpy.nan).",
)
