"""Pairs of predictions and labels, drawn, and the layouts that they are counted in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.performance import Performance, PerformanceLayout, performance_layout

Floats = NDArray[np.float64]

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Pairs:
    """Raw pairs: codes of classes or numbers, scores and weights."""

    layout: PerformanceLayout
    predicted: NDArray[Any]
    actual: NDArray[Any]
    scores: Floats | None = None
    weights: Floats | None = None
    lists: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.actual)

    def rows(self, rows: slice | NDArray[Any]) -> Pairs:
        """Return some of them."""
        if self.lists is not None and isinstance(rows, slice):  # whole lists, which are numbered
            rows = np.flatnonzero(np.isin(self.lists, np.unique(self.lists)[rows]))
        scores, weights, lists = (None if part is None else part[rows] for part in (self.scores, self.weights, self.lists))
        return Pairs(self.layout, self.predicted[rows], self.actual[rows], scores, weights, lists)

    def counted(self) -> Performance:
        """Return them counted."""
        if self.lists is not None:
            return Performance.of_lists(self.layout, self.lists, self.predicted, self.actual)
        return Performance.of(self.layout, self.predicted, self.actual, self.scores, self.weights)


def baseline_layout(task: str, *, seed: int = 0) -> Layout:
    """Return the layout of a baseline with two features and what the task predicts."""
    random = np.random.default_rng(seed)
    columns = [numeric_column(name, Role.FEATURE, np.sort(random.normal(size=2000))) for name in ("age", "income")]
    if task == "regression":
        return Layout([*columns, numeric_column("price", Role.PREDICTION, np.sort(random.normal(100, 15, 2000)))])
    names = ("no", "yes") if task == "binary" else COLOURS
    columns.append(Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=names))
    scores = ["score"] if task == "binary" else list(COLOURS)
    columns += [numeric_column(name, Role.SCORE, np.sort(random.beta(1.2, 3, 2000))) for name in scores]
    return Layout(columns)


def with_strangers(random: np.random.Generator, codes: NDArray[Any], other: int, share: float) -> NDArray[Any]:
    """Return codes of which a share is none of the classes."""
    return np.where(random.random(len(codes)) < share, other, codes)


def binary(
    rows: int,
    seed: int,
    *,
    rate: float = 0.3,
    skill: float = 1.5,
    strange: float = 0.0,
    unscored: float = 0.0,
    weighted: bool = False,
    digits: int | None = None,
) -> Pairs:
    """Draw pairs of a model of two classes whose scores are about calibrated."""
    random = np.random.default_rng(seed)
    layout = performance_layout(baseline_layout("binary"), "binary", positive="yes", threshold=0.35, weighted=weighted)
    logits = np.log(rate / (1 - rate)) + skill * random.normal(size=rows)
    scores = 1 / (1 + np.exp(-logits))
    actual = (random.random(rows) < scores).astype(np.intp)
    scores = scores if digits is None else np.round(scores, digits)
    predicted = (scores >= 0.35).astype(np.intp)
    scores = np.where(random.random(rows) < unscored, np.nan, scores)
    actual, predicted = (with_strangers(random, codes, layout.other, strange) for codes in (actual, predicted))
    return Pairs(layout, predicted, actual, scores[:, None], random.integers(1, 4000, rows) / 1024 if weighted else None)


def multiclass(rows: int, seed: int, *, strange: float = 0.0, weighted: bool = False, skill: float = 1.2) -> Pairs:
    """Draw pairs of a model of three classes, one of them rare."""
    random = np.random.default_rng(seed)
    layout = performance_layout(baseline_layout("multiclass"), "multiclass", weighted=weighted)
    logits = np.array([0.0, 0.3, -1.2]) + skill * random.normal(size=(rows, 3))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    actual = (scores.cumsum(axis=1) < random.random(rows)[:, None]).sum(axis=1).clip(max=2)
    predicted = scores.argmax(axis=1) if rows else np.empty(0, np.intp)
    actual, predicted = (with_strangers(random, codes, layout.other, strange) for codes in (actual, predicted))
    return Pairs(layout, predicted, actual, scores, random.integers(1, 4000, rows) / 1024 if weighted else None)


def regression(rows: int, seed: int, *, weighted: bool = False, center: float = 100.0, noise: float = 5.0) -> Pairs:
    """Draw pairs of a model of prices with a bias and errors of heavier tails than normal ones."""
    random = np.random.default_rng(seed)
    layout = performance_layout(baseline_layout("regression"), "regression", quantile=0.8, weighted=weighted)
    actual = random.normal(center, 15, rows)
    predicted = actual + 1.0 + noise * random.standard_t(6, rows)
    return Pairs(layout, predicted, actual, None, random.integers(1, 4000, rows) / 1024 if weighted else None)


def ranking(rows: int, seed: int) -> Pairs:
    """Draw lists of up to twelve items, most of them clicked at the top or not at all; items come in any order."""
    random = np.random.default_rng(seed)
    layout = performance_layout(baseline_layout("binary"), "ranking", cutoff=5)
    lengths = random.integers(1, 13, rows)
    lists = np.repeat(np.arange(rows), lengths)
    ranks = np.concatenate([random.permutation(length) + 1 for length in lengths]) if rows else np.empty(0, np.intp)
    gains = (random.random(len(lists)) < 0.5 / (ranks + 1)) * random.integers(1, 4, len(lists))
    return Pairs(layout, ranks, gains, lists=lists)
