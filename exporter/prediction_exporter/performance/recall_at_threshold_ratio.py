"""Recall at the threshold: positives with a score of the threshold or more by all positives.

The threshold is an edge of the bins, so it is exact.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import Effect, Flags, Floats, Measure, Reason, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES
from prediction_exporter.performance.thresholds import error_of_share, has_threshold, share_of, upwards


def recall_at_threshold_ratio(performance: Performance) -> Floats:
    """Return the recall, (1,), in [0, 1]; NaN where there is no positive.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> recall_at_threshold_ratio(of_scores([0.9, 0.4, 0.5, 0.2], ["yes", "yes", "no", "no"]))
    array([0.5])
    """
    found = upwards(performance)
    return share_of(found.positives, found.all_positives)


def _error(performance: Performance) -> Floats:
    found = upwards(performance)
    return error_of_share(performance, found.positives, found.all_positives)


def _is_undefined(performance: Performance) -> Flags:
    return np.isnan(recall_at_threshold_ratio(performance))


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
    error=_error,
    error_formula="Binomial, with half a pair more on both sides.",
    bound=None,
    floor=None,
    reasons=(NO_SCORES, Reason(name="no_positives", holds=_is_undefined)),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.0, meaning="Five in a hundred more wrong."),
    lower=0.0,
    upper=1.0,
    unit="percentunit",
    reference="sklearn.metrics.recall_score of score >= threshold.",
)
