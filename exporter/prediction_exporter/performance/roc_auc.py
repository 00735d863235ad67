"""Area under the ROC curve: the chance that a pair of a class has a higher score for it than one that is not.

Of several classes, each against the rest. Scores in the same bin count as ties, half.
"""

from __future__ import annotations

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, is_scored, measure_family
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import (
    NO_SCORES,
    averaged,
    by_score,
    roc_auc_bound,
    roc_auc_error,
    roc_auc_of,
    unless,
)


def roc_auc(performance: Performance) -> Floats:
    """Return the area of each score, and their averages where there are several, (E,), in [0, 1]; NaN for one class alone.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> roc_auc(of_scores([0.9, 0.4, 0.6, 0.2], ["yes", "yes", "no", "no"]))
    array([0.75])
    """
    return averaged(performance, roc_auc_of)


def _error(performance: Performance) -> Floats:
    return averaged(performance, roc_auc_error)


def _bound(performance: Performance) -> Floats:
    return averaged(performance, roc_auc_bound)


ROC_AUC = Measure(
    key="roc_auc",
    title="ROC AUC",
    family=measure_family(
        "model_roc_auc", "Area under the ROC curve of the pairs of the window, each class against the rest.", *BY_CLASS
    ),
    applies=is_scored,
    entries=by_score,
    compute=roc_auc,
    error=_error,
    error_formula="DeLong from the bins, Hanley and McNeil where pairs show no spread; of averages an upper bound.",
    bound=_bound,
    floor=None,
    reasons=(NO_SCORES, unless("one_class", lambda one: one.is_of_both)),
    better="higher",
    effect=Effect(default=0.05, scale=None, chance=0.5, meaning="Five in a hundred more pairs in the wrong order."),
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="sklearn.metrics.roc_auc_score of the scores rounded to bins; DeLong et al., 1988; Hanley and McNeil, 1982.",
)
