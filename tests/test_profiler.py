"""The profiler equals a slow reference that counts event by event."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_exporter.counting import profiler as profiler_module
from prediction_exporter.counting.categories import canonical
from prediction_exporter.counting.events import STATES, Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, UNVERSIONED, Key, Profiler
from prediction_exporter.counting.windows import Span, Windows, wider_buckets
from prediction_exporter.memory import Room

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
@settings(max_examples=150, deadline=None)
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


@given(events_lists, st.sampled_from([[], ["region"], ["region", "decision", "unknown"]]), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_folding_in_blocks_changes_nothing(events: list[Event], segments: list[str], groups: int) -> None:
    """However few groups are folded at a time, the profiles are those of all at once, and no block is larger."""
    profiler = Profiler(LAYOUT, bucket_seconds=BUCKET, segments=segments, block_bytes=groups * LAYOUT.profile_bytes)
    blocks = list(profiler.blocks(batch(events)))
    assert all(1 <= len(block) <= groups for block in blocks)
    found = {key: profile for block in blocks for key, profile in block.items()}
    assert len(found) == sum(map(len, blocks))
    check(found, reference(events, segments))


def test_a_block_is_no_larger_than_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where little memory is left, fewer groups are folded at a time."""
    values: dict[str, float | str | ValueState] = dict.fromkeys(LAYOUT.names, ValueState.MISSING)
    events = batch([Event(minute * BUCKET * 10**6, "1", False, values) for minute in range(400)])
    profiler = Profiler(LAYOUT, bucket_seconds=BUCKET, block_bytes=128 * LAYOUT.profile_bytes)
    assert max(map(len, profiler.blocks(events))) == 128
    monkeypatch.setattr(profiler_module, "ROOM", Room(lambda: 8 * 3 * LAYOUT.profile_bytes))
    assert max(map(len, profiler.blocks(events))) == 3


SPANS = [Span.of(name, seconds) for name, seconds in (("1m", 60), ("1h", 3600), ("24h", 86_400), ("31d", 31 * 86_400))]
LATE = st.one_of(st.floats(0, 100), st.floats(0, 4000), st.floats(0, 90_000), st.floats(0, 32 * 86_400))


@given(st.lists(st.tuples(LATE, events_lists.filter(bool)), max_size=4), st.sets(st.sampled_from(SPANS), min_size=1))
@settings(max_examples=150, deadline=None)
def test_late_events_in_wider_buckets_fill_the_same_windows(late: list[tuple[float, list[Event]]], spans: set[Span]) -> None:
    """Windows of events that are folded as coarsely as windows need it equal those of events folded finely."""
    now = 1_800_057_612.5
    every = [replace(event, time=int((now - seconds) * 1e6) - abs(event.time)) for seconds, events in late for event in events]
    finest = min(spans, key=lambda span: span.seconds)
    profiler = Profiler(LAYOUT, bucket_seconds=finest.bucket, segments=["region"])
    totals = []
    for wider in ([], wider_buckets(list(spans), now)):
        windows = Windows(LAYOUT, list(spans))
        for key, profile in profiler.fold(batch(every), wider=wider):
            windows.add(key, profile, now=now)
        totals.append({Key(version, segment, span.seconds): total for version, segment, span, total in windows.totals(now)})
    fine, coarse = ({key: profile for key, profile in of.items() if profile.rows} for of in totals)
    check(coarse, fine)


def test_a_log_of_a_month_falls_into_no_more_groups_than_there_are_buckets() -> None:
    """Not into one for each of its 44,640 minutes, but into one for each hour, where buckets are wider."""
    now = 1_800_057_612.5
    values: dict[str, float | str | ValueState] = dict.fromkeys(LAYOUT.names, ValueState.MISSING)
    events = [Event(int((now - minute * 60) * 1e6), "1", False, values) for minute in range(31 * 1440)]
    profiler = Profiler(LAYOUT, bucket_seconds=60)
    folded = list(profiler.fold(batch(events), wider=wider_buckets(SPANS[1:], now)))
    assert len(folded) <= sum(-(-span.seconds // min(span.bucket, 3600)) for span in SPANS[1:])


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
