"""Readers: what is in a span of time, as rows that are counted here or as counts of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from sqlalchemy import Connection

from prediction_exporter.config import Table
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.table.counts import CountsReader
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.groups import Learned
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.rows import RowsReader
from prediction_exporter.sources.table.unfolding import TableRecords, UnfoldedRowsReader


class Reader(Protocol):
    """Reads spans of time of a relation."""

    def read(self, start: int, end: int, width: int) -> Iterator[Batch]:
        """Yield what lies in ``[start, end)``, in seconds, in slices of ``width``; nothing of any other time.

        Raises:
            SQLAlchemyError: the database fails.
            SourceError: the same, told by another driver.
        """


def mode_of(context: SourceContext, settings: Table, database: Database) -> Literal["rows", "aggregate"]:
    """Return how a table is read: as configured, or as it suits the database where rows are not needed."""
    if context.by_rows or context.predictions.unfolds:
        return "rows"
    return database.dialect.mode if settings.mode == "auto" else settings.mode


def open_reader(
    context: SourceContext,
    database: Database,
    relation: Relation,
    connection: Connection,
    learned: Learned,
    records: TableRecords | None = None,
) -> Reader:
    """Return the reader that the configuration asks for, or the one that suits the database.

    Args:
        context: the model.
        database: where its table is.
        relation: the table, and which of its columns is what.
        connection: an open connection.
        learned: what former readers learned of the table's values, which they add to.
        records: unfolds rows that are records of several predictions.
    """
    settings = context.predictions.table
    if settings is not None and mode_of(context, settings, database) == "aggregate":
        return CountsReader(context, database.dialect, relation, connection, learned)
    if records is not None:
        return UnfoldedRowsReader(database, relation, connection, records.unfolding)
    return RowsReader(database, relation, connection)
