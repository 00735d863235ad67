"""Expected calibration error: how far probabilities are from what came true, in ten bins of equal width.

``sum over bins of abs(sum(score) - positives) / n``, of several classes each against the rest. Scores add up exactly, so the
scores' bins add nothing to it. It is never negative, and reads more the fewer pairs there are: see its floor.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import BY_CLASS, Effect, Flags, Floats, Measure, Reason, is_scored, measure_family
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES, Curve, by_score, curves, with_means
from prediction_exporter.performance.layout import CALIBRATION_BINS, TENTHS


def calibration_error(performance: Performance) -> Floats:
    """Return the error of each score, and the averages where there are several, (E,), in [0, 1].

    >>> from prediction_exporter.performance.examples import of_scores
    >>> calibration_error(of_scores([0.9, 0.4, 0.6, 0.2], ["yes", "yes", "no", "no"])).round(4)
    array([0.375])
    """
    found = curves(performance)
    return with_means(found, np.array([_value(performance, index, one) for index, one in enumerate(found)]))


def tenths(performance: Performance, index: int, one: Curve) -> tuple[Floats, Floats, Floats]:
    """Return the pairs, the positives and the sum of scores in each calibration bin, (10,) each."""
    if not performance.layout.scores[index].is_probability:
        return (np.full(CALIBRATION_BINS, np.nan),) * 3
    edges = np.array(performance.layout.scores[index].edges)
    starts = np.searchsorted(edges, TENTHS) + 1
    pairs, positives = (np.add.reduceat(values, np.append(0, starts)) for values in (one.both, one.positives))
    scores = np.array([performance.sum(f"score {index} {tenth}") for tenth in range(CALIBRATION_BINS)])
    return pairs, positives, scores


def _value(performance: Performance, index: int, one: Curve) -> float:
    pairs, positives, scores = tenths(performance, index, one)
    return float(np.abs(scores - positives).sum() / pairs.sum()) if pairs.sum() > 0 else np.nan


def _spread(performance: Performance, index: int, one: Curve, *, calibrated: bool) -> Floats:
    """Return the standard deviation of each bin's part, (10,): by the share of positives, or by what scores say it is."""
    pairs, positives, scores = tenths(performance, index, one)
    if pairs.sum() <= 0:
        return np.full(CALIBRATION_BINS, np.nan)
    effective = pairs * one.factor
    share = (scores if calibrated else positives) * one.factor
    share = np.clip((share + 0.5) / (effective + 1.0), 0.0, 1.0)
    deviations: Floats = np.sqrt(effective * share * (1 - share)) / effective.sum()
    return deviations


def _over_curves(performance: Performance, *, calibrated: bool) -> Floats:
    found = curves(performance)
    spreads = [_spread(performance, index, one, calibrated=calibrated) for index, one in enumerate(found)]
    mean_size = np.sqrt(2 / np.pi)  # of a normal deviate
    return with_means(
        found, np.array([mean_size * spread.sum() if calibrated else np.sqrt((spread**2).sum()) for spread in spreads])
    )


def _error(performance: Performance) -> Floats:
    return _over_curves(performance, calibrated=False)


def _floor(performance: Performance) -> Floats:
    return _over_curves(performance, calibrated=True)


def _are_none(performance: Performance) -> Flags:
    """Return which scores are no probabilities; the averages are absent where any is none."""
    none = [not score.is_probability for score in performance.layout.scores]
    return np.array(none if len(none) == 1 else [*none, any(none), any(none)])


CALIBRATION_ERROR = Measure(
    key="calibration_error",
    title="Expected calibration error",
    family=measure_family(
        "model_calibration_error",
        "Expected calibration error of the pairs of the window in ten bins, each class against the rest.",
        *BY_CLASS,
    ),
    applies=is_scored,
    entries=by_score,
    compute=calibration_error,
    error=_error,
    error_formula="Binomial in each bin; an upper bound, as parts that are near to 0 spread less; of averages an upper bound.",
    bound=None,
    floor=_floor,
    reasons=(Reason(name="no_probabilities", holds=_are_none), NO_SCORES),
    better="lower",
    effect=Effect(default=0.05, scale=None, chance=None, meaning="Probabilities are off by five in a hundred on average."),
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, 2015.",
)
