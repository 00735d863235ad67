"""Aggregate mode: the engine counts, and only counts cross the wire."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.registry import SourceContext
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.relation import Relation


class CountsReader:
    """Asks the engine for counts.

    Args:
        context: the model.
        dialect: the kind of database.
        relation: the table, and which of its columns is what.
        connection: an open connection.
    """

    def __init__(self, context: SourceContext, dialect: Dialect, relation: Relation, connection: Connection) -> None:
        self._context = context
        self._dialect = dialect
        self._relation = relation
        self._connection = connection

    def read(self, start: int, end: int, width: int) -> Iterator[Batch]:
        """Yield what the engine counts of a span."""
        raise NotImplementedError
