"""Parts of files to events: which field is what, and the values of partitions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.sources.base import Batch, Rejected, UnfoldedSample
from prediction_exporter.sources.fields.names import MAX_LIST
from prediction_exporter.sources.fields.recognise import log_schema
from prediction_exporter.sources.fields.schema import EventSchema, lookup
from prediction_exporter.sources.fields.steps import labelled
from prediction_exporter.sources.files.explain import first_rows
from prediction_exporter.sources.files.readers import Reader
from prediction_exporter.sources.filtering import Filter, left_out, passing
from prediction_exporter.sources.frames import FrameParser, value_at
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser, served_of
from prediction_exporter.sources.layouts.registry import measured_of
from prediction_exporter.sources.records.decoding import encode
from prediction_exporter.sources.records.frames import EVERYTHING, lines_of
from prediction_exporter.sources.records.unfolding import Records, Unfolding
from prediction_exporter.sources.sizes import end_of_lines, line_pieces, rows_at_a_time

Partitions = Mapping[str, str | None]

#: Events of JSON lines that fields are recognised by.
SAMPLE_EVENTS = 200

#: Events of each file that are looked through for the fields that the configuration names.
SEEN_EVENTS = 20

_OBJECT = re.compile(rb'^([ \t]*\{)(?=[ \t]*")', re.MULTILINE)


def sample_events(reader: Reader, partitions: Partitions, records: Records) -> list[Mapping[str, Any]]:
    """Return events that have the fields of a file, to recognise these by; none where the file has no fields.

    Of lines, only what passes the filter is an event; the columns of a frame are those of all its rows.
    """
    chosen = records.chosen
    rows = reader.sample()
    if records.sampling is not None:
        # Names alone tell nothing, and halves have to meet those of another file.
        rows = first_rows(reader, EVERYTHING) if records.halves is None else reader.read(0, EVERYTHING).rows
        rows = records.sample(_as_lines(rows, partitions))
    if isinstance(rows, bytes):
        events = list(islice(passing(_records(rows, partitions), chosen), SAMPLE_EVENTS))
        if not events:
            left_out(_records(rows, partitions), chosen)  # for what is told of a filter that nothing passes
        return events
    return [{**_fields(rows), **partitions}] if rows.width else []


def schema_of(
    sample: Sequence[Mapping[str, Any]], predictions: Predictions, layout: Layout | None, *, where: str
) -> EventSchema:
    """Return where everything stands in the events of a file.

    Raises:
        ConfigError: they do not tell.
    """
    measured = measured_of(predictions)
    return log_schema(sample, predictions.fields, layout, timezone=predictions.timezone, where=where, measured=measured)


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


def _eligible(chosen: Filter, frame: pl.DataFrame, failed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows of a frame pass a filter."""
    return chosen.among(frame.height, partial(value_at, frame), failed=failed).to_numpy()


@dataclass(frozen=True, slots=True)
class Looked:
    """The events of a few rows.

    Attributes:
        batch: the events, and what was refused.
        unfolded: what they hold; None where rows are events as they stand.
    """

    batch: Batch
    unfolded: UnfoldedSample | None = None


class PartParser:
    """Turns rows of files into events of a schema.

    Args:
        schema: where everything stands; partitions are fields at the top.
        sample: events that the schema was recognised by.
        clock: Unix time, of rows that have none of their own.
        records: how rows become predictions.
        eligible: tells predictions that can get a label, where their rows decide it.
    """

    def __init__(
        self,
        schema: EventSchema,
        sample: Sequence[Mapping[str, Any]],
        *,
        clock: Callable[[], float],
        records: Records,
        eligible: Filter | None = None,
    ) -> None:
        chosen = records.chosen
        self._unfolding, self._sampling = records.unfolding, records.sampling
        if records.unfolding is not None:
            records.tell_id(schema.id)
        self._schema = schema
        self._filter = chosen
        times = [] if schema.time is None else [lookup(event, schema.time) for event in sample]
        is_text = next((isinstance(value, str) for value in times if value is not None), True)
        paths = (*schema.paths, *(path for one in (chosen, eligible) if one is not None for path in one.paths))
        #: Names of the columns that are needed.
        self.wanted: Collection[str] = {str(path[0]) for path in paths} if records.unfolding is None else EVERYTHING
        of_frames = None if eligible is None else partial(_eligible, eligible)
        self._flat = b""
        self._frames = FrameParser(schema, clock=clock, chosen=chosen, eligible=of_frames)
        self._lines = JsonLinesParser(schema, time_is_text=is_text, clock=clock, chosen=chosen, eligible=eligible)

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

    def parse(self, rows: pl.DataFrame | bytes, partitions: Partitions) -> Iterator[Batch]:
        """Yield the events of rows that stand in partitions: in one batch, but of records that unfold to many."""
        if self._unfolding is not None:
            yield from self._unfolded(_as_lines(rows, partitions), self._unfolding)
        elif isinstance(rows, bytes):
            used = self._used(partitions)
            yield self._lines.parse(_with_partitions(rows, used) if used else rows)
        else:
            yield self._frames.parse(self._with(rows, partitions))

    def look(self, rows: pl.DataFrame | bytes, partitions: Partitions) -> Looked:
        """Return the events of a few rows, and what they were unfolded of."""
        if self._sampling is None:
            [batch] = self.parse(rows, partitions)
            return Looked(batch)
        rejected = Rejected()
        before = self._sampling.counted()
        flat = self._sampling.unfold(_as_lines(rows, partitions), rejected)
        batch = self._lines.parse(flat.data)
        rejected.merge(batch.rejected)
        return Looked(replace(batch, rejected=rejected, skipped=flat.skipped), self._sampling.since(*before))

    def look_again(self, events: Sequence[Mapping[str, Any]]) -> Looked:
        """Return flat events of a sample, whose halves found each other and would do so no second time."""
        batch = self._lines.parse(b"".join(encode(event) + b"\n" for event in events))
        return Looked(batch, None if self._sampling is None else self._sampling.since())

    def _unfolded(self, lines: bytes, unfolding: Unfolding) -> Iterator[Batch]:
        refused = Rejected()
        self._flat = b""
        for flat in unfolding.pieces(lines, refused):
            self._flat = self._flat or flat.data[: end_of_lines(flat.data, SEEN_EVENTS)]
            for piece, is_end in line_pieces(flat.data, rows_at_a_time(self._lines.columns)):
                is_last = is_end and flat.is_last
                batch = self._lines.parse(piece)
                if is_last:
                    batch.rejected.merge(refused)
                yield replace(batch, skipped=flat.skipped if is_end else 0, is_last=is_last)

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


def _as_lines(rows: pl.DataFrame | bytes, partitions: Partitions) -> bytes:
    """Return rows that stand in partitions as lines of records."""
    if isinstance(rows, bytes):
        return _with_partitions(rows, partitions) if partitions else rows
    return lines_of(_as_columns(rows, partitions))


def _with_partitions(lines: bytes, partitions: Partitions) -> bytes:
    """Write partitions into each object in front of its own fields: of a key that stands twice, the first counts."""
    fields = json.dumps(partitions)[1:-1].encode() + b","
    return _OBJECT.sub(lambda begin: begin.group(1) + fields, lines)
