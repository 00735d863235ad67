"""Mean absolute error."""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, error_of, mean_of


def mae(performance: Performance) -> Floats:
    """Return the mean absolute error, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> mae(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.375])
    """
    return np.array([mean_of(performance, "|e|")]) * performance.layout.unit


def _error(performance: Performance) -> Floats:
    return np.array([error_of(performance, "|e|", "e2")]) * performance.layout.unit


MAE = Measure(
    key="mae",
    title="MAE",
    family=measure_family("model_mae", "Mean absolute error of the pairs of the window, in the unit of what is predicted."),
    applies=is_regression,
    entries=one,
    compute=mae,
    error=_error,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(),
    better="lower",
    effect=Effect(default=0.1, scale=mae, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=math.inf,
    unit="short",
    reference="sklearn.metrics.mean_absolute_error.",
)
