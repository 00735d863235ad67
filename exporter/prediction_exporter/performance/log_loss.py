"""Log loss: mean negative logarithm of the probability of the actual class, clipped at 2.2e-16.

What is in no class had a probability of 0; a binary model knows the positive class and the rest.
"""

from __future__ import annotations

import math
import sys

from prediction_exporter.performance.base import Effect, Floats, Measure, is_scored, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_PROBABILITIES, NO_SCORES
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean

_MEAN = Mean("log_loss", "log_loss2", of_scored=True)


def log_loss(performance: Performance) -> Floats:
    """Return the mean over the scored pairs, (1,); NaN where there are none.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> log_loss(of_scores([0.9, 0.4, 0.6, 0.2], ["yes", "yes", "no", "no"])).round(4)
    array([0.5403])
    """
    return _MEAN.values(performance)


LOG_LOSS = Measure(
    key="log_loss",
    title="Log loss",
    family=measure_family("model_log_loss", "Log loss of the pairs of the window."),
    applies=is_scored,
    entries=one,
    compute=log_loss,
    error=_MEAN.errors,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(NO_PROBABILITIES, NO_SCORES),
    better="lower",
    effect=Effect(default=0.1, scale=log_loss, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=-math.log(sys.float_info.epsilon),
    unit="short",
    reference="sklearn.metrics.log_loss, to 2**-32.",
)
