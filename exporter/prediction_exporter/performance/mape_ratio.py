"""Mean absolute percentage error: the mean of ``abs(error / actual)``.

An actual value of 0 has none, and scikit-learn's value is then of the order of 10**15: here it is absent.
"""

from __future__ import annotations

import math

from prediction_exporter.performance.base import Effect, Floats, Measure, always, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean

_MEAN = Mean("p", "p2")


def mape_ratio(performance: Performance) -> Floats:
    """Return the mean of the errors by the actual values; it means nothing where one of these is 0, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> mape_ratio(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.175])
    """
    return _MEAN.values(performance)


MAPE_RATIO = Measure(
    key="mape_ratio",
    title="MAPE",
    family=measure_family("model_mape_ratio", "Mean absolute error by the actual value, of the pairs of the window."),
    applies=is_regression,
    entries=one,
    compute=mape_ratio,
    error=_MEAN.errors,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(always("zero_actuals", lambda performance: performance.zero_actuals != 0),),
    better="lower",
    effect=Effect(default=0.1, scale=mape_ratio, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=math.inf,
    unit="percentunit",
    reference="sklearn.metrics.mean_absolute_percentage_error.",
)
