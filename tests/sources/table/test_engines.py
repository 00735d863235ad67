"""The law of sources holds for distributed engines that really run: ClickHouse and Spark count as a log does, and come back."""

from __future__ import annotations

import itertools
import json
import math
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from sqlalchemy import text

from counting import Counted, assert_equal, context_of, count
from engines import ClickHouse, Engine, EngineDatabase, Spark
from joined_twice import Both, draw
from prediction_exporter.config import Config
from prediction_exporter.config import Table as TableSettings
from prediction_exporter.counting.layout import Layout, Role
from prediction_exporter.errors import ConfigError, SourceError
from prediction_exporter.sources.table import engine as connecting
from prediction_exporter.sources.table import joining
from typed_events import (
    FIELDS,
    MEASURED,
    NOW,
    ROLES,
    Event,
    Field,
    Json,
    category,
    countable,
    events_of,
    layout_of,
    lines,
    number,
)
from watched_table import Table, look, requests, watching, windows

#: The types of the fields in each engine; nullable where that must be said.
TYPES = {
    "clickhouse": {
        "ts": "DateTime64(6, 'UTC')",
        "status": "Nullable(Int16)",
        "version": "LowCardinality(Nullable(String))",
        "latency_ms": "Nullable(Float64)",
        "amount": "Nullable(Float64)",
        "score": "Nullable(Float64)",
        "a double": "Nullable(Float64)",
        "a single": "Nullable(Float32)",
        "a decimal": "Nullable(Decimal(20, 6))",
        "a long": "Nullable(Int64)",
        "a short": "Nullable(Int16)",
        "flag": "Nullable(Bool)",
        "color": "Nullable(Enum8('red' = 1, 'blue' = 2, 'Blue' = 3, 'é' = 4, '' = 5))",
        "key": "Nullable(UUID)",
        "day": "Nullable(Date32)",
        "signup": "Nullable(Date32)",
        "count": "Nullable(Int64)",
        "share": "Nullable(Decimal(20, 6))",
        "ratio": "Nullable(Float64)",
        "a gap": "Nullable(Float64)",
        "rate": "Nullable(Float64)",
        "yes": "Nullable(Bool)",
        "bit": "Nullable(Int16)",
        "serial": "Nullable(Int64)",
        "seen": "Nullable(Float64)",
        "": "Nullable(String)",
    },
    "spark": {
        "ts": "TIMESTAMP",
        "status": "SMALLINT",
        "latency_ms": "DOUBLE",
        "amount": "DOUBLE",
        "score": "DOUBLE",
        "a double": "DOUBLE",
        "a single": "FLOAT",
        "a decimal": "DECIMAL(20,6)",
        "a long": "BIGINT",
        "a short": "SMALLINT",
        "flag": "BOOLEAN",
        "day": "DATE",
        "signup": "DATE",
        "count": "BIGINT",
        "share": "DECIMAL(20,6)",
        "ratio": "DOUBLE",
        "a gap": "DOUBLE",
        "rate": "DOUBLE",
        "yes": "BOOLEAN",
        "bit": "SMALLINT",
        "serial": "BIGINT",
        "seen": "DOUBLE",
        "": "STRING",
    },
}

#: What each has behind the columns of a table.
STORAGE = {"clickhouse": "ENGINE = MergeTree ORDER BY tuple()", "spark": "USING parquet"}

MODES = ("rows", "aggregate")

_tables = itertools.count()


@pytest.fixture(scope="module")
def spark_engine() -> Iterator[Engine]:
    """Spark for this module."""
    engine = Spark()
    yield engine
    engine.remove()


@pytest.fixture(scope="module")
def clickhouse_engine() -> Iterator[Engine]:
    """ClickHouse for this module."""
    engine = ClickHouse()
    yield engine
    engine.remove()


def _fresh(engine: Engine) -> EngineDatabase:
    if engine.process is None:  # a test that failed left it so
        engine.start()
    return engine.new_database()


@pytest.fixture
def clickhouse(clickhouse_engine: Engine) -> EngineDatabase:
    """A fresh database of ClickHouse."""
    return _fresh(clickhouse_engine)


@pytest.fixture
def spark(spark_engine: Engine) -> EngineDatabase:
    """A fresh database of Spark."""
    return _fresh(spark_engine)


@pytest.fixture(params=["clickhouse", "spark"])
def database(request: pytest.FixtureRequest) -> EngineDatabase:
    """A fresh database of each engine."""
    found: EngineDatabase = request.getfixturevalue(request.param)
    return found


def make(database: EngineDatabase, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Make a table with columns of these types, and return its name."""
    name = f"p{next(_tables)}"
    declared = ", ".join(f"{database.quote(column)} {kind}" for column, kind in columns.items())
    database.execute(f"CREATE TABLE {name} ({declared}) {STORAGE[database.kind]}")
    database.insert(name, [{column: row[column] for column in columns} for row in rows])
    return name


def bound(value: Any) -> Any:
    """Return a value as an engine keeps it; JSON and keys are text."""
    return json.dumps(value.value) if isinstance(value, Json) else str(value) if isinstance(value, uuid.UUID) else value


def counted(folder: Path, predictions: Mapping[str, Any], layout: Layout, *, now: int = NOW, **options: Any) -> Counted:
    """Count what a source gives, however slow the machine is."""
    sources = {name: section | {"timeout": "5m"} if name == "table" else section for name, section in predictions.items()}
    return count(context_of(folder, sources, layout, clock=lambda: now, **options))


def written(folder: Path, events: Sequence[Event]) -> dict[str, Any]:
    """Write a log of events, and return its section of the configuration."""
    (folder / "app.log").write_text(lines(events))
    return {"log": {"path": "app.log", "start": "beginning"}}


# The law


def types_of(fields: Sequence[Field], kind: str) -> dict[str, str]:
    """Return the type of each field."""
    return {field.name: TYPES[kind].get(field.name, TYPES[kind][""]) for field in fields}


def summable(value: Any) -> Any:
    """Return a value without the numbers that aggregate mode adds up nothing of: their squares are infinite."""
    return 0.5 if isinstance(value, float) and 1e140 < abs(value) < math.inf else value


def drawn(examples: int) -> list[Event]:
    """Return hostile events, always the same."""
    events: list[Event] = []

    @settings(max_examples=examples, phases=[Phase.generate], derandomize=True, database=None, deadline=None)
    @given(events_of(FIELDS, 20))
    def draw(some: list[Event]) -> None:
        events.extend({name: summable(bound(value)) for name, value in event.items()} for event in some)

    draw()
    return events


def test_a_table_counts_as_the_log(database: EngineDatabase, tmp_path: Path) -> None:
    """Profiles of every slice, version and segment, and all counters, are equal bin by bin."""
    events = drawn(60)
    name = make(database, types_of(FIELDS, database.kind), events)
    log = written(tmp_path, events)
    # Some fields are for rows mode alone, and so is what texts are added up of.
    fields = {**ROLES, "sums": {name: field for name, field in MEASURED["sums"].items() if field != "a numeral"}}
    layouts = {"rows": layout_of(FIELDS), "aggregate": layout_of(countable(database.kind))}
    for mode, layout in layouts.items():
        table = {"table": {"url": database.url(), "name": name, "mode": mode}}
        one, other = (
            counted(tmp_path, {**source, "fields": fields}, layout, segments=["text", "flag"]) for source in (log, table)
        )
        assert_equal(one, other)


# Times

#: Hours in which clocks change in Berlin, and the one after.
_HOURS = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
_HOUR = timedelta(hours=1)
TIMED = Layout([number("amount"), category("decision", ["yes"], role=Role.PREDICTION)])


@dataclass(frozen=True)
class Form:
    """A type of times: the engine that has it, whether it has no zone, and what it keeps of a second."""

    kind: str
    type: str
    is_local: bool = False
    keeps: int = 1


FORMS = [
    Form("clickhouse", "DateTime64(6)"),
    Form("clickhouse", "DateTime64(3, 'Europe/Berlin')"),
    Form("clickhouse", "DateTime", keeps=1_000_000),
    Form("clickhouse", "DateTime('Europe/Berlin')", keeps=1_000_000),
    Form("spark", "TIMESTAMP"),
    Form("spark", "TIMESTAMP_NTZ", is_local=True),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.type)
def test_times_count_as_in_the_log(form: Form, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Instants are what they are, in whatever zone; local times are of the configured zone, also where clocks change."""
    database: EngineDatabase = request.getfixturevalue(form.kind)
    berlin = ZoneInfo("Europe/Berlin")
    rows: list[dict[str, Any]] = []
    for hour, minute, microsecond in itertools.product(_HOURS, (1, 20, 58), (0, 999_000)):
        instant = hour + timedelta(minutes=minute, microseconds=microsecond // form.keeps * form.keeps)
        rows.append({"ts": instant.astimezone(berlin).replace(tzinfo=None) if form.is_local else instant, "amount": 1.0})
    name = make(database, {"ts": form.type, "amount": TYPES[form.kind]["amount"]}, rows)
    options = {"fields": {"time": "ts", "prediction": "decision"}, "timezone": "Europe/Berlin"}
    for hour in _HOURS:
        # Of an hour that comes twice the first is taken.
        of_hour = [
            r
            for r in rows
            if hour <= (r["ts"].replace(tzinfo=berlin, fold=0) if form.is_local else r["ts"]).astimezone(UTC) < hour + _HOUR
        ]
        if not of_hour:
            continue
        now = int((hour + _HOUR).timestamp())
        of_log = counted(tmp_path, {**written(tmp_path, of_hour), **options}, TIMED, now=now, windows=["1h"])
        for mode in MODES:
            table = {"table": {"url": database.url(), "name": name, "mode": mode}}
            assert_equal(of_log, counted(tmp_path, {**table, **options}, TIMED, now=now, windows=["1h"]))


# Values and names


NAMES = ("a.b", "a`b", 'a"b', "a%b", "a:b", "a b", "ä🙂", "a\\b", "select", "p.q.r")


def test_columns_of_any_name(database: EngineDatabase, tmp_path: Path) -> None:
    """Also names that drivers and SQLAlchemy quote wrongly."""
    layout = Layout([number(name) for name in NAMES] + [category("decision", ["yes"], role=Role.PREDICTION)])
    chance = random.Random(1)
    rows = [
        {"ts": datetime.fromtimestamp(NOW - 60 * n, UTC), **{name: chance.gauss() for name in NAMES}, "decision": "yes"}
        for n in range(1, 20)
    ]
    types = {"ts": TYPES[database.kind]["ts"], **dict.fromkeys(NAMES, TYPES[database.kind]["amount"]), "decision": "String"}
    name = make(database, types, rows)
    fields = {"time": "ts", "prediction": "decision"}
    of_log = counted(tmp_path, {**written(tmp_path, rows), "fields": fields}, layout)
    assert of_log.tally.events == 19
    query = f"SELECT * FROM {name} WHERE 'a:b%' LIKE '%:b_'  -- all"
    sources = {"rows": [{"name": name}, {"query": query}], "aggregate": [{"name": f"{database.name}.{name}"}, {"query": query}]}
    for mode, source in ((mode, source) for mode, of_mode in sources.items() for source in of_mode):
        table = {"url": database.url(), "mode": mode, **source}
        assert_equal(of_log, counted(tmp_path, {"table": table, "fields": fields}, layout))


def test_values_that_have_parts(database: EngineDatabase, tmp_path: Path) -> None:
    """Rows mode looks into them, and says that aggregate mode needs a query."""
    types = {
        "clickhouse": {"ts": "DateTime64(6, 'UTC')", "features": "Tuple(amount Nullable(Float64), tags Array(String))"},
        "spark": {"ts": "TIMESTAMP", "features": "STRUCT<amount: DOUBLE, tags: ARRAY<STRING>>"},
    }[database.kind]
    name = make(database, types, [])
    at = datetime.fromtimestamp(NOW - 60, UTC)
    when = database.write(at)
    for amount in ("1.5", "NULL"):
        value = {
            "clickhouse": f"({amount}, ['a'])",
            "spark": f"named_struct('amount', double({amount}), 'tags', array('a'))",
        }[database.kind]
        database.execute(
            f"INSERT INTO {name} SELECT {when}, {value}"
            if database.kind == "spark"
            else f"INSERT INTO {name} VALUES ({when}, {value})"
        )
    fields = {"time": "ts", "features": "features"}
    layout = Layout([number("amount")])
    rows = [{"ts": at, "features": Json({"amount": amount, "tags": ["a"]})} for amount in (1.5, None)]
    of_log = counted(tmp_path, {**written(tmp_path, rows), "fields": fields}, layout)
    table = {"url": database.url(), "name": name}
    assert_equal(of_log, counted(tmp_path, {"table": {**table, "mode": "rows"}, "fields": fields}, layout))
    with pytest.raises(ConfigError, match="mode: rows"):
        counted(tmp_path, {"table": {**table, "mode": "aggregate"}, "fields": fields}, layout)


# A monitor


class Watched(Table):
    """A watched table of an engine."""

    def configure(self, **table: Any) -> Config:
        """Write the exporter's configuration and return it; statements may take long, as the machine may be slow."""
        return super().configure(**{"timeout": "5m", **table})

    def create(self, *, index: bool = True) -> None:  # noqa: ARG002 - they have none
        """Create the table."""
        columns = ("ts", "version", "amount", "color", "decision", "score", "latency_ms", "status")
        types = TYPES[self.database.kind]
        declared = ", ".join(f"{name} {types.get(name, types[''])}" for name in columns)
        self.database.execute(f"CREATE TABLE p ({declared}) {STORAGE[self.database.kind]}")


@pytest.fixture
def table(database: EngineDatabase, tmp_path: Path) -> Watched:
    """A watched table of each engine."""
    return Watched(database, tmp_path)


def engine_of(table: Watched) -> Engine:
    """Return the engine that has a table."""
    assert isinstance(table.database, EngineDatabase)
    return table.database.engine


def test_every_row_counts_once(table: Watched) -> None:
    """From the past, late, in minutes that are still open, and over a restart."""
    table.insert(5, table.clock.now - 900)
    with watching(table) as monitor:
        assert look(monitor) is None
        assert (windows(monitor)["1h"], requests(monitor)) == (5, 0)
        table.insert(3)
        assert look(monitor) is None
        assert (windows(monitor)["1h"], requests(monitor)) == (8, 3)
        table.clock.now += 60
        table.insert(2, table.clock.now - 50)
        table.insert(1)
        assert look(monitor) is None
        assert (windows(monitor)["1h"], requests(monitor)) == (11, 6)
        table.clock.now += 1200  # all minutes are closed
        assert look(monitor) is None
        table.insert(4, table.clock.now - 400)
        assert look(monitor) is None
        assert (windows(monitor)["1h"], requests(monitor)) == (11, 6)
        assert monitor.evaluate().source.rejected["late"] == 4
    with watching(table) as monitor:
        assert requests(monitor) == 6
        table.insert(1)
        assert look(monitor) is None
        assert (windows(monitor)["1h"], requests(monitor)) == (12, 7)


def test_an_engine_that_goes_away_and_comes_back(table: Watched) -> None:
    """It is told in few words, without a password, and nothing is lost."""
    table.insert(5)
    with watching(table) as monitor:
        assert look(monitor) is None
        engine_of(table).kill()
        table.clock.now += 1
        problem = look(monitor)
        assert problem is not None
        assert str(engine_of(table).port) in problem
        assert len(problem) < 400
        assert "reader" not in problem
        assert windows(monitor)["1h"] == 5
        engine_of(table).start()
        table.insert(2)
        table.clock.now += 20
        assert look(monitor) is None
        assert requests(monitor) == 7


#: A query that takes long, for each engine.
SLOW = {
    "clickhouse": "SELECT * FROM p WHERE sleepEachRow(3) = 0",
    "spark": "SELECT p.* FROM p, range(1000000) a, range(1000000) b WHERE a.id * b.id < 0",
}


def test_a_statement_that_takes_too_long(table: Watched) -> None:
    """It is ended, and the message says what can be done."""
    table.insert(1)
    table.database.execute(f"CREATE VIEW v AS {SLOW[table.database.kind]}")
    with watching(table, name="v", timeout="1s") as monitor:
        problem = look(monitor)
    assert problem is not None
    assert "(a statement may take 1 s: raise timeout" in problem
    assert len(problem) < 500


#: What PyHive says when the server hangs up. A busy Spark did so once in some hundred runs of these tests; the exporter looks
#: again at its next interval.
LOST = "TSocket read 0 bytes"


def test_a_query_that_names_no_column(database: EngineDatabase, tmp_path: Path) -> None:
    """The engine's message is short enough to be read, and has the name."""
    name = make(database, {"ts": TYPES[database.kind]["ts"]}, [])
    table = {"url": database.url(), "query": f"SELECT ts, nope FROM {name}"}
    problem = LOST
    for attempt in range(3):
        if LOST in problem:
            with pytest.raises(SourceError) as raised:
                counted(tmp_path / str(attempt), {"table": table, "fields": {"time": "ts"}}, TIMED)
            problem = str(raised.value)
    assert "nope" in problem
    assert "org.apache" not in problem
    assert len(problem) < 400


def connected(table: Watched, **changed: Any) -> connecting.Database:
    """Return the exporter's connection."""
    section = {"url": table.database.url(), "name": "p", **changed}
    return connecting.Database(TableSettings.model_validate(section), where="models[0]")


def test_the_session_is_of_few_rights_and_in_utc(table: Watched) -> None:
    """ClickHouse refuses to write; Spark has no such sessions."""
    database = connected(table)
    zone = {"clickhouse": "SELECT 'UTC'", "spark": "SELECT current_timezone()"}[table.database.kind]
    with database.connect() as connection:
        assert connection.scalar(text(zone)) == "UTC"
    write = text("INSERT INTO p (version) VALUES ('1')")
    if table.database.kind == "clickhouse":
        with pytest.raises(SourceError, match="readonly"), database.connect() as connection:
            connection.execute(write)
    database.close()


def test_a_wrong_password(clickhouse: EngineDatabase, tmp_path: Path) -> None:
    """It is told, not shown; the file is read at every connect."""
    table = Watched(clickhouse, tmp_path)
    file = tmp_path / "password"
    file.write_text("secret one\n")
    database = connected(table, url=clickhouse.url(password=False), password_file=file)
    with pytest.raises(SourceError, match="Authentication failed") as raised, database.connect():
        pass
    assert "secret" not in str(raised.value)
    file.write_text("r:e/a@d%e r\n")
    with database.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    database.close()


# The join of labels


@pytest.mark.parametrize(("kind", "turns"), [("clickhouse", 3), ("spark", 1)])
def test_the_engine_joins_labels_as_the_state_file_does(
    kind: str, turns: int, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order it gives rows: labels late, early, corrected and empty, and predictions that come twice."""
    monkeypatch.setattr(joining, "REST", 0)  # they take long, and the clock stands still
    database: EngineDatabase = request.getfixturevalue(kind)
    both = Both(database, tmp_path, part="stage", mode="auto", segments="[color]", ids="whole and text")
    draw(both, seed=4, turns=turns)
