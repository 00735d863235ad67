"""Counts of pairs add up in any order and are taken out without a trace, whatever the values; absence has a reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelled import Pairs, baseline_layout, binary, multiclass, ranking, regression
from prediction_exporter.performance import MEASURES, Performance, performance_layout
from prediction_exporter.performance.exact import BLOCK, sum_of, value_of

STREAMS: dict[str, Callable[[int, int], Pairs]] = {
    "binary": lambda rows, seed: binary(rows, seed, strange=0.05, unscored=0.05),
    "binary weighted": lambda rows, seed: binary(rows, seed, weighted=True),
    "multiclass": lambda rows, seed: multiclass(rows, seed, strange=0.05),
    "multiclass weighted": lambda rows, seed: multiclass(rows, seed, weighted=True),
    "regression": regression,
    "regression weighted": lambda rows, seed: regression(rows, seed, weighted=True),
}

every_stream = pytest.mark.parametrize("name", STREAMS)


def same(one: Performance, other: Performance) -> bool:
    """Whether the counts are the same, to the last bit."""
    return bool((one.counts == other.counts).all())


@every_stream
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 60), cut=st.integers(0, 60))
@settings(max_examples=10, deadline=None)
def test_parts_add_up_to_the_whole_in_any_order(name: str, seed: int, rows: int, cut: int) -> None:
    """Also one by one, and from arrays that lie in memory in another way."""
    pairs = STREAMS[name](rows, seed)
    whole = pairs.counted()
    order = np.random.default_rng(seed).permutation(rows)
    first, second = (pairs.rows(order[part]).counted() for part in (slice(None, cut), slice(cut, None)))
    assert same(first + second, whole)
    assert same(second + first, whole)
    single = Performance.empty(pairs.layout)
    for row in order:
        single.add(pairs.rows(slice(row, row + 1)).counted())
    assert same(single, whole)
    if pairs.scores is not None:
        turned = Pairs(pairs.layout, pairs.predicted, pairs.actual, np.asfortranarray(pairs.scores), pairs.weights)
        assert same(turned.counted(), whole)


@every_stream
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 80))
@settings(max_examples=10, deadline=None)
def test_groups_are_counted_as_if_alone(name: str, seed: int, rows: int) -> None:
    """Some of them are empty."""
    pairs = STREAMS[name](rows, seed)
    groups = np.random.default_rng(seed).integers(0, 9, rows)
    parts = (pairs.predicted, pairs.actual, pairs.scores, pairs.weights)
    found = Performance.of_groups(pairs.layout, *parts, groups=groups, size=9)
    assert all((counts == pairs.rows(groups == group).counted().counts).all() for group, counts in enumerate(found))


@every_stream
def test_nothing_changes_nothing_and_arguments_stay(name: str) -> None:
    """The empty performance is neutral, and adding changes only the left side in place."""
    pairs = STREAMS[name](50, 1)
    one, empty = pairs.counted(), Performance.empty(pairs.layout)
    before = one.counts.copy()
    assert same(one + empty, one)
    assert same(empty + one, one)
    assert same(pairs.rows(slice(0, 0)).counted(), empty)
    other = STREAMS[name](40, 2).counted()
    kept = other.counts.copy()
    _ = one + other - other
    assert (one.counts == before).all()
    one.add(other)
    assert (other.counts == kept).all()
    one.take_out(other)
    assert (one.counts == before).all()


@every_stream
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_a_corrected_label_leaves_no_trace(name: str, seed: int) -> None:
    """The old pair goes and the new one comes: what is left is that of the right labels from the start."""
    pairs = STREAMS[name](80, seed)
    wrong = np.random.default_rng(seed).random(80) < 0.3
    first = Pairs(pairs.layout, pairs.predicted, np.where(wrong, pairs.actual[::-1], pairs.actual), pairs.scores, pairs.weights)
    counted = first.counted()
    counted.take_out(first.rows(wrong).counted())
    counted.add(pairs.rows(wrong).counted())
    assert same(counted, pairs.counted())
    counted.take_out(pairs.counted())
    assert not counted.counts.any()


@given(
    terms=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-(2.0**77), 2.0**77)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_exact_sums(terms: np.ndarray, seed: int) -> None:
    """A sum is that of the terms cut to multiples of 2**-72, in any order, and none is left when all are taken out."""
    expected = sum(_cut(term) for term in terms.tolist())
    assert value_of(sum_of(terms)) * 2**72 == expected
    order = np.random.default_rng(seed).permutation(len(terms))
    left = sum_of(terms)
    for row in order:
        left = left - sum_of(terms[row : row + 1])
    assert not left.any()


def _cut(term: float) -> int:
    numerator, denominator = term.as_integer_ratio()
    size = abs(numerator) * 2**72 // denominator
    return size if numerator >= 0 else -size


@given(
    predicted=hnp.arrays(np.float64, 20, elements=st.floats(allow_nan=True, allow_infinity=True)),
    actual=hnp.arrays(np.float64, 20, elements=st.floats(allow_nan=True, allow_infinity=True)),
)
@settings(max_examples=60, deadline=None)
def test_any_numbers_are_counted_or_told(predicted: np.ndarray, actual: np.ndarray) -> None:
    """What is not finite is unusable, what is too far away is clipped; nothing raises, and all of it can be taken out."""
    layout = performance_layout(baseline_layout("regression"), "regression", quantile=0.5)
    counted = Performance.of(layout, predicted, actual)
    finite = np.isfinite(predicted) & np.isfinite(actual)
    assert counted.rows == finite.sum()
    assert counted.unusable == 20 - finite.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.abs(predicted - actual) > 2.0**16 * layout.unit
        far |= np.abs(actual - layout.center) > 2.0**16 * layout.unit
    assert counted.clipped >= (far & finite).sum()
    assert counted.is_consistent
    for one in MEASURES:
        if one.applies(layout):
            one.compute(counted)
    parts = Performance.empty(layout)
    for row in range(20):
        parts.add(Performance.of(layout, predicted[row : row + 1], actual[row : row + 1]))
    assert same(parts, counted)


@given(
    codes=hnp.arrays(np.int64, (2, 20), elements=st.integers(-2, 6)),
    scores=hnp.arrays(np.float64, (20, 1), elements=st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1)),
    weights=hnp.arrays(np.float64, 20, elements=st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.001, 100)),
)
@settings(max_examples=60, deadline=None)
def test_any_codes_scores_and_weights_are_counted_or_told(codes: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> None:
    """Codes beyond other are no class, scores outside of [0, 1] no probability, and weights are more than 0."""
    layout = performance_layout(baseline_layout("binary"), "binary", positive="yes", weighted=True)
    counted = Performance.of(layout, codes[0], codes[1], scores, weights)
    usable = ((codes >= 0) & (codes <= 2)).all(axis=0) & (weights > 0) & (weights <= 2.0**14)
    assert counted.rows == usable.sum()
    assert counted.unusable == 20 - usable.sum()
    probable = (scores[:, 0] >= -1e-6) & (scores[:, 0] <= 1 + 1e-6)
    assert counted.unscored == (usable & ~probable).sum()
    total = np.maximum(np.rint(weights[usable] * 1024), 1).sum() / 1024
    assert counted.total == total == counted.weight("confusion").sum()
    assert counted.weight("score 0").sum() == np.maximum(np.rint(weights[usable & probable] * 1024), 1).sum() / 1024


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 40), cut=st.integers(0, 40))
@settings(max_examples=15, deadline=None)
def test_lists_add_up_in_any_order(seed: int, rows: int, cut: int) -> None:
    """Whatever order their items come in, and a list whose gains changed leaves no trace."""
    pairs = ranking(rows, seed)
    whole = pairs.counted()
    assert whole.rows == rows
    assert same(pairs.rows(slice(0, cut)).counted() + pairs.rows(slice(cut, None)).counted(), whole)
    order = np.random.default_rng(seed).permutation(len(pairs))
    assert same(pairs.rows(order).counted(), whole)
    early = Pairs(pairs.layout, pairs.predicted, np.zeros(len(pairs)), lists=pairs.lists)
    whole.take_out(pairs.rows(slice(0, cut)).counted())
    whole.add(early.rows(slice(0, cut)).counted())
    assert same(whole, early.rows(slice(0, cut)).counted() + pairs.rows(slice(cut, None)).counted())


def test_lists_that_are_none() -> None:
    """A rank that is there twice, is no whole number or below 1, a gain that is none: the list is told, the others count."""
    layout = performance_layout(baseline_layout("binary"), "ranking")
    lists = np.array(["a", "a", "b", "b", "c", "d", "e", "f", "g", "g"])
    ranks = np.array([1, 2, 1, 1, 0, 1.5, 1, 1, 1, np.nan])
    gains = np.array([0, 1, 1, 0, 1, 1, -1, np.nan, 1, 1])
    counted = Performance.of_lists(layout, lists, ranks, gains)
    assert (counted.rows, counted.unusable) == (1, 6)
    assert counted.sum("rr") == 0.5
    with pytest.raises(ValueError, match="whole lists are counted"):
        Performance.of(layout, ranks, gains)
    with pytest.raises(ValueError, match="binary has no lists"):
        Performance.of_lists(binary(1, 1).layout, lists, ranks, gains)
    with pytest.raises(ValueError, match="not of the same length"):
        Performance.of_lists(layout, lists, ranks, gains[:2])


def test_what_comes_from_logarithms_is_rounded() -> None:
    """The last digits of a logarithm differ between processors and libraries: they are in no sum."""
    for counted, names in ((binary(500, 1).counted(), ["log_loss"]), (ranking(500, 1).counted(), ["ndcg", "rr"])):
        for name in names:
            assert counted.exact(name) > 0
            assert 2**32 % counted.exact(name).denominator == 0


def test_more_rows_than_a_block() -> None:
    """Batches are counted in blocks; where they end makes no difference."""
    for stream in (STREAMS["binary weighted"], STREAMS["regression"]):
        pairs = stream(2 * BLOCK + 7, 4)
        cut = BLOCK // 2 + 3
        assert same(pairs.rows(slice(0, cut)).counted() + pairs.rows(slice(cut, None)).counted(), pairs.counted())


def test_counts_are_all_there_is() -> None:
    """A performance is stored as one flat array of integers."""
    for stream in STREAMS.values():
        counted = stream(30, 1).counted()
        assert counted.counts.shape == (counted.layout.width,)
        stored = np.frombuffer(counted.counts.tobytes(), np.int64)
        assert same(Performance(counted.layout, stored), counted)
        ends = [place.stop for place, _ in counted.layout.blocks.values()]
        starts = [place.start for place, _ in counted.layout.blocks.values()]
        assert [0, *ends] == [*starts, counted.layout.width]


def test_scores_decide_where_nothing_else_does() -> None:
    """The threshold, or one half, of two classes; the largest of several; nothing without a score."""
    layout = baseline_layout("binary")
    scores, actual = np.array([[0.4], [0.6], [np.nan], [0.3]]), np.array([1, 1, 1, 0])
    for threshold, cells in ((None, [[1, 1, 0], [0, 1, 0], [0, 0, 0]]), (0.35, [[1, 0, 0], [0, 2, 0], [0, 0, 0]])):
        of_binary = performance_layout(layout, "binary", positive="yes", threshold=threshold)
        counted = Performance.of(of_binary, None, actual, scores)
        assert counted.counted("confusion").tolist() == cells
        assert counted.unusable == 1
    several = performance_layout(baseline_layout("multiclass"), "multiclass")
    counted = Performance.of(several, None, np.array([0, 1, 3]), np.array([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.2, 0.7, 0.1]]))
    assert counted.counted("confusion").tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_what_does_not_fit_is_refused() -> None:
    """Lengths, weights that the layout does not know, columns of scores, and counts of another layout."""
    pairs, numbers = binary(5, 1), regression(5, 1)
    with pytest.raises(ValueError, match="not of the same length"):
        Performance.of(pairs.layout, pairs.predicted[:3], pairs.actual, pairs.scores)
    with pytest.raises(ValueError, match="the layout knows none"):
        Performance.of(pairs.layout, pairs.predicted, pairs.actual, pairs.scores, np.ones(5))
    with pytest.raises(ValueError, match=r"must be of shape \(5, 1\), and are \(5, 2\)"):
        Performance.of(pairs.layout, pairs.predicted, pairs.actual, np.zeros((5, 2)))
    with pytest.raises(ValueError, match="predicted: float64 are no codes of classes"):
        Performance.of(pairs.layout, pairs.predicted / 2, pairs.actual)
    with pytest.raises(ValueError, match="actual: <U3 are no numbers"):
        Performance.of(numbers.layout, numbers.predicted, np.array(["1.5"] * 5))
    with pytest.raises(ValueError, match="a regression needs it"):
        Performance.of(numbers.layout, None, numbers.actual)
    with pytest.raises(ValueError, match="different layouts do not merge"):
        _ = pairs.counted() + numbers.counted()
    weighted = performance_layout(baseline_layout("binary"), "binary", positive="yes", threshold=0.35, weighted=True)
    assert weighted.digest != pairs.layout.digest
