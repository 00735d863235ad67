"""Brier score: mean squared difference of probabilities and what came true, of two classes that of the positive one alone.

What is in no class had a probability of 0; a binary model knows the positive class and the rest.
"""

from __future__ import annotations

from prediction_exporter.performance.base import Effect, Floats, Measure, is_scored, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_PROBABILITIES, NO_SCORES
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean

_MEAN = Mean("brier", "brier2", of_scored=True)


def brier_score(performance: Performance) -> Floats:
    """Return the mean over the scored pairs, (1,); NaN where there are none.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> brier_score(of_scores([0.9, 0.4, 0.6, 0.2], ["yes", "yes", "no", "no"])).round(4)
    array([0.1925])
    """
    return _MEAN.values(performance)


BRIER_SCORE = Measure(
    key="brier_score",
    title="Brier score",
    family=measure_family("model_brier_score", "Brier score of the pairs of the window."),
    applies=is_scored,
    entries=one,
    compute=brier_score,
    error=_MEAN.errors,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(NO_PROBABILITIES, NO_SCORES),
    better="lower",
    effect=Effect(default=0.1, scale=brier_score, chance=None, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=2.0,
    unit="short",
    reference="Brier, Verification of forecasts expressed in terms of probability, 1950; sklearn.metrics.brier_score_loss.",
)
