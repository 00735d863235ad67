"""R2: the share of the variance of actual values that is explained.

Negative where the mean of the actual values would have been better. Its sums are exact, so it is never above 1.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.performance.base import Effect, Floats, Measure, is_regression, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import NO_VARIANCE, explained


def r2_score(performance: Performance) -> Floats:
    """Return R2, (1,).

    >>> from prediction_exporter.performance.examples import of_numbers
    >>> r2_score(of_numbers([1.0, 2.0, 3.0, 5.0], [1.0, 2.5, 2.0, 5.0])).round(4)
    array([0.8561])
    """
    return np.array([explained(performance).r2])


def _error(performance: Performance) -> Floats:
    return np.array([explained(performance).error])


R2_SCORE = Measure(
    key="r2_score",
    title="R2",
    family=measure_family(
        "model_r2_score", "Share of the variance of actual values that predictions explain, of the pairs of the window."
    ),
    applies=is_regression,
    entries=one,
    compute=r2_score,
    error=_error,
    error_formula="Delta method on the moments of errors and actual values.",
    bound=None,
    floor=None,
    reasons=NO_VARIANCE,
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred less of the variance explained."),
    lower=-math.inf,
    upper=1.0,
    unit="short",
    reference="sklearn.metrics.r2_score.",
)
