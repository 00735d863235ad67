"""Laws that hold for every registered statistic, or for every distance, whatever its formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics import STATISTICS, Comparison, Reference, Statistic
from samples import (
    ALPHA,
    CATEGORICAL_FAMILIES,
    FAMILIES,
    NUMERIC_FAMILIES,
    Values,
    column_of,
    compare,
    from_counts,
    hostile,
    profile_of,
    reference_of,
)

Counts = NDArray[np.int64]

DISTANCES = [statistic for statistic in STATISTICS if statistic.is_distance]
every_statistic = pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.key)
every_distance = pytest.mark.parametrize("statistic", DISTANCES, ids=lambda statistic: statistic.key)

#: Bins 0 and 5 lie below and above the baseline; the others are the drift bins too.
NUMERIC = Column(
    name="x",
    role=Role.FEATURE,
    kind=Kind.NUMERIC,
    edges=(0.0, 1.0, 2.0, 4.0, 5.0),
    drift_edges=(0.0, 1.0, 2.0, 4.0, 5.0),
    scale=1.5,
)
CATEGORICAL = Column(name="x", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=tuple("abcde"))
COLUMNS = {Kind.NUMERIC: NUMERIC, Kind.CATEGORICAL: CATEGORICAL}

counts = (
    st.lists(st.one_of(st.integers(0, 5), st.integers(0, 10**9)), min_size=6, max_size=6)
    .filter(any)
    .map(lambda numbers: np.array(numbers, np.int64))
)


def distance(statistic: Statistic, baseline: Counts, window: Counts) -> float:
    """Return the distance of two histograms, over a column of a kind that it is defined for."""
    column = COLUMNS[max(statistic.kinds)]
    reference = Reference(from_counts(column, baseline), alpha=ALPHA, min_predictions=1)
    return float(statistic.compute(Comparison(reference, from_counts(column, window)))[0])


def within_baseline(histogram: Counts) -> Counts:
    """Return the histogram without values below or above the baseline's, as a baseline has none."""
    inner = histogram.copy()
    inner[1] += inner[0]
    inner[4] += inner[5]
    inner[[0, 5]] = 0
    return inner


@every_distance
@settings(deadline=None)
@given(counts, st.integers(1, 1000))
def test_a_window_like_the_baseline_has_no_distance(statistic: Statistic, histogram: Counts, times: int) -> None:
    """d(p, p) is 0, and so is d(p, k p) where no half counts are added."""
    assert distance(statistic, histogram, histogram) == 0.0
    if not statistic.smoothed:
        assert distance(statistic, histogram, times * histogram) < 1e-7  # the root of what rounding leaves


@pytest.mark.parametrize("statistic", [s for s in DISTANCES if s.smoothed], ids=lambda statistic: statistic.key)
@settings(deadline=None)
@given(counts)
def test_a_multiple_tends_to_no_distance_where_counts_are_smoothed(statistic: Statistic, histogram: Counts) -> None:
    """Half a count matters less, the more there are."""
    near, far = (distance(statistic, size * histogram, 7 * size * histogram) for size in (10_000_000, 10))
    assert near <= far + 1e-15
    assert near < 1e-6


@every_distance
@settings(deadline=None)
@given(counts, counts)
def test_distances_are_finite_and_within_their_range(statistic: Statistic, baseline: Counts, window: Counts) -> None:
    """Whatever the counts are, disjoint ones among them."""
    value = distance(statistic, within_baseline(baseline), window)
    assert math.isfinite(value)
    assert statistic.lower <= value <= statistic.upper


@every_distance
def test_disjoint_distributions_are_far_apart_and_finite(statistic: Statistic) -> None:
    """An empty bin on either side does no harm."""
    value = distance(statistic, np.array([0, 1000, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 0, 1000]))
    assert math.isfinite(value)
    assert value > 0.9 * min(statistic.upper, 0.3)
    if math.isfinite(statistic.upper):
        assert value == pytest.approx(statistic.upper)


@pytest.mark.parametrize("statistic", [s for s in STATISTICS if s.symmetric], ids=lambda statistic: statistic.key)
@settings(deadline=None)
@given(counts, counts)
def test_symmetry(statistic: Statistic, baseline: Counts, window: Counts) -> None:
    """Exchanging window and baseline changes nothing, where the declaration says so."""
    there, back = distance(statistic, baseline, window), distance(statistic, window, baseline)
    assert there == pytest.approx(back, rel=1e-9, abs=1e-7, nan_ok=True)


@pytest.mark.parametrize("statistic", [s for s in DISTANCES if not s.symmetric], ids=lambda statistic: statistic.key)
def test_what_is_not_declared_symmetric_is_not(statistic: Statistic) -> None:
    """One pair of histograms shows it."""
    there = [0, 900, 90, 9, 1, 0]
    back = [0, 1, 9, 90, 900, 0]
    other = [0, 250, 250, 496, 4, 0]
    pairs = [(there, back), (there, other), (back, other)]
    assert any(distance(statistic, np.array(p), np.array(q)) != distance(statistic, np.array(q), np.array(p)) for p, q in pairs)


@every_distance
def test_a_larger_shift_is_a_larger_distance(statistic: Statistic) -> None:
    """Numbers move up by more and more, and rows from one category to another."""
    if Kind.NUMERIC in statistic.kinds:
        grid = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
        baseline: Values = grid.tolist()
        column = column_of("x", baseline)
        windows: list[Values] = [(grid + shift).tolist() for shift in np.linspace(0, 6, 25)]
        found = [float(statistic.compute(compare([column], {"x": baseline}, {"x": window}))[0]) for window in windows]
        assert all(a <= b + 1e-12 for a, b in pairwise(found))
        assert found[0] < found[4] < found[8]
    if Kind.CATEGORICAL in statistic.kinds:
        start = np.array([500, 300, 100, 50, 50, 0])
        found = [distance(statistic, start, start + moved * np.array([-1, 0, 1, 0, 0, 0])) for moved in range(0, 501, 50)]
        assert all(a < b for a, b in pairwise(found))


LAYOUTS = {
    "mixed": ["normal", "zipf", "constant", "binary", "huge", "empty", "cauchy"],
    "numeric": list(NUMERIC_FAMILIES),
    "categorical": list(CATEGORICAL_FAMILIES),
    "one_numeric": ["lognormal"],
    "one_categorical": ["balanced"],
}


def columns_and_data(names: Sequence[str], rows: int, seed: int) -> tuple[list[Column], dict[str, Values], dict[str, Values]]:
    """Draw hostile data of these families, and the columns of its baseline, one of them without a value."""
    random = np.random.default_rng(seed)
    baseline: dict[str, Values] = {name: hostile(FAMILIES[name])(random, rows) for name in names}
    window: dict[str, Values] = {name: hostile(FAMILIES[name])(random, rows // 2) for name in names}
    if len(names) > 2:
        window[names[1]] = [None] * (rows // 2)
        baseline[names[2]] = [math.nan if names[2] in NUMERIC_FAMILIES else None] * rows
    return [column_of(name, values) for name, values in baseline.items()], baseline, window


@pytest.mark.parametrize("names", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("statistic", [s for s in STATISTICS if s.scope == "column"], ids=lambda statistic: statistic.key)
def test_no_column_leaks_into_its_neighbour(statistic: Statistic, names: list[str]) -> None:
    """All columns together give what each gives alone: the value, the noise and the threshold."""
    columns, baseline, window = columns_and_data(names, 400, 1)
    together = compare(columns, baseline, window)
    for index, column in enumerate(columns):
        alone = compare([column], baseline, window)
        np.testing.assert_array_equal(statistic.compute(together)[index], statistic.compute(alone)[0])
        if statistic.noise is not None:
            np.testing.assert_allclose(statistic.noise.floor(together)[index], statistic.noise.floor(alone)[0], rtol=1e-12)
            np.testing.assert_allclose(
                statistic.noise.quantile(together)[index], statistic.noise.quantile(alone)[0], rtol=1e-12
            )
        if statistic.threshold is not None:
            thresholds = [statistic.threshold.of(statistic, comparison) for comparison in (together, alone)]
            np.testing.assert_allclose(thresholds[0][index], thresholds[1][0], rtol=1e-12)


@every_statistic
def test_the_order_of_events_does_not_matter(statistic: Statistic) -> None:
    """Counts are exact; sums differ by rounding only."""
    columns, baseline, window = columns_and_data(LAYOUTS["mixed"], 400, 2)
    order = np.random.default_rng(3).permutation(200)
    shuffled: dict[str, Values] = {name: [values[i] for i in order] for name, values in window.items()}
    one, other = (statistic.compute(compare(columns, baseline, data)) for data in (window, shuffled))
    np.testing.assert_allclose(one, other, rtol=1e-9)


@every_statistic
def test_no_statistic_changes_what_it_is_given(statistic: Statistic) -> None:
    """Neither the baseline's arrays nor the window's: all can be made read-only."""
    columns, baseline, window = columns_and_data(LAYOUTS["mixed"], 200, 4)
    reference = reference_of(Layout(columns), baseline)
    profile = profile_of(reference.layout, window)
    for of in (reference.baseline, profile):
        for array in (of.counts, of.sums, of.extremes):
            array.flags.writeable = False
    comparison = Comparison(reference, profile)
    first = statistic.compute(comparison)
    if statistic.noise is not None:
        statistic.noise.floor(comparison)
    if statistic.threshold is not None:
        statistic.threshold.of(statistic, comparison)
    np.testing.assert_array_equal(first, statistic.compute(comparison))


@every_statistic
def test_a_layout_without_columns_is_no_error(statistic: Statistic) -> None:
    """There is nothing to say of no columns."""
    layout = Layout([])
    empty = Profile.empty(layout)
    comparison = Comparison(Reference(empty, alpha=ALPHA, min_predictions=1), empty)
    assert np.isnan(statistic.compute(comparison)).all()


@pytest.mark.parametrize("rows", [0, 1, 29, 30])
@pytest.mark.parametrize("statistic", [s for s in STATISTICS if s.threshold], ids=lambda statistic: statistic.key)
def test_no_threshold_below_the_least_number_of_predictions(statistic: Statistic, rows: int) -> None:
    """A window, or a baseline, that is too small to compare has no threshold to be compared with."""
    assert statistic.threshold is not None
    random = np.random.default_rng(6)
    large: dict[str, Values] = {name: FAMILIES[name](random, 500) for name in ("normal", "binary")}
    small: dict[str, Values] = {name: FAMILIES[name](random, rows) for name in large}
    columns = [column_of(name, values) for name, values in large.items()]
    reference = reference_of(Layout(columns), large, min_predictions=30)
    found = statistic.threshold.of(statistic, Comparison(reference, profile_of(reference.layout, small)))
    assert (np.isfinite(found) == (statistic.applies(reference.layout) & (rows >= 30))).all()
    if statistic.compares:
        reference = reference_of(Layout(columns), small, min_predictions=30)
        comparison = Comparison(reference, profile_of(reference.layout, large))
        assert comparison.comparable.all() == (rows >= 30)
        found = statistic.threshold.of(statistic, comparison)
        assert (np.isfinite(found) == (statistic.applies(reference.layout) & (rows >= 30))).all()


@pytest.mark.parametrize("statistic", [s for s in STATISTICS if s.threshold], ids=lambda statistic: statistic.key)
def test_effects_override_the_default_by_column(statistic: Statistic) -> None:
    """A configured effect enters the threshold of its column alone, and the baseline's own share is added to it."""
    assert statistic.threshold is not None
    names = ["normal", "zipf", "binary", "uniform"]
    random = np.random.default_rng(7)
    data: dict[str, Values] = {name: FAMILIES[name](random, 3000) for name in names}
    columns = [column_of(name, values) for name, values in data.items()]
    layout = Layout(columns)
    profile = profile_of(layout, data)
    plain = Reference(profile, alpha=ALPHA, min_predictions=1)
    changed = Reference(profile, alpha=ALPHA, min_predictions=1, effects={statistic.key: {"normal": 0.7, "zipf": 0.8}})
    assert plain.effect(statistic.key, statistic.threshold.default).tolist() == [statistic.threshold.default] * 4
    assert changed.effect(statistic.key, statistic.threshold.default).tolist() == [
        0.7,
        0.8,
        statistic.threshold.default,
        statistic.threshold.default,
    ]
    own = 0.0 if statistic.threshold.baseline is None else statistic.threshold.baseline(plain)
    expected = np.where(
        statistic.applies(layout), own + np.maximum(changed.effect(statistic.key, statistic.threshold.default), 0.0), np.nan
    )
    found = statistic.threshold.of(statistic, Comparison(changed, profile))
    np.testing.assert_allclose(found[:2], expected[:2])


def test_profiles_of_different_layouts_are_not_compared() -> None:
    """Their bins mean different things."""
    reference = Reference(Profile.empty(Layout([NUMERIC])), alpha=ALPHA, min_predictions=1)
    with pytest.raises(ValueError, match="different layouts"):
        Comparison(reference, Profile.empty(Layout([CATEGORICAL])))
