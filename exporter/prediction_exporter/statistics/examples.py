"""A comparison of two short lists, for the examples of the statistics' docstrings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl

from prediction_exporter.counting.categories import canonical
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.statistics.comparison import Comparison, Reference

Value = float | str | None


def comparison_of(baseline: Sequence[Value], window: Sequence[Value]) -> Comparison:
    """Return the comparison of one column, numeric where the baseline's first value is a number.

    Each distinct number of the baseline begins a bin of its own, and each distinct text is a category.
    """
    if isinstance(baseline[0], str):
        counted = Counter(canonical(str(value)) for value in baseline if value is not None)
        column = Column(name="x", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=tuple(dict(counted.most_common())))
    else:
        numbers = [float(value) for value in baseline if _state(value, Kind.NUMERIC) is ValueState.VALID and value is not None]
        edges = sorted(set(numbers))
        column = Column(
            name="x",
            role=Role.FEATURE,
            kind=Kind.NUMERIC,
            edges=(*edges, math.nextafter(edges[-1], math.inf)),
            drift_edges=tuple(edges[1:]),
            center=float(np.mean(numbers)),
            scale=float(np.std(numbers)) or 1.0,
        )
    profiler = Profiler(Layout([column]), bucket_seconds=60)
    reference = Reference(_profile(profiler, baseline), alpha=0.001, min_predictions=1)
    return Comparison(reference, _profile(profiler, window))


def _profile(profiler: Profiler, values: Sequence[Value]) -> Profile:
    column = profiler.layout.columns[0]
    states = np.array([_state(value, column.kind) for value in values], dtype=np.uint8)
    valid = [value if state == ValueState.VALID else None for value, state in zip(values, states, strict=True)]
    events = Events(
        times=np.zeros(len(values), np.int64),
        versions=pl.Series([None] * len(values), dtype=pl.String),
        failed=np.zeros(len(values), np.bool_),
        latencies=None,
        columns={column.name: pl.Series(valid, dtype=pl.Float64 if column.kind is Kind.NUMERIC else pl.String, strict=False)},
        states={column.name: states},
    )
    return sum((profile for _, profile in profiler.fold(events)), Profile.empty(profiler.layout))


def _state(value: Value, kind: Kind) -> ValueState:
    if value is None:
        return ValueState.MISSING
    if kind is Kind.CATEGORICAL:
        return ValueState.VALID
    if isinstance(value, str):
        return ValueState.INVALID
    return ValueState.VALID if math.isfinite(value) else ValueState.NON_FINITE
