"""Names and queries are read as they are written, whatever they are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from counting import assert_equal, context_of, count
from databases import Database
from prediction_exporter.counting.layout import Layout, Role
from typed_events import DOUBLE, NOW, TEXT, TIME, category, number, time_bound

#: Names that SQL must quote, or that something on the way could take for something else.
NAMES = ("Amount", "a b", "order", "é🙂", "50%", "%s", ":x", "a:b", "*", "a.b", "select", "x\\y", "?", "{}", "a'b", "pe_value")

ROWS = 7


def _columns(database: Database) -> tuple[str, ...]:
    names = [*NAMES, "`" if database.kind == "mariadb" else '"']
    # MariaDB's names are of characters of two bytes.
    return tuple("é" if database.kind == "mariadb" and name == "é🙂" else name for name in names)


def make(database: Database, table: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Make a table with a number in each of these columns, and return its rows as a log has them."""
    columns = "".join(f", {database.quote(name)} {DOUBLE.get(database.kind, 'DOUBLE')}" for name in names)
    kind = database.kind
    database.execute(f"CREATE TABLE {table} (ts {TIME.get(kind, 'TEXT')}, decision {TEXT.get(kind, 'TEXT')}{columns})")
    events: list[dict[str, Any]] = []
    for row in range(ROWS):
        at = datetime.fromtimestamp(NOW - 60 * row - 30, UTC)
        values = {name: (row + place) / 4 for place, name in enumerate(names)}
        events.append({"ts": at, "decision": "yes", **values})
    database.insert(table, [event | {"ts": time_bound(kind, event["ts"])} for event in events])
    return [event | {"ts": event["ts"].isoformat()} for event in events]


def check(database: Database, folder: Path, events: list[dict[str, Any]], names: Sequence[str], **table: Any) -> None:
    """Check that a table's rows count as a log's."""
    layout = Layout([*(number(name) for name in names), category("decision", ["yes"], role=Role.PREDICTION)])
    (folder / "app.log").write_text("".join(json.dumps(event) + "\n" for event in events))
    of_log = count(context_of(folder, {"log": {"path": "app.log", "start": "beginning"}}, layout, clock=lambda: NOW))
    source = {"table": {"url": database.url(), **table}}
    of_table = count(context_of(folder, source, layout, clock=lambda: NOW))
    assert of_table.tally.events == len(events)
    assert_equal(of_log, of_table)


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
def test_columns_of_any_name(database: Database, tmp_path: Path, mode: str) -> None:
    """Every one is found, and none is taken for another."""
    names = _columns(database)
    events = make(database, "p", names)
    check(database, tmp_path, events, names, name="p", mode=mode)


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
@pytest.mark.parametrize("name", ["Order", "a b", "50%:x", "é"])
def test_tables_of_any_name(database: Database, tmp_path: Path, mode: str, name: str) -> None:
    """And views."""
    events = make(database, database.quote(name), ["x"])
    check(database, tmp_path, events, ["x"], name=name, mode=mode)
    database.execute(f"CREATE VIEW {database.quote(f'{name} seen')} AS SELECT * FROM {database.quote(name)}")
    check(database, tmp_path, events, ["x"], name=f"{name} seen", mode=mode)


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
def test_a_table_in_a_schema(database: Database, tmp_path: Path, mode: str) -> None:
    """Whose name may need quotes too; in SQLite and MariaDB the database is its schema."""
    schema = {"sqlite": "main", "mariadb": database.name}.get(database.kind, "My Schema")
    if schema == "My Schema":
        database.execute('CREATE SCHEMA "My Schema"')
    events = make(database, f"{database.quote(schema)}.p", ["x"])
    check(database, tmp_path, events, ["x"], name=f"{schema}.p", mode=mode)


QUERIES = {
    "signs": "SELECT ts, decision, x, ':y %s %(a)s 100%' AS note FROM p WHERE decision NOT LIKE '%:no%' -- a comment: 50%",
    "common table": "WITH q AS (SELECT * FROM p), r AS (SELECT * FROM q) SELECT * FROM r",
    "order and limit": "SELECT * FROM p ORDER BY x LIMIT 100",
    "lines": "SELECT ts, /* all\nof it */ decision, x\nFROM p -- the end\n",
}


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
@pytest.mark.parametrize("query", QUERIES)
def test_queries(database: Database, tmp_path: Path, mode: str, query: str) -> None:
    """They are read like a table, and nothing in them is taken for a parameter."""
    events = make(database, "p", ["x"])
    check(database, tmp_path, events, ["x"], query=QUERIES[query], mode=mode)


def test_casts_with_colons(postgresql: Database, tmp_path: Path) -> None:
    """As PostgreSQL has them."""
    events = make(postgresql, "p", ["x"])
    query = "SELECT ts::timestamptz AS ts, decision::text AS decision, x::float8 AS x FROM p WHERE x::int >= 0"
    for mode in ("rows", "aggregate"):
        check(postgresql, tmp_path, events, ["x"], query=query, mode=mode)
