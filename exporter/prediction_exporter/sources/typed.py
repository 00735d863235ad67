"""Typed columns: what the values of a column of polars are, of any type, as numbers, texts and times.

Each is what the log would make of it, had it been written there as JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.sources.times import NO_TIME, DateParser
from prediction_exporter.sources.values import States, numbers_from_text, text_of, with_states

#: The text of what is no category: an object, a list with items, bytes that are no text.
CONTAINER, EMPTY_LIST = "[0]", "[]"

#: Microseconds since the epoch between which a Datetime is a time: the years 1 to 9999, which dates in text can name too.
FIRST_TIME, LAST_TIME = -62_135_596_800_000_000, 253_402_300_799_999_999

#: Microseconds of a day.
DAY = 86_400_000_000.0


# Times


def times_of(values: pl.Series, dates: DateParser) -> NDArray[np.int64]:
    """Return the time of each value in microseconds, NO_TIME for null and what is no time."""
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime):
        return _instants(values, dtype, dates.timezone)
    if isinstance(dtype, pl.Date):
        return _of_local(_usual(values).cast(pl.Datetime("us")), dates.timezone)
    if dtype.is_numeric():
        return dates.numbers(values.cast(pl.Float64).to_numpy())
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary):
        return dates.parse(texts_of_values(values))
    return np.full(len(values), NO_TIME)


def _instants(values: pl.Series, dtype: pl.Datetime, timezone: str) -> NDArray[np.int64]:
    per_microsecond = 1000 if dtype.time_unit == "ns" else 1
    scale = 1000 if dtype.time_unit == "ms" else 1
    whole = _usual(values).to_physical() // per_microsecond * scale
    if dtype.time_zone is None:
        return _of_local(whole.cast(pl.Datetime("us")), timezone)
    return whole.fill_null(NO_TIME).to_numpy()


def _of_local(naive: pl.Series, timezone: str) -> NDArray[np.int64]:
    """Return the times of datetimes without a zone, by the rules of :class:`DateParser`."""
    zoned = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.to_physical().fill_null(NO_TIME).to_numpy()


def _usual(values: pl.Series) -> pl.Series:
    """Return dates without those of years that no calendar has, with which polars wraps around or panics."""
    dtype = values.dtype
    microseconds = {"ms": 1000.0, "us": 1.0, "ns": 0.001}[dtype.time_unit] if isinstance(dtype, pl.Datetime) else DAY
    ticks = values.to_physical()
    usable = ticks.is_between(max(int(FIRST_TIME / microseconds), -(2**63)), min(int(LAST_TIME / microseconds), 2**63 - 1))
    return values if usable.all() else values.set(~usable, None)


# Numbers and texts


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


def names_of(values: pl.Series) -> pl.Series:
    """Return what values name, as texts: bytes that are no text, as some have identifiers, by their digits; a UUID's as one."""
    texts = texts_of_values(values)
    if isinstance(values.dtype, pl.Binary):
        digits = values.bin.encode("hex")
        uuids = digits.str.replace(r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", "$1-$2-$3-$4-$5")
        texts = texts.zip_with((texts != CONTAINER).fill_null(value=True), uuids)
    return texts


def texts_of_lists(values: pl.Series) -> pl.Series:
    """Return what :func:`texts_of_values` does, and lists as JSON has them; what is neither is an object.

    >>> texts_of_lists(pl.Series([[1, 3], [], None])).to_list(), texts_of_lists(pl.Series([{"a": 1}])).to_list()
    (['[1, 3]', '[]', None], ['{}'])
    """
    if isinstance(values.dtype, pl.Array):
        values = values.arr.to_list()
    if isinstance(values.dtype, pl.List):
        texts = [None if items is None else json.dumps(items, default=str) for items in values.to_list()]
        return pl.Series(texts, dtype=pl.String)
    texts_of = texts_of_values(values)
    return texts_of if values.dtype == pl.String else texts_of.set((texts_of == CONTAINER).fill_null(value=False), "{}")


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
    assert isinstance(values.dtype, pl.Decimal)  # noqa: S101 - chosen by the type of the values
    return _cast(values) if values.dtype.scale == 0 else _floats(values)


def _dates(values: pl.Series) -> pl.Series:
    texts = _usual(values).dt.to_string("iso")
    return texts.set(texts.is_null() & values.is_not_null(), CONTAINER)


def _datetimes(values: pl.Series) -> pl.Series:
    assert isinstance(values.dtype, pl.Datetime)  # noqa: S101 - chosen by the type of the values
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
