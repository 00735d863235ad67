"""Lift of the top decile: positives in the tenth of the pairs with the highest scores, by those of a tenth on average.

Where the tenth ends within a bin, the bin's positives are taken to be spread evenly.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import BY_CLASS, Effect, Floats, Measure, is_scored, measure_family
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES, Curve, averaged, by_score, unless

#: The part of the pairs that is looked at.
TOP = 0.1


def top_decile_lift(performance: Performance) -> Floats:
    """Return the lift of each score, and the averages where there are several, (E,), in [0, 10]; NaN without a positive.

    >>> from prediction_exporter.performance.examples import of_scores
    >>> scores = [0.99] * 10 + [0.5] * 90
    >>> top_decile_lift(of_scores(scores, ["yes"] * 6 + ["no"] * 4 + ["yes"] * 14 + ["no"] * 76))
    array([3.])
    """
    return averaged(performance, lambda one: _found(one)[0] / TOP)


def _found(one: Curve) -> tuple[float, float, float]:
    """Return the share of positives in the top; how far it may be from that; and the share of positives where the top ends."""
    if one.of_positives <= 0:
        return np.nan, np.nan, np.nan
    positives, both = one.positives[::-1], one.both[::-1]
    upto = np.cumsum(both)
    wanted = TOP * upto[-1]
    at = int(np.searchsorted(upto, wanted))
    before = float(positives[:at].sum())
    rest = wanted - float(both[:at].sum())
    of_bin = float(positives[at])
    least, most = max(0.0, rest - float(both[at] - positives[at])), min(of_bin, rest)
    even = rest * of_bin / float(both[at])
    near = slice(max(at - 2, 0), at + 3)
    share = float((positives[near].sum() + 0.5) / (both[near].sum() + 1.0))
    total = one.of_positives
    return (before + even) / total, max(even - least, most - even) / total, share


def _error_of(one: Curve) -> float:
    recall, _, at_the_end = _found(one)
    if np.isnan(recall):
        return np.nan
    pairs, positives = float(one.both.sum()) * one.factor, one.of_positives * one.factor
    rate = (positives + 0.5) / (pairs + 1.0)
    recall = (recall * positives + 0.5 * TOP) / (positives + 0.5)
    # A pair more moves the recall, and through the score where the top ends all of its positives.
    moved = at_the_end / rate
    cells = [
        (rate * recall, (1 - recall) / rate - moved * (1 - TOP)),
        (rate * (1 - recall), -recall / rate + moved * TOP),
        (max(TOP - rate * recall, 0.0), -moved * (1 - TOP)),
        (max(1 - TOP - rate * (1 - recall), 0.0), moved * TOP),
    ]
    return float(np.sqrt(sum(share * influence**2 for share, influence in cells) / pairs)) / TOP


def _error(performance: Performance) -> Floats:
    return averaged(performance, _error_of)


def _bound(performance: Performance) -> Floats:
    return averaged(performance, lambda one: _found(one)[1] / TOP)


TOP_DECILE_LIFT = Measure(
    key="top_decile_lift",
    title="Lift of the top decile",
    family=measure_family(
        "model_top_decile_lift",
        "Positives in the tenth of the window's pairs with the highest scores, by those of a tenth on average.",
        *BY_CLASS,
    ),
    applies=is_scored,
    entries=by_score,
    compute=top_decile_lift,
    error=_error,
    error_formula="Delta method on classes within the top and below, and on where it ends; of averages an upper bound.",
    bound=_bound,
    floor=None,
    reasons=(NO_SCORES, unless("no_positives", lambda one: one.of_positives > 0)),
    better="higher",
    effect=Effect(default=0.2, scale=top_decile_lift, chance=1.0, meaning="A fifth of the baseline."),
    lower=0.0,
    upper=10.0,
    unit="short",
    reference="Positives that the sorted scores have in their first tenth, as marketing counts them.",
)
