"""Curves: positives and negatives by score, one class against the rest, and what ranks them.

Scores in a bin are taken for equal: what is computed is exactly scikit-learn's value of the scores rounded to their bins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_exporter.performance.base import Entries, Floats, Reason, class_label, divide
from prediction_exporter.performance.confusion import MACRO, WEIGHTED
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import PerformanceLayout

#: Scored pairs of one kind below which errors are not of the pairs' own spread.
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Curve:
    """The scored pairs of one score, by bin from the lowest to the highest, (B,) each.

    Attributes:
        negatives, positives: what those weigh that are not of the score's class, and that are.
        factor: how many unweighted pairs a weight of 1 is worth.
    """

    negatives: Floats
    positives: Floats
    factor: float

    @property
    def both(self) -> Floats:
        """All of them."""
        return self.negatives + self.positives

    @property
    def of_positives(self) -> float:
        """What all positives weigh."""
        return float(self.positives.sum())

    @property
    def of_negatives(self) -> float:
        """What all negatives weigh."""
        return float(self.negatives.sum())

    @property
    def is_of_both(self) -> bool:
        """Whether there are positives and negatives."""
        return self.of_positives > 0 and self.of_negatives > 0


def curve(performance: Performance, index: int) -> Curve:
    """Return the curve of one score."""
    negatives, positives = performance.weight(f"score {index}")
    return Curve(negatives, positives, performance.factor)


def curves(performance: Performance) -> list[Curve]:
    """Return the curve of each score."""
    return [curve(performance, index) for index in range(len(performance.layout.scores))]


def by_score(layout: PerformanceLayout) -> Entries:
    """Return the entries: the class of each score, and where there are several their averages."""
    classes = tuple((class_label(layout, score.of_class), "") for score in layout.scores)
    return classes if len(classes) == 1 else (*classes, ("", MACRO), ("", WEIGHTED))


def averaged(performance: Performance, function: Callable[[Curve], float]) -> Floats:
    """Return a value of each score, their mean, and their mean weighted by positives, (S + 2,); of one score (1,).

    The means are over the scores that have a value. Those of errors and bounds are upper bounds for the means of values.
    """
    found = curves(performance)
    return with_means(found, np.array([function(one) for one in found]))


def with_means(found: Sequence[Curve], values: Floats) -> Floats:
    """Append the means to the values of curves, where there are several."""
    if len(found) == 1:
        return values
    defined = ~np.isnan(values)
    weights = np.where(defined, [one.of_positives for one in found], 0.0)
    known = np.where(defined, values, 0.0)
    macro = divide(known.sum(), np.count_nonzero(defined))
    return np.concatenate((values, [macro], [divide((weights * known).sum(), weights.sum())]))


def unless(name: str, defined: Callable[[Curve], bool]) -> Reason:
    """Return the reason that a curve does not have what a measure needs; the averages need one that has it."""

    def holds(performance: Performance) -> Floats:
        return averaged(performance, lambda one: 0.0 if defined(one) else np.nan)

    return Reason(name=name, holds=lambda performance: np.isnan(holds(performance)))


def scored(performance: Performance) -> float:
    """Return what the pairs weigh that have scores."""
    return float(performance.weight("score 0").sum())


#: Nothing has a score.
NO_SCORES = Reason(name="no_scores", holds=lambda performance: np.array(scored(performance) == 0))


#: The scores, or some of the classes that have none, leave open how probable a class was.
NO_PROBABILITIES = Reason(name="no_probabilities", holds=lambda performance: np.array(not performance.layout.has_losses))


def ranked(one: Curve) -> Floats:
    """Return the weight of negatives below each bin and half of those in it, (B,)."""
    return np.cumsum(one.negatives) - one.negatives / 2


def roc_auc_of(one: Curve) -> float:
    """Return the chance that a positive has a higher score than a negative, ties counting half; NaN without either."""
    if not one.is_of_both:
        return np.nan
    return float((one.positives * ranked(one)).sum() / (one.of_positives * one.of_negatives))


def roc_auc_error(one: Curve) -> float:
    """Return the standard error by DeLong from the bins; by Hanley and McNeil where the pairs show no spread.

    That is so where one of the classes has fewer than two pairs, or no positive lies below a negative; half a wrong pair is
    taken to be there then.
    """
    if not one.is_of_both:
        return np.nan
    area = roc_auc_of(one)
    m, n = one.of_positives * one.factor, one.of_negatives * one.factor
    if m >= FEWEST and n >= FEWEST:
        below = ranked(one) / one.of_negatives
        above = (one.of_positives - np.cumsum(one.positives) + one.positives / 2) / one.of_positives
        of_positives = float((one.positives * (below - area) ** 2).sum()) / one.of_positives
        of_negatives = float((one.negatives * (above - area) ** 2).sum()) / one.of_negatives
        variance = of_positives / (m - 1) + of_negatives / (n - 1)
        if variance > 0:
            return float(np.sqrt(variance))
    fewer = min(m, n)
    area = (area * fewer + 0.5) / (fewer + 1)
    twice, other = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (twice - area**2) + (n - 1) * (other - area**2)
    return float(np.sqrt(max(variance, 0.0) / (m * n)))


def roc_auc_bound(one: Curve) -> float:
    """Return how far the area of the raw scores may be: half of the pairs of a positive and a negative in the same bin."""
    if not one.is_of_both:
        return np.nan
    return float((one.positives * one.negatives).sum() / (2 * one.of_positives * one.of_negatives))
