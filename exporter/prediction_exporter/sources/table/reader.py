"""Readers: what is in a span of time, as rows that are counted here or as counts of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Connection

from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.table.counts import CountsReader
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.rows import RowsReader


class Reader(Protocol):
    """Reads spans of time of a relation."""

    def read(self, start: int, end: int, width: int) -> Iterator[Batch]:
        """Yield what lies in ``[start, end)``, in seconds, in slices of ``width``; nothing of any other time.

        Raises:
            SQLAlchemyError: the database fails.
            SourceError: the same, told by another driver.
        """


@contextmanager
def open_reader(context: SourceContext, database: Database, relation: Relation, connection: Connection) -> Iterator[Reader]:
    """Give the reader that the configuration asks for, or the one that suits the database."""
    settings = context.predictions.table
    mode = settings.mode if settings is not None and settings.mode != "auto" else database.dialect.mode
    if mode == "aggregate":
        yield CountsReader(context, database.dialect, relation, connection)
    else:
        yield RowsReader(database, relation, connection)
