"""Windows against a recount of every event."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Key
from prediction_exporter.counting.windows import BUCKET_SECONDS, LEAST_BUCKETS, Ring, Span, Windows

LAYOUT = Layout(
    [
        Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0, 2.0), drift_edges=(1.0,)),
        Column(name="c", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a", "b")),
    ]
)
NAMES = {"1m": 60, "90s": 90, "5m": 300, "15m": 900, "1h": 3600, "24h": 86_400, "7d": 604_800, "31d": 2_678_400}
SPANS = tuple(Span.of(name, seconds) for name, seconds in NAMES.items())
NOW = 1_800_057_600.0

#: Seconds that pass before an event arrives, and how late it is: mostly little, sometimes more than any window.
STEPS = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 3), st.floats(0, 4000), st.floats(0, 3e6)),
        st.one_of(st.just(0.0), st.floats(0, 100), st.floats(0, 1e5), st.floats(0, 4e6)),
        st.sampled_from(["1", "2"]),
        st.integers(-5, 5),
    ),
    max_size=40,
)


def profile_of(value: int) -> Profile:
    """Return the profile of one event whose number is an integer, so that its sums are exact."""
    profile = Profile.empty(LAYOUT)
    profile.counts[LAYOUT.rows_slot] = 1
    profile.counts[np.searchsorted([0, 1, 2], value, side="right")] = 1
    profile.sums[:, 0] = value, value * value
    profile.extremes[:, 0] = value, -value
    return profile


def same(one: Profile, other: Profile) -> bool:
    """Return whether two profiles are equal to the last bit."""
    return all(np.array_equal(a, b) for a, b in ((one.counts, other.counts), (one.sums, other.sums))) and np.array_equal(
        one.extremes, other.extremes
    )


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sets(st.sampled_from(SPANS), min_size=1, max_size=4), st.floats(0, 3e6))
def test_a_window_holds_the_events_of_its_buckets_whenever_they_came(
    steps: list[tuple[float, float, str, int]], spans: set[Span], rest: float
) -> None:
    """Every window equals a recount by event time, after each event and some time later."""
    windows = Windows(LAYOUT, list(spans))
    finest = min(spans, key=lambda span: span.seconds).bucket
    seen: list[tuple[float, str, Profile]] = []
    now = NOW

    def check() -> None:
        found = {(version, span.name): profile for version, segment, span, profile in windows.totals(now)}
        for span in spans:
            for version in {version for _, version, _ in seen}:
                expected = Profile.empty(LAYOUT)
                for time, of_version, profile in seen:
                    if of_version == version and time // span.bucket * span.bucket >= span.oldest(now):
                        expected.add(profile)
                assert same(found.get((version, span.name), Profile.empty(LAYOUT)), expected)

    for passed, late, version, value in steps:
        now += passed
        time = now - late
        profile = profile_of(value)
        seen.append((time, version, profile))
        windows.add(Key(version, ALL, int(time // finest * finest)), profile_of(value), now=now)
        check()
    now += rest
    check()
    windows.forget_empty(now)
    check()


def test_bucket_widths_divide_each_other() -> None:
    """A fine bucket lies in one bucket of every coarser window."""
    assert all(wide % narrow == 0 for narrow, wide in pairwise(BUCKET_SECONDS))


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_a_window_is_as_long_as_it_says(span: Span) -> None:
    """Its length varies by one bucket, a sixtieth of it or a second, and it has no more buckets than that needs."""
    assert LEAST_BUCKETS <= span.buckets <= 300
    for now in (NOW, NOW + 0.5, NOW + span.bucket - 0.001, NOW + 12345.678):
        assert span.seconds - span.bucket <= now - span.oldest(now) <= span.seconds


def test_memory_of_a_ring_is_that_of_its_buckets() -> None:
    """Any number of events takes the same memory."""
    ring = Ring(LAYOUT, SPANS[0])

    def size() -> int:
        return sum(array.nbytes for array in vars(ring).values() if isinstance(array, np.ndarray))

    before = size()
    for second in range(5000):
        ring.add(int(NOW) + second, profile_of(1), now=NOW + second)
    assert size() == before == SPANS[0].buckets * (8 + LAYOUT.width + 32 * len(LAYOUT.numeric))
    assert len(list(ring.changed())) == SPANS[0].buckets


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 36)), max_size=20))
def test_counts_are_exact_however_large(steps: list[tuple[int, int]]) -> None:
    """They are kept as narrow as the largest of them, and are widened before one does not fit."""
    ring = Ring(LAYOUT, SPANS[0])
    expected = [0] * 4
    for second, power in steps:
        profile = Profile.empty(LAYOUT)
        profile.counts[LAYOUT.rows_slot] = 2**power - 1
        ring.add(int(NOW) + second, profile, now=NOW + 3)
        expected[second] += 2**power - 1
    assert ring.total(NOW + 3).rows == sum(expected)
    assert [profile.rows for _, profile in ring.changed()] == [expected[at] for at in sorted({second for second, _ in steps})]


@given(st.integers(0, 2**62))
def test_a_profile_that_is_kept_is_the_same(rows: int) -> None:
    """In less room."""
    profile = profile_of(1)
    profile.counts[LAYOUT.rows_slot] = rows
    kept = profile.kept()
    assert kept.counts.nbytes <= profile.counts.nbytes
    assert kept.rows == rows
    total = Profile.empty(LAYOUT)
    total.add(kept)
    assert same(total, profile)


def test_arguments_are_left_alone() -> None:
    """What was added is copied."""
    windows = Windows(LAYOUT, SPANS[:2])
    profile = profile_of(1)
    for _ in range(2):
        windows.add(Key("1", ALL, int(NOW)), profile, now=NOW)
    assert same(profile, profile_of(1))
    assert [total.rows for _, _, _, total in windows.totals(NOW)] == [2, 2]


def test_changed_buckets_are_told_once_and_restored_ones_not() -> None:
    """What a commit wrote is not written again until it changes."""
    windows = Windows(LAYOUT, SPANS[:2])
    windows.add(Key("1", ALL, int(NOW)), profile_of(1), now=NOW)
    stored = list(windows.changed())
    assert len(stored) == 2
    assert not list(windows.changed())
    again = Windows(LAYOUT, SPANS[:2])
    for version, segment, span, start, profile in stored:
        again.restore(version, segment, span, start, profile, now=NOW)
        again.restore(version, segment, span, int(NOW) - 10 * span.seconds, profile, now=NOW)
    assert not list(again.changed())
    assert [total.rows for _, _, _, total in again.totals(NOW)] == [1, 1]
    again.add(Key("1", ALL, int(NOW)), profile_of(1), now=NOW)
    assert [profile.rows for *_, profile in again.changed()] == [2, 2]


def test_a_version_goes_when_its_last_window_is_empty() -> None:
    """A window that is empty beside one that is not stays, as one of no events."""
    windows = Windows(LAYOUT, (SPANS[0], SPANS[4]))
    windows.add(Key("1", ALL, int(NOW)), profile_of(1), now=NOW)
    windows.forget_empty(NOW + 120)
    assert [profile.rows for *_, profile in windows.totals(NOW + 120)] == [0, 1]
    windows.forget_empty(NOW + 3700)
    assert not list(windows.totals(NOW + 3700))


def test_a_clock_that_was_years_ahead_leaves_no_trace() -> None:
    """Events under a wrong clock take no room from those after it was put right."""
    windows = Windows(LAYOUT, (SPANS[0],))
    ahead = NOW + 4 * 365 * 86_400
    for second in range(60):
        windows.add(Key("old", ALL, int(ahead) + second), profile_of(1), now=ahead + second)
        windows.add(Key("1", ALL, int(ahead) + second), profile_of(1), now=ahead + second)
    for second in range(60):
        windows.add(Key("1", ALL, int(NOW) + second), profile_of(1), now=NOW + second)
    windows.forget_empty(NOW + 59)
    assert [(version, profile.rows) for version, _, _, profile in windows.totals(NOW + 59)] == [("1", 60)]


def test_forgetting_a_version_leaves_the_others() -> None:
    """All of its segments go."""
    windows = Windows(LAYOUT, SPANS[:1])
    for version, segment in (("1", ALL), ("1", "c=a"), ("2", ALL)):
        windows.add(Key(version, segment, int(NOW)), profile_of(1), now=NOW)
    windows.forget("1")
    assert [(version, segment) for version, segment, *_ in windows.totals(NOW)] == [("2", ALL)]
