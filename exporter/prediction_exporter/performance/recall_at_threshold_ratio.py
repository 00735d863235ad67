"""Recall at the threshold: positives with a score of the threshold or more by all positives.

The threshold is an edge of the bins, so it is exact.
"""

from __future__ import annotations

from prediction_exporter.performance.base import Effect, Floats, Measure, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES
from prediction_exporter.performance.thresholds import ShareAtThreshold, has_threshold

_SHARE = ShareAtThreshold(lambda found: found.all_positives)


def recall_at_threshold_ratio(performance: Performance) -> Floats:
    """Return the recall, (1,), in [0, 1]; NaN where there is no positive.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> recall_at_threshold_ratio(of_scores([0.9, 0.4, 0.5, 0.2], ["yes", "yes", "no", "no"]))
    array([0.5])
    """
    return _SHARE.values(performance)


RECALL_AT_THRESHOLD_RATIO = Measure(
    key="recall_at_threshold_ratio",
    title="Recall at the threshold",
    family=measure_family(
        "model_recall_at_threshold_ratio",
        "Positives with a score of the threshold or more by all positives among the pairs of the window.",
    ),
    applies=has_threshold,
    entries=one,
    compute=recall_at_threshold_ratio,
    error=_SHARE.errors,
    error_formula="Binomial, with half a pair more on both sides.",
    bound=None,
    floor=None,
    reasons=(NO_SCORES, _SHARE.undefined("no_positives")),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.recall_score of score >= threshold.",
)
