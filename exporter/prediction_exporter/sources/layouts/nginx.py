"""nginx: an access log that ``log_format ... escape=json`` writes; its fields are whichever the configuration names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.requests import WHICH_REQUESTS, is_code, is_counted, request_in
from prediction_exporter.sources.layouts.served import first_of

#: A format of which everything is read that is read at all.
LOG_FORMAT = (
    "log_format predictions escape=json "
    '\'{"time":"$time_iso8601","method":"$request_method","path":"$uri","status":$status,"request_time":$request_time}\';'
)

_TIMES = ("time_iso8601", "@timestamp", "timestamp", "time", "ts", "datetime", "msec", "time_local", "local_time", "date")
_STATUSES = ("status", "status_code", "response_status", "http_status", "response_code", "upstream_status")
_PATHS = ("path", "uri", "request_uri", "url", "request_path", "document_uri")
_METHODS = ("method", "request_method", "http_method", "verb")
_REQUESTS = ("request", "request_line", "message")

#: Durations in seconds, of which the first that is there counts: that of the whole request before that of what is behind nginx.
_SECONDS = ("request_time", "duration", "response_time", "upstream_response_time", "upstream_time")

_LOCAL = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Levels of objects that a format nests its fields in.
_MOST_LEVELS = 4


def _leaves(record: Record, levels: int = _MOST_LEVELS) -> dict[str, Any]:
    """Return the values of a record by their own names, those further out first."""
    found = {name: value for name, value in record.items() if not isinstance(value, Mapping)}
    for inner in record.values():
        if isinstance(inner, Mapping) and levels:
            found = {**_leaves(inner, levels - 1), **found}
    return found


def _time(value: Any) -> Any:
    """Return a time, with the month of a local one, which nginx writes as a word, as a number.

    >>> _time("29/Nov/2026:16:42:58 +0100"), _time("1793613600.123")
    ('2026-11-29T16:42:58+01:00', '1793613600.123')
    """
    found = _LOCAL.fullmatch(value) if isinstance(value, str) else None
    if found is None or found.group(2) not in _MONTHS:
        return value
    day, month, year, clock, hours, minutes = found.groups()
    return f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{hours}:{minutes}"


def _milliseconds(leaves: Mapping[str, Any]) -> float | None:
    milliseconds = first_of(leaves, ("request_time_ms", "duration_ms", "latency_ms"))
    found = (milliseconds, 1.0) if milliseconds is not None else (first_of(leaves, _SECONDS), 1000.0)
    try:
        return None if found[0] is None or isinstance(found[0], bool) else float(found[0]) * found[1]
    except (TypeError, ValueError, OverflowError):  # of several servers that were tried: a list of durations
        return None


def _is_meant(record: Record) -> bool:
    leaves = _leaves(record)
    line = first_of(leaves, _REQUESTS)
    found = request_in(line) if isinstance(line, str) else None
    method, path = (found[0], found[1]) if found is not None else (first_of(leaves, _METHODS), first_of(leaves, _PATHS))
    if not is_code(first_of(leaves, _STATUSES)):
        return False
    return is_counted(None if method is None else str(method), None if path is None else str(path))


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - as every layout is called
    leaves = _leaves(record)
    event = {
        "time": _time(first_of(leaves, _TIMES)),
        "status": first_of(leaves, _STATUSES),
        "latency_ms": _milliseconds(leaves),
    }
    yield {name: value for name, value in event.items() if value is not None}


LAYOUT = RecordLayout(
    name="nginx",
    writer="nginx and its ingress, access log with escape=json",
    evidence="lines that nginx 1.22 wrote with the format below and with one that is widely published",
    flat=_flat,
    is_meant=_is_meant,
    notes=(
        "There is no fixed format. One of which everything is read: " + LOG_FORMAT,
        WHICH_REQUESTS,
        "They have neither features nor predictions: the model's maturity is 0.",
        "The latency is request_time, in seconds as nginx writes it; the time of a slow client is in it.",
    ),
)
