"""Traffic: the counters against NumPy's counts, and over restarts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.traffic import DURATION_BOUNDS, SCORE_BOUNDS, Histogram, Traffic, VersionTraffic

SCORE = Column(name="score", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.0, 0.5, 1.0), drift_edges=(0.5,))
CLASS = Column(name="class", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no"))
VALUE = Column(name="price", role=Role.PREDICTION, kind=Kind.NUMERIC, edges=(-1.0, 0.0, 5.0), drift_edges=(-1.0, 5.0))
CLASSIFIER = Layout([SCORE, CLASS])
REGRESSION = Layout([VALUE])


def events(
    times: list[float],
    *,
    versions: list[str | None] | None = None,
    failed: list[bool] | None = None,
    latencies: list[float] | None = None,
    classes: list[str] | None = None,
    **columns: Sequence[float | None],
) -> Events:
    """Return events with columns of numbers, and of classes."""
    rows = len(times)
    return Events(
        times=np.array([round(time * 1e6) for time in times], np.int64),
        versions=pl.Series(versions or [None] * rows, dtype=pl.String),
        failed=np.array(failed or [False] * rows, np.bool_),
        latencies=None if latencies is None else np.array(latencies),
        columns={
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()},
            **({} if classes is None else {"class": pl.Series(classes, dtype=pl.String)}),
        },
        states={},
    )


def at_most(values: NDArray[np.float64], bounds: tuple[float, ...]) -> list[int]:
    """Return how many values are at most each bound, and how many there are, counted one by one."""
    return [int((values <= bound).sum()) for bound in (*bounds, math.inf)]


NUMBERS = st.lists(st.one_of(st.floats(0, 20), st.sampled_from([*DURATION_BOUNDS, *SCORE_BOUNDS])), max_size=50)


@given(st.lists(NUMBERS, max_size=4))
def test_histograms_count_as_prometheus_does(batches: list[list[float]]) -> None:
    """A bucket holds the values up to its bound, the bound included; batches add up."""
    for bounds in (DURATION_BOUNDS, SCORE_BOUNDS, ()):
        histogram = Histogram.empty(bounds)
        for batch in batches:
            histogram.observe(np.array(batch), bounds)
        everything = np.array([value for batch in batches for value in batch])
        assert np.cumsum(histogram.counts).tolist() == at_most(everything, bounds)
        assert histogram.total == pytest.approx(everything.sum())


def test_a_sum_that_overflows_warns_nobody() -> None:
    """It stays infinite."""
    histogram = Histogram.empty((1.0,))
    for _ in range(2):
        histogram.observe(np.array([1e308, 1e308]), (1.0,))
    assert histogram == Histogram([0, 4], math.inf)


def test_requests_by_version_with_failures_durations_and_slow_ones() -> None:
    """NaN, infinite and negative latencies are no durations; a request at the objective is not slow."""
    traffic = Traffic(None, slow_after=0.3)
    assert 0.3 in traffic.duration_bounds
    latencies = [0.3, 0.30001, math.nan, -1.0, math.inf, 0.001]
    versions: list[str | None] = ["1", "1", "1", "1", "1", None]
    traffic.add(events([5, 3, 4, 9, 8, 1], versions=versions, failed=[True] + [False] * 5, latencies=latencies))
    one, unknown = traffic.versions["1"], traffic.versions["unknown"]
    assert (one.requests, one.failed, one.slow, one.first_seen, one.last_seen) == (5, 1, 1, 3.0, 9.0)
    assert (unknown.requests, unknown.failed, unknown.slow) == (1, 0, 0)
    assert one.durations is not None
    assert np.cumsum(one.durations.counts).tolist() == at_most(np.array([0.3, 0.30001]), traffic.duration_bounds)
    assert one.durations.total == pytest.approx(0.60001)


def test_what_the_log_does_not_tell_is_not_zero() -> None:
    """Without status no failures are known, without latency no slow requests."""
    traffic = Traffic(None, slow_after=0.1)
    traffic.add(events([1]), has_status=False)
    counted = traffic.versions["unknown"]
    assert (counted.requests, counted.failed, counted.slow, counted.durations) == (1, None, None, None)


def test_scores_values_and_classes_are_of_answered_requests() -> None:
    """A failed request has made no prediction, whatever it logged."""
    traffic = Traffic(CLASSIFIER)
    traffic.add(events([1, 2, 3, 4], failed=[False, True, False, False], score=[0.1, 0.9, None, math.nan], classes=["yes"] * 4))
    traffic.add_classes("unknown", np.array([2, 0, 1]))
    counted = traffic.versions["unknown"]
    assert np.cumsum(counted.scores["score"].counts).tolist() == [1] * 11
    assert counted.classes == {"yes": 2, "no": 0, "other": 1}
    regression = Traffic(REGRESSION)
    regression.add(events([1, 2], price=[-1.0, 5.5]))
    assert regression.versions["unknown"].values == Histogram([1, 0, 1], 4.5)


def _counted(layout: Layout | None, slow_after: float | None = 0.3) -> Traffic:
    traffic = Traffic(layout, slow_after=slow_after)
    batch = events([1, 2], latencies=[0.1, 0.4], failed=[False, True], score=[0.2, 0.8], price=[1.0, 2.0])
    traffic.add(batch)
    if layout is CLASSIFIER:
        traffic.add_classes("unknown", np.array([1, 0, 0]))
    return traffic


def _restored(before: Traffic, after: Traffic) -> VersionTraffic:
    stored = json.loads(json.dumps({"shape": before.shape(), "counted": before.versions["unknown"].to_json()}))
    after.restore("unknown", VersionTraffic.from_json(stored["counted"]), stored["shape"])
    return after.versions["unknown"]


@pytest.mark.parametrize("layout", [None, CLASSIFIER, REGRESSION])
def test_counters_of_the_same_shape_go_on(layout: Layout | None) -> None:
    """Through JSON, to the last bit, and they can be counted on."""
    before = _counted(layout)
    restored = _restored(before, Traffic(layout, slow_after=0.3))
    assert restored == before.versions["unknown"]


def test_counters_of_another_shape_begin_anew_and_the_others_go_on() -> None:
    """A new objective restarts durations and slow requests; a new table of classes the classes alone."""
    before = _counted(CLASSIFIER)
    now = _restored(before, Traffic(CLASSIFIER, slow_after=0.5))
    assert (now.requests, now.failed, now.first_seen, now.slow, now.durations) == (2, 1, 1.0, None, None)
    assert now.classes["yes"] == 1
    turned = Layout([SCORE, Column(name="class", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("no", "yes"))])
    traffic = Traffic(turned, slow_after=0.3)
    _restored(before, traffic)
    traffic.add_classes("unknown", np.array([5, 0, 0]))
    assert traffic.versions["unknown"].classes == {"no": 5, "yes": 1, "other": 0}
    more = Layout([SCORE, Column(name="class", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no", "maybe"))])
    now = _restored(before, Traffic(more, slow_after=0.3))
    assert (now.slow, sum(now.durations.counts if now.durations else [])) == (1, 2)
    assert now.classes == {"yes": 0, "no": 0, "maybe": 0, "other": 0}
    assert sum(now.scores["score"].counts) == 1
    now = _restored(before, Traffic(REGRESSION, slow_after=0.3))
    assert (now.classes, now.scores, now.values) == ({}, {}, Histogram([0, 0, 0]))
    now = _restored(before, Traffic(None))
    assert (now.requests, now.slow, now.durations, now.classes, now.scores) == (2, None, None, {}, {})


def test_silent_versions_are_told_the_longest_silent_first() -> None:
    """One that was seen by a clock that ran years ahead counts as silent too."""
    traffic = Traffic(None)
    traffic.add(events([50, 100, 10, 1e9], versions=["b", "new", "a", "ahead"]))
    assert traffic.stale(60, now=120) == ["a", "b", "ahead"]
