"""What raw values of an event mean, for every parser alike: numbers, versions, durations, and what is refused."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.events import ValueState
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.distinct import distinct_texts
from prediction_exporter.sources.fields.schema import UNITS, EventSchema, path_text
from prediction_exporter.sources.times import NO_TIME

#: What loggers write for a name that is none, in small letters.
NOTHING = frozenset({"", "-", "none", "null", "nan"})

#: States of values, or None where they follow from the values: missing where these are null, valid elsewhere.
States = NDArray[np.uint8] | None


def accept(
    schema: EventSchema, times: NDArray[np.int64], shown: pl.Series | None, no_id: NDArray[np.bool_] | None, rejected: Rejected
) -> NDArray[np.bool_]:
    """Return which events have a time and an id; count the others.

    Args:
        schema: where time and id stand, for the examples.
        times: microseconds since the epoch, :data:`~prediction_exporter.sources.times.NO_TIME` where there is none.
        shown: what stands there; null where nothing does. None where events have no time of their own.
        no_id: which events lack the id; None where events have none.
        rejected: where the others are counted.
    """
    kept: NDArray[np.bool_] = times != NO_TIME
    if shown is not None and schema.time is not None and not kept.all():
        missing = shown.is_null().to_numpy()
        invalid = np.flatnonzero(~kept & ~missing)
        rejected.add("missing_time", int((~kept & missing).sum()), f"no {path_text(schema.time)}")
        if len(invalid):
            rejected.add("invalid_time", len(invalid), _example(shown, int(invalid[0])))
    if schema.id is not None and no_id is not None and no_id.any():
        rejected.add("missing_id", int((kept & no_id).sum()), f"no {path_text(schema.id)}")
        kept = kept & ~no_id
    return kept


def _example(shown: pl.Series, row: int) -> str:
    if isinstance(shown.dtype, pl.Date | pl.Datetime):
        return str(shown.slice(row, 1).to_numpy()[0])  # NumPy also shows years that Python does not have
    return str(shown[row])


def numbers_from_text(texts: pl.Series) -> tuple[pl.Series, States]:
    """Return the numbers that texts stand for and their states: text that is no number is invalid."""
    numbers = texts.cast(pl.Float64, strict=False)
    return with_states(numbers, missing=texts.is_null().to_numpy())


def with_states(numbers: pl.Series, *, missing: NDArray[np.bool_]) -> tuple[pl.Series, States]:
    """Return Float64 numbers without those that are none or infinite, and the states that follow.

    Args:
        numbers: null where there is no number.
        missing: where there was nothing to make a number of.
    """
    nulls = numbers.is_null().to_numpy()
    finite = np.isfinite(numbers.to_numpy())
    if np.array_equal(nulls, missing) and np.array_equal(nulls, ~finite):
        return numbers, None
    states = np.full(len(numbers), ValueState.VALID, dtype=np.uint8)
    states[~finite] = ValueState.NON_FINITE
    states[np.isnan(numbers.to_numpy())] = ValueState.NAN
    states[nulls] = ValueState.INVALID
    states[missing] = ValueState.MISSING
    return pl.Series(np.where(finite, numbers.to_numpy(), np.nan), nan_to_null=True), states


def text_of(value: Any) -> str | None:
    """Return a parsed JSON value as the text that polars reads it as."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # a lone surrogate is no text
    if type(value) is int:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def versions_of(texts: pl.Series) -> pl.Series:
    """Return versions without what is an object or a list."""
    if not any(text.startswith(("[", "{")) for text in distinct_texts(texts)):
        return texts
    return texts.set(texts.str.contains(r"^[\[{]"), None)


def seconds_of(values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Return durations of a unit in seconds, NaN where they are unknown or negative."""
    with np.errstate(invalid="ignore", over="ignore"):
        seconds = values * (UNITS[unit] / UNITS["s"])
        return np.where(np.isfinite(seconds) & (seconds >= 0), seconds, np.nan)
