"""The ledger: spans that are read again against a plain list of what they held last, and counters that never fall."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import tally_of
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.ledger import Ledger
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.tally import Tally
from prediction_exporter.counting.windows import Span
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.log import LogSource
from watched import NOW, Watched, read, total

LAYOUT = Layout(
    [
        Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 10.0, 20.0), drift_edges=(10.0,)),
        Column(name="class", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no")),
    ]
)
SPANS = (Span.of("1h", 3600), Span.of("24h", 86400))
START = int(NOW) - 600


def ledger() -> Ledger:
    """Return an empty ledger."""
    return Ledger("m", LAYOUT, SPANS, max_versions=3)


def events(times: Sequence[float], *, version: str = "1") -> Events:
    """Return events whose amounts follow from their times."""
    return Events(
        times=np.array([round(time * 1e6) for time in times], np.int64),
        versions=pl.Series([version] * len(times), dtype=pl.String),
        failed=np.zeros(len(times), np.bool_),
        latencies=np.array([0.01 * (1 + int(time) % 7) for time in times]),
        columns={
            "amount": pl.Series([float(int(time) % 30) for time in times], dtype=pl.Float64),
            "class": pl.Series(["yes" if int(time) % 3 else "no" for time in times], dtype=pl.String),
        },
        states={},
    )


def tally(kept: Ledger, times: Sequence[float], *, version: str = "1") -> Tally:
    """Return what is counted of events."""
    if not times:
        return Tally()
    return tally_of(events(times, version=version), Profiler(LAYOUT, bucket_seconds=60), kept.traffic, has_status=True)


def requests(kept: Ledger) -> dict[str, int]:
    """Return the requests that are shown, by version."""
    return {version: counted.requests for version, counted in kept.shown().versions.items()}


MINUTES = st.integers(0, 9)
READINGS = st.lists(st.tuples(MINUTES, st.lists(st.floats(0, 59.5), max_size=6)), max_size=12)


@given(READINGS, st.integers(0, 10))
def test_windows_are_those_of_the_last_reading_of_each_minute(readings: list[tuple[int, list[float]]], closed: int) -> None:
    """Whatever was read before, and whether some minutes were closed then; counters are never below."""
    kept, last, shown = ledger(), dict[int, list[float]](), [0]
    for minute, offsets in readings:
        begin = START + 60 * minute
        times = [begin + offset for offset in offsets]
        kept.replace(Reading(begin, begin + 60, closed=False), tally(kept, times), now=NOW)
        last[minute] = times
        shown.append(sum(requests(kept).values()))
    for minute in range(closed):
        begin = START + 60 * minute
        kept.replace(Reading(begin, begin + 60, closed=True), tally(kept, last.get(minute, [])), now=NOW)
        shown.append(sum(requests(kept).values()))
    times = [time for of_minute in last.values() for time in of_minute]
    once = ledger()
    once.add(tally(once, times), now=NOW)
    expected = {(version, segment, span.name): profile for version, segment, span, profile in once.totals(NOW)}
    found = {(version, segment, span.name): profile for version, segment, span, profile in kept.totals(NOW)}
    assert {key for key, profile in found.items() if profile.rows} == expected.keys()
    for key, profile in expected.items():
        np.testing.assert_array_equal(found[key].counts, profile.counts)
        np.testing.assert_array_equal(found[key].extremes, profile.extremes)
        np.testing.assert_allclose(found[key].sums, profile.sums)
    assert all(before <= after for before, after in pairwise(shown))
    assert shown[-1] >= len(times)
    assert kept.newest(NOW) == (max(round(time * 1e6) for time in times) / 1e6 if times else None)


def test_counters_do_not_fall_where_rows_are_deleted_and_count_on_behind_them() -> None:
    """What was shown is the least of what is shown from then on, in each bucket and for each class; over a restart too."""
    kept = ledger()
    minute = Reading(START, START + 60, closed=False)
    kept.replace(minute, tally(kept, [START + second for second in range(10)]), now=NOW)
    before = json.loads(json.dumps(kept.shown().versions["1"].to_json()))
    assert (before["requests"], kept.events) == (10, 10)
    kept.replace(minute, tally(kept, [START]), now=NOW)
    stored = json.loads(json.dumps(kept.counters()))
    again = ledger()
    again.restore(stored, [], now=NOW)
    for one in (kept, again):
        assert json.loads(json.dumps(one.shown().versions["1"].to_json())) == before
        assert one.events == 10
    again.replace(Reading(START, START + 60, closed=True), tally(again, [START + second for second in range(12)]), now=NOW)
    assert (requests(again), again.events) == ({"1": 12}, 12)


def test_the_past_fills_windows_and_no_counter() -> None:
    """Its versions are known all the same, with the times when they were seen."""
    kept = ledger()
    past = Reading(START, START + 60, closed=True, is_news=False)
    kept.replace(past, tally(kept, [START + 1, START + 2]), now=NOW)
    counted = kept.shown().versions["1"]
    assert (counted.requests, counted.classes, counted.first_seen) == (0, {"yes": 0, "no": 0, "other": 0}, START + 1)
    assert [profile.rows for *_, profile in kept.totals(NOW)] == [2, 2]


def test_versions_of_open_spans_take_up_room() -> None:
    """Also those that were promised room and are not counted yet, until it is known that they will not be."""
    kept = ledger()
    assert kept.labels_of(["a", None, ""], now=NOW) == {"a": "a", None: "unknown", "": "unknown"}
    assert kept.labels_of(["b", "c", "x" * 100], now=NOW) == {"b": "b", "c": "other", "x" * 100: "other"}
    kept.replace(Reading(START, START + 60, closed=False), tally(kept, [START], version="b"), now=NOW)
    assert kept.labels_of(["c", "d", "e", "b"], now=NOW) == {"c": "c", "d": "d", "e": "other", "b": "b"}


class FailingOnce:
    """A source whose reading of a minute fails in the middle, the first time."""

    def __init__(self) -> None:
        self.polls = 0

    def poll(self, source: LogSource) -> Iterator[Batch]:
        """Stand in for the source's own method."""
        self.polls += 1
        minute = Reading(START, START + 60, closed=True)
        first = Batch(self._events(source, [START + 1]), reading=minute, is_last=False)
        yield first
        if self.polls == 1:
            raise SourceError("away")
        yield Batch(self._events(source, [START + 2]), reading=minute, is_last=False)
        yield Batch(reading=minute)

    def _events(self, source: LogSource, times: list[float]) -> tuple[Events, ...]:
        columns: dict[str, pl.Series] = {
            column.name: pl.Series([None] * len(times), dtype=pl.Float64 if column.kind is Kind.NUMERIC else pl.String)
            for column in (source._layout.columns if source._layout is not None else ())
        }
        return (
            Events(
                times=np.array([time * 10**6 for time in times], np.int64),
                versions=pl.Series(["1"] * len(times)),
                failed=np.zeros(len(times), np.bool_),
                latencies=np.full(len(times), math.nan),
                columns=columns,
                states={},
            ),
        )


def test_a_span_whose_reading_failed_in_the_middle_is_read_again_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts that came before the failure are not counted."""
    watched = Watched(tmp_path)
    failing = FailingOnce()

    def poll(source: LogSource) -> Iterator[Batch]:
        return failing.poll(source)

    monkeypatch.setattr(LogSource, "poll", poll)
    monitor = watched.start()
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_requests_total") is None
    series = read(monitor, watched.clock)[1]
    assert (total(series, "model_requests_total"), total(series, "prediction_exporter_source_up")) == (2, 1)
