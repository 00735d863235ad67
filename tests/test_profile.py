"""Profiles merge exactly: in any order and grouping, with nothing changed by nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from samples import profile_of

#: The sums of these columns are exact in floating point, so that profiles can be compared to the last bit.
LAYOUT = Layout(
    [
        Column(
            name="n",
            role=Role.FEATURE,
            kind=Kind.NUMERIC,
            edges=(-1.0, 0.0, 0.5, 3.0),
            drift_edges=(0.0,),
            center=0.5,
            scale=2.0,
        ),
        Column(name="c", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("a", "b")),
        Column(name="m", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.0, 1.0)),
    ]
)

numbers = st.one_of(
    st.none(), st.just("text"), st.just(float("nan")), st.just(float("inf")), st.integers(-40, 40).map(lambda n: n / 8)
)
rows = st.lists(st.tuples(numbers, st.none() | st.sampled_from(["a", "b", "z", ""]), numbers), max_size=12)
Rows = list[tuple[float | str | None, str | None, float | str | None]]


def profile(events: Rows) -> Profile:
    """Return the profile of rows of the layout's columns."""
    return profile_of(LAYOUT, {name: [row[index] for row in events] for index, name in enumerate(LAYOUT.names)})


def contents(of: Profile) -> tuple[list[int], list[list[float]], list[list[float]]]:
    """Return the arrays as lists."""
    return of.counts.tolist(), of.sums.tolist(), of.extremes.tolist()


@given(rows, rows)
def test_merging_equals_profiling_all(one: Rows, other: Rows) -> None:
    """With ``+`` and in place, and neither changes the profile that is added."""
    first, second, both = profile(one), profile(other), profile(one + other)
    before = contents(first), contents(second)
    merged = first + second
    assert contents(merged) == contents(both)
    assert (contents(first), contents(second)) == before
    first.add(second)
    assert contents(first) == contents(both)
    assert contents(second) == before[1]


@given(rows, rows, rows)
def test_order_and_grouping_do_not_matter(one: Rows, other: Rows, third: Rows) -> None:
    """A + b is b + a, and (a + b) + c is a + (b + c)."""
    a, b, c = profile(one), profile(other), profile(third)
    assert contents(a + b) == contents(b + a)
    assert contents((a + b) + c) == contents(a + (b + c))


@given(rows)
def test_the_empty_profile_changes_nothing(events: Rows) -> None:
    """On either side, and it stays empty."""
    of, empty = profile(events), Profile.empty(LAYOUT)
    assert contents(of + empty) == contents(empty + of) == contents(of)
    assert contents(empty) == contents(Profile.empty(LAYOUT))
    assert contents(profile([])) == contents(empty)


@given(rows)
def test_every_event_is_in_one_bin_or_state_of_every_column(events: Rows) -> None:
    """So the parts of a column add up to the rows."""
    of = profile(events)
    assert of.rows == len(events)
    np.testing.assert_array_equal(of.valid + of.states.sum(axis=1), np.full(3, len(events)))
    assert of.drift_counts.sum() == of.values.sum()
    for index, name in enumerate(LAYOUT.names):
        assert of.column_values(name).sum() == of.valid[index]
        values = [row[index] for row in events]
        assert of.state(ValueState.MISSING)[index] == values.count(None)


def test_profiles_of_different_layouts_do_not_merge() -> None:
    """Their counts would be added to other bins; equal columns in another object are no difference."""
    with pytest.raises(ValueError, match="different layouts"):
        Profile.empty(LAYOUT) + Profile.empty(Layout(LAYOUT.columns[:2]))
    assert (Profile.empty(LAYOUT) + Profile.empty(Layout(LAYOUT.columns))).rows == 0


def test_views_are_views() -> None:
    """What is written through them is in the profile."""
    of = Profile.empty(LAYOUT)
    of.column_values("c")[1] += 3
    of.states[2, 0] += 1
    assert of.counts.sum() == 4
    assert of.values.sum() == 3
    assert of.state(ValueState.MISSING).tolist() == [0, 0, 1]
