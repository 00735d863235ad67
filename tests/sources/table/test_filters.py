"""The law of filters: one expression means the same of a log, of files and of tables, whatever stands in the fields."""

from __future__ import annotations

import json
import math
import os
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from counting import context_of, count
from databases import Database
from filter_meaning import NUMBERS, TEXTS, WHOLES, Row, text_of, truth
from prediction_exporter.config.predictions import NULL_VALUES, Predictions
from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.layout import Kind
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.fields.schema import ColumnField, EventSchema
from prediction_exporter.sources.files.parts import PartParser
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.frames import FrameParser
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.records.unfolding import Records
from prediction_exporter.sources.registry import open_source
from prediction_exporter.sources.table.engine import Database as Opened
from prediction_exporter.sources.table.filtering import TableFilter, with_eligible
from prediction_exporter.sources.table.relation import read_relation
from prediction_exporter.sources.table.rows import RowsReader
from typed_events import BOOLEAN, DOUBLE, TEXT

NOW = 1_800_057_600

FLAGS = [True, False, None]
#: What stands inside of a column of JSON.
PARTS = [5, 5.5, "5", "x", True, None, [1], {"n": 1}, "[1]", "é'", 1e20]

FIELDS = {"time": "ts", "version": "version"}

ROWS: list[Row] = [
    {
        "version": f"v{at}",
        "text": TEXTS[at % len(TEXTS)],
        "number": NUMBERS[at % len(NUMBERS)],
        "whole": WHOLES[at % len(WHOLES)],
        "flag": FLAGS[at % len(FLAGS)],
        "a b": TEXTS[(at * 7) % len(TEXTS)],
        "doc": {"part": PARTS[at % len(PARTS)], "in": {"it's": TEXTS[(at * 3) % len(TEXTS)]}},
    }
    for at in range(60)
]

#: Expressions over columns that every source has.
EVERYWHERE = [
    "text = 'x'",
    "text <> 'x'",
    "NOT (text = 'x' OR whole = 5)",
    "text = '5'",
    "text = 5",
    "text <> 5",
    "text IN (5, 'x', '😀')",
    "text NOT IN ('x', '')",
    "text = ''",
    "text = 'it''s'",
    "text = '''; DROP TABLE predictions; --'",
    "text LIKE '%'",
    "text LIKE '10|%' ESCAPE '|'",
    "text LIKE '_'",
    "text LIKE 'a_b' OR text LIKE '%\\%'",
    "text LIKE '[INFO]%'",
    "text LIKE 'x%'",
    "text >= 'a' AND text < 'y'",
    "text BETWEEN 'X' AND 'x'",
    "text > 99 OR text < 6",
    "text IS NULL",
    "text IS NOT NULL AND NOT text LIKE '%5%'",
    "number = 5",
    "number <> 5",
    "number > 5.25 AND NOT number >= 1e21",
    "number = '5.5' OR number = '200' OR number = '5.0'",
    "number = 'NaN' OR number = 'Infinity'",
    "NOT number = 'x'",
    "number IS NULL",
    "number <= 0",
    "whole = 200",
    "whole = '200'",
    "whole LIKE '2%' OR whole > 1e15",
    "whole NOT BETWEEN 0 AND 10",
    "flag",
    "NOT flag",
    "flag IS NULL OR flag = false",
    '"a b" = \'é\' OR "a b" = 7',
    "\"a b\" <> 'x' AND (number > 0 OR whole IS NULL) AND NOT (text = 'x' AND flag)",
]

#: Expressions over what stands inside of a column of JSON.
INSIDE = [
    "doc.part = 5",
    "doc.part <> 5",
    "doc.part = '5'",
    "doc.part <> 'x'",
    "doc.part > 5",
    "doc.part LIKE '5%'",
    "doc.part IS NULL",
    "doc.part",
    "NOT doc.part",
    "doc IS NULL OR doc = 'x' OR NOT doc = 'x'",
    'doc."in"."it\'s" = \'é\' OR doc."in"."it\'s" = 7',
    "doc.absent IS NULL",
]


#: Expressions that are counted by whole sources.
SOME_EXPRESSIONS = (EVERYWHERE[10], EVERYWHERE[-1])

#: What CSV knows of the rows: of this text it says that nothing is there.
IN_CSV = [{name: None if value == "null" else value for name, value in row.items()} for row in ROWS]


# What is meant


def meant(expression: str, rows: list[Row] = ROWS) -> set[str]:
    """Return the rows of which an expression is true."""
    condition = parse_where(expression)
    return {row["version"] for row in rows if truth(row, condition) is True}


# What sources make of it


def passed(folder: Path, place: dict[str, Any], expression: str) -> set[str]:
    """Return the rows that a source counts, each once."""
    context = context_of(folder, {**place, "where": expression, "fields": FIELDS}, None, clock=lambda: NOW)
    counted = count(context)
    assert not counted.rejected
    traffic = {str(version): of.requests for version, of in counted.tally.traffic.items()}
    assert set(traffic.values()) <= {1}
    return set(traffic)


def line(row: Row) -> str:
    """Return a row as a line of a log."""
    return json.dumps({"ts": NOW - 600, **row}, ensure_ascii=False)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with the rows in a log and in files, among them lines that have nothing of them."""
    folder = tmp_path_factory.mktemp("filters")
    (folder / "app.log").write_text("".join(line(row) + "\n" for row in ROWS))
    frame = pl.DataFrame(
        {name: pl.Series([row[name] for row in ROWS], strict=False) for name in ROWS[0] if name != "doc"}
        | {"ts": [NOW - 600] * len(ROWS), "doc": [None] * len(ROWS)}
    )
    for form in ("parquet", "csv", "jsonl"):
        (folder / form).mkdir()
    nested = pl.Series([{"part": text_of(row["doc"]["part"]), "list": [1]} for row in ROWS])
    frame.with_columns(doc=nested).write_parquet(folder / "parquet" / "a.parquet")
    # An empty text is written in quotes, and yet CSV knows no difference to what is missing.
    frame.drop("doc").write_csv(folder / "csv" / "a.csv", null_value="NULL", quote_style="always")
    (folder / "jsonl" / "a.jsonl").write_text("".join(line(row) + "\n" for row in ROWS))
    for path in folder.rglob("a.*"):
        os.utime(path, (NOW, NOW))
    return folder


SCHEMA = EventSchema(time=("ts",), version=("version",), columns=())


def versions_of(batch: Batch) -> set[str]:
    """Return which rows are events of a batch; none is refused, and the others are left out."""
    found = [str(version) for events in batch.events for version in events.versions]
    assert (batch.rejected.total, batch.skipped) == (0, len(ROWS) - len(found))
    assert len(set(found)) == len(found)
    return set(found)


def test_lines_pass_that_are_meant(logs: Path) -> None:
    """Also those that polars does not read, and what stands inside of objects."""
    lines = (logs / "app.log").read_bytes()
    for expression in [*EVERYWHERE, *INSIDE]:
        parser = JsonLinesParser(SCHEMA, time_is_text=False, chosen=Filter(parse_where(expression)))
        assert versions_of(parser.parse(lines)) == meant(expression), expression


def eligible_in(batch: Batch) -> set[str]:
    """Return which rows can get a label; all of them are events."""
    assert (batch.rejected.total, batch.skipped, sum(map(len, batch.events))) == (0, 0, len(ROWS))
    found: dict[str | None, bool] = {}
    for events in batch.events:
        assert events.eligible is not None
        found |= dict(zip(events.versions, events.eligible.tolist(), strict=True))
    return {str(version) for version, eligible in found.items() if eligible}


#: Columns of which the fields of expressions are parts, are the same, or stand beside.
COLUMNS = [("number", Kind.NUMERIC), ("text", Kind.CATEGORICAL), ("doc.part", Kind.CATEGORICAL)]


@pytest.mark.parametrize("columns", [[], COLUMNS], ids=["alone", "beside columns"])
def test_predictions_can_get_a_label_that_are_meant(logs: Path, columns: list[tuple[str, Kind]]) -> None:
    """By the same rules, and nothing is left out for it or counts otherwise."""
    fields = tuple(ColumnField(name=name, path=tuple(name.split(".")), kind=kind) for name, kind in columns)
    schema = replace(SCHEMA, columns=fields)
    lines, typed = (logs / "app.log").read_bytes(), pl.read_parquet(logs / "parquet" / "a.parquet")
    plain = JsonLinesParser(schema, time_is_text=False).parse(lines)
    for expression in [*SOME_EXPRESSIONS, *INSIDE, "doc IS NOT NULL"]:
        chosen = Filter(parse_where(expression))
        batch = JsonLinesParser(schema, time_is_text=False, eligible=chosen).parse(lines)
        assert eligible_in(batch) == meant(expression), expression
        assert columns_of(batch) == columns_of(plain), expression
        assert (chosen.seen.records, chosen.seen.passed) == (len(ROWS), len(meant(expression)))
        both = JsonLinesParser(schema, time_is_text=False, chosen=Filter(parse_where("whole < 100")), eligible=chosen)
        found = [one for one in both.parse(lines).events if one.eligible is not None]
        versions = {str(v) for one in found for v in one.versions.filter(pl.Series(one.eligible, dtype=pl.Boolean))}
        assert versions == meant(expression) & meant("whole < 100"), expression
    records = Records(Predictions.model_construct(rows=None, layout=None, join=None, where=None), None, clock=lambda: NOW)
    for expression in SOME_EXPRESSIONS:
        parser = PartParser(SCHEMA, (), clock=lambda: NOW, records=records, eligible=Filter(parse_where(expression)))
        assert set().union(*map(eligible_in, parser.parse(typed, {}))) == meant(expression), expression


def columns_of(batch: Batch) -> dict[str, list[tuple[Any, int]]]:
    """Return the values of columns and their states, by the row."""
    found: dict[str, list[tuple[Any, int]]] = {}
    for events in batch.events:
        for name, values in events.columns.items():
            states = events.states.get(name, np.where(values.is_null(), ValueState.MISSING, ValueState.VALID))
            for version, value, state in zip(events.versions, values, states.tolist(), strict=True):
                shown = repr(value) if state == ValueState.VALID else None
                found.setdefault(str(version), []).append((shown, state))
    return found


def test_rows_pass_that_are_meant(logs: Path) -> None:
    """Of types that Parquet keeps, and of CSV where all is text."""
    typed = pl.read_parquet(logs / "parquet" / "a.parquet")
    texts = pl.read_csv(logs / "csv" / "a.csv", infer_schema=False, null_values=list(NULL_VALUES))
    for expression in EVERYWHERE:
        parser = FrameParser(SCHEMA, chosen=Filter(parse_where(expression)))
        assert versions_of(parser.parse(typed)) == meant(expression), expression
        if "number = '" not in expression:  # where CSV has another text
            assert versions_of(parser.parse(texts)) == meant(expression, IN_CSV), expression


@pytest.mark.parametrize("place", ["log", "parquet", "jsonl", "csv"])
def test_sources_count_what_is_meant(logs: Path, place: str) -> None:
    """As they are configured: a filter reaches whatever reads lines and rows."""
    source = (
        {"log": {"path": "app.log", "start": "beginning"}} if place == "log" else {"files": {"path": place, "settle": "0s"}}
    )
    for expression in [*SOME_EXPRESSIONS, *(INSIDE[:1] if place in ("log", "jsonl") else ())]:
        rows = IN_CSV if place == "csv" else ROWS
        assert passed(logs, source, expression) == meant(expression, rows), expression


def written(database: Database) -> list[Row]:
    """Write the rows into a table, and return what the database keeps of them."""
    kind = database.kind
    types = {
        "ts": {"sqlite": "TEXT", "mariadb": "DATETIME", "": "TIMESTAMP"},
        "version": TEXT,
        "text": {"mariadb": "VARCHAR(400) CHARACTER SET utf8mb4", "": "TEXT"},
        "number": DOUBLE,
        "whole": {"": "BIGINT"},
        "flag": BOOLEAN,
        "a b": {"mariadb": "VARCHAR(400) CHARACTER SET utf8mb4", "": "TEXT"},
        "doc": {"postgresql": "JSONB", "duckdb": "JSON", "": "TEXT"},
    }
    columns = ", ".join(f"{database.quote(name)} {of.get(kind, of.get('', ''))}" for name, of in types.items())
    database.execute(f"CREATE TABLE predictions ({columns})")
    rows = [dict(row) for row in ROWS]
    for row in rows:
        number = row["number"]
        if (
            number is not None
            and not math.isfinite(number)
            and (kind == "mariadb" or (kind == "sqlite" and math.isnan(number)))
        ):
            row["number"] = None
    at = datetime.fromtimestamp(NOW - 600, UTC)
    time = at.isoformat() if kind == "sqlite" else at.replace(tzinfo=None)
    database.insert("predictions", [{"ts": time, **row, "doc": json.dumps(row["doc"])} for row in rows])
    return rows


def test_a_table_has_the_rows_that_are_meant(database: Database, tmp_path: Path) -> None:
    """What an engine is asked for has exactly the rows of which the expression is true."""
    rows = written(database)
    inside = INSIDE if database.kind in ("postgresql", "duckdb") else []
    place = {"table": {"url": database.url(), "name": "predictions"}, "fields": FIELDS}
    predictions = context_of(tmp_path, place, None, clock=lambda: NOW).predictions
    settings = predictions.table
    assert settings is not None
    opened = Opened(settings, where="models[0].predictions.table")
    with opened.connect() as connection:
        for expression in [*EVERYWHERE, *inside]:
            chosen = TableFilter(Filter(parse_where(expression)), opened.dialect, where="models[0].predictions.where")
            relation = read_relation(connection, opened.dialect, predictions, None, where="models[0]", chosen=chosen)
            found = [] if relation is None else connection.execute(select(relation.source.c.version)).scalars().all()
            assert sorted(found) == sorted(meant(expression, rows)), expression
        whole = read_relation(connection, opened.dialect, predictions, None, where="models[0]")
        assert whole is not None
        for expression in SOME_EXPRESSIONS:
            can_get = Filter(parse_where(expression), key="only_for")
            marked = with_eligible(whole, can_get, opened.dialect, where="models[0]")
            reader = RowsReader(opened, marked, connection, eligible=can_get)
            [batch] = reader.read(NOW - 3600, NOW, 60)
            assert eligible_in(batch) == meant(expression, rows), expression
            assert (can_get.seen.records, can_get.seen.passed) == (len(rows), len(meant(expression, rows)))
    opened.close()


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
def test_a_table_counts_what_is_meant(database: Database, tmp_path: Path, mode: str) -> None:
    """Rows and aggregate mode read nothing else."""
    rows = written(database)
    place = {"table": {"url": database.url(), "name": "predictions", "mode": mode}}
    for expression in SOME_EXPRESSIONS:
        assert passed(tmp_path, place, expression) == meant(expression, rows), expression


@pytest.mark.parametrize(("kind", "columns"), [("duckdb", "STRUCT(a INTEGER, b STRUCT(c VARCHAR))"), ("postgresql", "JSON")])
def test_a_table_is_looked_into(request: pytest.FixtureRequest, tmp_path: Path, kind: str, columns: str) -> None:
    """Structs and JSON as it was written have parts; a list has none, and is neither equal nor unequal."""
    database: Database = request.getfixturevalue(kind)
    database.execute(f"CREATE TABLE predictions (ts TIMESTAMP, version TEXT, doc {columns}, list INTEGER[])")
    at = datetime.fromtimestamp(NOW - 600, UTC).replace(tzinfo=None)
    struct = (lambda a, c: {"a": a, "b": {"c": c}}) if kind == "duckdb" else lambda a, c: json.dumps({"a": a, "b": {"c": c}})
    rows = [("v1", struct(5, "x"), [1]), ("v2", struct(7, "it's"), []), ("v3", struct(None, None), None)]
    database.insert("predictions", [{"ts": at, "version": v, "doc": d, "list": items} for v, d, items in rows])
    place = {"table": {"url": database.url(), "name": "predictions", "mode": "rows"}}
    expected = {
        "doc.a = 5": {"v1"},
        "doc.b.c = 'it''s' OR doc.a = '5'": {"v1", "v2"},
        "doc.b.c IS NULL": {"v3"},
        "doc.b IS NOT NULL AND doc.a > 6": {"v2"},
        "list = 'x' OR NOT list = 'x' OR list = 1": set(),
        "list IS NOT NULL": {"v1", "v2"},
    }
    for expression, versions in expected.items():
        assert passed(tmp_path, place, expression) == versions, expression


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("txt = 'x'", "the table has no column txt; did you mean text? (it has: ts, version, text"),
        ("text.part = 'x'", "the table has no column text.part; text is a column, and only those of JSON are looked into (it"),
        (
            "number LIKE '5%'",
            "number is a column of numbers with fractions, whose texts differ from source to source",
        ),
        ("ts > '2026-01-01'", "ts is a column of times, of which IS NULL and IS NOT NULL alone are asked"),
        ("ts = '2026-01-01' OR text = 'x'", "ts is a column of times, of which IS NULL and IS NOT NULL alone are asked"),
        ("ts > 5", "ts is a column of times, of which IS NULL and IS NOT NULL alone are asked"),
    ],
)
def test_a_table_that_cannot_be_asked_so(duckdb: Database, tmp_path: Path, expression: str, told: str) -> None:
    """A mistake is told with its place, whatever rows there are."""
    written(duckdb)
    with pytest.raises(ConfigError) as error:
        passed(tmp_path, {"table": {"url": duckdb.url(), "name": "predictions"}}, expression)
    assert str(error.value).startswith(f"models[0].predictions.where: {told}")


def test_a_table_of_which_nothing_passes(sqlite: Database, tmp_path: Path) -> None:
    """It is told, and what passes later counts."""
    written(sqlite)
    place = {"table": {"url": sqlite.url(), "name": "predictions"}, "fields": FIELDS, "where": "text = 'later'"}
    source = open_source(context_of(tmp_path, place, None, clock=lambda: NOW))
    with closing(source):
        source.restore(None)
        assert list(source.poll()) == []
        assert source.seen.unseen() == (f"where: none of {len(ROWS)} records passes the filter",)
        assert source.look().remarks == ("the table has no row with a time that passes the filter yet",)
        sqlite.execute("UPDATE predictions SET text = 'later' WHERE version = 'v3'")
        assert sum(len(events) for batch in source.poll() for events in batch.events) == 1
        assert source.seen.unseen() == ()


#: Numbers of JSON that no double has, beside some that one has, and the doubles that a reader of a log takes them for.
BEYOND = {
    "1e400": math.inf,
    "-1e400": -math.inf,
    "1e-400": 0.0,
    "1.7976931348623157e308": 1.7976931348623157e308,
    "5e-324": 5e-324,
    "1e4000": math.inf,
    "7.5": 7.5,
}


@pytest.mark.parametrize("kind", ["JSONB", "JSON"])
def test_a_number_beyond_all_doubles_stops_no_poll(postgresql: Database, tmp_path: Path, kind: str) -> None:
    """PostgreSQL keeps numbers of any size in JSON, and refuses to cast them; they mean what they do in a log."""
    postgresql.execute(f"CREATE TABLE predictions (ts TIMESTAMP, version TEXT, doc {kind})")
    for written_as in [*BEYOND, *(["1e99999999"] if kind == "JSON" else [])]:
        postgresql.execute(f"INSERT INTO predictions VALUES (now(), '{written_as}', '{{\"part\": {written_as}}}')")
    lines = "".join(f'{{"ts": {NOW - 600}, "version": "{text}", "doc": {{"part": {text}}}}}\n' for text in BEYOND).encode()
    place = {"table": {"url": postgresql.url(), "name": "predictions"}, "fields": FIELDS}
    predictions = context_of(tmp_path, place, None, clock=lambda: NOW).predictions
    assert predictions.table is not None
    opened = Opened(predictions.table, where="models[0].predictions.table")
    with opened.connect() as connection:
        for expression in ("doc.part > 5", "doc.part < 1", "doc.part = 'Infinity'", "doc.part LIKE '-Inf%'", "doc.part = 7.5"):
            logged = JsonLinesParser(SCHEMA, time_is_text=False, chosen=Filter(parse_where(expression))).parse(lines)
            chosen = TableFilter(Filter(parse_where(expression)), opened.dialect, where="models[0].predictions.where")
            relation = read_relation(connection, opened.dialect, predictions, None, where="models[0]", chosen=chosen)
            found = [] if relation is None else connection.execute(select(relation.source.c.version)).scalars().all()
            in_log = {str(version) for events in logged.events for version in events.versions}
            assert set(found) == in_log, expression
    opened.close()
