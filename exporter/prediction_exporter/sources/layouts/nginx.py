"""nginx: an access log that ``log_format ... escape=json`` writes; its fields are whichever the configuration names."""

from __future__ import annotations

import re
from typing import Any

from prediction_exporter.sources.layouts.access_log import NOTES, event_of, is_counted, leaves, milliseconds_of, request_in
from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event
from prediction_exporter.sources.layouts.values import first_of

#: A format of which everything is read that is read at all.
LOG_FORMAT = (
    "log_format predictions escape=json "
    '\'{"time":"$time_iso8601","method":"$request_method","path":"$uri","status":$status,"request_time":$request_time}\';'
)

_TIMES = (
    *("time_iso8601", "@timestamp", "timestamp", "time", "ts", "datetime", "msec", "time_local", "local_time", "date"),
    *("log_time", "event_datetime", "event_time", "request_logged_time"),
)
_STATUSES = ("status", "status_code", "response_status", "http_status", "http_code", "response_code", "code")
_PATHS = ("path", "uri", "request_uri", "url", "request_path", "document_uri")
_METHODS = ("method", "request_method", "http_method", "verb")

#: Durations with what makes milliseconds of them: that of the whole request before that of what is behind nginx.
_DURATIONS = (
    *((name, 1.0) for name in ("request_time_ms", "duration_ms", "latency_ms")),
    *((name, 1000.0) for name in ("request_time", "req_time", "requesttime", "request_duration", "duration", "resp_time")),
    *((name, 1000.0) for name in ("response_time", "responsetime", "upstream_response_time", "upstream_time", "latency")),
)

_LOCAL = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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


def _is_meant(record: Record) -> bool:
    found = leaves(record)
    lines = (request_in(value) for name, value in found.items() if isinstance(value, str) and not name.startswith("http_"))
    line = next((line for line in lines if line is not None), None)
    method, path = (line[0], line[1]) if line is not None else (first_of(found, _METHODS), first_of(found, _PATHS))
    return is_counted(method, path, first_of(found, _STATUSES))


def _event(record: Record) -> dict[str, Any]:
    found = leaves(record)
    return event_of(
        time=_time(first_of(found, _TIMES)),
        status=first_of(found, _STATUSES),
        latency_ms=milliseconds_of(found, _DURATIONS),
    )


LAYOUT = RecordLayout(
    name="nginx",
    writer="nginx and its ingress, access log with escape=json",
    evidence="lines that nginx 1.22 wrote with the format below and with one that is widely published, and published ones",
    flat=one_event(_event),
    is_meant=_is_meant,
    notes=(
        "There is no fixed format. One of which everything is read: " + LOG_FORMAT,
        *NOTES,
        "The latency is request_time, in seconds as nginx writes it; the time of a slow client is in it.",
    ),
)
