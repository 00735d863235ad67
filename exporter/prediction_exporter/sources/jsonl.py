"""JSON lines: bytes to events. What polars reads and what is read line by line give the same events."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.events import Events, ValueState
from prediction_exporter.layout import Kind
from prediction_exporter.schema import UNITS, EventSchema, Path, lookup, path_text
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.json_reader import JsonReader
from prediction_exporter.sources.times import NO_TIME, DateParser, epoch_microseconds

#: Texts of a status field that do not mean failure, in lower case; ``true`` is that of a field that is set on failure.
SUCCESS_WORDS = frozenset({"", "ok", "okay", "success", "succeeded", "successful", "false", "none", "null", "nan", "[]", "{}"})
#: HTTP statuses that are not the server's fault.
FIRST_STATUS, SERVER_ERROR = 100, 500


class JsonLinesParser:
    """Turns chunks of JSON lines into events of a schema.

    Args:
        schema: where everything stands in an event.
        time_is_text: whether times come as dates; a wrong guess is corrected after the first chunk, at the cost of its speed.
    """

    def __init__(self, schema: EventSchema, *, time_is_text: bool = True) -> None:
        self._schema = schema
        self._dates = DateParser(schema.timezone, schema.time_unit)
        optional = [path for path in (schema.id, schema.version, schema.latency, schema.status) if path is not None]
        texts = self._text_fields() | ({schema.time} if time_is_text else set())
        self._reader = JsonReader([schema.time, *optional, *(field.path for field in schema.columns)], texts)

    @property
    def dtypes(self) -> Mapping[str, pl.DataType]:
        """The schema that lines are parsed with, for measuring what the parse alone costs."""
        return self._reader.dtypes

    def parse(self, data: bytes) -> Batch:
        """Return the events of whole lines and the lines that hold none; blank lines are no lines."""
        rejected = Rejected()
        frame, parsed = self._reader.read(data, rejected)
        events = []
        if frame is not None:
            events.append(self._fast_events(frame, rejected))
        if parsed:
            events.append(self._slow_events(parsed, rejected))
        return Batch(tuple(part for part in events if len(part)), rejected)

    # The fast way

    def _fast_events(self, frame: pl.DataFrame, rejected: Rejected) -> Events:
        schema = self._schema
        times = self._fast_times(frame[self._reader.names[schema.time]])
        ids = None if schema.id is None else frame[self._reader.names[schema.id]].is_null().to_numpy()
        kept = self._refuse(times, frame[self._reader.names[schema.time]], ids, rejected)
        if not kept.all():
            frame, times = frame.filter(pl.Series(kept)), times[kept]
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            values = frame[self._reader.names[field.path]]
            state = None
            if field.kind is Kind.NUMERIC and values.dtype == pl.String:
                values, state = _numbers_from_text(values)
            columns[field.name] = values
            if state is not None:
                states[field.name] = state
        return Events(
            times=times,
            versions=_versions(self._optional(frame, schema.version)),
            failed=_failed(self._optional(frame, schema.status)),
            latencies=self._fast_latencies(frame),
            columns=columns,
            states=states,
        )

    def _fast_times(self, values: pl.Series) -> NDArray[np.int64]:
        if values.dtype == pl.String:
            return self._dates.parse(values)
        return epoch_microseconds(values.to_numpy(), self._schema.time_unit)

    def _fast_latencies(self, frame: pl.DataFrame) -> NDArray[np.float64] | None:
        if self._schema.latency is None:
            return None
        values = frame[self._reader.names[self._schema.latency]].cast(pl.Float64, strict=False).to_numpy()
        return _seconds(values, self._schema.latency_unit)

    def _optional(self, frame: pl.DataFrame, path: Path | None) -> pl.Series:
        return pl.repeat(None, len(frame), dtype=pl.String, eager=True) if path is None else frame[self._reader.names[path]]

    # The slow way

    def _slow_events(self, parsed: list[Mapping[str, Any]], rejected: Rejected) -> Events:
        schema = self._schema
        texts = {path: texts_of(parsed, path) for path in self._text_fields() | {schema.time}}
        times = self._dates.parse(texts[schema.time])
        ids = None if schema.id is None else texts[schema.id].is_null().to_numpy()
        kept = self._refuse(times, texts[schema.time], ids, rejected)
        rows = np.flatnonzero(kept)
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            if field.kind is Kind.CATEGORICAL:
                columns[field.name] = texts[field.path]
                continue
            columns[field.name], state = _numbers(lookup(event, field.path) for event in parsed)
            if state is not None:
                states[field.name] = state
        nothing = pl.repeat(None, len(parsed), dtype=pl.String, eager=True)
        latencies = None
        if schema.latency is not None:
            numbers, _ = _numbers(lookup(event, schema.latency) for event in parsed)
            latencies = _seconds(numbers.to_numpy(), schema.latency_unit)
        events = Events(
            times=times,
            versions=nothing if schema.version is None else _versions(texts[schema.version]),
            failed=_failed(nothing if schema.status is None else texts[schema.status]),
            latencies=latencies,
            columns=columns,
            states=states,
        )
        return events if len(rows) == len(parsed) else events.take(rows)

    # Both ways

    def _text_fields(self) -> set[Path]:
        """Return what is read as text, beside the time."""
        schema = self._schema
        categorical = {field.path for field in schema.columns if field.kind is Kind.CATEGORICAL}
        return categorical | {path for path in (schema.id, schema.version, schema.status) if path is not None}

    def _refuse(
        self, times: NDArray[np.int64], shown: pl.Series, no_id: NDArray[np.bool_] | None, rejected: Rejected
    ) -> NDArray[np.bool_]:
        """Return which events have a time and an id; count the others."""
        kept: NDArray[np.bool_] = times != NO_TIME
        if not kept.all():
            missing = shown.is_null().to_numpy()
            invalid = np.flatnonzero(~kept & ~missing)
            rejected.add("missing_time", int((~kept & missing).sum()), f"no {path_text(self._schema.time)}")
            if len(invalid):
                rejected.add("invalid_time", len(invalid), str(shown[int(invalid[0])]))
        if self._schema.id is not None and no_id is not None and no_id.any():
            rejected.add("missing_id", int((kept & no_id).sum()), f"no {path_text(self._schema.id)}")
            kept = kept & ~no_id
        return kept


def _numbers_from_text(texts: pl.Series) -> tuple[pl.Series, NDArray[np.uint8] | None]:
    """Return the numbers that texts stand for and their states: text that is no number is invalid."""
    numbers = texts.cast(pl.Float64, strict=False)
    return _with_states(numbers, missing=texts.is_null().to_numpy())


def _numbers(values: Iterable[Any]) -> tuple[pl.Series, NDArray[np.uint8] | None]:
    """Return parsed JSON values as numbers and their states."""
    listed = list(values)
    numbers = pl.Series([_number(value) for value in listed], dtype=pl.Float64)
    texts = pl.Series([text_of(value) if isinstance(value, str) else None for value in listed], dtype=pl.String)
    if texts.null_count() < len(texts):
        numbers = numbers.fill_null(texts.cast(pl.Float64, strict=False))
    return _with_states(numbers, missing=np.array([value is None for value in listed], dtype=np.bool_))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond the range of doubles
        return float("inf") if value > 0 else float("-inf")


def _with_states(numbers: pl.Series, *, missing: NDArray[np.bool_]) -> tuple[pl.Series, NDArray[np.uint8] | None]:
    nulls = numbers.is_null().to_numpy()
    finite = np.isfinite(numbers.to_numpy())
    if np.array_equal(nulls, missing) and np.array_equal(nulls, ~finite):
        return numbers, None
    states = np.full(len(numbers), ValueState.VALID, dtype=np.uint8)
    states[~finite] = ValueState.NON_FINITE
    states[nulls] = ValueState.INVALID
    states[missing] = ValueState.MISSING
    return pl.Series(np.where(finite, numbers.to_numpy(), np.nan), nan_to_null=True), states


def texts_of(parsed: Iterable[Mapping[str, Any]], path: Path) -> pl.Series:
    """Return what stands at a path of parsed events as the texts that polars reads."""
    return pl.Series([text_of(lookup(event, path)) for event in parsed], dtype=pl.String)


def text_of(value: Any) -> str | None:
    """Return a parsed JSON value as the text that polars reads it as."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # a lone surrogate is no text
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def _versions(texts: pl.Series) -> pl.Series:
    """Return versions without what is an object or a list."""
    nested = texts.str.contains(r"^[\[{]")
    return texts.set(nested, None) if nested.any() else texts


def _failed(statuses: pl.Series) -> NDArray[np.bool_]:
    """Return whether each request failed, from an HTTP status or a field that is set on failure."""
    failing = [text for text in statuses.unique().drop_nulls().to_list() if _means_failure(text)]
    if not failing:
        return np.zeros(len(statuses), dtype=np.bool_)
    flags: NDArray[np.bool_] = statuses.is_in(failing).fill_null(value=False).to_numpy()
    return flags


def _means_failure(text: str) -> bool:
    if text.lower() in SUCCESS_WORDS:
        return False
    try:
        number = float(text)
    except ValueError:
        return True
    return number != 0 and not FIRST_STATUS <= number < SERVER_ERROR


def _seconds(values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Return durations in seconds, NaN where they are unknown or negative."""
    with np.errstate(invalid="ignore", over="ignore"):
        seconds = values * (UNITS[unit] / UNITS["s"])
        return np.where(np.isfinite(seconds) & (seconds >= 0), seconds, np.nan)
