"""Parts of files to events: which field is what, and the values of partitions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import polars as pl

from prediction_exporter.counting.events import Events
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.names import MAX_LIST
from prediction_exporter.sources.fields.schema import EventSchema, lookup
from prediction_exporter.sources.fields.steps import labelled
from prediction_exporter.sources.files.readers import Reader
from prediction_exporter.sources.filtering import left_out, passing
from prediction_exporter.sources.frames import FrameParser, value_at
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser, served_of
from prediction_exporter.sources.records.frames import EVERYTHING, lines_of
from prediction_exporter.sources.records.unfolding import Records, Unfolded, Unfolding
from prediction_exporter.sources.sizes import end_of_lines, line_pieces, rows_at_a_time

Partitions = Mapping[str, str | None]

#: Events of JSON lines that fields are recognised by.
SAMPLE_EVENTS = 200

#: Events of each file that are looked through for the fields that the configuration names.
SEEN_EVENTS = 20

_OBJECT = re.compile(rb'^([ \t]*\{)(?=[ \t]*")', re.MULTILINE)


def sample_rows(reader: Reader, records: Records) -> pl.DataFrame | bytes:
    """Return the first rows of a file; more of them where they must meet those of another."""
    return reader.sample() if records.halves is None else reader.read(0, EVERYTHING).rows


def sample_events(rows: pl.DataFrame | bytes, partitions: Partitions, records: Records) -> list[Mapping[str, Any]]:
    """Return events that have the fields of a file, to recognise these by; none where the file has no fields.

    Of lines, only what passes the filter is an event; the columns of a frame are those of all its rows.
    """
    chosen = records.chosen
    if records.sampling is not None:
        rows = flat_lines(rows, partitions, records.sampling, Rejected()).data
    if isinstance(rows, bytes):
        events = list(islice(passing(_records(rows, partitions), chosen), SAMPLE_EVENTS))
        if not events:
            left_out(_records(rows, partitions), chosen)  # for what is told of a filter that nothing passes
        return events
    return [{**_fields(rows), **partitions}] if rows.width else []


def _records(lines: bytes, partitions: Partitions) -> Iterator[Mapping[str, Any]]:
    return ({**record, **partitions} for record in parse_lines(lines.split(b"\n"), Rejected()))


def _fields(frame: pl.DataFrame) -> dict[str, Any]:
    return {column.name: _field(column) for column in frame}


def _field(values: pl.Series) -> Any:
    """Return something with the fields that a column's type has, or as many items as its longest list; values are no matter."""
    dtype = values.dtype
    if isinstance(dtype, pl.Struct):
        return _fields(values.struct.unnest())
    if isinstance(dtype, pl.Array):
        values, dtype = values.arr.to_list(), pl.List(dtype.inner)
    if isinstance(dtype, pl.List) and values.explode(empty_as_null=False).dtype.is_numeric():
        longest = values.list.len().max()
        return [0] * min(int(str(longest or 0)), MAX_LIST)
    if isinstance(dtype, pl.List) and dtype.inner.is_nested():
        return _list(values.drop_nulls())
    return None


def _list(lists: pl.Series) -> list[Any] | None:
    """Return a list like those of objects or lists: with one item where none has more, or with all labels of scores."""
    if int(str(lists.list.len().max() or 0)) == 1:
        return [_field(lists.explode(empty_as_null=False))]
    return [{step.labels: step.label, step.values: None} for step in labelled(lists.to_list())] or None


class PartParser:
    """Turns rows of files into events of a schema.

    Args:
        schema: where everything stands; partitions are fields at the top.
        sample: events that the schema was recognised by.
        clock: Unix time, of rows that have none of their own.
        records: how rows become predictions.
    """

    def __init__(
        self,
        schema: EventSchema,
        sample: Sequence[Mapping[str, Any]],
        *,
        clock: Callable[[], float],
        records: Records,
    ) -> None:
        chosen = records.chosen
        self._unfolding = records.unfolding
        self._schema = schema
        self._filter = chosen
        times = [] if schema.time is None else [lookup(event, schema.time) for event in sample]
        is_text = next((isinstance(value, str) for value in times if value is not None), True)
        paths = schema.paths if chosen is None else (*schema.paths, *chosen.paths)
        #: Names of the columns that are needed.
        self.wanted: Collection[str] = {str(path[0]) for path in paths} if records.unfolding is None else EVERYTHING
        self._flat = b""
        self._frames = FrameParser(schema, clock=clock, chosen=chosen)
        self._lines = JsonLinesParser(schema, time_is_text=is_text, clock=clock, chosen=chosen)

    def first(self, rows: pl.DataFrame | bytes, partitions: Partitions) -> tuple[Sequence[Mapping[str, Any]], EventSchema]:
        """Return the first events of rows whose requests did not fail, as far as they have what is needed, and the schema.

        Records that are unfolded are those that were parsed last.
        """
        if self._unfolding is not None:
            rows, partitions = self._flat, {}
        if isinstance(rows, bytes):
            lines = rows if self._filter is not None else b"\n".join(rows.split(b"\n", SEEN_EVENTS)[:SEEN_EVENTS])
            events = list(islice(passing(_records(lines, partitions), self._filter), SEEN_EVENTS))
        else:
            rows = self._with(rows, partitions)
            if self._filter is not None:
                rows = rows.filter(self._filter.among(rows.height, partial(value_at, rows), counts=False))
            events = [{**row, **partitions} for row in rows.head(SEEN_EVENTS).to_dicts()]
        return served_of(events, self._schema), self._schema

    def parse(self, rows: pl.DataFrame | bytes, partitions: Partitions) -> Batch:
        """Return the events of rows that stand in partitions."""
        if self._unfolding is not None:
            return self._unfolded(rows, partitions, self._unfolding)
        if isinstance(rows, bytes):
            used = self._used(partitions)
            return self._lines.parse(_with_partitions(rows, used) if used else rows)
        return self._frames.parse(self._with(rows, partitions))

    def parse_flat(self, events: Sequence[Mapping[str, Any]]) -> Batch:
        """Return the events of flat ones, as a sample has them."""
        return self._lines.parse(b"".join(json.dumps(event).encode() + b"\n" for event in events))

    def _unfolded(self, rows: pl.DataFrame | bytes, partitions: Partitions, unfolding: Unfolding) -> Batch:
        rejected = Rejected()
        flat = flat_lines(rows, partitions, unfolding, rejected)
        self._flat = flat.data[: end_of_lines(flat.data, SEEN_EVENTS)]
        events: list[Events] = []
        for piece, _ in line_pieces(flat.data, rows_at_a_time(self._lines.columns)):
            batch = self._lines.parse(piece)
            events += batch.events
            rejected.merge(batch.rejected)
        return Batch(tuple(events), rejected, skipped=flat.skipped)

    def _used(self, partitions: Partitions) -> Partitions:
        return {name: value for name, value in partitions.items() if name in self.wanted}

    def _with(self, rows: pl.DataFrame, partitions: Partitions) -> pl.DataFrame:
        return _as_columns(rows, self._used(partitions))


def _as_columns(rows: pl.DataFrame, partitions: Partitions) -> pl.DataFrame:
    """Return rows with the partitions that they stand in as columns."""
    for name, value in partitions.items():
        column = pl.repeat(value, rows.height, dtype=pl.String, eager=True).alias(name)
        rows = rows.with_columns(column)
    return rows


def flat_lines(rows: pl.DataFrame | bytes, partitions: Partitions, unfolding: Unfolding, rejected: Rejected) -> Unfolded:
    """Return rows that stand in partitions as lines of flat events."""
    if isinstance(rows, bytes):
        return unfolding.unfold(_with_partitions(rows, partitions) if partitions else rows, rejected)
    return unfolding.unfold(lines_of(_as_columns(rows, partitions)), rejected)


def _with_partitions(lines: bytes, partitions: Partitions) -> bytes:
    """Write partitions into each object in front of its own fields: of a key that stands twice, the first counts."""
    fields = json.dumps(partitions)[1:-1].encode() + b","
    return _OBJECT.sub(lambda begin: begin.group(1) + fields, lines)
