"""Aggregate mode counts what rows mode counts, bin by bin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from counting import context_of
from databases import Database
from prediction_exporter.layout import Column, Kind, Layout, Role
from prediction_exporter.profiler import Profiler
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.table import engine
from prediction_exporter.sources.table.counts import CountsReader
from prediction_exporter.sources.table.groups import Learned
from prediction_exporter.sources.table.relation import read_relation
from prediction_exporter.sources.table.rows import RowsReader
from prediction_exporter.tally import Tally, tally_of
from prediction_exporter.traffic import Histogram

#: A Thursday, at a full hour.
START = 1_767_261_600

TYPES: dict[str, dict[str, str]] = {
    "sqlite": {"time": "TEXT", "double": "REAL", "text": "TEXT", "bool": "INTEGER", "int": "INTEGER"},
    "duckdb": {"time": "TIMESTAMPTZ", "double": "DOUBLE", "text": "VARCHAR", "bool": "BOOLEAN", "int": "BIGINT"},
    "postgresql": {"time": "TIMESTAMPTZ", "double": "FLOAT8", "text": "TEXT", "bool": "BOOLEAN", "int": "BIGINT"},
    "mariadb": {"time": "DATETIME(6)", "double": "DOUBLE", "text": "VARCHAR(200)", "bool": "BOOLEAN", "int": "BIGINT"},
}

NUMERIC = {"role": Role.FEATURE, "kind": Kind.NUMERIC}
CATEGORICAL = {"role": Role.FEATURE, "kind": Kind.CATEGORICAL}

EDGES = (-1.5, 0.1, 0.3, 1.0, 7.25)

LAYOUT = Layout(
    [
        Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=EDGES, drift_edges=(0.3,), center=0.5, scale=2.0),
        Column(name="count", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 10.0), scale=3.0),
        Column(name="plain", role=Role.FEATURE, kind=Kind.NUMERIC),
        Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north", "1", "Ä", "", "other", "a ")),
        Column(name="flag", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("true", "false")),
        Column(name="level", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("3", "7", "9007199254740993")),
        Column(name="lost", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0)),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no")),
        Column(name="score", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.0, 0.5, 1.0), drift_edges=(0.5,), center=0.5),
    ]
)

COLUMNS = {
    "ts": "time",
    "id": "text",
    "version": "text",
    "status": "int",
    "latency_ms": "double",
    "amount": "double",
    "count": "int",
    "plain": "double",
    "region": "text",
    "flag": "bool",
    "level": "int",
    "decision": "text",
    "score": "double",
}

FIELDS = {
    "time": "ts",
    "id": "id",
    "version": "version",
    "status": "status",
    "latency": "latency_ms",
    "prediction": "decision",
    "score": "score",
    "features": ["amount", "count", "plain", "region", "flag", "level", "lost"],
}

Row = dict[str, Any]


@dataclass
class Case:
    """A table, and how it is read."""

    database: Database
    layout: Layout | None = LAYOUT
    fields: Mapping[str, Any] | None = None
    timezone: str = "UTC"
    segments: tuple[str, ...] = ()
    labels_of: Callable[[Sequence[str | None]], Mapping[str | None, str]] | None = None

    def context(self, folder: Path) -> SourceContext:
        """Return what a source is opened with."""
        predictions = {
            "table": {"url": self.database.url("owner"), "name": "predictions"},
            "timezone": self.timezone,
            "fields": FIELDS if self.fields is None else self.fields,
        }
        context = context_of(folder, predictions, self.layout, clock=lambda: START, segments=self.segments)
        if self.labels_of is not None:
            object.__setattr__(context, "labels_of", self.labels_of)
        return context


def create(database: Database, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Make the table. Columns have a type of TYPES, or one of the database."""
    types = TYPES[database.kind]
    declared = ", ".join(f"{database.quote(name)} {types.get(kind, kind)}" for name, kind in columns.items())
    database.execute("DROP TABLE IF EXISTS predictions")
    database.execute(f"CREATE TABLE predictions ({declared})")
    times = [name for name, kind in columns.items() if kind == "time"]
    written = [{name: _time(database, value) if name in times else value for name, value in row.items()} for row in rows]
    if written:
        database.insert("predictions", written)


def _time(database: Database, seconds: Any) -> Any:
    if not isinstance(seconds, int | float):
        return seconds
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 1e6))
    if database.kind == "sqlite":
        return instant.replace(tzinfo=None).isoformat(" ", "microseconds")
    return instant.replace(tzinfo=None) if database.kind == "mariadb" else instant


def row(at: float, **values: Any) -> Row:
    """Return a row, of which everything that is not named is null."""
    return {**dict.fromkeys(COLUMNS), "ts": START + at, "id": "i", "status": 200, **values}


def both(case: Case, folder: Path, start: int, end: int, width: int = 60) -> tuple[Tally, Tally, Rejected, Rejected]:
    """Read a span in both modes: what rows mode and aggregate mode count, and what they refuse."""
    context = case.context(folder)
    table = context.predictions.table
    assert table is not None
    database = engine.Database(table, where="models[0]")
    try:
        with database.connect() as connection:
            relation = read_relation(connection, database.dialect, context.predictions, case.layout, where="models[0]")
            assert relation is not None
            counts = list(CountsReader(context, database.dialect, relation, connection, Learned()).read(start, end, width))
            rows, refused = Tally(), Rejected()
            profiler = Profiler(case.layout, bucket_seconds=width, segments=case.segments) if case.layout is not None else None
            for batch in RowsReader(database, relation, connection).read(start, end, width):
                refused.merge(batch.rejected)
                for events in batch.events:
                    labels = context.labels_of(events.versions.unique(maintain_order=True).to_list())
                    versions = pl.Series([labels[version] for version in events.versions.to_list()], dtype=pl.String)
                    named = type(events)(events.times, versions, events.failed, events.latencies, events.columns, events.states)
                    has_status = relation.schema.status is not None
                    rows.add(tally_of(named, profiler, context.traffic, has_status=has_status))
    finally:
        database.close()
    counted, also_refused = Tally(), Rejected()
    for batch in counts:
        assert not batch.events
        assert batch.tally is not None
        counted.add(batch.tally)
        also_refused.merge(batch.rejected)
    return rows, counted, refused, also_refused


def check(case: Case, folder: Path, start: int = START - 7200, end: int = START + 7200, width: int = 60) -> Tally:
    """Check that both modes count the same; return it."""
    rows, counted, refused, also_refused = both(case, folder, start, end, width)
    assert also_refused.counts == refused.counts
    assert_same(rows, counted)
    return counted


def assert_same(one: Tally, other: Tally) -> None:
    """Check that tallies are the same: counts, times and extremes exactly, sums to rounding."""
    assert other.events == one.events
    assert other.newest == one.newest
    assert set(other.profiles) == set(one.profiles)
    for key, profile in one.profiles.items():
        same = other.profiles[key]
        np.testing.assert_array_equal(same.counts, profile.counts, err_msg=str(key))
        np.testing.assert_array_equal(same.extremes, profile.extremes, err_msg=str(key))
        largest = _largest(profile.extremes, profile.layout)
        beyond = largest > 1e140
        np.testing.assert_array_equal(np.isinf(same.sums).all(axis=0), beyond, err_msg=str(key))
        size = np.where(beyond, 1.0, largest) * profile.rows
        for power, sums, others in zip((1, 2), profile.sums, same.sums, strict=True):
            off = np.abs(np.where(beyond, 0.0, sums) - np.where(beyond, 0.0, others))
            assert np.all(off <= 1e-12 * size**power), (key, sums, others)
    assert set(other.traffic) == set(one.traffic)
    for version, traffic in one.traffic.items():
        same_traffic = other.traffic[version]
        for name in ("first_seen", "last_seen", "requests", "failed", "slow", "classes"):
            assert getattr(same_traffic, name) == getattr(traffic, name), (version, name)
        _assert_same_histogram(traffic.durations, same_traffic.durations)
        _assert_same_histogram(traffic.values, same_traffic.values)
        assert set(same_traffic.scores) == set(traffic.scores)
        for name, scores in traffic.scores.items():
            _assert_same_histogram(scores, same_traffic.scores[name])


def _largest(extremes: Any, layout: Layout) -> Any:
    """Return the largest |z| of each numeric column."""
    with np.errstate(over="ignore", invalid="ignore"):
        ends = np.stack([extremes[0], -extremes[1]])
        z = np.abs((ends - layout.centers) / layout.scales)
    return np.where(np.isfinite(ends), z, 0.0).max(axis=0, initial=0.0)


def _assert_same_histogram(one: Histogram | None, other: Histogram | None) -> None:
    if one is None or other is None:
        assert one is other
        return
    assert other.counts == one.counts
    assert (
        other.total == one.total or math.isclose(other.total, one.total, rel_tol=1e-9, abs_tol=1e-9) or abs(one.total) > 1e140
    )


# The law


REGIONS = (
    "north",
    "1",
    "1.0",
    "1e0",
    "Ä",
    "ä",
    "",
    "other",
    "a ",
    "a",
    "North",
    "NaN",
    "[1, 2]",
    '{"a": 1}',
    "[x]",
    "🙂",
    "'",
    "%",
    None,
)


def mixed(count: int = 400, seed: int = 3) -> list[Row]:
    """Return rows with a bit of everything that every database can hold."""
    random = np.random.default_rng(seed)
    exact = [*EDGES, *(math.nextafter(edge, -math.inf) for edge in EDGES), 0.0, -0.0, 1e300, -1e300, 5e-324, 1e-200, None]

    def one_of(values: Sequence[Any]) -> Any:
        return values[int(random.integers(len(values)))]

    return [
        row(
            float(random.integers(-300_000_000, 300_000_000)) / 1e6,
            id=one_of(["i"] * 9 + [None]),
            version=one_of(["v1", "v2", "V2", "", None, "[x]", "a "]),
            status=one_of([200, 200, 200, 404, 500, 0, 1, None]),
            latency_ms=one_of([0.0, 1.0, 10.0, 29.999, 30.0, 31.0, -1.0, 1e9, None]),
            amount=one_of([one_of(exact), float(random.normal(0, 3))]),
            count=one_of([-1, 0, 9, 10, 11, 2**53 + 1, -(2**62), None]),
            plain=one_of([float(random.normal()), None]),
            region=one_of(REGIONS),
            flag=one_of([True, False, None]),
            level=one_of([3, 7, 8, 2**53 + 1, 2**53, -1, None]),
            decision=one_of(["yes", "no", "maybe", None]),
            score=one_of([0.0, 0.1, 0.3, 0.5, 0.30000000000000004, 1.0, 1.5, -0.5, None]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("segments", [(), ("region",), ("region", "flag")])
def test_both_modes_count_the_same(database: Database, tmp_path: Path, segments: tuple[str, ...]) -> None:
    """Counts, extremes, sums and traffic are the same, of all events and of segments."""
    create(database, COLUMNS, mixed())
    counted = check(Case(database, segments=segments), tmp_path)
    assert counted.events > 300
    assert len({key.segment for key in counted.profiles}) > 3 * len(segments)
