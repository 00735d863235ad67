"""Counting pairs of numbers: moments and bins of errors, and bins of predicted and actual values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.binning import Binner
from prediction_exporter.performance.exact import BLOCK, DIGITS
from prediction_exporter.performance.grouping import add_counter, add_terms, count_into
from prediction_exporter.performance.layout import (
    CLIPPED,
    FARTHEST,
    MOMENTS,
    ROWS,
    UNUSABLE,
    WEIGHT,
    ZERO_ACTUALS,
    PerformanceLayout,
    error_edges,
)
from prediction_exporter.performance.weights import units_of, usable_weights, weights_of

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Places = NDArray[np.intp]

#: Percentage errors beyond this count as it.
MOST_PERCENTAGE = 2.0**32

#: Actual values nearer to 0 have no percentage error; scikit-learn divides by this instead.
_EPSILON = float(np.finfo(np.float64).eps)


def count_numbers(
    layout: PerformanceLayout,
    predicted: NDArray[Any],
    actual: NDArray[Any],
    weights: Floats | None,
    groups: Places | None = None,
    size: int = 1,
) -> Counts:
    """Return the counts of a batch by group, int64 (size, layout.width); other arguments are those of ``Performance.of``."""
    counts = np.zeros((size, layout.width), np.int64)
    for first in range(0, len(actual), BLOCK):
        rows = slice(first, first + BLOCK)
        of_rows = None if weights is None else weights[rows]
        in_group = None if groups is None else groups[rows]
        _count(layout, counts, predicted[rows].astype(np.float64), actual[rows].astype(np.float64), of_rows, in_group)
    return counts


def _count(
    layout: PerformanceLayout,
    counts: Counts,
    predicted: Floats,
    actual: Floats,
    weights: Floats | None,
    groups: Places | None,
) -> None:
    usable = np.isfinite(predicted) & np.isfinite(actual) & usable_weights(weights, len(actual))
    if not usable.all():
        add_counter(counts, UNUSABLE, groups, ~usable)
        predicted, actual = predicted[usable], actual[usable]
        groups = None if groups is None else groups[usable]
        weights = None if weights is None else weights[usable]
    units = units_of(weights)
    each = np.ones(len(actual), np.int64)
    add_counter(counts, ROWS, groups, each)
    add_counter(counts, WEIGHT, groups, each if units is None else units)
    with np.errstate(over="ignore"):  # what overflows is clipped
        difference = predicted - actual
        e, a = difference / layout.unit, (actual - layout.center) / layout.unit
    clipped = (np.abs(e) > FARTHEST) | (np.abs(a) > FARTHEST)
    e, a = np.clip(e, -FARTHEST, FARTHEST), np.clip(a, -FARTHEST, FARTHEST)
    zero = np.abs(actual) < _EPSILON
    with np.errstate(over="ignore"):
        percentage = np.abs(difference) / np.abs(np.where(zero, 1.0, actual))
    percentage = np.where(zero, 0.0, np.minimum(percentage, MOST_PERCENTAGE))
    add_counter(counts, CLIPPED, groups, clipped | (percentage == MOST_PERCENTAGE))
    add_counter(counts, ZERO_ACTUALS, groups, zero)
    count_into(layout, counts, "errors", _error_binner().bin(e).astype(np.intp), units, groups)
    of_predicted, of_actual = (_binner(layout.edges).bin(values).astype(np.intp) for values in (predicted, actual))
    count_into(layout, counts, "table", of_predicted * (len(layout.edges) + 1) + of_actual, units, groups)
    place, _ = layout.blocks["sums"]
    sums = counts[:, place].reshape(len(counts), -1, DIGITS)
    terms = _moments(e, a, percentage)
    if units is not None:
        of_units = weights_of(units)
        add_terms(sums, 0, (of_units**2)[None], groups)
        terms *= of_units
    add_terms(sums, layout.sums.index(MOMENTS[0]), terms, groups)


def _moments(e: Floats, a: Floats, percentage: Floats) -> Floats:
    """Return the terms of the sums in the order of their names, (14, n)."""
    terms = np.empty((len(MOMENTS), len(e)))
    terms[0] = e
    terms[1] = size = np.abs(e)
    terms[2] = squared = e * e
    terms[3] = e * size
    terms[4] = squared * squared
    terms[5] = a
    terms[6] = a_squared = a * a
    terms[7] = _rest_of_square(a, a_squared)
    terms[8] = a_squared * a
    terms[9] = a_squared * a_squared
    terms[10] = squared * a
    terms[11] = squared * a_squared
    terms[12] = percentage
    terms[13] = percentage * percentage
    return terms


def _rest_of_square(a: Floats, squared: Floats) -> Floats:
    """Return a * a less its rounded value, exactly, after Dekker: a variance far from the center is a small difference."""
    shifted = 134_217_729.0 * a  # 2**27 + 1 splits a double into halves
    high = shifted - (shifted - a)
    low = a - high
    rest: Floats = ((high * high - squared) + 2.0 * high * low) + low * low
    return rest


@lru_cache(maxsize=64)
def _binner(edges: tuple[float, ...]) -> Binner:
    return Binner(np.array(edges, np.float64))


@lru_cache(maxsize=1)
def _error_binner() -> Binner:
    return Binner(error_edges())
