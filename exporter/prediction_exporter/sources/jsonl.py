"""JSON lines: bytes to events.

The fast way gives a whole chunk to polars with a fixed schema. Polars refuses the whole chunk for one line that is malformed
or holds a value of another type; nothing is coerced in silence, so what it accepts is right. What it refuses is halved until
the lines at fault are found, and these take the exact, slow way: one ``json.loads`` each. Both ways give the same events.

Two habits of loggers would send every line the slow way, and are learnt from the lines that did: numbers written as text (read
as text and cast), and the tokens NaN and Infinity, which are no JSON (put in quotes first).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.events import Events, ValueState
from prediction_exporter.layout import Kind
from prediction_exporter.schema import UNITS, EventSchema, Path, lookup
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.times import NO_TIME, DateParser, epoch_microseconds

#: A refused piece with at most this many lines is read line by line; a larger one is split into as many pieces.
SLOW_LINES = 48
PIECES = 8

#: Share of slow lines in a chunk from which on the reader looks whether another reading would spare them.
RELEARN_RATIO = 0.02

#: Bytes on each side of a bare word that tell whether it stands as a value.
HEAD = 16

#: Texts of a status field that do not mean failure, in lower case.
SUCCESS_WORDS = frozenset({"", "ok", "okay", "success", "succeeded", "successful", "true", "false", "none", "null", "0"})
SERVER_ERROR = 500


class JsonLinesParser:
    """Turns chunks of JSON lines into events of a schema."""

    def __init__(self, schema: EventSchema, *, time_is_text: bool = True) -> None:
        self._schema = schema
        self._dates = DateParser(schema.timezone, schema.time_unit)
        self._texts: set[Path] = {schema.time} if time_is_text else set()
        self._texts |= {path for path in (schema.id, schema.version, schema.status) if path is not None}
        self._texts |= {field.path for field in schema.columns if field.kind is Kind.CATEGORICAL}
        paths = [schema.time, *(field.path for field in schema.columns)]
        paths += [path for path in (schema.id, schema.version, schema.latency, schema.status) if path is not None]
        self._paths = tuple(dict.fromkeys(paths))
        self._quote_tokens = False
        self._plan()

    def _plan(self) -> None:
        self._dtypes = _nested_dtypes(self._paths, self._texts)
        self._leaves = [_leaf(path).alias(str(position)) for position, path in enumerate(self._paths)]
        self._names = {path: str(position) for position, path in enumerate(self._paths)}

    def parse(self, data: bytes) -> Batch:
        """Return the events of whole lines and the lines that hold none; blank lines are no lines."""
        rejected = Rejected()
        frames: list[pl.DataFrame] = []
        slow: list[bytes] = []
        self._read(data, frames, slow)
        events = []
        if frames:
            frame = frames[0] if len(frames) == 1 else pl.concat(frames)
            events.append(self._fast_events(frame, rejected))
        if slow:
            parsed = list(_parse_lines(slow, rejected))
            events.append(self._slow_events(parsed, rejected))
            fast_lines = sum(len(frame) for frame in frames)
            if len(slow) > RELEARN_RATIO * (len(slow) + fast_lines):
                self._learn(parsed)
        return Batch(tuple(part for part in events if len(part)), rejected)

    # Reading

    def _read(self, data: bytes, frames: list[pl.DataFrame], slow: list[bytes]) -> None:
        """Append what polars accepts to ``frames`` and the lines at fault to ``slow``."""
        if not data:
            return
        source = _quote_tokens(data) if self._quote_tokens else data
        try:
            frame = pl.read_ndjson(io.BytesIO(source), schema=self._dtypes)
        except pl.exceptions.PolarsError:
            pieces = _split(data)
            if pieces is None:
                slow.extend(line for line in data.split(b"\n") if line.strip())
                return
            for piece in pieces:
                self._read(piece, frames, slow)
            return
        if len(frame):
            # The reader leaves many small chunks, which each later step would pay for.
            frames.append(frame.rechunk().select(self._leaves))

    def _learn(self, parsed: list[Mapping[str, Any]]) -> None:
        """Read a number as text from now on where these lines held it as text or as a token that is no JSON."""
        numbers = [path for path in self._paths if path not in self._texts]
        textual = set()
        for path in numbers:
            values = [lookup(event, path) for event in parsed]
            odd = any(isinstance(value, float) and not np.isfinite(value) for value in values)
            self._quote_tokens |= odd
            if odd or any(isinstance(value, str | bool) for value in values):
                textual.add(path)
        if textual:
            self._texts |= textual
            self._plan()

    # The fast way

    def _fast_events(self, frame: pl.DataFrame, rejected: Rejected) -> Events:
        schema = self._schema
        times = self._fast_times(frame[self._names[schema.time]])
        ids = None if schema.id is None else frame[self._names[schema.id]].is_null().to_numpy()
        kept = _refuse(times, frame[self._names[schema.time]], ids, rejected)
        if not kept.all():
            frame, times = frame.filter(pl.Series(kept)), times[kept]
        columns: dict[str, pl.Series] = {}
        states: dict[str, NDArray[np.uint8]] = {}
        for field in schema.columns:
            values = frame[self._names[field.path]]
            state = None
            if field.kind is Kind.NUMERIC and field.path in self._texts:
                columns[field.name], state = _numbers_from_text(values)
            else:
                columns[field.name] = values
            if state is not None:
                states[field.name] = state
        return Events(
            times=times,
            versions=self._optional(frame, schema.version, pl.String),
            failed=_failed(self._optional(frame, schema.status, pl.String)),
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
        values = frame[self._names[self._schema.latency]].cast(pl.Float64, strict=False).to_numpy()
        return _seconds(values, self._schema.latency_unit)

    def _optional(self, frame: pl.DataFrame, path: Path | None, dtype: type[pl.DataType]) -> pl.Series:
        return pl.repeat(None, len(frame), dtype=dtype, eager=True) if path is None else frame[self._names[path]]

    # The slow way

    def _slow_events(self, parsed: list[Mapping[str, Any]], rejected: Rejected) -> Events:
        schema = self._schema
        texts = {path: _texts(lookup(event, path) for event in parsed) for path in self._paths if path in self._text_fields()}
        times = self._dates.parse(texts[schema.time])
        ids = None if schema.id is None else texts[schema.id].is_null().to_numpy()
        kept = _refuse(times, texts[schema.time], ids, rejected)
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
            versions=nothing if schema.version is None else texts[schema.version],
            failed=_failed(nothing if schema.status is None else texts[schema.status]),
            latencies=latencies,
            columns=columns,
            states=states,
        )
        return events if len(rows) == len(parsed) else events.take(rows)

    def _text_fields(self) -> set[Path]:
        schema = self._schema
        paths = {schema.time, schema.id, schema.version, schema.status}
        categorical = {field.path for field in schema.columns if field.kind is Kind.CATEGORICAL}
        return {path for path in paths if path is not None} | categorical


def _quote_tokens(data: bytes) -> bytes:
    """Put the bare words NaN, Infinity and -Infinity into quotes where they stand as values.

    Inside a string the two quotes would close and reopen it with a bare word between, which no parser accepts: such a line goes
    the slow way, in its own words.
    """
    for word in (b"NaN", b"Infinity"):
        parts = data.split(word)
        if len(parts) == 1:
            continue
        quoted = [parts[0]]
        for part in parts[1:]:
            before = quoted[-1]
            sign = b"-" if before.endswith(b"-") and word != b"NaN" else b""
            head = before.removesuffix(sign)
            if head[-HEAD:].rstrip(b" \t").endswith((b":", b",", b"[")) and part[:HEAD].lstrip(b" \t").startswith(
                (b",", b"}", b"]")
            ):
                quoted[-1] = head + b'"' + sign + word + b'"'
            else:
                quoted[-1] = before + word
            quoted.append(part)
        data = b"".join(quoted)
    return data


def _split(data: bytes) -> list[bytes] | None:
    """Return the data in pieces of whole lines, or None where it has so few lines that each is read by itself."""
    lines = data.count(b"\n")
    if lines <= SLOW_LINES:
        return None
    pieces, start = [], 0
    for part in range(1, PIECES + 1):
        end = len(data) if part == PIECES else data.find(b"\n", len(data) * part // PIECES) + 1
        if end > start:
            pieces.append(data[start:end])
            start = end
    return pieces if len(pieces) > 1 else [line + b"\n" for line in data.split(b"\n") if line.strip()]


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object as polars reads it: of a key that stands twice, the first counts."""
    return dict(reversed(pairs))


def _parse_lines(lines: Iterable[bytes], rejected: Rejected) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line.decode(), object_pairs_hook=_first_wins)
        except UnicodeDecodeError:
            rejected.add("encoding", example=line)
        except (ValueError, RecursionError):
            rejected.add("malformed", example=line)
        else:
            if isinstance(event, dict):
                yield event
            else:
                rejected.add("malformed", example=line)


def _nested_dtypes(paths: Iterable[Path], texts: set[Path]) -> dict[str, pl.DataType]:
    tree: dict[str, Any] = {}
    for path in paths:
        dtype = pl.String() if path in texts else pl.Float64()
        keys = [key for key in path if isinstance(key, str)]
        if len(keys) < len(path):
            dtype = pl.List(dtype)
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = dtype
    return _structs(tree)


def _structs(tree: Mapping[str, Any]) -> dict[str, pl.DataType]:
    return {key: pl.Struct(_structs(node)) if isinstance(node, dict) else node for key, node in tree.items()}


def _leaf(path: Path) -> pl.Expr:
    expression = pl.col(str(path[0]))
    for key in path[1:]:
        expression = expression.struct.field(key) if isinstance(key, str) else expression.list.get(key, null_on_oob=True)
    return expression


def _refuse(
    times: NDArray[np.int64], shown: pl.Series, no_id: NDArray[np.bool_] | None, rejected: Rejected
) -> NDArray[np.bool_]:
    """Return which events have a time and an id; count the others."""
    kept = times != NO_TIME
    if not kept.all():
        missing = shown.is_null().to_numpy()
        invalid = np.flatnonzero(~kept & ~missing)
        rejected.add("missing_time", int((~kept & missing).sum()))
        if len(invalid):
            rejected.add("invalid_time", len(invalid), str(shown[int(invalid[0])]))
    if no_id is not None and no_id.any():
        rejected.add("missing_id", int((kept & no_id).sum()))
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
    texts = pl.Series([value if isinstance(value, str) else None for value in listed], dtype=pl.String)
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


def _texts(values: Iterable[Any]) -> pl.Series:
    return pl.Series([_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    """Return a parsed JSON value as the text that polars reads it as."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # a lone surrogate is no text
    return json.dumps(value)


def _failed(statuses: pl.Series) -> NDArray[np.bool_]:
    """Return whether each request failed, from an HTTP status or a field that is set on failure."""
    failing = [text for text in statuses.unique().drop_nulls().to_list() if _means_failure(text)]
    if not failing:
        return np.zeros(len(statuses), dtype=np.bool_)
    return statuses.is_in(failing).fill_null(value=False).to_numpy()


def _means_failure(text: str) -> bool:
    try:
        return float(text) >= SERVER_ERROR
    except ValueError:
        return text.lower() not in SUCCESS_WORDS


def _seconds(values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Return durations in seconds, NaN where they are unknown or negative."""
    with np.errstate(invalid="ignore", over="ignore"):
        seconds = values * (UNITS[unit] / UNITS["s"])
        return np.where(np.isfinite(seconds) & (seconds >= 0), seconds, np.nan)
