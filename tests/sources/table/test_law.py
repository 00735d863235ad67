"""The law of sources: events in a table count as the same events in a log do, whatever database keeps them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from counting import Counted, assert_equal, context_of, count
from databases import Database
from typed_events import (
    FIELDS,
    MEASURED,
    NOW,
    ROLES,
    Event,
    Field,
    as_kept,
    bounded,
    countable,
    events_of,
    layout_of,
    lines,
    make_types,
    time_bound,
    write,
)

_tables = itertools.count()


def roles(mode: str) -> dict[str, Any]:
    """Return which field is what; entities are told apart, durations observed and texts added up where rows are fetched."""
    common = {**ROLES, "stage": "flag"}
    if mode == "rows":
        return {**common, **MEASURED, "entity": "text"}
    return {**common, "sums": {name: field for name, field in MEASURED["sums"].items() if field != "a numeral"}}


def of_log(
    folder: Path, events: Sequence[Event], fields: Sequence[Field] = FIELDS, *, mode: str = "rows", **settings: Any
) -> Counted:
    """Count events in a log."""
    log = folder / "app.log"
    log.write_text(lines(events))
    context = context_of(
        folder,
        {"log": {"path": "app.log", "start": "beginning"}, "fields": roles(mode), **settings},
        layout_of(fields),
        clock=lambda: NOW,
        segments=["text", "flag"],
    )
    counted = count(context)
    log.unlink()
    return counted


def of_table(
    database: Database, folder: Path, table: dict[str, Any], fields: Sequence[Field] = FIELDS, **settings: Any
) -> Counted:
    """Count events in a table."""
    context = context_of(
        folder,
        {"table": {"url": database.url(), **table}, "fields": roles(table.get("mode", "rows")), **settings},
        layout_of(fields),
        clock=lambda: NOW,
        segments=["text", "flag"],
    )
    return count(context)


def written(database: Database, events: Sequence[Event], fields: Sequence[Field] = FIELDS) -> str:
    """Write events into a fresh table, and return its name."""
    name = f"p{next(_tables)}"
    write(database, name, fields, [event | {"ts": time_bound(database.kind, event["ts"])} for event in events])
    return name


def fields_of(mode: str, kind: str) -> tuple[Field, ...]:
    """Return the fields that can be read of a database in a mode."""
    return FIELDS if mode == "rows" else countable(kind)


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
def test_a_table_counts_as_the_log(database: Database, tmp_path: Path, mode: str) -> None:
    """Profiles of every slice, version and segment, and all counters, are equal bin by bin."""
    make_types(database)
    fields = fields_of(mode, database.kind)

    @bounded(25 if mode == "rows" else 8)
    @given(events_of(fields))
    def law(events: list[Event]) -> None:
        kept = as_kept(database.kind, events)
        name = written(database, kept, fields)
        table = {"name": name, "mode": mode}
        assert_equal(of_log(tmp_path, kept, fields, mode=mode), of_table(database, tmp_path, table, fields))

    law()
