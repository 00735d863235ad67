"""JSON lines: bytes to events. What polars reads and what is read line by line give the same events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.entities import entity_hashes
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.layout import Kind
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.derived import Derived, derive, derive_from_lists, lists_in
from prediction_exporter.sources.fields.measured import amounts_of, magnitudes_of, seconds_between
from prediction_exporter.sources.fields.schema import ColumnField, EventSchema, Path, lookup
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.json_reader import JsonReader
from prediction_exporter.sources.outcomes import statuses_of
from prediction_exporter.sources.sieve import FilteredLines, LinesReader, OneByOne, clash
from prediction_exporter.sources.stages import stages_of
from prediction_exporter.sources.times import NO_TIME, DateParser, times_of_reading
from prediction_exporter.sources.typed import texts_of_values, times_of
from prediction_exporter.sources.values import (
    accept,
    numbers_from_text,
    seconds_of,
    text_of,
    versions_of,
    with_states,
)


class JsonLinesParser:
    """Turns chunks of JSON lines into events of a schema.

    Args:
        schema: where everything stands in an event.
        time_is_text: whether times come as dates; a wrong guess is corrected after the first chunk, at the cost of its speed.
        clock: Unix time, of events that have none of their own.
        chosen: tells predictions from other lines, where there are others.
        eligible: tells predictions that can get a label, where their lines decide it.
    """

    def __init__(
        self,
        schema: EventSchema,
        *,
        time_is_text: bool = True,
        clock: Callable[[], float] = time.time,
        chosen: Filter | None = None,
        eligible: Filter | None = None,
    ) -> None:
        self._schema = schema
        self._clock = clock
        self._dates = DateParser(schema.timezone, schema.time_unit)
        vectors = {field.path for field in schema.columns if field.function is Function.NORM}
        texts = (self._text_fields() - vectors) | ({schema.time} if time_is_text and schema.time is not None else set())
        self._feature_dates = DateParser(schema.timezone, None)
        self._lists = {field.path for field in schema.columns if field.is_of_list}
        self._eligible = eligible
        together = eligible is None or not clash(eligible, schema.paths, self._lists)
        more = eligible.paths if eligible is not None and together else ()
        paths, texts = (*schema.paths, *more), texts | {*more}
        self._fields = JsonReader(paths, texts, self._lists)
        self._reader: LinesReader = self._fields if together else OneByOne()
        self._filter = None if chosen is None else FilteredLines(chosen, paths, texts, self._lists, beside=together)

    @property
    def dtypes(self) -> Mapping[str, pl.DataType]:
        """The schema that lines are parsed with, for measuring what the parse alone costs."""
        return self._fields.dtypes

    @property
    def columns(self) -> int:
        """How many fields are read of each line."""
        return len(self._fields.paths)

    def parse(self, data: bytes) -> Batch:
        """Return the events of whole lines and the lines that hold none; blank lines are no lines."""
        rejected = Rejected()
        skipped = 0
        if self._filter is None:
            fields, parsed = self._reader.read(data, rejected)
        else:
            fields, parsed, skipped = self._filter.read(data, rejected, self._reader)
        events = []
        if fields is not None:
            events.append(self._fast_events(fields, rejected))
        if parsed:
            events.append(self._slow_events(parsed, rejected))
        return Batch(tuple(part for part in events if len(part)), rejected, skipped=skipped)

    # The fast way

    def _fast_events(self, read: dict[Path, pl.Series], rejected: Rejected) -> Events:
        schema = self._schema
        shown = None if schema.time is None else read[schema.time]
        rows = len(next(iter(read.values())))
        times = times_of_reading(self._clock, rows) if shown is None else self._fast_times(shown)
        no_id = read[schema.id].is_null().to_numpy() if schema.id is not None and read[schema.id].null_count() else None
        kept = accept(schema, times, shown, no_id, rejected)
        if not kept.all():
            chosen = pl.Series(kept)
            read, times = {path: values.filter(chosen) for path, values in read.items()}, times[kept]
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            values = read[field.path]
            state = None
            if field.function is not None:
                values, state = derive(field.function, field.held, values, times, self._feature_dates)
            elif isinstance(values.dtype, pl.List):  # whether there is one
                values = texts_of_values(values)
            elif field.kind is Kind.NUMERIC and values.dtype == pl.String:
                values, state = numbers_from_text(values)
            columns[field.name] = values
            if state is not None:
                states[field.name] = state
        statuses = None if schema.status is None else statuses_of(read[schema.status], schema.outcomes)
        failed = np.zeros(len(times), np.bool_) if statuses is None else statuses.failed
        eligible = self._eligible
        return Events(
            times=times,
            versions=_nothing(len(times)) if schema.version is None else versions_of(read[schema.version]),
            failed=failed,
            latencies=self._fast_latencies(read),
            columns=columns,
            states=states,
            ids=None if schema.id is None else read[schema.id],
            entities=None if schema.entity is None else entity_hashes(read[schema.entity]),
            refused=None if statuses is None else statuses.refused,
            classes=None if statuses is None else statuses.classes,
            stages=None if schema.stage is None else stages_of(read[schema.stage]),
            eligible=None if eligible is None else eligible.among(len(times), read.__getitem__, failed=failed).to_numpy(),
            rows=None if schema.row is None else _row_numbers(read[schema.row]),
            sums={name: amounts_of(*_fast_numbers(read[path])) for name, path in schema.sums.items()},
            attributions={name: magnitudes_of(*_fast_numbers(read[path])) for name, path in schema.attributions.items()},
            durations=self._durations(lambda path: _fast_numbers(read[path])[0], read.__getitem__),
        )

    def _fast_times(self, values: pl.Series) -> NDArray[np.int64]:
        if values.dtype == pl.String:
            return self._dates.parse(values)
        return self._dates.numbers(values.to_numpy())

    def _fast_latencies(self, read: Mapping[Path, pl.Series]) -> NDArray[np.float64] | None:
        if self._schema.latency is None:
            return None
        values = read[self._schema.latency].cast(pl.Float64, strict=False).to_numpy()
        return seconds_of(values, self._schema.latency_unit)

    # The slow way

    def _slow_events(self, parsed: list[Mapping[str, Any]], rejected: Rejected) -> Events:
        schema = self._schema
        texts = {path: texts_of(parsed, path) for path in {*self._text_fields(), *filter(None, (schema.time,))}}
        shown = None if schema.time is None else texts[schema.time]
        times = times_of_reading(self._clock, len(parsed)) if shown is None else self._dates.parse(shown)
        ids = None if schema.id is None else texts[schema.id].is_null().to_numpy()
        kept = accept(schema, times, shown, ids, rejected)
        rows = np.flatnonzero(kept)
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            if field.function is not None:
                columns[field.name], states[field.name] = self._slow_derived(field, parsed, texts, times)
                continue
            if field.kind is Kind.CATEGORICAL:
                columns[field.name] = texts[field.path]
                continue
            columns[field.name], state = _numbers(lookup(event, field.path) for event in parsed)
            if state is not None:
                states[field.name] = state
        nothing = _nothing(len(parsed))
        latencies = None
        if schema.latency is not None:
            numbers, _ = _numbers(lookup(event, schema.latency) for event in parsed)
            latencies = seconds_of(numbers.to_numpy(), schema.latency_unit)
        statuses = None if schema.status is None else statuses_of(texts[schema.status], schema.outcomes)
        failed = np.zeros(len(parsed), np.bool_) if statuses is None else statuses.failed
        eligible = self._eligible
        events = Events(
            times=times,
            versions=nothing if schema.version is None else versions_of(texts[schema.version]),
            failed=failed,
            latencies=latencies,
            columns=columns,
            states=states,
            ids=None if schema.id is None else texts[schema.id],
            entities=None if schema.entity is None else entity_hashes(texts[schema.entity]),
            refused=None if statuses is None else statuses.refused,
            classes=None if statuses is None else statuses.classes,
            stages=None if schema.stage is None else stages_of(texts[schema.stage]),
            eligible=None if eligible is None else np.array(eligible.of_records(parsed, failed=failed), np.bool_),
            rows=None if schema.row is None else _row_numbers(_numbers(lookup(event, schema.row) for event in parsed)[0]),
            sums={name: amounts_of(*_numbers_at(parsed, path)) for name, path in schema.sums.items()},
            attributions={name: magnitudes_of(*_numbers_at(parsed, path)) for name, path in schema.attributions.items()},
            durations=self._durations(
                lambda path: _numbers(lookup(event, path) for event in parsed)[0], lambda path: texts_of(parsed, path)
            ),
        )
        return events if len(rows) == len(parsed) else events.take(rows)

    def _slow_derived(
        self,
        field: ColumnField,
        parsed: Sequence[Mapping[str, Any]],
        texts: Mapping[Path, pl.Series],
        times: NDArray[np.int64],
    ) -> Derived:
        assert field.function is not None  # noqa: S101 - the column is a derived one
        if field.is_of_list:
            return derive_from_lists(field.function, *lists_in(lookup(event, field.path) for event in parsed))
        values = texts[field.path] if field.path in texts else texts_of(parsed, field.path)
        return derive(field.function, field.held, values, times, self._feature_dates)

    # Both ways

    def _durations(
        self, numbers: Callable[[Path], pl.Series], moments: Callable[[Path], pl.Series]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the further durations, of what gives the numbers, and the times, that stand at a path."""
        found = {}
        for one in self._schema.durations:
            if one.end is None:
                found[one.name] = seconds_of(numbers(one.begin).to_numpy(), one.unit or "s")
                continue
            dates = DateParser(self._schema.timezone, one.unit)
            begin, end = (times_of(moments(path), dates) for path in one.paths)
            found[one.name] = seconds_between(begin, end, NO_TIME)
        return found

    def _text_fields(self) -> set[Path]:
        """Return what is read as text, beside the time."""
        schema = self._schema
        categorical = {field.path for field in schema.columns if field.kind is Kind.CATEGORICAL}
        single = (schema.id, schema.version, schema.entity, schema.status, schema.stage)
        between = set(schema.times_between) - {schema.time}
        return categorical | between | {path for path in single if path is not None}


def _nothing(rows: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows)


def _fast_numbers(values: pl.Series) -> tuple[pl.Series, NDArray[np.uint8] | None]:
    """Return what polars read of a field as numbers and their states."""
    if values.dtype == pl.String:
        return numbers_from_text(values)
    return with_states(values, missing=values.is_null().to_numpy())


def _row_numbers(values: pl.Series) -> NDArray[np.int64]:
    return values.cast(pl.Int64, strict=False).fill_null(0).to_numpy()


def _numbers_at(parsed: Iterable[Mapping[str, Any]], path: Path) -> tuple[pl.Series, NDArray[np.uint8] | None]:
    """Return what stands at a path of parsed events as numbers and their states."""
    return _numbers(lookup(event, path) for event in parsed)


def _numbers(values: Iterable[Any]) -> tuple[pl.Series, NDArray[np.uint8] | None]:
    """Return parsed JSON values as numbers and their states."""
    listed = list(values)
    numbers = pl.Series([_number(value) for value in listed], dtype=pl.Float64)
    texts = pl.Series([text_of(value) if isinstance(value, str) else None for value in listed], dtype=pl.String)
    if texts.null_count() < len(texts):
        numbers = numbers.fill_null(texts.cast(pl.Float64, strict=False))
    return with_states(numbers, missing=np.array([value is None for value in listed], dtype=np.bool_))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond the range of doubles
        return float("inf") if value > 0 else float("-inf")


def served_of(parsed: Sequence[Mapping[str, Any]], schema: EventSchema) -> Sequence[Mapping[str, Any]]:
    """Return those parsed events whose requests may have made a prediction.

    None that failed has, and none that was refused by its caller's fault and has nothing of any column.
    """
    if schema.status is None:
        return parsed
    # A few events, so without polars.
    texts = [text_of(lookup(event, schema.status)) for event in parsed]
    known = {text for text in texts if text is not None}
    failing = {text for text in known if schema.outcomes.means_failure(text)}
    refusing = {text for text in known if schema.columns and schema.outcomes.means_refusal(text)}
    return [
        event
        for event, text in zip(parsed, texts, strict=True)
        if text not in failing
        and (text not in refusing or any(lookup(event, column.path) is not None for column in schema.columns))
    ]


def texts_of(parsed: Iterable[Mapping[str, Any]], path: Path) -> pl.Series:
    """Return what stands at a path of parsed events as the texts that polars reads."""
    return pl.Series([text_of(lookup(event, path)) for event in parsed], dtype=pl.String)
