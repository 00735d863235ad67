"""Mean error: predicted less actual, positive where the model says too much."""

from __future__ import annotations

import math

from prediction_exporter.performance.base import Effect, Floats, Measure, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean
from prediction_exporter.performance.rmse import rmse

_MEAN = Mean("e", "e2", in_units=True)


def mean_error(performance: Performance) -> Floats:
    """Return the mean error, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> mean_error(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.125])
    """
    return _MEAN.values(performance)


MEAN_ERROR = Measure(
    key="mean_error",
    title="Bias",
    family=measure_family(
        "model_mean_error",
        "Mean error of the pairs of the window, predicted less actual, in the unit of what is predicted.",
    ),
    applies=is_regression,
    entries=one,
    compute=mean_error,
    error=_MEAN.errors,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(),
    better="zero",
    effect=Effect(
        default=0.2,
        scale=rmse,
        chance=None,
        meaning="A fifth of the baseline's RMSE, which a bias of this size alone makes 2 % larger.",
    ),
    lower=-math.inf,
    upper=math.inf,
    unit="short",
    reference="The mean of the differences.",
)
