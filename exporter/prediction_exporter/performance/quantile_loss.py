"""Quantile loss: the mean pinball loss of a model that predicts a quantile.

It is half of the mean absolute error and a part of the mean error, so it is exact.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import PerformanceLayout
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, error_of_mean, mean_of


def quantile_loss(performance: Performance) -> Floats:
    """Return the mean pinball loss, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> quantile_loss(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.1375])
    """
    tilt = 0.5 - _quantile(performance)
    return np.array([mean_of(performance, "|e|") / 2 + tilt * mean_of(performance, "e")]) * performance.layout.unit


def _error(performance: Performance) -> Floats:
    tilt = 0.5 - _quantile(performance)
    mean = mean_of(performance, "|e|") / 2 + tilt * mean_of(performance, "e")
    squares = (0.25 + tilt**2) * mean_of(performance, "e2") + tilt * mean_of(performance, "e|e|")
    return np.array([error_of_mean(performance, mean, squares, performance.total)]) * performance.layout.unit


def _quantile(performance: Performance) -> float:
    quantile = performance.layout.quantile
    return math.nan if quantile is None else quantile


def _applies(layout: PerformanceLayout) -> bool:
    return layout.quantile is not None


QUANTILE_LOSS = Measure(
    key="quantile_loss",
    title="Quantile loss",
    family=measure_family(
        "model_quantile_loss", "Mean pinball loss of the pairs of the window, of a model that predicts a quantile."
    ),
    applies=_applies,
    entries=one,
    compute=quantile_loss,
    error=_error,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(),
    better="lower",
    effect=Effect(default=0.1, scale=quantile_loss, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=math.inf,
    unit="short",
    reference="Koenker and Bassett, Regression quantiles, 1978; sklearn.metrics.mean_pinball_loss.",
)
