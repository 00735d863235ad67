"""Every measure from the raw pairs: scikit-learn's, and what it does not have written out plainly."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from labelled import Floats, Pairs

NAN = math.nan


def truth(pairs: Pairs) -> NDArray[np.intp]:
    """Return the labels' codes, where what is no class is not what was predicted and is no class."""
    return np.where(pairs.actual == pairs.layout.other, pairs.layout.other + 1, pairs.actual)


def of_classes(function: Callable[..., Floats]) -> Callable[[Pairs], Floats]:
    """Return the oracle of a score of scikit-learn by class, with its averages."""

    def oracle(pairs: Pairs) -> Floats:
        if not len(pairs):
            return np.full(pairs.layout.other + 2, NAN)
        found = [
            function(
                truth(pairs),
                pairs.predicted,
                labels=range(pairs.layout.other),
                average=average,
                zero_division=NAN,
                sample_weight=pairs.weights,
            )
            for average in (None, "macro", "weighted")
        ]
        weights = np.ones(len(pairs)) if pairs.weights is None else pairs.weights
        labels = np.array([weights[pairs.actual == code].sum() for code in range(pairs.layout.other)])
        if not labels[~np.isnan(found[0])].any():  # scikit-learn says 0 where the weights add up to nothing
            found[2] = np.array([NAN])
        return np.concatenate([np.atleast_1d(one) for one in found])

    return oracle


def specificity(pairs: Pairs) -> Floats:
    """The recall of all other classes together."""
    found, labels = [], []
    weights = np.ones(len(pairs)) if pairs.weights is None else pairs.weights
    for code in range(pairs.layout.other):
        others = truth(pairs) != code
        found.append(np.average(pairs.predicted[others] != code, weights=weights[others]) if others.any() else NAN)
        labels.append(weights[~others].sum())
    return np.array([*found, *means(np.array(found), np.array(labels))])


def means(values: Floats, weights: Floats) -> list[float]:
    """Return the mean of the values that are there, and that by weights."""
    there = ~np.isnan(values)
    if not there.any():
        return [NAN, NAN]
    return [values[there].mean(), np.average(values[there], weights=weights[there]) if weights[there].sum() else NAN]


def accuracy(pairs: Pairs) -> Floats:
    """scikit-learn's."""
    return np.array([metrics.accuracy_score(truth(pairs), pairs.predicted, sample_weight=pairs.weights)])


def balanced_accuracy(pairs: Pairs) -> Floats:
    """The mean of recalls."""
    return of_classes(metrics.recall_score)(pairs)[-2:-1]


def matthews(pairs: Pairs) -> Floats:
    """scikit-learn's, where neither side is constant."""
    if len(set(truth(pairs).tolist())) < 2 or len(set(pairs.predicted.tolist())) < 2:
        return np.array([NAN])
    return np.array([metrics.matthews_corrcoef(truth(pairs), pairs.predicted, sample_weight=pairs.weights)])


def confusion(pairs: Pairs) -> Floats:
    """scikit-learn's has labels in rows."""
    codes = range(pairs.layout.other + 1)
    found: Floats = metrics.confusion_matrix(pairs.actual, pairs.predicted, labels=codes, sample_weight=pairs.weights)
    return found.T.ravel()


def scored(pairs: Pairs) -> Pairs:
    """Return the pairs that have scores."""
    assert pairs.scores is not None
    return pairs.rows(np.flatnonzero(~np.isnan(pairs.scores).any(axis=1)))


def by_score(function: Callable[[NDArray[np.bool_], Floats, Floats], float]) -> Callable[[Pairs], Floats]:
    """Return the oracle of a function of positives, scores and weights, each class against the rest, with averages."""

    def oracle(pairs: Pairs) -> Floats:
        pairs = scored(pairs)
        assert pairs.scores is not None
        weights = np.ones(len(pairs)) if pairs.weights is None else pairs.weights
        positives = [pairs.actual == score.of_class for score in pairs.layout.scores]
        found = [function(are, pairs.scores[:, i], weights) for i, are in enumerate(positives)]
        if len(found) == 1:
            return np.array(found)
        return np.array([*found, *means(np.array(found), np.array([weights[are].sum() for are in positives]))])

    return oracle


def roc_auc(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """scikit-learn's, where there are both classes."""
    if positive.all() or not positive.any():
        return NAN
    return float(metrics.roc_auc_score(positive, scores, sample_weight=weights))


def average_precision(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """scikit-learn's, where there is a positive."""
    return float(metrics.average_precision_score(positive, scores, sample_weight=weights)) if positive.any() else NAN


def calibration_error(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """The formula, bin by bin."""
    if not len(scores):
        return NAN
    total = 0.0
    for tenth in range(10):
        inside = (scores >= tenth / 10) & ((scores < (tenth + 1) / 10) | (tenth == 9))
        total += abs((weights * (scores - positive))[inside].sum())
    return float(total / weights.sum())


def top_decile_lift(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> float:
    """Go down from the highest score, until a tenth of the weight is there; the last pair counts in part."""
    if not positive.any():
        return NAN
    left = 0.1 * weights.sum()
    found = 0.0
    for row in np.argsort(-scores, kind="stable"):
        part = min(weights[row], left)
        found += part * positive[row]
        left -= part
    return float(found / weights[positive].sum() / 0.1)


def log_loss(pairs: Pairs) -> Floats:
    """scikit-learn's, with a column of zeros for what is no class; binary: the positive class against the rest."""
    pairs = scored(pairs)
    if not len(pairs):
        return np.array([NAN])
    classes, probabilities = _probabilities(pairs)
    labels = range(probabilities.shape[1])
    return np.array([metrics.log_loss(classes, probabilities, labels=labels, sample_weight=pairs.weights)])


def brier_score(pairs: Pairs) -> Floats:
    """scikit-learn's, likewise."""
    pairs = scored(pairs)
    if not len(pairs):
        return np.array([NAN])
    classes, probabilities = _probabilities(pairs)
    if pairs.layout.task == "binary":
        found = metrics.brier_score_loss(classes, probabilities[:, 1], sample_weight=pairs.weights, pos_label=1)
        return np.array([found])
    labels = range(probabilities.shape[1])
    return np.array([metrics.brier_score_loss(classes, probabilities, labels=labels, sample_weight=pairs.weights)])


def _probabilities(pairs: Pairs) -> tuple[NDArray[np.intp], Floats]:
    assert pairs.scores is not None
    if pairs.layout.task == "binary":
        positive = pairs.scores[:, 0]
        return (pairs.actual == pairs.layout.positive).astype(np.intp), np.column_stack((1 - positive, positive))
    return pairs.actual, np.column_stack((pairs.scores, np.zeros(len(pairs))))


def at_threshold(function: Callable[..., float]) -> Callable[[Pairs], Floats]:
    """Return the oracle of a score of scikit-learn of what lies at the threshold or above."""

    def oracle(pairs: Pairs) -> Floats:
        pairs = scored(pairs)
        assert pairs.scores is not None
        assert pairs.layout.threshold is not None
        if not len(pairs):
            return np.array([NAN])
        found = function(
            pairs.actual == pairs.layout.positive,
            pairs.scores[:, 0] >= pairs.layout.threshold,
            zero_division=NAN,
            sample_weight=pairs.weights,
        )
        return np.array([found])

    return oracle


def of_numbers(function: Callable[..., float], **options: float) -> Callable[[Pairs], Floats]:
    """Return the oracle of an error of scikit-learn."""
    return lambda pairs: np.array([function(pairs.actual, pairs.predicted, sample_weight=pairs.weights, **options)])


def r2(pairs: Pairs) -> Floats:
    """scikit-learn's, where actual values vary."""
    if len(set(pairs.actual.tolist())) < 2:
        return np.array([NAN])
    return np.array([metrics.r2_score(pairs.actual, pairs.predicted, sample_weight=pairs.weights)])


def adjusted_r2(pairs: Pairs) -> Floats:
    """The formula, with as many pairs as weights are worth."""
    weights = np.ones(len(pairs)) if pairs.weights is None else pairs.weights
    n = weights.sum() ** 2 / (weights**2).sum()
    freedom = n - pairs.layout.features - 1
    return 1 - (1 - r2(pairs)) * (n - 1) / freedom if freedom > 0 else np.array([NAN])


def mean_error(pairs: Pairs) -> Floats:
    """The mean."""
    return np.array([np.average(pairs.predicted - pairs.actual, weights=pairs.weights)])


def mape(pairs: Pairs) -> Floats:
    """scikit-learn's, where no actual value is 0."""
    if (pairs.actual == 0).any():
        return np.array([NAN])
    return of_numbers(metrics.mean_absolute_percentage_error)(pairs)


def ndcg(pairs: Pairs) -> Floats:
    """scikit-learn's, list by list, of the first five ranks; it refuses lists of one item, which is in the best order."""
    found = []
    for ranks, gains in _lists(pairs):
        is_one = len(ranks) == 1
        found.append(float(gains[0] > 0) if is_one else metrics.ndcg_score([gains], [-ranks], k=pairs.layout.cutoff))
    return np.array([np.mean(found)])


def reciprocal_rank(pairs: Pairs) -> Floats:
    """The definition."""
    return np.array([np.mean([max([1 / rank for rank in ranks[gains > 0]], default=0.0) for ranks, gains in _lists(pairs)])])


def _lists(pairs: Pairs) -> list[tuple[Floats, Floats]]:
    """Return ranks and gains of each list; what was predicted are the ranks, and what is true the gains."""
    assert pairs.lists is not None
    return [(pairs.predicted[pairs.lists == one], pairs.actual[pairs.lists == one]) for one in set(pairs.lists.tolist())]


ORACLES: dict[str, Callable[[Pairs], Floats]] = {
    "accuracy_ratio": accuracy,
    "balanced_accuracy_ratio": balanced_accuracy,
    "precision_ratio": of_classes(metrics.precision_score),
    "recall_ratio": of_classes(metrics.recall_score),
    "specificity_ratio": specificity,
    "f1_score": of_classes(metrics.f1_score),
    "matthews_correlation": matthews,
    "roc_auc": by_score(roc_auc),
    "average_precision": by_score(average_precision),
    "log_loss": log_loss,
    "brier_score": brier_score,
    "calibration_error": by_score(calibration_error),
    "top_decile_lift": by_score(top_decile_lift),
    "precision_at_threshold_ratio": at_threshold(metrics.precision_score),
    "recall_at_threshold_ratio": at_threshold(metrics.recall_score),
    "confusion_predictions": confusion,
    "rmse": of_numbers(metrics.root_mean_squared_error),
    "mae": of_numbers(metrics.mean_absolute_error),
    "median_absolute_error": of_numbers(metrics.median_absolute_error),
    "mape_ratio": mape,
    "r2_score": r2,
    "adjusted_r2_score": adjusted_r2,
    "mean_error": mean_error,
    "quantile_loss": of_numbers(metrics.mean_pinball_loss, alpha=0.8),
    "ndcg": ndcg,
    "mean_reciprocal_rank": reciprocal_rank,
}
