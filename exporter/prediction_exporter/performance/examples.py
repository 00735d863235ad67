"""Performances of short lists, for the examples of the measures' docstrings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.layout import PerformanceLayout, ScoreBins


def of_classes(predicted: Sequence[str], actual: Sequence[str]) -> Performance:
    """Return the performance of predictions of ``no`` and ``yes``."""
    layout = PerformanceLayout(task="binary", classes=("no", "yes"))
    codes = [np.array([layout.classes.index(name) for name in names]) for names in (predicted, actual)]
    return Performance.of(layout, codes[0], codes[1])


def of_scores(scores: Sequence[float], actual: Sequence[str]) -> Performance:
    """Return the performance of probabilities of ``yes``, in bins of hundredths, with a threshold of 0.5."""
    edges = tuple(step / 100 for step in range(1, 100))
    bins = ScoreBins(column="score", of_class=1, edges=edges, is_probability=True)
    layout = PerformanceLayout(task="binary", classes=("no", "yes"), positive=1, scores=(bins,), threshold=0.5)
    codes = np.array([layout.classes.index(name) for name in actual])
    return Performance.of(layout, None, codes, np.array(scores)[:, None])


def of_numbers(predicted: Sequence[float], actual: Sequence[float]) -> Performance:
    """Return the performance of predicted numbers, of a model with one feature that predicts the 0.9 quantile."""
    layout = PerformanceLayout(task="regression", features=1, quantile=0.9)
    return Performance.of(layout, np.array(predicted, np.float64), np.array(actual, np.float64))


def of_lists(gains: Sequence[Sequence[float]]) -> Performance:
    """Return the performance of lists by what their items were worth, in the order that they were shown in."""
    lists = np.repeat(np.arange(len(gains)), [len(of_list) for of_list in gains])
    ranks = np.concatenate([np.arange(len(of_list)) + 1 for of_list in gains])
    return Performance.of_lists(PerformanceLayout(task="ranking"), lists, ranks, np.concatenate(gains))
