"""Typed frames to events: rows of a database, of Parquet, of CSV read as text.

Each value counts as the log would count it, had it been written there as JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.entities import entity_hashes
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Kind
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.derived import derive
from prediction_exporter.sources.fields.measured import amounts_of, magnitudes_of, seconds_between
from prediction_exporter.sources.fields.schema import ColumnField, DurationPaths, EventSchema, Path
from prediction_exporter.sources.fields.steps import OfLabel, Only
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.lists import beside_label, only_item, opened
from prediction_exporter.sources.outcomes import statuses_of
from prediction_exporter.sources.stages import stages_of
from prediction_exporter.sources.times import NO_TIME, DateParser, times_of_reading
from prediction_exporter.sources.typed import names_of, numbers_of, texts_of_lists, texts_of_values, times_of
from prediction_exporter.sources.values import accept, seconds_of, versions_of

#: Which rows of a frame are predictions that can get a label, where some requests have failed.
Eligible = Callable[[pl.DataFrame, NDArray[np.bool_]], NDArray[np.bool_]]

_BOOLEANS = {"true", "false"}


class FrameParser:
    """Turns frames into events of a schema.

    The first part of a path is a column's name, the further ones lead into Struct fields and List or Array items. What a frame
    lacks is missing in all its rows. Types may differ from frame to frame.

    Args:
        schema: where everything stands in a row.
        integers_are_booleans: whether the integers 0 and 1 are false and true in a column whose baseline has no other
            categories than these: some databases have no booleans.
        local_timezone: IANA zone of dates without a time, where datetimes without a zone are of another; some drivers give
            instants as such.
        clock: Unix time, of rows that have none of their own.
        chosen: tells predictions from other rows, where there are others.
        eligible: tells which rows of a frame are predictions that can get a label, where these decide it; it is given which
            requests have failed, too.
    """

    def __init__(
        self,
        schema: EventSchema,
        *,
        integers_are_booleans: bool = False,
        local_timezone: str | None = None,
        clock: Callable[[], float] = time.time,
        chosen: Filter | None = None,
        eligible: Eligible | None = None,
    ) -> None:
        self._schema = schema
        self._clock = clock
        self._dates = DateParser(schema.timezone, schema.time_unit)
        self._instants = DateParser(schema.timezone, None)
        self._local_dates = DateParser(local_timezone or schema.timezone, None)
        self._integers_are_booleans = integers_are_booleans
        self._filter = chosen
        self._eligible = eligible

    def parse(self, frame: pl.DataFrame) -> Batch:
        """Return the events of a frame's rows and the rows that hold none."""
        schema = self._schema
        rejected = Rejected()
        skipped = 0
        if self._filter is not None:
            passing = self._filter.among(frame.height, partial(value_at, frame))
            skipped = frame.height - int(passing.sum())
            frame = frame.filter(passing)
        shown = None if schema.time is None else value_at(frame, schema.time)
        times = times_of_reading(self._clock, frame.height) if shown is None else times_of(shown, self._dates)
        ids = None if schema.id is None else value_at(frame, schema.id)
        no_id = None if ids is None else ids.is_null().to_numpy()
        kept = accept(schema, times, shown, no_id, rejected)
        if not kept.all():
            frame, times = frame.filter(pl.Series(kept)), times[kept]
            ids = None if ids is None else ids.filter(pl.Series(kept))
        if not len(times):
            return Batch((), rejected, skipped=skipped)
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            values = value_at(frame, field.path)
            if field.function is not None:
                dates = self._instants if isinstance(values.dtype, pl.Datetime) else self._local_dates
                derived = derive(field.function, field.held, values, times, dates)
                columns[field.name], states[field.name] = derived
                continue
            if field.kind is Kind.CATEGORICAL:
                columns[field.name] = self._categories(values, field)
                continue
            columns[field.name], state = numbers_of(values)
            if state is not None:
                states[field.name] = state
        statuses = (
            None if schema.status is None else statuses_of(texts_of_values(value_at(frame, schema.status)), schema.outcomes)
        )
        failed = np.zeros(len(times), np.bool_) if statuses is None else statuses.failed
        events = Events(
            times=times,
            versions=versions_of(texts_of_values(_optional(frame, schema.version))),
            failed=failed,
            latencies=self._latencies(frame),
            columns=columns,
            states=states,
            ids=ids,
            entities=None if schema.entity is None else entity_hashes(names_of(value_at(frame, schema.entity))),
            refused=None if statuses is None else statuses.refused,
            classes=None if statuses is None else statuses.classes,
            stages=None if schema.stage is None else stages_of(texts_of_values(value_at(frame, schema.stage))),
            eligible=None if self._eligible is None else self._eligible(frame, failed),
            sums={name: amounts_of(*numbers_of(value_at(frame, path))) for name, path in schema.sums.items()},
            attributions={
                name: magnitudes_of(*numbers_of(value_at(frame, path))) for name, path in schema.attributions.items()
            },
            durations={one.name: self._duration(frame, one) for one in schema.durations},
        )
        return Batch((events,), rejected, skipped=skipped)

    def _categories(self, values: pl.Series, field: ColumnField) -> pl.Series:
        boolean = bool(field.categories) and set(field.categories) <= _BOOLEANS
        if self._integers_are_booleans and boolean and values.dtype.is_integer():
            texts = texts_of_values(values)
            return texts.replace({"0": "false", "1": "true"})
        return texts_of_lists(values) if field.held is Held.CONTAINER else texts_of_values(values)

    def _latencies(self, frame: pl.DataFrame) -> NDArray[np.float64] | None:
        if self._schema.latency is None:
            return None
        return _seconds_at(frame, self._schema.latency, self._schema.latency_unit)

    def _duration(self, frame: pl.DataFrame, one: DurationPaths) -> NDArray[np.float64]:
        if one.end is None:
            return _seconds_at(frame, one.begin, one.unit or "s")
        dates = DateParser(self._schema.timezone, one.unit)
        begin, end = (times_of(value_at(frame, path), dates) for path in one.paths)
        return seconds_between(begin, end, NO_TIME)


def _seconds_at(frame: pl.DataFrame, path: Path, unit: str) -> NDArray[np.float64]:
    values = value_at(frame, path)
    if isinstance(values.dtype, pl.Duration):  # says its unit itself
        return seconds_of(values.dt.total_microseconds().cast(pl.Float64).to_numpy(), "us")
    numbers, _ = numbers_of(values)
    return seconds_of(numbers.to_numpy(), unit)


def value_at(frame: pl.DataFrame, path: Path) -> pl.Series:
    """Return what stands at a path of each row, of type Null where the frame has nothing there.

    By name and not by expression, where a name such as ``*`` would be a pattern.
    """
    first, *rest = path
    values: pl.Series | None = frame.get_column(str(first), default=None)
    if values is None:
        return _nothing(frame.height)
    return inside(values, rest)


def inside(values: pl.Series, path: Sequence[str | int | Only | OfLabel]) -> pl.Series:
    """Return what stands at the rest of a path of each value, of type Null where nothing can."""
    for key in path:
        if not isinstance(key, str | int) and isinstance(values.dtype, pl.Array):
            values = values.arr.to_list()
        dtype = values.dtype
        if isinstance(key, str) and isinstance(dtype, pl.Struct) and key in {field.name for field in dtype.fields}:
            values = values.struct.unnest().get_column(key)
        elif isinstance(key, int) and isinstance(dtype, pl.List):
            values = values.list.get(key, null_on_oob=True)
        elif isinstance(key, int) and isinstance(dtype, pl.Array):
            values = values.arr.get(key, null_on_oob=True)
        elif isinstance(key, Only) and isinstance(dtype, pl.List):
            values = only_item(values)
        else:
            objects = opened(values, key, texts_of_values) if isinstance(key, OfLabel) else None
            if objects is None or not isinstance(key, OfLabel):
                return _nothing(len(values))
            values = beside_label(objects, key.label, len(values))
    return values


def _optional(frame: pl.DataFrame, path: Path | None) -> pl.Series:
    return _nothing(frame.height) if path is None else value_at(frame, path)


def _nothing(rows: int) -> pl.Series:
    return pl.repeat(None, rows, dtype=pl.Null, eager=True)
