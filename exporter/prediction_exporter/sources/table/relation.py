"""The relation that is read: a table or a query as it is now, its columns, and which of them is what."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, CursorResult, column, inspect, literal_column, select, table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.elements import TextClause, quoted_name

from prediction_exporter.config import Predictions, Table
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.fields.recognise import column_names, log_schema
from prediction_exporter.sources.fields.schema import EventSchema, lookup
from prediction_exporter.sources.fields.schema import Path as FieldPath
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.fetching import is_document
from prediction_exporter.sources.table.time_column import TimeColumn, time_column

logger = logging.getLogger(__name__)

#: Rows that the fields are recognised by.
SAMPLE_ROWS = 200

#: What MySQL calls the type of an instant, where other timestamps of it have no zone.
_MYSQL_TIMESTAMP = 7


@dataclass(frozen=True)
class Relation:
    """A table or query.

    Attributes:
        source: what stands behind FROM.
        names: its columns.
        samples: some values of each column, without nulls, as the driver gives them.
        codes: the driver's code for the type of each column.
        schema: which column is what.
        time: how its times are asked for.
        time_name: the column that they stand in.
        fields: the names of the model's columns that it has.
    """

    source: FromClause
    names: tuple[str, ...]
    samples: Mapping[str, Sequence[Any]]
    codes: Mapping[str, Any]
    schema: EventSchema
    time: TimeColumn
    time_name: str
    fields: tuple[str, ...]

    @property
    def timezone(self) -> str:
        """The zone of times that the driver gives without one."""
        return "UTC" if getattr(self.time, "naive", False) else self.schema.timezone

    def column(self, path: FieldPath | None) -> ColumnElement[Any] | None:
        """Return the column that a field stands in; None where the relation has none of that name."""
        return self.source.c[str(path[0])] if path is not None and path[0] in self.names else None


@dataclass(frozen=True)
class Recognised:
    """What the rows of a table tell of its fields.

    Attributes:
        schema: which field is what; its time is a column of the table.
        events: what has these fields: the rows, or the events that they unfold to.
        fields: the names of the model's columns that they have.
    """

    schema: EventSchema
    events: Sequence[Mapping[str, Any]]
    fields: tuple[str, ...]


class Recogniser(Protocol):
    """Tells which field is what where rows are records of several predictions."""

    def recognise(self, rows: Sequence[Mapping[str, Any]], *, where: str) -> Recognised | None:
        """Return which field is what; None where no row has a prediction.

        Args:
            rows: some of the table, with the names of all columns.
            where: the place of the fields in the configuration.

        Raises:
            ConfigError: they do not tell.
        """


class RowFilter(Protocol):
    """Tells predictions from other rows."""

    def passing(self, source: FromClause, rows: Sequence[Sequence[Any]], codes: Mapping[str, Any]) -> FromClause:
        """Return the rows of a relation that pass, as a relation.

        Args:
            source: the relation, with its columns.
            rows: some of its rows, as the driver gives them.
            codes: the driver's code for the type of each column.

        Raises:
            ConfigError: it has no such column, or one that cannot be compared so.
        """

    def count(self, rows: int, passed: int) -> None:
        """Count rows that were looked at, and those of them that passed."""


def read_relation(
    connection: Connection,
    dialect: Dialect,
    predictions: Predictions,
    layout: Layout | None,
    *,
    where: str,
    seen: FieldsSeen | None = None,
    chosen: RowFilter | None = None,
    records: Recogniser | None = None,
) -> Relation | None:
    """Look at a table: which columns it has, and which of them is what; None while it has no rows with a time.

    Args:
        connection: an open connection.
        dialect: the kind of database.
        predictions: what is read, and how.
        layout: the model's columns; None where only its service is watched.
        where: the model's place in the configuration, for messages.
        seen: counts which columns there are.
        chosen: tells predictions from other rows, which are no part of the relation then.
        records: tells which field is what, where rows are records of several predictions.

    Raises:
        ConfigError: the columns do not tell which field is what.
    """
    settings = predictions.table
    if settings is None:
        raise AssertionError("a table source without a table")
    place = f"{where}.{predictions.SECTION}.fields"
    names, rows, codes = _sample(connection, _anything(connection, settings))
    seen = seen or FieldsSeen(predictions.fields)
    source = _with_columns(connection, settings, names)
    if chosen is not None:
        source = chosen.passing(source, rows, codes)
        sampled, (_, rows, _) = len(rows), _sample(connection, source)
        chosen.count(len(rows) or sampled, len(rows))
    if not rows:
        seen.count([dict.fromkeys(names)], None, has_values=False)
        return None
    documents = {name for name, code in codes.items() if is_document(dialect, code)}
    samples = {name: [row[i] for row in rows if row[i] is not None] for i, name in enumerate(names)}
    shown = [[_parsed(value) if name in documents else value for name, value in zip(names, row, strict=True)] for row in rows]
    events = [dict.fromkeys(names), *({name: _plain(value) for name, value in zip(names, row, strict=True)} for row in shown)]
    if records is None:
        schema = log_schema(events, predictions.fields, layout, timezone=predictions.timezone, where=place)
        _tell_absent(settings, schema, names)
        told = Recognised(schema, events, column_names(events, predictions.fields, where=place))
    else:
        found = records.recognise(events, where=place)
        if found is None:
            return None
        told = found
    schema = told.schema
    # A latency may be a column that older rows lack.
    has_latency = (
        any(lookup(event, schema.latency) is not None for event in told.events) if schema.latency is not None else True
    )
    seen.count(told.events[0 if records else 1 :], schema, has_values=has_latency)
    assert schema.time is not None  # noqa: S101 - a table of labels without a time is refused in the configuration
    at = str(schema.time[0])
    if not samples[at]:
        return None
    return Relation(
        source=source,
        names=names,
        samples=samples,
        codes=codes,
        schema=schema,
        time=time_column(
            source.c[at],
            samples[at],
            epoch=dialect.epoch,
            floor=dialect.floor,
            is_utc=codes.get(at) == _MYSQL_TIMESTAMP or _is_utc(connection, dialect, source, at),
            instant=dialect.instant,
            unit=schema.time_unit,
            timezone=schema.timezone,
            where=f"{place}.time",
        ),
        time_name=at,
        fields=told.fields,
    )


def _anything(connection: Connection, settings: Table) -> FromClause:
    """Return the relation with columns that are not known yet."""
    if settings.query is not None:
        return _query(settings.query).columns().subquery("predictions")
    return _table(connection, settings)


def _query(query: str) -> TextClause:
    """Return a query as it stands: a colon begins no parameter, and a comment at its end does not take in what follows."""
    return text(query.replace(":", "\\:") + "\n")


def _table(connection: Connection, settings: Table, *columns: Any) -> FromClause:
    *schema, name = str(settings.name).split(".")
    if not schema:
        return table(name, *columns)
    quote = connection.dialect.identifier_preparer.quote
    return table(name, *columns, schema=quoted_name(".".join(map(quote, schema)), quote=False))


def _with_columns(connection: Connection, settings: Table, names: Sequence[str]) -> FromClause:
    columns: list[ColumnElement[Any]] = [column(name) for name in names]
    if settings.query is not None:
        return _query(settings.query).columns(*columns).subquery("predictions")
    return _table(connection, settings, *columns)


def _sample(connection: Connection, source: FromClause) -> tuple[tuple[str, ...], Sequence[Sequence[Any]], dict[str, Any]]:
    """Return the names of the columns, some rows, and the driver's code for the type of each column."""
    result: CursorResult[Any] = connection.execute(select(literal_column("*")).select_from(source).limit(SAMPLE_ROWS))
    names = tuple(result.keys())
    cursor = result.cursor
    description = cursor.description if cursor is not None and cursor.description is not None else ()
    rows = [tuple(row) for row in result]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise SourceError(f"the query has several columns of the name {', '.join(twice)}; give each a name of its own")
    return names, rows, {name: entry[1] for name, entry in zip(names, description, strict=False)}


def _is_utc(connection: Connection, dialect: Dialect, source: FromClause, name: str) -> bool:
    if dialect.type_name is None:
        return dialect.is_utc
    found = connection.scalar(select(dialect.type_name(source.c[name])).select_from(source).limit(1))
    return dialect.is_utc and found == "timestamp"


def _parsed(value: Any) -> Any:
    """Return a document, which some drivers give as text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _plain(value: Any) -> Any:
    """Return a value as the recognition of fields takes it: what JSON has."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if isinstance(value, str | int | float | bool | None | Mapping | list) else str(value)


def _tell_absent(settings: Table, schema: EventSchema, names: Sequence[str]) -> None:
    absent = [field.name for field in schema.columns if field.path[0] not in names and field.function is None]
    if absent:
        logger.warning(
            "%s has no column for %s, which count as missing (it has: %s)",
            settings.shown,
            ", ".join(absent),
            ", ".join(names[:50]),
        )


def has_no_index(connection: Connection, settings: Table, time: str) -> bool:
    """Return whether a table is known to have no index that begins with its time column.

    A view, a query and whatever the database does not tell of is not known.
    """
    if settings.name is None:
        return False
    *schema, name = settings.name.split(".")
    try:
        inspector = inspect(connection)
        in_schema = ".".join(schema) or None
        if name not in inspector.get_table_names(in_schema):
            return False
        leading: list[Sequence[str | None]] = [index["column_names"][:1] for index in inspector.get_indexes(name, in_schema)]
        leading.append(inspector.get_pk_constraint(name, in_schema)["constrained_columns"][:1])
    except (SQLAlchemyError, NotImplementedError):
        return False
    return [time] not in leading
