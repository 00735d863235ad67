"""Average precision: the mean precision over the positives, each at its own score.

Of several classes, each against the rest.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, divide, is_scored, measure_family
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES, Curve, averaged, by_score, unless


def average_precision(performance: Performance) -> Floats:
    """Return it of each score, and the averages where there are several, (E,), in [0, 1]; NaN without a positive.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> average_precision(of_scores([0.9, 0.4, 0.6, 0.2], ["yes", "yes", "no", "no"])).round(4)
    array([0.8333])
    """
    return averaged(performance, _value)


def _from_the_top(one: Curve) -> tuple[Floats, Floats, Floats, Floats]:
    """Return positives and negatives of each bin, and of all from it upwards, the highest bin first, (B,) each."""
    positives, negatives = one.positives[::-1], one.negatives[::-1]
    return positives, negatives, np.cumsum(positives), np.cumsum(negatives)


def _precisions(right: Floats, wrong: Floats) -> Floats:
    return np.nan_to_num(divide(right, right + wrong))


def _value(one: Curve) -> float:
    positives, _, right, wrong = _from_the_top(one)
    return float((positives * _precisions(right, wrong)).sum() / right[-1]) if right[-1] > 0 else np.nan


def _error_of(one: Curve) -> float:
    positives, negatives, right, wrong = _from_the_top(one)
    if right[-1] <= 0:
        return np.nan
    # Half a positive and half a negative more, spread as all pairs are: the best and the worst order have an error, too.
    shares = (positives + negatives) / (right[-1] + wrong[-1]) / 2
    positives, negatives = positives * one.factor + shares, negatives * one.factor + shares
    right, wrong = np.cumsum(positives), np.cumsum(negatives)
    precisions, both = _precisions(right, wrong), right + wrong
    squares = np.where(both > 0, both, 1.0) ** 2
    further = np.cumsum((positives * wrong / squares)[::-1])[::-1]  # what a positive more adds to the bins below
    fewer = np.cumsum((positives * right / squares)[::-1])[::-1]
    value = (positives * precisions).sum() / right[-1]
    of_positives, of_negatives = (precisions - value + further) / right[-1], -fewer / right[-1]
    return float(np.sqrt((positives * of_positives**2 + negatives * of_negatives**2).sum()))


def _bound_of(one: Curve) -> float:
    """Return how far the value of raw scores may be: in each bin, all positives may come first, or last.

    Whatever pairs weigh, precision over the positives of a bin is at most that after all of them, and its mean at least that
    of pairs that weigh next to nothing each.
    """
    positives, negatives, right, wrong = _from_the_top(one)
    if right[-1] <= 0:
        return np.nan
    tied = positives * _precisions(right, wrong)
    first = positives * _precisions(right, wrong - negatives)
    before = right - positives + wrong
    last = positives - wrong * np.log1p(positives / np.where(before > 0, before, 1.0))
    return float(max((first - tied).sum(), (tied - last).sum()) / right[-1])


def _error(performance: Performance) -> Floats:
    return averaged(performance, _error_of)


def _bound(performance: Performance) -> Floats:
    return averaged(performance, _bound_of)


AVERAGE_PRECISION = Measure(
    key="average_precision",
    title="Average precision",
    family=measure_family(
        "model_average_precision",
        "Average precision of the pairs of the window, each class against the rest.",
        *BY_CLASS,
    ),
    applies=is_scored,
    entries=by_score,
    compute=average_precision,
    error=_error,
    error_formula="Delta method on the multinomial cells of classes and score bins; of averages an upper bound.",
    bound=_bound,
    floor=None,
    reasons=(NO_SCORES, unless("no_positives", lambda one: one.of_positives > 0)),
    better="higher",
    effect=Effect(
        default=0.2,
        scale=average_precision,
        chance=0.0,
        meaning="A fifth of the baseline: what is average depends on how rare the class is.",
    ),
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="sklearn.metrics.average_precision_score of the scores rounded to their bins.",
)
