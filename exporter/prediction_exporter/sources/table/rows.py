"""Rows mode: the rows of a span of time as frames of bounded size, and from there the way of a log's lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import ColumnElement, Connection, CursorResult, Select, select

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.frames import FrameParser
from prediction_exporter.sources.table import adbc
from prediction_exporter.sources.table.documents import parsed
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.fetching import fetched, is_document
from prediction_exporter.sources.table.relation import SAMPLE_ROWS, Relation
from prediction_exporter.sources.values import text_of

#: Rows that are fetched at a time.
FETCH_ROWS = 10_000

MAX_INT64 = 2**63

#: Types of Python that a column of polars holds as they are.
_PLAIN = {float, bool, str, bytes, datetime, date}


class RowsReader:
    """Reads rows.

    Args:
        database: where its table is.
        relation: the table, and which of its columns is what.
        connection: an open connection.
    """

    def __init__(self, database: Database, relation: Relation, connection: Connection) -> None:
        self._database = database
        self._relation = relation
        self._connection = connection
        schema = replace(relation.schema, timezone=relation.timezone)
        self._parser = FrameParser(
            schema, integers_are_booleans=not database.dialect.has_booleans, local_timezone=relation.schema.timezone
        )
        self._documents: dict[str, list[Path]] = {}
        self._lists = {field.path for field in schema.columns if field.is_of_list}
        for path in relation.schema.paths:
            name = str(path[0])
            if name in relation.names and is_document(database.dialect, relation.codes.get(name)):
                self._documents.setdefault(name, []).append(path)

    def read(self, start: int, end: int, width: int) -> Iterator[Batch]:  # noqa: ARG002 - rows are in no slices
        """Yield the events of a span."""
        for rows in self._frames(self.query(start, end)):
            for batch in self._batches(rows):
                yield _within(batch, start, end)

    def sample(self) -> Batch:
        """Return some rows, of any time."""
        rejected = Rejected()
        events: list[Events] = []
        skipped = 0
        for rows in self._frames(select(*self._chosen()).select_from(self._relation.source).limit(SAMPLE_ROWS)):
            for batch in self._batches(rows):
                events += batch.events
                rejected.merge(batch.rejected)
                skipped += batch.skipped
        return Batch(tuple(events), rejected, skipped=skipped)

    def chosen(self, start: int, end: int, condition: ColumnElement[bool]) -> Iterator[Batch]:
        """Yield the events of a span that fulfil a condition on the relation's rows."""
        for rows in self._frames(self.query(start, end).where(condition)):
            for batch in self._batches(rows):
                yield _within(batch, start, end)

    def query(self, start: int, end: int) -> Select[Any]:
        """Return the query for the rows of a span, and for some just outside of it."""
        return select(*self._chosen()).where(self._relation.time.where(start, end))

    def _batches(self, rows: pl.DataFrame) -> Iterator[Batch]:
        """Yield the events of rows."""
        yield self._parser.parse(self._opened(rows))

    def _opened(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with what stands in their documents."""
        return rows.with_columns([parsed(rows.get_column(name), of, self._lists) for name, of in self._documents.items()])

    def _chosen(self) -> list[ColumnElement[Any]]:
        """Return what is asked for of each row."""
        relation = self._relation
        columns = {column.name: column for path in relation.schema.paths if (column := relation.column(path)) is not None}
        dialect = self._database.dialect
        return [fetched(dialect, column, relation.codes.get(name)).label(name) for name, column in columns.items()]

    def _frames(self, query: Select[Any]) -> Iterator[pl.DataFrame]:
        if adbc.serves(self._database.dialect):
            yield from adbc.frames(self._database, query)
            return
        with self._connection.execution_options(stream_results=True, max_row_buffer=FETCH_ROWS).execute(query) as result:
            names = list(result.keys())
            try:
                while rows := result.fetchmany(FETCH_ROWS):
                    yield frame_of(names, rows)
            except BaseException:  # also where nobody wants the rest
                _abandon(result)
                self._connection.invalidate()
                raise


def _abandon(result: CursorResult[Any]) -> None:
    """Let go of rows that are not fetched: PyMySQL would fetch them all first, also from a connection that is gone."""
    unread: Any = getattr(result.cursor, "_result", None)
    if hasattr(unread, "unbuffered_active"):
        unread.unbuffered_active = False


def frame_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Return rows as a frame. A column whose values are of several types becomes text, as JSON writes it."""
    return pl.DataFrame([_series(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)])


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    types = {type(value) for value in values} - {NoneType}
    if not types:
        return pl.Series(name, values, dtype=pl.Null)
    if types == {int} and all(abs(value) < MAX_INT64 for value in values if value is not None):
        return pl.Series(name, values, dtype=pl.Int64)
    if len(types) == 1 and next(iter(types)) in _PLAIN:
        return pl.Series(name, values)
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    """Return a value as a log would write it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, date):
        return value.isoformat()
    return text_of(value) if isinstance(value, str | int | float | list | dict | NoneType) else str(value)


def _within(batch: Batch, start: int, end: int) -> Batch:
    """Return a batch without the events outside of a span: the database's condition is a rough one."""
    events = []
    for part in batch.events:
        inside = (part.times >= start * MICROSECONDS) & (part.times < end * MICROSECONDS)
        events.append(part if inside.all() else part.take(np.flatnonzero(inside)))
    return replace(batch, events=tuple(part for part in events if len(part)))
