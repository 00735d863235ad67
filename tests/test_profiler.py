"""The profiler equals a slow reference that counts event by event."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_exporter.counting.categories import canonical
from prediction_exporter.counting.events import STATES, Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, UNVERSIONED, Key, Profiler

BUCKET = 60

LAYOUT = Layout(
    [
        Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(-1.0, 0.0, 2.5, 7.0), drift_edges=(0.0,), scale=4.0),
        Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north", "1", "other", "")),
        Column(name="empty", role=Role.FEATURE, kind=Kind.NUMERIC),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("true", "false")),
        Column(name="score", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.0, 0.5, 1.0), drift_edges=(0.5,), center=0.5),
        Column(name="unknown", role=Role.FEATURE, kind=Kind.CATEGORICAL),
        Column(name="age", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(18.0, 99.0), center=40.0, scale=8.0),
    ]
)


@dataclass
class Event:
    """One event; each column holds its value, or the state that says why there is none."""

    time: int
    version: str | None
    failed: bool
    values: dict[str, float | str | ValueState] = field(default_factory=dict)


bad = st.sampled_from(STATES)
numeric_values = st.one_of(st.integers(-32, 400).map(lambda n: n / 4), bad)
categorical_values = st.one_of(
    st.sampled_from(["north", "1", "1.0", "1e0", "other", "", "true", "True", "false", "south", "🙂", "=other"]),
    st.sampled_from((ValueState.MISSING, ValueState.INVALID)),
)
events_lists = st.lists(
    st.builds(
        Event,
        time=st.integers(-3 * BUCKET * 10**6, 3 * BUCKET * 10**6),
        version=st.sampled_from([None, "1", "2", UNVERSIONED, ""]),
        failed=st.booleans(),
        values=st.fixed_dictionaries(
            {c.name: numeric_values if c.kind is Kind.NUMERIC else categorical_values for c in LAYOUT.columns}
        ),
    ),
    max_size=25,
)


def batch(events: list[Event]) -> Events:
    """Return events as columns; a column that is only missing or valid says so by its nulls."""
    columns, states = {}, {}
    for column in LAYOUT.columns:
        found = [event.values[column.name] for event in events]
        kinds = [value if isinstance(value, ValueState) else ValueState.VALID for value in found]
        plain = [None if isinstance(value, ValueState) else value for value in found]
        columns[column.name] = pl.Series(plain, dtype=pl.Float64 if column.kind is Kind.NUMERIC else pl.String)
        if set(kinds) - {ValueState.VALID, ValueState.MISSING}:
            states[column.name] = np.array(kinds, dtype=np.uint8)
    return Events(
        times=np.array([event.time for event in events], np.int64),
        versions=pl.Series([event.version for event in events], dtype=pl.String),
        failed=np.array([event.failed for event in events], np.bool_),
        latencies=None,
        columns=columns,
        states=states,
    )


def slot(column: Column, value: float | str | ValueState) -> int:
    """Return the position of a value among the column's value bins and states."""
    if isinstance(value, ValueState):
        return column.bins + STATES.index(value)
    if isinstance(value, float):
        return bisect_right(column.edges, value)
    text = canonical(value)
    return column.categories.index(text) if text in column.categories else column.bins - 1


def add(profile: Profile, event: Event) -> None:
    """Count one event."""
    outlier = False
    for index, column in enumerate(LAYOUT.columns):
        value = event.values[column.name]
        position = slot(column, value)
        if position < column.bins:
            profile.counts[LAYOUT.value_offsets[index] + position] += 1
        else:
            profile.states[index, position - column.bins] += 1
        if isinstance(value, float):
            moment = LAYOUT.numeric.tolist().index(index)
            z = (value - column.center) / column.scale
            profile.sums[:, moment] += [z, z * z]
            profile.extremes[0, moment] = min(profile.extremes[0, moment], value)
            profile.extremes[1, moment] = min(profile.extremes[1, moment], -value)
            if column.role is Role.FEATURE and column.edges:
                outlier |= not column.edges[0] <= value < column.edges[-1]
    profile.counts[LAYOUT.rows_slot] += 1
    profile.counts[LAYOUT.outliers_slot] += outlier


def reference(events: list[Event], segments: list[str]) -> dict[Key, Profile]:
    """Fold events one by one."""
    found: dict[Key, Profile] = {}
    for event in events:
        if event.failed:
            continue
        version = UNVERSIONED if event.version is None else event.version
        bucket = math.floor(event.time / (BUCKET * 10**6)) * BUCKET
        names = [ALL]
        for name in segments:
            column = LAYOUT.columns[LAYOUT.index(name)]
            position = slot(column, event.values[name])
            if position < column.bins:
                names.append(f"{name}={column.drift_labels[position]}")
        for segment in names:
            add(found.setdefault(Key(version, segment, bucket), Profile.empty(LAYOUT)), event)
    return found


def folded(events: list[Event], segments: list[str]) -> dict[Key, Profile]:
    """Fold events at once; no key may come twice."""
    pairs = list(Profiler(LAYOUT, bucket_seconds=BUCKET, segments=segments).fold(batch(events)))
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def check(found: dict[Key, Profile], expected: dict[Key, Profile]) -> None:
    """Compare the profiles to the last bit; all sums of quarters are exact."""
    assert found.keys() == expected.keys()
    for key, profile in expected.items():
        np.testing.assert_array_equal(found[key].counts, profile.counts)
        np.testing.assert_array_equal(found[key].sums, profile.sums)
        np.testing.assert_array_equal(found[key].extremes, profile.extremes)


@given(events_lists, st.sampled_from([[], ["region"], ["region", "decision", "unknown"]]))
@settings(max_examples=300, deadline=None)
def test_it_equals_the_reference(events: list[Event], segments: list[str]) -> None:
    """Random times, versions, failures, states and values, in random order."""
    check(folded(events, segments), reference(events, segments))


@given(events_lists)
@settings(max_examples=50, deadline=None)
def test_events_in_order_of_time_take_the_same_way(events: list[Event]) -> None:
    """Sorted events need no sorting, and give the same."""
    events.sort(key=lambda event: event.time)
    check(folded(events, ["region"]), reference(events, ["region"]))


@given(events_lists, st.integers(0, 25))
@settings(max_examples=50, deadline=None)
def test_batches_add_up(events: list[Event], cut: int) -> None:
    """One profiler folds a log in pieces, and what it learnt from one does not change the next."""
    profiler = Profiler(LAYOUT, bucket_seconds=BUCKET, segments=["region"])
    total: dict[Key, Profile] = {}
    for piece in (events[:cut], events[cut:]):
        for key, profile in profiler.fold(batch(piece)):
            total.setdefault(key, Profile.empty(LAYOUT)).add(profile)
    check(total, reference(events, ["region"]))


def test_thousands_of_events_over_many_groups() -> None:
    """The blocks of groups are as exact as single ones."""
    random = np.random.default_rng(1)
    events = [
        Event(
            time=int(random.integers(0, 10 * BUCKET * 10**6)),
            version=random.choice(["1", "2", "10"]),
            failed=bool(random.random() < 0.1),
            values={
                column.name: ValueState(int(random.choice(STATES)))
                if random.random() < 0.1 and column.kind is Kind.NUMERIC
                else float(random.integers(-40, 400)) / 4
                if column.kind is Kind.NUMERIC
                else str(random.choice(["north", "1.0", "south", "true"]))
                for column in LAYOUT.columns
            },
        )
        for _ in range(3000)
    ]
    check(folded(events, ["region", "decision"]), reference(events, ["region", "decision"]))


def test_a_version_called_unknown_is_that_of_events_without_one() -> None:
    """Both are one profile, not two that overwrite each other."""
    values: dict[str, float | str | ValueState] = dict.fromkeys(LAYOUT.names, ValueState.MISSING)
    found = folded([Event(0, None, False, values), Event(0, UNVERSIONED, False, values)], [])
    assert [(key, profile.rows) for key, profile in found.items()] == [(Key(UNVERSIONED, ALL, 0), 2)]


def test_only_failed_requests_give_no_profile() -> None:
    """They have made no prediction."""
    values: dict[str, float | str | ValueState] = dict.fromkeys(LAYOUT.names, ValueState.MISSING)
    assert folded([Event(0, "1", True, values)] * 3, ["region"]) == {}
    assert folded([], ["region"]) == {}


def test_a_segment_is_a_categorical_column() -> None:
    """A number has no few values to split by, and a column that is unknown has none at all."""
    with pytest.raises(ValueError, match="amount is not categorical"):
        Profiler(LAYOUT, bucket_seconds=BUCKET, segments=["amount"])
    with pytest.raises(ValueError, match="not in"):
        Profiler(LAYOUT, bucket_seconds=BUCKET, segments=["no_such_column"])
