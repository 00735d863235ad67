"""Rows of a table that are records of several predictions: they unfold as the lines of a log do.

A table is read by spans of time, and each prediction of a row has the time of the row: that of the column by which spans are
asked for, whatever else a payload says of a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection

from prediction_exporter.config import Fields, Predictions
from prediction_exporter.config.fields import TimeField
from prediction_exporter.counting.layout import Layout
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.made import TIME
from prediction_exporter.sources.fields.recognise import column_names, log_schema
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.frames import value_at
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.layouts.base import Record
from prediction_exporter.sources.layouts.registry import measured_of
from prediction_exporter.sources.records.decoding import decode
from prediction_exporter.sources.records.unfolding import Unfolding, refuse_all
from prediction_exporter.sources.sizes import line_pieces, rows_at_a_time
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.fetching import fetched, is_document
from prediction_exporter.sources.table.relation import Recognised, Relation
from prediction_exporter.sources.table.rows import RowsReader
from prediction_exporter.sources.times import DateParser
from prediction_exporter.sources.typed import times_of
from prediction_exporter.sources.values import accept

_UNIT = "us"


class TableRecords:
    """Tells which field is what of the flat events of a table's rows.

    Args:
        unfolding: makes flat events of records.
        predictions: how they are read.
        layout: the model's columns.
    """

    def __init__(self, unfolding: Unfolding, predictions: Predictions, layout: Layout | None) -> None:
        self.unfolding = unfolding
        self._predictions = predictions
        self._layout = layout

    @property
    def counted(self) -> tuple[int, int, int]:
        """How many records were unfolded so far, how many predictions they had, and how many were others."""
        return self.unfolding.counted()

    def recognise(self, rows: Sequence[Mapping[str, Any]], *, where: str) -> Recognised | None:
        """Return which field is what; None where no row has a prediction.

        Args:
            rows: some of the table, with the names of all columns.
            where: the place of the fields in the configuration.

        Raises:
            ConfigError: they do not tell, or no column of the table is the time.
        """
        fields = self._predictions.fields
        time = log_schema(rows, Fields(time=fields.time), None, timezone=self._predictions.timezone, where=where)
        records = [{**row, TIME: 0} for row in rows if any(value is not None for value in row.values())]
        refused = Rejected()
        flat = [piece.data for piece in self.unfolding.of_records(records, refused)]
        events = list(parse_lines(b"".join(flat).split(b"\n"), Rejected()))
        if not events:
            refuse_all(refused, where.removesuffix(".fields"))
            return None
        own = fields.model_copy(update={"time": TimeField(field=TIME, unit=_UNIT)})
        schema = log_schema(
            events,
            own,
            self._layout,
            timezone=self._predictions.timezone,
            where=where,
            measured=measured_of(self._predictions),
        )
        return Recognised(
            schema=replace(schema, time=time.time, time_unit=time.time_unit),
            events=events,
            fields=column_names(events, own, where=where),
        )


class UnfoldedRowsReader(RowsReader):
    """Reads rows that are records of several predictions.

    Args:
        database: where its table is.
        relation: the table, and which field of a flat event is what.
        connection: an open connection.
        unfolding: makes flat events of records.
        eligible: tells predictions that can get a label, where their flat events decide it.
    """

    def __init__(
        self,
        database: Database,
        relation: Relation,
        connection: Connection,
        unfolding: Unfolding,
        *,
        eligible: Filter | None = None,
    ) -> None:
        super().__init__(database, relation, connection)
        self._unfolding = unfolding
        unfolding.id_at = relation.schema.id
        self._schema: EventSchema = replace(relation.schema, timezone=relation.timezone)
        self._dates = DateParser(relation.timezone, relation.schema.time_unit)
        flat = replace(relation.schema, time=(TIME,), time_unit=_UNIT)
        self._lines = JsonLinesParser(flat, time_is_text=False, eligible=eligible)
        self._of_json = {name for name in relation.names if is_document(database.dialect, relation.codes.get(name))}

    def _chosen(self) -> list[ColumnElement[Any]]:
        relation, dialect = self._relation, self._database.dialect
        columns = {name: relation.source.c[name] for name in relation.names}
        return [fetched(dialect, column, relation.codes.get(name)).label(name) for name, column in columns.items()]

    def _batches(self, rows: pl.DataFrame) -> Iterator[Batch]:
        rejected = Rejected()
        shown = value_at(rows, (self._relation.time_name,))
        times = times_of(shown, self._dates)
        kept = accept(self._schema, times, shown, None, rejected)
        chosen = pl.Series(kept)
        records = self._records(rows.filter(chosen).to_dicts(), times[kept].tolist())
        for flat in self._unfolding.of_records(records, rejected):
            for piece, is_end in line_pieces(flat.data, rows_at_a_time(self._lines.columns)):
                is_last = flat.is_last and is_end
                batch = self._lines.parse(piece)
                if is_last:
                    batch.rejected.merge(rejected)
                yield replace(
                    batch, skipped=flat.skipped if is_end else 0, records=rows.height if is_last else 0, is_last=is_last
                )

    def _records(self, rows: Sequence[dict[str, Any]], times: Sequence[int]) -> Iterator[Record]:
        for row, time in zip(rows, times, strict=True):
            record = {name: self._plain(name, value) for name, value in row.items()}
            record[TIME] = time
            yield record

    def _plain(self, name: str, value: Any) -> Any:
        """Return a value as a log would have it."""
        if name in self._of_json and isinstance(value, str):
            try:
                return decode(value)
            except ValueError:
                return value
        return plain(value)


def plain(value: Any) -> Any:
    """Return a value of a driver as JSON has it; bytes are the text that they are in UTF-8, and nothing where they are none."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        value = _text(bytes(value))
    elif isinstance(value, Decimal):
        value = float(value)
    elif isinstance(value, timedelta):
        value = value.total_seconds()
    return value if isinstance(value, str | int | float | None) else str(value)


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
