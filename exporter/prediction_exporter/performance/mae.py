"""Mean absolute error."""

from __future__ import annotations

import math

from prediction_exporter.performance.base import Effect, Floats, Measure, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean

_MEAN = Mean("|e|", "e2", in_units=True)


def mae(performance: Performance) -> Floats:
    """Return the mean absolute error, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> mae(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.375])
    """
    return _MEAN.values(performance)


MAE = Measure(
    key="mae",
    title="MAE",
    family=measure_family("model_mae", "Mean absolute error of the pairs of the window, in the unit of what is predicted."),
    applies=is_regression,
    entries=one,
    compute=mae,
    error=_MEAN.errors,
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
