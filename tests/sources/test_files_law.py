"""The law of sources for files: events in Parquet and CSV count as the same events in a log do."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from counting import Counted, assert_equal, context_of, count
from prediction_exporter.config.predictions import NULL_VALUES
from typed_events import FIELDS, MEASURED, NOW, ROLES, Event, Json, bounded, events_of, layout_of, lines

#: CSV has no nested values, and does not tell a document from its text.
FLAT = tuple(field for field in FIELDS if field.name != "document")

DTYPES: dict[str, Any] = {
    "a single": pl.Float32,
    "a decimal": pl.Decimal(26, 6),
    "share": pl.Decimal(26, 6),
    "a short": pl.Int16,
    "status": pl.Int16,
    "flag": pl.Boolean,
    "yes": pl.Boolean,
    "bit": pl.Int16,
    "day": pl.Date,
    "signup": pl.Date,
    "ts": pl.Datetime("us", "UTC"),
}
DOUBLES = ("a double", "ratio", "score", "latency_ms", "a gap", "rate", "seen")
LONGS = ("a long", "count", "serial")


def typed(events: Sequence[Event]) -> pl.DataFrame:
    """Return events as a frame of the types that a careful job writes."""

    def dtype(name: str) -> Any:
        if name in DOUBLES:
            return pl.Float64
        return DTYPES.get(name, pl.Int64 if name in LONGS else pl.String)

    def value(found: Any) -> Any:
        return str(found) if isinstance(found, uuid.UUID) else found

    return pl.DataFrame({name: pl.Series([value(event[name]) for event in events], dtype=dtype(name)) for name in events[0]})


def texts(events: Sequence[Event]) -> pl.DataFrame:
    """Return events as texts, as a logger that writes CSV has them."""

    def text(value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, float):
            return json.dumps(value)  # NaN and Infinity as in JSON
        return value.isoformat() if isinstance(value, date) else str(value)

    return pl.DataFrame({name: pl.Series([text(event[name]) for event in events], dtype=pl.String) for name in events[0]})


def counted(folder: Path, source: dict[str, Any]) -> Counted:
    """Count what a source gives."""
    return count(
        context_of(
            folder,
            {"fields": {**ROLES, **MEASURED, "entity": "text", "stage": "flag"}, **source},
            layout_of(FLAT),
            clock=lambda: NOW,
            segments=["text", "flag"],
        )
    )


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_files_count_as_the_log(tmp_path: Path, form: str) -> None:
    """Profiles of every slice, version and segment, all counters, and the rows of entities are equal bin by bin."""
    folder = tmp_path / "files"
    folder.mkdir()
    file = folder / f"predictions.{form}"

    @bounded(60)
    @given(events_of(FLAT))
    def law(events: list[Event]) -> None:
        assert not any(isinstance(value, Json) for event in events for value in event.values())
        if form == "csv":
            # An empty cell is nothing, and so is an empty text, or one of the words for nothing.
            events = [{name: None if value in ("", *NULL_VALUES) else value for name, value in e.items()} for e in events]
            texts(events).write_csv(file)
        else:
            typed(events).write_parquet(file)
        os.utime(file, (NOW, NOW))  # a file that did not change since what any window holds is not read
        (tmp_path / "app.log").write_text(lines(events))
        of_log = counted(tmp_path, {"log": {"path": "app.log", "start": "beginning"}})
        of_files = counted(tmp_path, {"files": {"path": str(folder), "settle": "0s"}})
        assert_equal(of_log, of_files)

    law()


def test_lines_are_what_a_logger_writes() -> None:
    """The log that all sources are compared with is JSON."""
    event = {"a": Decimal("0.100000"), "b": None, "c": date(2026, 1, 2), "d": True, "e": "é"}
    assert json.loads(lines([event])) == {"a": 0.1, "b": None, "c": "2026-01-02", "d": True, "e": "é"}
