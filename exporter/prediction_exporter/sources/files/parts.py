"""Parts of files to events: which field is what, and the values of partitions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl

from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.names import MAX_LIST
from prediction_exporter.sources.fields.schema import EventSchema, lookup
from prediction_exporter.sources.fields.steps import labelled
from prediction_exporter.sources.frames import FrameParser
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser, served_of

Partitions = Mapping[str, str | None]

#: Events of JSON lines that fields are recognised by.
SAMPLE_EVENTS = 200

#: Events of each file that are looked through for the fields that the configuration names.
SEEN_EVENTS = 20

_OBJECT = re.compile(rb'^([ \t]*\{)(?=[ \t]*")', re.MULTILINE)


def sample_events(rows: pl.DataFrame | bytes, partitions: Partitions) -> list[Mapping[str, Any]]:
    """Return events that have the fields of a file, to recognise these by; none where the file has no fields."""
    if isinstance(rows, bytes):
        events = islice(parse_lines(rows.split(b"\n"), Rejected()), SAMPLE_EVENTS)
        return [{**event, **partitions} for event in events]
    return [{**_fields(rows), **partitions}] if rows.width else []


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
    """

    def __init__(self, schema: EventSchema, sample: Sequence[Mapping[str, Any]], *, clock: Callable[[], float]) -> None:
        self._schema = schema
        times = [] if schema.time is None else [lookup(event, schema.time) for event in sample]
        is_text = next((isinstance(value, str) for value in times if value is not None), True)
        #: Names of the columns that are needed.
        self.wanted = {str(path[0]) for path in schema.paths}
        self._frames = FrameParser(schema, clock=clock)
        self._lines = JsonLinesParser(schema, time_is_text=is_text, clock=clock)

    def first(self, rows: pl.DataFrame | bytes, partitions: Partitions) -> tuple[Sequence[Mapping[str, Any]], EventSchema]:
        """Return the first events of rows whose requests did not fail, as far as they have what is needed, and the schema."""
        if isinstance(rows, bytes):
            parsed = parse_lines(rows.split(b"\n", SEEN_EVENTS)[:SEEN_EVENTS], Rejected())
            events = [{**event, **partitions} for event in parsed]
        else:
            events = [{**row, **partitions} for row in rows.head(SEEN_EVENTS).to_dicts()]
        return served_of(events, self._schema), self._schema

    def parse(self, rows: pl.DataFrame | bytes, partitions: Partitions) -> Batch:
        """Return the events of rows that stand in partitions."""
        used = {name: value for name, value in partitions.items() if name in self.wanted}
        if isinstance(rows, bytes):
            return self._lines.parse(_with_partitions(rows, used) if used else rows)
        for name, value in used.items():
            column = pl.repeat(value, rows.height, dtype=pl.String, eager=True).alias(name)
            rows = rows.with_columns(column)
        return self._frames.parse(rows)


def _with_partitions(lines: bytes, partitions: Partitions) -> bytes:
    """Write partitions into each object in front of its own fields: of a key that stands twice, the first counts."""
    fields = json.dumps(partitions)[1:-1].encode() + b","
    return _OBJECT.sub(lambda begin: begin.group(1) + fields, lines)
