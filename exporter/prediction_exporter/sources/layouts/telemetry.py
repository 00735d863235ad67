"""Telemetry: log records and spans of OpenTelemetry in the forms that SDKs, exporters and databases write them.

| who writes | attributes | times | status |
| --- | --- | --- | --- |
| OTLP JSON | a list of ``key`` and typed ``value`` | nanoseconds, as text | ``code``, a number or a word |
| Python's SDK | an object | ISO 8601 | ``status_code`` |
| JavaScript's SDK | an object | a pair of seconds and nanoseconds | ``code`` |
| Go's SDK | a list of ``Key`` and typed ``Value`` | ISO 8601 | ``Code`` |
| ClickHouse | a column that is an object | one time, and a ``Duration`` in nanoseconds | ``StatusCode`` |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Record
from prediction_exporter.sources.layouts.generation import number_of, object_in, objects_in
from prediction_exporter.sources.layouts.values import between_ms, first_there

_BATCHES = ("resourceLogs", "resourceSpans", "resource_logs", "resource_spans")
_PARTS = (
    *(("scopeLogs", "logRecords"), ("scopeSpans", "spans")),
    *(("scope_logs", "log_records"), ("scope_spans", "spans")),
)

_ATTRIBUTES = ("attributes", "Attributes", "LogAttributes", "SpanAttributes")
_CONTEXTS = ("context", "spanContext", "SpanContext")
_BODIES = ("body", "_body", "Body")
_EVENTS = ("eventName", "event_name", "EventName")

_BEGINS = ("startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime", "StartTime")
_ENDS = ("endTimeUnixNano", "end_time_unix_nano", "end_time", "endTime", "EndTime")
_TIMES = (
    *("timeUnixNano", "time_unix_nano", "hrTime", "timestamp", "Timestamp", "time", "@timestamp"),
    *("observedTimeUnixNano", "observed_time_unix_nano", "hrTimeObserved", "observed_timestamp", "ObservedTimestamp"),
)
_IDS = ("spanId", "span_id", "SpanId", "SpanID")

_NANOSECONDS = re.compile(r"[0-9]{1,20}")
_NANOSECONDS_PER_SECOND = 10**9
_NANOSECONDS_PER_MILLISECOND = 1e6

#: The status of a span that failed.
_FAILED = frozenset({2, "2", "ERROR", "STATUS_CODE_ERROR", "Error"})


def batch_of(record: Record) -> list[Mapping[str, Any]] | None:
    """Return the parts of a batch; None where a record is none."""
    return next((objects_in(record[key]) for key in _BATCHES if isinstance(record.get(key), list)), None)


def within(batch: list[Mapping[str, Any]]) -> Iterator[Record]:
    """Yield the log records and spans of a batch."""
    for of_resource in batch:
        for scopes, records in _PARTS:
            for scope in objects_in(of_resource.get(scopes)):
                yield from objects_in(scope.get(records))


def attributes_of(record: Record) -> dict[str, Any]:
    """Return the attributes of a record by their names; those at the top of it where it has no others."""
    found: dict[str, Any] = {}
    for key in _ATTRIBUTES:
        value = record.get(key)
        if isinstance(value, Mapping):
            found.update(value)
        elif isinstance(value, list):
            found.update(_named(value))
    if not found:
        found = {key: value for key, value in record.items() if key.startswith(("gen_ai.", "error.", "event."))}
    return found


def _named(pairs: Any) -> dict[str, Any]:
    return {str(_either(pair, "key")): plain(_either(pair, "value")) for pair in objects_in(pairs)}


def _either(value: Mapping[str, Any], name: str) -> Any:
    return value.get(name, value.get(name.capitalize()))


def plain(value: Any) -> Any:
    """Return a value without its type; an integer of 64 bits is a text in protobuf's JSON.

    >>> plain({"intValue": "7"}), plain({"Type": "INT64", "Value": 7}), plain({"arrayValue": {"values": [{"intValue": "7"}]}})
    (7, 7, [7])
    """
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Type", "Value"}:
        return plain(value["Value"])
    if len(value) != 1:
        return value
    [(kind, inner)] = value.items()
    if kind == "arrayValue":
        return [plain(item) for item in objects_in(object_in(inner).get("values"))]
    if kind == "kvlistValue":
        return _named(object_in(inner).get("values"))
    return number_of(inner) if kind in ("intValue", "doubleValue") else inner


def body_of(record: Record) -> Mapping[str, Any]:
    """Return the body of a log record; an empty object where it is none."""
    return object_in(plain(first_there(record.get(key) for key in _BODIES)))


def event_name(record: Record, attributes: Mapping[str, Any]) -> Any:
    """Return the name of the event that a log record is; None of a span."""
    return first_there((*(record.get(key) or None for key in _EVENTS), attributes.get("event.name")))


def span_of(record: Record) -> Any:
    """Return the id of a span, or of the one that a log record belongs to."""
    contexts = (object_in(record.get(key)) for key in _CONTEXTS)
    return first_there(part.get(key) or None for part in (record, *contexts) for key in _IDS)


def time_of(record: Record) -> Any:
    """Return when a span ended, or a record was made, or else when a span began, as in ClickHouse; None without a time."""
    return _read(first_there(value for key in (*_ENDS, *_TIMES) if (value := record.get(key)) not in (None, 0, "0", "")))


def latency_ms_of(record: Record) -> float | None:
    """Return how long a span took; None where it does not tell, as of a log record."""
    first, last = (_read(first_there(record.get(key) for key in keys)) for keys in (_BEGINS, _ENDS))
    if isinstance(first, int) and isinstance(last, int):
        return (last - first) / _NANOSECONDS_PER_MILLISECOND if 0 < first <= last else None
    if isinstance(first, str) and isinstance(last, str):
        return between_ms(first, last)
    lasted = _read(record.get("Duration"))
    return lasted / _NANOSECONDS_PER_MILLISECOND if isinstance(lasted, int) and lasted >= 0 else None


def _read(value: Any) -> Any:
    """Return a time: nanoseconds that are a text, or a pair with the seconds, as a number; any other as it is written.

    >>> _read("1544712660300000000"), _read([1775934264, 967317833]), _read("2024-06-08T16:54:20Z")
    (1544712660300000000, 1775934264967317833, '2024-06-08T16:54:20Z')
    """
    if isinstance(value, str) and _NANOSECONDS.fullmatch(value):
        return int(value)
    if isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value):  # noqa: PLR2004 - a pair
        return value[0] * _NANOSECONDS_PER_SECOND + value[1]
    return value


def is_failed(record: Record) -> bool:
    """Return whether a span has the status of one that failed."""
    status = object_in(first_there((record.get("status"), record.get("Status"))))
    told = first_there((*(status.get(key) for key in ("code", "status_code", "Code")), record.get("StatusCode")))
    return isinstance(told, str | int) and told in _FAILED
