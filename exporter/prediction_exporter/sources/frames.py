"""Typed frames to events: rows of a database, of Parquet, of CSV read as text.

Each value counts as the log would count it, had it been written there as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Kind
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.schema import ColumnField, EventSchema, Path
from prediction_exporter.sources.fields.steps import OfLabel, Only
from prediction_exporter.sources.lists import beside_label, only_item, opened
from prediction_exporter.sources.outcomes import failures_of
from prediction_exporter.sources.times import NO_TIME, DateParser
from prediction_exporter.sources.values import (
    States,
    accept,
    numbers_from_text,
    seconds_of,
    text_of,
    versions_of,
    with_states,
)

#: The text of what is no category: an object, a list with items, bytes that are no text.
CONTAINER, EMPTY_LIST = "[0]", "[]"

#: Microseconds since the epoch between which a Datetime is a time: the years 1 to 9999, which dates in text can name too.
FIRST_TIME, LAST_TIME = -62_135_596_800_000_000, 253_402_300_799_999_999

#: Microseconds of a day.
DAY = 86_400_000_000.0

_BOOLEANS = {"true", "false"}


class FrameParser:
    """Turns frames into events of a schema.

    The first part of a path is a column's name, the further ones lead into Struct fields and List or Array items. What a frame
    lacks is missing in all its rows. Types may differ from frame to frame.

    Args:
        schema: where everything stands in a row.
        integers_are_booleans: whether the integers 0 and 1 are false and true in a column whose baseline has no other
            categories than these: some databases have no booleans.
    """

    def __init__(self, schema: EventSchema, *, integers_are_booleans: bool = False) -> None:
        self._schema = schema
        self._dates = DateParser(schema.timezone, schema.time_unit)
        self._integers_are_booleans = integers_are_booleans

    def parse(self, frame: pl.DataFrame) -> Batch:
        """Return the events of a frame's rows and the rows that hold none."""
        schema = self._schema
        rejected = Rejected()
        shown = value_at(frame, schema.time)
        times = self._times(shown)
        ids = None if schema.id is None else value_at(frame, schema.id)
        no_id = None if ids is None else ids.is_null().to_numpy()
        kept = accept(schema, times, shown, no_id, rejected)
        if not kept.all():
            frame, times = frame.filter(pl.Series(kept)), times[kept]
            ids = None if ids is None else ids.filter(pl.Series(kept))
        if not len(times):
            return Batch((), rejected)
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            values = value_at(frame, field.path)
            if field.kind is Kind.CATEGORICAL:
                columns[field.name] = self._categories(values, field)
                continue
            columns[field.name], state = numbers_of(values)
            if state is not None:
                states[field.name] = state
        events = Events(
            times=times,
            versions=versions_of(texts_of_values(_optional(frame, schema.version))),
            failed=failures_of(texts_of_values(_optional(frame, schema.status)), schema.outcomes),
            latencies=self._latencies(frame),
            columns=columns,
            states=states,
            ids=ids,
        )
        return Batch((events,), rejected)

    def _categories(self, values: pl.Series, field: ColumnField) -> pl.Series:
        boolean = bool(field.categories) and set(field.categories) <= _BOOLEANS
        if self._integers_are_booleans and boolean and values.dtype.is_integer():
            texts = texts_of_values(values)
            return texts.replace({"0": "false", "1": "true"})
        return texts_of_values(values)

    def _latencies(self, frame: pl.DataFrame) -> NDArray[np.float64] | None:
        if self._schema.latency is None:
            return None
        values = value_at(frame, self._schema.latency)
        if isinstance(values.dtype, pl.Duration):  # says its unit itself
            return seconds_of(values.dt.total_microseconds().cast(pl.Float64).to_numpy(), "us")
        numbers, _ = numbers_of(values)
        return seconds_of(numbers.to_numpy(), self._schema.latency_unit)

    # Times

    def _times(self, values: pl.Series) -> NDArray[np.int64]:
        """Return the time of each value in microseconds, NO_TIME for null and what is no time."""
        dtype = values.dtype
        if isinstance(dtype, pl.Datetime):
            return self._datetimes(values, dtype)
        if isinstance(dtype, pl.Date):
            return self._midnights(values)
        if dtype.is_numeric():
            return self._dates.numbers(values.cast(pl.Float64).to_numpy())
        if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary):
            return self._dates.parse(texts_of_values(values))
        return np.full(len(values), NO_TIME)

    def _datetimes(self, values: pl.Series, dtype: pl.Datetime) -> NDArray[np.int64]:
        per_microsecond = 1000 if dtype.time_unit == "ns" else 1
        scale = 1000 if dtype.time_unit == "ms" else 1
        whole = _usual(values).to_physical() // per_microsecond * scale
        if dtype.time_zone is None:
            return self._local(whole.cast(pl.Datetime("us")))
        return whole.fill_null(NO_TIME).to_numpy()

    def _local(self, naive: pl.Series) -> NDArray[np.int64]:
        """Return the times of datetimes without a zone, by the rules of :class:`DateParser`."""
        zoned = naive.dt.replace_time_zone(self._schema.timezone, ambiguous="earliest", non_existent="null")
        return zoned.to_physical().fill_null(NO_TIME).to_numpy()

    def _midnights(self, dates: pl.Series) -> NDArray[np.int64]:
        return self._local(_usual(dates).cast(pl.Datetime("us")))


def _usual(values: pl.Series) -> pl.Series:
    """Return dates without those of years that no calendar has, with which polars wraps around or panics."""
    dtype = values.dtype
    microseconds = {"ms": 1000.0, "us": 1.0, "ns": 0.001}[dtype.time_unit] if isinstance(dtype, pl.Datetime) else DAY
    ticks = values.to_physical()
    usable = ticks.is_between(max(int(FIRST_TIME / microseconds), -(2**63)), min(int(LAST_TIME / microseconds), 2**63 - 1))
    return values if usable.all() else values.set(~usable, None)


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


def numbers_of(values: pl.Series) -> tuple[pl.Series, States]:
    """Return values of any type as Float64 and their states: numbers, and texts that are numbers, are valid.

    A number that is no double becomes the nearest one.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.Null):
        return values.cast(pl.Float64), None
    if dtype.is_numeric():
        numbers = values.cast(pl.Float64)
        # A sum is the fastest look at all values: it is finite only if each of them is. One that overflows costs the other way.
        if not dtype.is_float() or math.isfinite(numbers.sum()):
            return numbers, None
        return with_states(numbers, missing=values.is_null().to_numpy())
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary):
        return numbers_from_text(texts_of_values(values))
    none = pl.repeat(None, len(values), dtype=pl.Float64, eager=True)
    return with_states(none, missing=values.is_null().to_numpy())


def texts_of_values(values: pl.Series) -> pl.Series:
    """Return values of any type as the texts that the log's parser gives of the same values in JSON, String.

    Objects and lists, and bytes that are no UTF-8, become the text of some list: no category, no version.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.String):
        return values
    for kinds, write in _WRITERS:
        if isinstance(dtype, kinds):
            return write(values)
    if dtype.is_integer():
        return values.cast(pl.String)
    if dtype.is_float():
        return _floats(values)
    return _where_present(values, CONTAINER)


def _cast(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


def _floats(values: pl.Series) -> pl.Series:
    """Write floats as JSON does; those of fewer bits at their exact values, as ``float(x)`` gives them to a logger."""
    texts = values.cast(pl.Float64).cast(pl.String).str.strip_suffix(".0")
    # What polars writes with an exponent or as a word, JSON lines read by polars hold in digits or as another word.
    odd = texts.str.contains("[a-zN]").fill_null(value=False)
    if not odd.any():
        return texts
    distinct = texts.filter(odd).unique().to_list()
    return texts.replace(distinct, [text_of(float(text)) for text in distinct])


def _decimals(values: pl.Series) -> pl.Series:
    """Write decimals: whole ones exactly, others as the floats that a reader of JSON makes of them."""
    assert isinstance(values.dtype, pl.Decimal)  # noqa: S101 - for the type checker
    return _cast(values) if values.dtype.scale == 0 else _floats(values)


def _dates(values: pl.Series) -> pl.Series:
    texts = _usual(values).dt.to_string("iso")
    return texts.set(texts.is_null() & values.is_not_null(), CONTAINER)


def _datetimes(values: pl.Series) -> pl.Series:
    assert isinstance(values.dtype, pl.Datetime)  # noqa: S101 - for the type checker
    texts = _usual(values).dt.to_string("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if values.dtype.time_zone else ""))
    return texts.set(texts.is_null() & values.is_not_null(), CONTAINER)


def _spans(values: pl.Series) -> pl.Series:
    return values.dt.to_string("iso")


def _bytes(values: pl.Series) -> pl.Series:
    try:
        return _cast(values)
    except pl.exceptions.ComputeError:  # for a single value that is no UTF-8
        return pl.Series([None if value is None else _decoded(value) for value in values.to_list()], dtype=pl.String)


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return CONTAINER


def _lists(values: pl.Series) -> pl.Series:
    texts = _where_present(values, CONTAINER)
    empty = (values.list.len() == 0).fill_null(value=False)
    return texts.set(empty, EMPTY_LIST)


def _where_present(values: pl.Series, text: str) -> pl.Series:
    return pl.repeat(text, len(values), dtype=pl.String, eager=True).set(values.is_null(), None)


_Types = type[pl.DataType] | tuple[type[pl.DataType], ...]
_WRITERS: tuple[tuple[_Types, Callable[[pl.Series], pl.Series]], ...] = (
    ((pl.Categorical, pl.Enum, pl.Boolean, pl.Null), _cast),
    (pl.Date, _dates),
    (pl.Decimal, _decimals),
    (pl.Datetime, _datetimes),
    ((pl.Time, pl.Duration), _spans),
    (pl.Binary, _bytes),
    (pl.List, _lists),
)
