"""Aggregate mode counts what rows mode counts, bin by bin."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counting import context_of, tally_of
from databases import Database, new_file
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.counting.tally import Tally
from prediction_exporter.counting.traffic import Histogram
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.recognise import log_schema
from prediction_exporter.sources.table import engine
from prediction_exporter.sources.table.counts import CountsReader
from prediction_exporter.sources.table.groups import Groups, Learned
from prediction_exporter.sources.table.kinds import KINDS
from prediction_exporter.sources.table.measures import Measures
from prediction_exporter.sources.table.relation import Relation, read_relation
from prediction_exporter.sources.table.rows import RowsReader
from prediction_exporter.sources.table.slots import Slots
from prediction_exporter.sources.table.statements import Part, Statements
from prediction_exporter.sources.table.time_column import time_column
from prediction_exporter.sources.table.warehouses import TRINO
from typed_events import made, presence

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
                    named = replace(events, versions=versions)
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
            assert np.all(off <= 1e-12 * size**power + 1e-130), (key, sums, others)
    assert set(other.traffic) == set(one.traffic)
    for version, traffic in one.traffic.items():
        same_traffic = other.traffic[version]
        for name in ("first_seen", "last_seen", "requests", "failed", "slow", "classes", "statuses", "stages"):
            assert getattr(same_traffic, name) == getattr(traffic, name), (version, name)
        assert set(same_traffic.sums) == set(traffic.sums)
        for name, of in traffic.sums.items():
            found = same_traffic.sums[name]
            assert (found.valid, found.missing, found.invalid) == (of.valid, of.missing, of.invalid), (version, name)
            assert found.total == pytest.approx(of.total, rel=1e-12), (version, name)
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


@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
def test_sets_of_groups_count_the_same(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warehouses that cannot be run here are asked in this style, which these two engines understand."""
    monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], style="grouping_sets"))
    database: Database = request.getfixturevalue(kind)
    create(database, COLUMNS, mixed())
    assert check(Case(database, segments=("region",)), tmp_path).events > 300


def test_profiles_are_those_of_the_events(database: Database, tmp_path: Path) -> None:
    """What the engine counts is what a person would count of these rows."""
    rows = [row(1, amount=0.1, region="1.0", decision="yes"), row(2, amount=0.09, region="x"), row(3, status=500, amount=1)]
    create(database, COLUMNS, rows)
    tally = check(Case(database), tmp_path)
    ((key, profile),) = tally.profiles.items()
    assert (key.version, key.segment, key.bucket) == ("unknown", "all", START)
    assert profile.rows == 2
    assert profile.column_values("amount").tolist() == [0, 1, 1, 0, 0, 0]
    assert profile.column_values("region").tolist() == [0, 1, 0, 0, 0, 0, 1]
    assert profile.column_values("decision").tolist() == [1, 0, 0]
    assert tally.traffic["unknown"].failed == 1
    assert tally.traffic["unknown"].requests == tally.events == 3
    assert tally.newest == START + 3


# Spans


@pytest.mark.parametrize(
    ("start", "end", "width"),
    [
        (-7200, 7200, 3600),
        (-61, 121, 60),
        (-300, 300, 300),
        (-60, 420, 300),
        (60, 120, 300),
        (60, 300, 300),
        (0, 1, 1),
        (-7, 8, 5),
    ],
)
def test_spans_may_cut_slices(database: Database, tmp_path: Path, start: int, end: int, width: int) -> None:
    """What lies in a span is counted and nothing else, in slices of the width."""
    create(database, COLUMNS, mixed(300))
    tally = check(Case(database, segments=("flag",)), tmp_path, START + start, START + end, width)
    assert {key.bucket % width for key in tally.profiles} <= {0}


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("Europe/Berlin", ("2026-03-08", "2026-03-29", "2026-10-25")),
        ("America/New_York", ("2026-03-08", "2026-11-01")),
        ("Australia/Lord_Howe", ("2026-04-05", "2026-10-04")),
    ],
)
@pytest.mark.parametrize("kind", ["local", "text"])
@pytest.mark.parametrize("width", [60, 3600])
def test_local_times(database: Database, tmp_path: Path, zone: str, days: Sequence[str], kind: str, width: int) -> None:
    """Local times are those of their zone, also when clocks are put forward or back, as on all of these days but the first."""
    rows = []
    for day in days:
        for minutes in range(0, 300, 10):
            at = datetime.fromisoformat(day) + timedelta(minutes=minutes, seconds=minutes % 50)
            time = at if kind == "local" else at.isoformat(" ", "microseconds")
            rows.append(row(0, ts=time, amount=float(minutes % 7), flag=True))
    local = {"sqlite": "TEXT", "duckdb": "TIMESTAMP", "postgresql": "TIMESTAMP", "mariadb": "DATETIME(6)"}
    if kind == "local" and database.kind == "sqlite":
        pytest.skip("it has no timestamps")
    create(database, {**COLUMNS, "ts": local[database.kind] if kind == "local" else "text"}, rows)
    case = Case(database, timezone=zone, segments=("flag",))
    for day in sorted({str(of_one["ts"])[:10] for of_one in rows}):
        start = int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()) + 1860
        check(case, tmp_path, start, start + 4 * 3600, width)


@pytest.mark.parametrize(("unit", "declared"), [("s", "int"), ("ms", "int"), ("us", "int"), ("s", "double"), ("ms", "double")])
def test_epoch_numbers(database: Database, tmp_path: Path, unit: str, declared: str) -> None:
    """Times may be numbers since 1970."""
    factor = {"s": 1, "ms": 1000, "us": 1_000_000}[unit]
    rows = [{**of_one, "ts": of_one["ts"] * factor} for of_one in mixed(200)]
    if declared == "int":
        rows = [{**of_one, "ts": int(of_one["ts"])} for of_one in rows]
    create(database, {**COLUMNS, "ts": declared}, rows)
    tally = check(Case(database, fields={**FIELDS, "time": {"field": "ts", "unit": unit}}), tmp_path)
    assert tally.events > 100


# Values

FLOATS = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    0.1,
    math.nextafter(0.1, 0),
    7.25,
    1e308,
    -1e308,
    1.7976931348623157e308,
    5e-324,
)


@pytest.mark.parametrize("declared", ["double", "REAL"])
def test_numbers_that_are_none(database: Database, tmp_path: Path, declared: str) -> None:
    """NaN and infinities are no values, and huge and tiny numbers are."""
    floats: list[float | None] = [None, *FLOATS]
    if database.kind == "mariadb" and declared == "REAL":
        pytest.skip("the same as a double")
    if database.kind == "mariadb":
        floats = [value for value in floats if value is None or math.isfinite(value)]
    if database.kind == "postgresql" and declared == "REAL":
        floats = [value for value in floats if not value or not math.isfinite(value) or 1e-30 < abs(value) < 1e30]
    if database.kind == "duckdb" and declared == "REAL":
        declared = "FLOAT"
        floats = [value for value in floats if value is None or not math.isfinite(value) or abs(value) < 1e30]
    names = ("amount", "plain", "score", "latency_ms")
    rows = [row(i, **{name: floats[(i + j) % len(floats)] for j, name in enumerate(names)}) for i in range(len(floats))]
    create(database, {**COLUMNS, **dict.fromkeys(names, declared)}, rows)
    check(Case(database), tmp_path)


def test_integers_and_decimals_become_the_nearest_doubles(database: Database, tmp_path: Path) -> None:
    """Numbers that are no doubles are rounded to the nearest before they are compared, as rows mode does."""
    if database.kind == "sqlite":
        pytest.skip("it has no decimals")
    random = np.random.default_rng(5)
    digits = [
        int(random.integers(10**17, 10**18)) * 10 ** int(random.integers(0, 3)) + int(random.integers(0, 99))
        for _ in range(300)
    ]
    decimals: list[Decimal | None] = [Decimal(number) / 10**9 for number in digits]
    decimals += [Decimal("0.1"), Decimal("0.3"), Decimal("1.000000001"), Decimal("9007199254.740993001"), None]
    nearest = sorted({float(value) for value in decimals if value is not None})
    layout = Layout([Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=tuple(nearest))])
    types = {"time": "time", "amount": "DECIMAL(30, 9)"}
    create(database, types, [{"time": START, "amount": value} for value in decimals])
    case = Case(database, layout=layout, fields={"time": "time", "features": ["amount"]})
    assert check(case, tmp_path).events == len(decimals)
    whole = [2**53 + 1, 2**53 + 3, 2**62 + 1, -(2**53) - 1, *(int(number) for number in random.integers(2**53, 2**62, 200))]
    layout = Layout(
        [Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=tuple(sorted({float(v) for v in whole})))]
    )
    create(database, {**types, "amount": "BIGINT"}, [{"time": START, "amount": value} for value in whole])
    case = Case(database, layout=layout, fields={"time": "time", "features": ["amount"]})
    assert check(case, tmp_path).events == len(whole)


def test_edges_are_exact(database: Database, tmp_path: Path) -> None:
    """A value at an edge is in the bin above it, and its neighbour in the one below, whatever the digits of both."""
    random = np.random.default_rng(9)
    bits = random.integers(0, 2**63, 150, dtype=np.uint64)
    values = [float(value) for value in bits.view(np.float64) if np.isfinite(value) and abs(value) > 1e-300]
    edges = tuple(sorted({sign * value for value in [*values, 0.1, 1 / 3, 1e22, 123456789.123456789] for sign in (-1, 1)}))
    found = list(edges) + [math.nextafter(edge, -math.inf) for edge in edges]
    layout = Layout([Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges)])
    create(database, {"time": "time", "amount": "double"}, [{"time": START, "amount": value} for value in found])
    case = Case(database, layout=layout, fields={"time": "time", "features": ["amount"]})
    rows, counted, _, _ = both(case, tmp_path, START, START + 60)
    assert_same(rows, counted)
    ((_, profile),) = counted.profiles.items()
    assert profile.column_values("amount").tolist() == [1, *[2] * (len(edges) - 1), 1]


def test_booleans_and_empty_columns(database: Database, tmp_path: Path) -> None:
    """A boolean is no number; a column without any value is one of missing numbers."""
    rows = [row(i, amount=value, decision="yes") for i, value in enumerate([True, False, None])]
    create(database, {**COLUMNS, "amount": "bool"}, rows)
    if TYPES[database.kind]["bool"] == "BOOLEAN" and database.kind != "mariadb":
        ((_, profile),) = check(Case(database), tmp_path).profiles.items()
        assert profile.states[0].tolist() == [1, 2, 0]
    else:
        check(Case(database), tmp_path)


def test_text_in_a_column_of_numbers_is_refused(database: Database, tmp_path: Path) -> None:
    """The message says what can be done about it."""
    if database.kind == "sqlite":
        pytest.skip("each of its values has a type of its own")
    create(database, {**COLUMNS, "amount": "text"}, [row(0, amount="1.5")])
    with pytest.raises(
        ConfigError, match=r"models\[0\].predictions.fields: amount holds str.*'1.5'.*write a query that casts it"
    ):
        check(Case(database), tmp_path)


def test_what_an_engine_is_not_asked_for_is_told_and_not_counted(
    duckdb: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Lists, dates as text, texts that are numbers now: the rest counts, and rows mode counts these too."""
    layout = Layout(
        [
            presence("tags", Held.CONTAINER),
            made("tags", Function.LENGTH, Held.CONTAINER, (0.0, 2.0)),
            presence("signup", Held.TEXT),
            made("signup", Function.AGE_DAYS, Held.TEXT, (0.0, 5.0)),
            presence("note", Held.TEXT),
            made("note", Function.LENGTH, Held.TEXT, (0.0, 2.0)),
            presence("name", Held.TEXT),
            made("name", Function.LENGTH, Held.TEXT, (0.0, 2.0)),
        ]
    )
    create(duckdb, {"ts": "time", "tags": "VARCHAR[]", "signup": "text", "note": "int", "name": "text"}, [])
    for name, tags in (("an", "['a', 'b']"), ("", "[]"), ("anna", "NULL")):
        duckdb.execute(f"INSERT INTO predictions VALUES ('2026-01-01 10:30:00Z', {tags}, '2026-01-01', 12, '{name}')")
    rows, counted, _, _ = both(Case(duckdb, layout, fields={"time": "ts"}), tmp_path, START, START + 7200, 7200)
    [by_rows], [by_engine] = rows.profiles.values(), counted.profiles.values()
    assert by_engine.column_values("length(name)").tolist() == by_rows.column_values("length(name)").tolist() == [0, 1, 2]
    assert by_engine.column_values("tags").tolist() == by_rows.column_values("tags").tolist() == [2]
    for name, counts in (("length(tags)", [0, 1, 1]), ("age_days(signup)", [0, 3, 0]), ("length(note)", [0, 0, 3])):
        assert by_rows.column_values(name).tolist() == counts
        assert by_engine.column_values(name).tolist() == [0, 0, 0]
        assert by_engine.states[layout.index(name)].tolist() == [3, 0, 0]
    [told] = [record.getMessage() for record in caplog.records if "does not count" in record.getMessage()]
    for name in ("length(tags) (lists are not looked into)", "age_days(signup) (", "length(note) (the column is no text)"):
        assert name in told
    assert "length(name)" not in told


def test_every_value_of_sqlite_has_a_type_of_its_own(sqlite: Database, tmp_path: Path) -> None:
    """Text that reads as a number is one, and other text is invalid."""
    texts = [
        "1.5",
        "0.1",
        "abc",
        "12abc",
        "",
        " ",
        "-2",
        "1e3",
        "nan",
        "inf",
        "-Infinity",
        "0x10",
        b"1.5",
        b"\xff",
        3,
        2.5,
        None,
    ]
    create(
        sqlite,
        {**COLUMNS, "amount": "", "plain": "TEXT", "region": ""},
        [row(i, amount=value, plain=value, region=value, version="1" if i % 2 else "2") for i, value in enumerate(texts)],
    )
    check(Case(sqlite), tmp_path)


# Categories


def test_texts_are_compared_byte_by_byte(database: Database, tmp_path: Path) -> None:
    """Collations that hold different texts for equal change nothing."""
    collations = {
        "sqlite": "TEXT COLLATE NOCASE",
        "duckdb": "VARCHAR COLLATE NOCASE",
        "postgresql": "TEXT",
        "mariadb": "VARCHAR(50) COLLATE utf8mb4_unicode_ci",
    }
    texts = [
        "a",
        "A",
        "ä",
        "Ä",
        "a\u0308",
        "a ",
        " a",
        "ß",
        "ss",
        "日本",
        "🙂",
        "\\",
        "'",
        '"',
        "%",
        "_",
        "a%",
        "\n",
        "",
        ":x",
        "?",
    ]
    layout = Layout(
        [
            Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=tuple(texts[::2])),
            Column(name="also", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=tuple(texts)),
        ]
    )
    rows = [{"time": START + i, "region": text, "also": text, "version": text} for i, text in enumerate(texts * 2)]
    names = ("region", "also", "version")
    create(database, {"time": "time", **dict.fromkeys(names, collations[database.kind])}, rows)
    fields = {"time": "time", "version": "version", "features": ["region", "also"]}
    tally = check(Case(database, layout=layout, fields=fields, segments=("also",)), tmp_path)
    assert len({key.version for key in tally.profiles}) == len(texts)
    assert len({key.segment for key in tally.profiles}) == len(texts) + 1


def test_types_of_postgresql(postgresql: Database, tmp_path: Path) -> None:
    """Padded text, names of enumerations and numerics are what rows mode makes of them."""
    postgresql.execute("CREATE TYPE colour AS ENUM ('red', 'blue', 'Green')")
    layout = Layout(
        [
            Column(name="padded", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a  ", "b")),
            Column(name="colour", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("red", "green")),
            Column(name="share", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("1.5", "2")),
            Column(name="day", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("2026-01-31",)),
            Column(name="number", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.1, 0.3)),
        ]
    )
    types = {
        "time": "time",
        "padded": "CHAR(3)",
        "colour": "colour",
        "share": "NUMERIC(10, 2)",
        "day": "DATE",
        "number": "NUMERIC",
    }
    days = [datetime(2026, 1, 31, tzinfo=UTC).date(), datetime(2026, 2, 1, tzinfo=UTC).date(), None]
    rows = [
        {
            "time": START + i,
            "padded": ["a", "b", None][i % 3],
            "colour": ["red", "blue", "Green", None][i % 4],
            "share": [Decimal("1.50"), Decimal(2), Decimal("2.01"), None][i % 4],
            "day": days[i % 3],
            "number": [Decimal("0.1"), Decimal("NaN"), Decimal("0.30000000000000000001"), None][i % 4],
        }
        for i in range(24)
    ]
    create(postgresql, types, rows)
    fields = {"time": "time", "features": ["padded", "colour", "share", "day", "number"]}
    check(Case(postgresql, layout=layout, fields=fields), tmp_path)


@pytest.mark.parametrize("declared", ["int", "double", "text"])
def test_numbers_that_are_categories(database: Database, tmp_path: Path, declared: str) -> None:
    """The same number is the same category, however it is stored and spelled."""
    categories = ("1", "2.5", "0", "10000000000000000", "9007199254740993", "true", "1e-07", "-3")
    numbers: list[Any] = [1, 2, 0, 10**16, 2**53 + 1, 2**53, -3, None]
    if declared == "double":
        numbers = [1.0, 2.5, -0.0, 0.0, 1e16, 2.0**53, 1e-7, 1.0000000000000002, -3.0, None]
    if declared == "text":
        numbers = [
            "1",
            "1.0",
            "01",
            "1e0",
            "2.50",
            "-0",
            "-0.0",
            "1E+16",
            "9007199254740993",
            "9007199254740993.0",
            "0.0000001",
        ]
        numbers += ["True", "TRUE", "true", "1.0000000000000000000001", "-3.000", "+1", ".5", "1.", "1e400", None]
    layout = Layout([Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=categories)])
    create(
        database, {"time": "time", "region": declared}, [{"time": START + i, "region": v} for i, v in enumerate(numbers * 3)]
    )
    check(Case(database, layout=layout, fields={"time": "time", "features": ["region"]}, segments=("region",)), tmp_path)


def test_many_distinct_texts_stay_in_the_database(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a column with very many values few cross the wire, be they spelled like numbers, lists or words."""
    texts = [f"{i}.0" for i in range(2, 2002)] + [f"[{i}]" for i in range(2000)] + [f'{{"id": {i}}}' for i in range(2000)]
    texts += [f"new-{i}" for i in range(4000)] + ["1.0"] * 50 + ["north"] * 50
    layout = Layout([Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north", "1"))])
    create(database, {"time": "int", "region": "text"}, [])
    database.execute("INSERT INTO predictions VALUES " + ", ".join(f"({START}, '{text}')" for text in texts))
    asked: list[int] = []
    ask = CountsReader._ask

    def counting(*arguments: Any) -> list[Any]:
        found = ask(*arguments)
        asked.append(len(found))
        return found

    monkeypatch.setattr(CountsReader, "_ask", counting)
    case = Case(database, layout=layout, fields={"time": "time", "features": ["region"]})
    rows, counted, _, _ = both(case, tmp_path, START, START + 60)
    assert sum(asked) <= 1000
    ((_, profile),) = counted.profiles.items()
    ((_, exact),) = rows.profiles.items()
    assert profile.column_values("region")[:2].tolist() == exact.column_values("region")[:2].tolist() == [50, 50]
    # Lists of numbers beyond those that were asked for are taken for texts that nobody knows, and nothing else is.
    assert profile.states.sum() >= 2000
    assert profile.column_values("region")[2] <= 8000
    assert profile.counts.sum() == exact.counts.sum()


# Sums

LARGEST = sys.float_info.max

#: Doubles, and the sum, the number of valid values, and of invalid ones that a person would count of them.
SUMMED: list[tuple[list[float | None], tuple[float, int, int]]] = [
    ([0.5, 0.25, None, -1.0, 0.0], (0.75, 3, 1)),
    ([-0.0, 5e-324, -5e-324], (5e-324, 2, 1)),
    ([math.nan, math.inf, -math.inf, 3.0], (3.0, 1, 3)),
    ([1e300, 2.0**960, 1.0], (math.fsum([1e300, 2.0**960]), 3, 0)),  # none of an engine's sums overflows
    ([LARGEST], (LARGEST, 1, 0)),
    ([LARGEST, LARGEST, -LARGEST], (math.inf, 2, 1)),
    ([None, None], (0.0, 0, 0)),
]


@pytest.mark.parametrize(("values", "expected"), SUMMED)
def test_sums_of_doubles(
    database: Database, tmp_path: Path, values: list[float | None], expected: tuple[float, int, int]
) -> None:
    """Finite numbers from 0 on are added, of failed requests too; the rest is told apart, of each version and each slice."""
    if database.kind == "mariadb":
        kept = [value for value in values if value is None or math.isfinite(value)]
        expected = (*expected[:2], expected[2] - (len(values) - len(kept)))
    elif database.kind == "sqlite":  # NaN is stored as null
        kept = [None if value is not None and math.isnan(value) else value for value in values]
        expected = (*expected[:2], expected[2] - sum(value is None for value in kept) + sum(value is None for value in values))
    else:
        kept = values
    rows = [
        row(60 * i, version=version, status=(200, 500)[i % 2], plain=value)
        for version in ("v1", "v2")
        for i, value in enumerate(kept)
    ]
    create(database, COLUMNS, rows)
    fields = {**FIELDS, "sums": {"plain": "plain", "gone": "nowhere"}}
    traffic = check(Case(database, fields=fields, segments=("region",)), tmp_path).traffic
    total, valid, invalid = expected
    for version in ("v1", "v2"):
        of = traffic[version].sums["plain"]
        assert (of.total, of.valid, of.missing, of.invalid) == (total, valid, len(kept) - valid - invalid, invalid)
        of = traffic[version].sums["gone"]
        assert (of.total, of.valid, of.missing, of.invalid) == (0.0, 0, len(kept), 0)


def test_sums_of_other_types(database: Database, tmp_path: Path) -> None:
    """Integers and decimals as doubles; booleans are no amounts where there are such; a row without an id is no request."""
    types = {**COLUMNS, "share": "DECIMAL(12, 3)" if database.kind != "sqlite" else "REAL"}
    rows = [
        row(1, count=2**53 + 1, flag=True, share=Decimal("0.125") if database.kind != "sqlite" else 0.125),
        row(2, count=-5, flag=False, share=Decimal("2.5") if database.kind != "sqlite" else 2.5),
        row(3, count=7, id=None, share=None),
        row(4, share=None),
    ]
    create(database, types, rows)
    fields = {**FIELDS, "sums": ["count", "flag", "share"]}
    sums = check(Case(database, fields=fields), tmp_path).traffic["unknown"].sums
    assert (sums["count"].total, sums["count"].valid, sums["count"].invalid) == (2.0**53, 1, 1)
    assert (sums["share"].total, sums["share"].valid, sums["share"].missing) == (2.625, 2, 1)
    if database.kind in ("postgresql", "duckdb"):
        assert (sums["flag"].valid, sums["flag"].missing, sums["flag"].invalid) == (0, 1, 2)


def test_sums_of_texts(database: Database, tmp_path: Path) -> None:
    """Where each value has a type of its own they are the numbers that they read as; elsewhere the query casts them."""
    texts = ["1.5", "1e2", "-2", "nan", "inf", "", "x", "0x10", "1,5", None, "[1]", " 7"]
    create(database, {**COLUMNS, "plain": "text"}, [row(i, plain=text) for i, text in enumerate(texts)])
    fields = {**{name: of for name, of in FIELDS.items() if name != "features"}, "sums": {"usd": "plain"}}
    case = Case(database, layout=None, fields=fields)
    if database.kind != "sqlite":
        with pytest.raises(
            ConfigError, match=r"predictions\.fields: plain holds str, .*write a query that casts it, or mode: rows"
        ):
            check(case, tmp_path)
        return
    of = check(case, tmp_path).traffic["unknown"].sums["usd"]
    assert (of.total, of.valid, of.missing, of.invalid) == (101.5, 2, 1, 9)


# Versions and statuses


def test_versions_beyond_the_bound_are_other(database: Database, tmp_path: Path) -> None:
    """The bound is the ledger's; and of versions without end the rarest are not even asked for."""
    rows = [row(i % 50, version=f"v{i}" if i < 1200 else f"v{i % 5}", amount=1.0) for i in range(1500)]
    create(database, COLUMNS, rows)

    def labels(versions: Sequence[str | None]) -> dict[str | None, str]:
        return {version: version if version in {"v0", "v1"} else "other" for version in versions}

    tally = check(Case(database, labels_of=labels), tmp_path)
    assert {version: counted.requests for version, counted in tally.traffic.items()} == {"v0": 61, "v1": 61, "other": 1378}


@pytest.mark.parametrize("declared", ["text", "int", "bool"])
def test_statuses(database: Database, tmp_path: Path, declared: str) -> None:
    """What means failure is what it means in rows mode."""
    statuses: list[Any] = [200, 404, 499, 500, 503, 0, 1, 99, 100, -1, None]
    if declared == "text":
        statuses = [
            "200",
            "500",
            "OK",
            "ok",
            "Success",
            "",
            "error",
            "null",
            "nan",
            "inf",
            "0.0",
            "1e2",
            "true",
            "False",
            "[]",
            "x" * 150,
            "200 OK",
            "HTTP/1.1 503",
            "HTTP/1.1 200 " + "OK " * 40,
            "503 " + "x" * 100,
            "StatusCode.OK",
            "UNSET",
            "STATUS_CODE_ERROR",
            "completed",
            "INVALID_ARGUMENT",
            "2xx",
        ]
        statuses += [f"error number {i}" for i in range(1100)]
    if declared == "bool":
        statuses = [True, False, None]
    create(database, {**COLUMNS, "status": declared}, [row(0.0, status=status, amount=1.0) for status in statuses])
    counted = check(Case(database), tmp_path).traffic["unknown"]
    assert counted.failed is not None
    assert 0 < counted.failed < len(statuses)
    assert counted.statuses is not None
    assert sum(counted.statuses.values()) == counted.requests


def test_refused_rows_that_hold_nothing(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in no profile, of no version and no segment; NaN is nothing where it counts as missing."""
    has_nan = database.kind in ("postgresql", "duckdb")
    nan = math.nan if has_nan else None
    rows = [
        row(0, status=200),
        *(row(at, status=status) for at, status in enumerate([404, 422, 429, 503])),
        row(5, status=422, version="v2"),  # all of its version
        row(6, status=404, plain=nan),
        row(7, status=404, region="NaN"),
        row(8, status=404, amount=nan),
        row(9, status=404, region="a"),
        row(10, status=404, flag=False),
        row(11, status=404, level=0, latency_ms=3.0),
    ]
    columns = [replace(c, nan_is_missing=c.name in ("plain", "region")) for c in LAYOUT.columns]
    create(database, COLUMNS, rows)
    case = Case(database, layout=Layout(columns), segments=("region",))
    counted = check(case, tmp_path)
    assert {key.version for key in counted.profiles} == {"unknown"}
    whole = sum(profile.rows for key, profile in counted.profiles.items() if key.segment == "all")
    assert whole == 4 + has_nan
    assert sum(of.requests for of in counted.traffic.values()) == counted.events == len(rows)
    if has_nan:  # these have sets of groups, too
        monkeypatch.setitem(KINDS, database.kind, replace(KINDS[database.kind], style="grouping_sets"))
        check(case, tmp_path)


def test_stages(database: Database, tmp_path: Path) -> None:
    """Words in any case, numbers and nothing, of several versions; a column that the table lacks says nothing of any row."""
    words = ["champion", "Production", " shadow", "CANARY", "blue", "", None, "x" * 100, "1"]
    rows = [row(i, version=f"v{i % 2}", stage=word, status=(200, 500)[i % 3 == 0]) for i, word in enumerate(words)]
    create(database, {**COLUMNS, "stage": "text"}, rows)
    tally = check(Case(database, fields={**FIELDS, "stage": "stage"}), tmp_path)
    assert tally.traffic["v0"].stages == {"champion": 1, "shadow": 1, "other": 2, "none": 1}
    assert tally.traffic["v1"].stages == {"champion": 1, "challenger": 1, "none": 1, "other": 1}
    absent = check(Case(database, fields={**FIELDS, "stage": "role"}), tmp_path)
    assert absent.traffic["v1"].stages == {"none": 4}
    assert check(Case(database), tmp_path).traffic["v1"].stages is None
    create(database, {**COLUMNS, "stage": "text"}, [row(i / 100, stage=f"stage {i}") for i in range(1100)])
    crowded = check(Case(database, fields={**FIELDS, "stage": "stage"}), tmp_path)
    assert crowded.traffic["unknown"].stages == {"other": 1100}


@pytest.mark.parametrize("stated", [{"failed": ["lost", "5", "x" * 100]}, {"ok": ["fine", "x" * 100, 200]}])
def test_stated_statuses(database: Database, tmp_path: Path, stated: dict[str, Any]) -> None:
    """Those that the configuration states mean what it says, long ones too, in rows mode and in SQL."""
    statuses = ["lost", "LOST", "fine", "5", "5.0", "200", "503", "", None, "x" * 100, "y" * 100]
    create(database, {**COLUMNS, "status": "text"}, [row(0.0, status=status, amount=1.0) for status in statuses])
    fields = {**FIELDS, "status": {"field": "status", **stated}}
    counted = check(Case(database, fields=fields), tmp_path).traffic["unknown"]
    assert counted.failed == (5 if "failed" in stated else 7)


def test_what_was_learned_is_used_and_renewed(database: Database, tmp_path: Path) -> None:
    """A reader that knows the versions of an hour ago finds those of now."""
    context = Case(database).context(tmp_path)
    create(
        database,
        COLUMNS,
        [row(i, version=f"v{i // 60}", region="1.0" if i < 120 else "1e0", status=i) for i in range(0, 600, 7)],
    )
    table = context.predictions.table
    assert table is not None
    opened = engine.Database(table, where="models[0]")
    learned, tally = Learned(), Tally()
    with opened.connect() as connection:
        relation = read_relation(connection, opened.dialect, context.predictions, LAYOUT, where="models[0]")
        assert relation is not None
        for at in range(0, 600, 60):
            reader = CountsReader(context, opened.dialect, relation, connection, learned)
            for batch in reader.read(START + at, START + at + 60, 60):
                assert batch.tally is not None
                tally.add(batch.tally)
    opened.close()
    rows, _, _, _ = both(Case(database), tmp_path, START, START + 600)
    assert_same(rows, tally)


# Without some of the fields


def test_a_model_without_a_layout_has_traffic(database: Database, tmp_path: Path) -> None:
    """Where only the service is watched there are no profiles."""
    create(database, COLUMNS, mixed(200))
    fields = {name: FIELDS[name] for name in ("time", "version", "status", "latency")}
    tally = check(Case(database, layout=None, fields=fields), tmp_path)
    assert not tally.profiles
    assert tally.events > 150


def test_a_number_is_predicted(database: Database, tmp_path: Path) -> None:
    """A prediction that is a number has a histogram, by its drift bins; what is not told is absent."""
    column = Column(name="price", role=Role.PREDICTION, kind=Kind.NUMERIC, edges=(0.1, 0.3, 7.0), drift_edges=(0.3, 7.0))
    values = [0.0, 0.1, 0.3, 0.30000000000000004, 7.0, 7.1, -1.0, 1e200, None]
    create(database, {"time": "time", "price": "double"}, [{"time": START + i, "price": v} for i, v in enumerate(values)])
    tally = check(Case(database, layout=Layout([column]), fields={"time": "time", "prediction": "price"}), tmp_path)
    counted = tally.traffic["unknown"]
    assert (counted.failed, counted.durations, counted.slow) == (None, None, None)
    assert counted.values is not None
    assert counted.values.counts == [4, 2, 2]


def test_a_hundred_columns_with_many_edges(database: Database, tmp_path: Path) -> None:
    """No limit of an engine is in the way."""
    edges = tuple(i / 7 for i in range(64))
    columns = [Column(name=f"f{i}", role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges, center=float(i)) for i in range(90)]
    categories = tuple(f"c{i}" for i in range(50))
    columns += [Column(name=f"g{i}", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=categories) for i in range(10)]
    random = np.random.default_rng(1)
    rows = [
        {"time": START + i, **{c.name: float(random.normal(4, 3)) if c.edges else f"c{random.integers(60)}" for c in columns}}
        for i in range(100)
    ]
    create(database, {"time": "time", **{c.name: "double" if c.edges else "VARCHAR(10)" for c in columns}}, rows)
    fields = {"time": "time", "features": [column.name for column in columns]}
    check(Case(database, layout=Layout(columns), fields=fields), tmp_path)


def test_statements_compile_for_trino(tmp_path: Path) -> None:
    """What no test can run is at least SQL of its kind, with every value bound."""
    trino = pytest.importorskip("trino.sqlalchemy.dialect")
    context = Case(Database("sqlite", "x")).context(tmp_path)
    source = sqlalchemy.table("predictions", *map(sqlalchemy.column, COLUMNS))
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    samples: dict[str, list[Any]] = {
        name: [{"double": 1.5, "int": 1, "bool": True}.get(kind, "a")] for name, kind in COLUMNS.items()
    }
    schema = log_schema(
        [{**dict.fromkeys(COLUMNS, "a"), "ts": "2026-01-01T00:00:00Z"}],
        context.predictions.fields,
        LAYOUT,
        timezone="UTC",
        where="",
    )
    time = time_column(
        source.c.ts, [instant], epoch=TRINO.epoch, floor=TRINO.floor, is_utc=False, unit=None, timezone="UTC", where=""
    )
    relation = Relation(
        source=source,
        names=tuple(COLUMNS),
        samples=samples,
        codes={},
        schema=schema,
        time=time,
        time_name="ts",
        fields=(),
    )
    slots = Slots(LAYOUT, context.traffic)
    learned = Learned()
    measures = Measures(context, TRINO, relation, slots, learned.categories)
    groups = Groups(relation, measures, learned)
    connection: Any = None
    statements = Statements(connection, TRINO, relation, measures, groups, slots)
    texts = [str(query.compile(dialect=trino.TrinoDialect())) for query, _ in statements._statements(Part(0, 60, 60), 3)]
    assert len(texts) == 2
    assert all("CAST(predictions.amount AS DOUBLE)" in text and "0.1" not in text for text in texts)
    assert "GROUP BY grouping_sets((" in texts[1].replace("GROUPING SETS", "grouping_sets")


# Anything


def numbers() -> st.SearchStrategy[float]:
    """Return doubles that every database can hold."""
    return st.floats(allow_nan=False, allow_infinity=False, width=64, allow_subnormal=False)


tables = st.builds(
    lambda edges, categories, rows: (sorted(set(edges)), tuple(dict.fromkeys(categories)), rows),
    st.lists(numbers(), min_size=1, max_size=6),
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4) | st.just("1") | st.just("0.5"), max_size=4
    ),
    st.lists(
        st.tuples(
            st.integers(-200_000_000, 200_000_000),
            st.one_of(st.integers(0, 20), numbers(), st.none()),
            st.one_of(st.integers(0, 20), st.sampled_from(["1.0", "5e-1", "True", "[1]", "NaN", "[]", " "]), st.none()),
            st.sampled_from(["a", "b", None]),
            st.sampled_from([200, 500]),
        ),
        min_size=1,
        max_size=30,
    ),
)


def _anything(database: Database, folder: Path, table: Any) -> None:
    edges, categories, rows = table
    layout = Layout(
        [
            Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=tuple(edges), center=edges[0] / 2),
            Column(name="c", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=categories),
        ]
    )

    def picked(value: Any, values: Sequence[Any]) -> Any:
        return values[value % len(values)] if isinstance(value, int) and values else None if isinstance(value, int) else value

    written = [
        {"time": START + at / 1e6, "x": picked(x, edges), "c": picked(c, categories), "version": version, "status": status}
        for at, x, c, version, status in rows
    ]
    create(database, {"time": "time", "x": "double", "c": "text", "version": "text", "status": "int"}, written)
    fields = {"time": "time", "version": "version", "status": "status", "features": ["x", "c"]}
    check(Case(database, layout=layout, fields=fields, segments=("c",)), folder, START - 60, START + 61)


@given(table=tables)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_anything_in_files(kind: str, tmp_path_factory: pytest.TempPathFactory, table: Any) -> None:
    """Both modes count the same of whatever a table holds."""
    folder = tmp_path_factory.mktemp("anything")
    _anything(new_file(kind, folder), folder, table)


@given(table=tables)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_in_postgresql(postgresql: Database, tmp_path: Path, table: Any) -> None:
    """The same in PostgreSQL."""
    _anything(postgresql, tmp_path, table)


@given(table=tables)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_in_mariadb(mariadb: Database, tmp_path: Path, table: Any) -> None:
    """The same in MariaDB."""
    _anything(mariadb, tmp_path, table)
