"""Every statistic agrees with its oracle, over distributions, sizes, prefixes of a stream and hostile columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from oracles import COLUMN_ORACLES, WINDOW_ORACLES, Interval
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics import STATISTICS, Comparison, Reference
from samples import (
    FAMILIES,
    NUMERIC_FAMILIES,
    Family,
    Sample,
    Values,
    column_of,
    compare,
    from_counts,
    hostile,
    profile_of,
    reference_of,
)

Table = dict[str, Values]


def draw(families: Mapping[str, Family], size: int, seed: int) -> Table:
    """Draw a column of each family."""
    random = np.random.default_rng(seed)
    return {name: family(random, size) for name, family in families.items()}


def columns_of(baseline: Table) -> list[Column]:
    """Build the columns, in all roles."""
    roles = [Role.FEATURE, Role.FEATURE, Role.PREDICTION, Role.SCORE]
    return [column_of(name, values, role=roles[i % 4]) for i, (name, values) in enumerate(baseline.items())]


def check(comparison: Comparison, baseline: Table, window: Table) -> None:
    """Compare every value of every statistic with its oracle, and report all that differ."""
    columns = comparison.layout.columns
    samples = [Sample(column, baseline[column.name], window[column.name]) for column in columns]
    wrong: list[tuple[str, str, float, Interval]] = []
    for statistic in STATISTICS:
        values = statistic.compute(comparison)
        if statistic.scope == "window":
            assert values.shape == ()
            expected = WINDOW_ORACLES[statistic.key](samples)
            wrong += [] if expected.holds(float(values)) else [(statistic.key, "", float(values), expected)]
            continue
        entries = () if statistic.extra is None else (len(statistic.extra[1]),)
        assert values.shape == (len(columns), *entries)
        for sample, row in zip(samples, values.reshape(len(columns), -1), strict=True):
            if sample.column.kind not in statistic.kinds:
                assert np.isnan(row).all(), statistic.key
                continue
            answer = COLUMN_ORACLES[statistic.key](sample)
            intervals = answer if isinstance(answer, list) else [answer]
            wrong += [
                (statistic.key, sample.column.name, float(value), interval)
                for value, interval in zip(row, intervals, strict=True)
                if not interval.holds(float(value))
            ]
    assert not wrong


def test_every_statistic_has_an_oracle() -> None:
    """A statistic is added with a file, a line and an oracle."""
    assert list(COLUMN_ORACLES) == [statistic.key for statistic in STATISTICS if statistic.scope == "column"]
    assert list(WINDOW_ORACLES) == [statistic.key for statistic in STATISTICS if statistic.scope == "window"]


@pytest.mark.parametrize("rows", [1, 2, 7, 30, 500, 3000])
@pytest.mark.parametrize("baseline_rows", [1, 40, 2000])
def test_windows_of_the_same_distributions(baseline_rows: int, rows: int) -> None:
    """Sizes from one value to thousands on both sides."""
    baseline, window = draw(FAMILIES, baseline_rows, 1), draw(FAMILIES, rows, 2)
    check(compare(columns_of(baseline), baseline, window), baseline, window)


@pytest.mark.parametrize("turn", range(1, len(NUMERIC_FAMILIES), 2))
def test_windows_of_other_distributions(turn: int) -> None:
    """Each baseline meets windows of other families, far out of its range among them."""
    baseline, window = draw(FAMILIES, 800, 3), draw(FAMILIES, 300, 4)
    for kind in (NUMERIC_FAMILIES, {name: f for name, f in FAMILIES.items() if name not in NUMERIC_FAMILIES}):
        names = list(kind)
        turned = {name: window[names[(i + turn) % len(names)]] for i, name in enumerate(names)}
        window |= turned
    check(compare(columns_of(baseline), baseline, window), baseline, window)


@pytest.mark.parametrize("seed", range(3))
def test_every_prefix_of_a_hostile_stream(seed: int) -> None:
    """Batches with missing, invalid and non-finite values are merged one by one, and checked after each."""
    families = {name: hostile(family) for name, family in FAMILIES.items()}
    baseline, window = draw(families, 700, seed), draw(families, 600, seed + 100)
    columns = columns_of(baseline)
    reference = reference_of(Layout(columns), baseline)
    merged = Profile.empty(reference.layout)
    start = 0
    for end in (0, 1, 2, 5, 40, 41, 250, 600):
        if end > start:
            merged.add(profile_of(reference.layout, {name: values[start:end] for name, values in window.items()}))
        check(Comparison(reference, merged), baseline, {name: values[:end] for name, values in window.items()})
        start = end


HOSTILE_WINDOWS: dict[str, Sequence[float | str | None]] = {
    "empty": [],
    "missing": [None] * 5,
    "invalid": ["text"] * 5,
    "nan": [math.nan] * 5,
    "infinite": [math.inf, -math.inf, None, "text", math.nan],
}


@pytest.mark.parametrize("values", HOSTILE_WINDOWS.values(), ids=HOSTILE_WINDOWS.keys())
def test_a_window_without_a_valid_value_has_no_value(values: Values) -> None:
    """What cannot be computed is absent, never 0: only the shares of missing, invalid and non-finite values are known."""
    baseline: Table = {name: family(np.random.default_rng(5), 200) for name, family in NUMERIC_FAMILIES.items()}
    window: Table = dict.fromkeys(baseline, values)
    comparison = compare(columns_of(baseline), baseline, window)
    known = {"missing_ratio", "invalid_ratio", "non_finite_ratio", "schema_mismatch", "outlier_ratio"} if values else set()
    for statistic in STATISTICS:
        assert np.isnan(statistic.compute(comparison)).all() == (statistic.key not in known), statistic.key
        if statistic.threshold is not None and statistic.key not in known:
            assert np.isnan(statistic.threshold.of(statistic, comparison)).all(), statistic.key
        if statistic.noise is not None:
            assert np.isnan(statistic.noise.floor(comparison)).all(), statistic.key
    check(comparison, baseline, window)


@pytest.mark.parametrize("seed", range(10))
def test_wasserstein_is_the_area_between_interpolated_functions(seed: int) -> None:
    """By numeric integration, where the two functions cross within a bin too."""
    random = np.random.default_rng(seed)
    edges = np.cumsum(random.random(5))
    column = Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=tuple(edges.tolist()), scale=0.7)
    counts = [np.concatenate(([0], random.integers(1, 50, 4), [0])) for _ in range(2)]
    comparison = Comparison(
        Reference(from_counts(column, counts[0]), alpha=0.001, min_predictions=1), from_counts(column, counts[1])
    )
    x = np.linspace(edges[0], edges[-1], 200_001)
    old, new = (np.interp(x, edges, np.cumsum(count[:-1]) / count.sum()) for count in counts)
    [wasserstein] = [statistic for statistic in STATISTICS if statistic.key == "wasserstein_distance"]
    assert wasserstein.compute(comparison)[0] == pytest.approx(np.trapezoid(np.abs(new - old), x) / 0.7, rel=1e-6)


def test_a_baseline_without_a_valid_value_has_no_range_and_no_distance() -> None:
    """Its columns have a single bin that all values fall in; none of them is an outlier, nor drifted."""
    baseline: Table = {"numeric": [None, math.nan, None], "other_numeric": [1.0, 2.0, 3.0]}
    window: Table = {"numeric": [1.0, 2.0, 3.0, 1e308], "other_numeric": [1.0, 2.0, 2.0, 3.0]}
    columns = [
        Column(name="numeric", role=Role.FEATURE, kind=Kind.NUMERIC),
        column_of("other_numeric", baseline["other_numeric"]),
    ]
    comparison = compare(columns, baseline, window)
    check(comparison, baseline, window)
    assert not comparison.window.outliers
    assert not comparison.comparable[0]


def test_numbers_that_overflow_are_absent() -> None:
    """A sum, a square or a width beyond the largest float gives no series rather than an infinite one."""
    baseline: Table = {"x": [-1.7e308, -1e308, 0.0, 1e308, 1.7e308], "y": [-1.0, 0.0, 1.0, 2.0, 3.0]}
    window: Table = {"x": [1.7e308, 1.6e308, -1.7e308, 1e308], "y": [1.7e308, 1.7e308, 1.7e308, -1.7e308]}
    wide = Column(
        name="x",
        role=Role.FEATURE,
        kind=Kind.NUMERIC,
        edges=(-1.7e308, 0.0, 1.75e308),
        drift_edges=(0.0,),
        center=0.0,
        scale=1.0,
    )
    comparison = compare([wide, column_of("y", baseline["y"])], baseline, window)
    for statistic in STATISTICS:
        assert not np.isinf(statistic.compute(comparison)).any(), statistic.key
        if statistic.noise is not None:
            assert not np.isinf(statistic.noise.floor(comparison)).any(), statistic.key
        if statistic.threshold is not None:
            assert not np.isinf(statistic.threshold.of(statistic, comparison)).any(), statistic.key


def test_sums_that_overflow_merge_in_silence() -> None:
    """An infinite sum of one batch and its opposite of another give an undefined mean, and no warning."""
    baseline: Table = {"y": [-1.0, 0.0, 1.0, 2.0, 3.0]}
    layout = Layout([Column(name="y", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0), scale=1e-10)])
    window = profile_of(layout, {"y": [1e300]}) + profile_of(layout, {"y": [-1e300]})
    comparison = Comparison(reference_of(layout, baseline), window)
    values = {statistic.key: statistic.compute(comparison) for statistic in STATISTICS}
    assert np.isnan(values["mean"]).all()
    assert np.isnan(values["stddev"]).all()
    assert values["min"] == [-1e300]


def test_a_spread_that_rounding_decides_is_absent() -> None:
    """Far from the baseline's center the sums hold no digits of the deviation; equal values have none there either."""
    baseline: Table = {"far": [0.0, 1.0, 2.0], "equal": [0.0, 1.0, 2.0]}
    window: Table = {"far": [1e12, 1e12 + 1, 1e12 + 2], "equal": [1e12] * 3}
    comparison = compare([column_of(name, values) for name, values in baseline.items()], baseline, window)
    [stddev] = [statistic for statistic in STATISTICS if statistic.key == "stddev"]
    assert np.isnan(stddev.compute(comparison)).tolist() == [True, False]
    assert stddev.compute(comparison)[1] == 0.0
