"""Adjusted R2: R2 less what as many features explain by chance, ``1 - (1 - R2) (n - 1) / (n - p - 1)``.

It says something on the data that the model was fitted to; in production it is a stricter R2.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, always, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import NO_VARIANCE, explained


def adjusted_r2_score(performance: Performance) -> Floats:
    """Return adjusted R2, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> adjusted_r2_score(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.7842])
    """
    return 1.0 - (1.0 - np.array([explained(performance).r2])) * _stretch(performance)


def _stretch(performance: Performance) -> float:
    freedom = performance.effective - performance.layout.features - 1
    return (performance.effective - 1) / freedom if freedom > 0 else math.nan


def _error(performance: Performance) -> Floats:
    return np.array([explained(performance).error]) * _stretch(performance)


ADJUSTED_R2_SCORE = Measure(
    key="adjusted_r2_score",
    title="Adjusted R2",
    family=measure_family(
        "model_adjusted_r2_score", "R2 of the pairs of the window, less what as many features explain by chance."
    ),
    applies=is_regression,
    entries=one,
    compute=adjusted_r2_score,
    error=_error,
    error_formula="That of R2, as many times as the adjustment stretches it.",
    bound=None,
    floor=None,
    reasons=(
        *NO_VARIANCE,
        always("fewer_pairs_than_features", lambda performance: math.isnan(_stretch(performance))),
    ),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred less of the variance explained."),
    lower=-math.inf,
    upper=1.0,
    unit="short",
    reference="Theil, Economic forecasts and policy, 1961.",
)
