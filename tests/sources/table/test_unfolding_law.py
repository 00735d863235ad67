"""The law of unfolding in tables: rows of several predictions count as the same predictions in a flat log, bin by bin."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given

from counting import assert_equal, context_of
from databases import Database
from prediction_exporter.sources.registry import open_source
from typed_events import NOW, TIME, bounded, time_bound
from unfolded import FORMS, LISTED, Group, counted, flat_lines, groups, of_log, texts_of


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_tables_of_records_count_as_the_flat_log(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """Payloads that are texts in columns unfold; their predictions have the time of their row."""
    database: Database = request.getfixturevalue(kind)
    form = FORMS["text"]
    columns = ["inputs", *(f"{name}s" for name in LISTED)]
    listed = ", ".join(f"{name} TEXT" for name in columns)
    database.execute(f"CREATE TABLE p (ts {TIME.get(kind, TIME[''])}, {listed})")

    @bounded(4)
    @given(groups())
    def law(records: list[Group]) -> None:
        database.execute("DELETE FROM p")
        # NUL is no character to PostgreSQL, and JSON has it escaped.
        database.insert("p", [{"ts": time_bound(kind, group[0]["ts"]), **texts_of(form, group)} for group in records])
        of_table = counted(tmp_path, {"table": {"url": database.url(), "name": "p"}, "rows": form.settings})
        assert_equal(of_log(tmp_path, flat_lines(records)), of_table)

    law()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_rows_are_read_once_and_have_the_time_of_their_row(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """Columns of JSON are objects; whatever time a payload has, spans are those of the table; nothing is read twice."""
    database: Database = request.getfixturevalue(kind)
    column = "JSONB" if kind == "postgresql" else "TEXT"
    database.execute(f"CREATE TABLE p (ts {TIME.get(kind, TIME[''])}, meta {column}, body {column})")
    items = [{"ts": "1999-01-01T00:00:00Z", "id": "a", "x": 1}, {"id": "b", "x": 2}, {"id": "b", "x": 3}]
    at = datetime.fromtimestamp(NOW - 90, UTC)
    common = {"ts": time_bound(kind, at), "meta": json.dumps({"v": "7"})}
    rows = [{**common, "body": json.dumps({"items": found})} for found in (items, [5])]
    database.insert("p", rows)
    fields = {"time": "ts", "id": "id", **({"version": "meta.v"} if kind == "postgresql" else {})}
    predictions = {"table": {"url": database.url(), "name": "p", "lateness": "5m"}, "rows": "body.items", "fields": fields}
    context = replace(context_of(tmp_path, predictions, None, clock=lambda: NOW), by_rows=True)
    source = open_source(context)
    source.restore(None)
    batches = list(source.poll())
    events = [events for batch in batches for events in batch.events]
    assert sum(map(len, events)) == 3
    assert {int(time) for part in events for time in part.times} == {(NOW - 90) * 1_000_000}
    assert [row for part in events if part.rows is not None for row in part.rows.tolist()] == [0, 1, 2]
    if kind == "postgresql":
        assert {version for part in events for version in part.versions.to_list()} == {"7"}
    assert not [batch for batch in source.poll() if batch.events], "what has not changed is read again"
    look = source.look()
    source.close()
    assert look.unfolded is not None
    assert (look.unfolded.records, look.unfolded.predictions) == (1, 3)
    assert "x" in look.unfolded.names
