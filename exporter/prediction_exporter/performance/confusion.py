"""Ratios of cells of the confusion matrix: values, averages, and standard errors by the delta method.

Cells are multinomial. A function of them that many times as many pairs would not change has, to first order, the variance
``sum(n * gradient**2)`` over the cells. It is taken where one more pair has been added, spread as if predictions knew nothing
of labels: half by their shares, half evenly. So an error is not 0 where no prediction was wrong yet, as it is not for a share
whose variance is taken after Agresti and Coull.

What is predicted and is no class, and what is a label and is no class, are not taken for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prediction_exporter.performance.base import Entries, Floats, Reason, class_label, divide, sqrt_of
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import PerformanceLayout

MACRO, WEIGHTED = "macro", "weighted"

#: What the documentation says of errors that come from here.
FORMULA = "Delta method on the multinomial cells of the confusion matrix, with one more pair spread as if by chance."


def confusion(performance: Performance) -> Floats:
    """Return what pairs weigh by prediction and label, (K + 1, K + 1); the last of both is none of the classes."""
    return performance.weight("confusion")


def smoothed(performance: Performance) -> Floats:
    """Return the cells in effective pairs with one more, (K + 1, K + 1)."""
    cells: Floats = confusion(performance) * performance.factor
    total = cells.sum()
    if total == 0:
        return cells
    even = np.append(np.full(len(cells) - 1, 1 / (len(cells) - 1)), 0.0)
    predicted, actual = ((cells.sum(axis=axis) / total + even) / 2 for axis in (1, 0))
    by_chance: Floats = np.outer(predicted, actual)
    return cells + by_chance


def is_right(classes: int) -> Floats:
    """Return 1 for the cells of right predictions, (K + 1, K + 1)."""
    right: Floats = np.eye(classes + 1)
    right[classes, classes] = 0.0
    return right


@dataclass(frozen=True, slots=True)
class Ratios:
    """Ratios of sums of cells, (E, K + 1, K + 1) each: how often a cell is in the part, and in the whole."""

    parts: Floats
    wholes: Floats

    def values(self, cells: Floats) -> Floats:
        """Return the ratios, (E,); NaN where the whole is empty."""
        return divide((self.parts * cells).sum(axis=(1, 2)), (self.wholes * cells).sum(axis=(1, 2)))

    def gradients(self, cells: Floats) -> Floats:
        """Return their gradients, (E, K + 1, K + 1)."""
        wholes = (self.wholes * cells).sum(axis=(1, 2))[:, None, None]
        return divide(self.parts - self.values(cells)[:, None, None] * self.wholes, wholes)


def deviation(cells: Floats, gradients: Floats) -> Floats:
    """Return the standard errors of functions of the cells by their gradients, (E, K + 1, K + 1) to (E,)."""
    return sqrt_of((cells * gradients**2).sum(axis=(-2, -1)))


RatiosOf = Callable[[int], Ratios]


def precision_of(classes: int) -> Ratios:
    """Right predictions of each class by all predictions of it."""
    rows = np.zeros((classes, classes + 1, classes + 1))
    rows[np.arange(classes), np.arange(classes), :] = 1.0
    return Ratios(_own(classes), rows)


def recall_of(classes: int) -> Ratios:
    """Right predictions of each class by all labels of it."""
    columns = np.zeros((classes, classes + 1, classes + 1))
    columns[np.arange(classes), :, np.arange(classes)] = 1.0
    return Ratios(_own(classes), columns)


def f1_of(classes: int) -> Ratios:
    """Twice the right predictions of each class by its predictions and labels together."""
    return Ratios(2.0 * _own(classes), precision_of(classes).wholes + recall_of(classes).wholes)


def specificity_of(classes: int) -> Ratios:
    """Pairs that are not of each class and were not predicted so, by all that are not of it."""
    not_of = 1.0 - recall_of(classes).wholes
    return Ratios(not_of * (1.0 - precision_of(classes).wholes), not_of)


def _own(classes: int) -> Floats:
    own = np.zeros((classes, classes + 1, classes + 1))
    own[np.arange(classes), np.arange(classes), np.arange(classes)] = 1.0
    return own


def by_class(layout: PerformanceLayout) -> Entries:
    """Return the entries: each class, and their averages."""
    return (*((class_label(layout, code), "") for code in range(layout.other)), ("", MACRO), ("", WEIGHTED))


def with_averages(performance: Performance, ratios_of: RatiosOf) -> Floats:
    """Return ratios of each class, their mean, and their mean weighted by labels, (K + 2,).

    The means are over the classes where the ratio is defined, as scikit-learn's with ``zero_division=numpy.nan``.
    """
    classes, cells = performance.layout.other, confusion(performance)
    values = ratios_of(classes).values(cells)
    defined = ~np.isnan(values)
    labels = np.where(defined, cells.sum(axis=0)[:classes], 0.0)
    known = np.where(defined, values, 0.0)
    macro = divide(known.sum(), np.count_nonzero(defined))
    return np.concatenate((values, [macro], [divide((labels * known).sum(), labels.sum())]))


def errors_with_averages(performance: Performance, ratios_of: RatiosOf) -> Floats:
    """Return the standard errors of :func:`with_averages`, (K + 2,)."""
    classes, cells = performance.layout.other, smoothed(performance)
    ratios = ratios_of(classes)
    values, gradients = ratios.values(cells), ratios.gradients(cells)
    defined = ~np.isnan(ratios.values(confusion(performance)))
    known = np.where(defined[:, None, None], gradients, 0.0)
    macro = divide(known.sum(axis=0), np.count_nonzero(defined))
    labels = np.where(defined, cells.sum(axis=0)[:classes], 0.0)
    mean = divide((labels * np.where(defined, values, 0.0)).sum(), labels.sum())
    # The weights are of the sample, too: a label more of a class moves the mean towards the ratio of that class.
    moved = np.append(np.where(defined, values - mean, 0.0), 0.0)[None, :]
    weighted = divide((labels[:, None, None] * known).sum(axis=0) + moved, labels.sum())
    return deviation(cells, np.concatenate((gradients, macro[None], weighted[None])))


def undefined(name: str, ratios_of: RatiosOf) -> Reason:
    """Return the reason that a ratio of a class, or of all classes for the averages, has an empty whole."""
    return Reason(name=name, holds=lambda performance: np.isnan(with_averages(performance, ratios_of)))
