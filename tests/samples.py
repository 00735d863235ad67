"""Samples to compute statistics on: raw values, the columns that a baseline of them gives, and their profiles."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.categories import canonical
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.statistics import Comparison, Reference

#: A raw value: a number, text, nothing, or an object that no column takes.
Value = float | str | None | tuple[()]
Values = Sequence[Value]
Family = Callable[[Generator, int], list[Value]]

ALPHA = 0.001


def _numbers(draw: Callable[[Generator, int], NDArray[np.float64]]) -> Family:
    def family(random: Generator, size: int) -> list[Value]:
        return [float(value) for value in draw(random, size)]

    return family


def _texts(categories: Sequence[str], weights: Sequence[float]) -> Family:
    shares = np.array(weights) / sum(weights)

    def family(random: Generator, size: int) -> list[Value]:
        return [categories[i] for i in random.choice(len(categories), size, p=shares)]

    return family


NUMERIC_FAMILIES: dict[str, Family] = {
    "normal": _numbers(lambda r, n: r.normal(size=n)),
    "lognormal": _numbers(lambda r, n: r.lognormal(0, 1.5, n)),
    "uniform": _numbers(lambda r, n: r.uniform(-1, 1, n)),
    "exponential": _numbers(lambda r, n: r.exponential(3, n)),
    "zeros": _numbers(lambda r, n: np.where(r.random(n) < 0.7, 0.0, r.exponential(1, n))),
    "few": _numbers(lambda r, n: r.choice([1.0, 2.0, 3.5], n)),
    "cauchy": _numbers(lambda r, n: r.standard_cauchy(n)),
    "bimodal": _numbers(lambda r, n: np.where(r.random(n) < 0.4, r.normal(-5, 1, n), r.normal(5, 0.5, n))),
    "constant": _numbers(lambda _, n: np.full(n, 0.1)),
    "nearly_constant": _numbers(lambda r, n: np.where(r.random(n) < 0.01, 1.0 + r.random(n), 0.1)),
    "huge": _numbers(lambda r, n: r.normal(0, 1e300, n)),
    "tiny": _numbers(lambda r, n: r.normal(0, 1e-300, n)),
    "offset": _numbers(lambda r, n: 1e9 + r.normal(0, 1e-3, n)),
    "negative": _numbers(lambda r, n: -r.gamma(2, 100, n)),
    "integers": _numbers(lambda r, n: r.poisson(7, n).astype(float)),
}
CATEGORICAL_FAMILIES: dict[str, Family] = {
    "balanced": _texts("abcde", [1] * 5),
    "binary": _texts(["true", "False"], [9, 1]),
    "zipf": _texts([f"c{i}" for i in range(60)], [(i + 1.0) ** -1.5 for i in range(60)]),
    "unseen": _texts([f"new{i}" for i in range(30)] + ["a", "other"], [1] * 32),
    "unicode": _texts(["ä", "a\u0308", "日本", "🙂", '"', "\\", "\n", "{", "1", "1.0"], [1] * 10),
    "empty": _texts(["", " ", "x"], [6, 1, 3]),
}
FAMILIES = NUMERIC_FAMILIES | CATEGORICAL_FAMILIES


def hostile(family: Family) -> Family:
    """Return a family in which half the values are missing, of a wrong type, NaN or infinite."""

    def spoilt(random: Generator, size: int) -> list[Value]:
        values = family(random, size)
        for index in np.flatnonzero(random.random(size) < 0.5):
            numeric = isinstance(values[index], float)
            bad: list[Value] = [None, None, "text", math.nan, math.inf, -math.inf] if numeric else [None, ()]
            values[index] = bad[random.integers(len(bad))]
        return values

    return spoilt


def state(value: Value, kind: Kind) -> ValueState:
    """Return what a raw value is to a column."""
    if value is None:
        return ValueState.MISSING
    if isinstance(value, tuple) or (kind is Kind.NUMERIC and isinstance(value, str)):
        return ValueState.INVALID
    if kind is Kind.NUMERIC and not math.isfinite(float(value)):
        return ValueState.NON_FINITE
    return ValueState.VALID


def valid_values(values: Values, kind: Kind) -> list[float | str]:
    """Return the valid ones, numbers as floats and texts in their canonical spelling."""
    found = [v for v in values if v is not None and not isinstance(v, tuple) and state(v, kind) is ValueState.VALID]
    return [canonical(v) if isinstance(v, str) else float(v) for v in found]


def column_of(name: str, values: Values, *, role: Role = Role.FEATURE) -> Column:
    """Return the column that a baseline of these values gives."""
    if all(not isinstance(value, float) for value in values):
        counted = Counter(valid_values(values, Kind.CATEGORICAL)).most_common(40)
        return Column(name=name, role=role, kind=Kind.CATEGORICAL, categories=tuple(str(text) for text, _ in counted))
    numbers = np.sort(np.array(valid_values(values, Kind.NUMERIC), dtype=float))
    return numeric_column(name, role, numbers) if len(numbers) else Column(name=name, role=role, kind=Kind.NUMERIC)


@dataclass(frozen=True)
class Sample:
    """The raw values of one column, of baseline and window."""

    column: Column
    baseline: Values
    window: Values

    @cached_property
    def old(self) -> list[float | str]:
        """Valid values of the baseline."""
        return valid_values(self.baseline, self.column.kind)

    @cached_property
    def new(self) -> list[float | str]:
        """Valid values of the window."""
        return valid_values(self.window, self.column.kind)

    def counts(self, values: Sequence[float | str], *, fine: bool = False) -> list[int]:
        """Return how many of the values lie in each drift bin, or in each value bin, counted one by one."""
        if self.column.kind is Kind.NUMERIC:
            edges = self.column.edges if fine else self.column.drift_edges
            codes = Counter(bisect_right(edges, float(value)) for value in values)
            return [codes[i] for i in range(len(edges) + 1)]
        texts = Counter(values)
        known = [texts[category] for category in self.column.categories]
        return [*known, len(values) - sum(known)]


def events_of(layout: Layout, data: Mapping[str, Values]) -> Events:
    """Return raw values as events."""
    rows = len(next(iter(data.values())))
    columns, states = {}, {}
    for column in layout.columns:
        values = data[column.name]
        states[column.name] = np.array([state(value, column.kind) for value in values], dtype=np.uint8)
        valid = [v if s == ValueState.VALID else None for v, s in zip(values, states[column.name], strict=True)]
        columns[column.name] = pl.Series(valid, dtype=pl.Float64 if column.kind is Kind.NUMERIC else pl.String)
    return Events(
        times=np.zeros(rows, np.int64),
        versions=pl.Series([None] * rows, dtype=pl.String),
        failed=np.zeros(rows, np.bool_),
        latencies=None,
        columns=columns,
        states=states,
    )


def profile_of(layout: Layout, data: Mapping[str, Values]) -> Profile:
    """Return the profile of raw values."""
    total = Profile.empty(layout)
    for _, profile in Profiler(layout, bucket_seconds=60).fold(events_of(layout, data)):
        total.add(profile)
    return total


def compare(columns: Sequence[Column], baseline: Mapping[str, Values], window: Mapping[str, Values]) -> Comparison:
    """Return the comparison of raw values."""
    layout = Layout(columns)
    return Comparison(reference_of(layout, baseline), profile_of(layout, window))


def reference_of(layout: Layout, baseline: Mapping[str, Values], min_predictions: int = 1) -> Reference:
    """Return the reference that a baseline of raw values gives."""
    return Reference(profile_of(layout, baseline), alpha=ALPHA, min_predictions=min_predictions)


def from_counts(column: Column, counts: NDArray[np.int64], layout: Layout | None = None) -> Profile:
    """Return the profile of a one-column layout with these value bins, and moments of nothing."""
    profile = Profile.empty(layout or Layout([column]))
    profile.values[:] = counts
    profile.counts[profile.layout.rows_slot] = counts.sum()
    return profile
