"""Counting pairs of classes: predicted by actual, scores by bin, losses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.binning import Binner
from prediction_exporter.performance.exact import BLOCK, DIGITS, digits_of
from prediction_exporter.performance.grouping import add_counter, add_terms, by_group, count_into
from prediction_exporter.performance.layout import (
    CALIBRATION_BINS,
    LOSSES,
    ROUNDING,
    ROWS,
    TENTHS,
    UNSCORED,
    UNUSABLE,
    WEIGHT,
    PerformanceLayout,
    ScoreBins,
)
from prediction_exporter.performance.weights import units_of, usable_weights, weights_of

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Codes = NDArray[np.intp]
Places = NDArray[np.intp]

#: Log losses are rounded to this, so that logarithms of another processor or library, which differ in their last digits, take
#: out what was added.
_LOG_STEP = 2.0**-32

#: What scikit-learn clips probabilities to before it takes the logarithm.
_EPSILON = float(np.finfo(np.float64).eps)


def count_classes(
    layout: PerformanceLayout,
    predicted: NDArray[Any] | None,
    actual: NDArray[Any],
    scores: Floats | None,
    weights: Floats | None,
    groups: Places | None = None,
    size: int = 1,
) -> Counts:
    """Return the counts of a batch by group, int64 (size, layout.width); other arguments are those of ``Performance.of``."""
    counts = np.zeros((size, layout.width), np.int64)
    for first in range(0, len(actual), BLOCK):
        rows = slice(first, first + BLOCK)
        _count(
            layout,
            counts,
            None if predicted is None else predicted[rows],
            actual[rows],
            None if scores is None else np.asarray(scores[rows], np.float64),
            None if weights is None else weights[rows],
            None if groups is None else groups[rows],
        )
    return counts


def _count(
    layout: PerformanceLayout,
    counts: Counts,
    predicted: NDArray[Any] | None,
    actual: NDArray[Any],
    scores: Floats | None,
    weights: Floats | None,
    groups: Places | None,
) -> None:
    scored = np.zeros(len(actual), np.bool_)
    if scores is not None and layout.scores:
        scores, scored = _clean(layout, scores)
    if predicted is None:
        predicted = np.full(len(actual), -1) if scores is None else np.where(scored, _best(layout, scores), -1)
    usable = (predicted >= 0) & (predicted <= layout.other) & (actual >= 0) & (actual <= layout.other)
    usable &= usable_weights(weights, len(actual))
    if not usable.all():
        add_counter(counts, UNUSABLE, groups, ~usable)
        predicted, actual, scored = predicted[usable], actual[usable], scored[usable]
        groups = None if groups is None else groups[usable]
        scores = None if scores is None else scores[usable]
        weights = None if weights is None else weights[usable]
    units = units_of(weights)
    codes = actual.astype(np.intp)
    each = np.ones(len(codes), np.int64)
    add_counter(counts, ROWS, groups, each)
    add_counter(counts, WEIGHT, groups, each if units is None else units)
    count_into(layout, counts, "confusion", predicted.astype(np.intp) * (layout.other + 1) + codes, units, groups)
    if layout.scores:
        add_counter(counts, UNSCORED, groups, ~scored)
    place, _ = layout.blocks["sums"]
    sums = counts[:, place].reshape(len(counts), -1, DIGITS)
    of_units = None if units is None else weights_of(units)
    if of_units is not None:
        add_terms(sums, 0, (of_units**2)[None], groups)
    if scores is None or not scored.any():
        return
    if not scored.all():
        codes, scores = codes[scored], scores[scored]
        units = None if units is None else units[scored]
        of_units = None if of_units is None else of_units[scored]
        groups = None if groups is None else groups[scored]
    for index in range(len(layout.scores)):
        _count_score(layout, counts, index, codes, scores[:, index], units, groups)
    if layout.has_losses:
        terms = _losses(layout, codes, scores)
        add_terms(sums, layout.sums.index(LOSSES[0]), terms if of_units is None else terms * of_units, groups)
    _sum_scores(layout, sums, scores, of_units, groups)


def _clean(layout: PerformanceLayout, scores: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return scores whose probabilities lie in [0, 1], and which rows have all of them."""
    scored = np.asarray(np.isfinite(scores).all(axis=1), np.bool_)
    probable = np.array([score.is_probability for score in layout.scores])
    if not probable.any():
        return scores, scored
    with np.errstate(invalid="ignore"):
        outside = (scores < -ROUNDING) | (scores > 1 + ROUNDING)
    scored &= ~(outside & probable).any(axis=1)
    return np.where(probable, np.clip(scores, 0.0, 1.0), scores), scored


def decided(layout: PerformanceLayout, scores: Floats) -> Codes:
    """Return the codes of the classes that scores decide for, (n, S) to (n,); -1 where one of a row is missing, or none.

    Of a binary model it is the positive one from the threshold on, or from 0.5; else that of the largest score.
    """
    clean, scored = _clean(layout, scores)
    return np.where(scored, _best(layout, clean), -1)


def _best(layout: PerformanceLayout, scores: Floats) -> Codes:
    if layout.positive is None:
        classes = np.array([score.of_class for score in layout.scores])
        best: Codes = classes[np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)]
        return best
    least = 0.5 if layout.threshold is None else layout.threshold
    negative = next((code for code in range(layout.other) if code != layout.positive), layout.other)
    return np.where(scores[:, 0] >= least, layout.positive, negative)


@lru_cache(maxsize=256)
def _binner(score: ScoreBins) -> Binner:
    return Binner(np.array(score.edges))


def _count_score(
    layout: PerformanceLayout,
    counts: Counts,
    index: int,
    codes: Codes,
    scores: Floats,
    units: Counts | None,
    groups: Places | None,
) -> None:
    score = layout.scores[index]
    bins = _binner(score).bin(scores)
    places = np.where(codes == score.of_class, score.bins, 0) + bins.astype(np.intp)
    count_into(layout, counts, f"score {index}", places, units, groups)


def _losses(layout: PerformanceLayout, codes: Codes, scores: Floats) -> Floats:
    """Return the log loss and the Brier score of each pair, and their squares, (4, n)."""
    if layout.task == "binary":
        positive = codes == layout.positive
        of_actual = np.where(positive, scores[:, 0], 1.0 - scores[:, 0])
        brier = (scores[:, 0] - positive) ** 2
    else:
        columns = np.full(layout.other + 1, -1)
        columns[[score.of_class for score in layout.scores]] = np.arange(len(layout.scores))
        at = columns[codes]
        known = at >= 0
        of_actual = np.where(known, np.take_along_axis(scores, np.where(known, at, 0)[:, None], axis=1)[:, 0], 0.0)
        brier = np.where(known, 0.0, 1.0)  # what is in no class has a probability of 0
        for column in range(len(layout.scores)):  # one by one: the order of additions does not depend on how arrays lie
            brier += (scores[:, column] - (at == column)) ** 2
    log_loss = np.rint(-np.log(np.clip(of_actual, _EPSILON, 1.0 - _EPSILON)) / _LOG_STEP) * _LOG_STEP
    return np.stack((log_loss, log_loss**2, brier, brier**2))


def _sum_scores(layout: PerformanceLayout, sums: Counts, scores: Floats, weights: Floats | None, groups: Places | None) -> None:
    """Sum the probabilities in each calibration bin."""
    for index, score in enumerate(layout.scores):
        if not score.is_probability:
            continue
        values = np.ascontiguousarray(scores[:, index])
        tenths = calibration_bin(values)
        first = layout.sums.index(f"score {index} 0")
        for place, digit in enumerate(digits_of(values if weights is None else values * weights)):
            sums[:, first : first + CALIBRATION_BINS, place] += by_group(tenths, CALIBRATION_BINS, groups, len(sums), digit)


def calibration_bin(probabilities: Floats) -> Codes:
    """Return the calibration bin of each probability: closed on the left, as score bins are, and 1 in the last.

    >>> calibration_bin(np.array([0.0, 0.1, 0.29, 0.3, 1.0])).tolist()
    [0, 1, 2, 3, 9]
    """
    return np.searchsorted(TENTHS, probabilities, side="right")
