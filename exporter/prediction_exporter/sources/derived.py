"""Derived numbers: the length of a text or a list, the norm of a vector, the age of a date, from what any source has.

What the column itself lacks, or has of another type, is that column's to tell: the number is missing there. It is invalid where
there is a value of which it cannot be made: a date that does not exist, a vector with a text in it.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.categories import NON_FINITE_WORDS, is_bracketed
from prediction_exporter.counting.digits import SIGNIFICANT
from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.sources.times import NO_TIME, DateParser
from prediction_exporter.sources.typed import CONTAINER, texts_of_values, times_of
from prediction_exporter.sources.values import text_of

#: What a text of blanks has; other spaces are characters. Every database can take these away.
BLANKS = " \t\n\r"

#: A text in brackets, which may be a list or an object that a logger wrote.
_BRACKETED = r"(?s)^(?:\[.*\]|\{.*\})$"

#: What no list of numbers and nulls has in JSON.
_NO_NUMBER = r"[^-+.,0-9eE\s\[\]nul]"

#: Seconds since 1970 between which a date is one, the years 1800 to 2199; others, as 9999-12-31 and 0001-01-01, stand for none.
EARLIEST, LATEST = -5_364_662_400, 7_258_118_400

_SECOND, _DAY_SECONDS = 1_000_000, 86_400

#: Dates without a time of day, that have one meaning.
_DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%b %d %Y", "%b %d, %Y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%d %B %Y")

#: A list of numbers as NumPy prints it, one of texts too.
_PRINTED = re.compile(r"\[\s*[-+.0-9eE\s]+\]|\[(?:\s*'[^']*')+\s*\]")
_WORDS = re.compile(r"'[^']*'|[^\s\[\]']+")

#: What NumPy and pandas write in the middle of a long list, in place of its items.
_CUT = " ... "

_NUMBERS = {int, float, type(None)}

Derived = tuple[pl.Series, NDArray[np.uint8]]


def derive(function: Function, held: Held, values: pl.Series, times: NDArray[np.int64], dates: DateParser) -> Derived:
    """Return the numbers that a function makes of values, and their states.

    Args:
        function: what they are.
        held: what the values were in the baseline.
        values: of any type; what a list is, is a list or the text of one.
        times: of the events, in microseconds.
        dates: reads dates that are text.
    """
    if function is Function.AGE_DAYS:
        return _ages(values, times, dates)
    if held is not Held.CONTAINER:
        return _text_lengths(values)
    return derive_from_lists(function, *lists_of(values))


def derive_from_lists(function: Function, lists: pl.Series, is_list: pl.Series) -> Derived:
    """Return what :func:`derive` does, of lists and whether they are such, see :func:`lists_of`."""
    return _norms(lists, is_list) if function is Function.NORM else _sizes(lists, is_list)


def _with_states(numbers: NDArray[np.float64], *, missing: NDArray[np.bool_]) -> Derived:
    states = np.full(len(numbers), ValueState.VALID, dtype=np.uint8)
    states[~np.isfinite(numbers)] = ValueState.NON_FINITE
    states[np.isnan(numbers)] = ValueState.INVALID
    states[missing] = ValueState.MISSING
    return _only_valid(numbers, states)


def _only_valid(numbers: NDArray[np.float64], states: NDArray[np.uint8]) -> Derived:
    return pl.Series(np.where(states == ValueState.VALID, numbers, np.nan), nan_to_null=True, dtype=pl.Float64), states


# Texts


def _text_lengths(values: pl.Series) -> Derived:
    texts = texts_of_values(values)
    lengths = texts.str.len_chars().cast(pl.Float64)
    blank = (texts.str.strip_chars(BLANKS) == "").fill_null(value=False)
    lengths = lengths.set(blank, 0.0)
    no_text = texts.is_null() | texts.is_in(list(NON_FINITE_WORDS)) | texts.str.contains(_BRACKETED)
    return _with_states(lengths.fill_null(np.nan).to_numpy(), missing=no_text.fill_null(value=True).to_numpy())


# Lists


def lists_of(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the lists that values are, null for all else, and whether each is one.

    False is for an object, and for a text in brackets that is none; null for what a column of lists says itself is none.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.Array):
        values = values.arr.to_list()
    elif isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary):
        return _lists_in_texts(_with_bytes(values))
    elif not isinstance(dtype, pl.List):
        nothing = pl.repeat(None, len(values), dtype=pl.List(pl.Float64), eager=True)
        is_object = isinstance(dtype, pl.Struct | pl.Object)
        return nothing, pl.select(pl.when(values.is_not_null() & is_object).then(statement=False)).to_series()
    return values, pl.select(pl.when(values.is_not_null()).then(statement=True)).to_series()


def _with_bytes(values: pl.Series) -> pl.Series:
    """Return texts; bytes that are none are no list either, as which they count as categories."""
    texts = texts_of_values(values)
    if values.dtype != pl.Binary:
        return texts
    is_text = values.is_in(pl.Series([CONTAINER.encode()]))
    return texts.set((texts == CONTAINER) & ~is_text, "{}")


def _lists_in_texts(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    bracketed = texts.str.contains(_BRACKETED).fill_null(value=False)
    rows = bracketed.arg_true()
    if len(rows) and not texts.gather(rows).str.contains(_NO_NUMBER).any():
        # What polars refuses of one text, it refuses of all.
        with contextlib.suppress(pl.exceptions.PolarsError):
            decoded = texts.gather(rows).str.json_decode(pl.List(pl.Float64))
            nothing = pl.repeat(None, len(texts), dtype=pl.Boolean, eager=True)
            places = pl.select(pl.when(bracketed).then(bracketed.cum_sum() - 1)).to_series()
            return decoded.gather(places), nothing.set(bracketed, value=True)
    read = {text: items_in(text) for text in texts.unique().drop_nulls().to_list() if is_bracketed(text)}
    every = texts.to_list()
    is_list = [None if text not in read else read[text] is not None for text in every]
    return _series([read.get(text) for text in every]), pl.Series(is_list, dtype=pl.Boolean)


def items_in(text: str) -> list[Any] | None:
    """Return the items of a list that is written as JSON, Python or NumPy do; None where it is no list.

    >>> items_in('["a", 1]'), items_in("['a', 'b']"), items_in("[0.5 1.5]"), items_in("{}")
    (['a', 1], ['a', 'b'], ['0.5', '1.5'], None)
    """
    if not text.startswith("["):
        return None
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        if _CUT in text:
            return None
        if _PRINTED.fullmatch(text):
            return _WORDS.findall(text)
        try:
            items = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return items if isinstance(items, list) else None


def lists_in(values: Iterable[Any]) -> tuple[pl.Series, pl.Series]:
    """Return what :func:`lists_of` does, of parsed JSON."""
    lists: list[list[Any] | None] = []
    is_list: list[bool | None] = []
    for value in values:
        is_text = isinstance(value, str) and is_bracketed(value)
        items = value if isinstance(value, list) else items_in(value) if is_text else None
        lists.append(items)
        is_list.append(items is not None if is_text or isinstance(value, list | dict) else None)
    return _series(lists), pl.Series(is_list, dtype=pl.Boolean)


def _series(lists: list[list[Any] | None]) -> pl.Series:
    """Return lists of numbers where all items are some, else of texts."""
    if all(type(item) in _NUMBERS for items in lists if items for item in items):
        with contextlib.suppress(OverflowError, TypeError, pl.exceptions.PolarsError):
            return pl.Series(lists, dtype=pl.List(pl.Float64))
    return pl.Series([None if items is None else list(map(_text, items)) for items in lists], dtype=pl.List(pl.String))


def _text(item: Any) -> str | None:
    """Return an item as text, whatever Python calls a value."""
    try:
        return text_of(item)
    except (TypeError, ValueError):
        return str(item)


def _sizes(lists: pl.Series, is_list: pl.Series) -> Derived:
    sizes = lists.list.len().cast(pl.Float64).fill_null(np.nan).to_numpy()
    return _with_states(sizes, missing=is_list.is_null().to_numpy())


def _norms(lists: pl.Series, is_list: pl.Series) -> Derived:
    """Return norms; the empty list has none, which its length tells."""
    sizes = lists.list.len().fill_null(0).to_numpy().astype(np.intp)
    filled = np.flatnonzero(sizes)
    norms = np.full(len(lists), np.nan)
    invalid = np.full(len(lists), fill_value=True)
    if len(filled):
        items = lists.gather(filled).explode()
        numbers = _numbers(items)
        starts = np.concatenate(([0], np.cumsum(sizes[filled])[:-1]))
        invalid[filled] = np.logical_or.reduceat(numbers.is_null().to_numpy(), starts)
        values = numbers.fill_null(0.0).to_numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            norms[filled] = _rounded(np.sqrt(np.add.reduceat(values * values, starts)))
    states = np.full(len(lists), ValueState.VALID, dtype=np.uint8)
    states[~np.isfinite(norms)] = ValueState.NON_FINITE
    states[invalid] = ValueState.INVALID
    states[is_list.is_null().to_numpy()] = ValueState.MISSING
    states[(lists.list.len() == 0).fill_null(value=False).to_numpy()] = ValueState.MISSING
    return _only_valid(norms, states)


def _rounded(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return norms with the digits that loggers keep: those of unit vectors differ in nothing but what was rounded away.

    >>> _rounded(np.array([0.99996, 1234.5, 0.0, np.inf])).tolist()
    [1.0, 1230.0, 0.0, inf]
    """
    usable = np.isfinite(norms) & (norms > 0)
    known = np.where(usable, norms, 1.0)
    places = SIGNIFICANT - 1 - np.floor(np.log10(known))
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    # Of tiny ones the factor overflows: they are as good as zeros.
    rounded = np.where(np.isfinite(up), np.round(known * up / down) * down / up, 0.0)
    return np.where(usable, rounded, norms)


def _numbers(items: pl.Series) -> pl.Series:
    """Return items as numbers, null for what is none; a boolean is none, as in the log."""
    if items.dtype == pl.Boolean:
        return pl.repeat(None, len(items), dtype=pl.Float64, eager=True)
    return items.cast(pl.Float64, strict=False)


# Dates


def _ages(values: pl.Series, times: NDArray[np.int64], dates: DateParser) -> Derived:
    if values.dtype == pl.String:
        values = values.set(values.str.strip_chars(" ").is_in(["", *NON_FINITE_WORDS]), None)
    found = times_of(values, dates)
    lacking = np.flatnonzero((found == NO_TIME) & values.is_not_null().to_numpy())
    if len(lacking) and values.dtype == pl.String:
        found[lacking] = times_of(days_of(values.gather(lacking)), dates)
    is_read = found != NO_TIME
    is_far = is_read & ((found < EARLIEST * _SECOND) | (found >= LATEST * _SECOND))
    seconds = times // _SECOND - np.where(is_read, found, 0) // _SECOND
    missing = values.is_null().to_numpy() | is_far
    if values.dtype.is_float():
        missing = missing | ~np.isfinite(values.to_numpy())
    if isinstance(values.dtype, pl.String):
        missing = missing | values.str.contains(_BRACKETED).fill_null(value=False).to_numpy()
    return _with_states(np.where(is_read, seconds / _DAY_SECONDS, np.nan), missing=missing)


def days_of(texts: pl.Series) -> pl.Series:
    """Return the days that texts name without a time, of the forms that have one meaning."""
    found = pl.repeat(None, len(texts), dtype=pl.Date, eager=True)
    for form in _DAY_FORMATS:
        if not found.null_count():
            break
        found = found.zip_with(found.is_not_null(), texts.str.strip_chars(" ").str.to_date(form, strict=False))
    return found
