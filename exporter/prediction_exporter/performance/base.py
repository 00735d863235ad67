"""What a measure is: a function of counts of pairs, with its error; and its declaration.

A measure returns a value for each of its entries (classes and their averages, cells of a table, or one), NaN where it is
undefined, and says when that is and why. Its standard error, a value of the baseline and an effect make its threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prediction_exporter.counting.layout import Column, Kind, Role
from prediction_exporter.families import MODEL, PERFORMANCE, Family
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import PerformanceLayout

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Entries = tuple[tuple[str, ...], ...]

#: The one entry of a measure without labels of its own.
ONE: Entries = ((),)

#: Labels of measures of classes: the class, or which average of those of all classes; the other one is empty.
BY_CLASS = ("class", "average")


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a measure is undefined.

    Attributes:
        name: the reason as a label value.
        holds: whether it is so, for each entry, (E,), or for all of them, ().
    """

    name: str
    holds: Callable[[Performance], Flags]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How much worse than the baseline matters.

    Attributes:
        default: where the configuration names none, in units of ``scale``.
        scale: what a default is multiplied with, (E,), from the baseline's counts; None for the measure's own unit.
        chance: what a model reads that knows nothing, where higher is better: a default is at most half of the baseline's
            distance from it, so that a model that is little better is seen to be no better. None where that is not known.
        meaning: one sentence on the choice of the default, for the documentation.
    """

    default: float
    scale: Callable[[Performance], Floats] | None
    chance: float | None
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The declaration of a measure; everything that users see of it is derived from here.

    Attributes:
        key: its name in configuration, labels, documentation, and of its module.
        title: its name on panels.
        family: the series of its values; the labels of the entries follow those of :data:`PERFORMANCE`.
        applies: whether a model has it.
        entries: the values of the labels of its own, in the order of the values.
        compute: the values, (E,).
        error: their standard errors, (E,), NaN where the pairs are too few for one; None where values are counts.
        error_formula: where these come from, for the documentation.
        bound: how far at most a value is from scikit-learn's on the raw pairs, because bins hold several scores or errors,
            (E,); None where there is no such difference.
        floor: what it reads from sampling alone where the model is as good as can be, (E,); None where that is nothing.
        reasons: when and why it is undefined; the first that holds is told.
        better: whether a good model has high values, low ones, or ones near to 0 on both sides.
        effect: how much worse matters; None where nothing is compared.
        lower, upper: its range, both attained or approached.
        unit: of the values, as Grafana calls it.
        reference: the source of the formula, and what of scikit-learn it equals.
    """

    key: str
    title: str
    family: Family
    applies: Callable[[PerformanceLayout], bool]
    entries: Callable[[PerformanceLayout], Entries]
    compute: Callable[[Performance], Floats]
    error: Callable[[Performance], Floats] | None
    error_formula: str
    bound: Callable[[Performance], Floats] | None
    floor: Callable[[Performance], Floats] | None
    reasons: tuple[Reason, ...]
    better: Literal["higher", "lower", "zero"]
    effect: Effect | None
    lower: float
    upper: float
    unit: str
    reference: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the entries."""
        return self.family.labels[len(PERFORMANCE) :]

    @cached_property
    def baseline_family(self) -> Family:
        """The series of what the baseline's data read: one value for all versions and windows."""
        return self._beside("baseline", f"What {self.family} reads on the data of the baseline.", MODEL)

    @cached_property
    def error_family(self) -> Family:
        """The series of standard errors."""
        return self._beside("standard_error", f"Standard error of {self.family}, of mature windows.")

    @cached_property
    def threshold_family(self) -> Family:
        """The series of the thresholds that alerts compare with."""
        worse = {"higher": "below it is worse", "lower": "above it is worse", "zero": "a larger size is worse"}[self.better]
        text = f"What alerts compare {self.family} with, of mature windows with enough labels; {worse}."
        return self._beside("threshold", text)

    @cached_property
    def bound_family(self) -> Family:
        """The series of bounds of binning."""
        text = (
            f"How far {self.family} may be from that of the raw pairs, as bins hold several; mature, of all, where it is not 0."
        )
        return self._beside("bound", text)

    @property
    def families(self) -> tuple[Family, ...]:
        """All families of the measure, in the order of exposition."""
        found = [self.family]
        if self.effect is not None:
            found += [self.baseline_family, self.error_family, self.threshold_family]
        return (*found, self.bound_family) if self.bound is not None else tuple(found)

    def _beside(self, suffix: str, text: str, of: tuple[str, ...] = PERFORMANCE) -> Family:
        name = f"{self.family.name}_{suffix}"
        return Family(name=name, type="gauge", help=text, labels=(*of, *self.labels), group="performance")


#: What every HELP of a measure says of its windows.
OF_PAIRS = "Labels that still come are missing where labels is preliminary; labels.only_for may narrow what is measured."


def measure_family(name: str, text: str, *labels: str) -> Family:
    """Return the family of a measure."""
    return Family(name=name, type="gauge", help=f"{text} {OF_PAIRS}", labels=(*PERFORMANCE, *labels), group="performance")


def one(layout: PerformanceLayout) -> Entries:  # noqa: ARG001 - the entries of others depend on it
    """Return the entries of a measure that has one value."""
    return ONE


def is_classification(layout: PerformanceLayout) -> bool:
    """Whether classes are predicted."""
    return layout.has_classes


def is_regression(layout: PerformanceLayout) -> bool:
    """Whether numbers are predicted."""
    return layout.is_regression


def is_ranking(layout: PerformanceLayout) -> bool:
    """Whether lists are ranked."""
    return layout.task == "ranking"


def is_scored(layout: PerformanceLayout) -> bool:
    """Whether there are scores."""
    return bool(layout.scores)


def class_label(layout: PerformanceLayout, code: int) -> str:
    """Return a class, or ``other``, as a label value, as series of bins write it."""
    column = Column(name="classes", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=layout.classes)
    return column.value_labels[code]


def always(name: str, holds: Callable[[Performance], bool]) -> Reason:
    """Return a reason that holds for all entries or none."""
    return Reason(name=name, holds=lambda performance: np.array(holds(performance)))


def sqrt_of(variances: Floats) -> Floats:
    """Return the roots of variances, which rounding may have left just below 0."""
    return np.sqrt(np.maximum(variances, 0.0))


def divide(parts: ArrayLike, wholes: ArrayLike) -> Floats:
    """Return parts / wholes; NaN where the whole is 0."""
    of, by = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = of / by
    return np.where(by == 0, np.nan, shares)
