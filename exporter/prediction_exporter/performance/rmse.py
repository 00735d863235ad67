"""Root mean squared error."""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import error_of, mean_of


def rmse(performance: Performance) -> Floats:
    """Return the root of the mean squared error, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> rmse(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.559])
    """
    return np.array([math.sqrt(mean_of(performance, "e2"))]) * performance.layout.unit


def _error(performance: Performance) -> Floats:
    squares = mean_of(performance, "e2")
    if not squares > 0:
        return np.array([0.0 if squares == 0 else np.nan])
    return np.array([error_of(performance, "e2", "e4") / (2 * math.sqrt(squares))]) * performance.layout.unit


RMSE = Measure(
    key="rmse",
    title="RMSE",
    family=measure_family(
        "model_rmse", "Root mean squared error of the pairs of the window, in the unit of what is predicted."
    ),
    applies=is_regression,
    entries=one,
    compute=rmse,
    error=_error,
    error_formula="Delta method on the mean of squared errors.",
    bound=None,
    floor=None,
    reasons=(),
    better="lower",
    effect=Effect(default=0.1, scale=rmse, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=math.inf,
    unit="short",
    reference="sklearn.metrics.root_mean_squared_error.",
)
