"""Precision at the threshold: positives by all pairs with a score of the threshold or more.

The threshold is an edge of the bins, so it is exact.
"""

from __future__ import annotations

from prediction_exporter.performance.base import Effect, Floats, Measure, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES
from prediction_exporter.performance.thresholds import ShareAtThreshold, has_threshold

_SHARE = ShareAtThreshold(lambda found: found.both)


def precision_at_threshold_ratio(performance: Performance) -> Floats:
    """Return the precision, (1,), in [0, 1]; NaN where no score is so high.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> precision_at_threshold_ratio(of_scores([0.9, 0.4, 0.5, 0.2], ["yes", "yes", "no", "no"]))
    array([0.5])
    """
    return _SHARE.values(performance)


PRECISION_AT_THRESHOLD_RATIO = Measure(
    key="precision_at_threshold_ratio",
    title="Precision at the threshold",
    family=measure_family(
        "model_precision_at_threshold_ratio",
        "Positives by all pairs with a score of the threshold or more among the pairs of the window.",
    ),
    applies=has_threshold,
    entries=one,
    compute=precision_at_threshold_ratio,
    error=_SHARE.errors,
    error_formula="Binomial, with half a pair more on both sides.",
    bound=None,
    floor=None,
    reasons=(NO_SCORES, _SHARE.undefined("none_at_threshold")),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.precision_score of score >= threshold.",
)
