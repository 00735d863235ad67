"""Uvicorn: its access log as JSON, whichever formatter writes it; that of Gunicorn too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_exporter.sources.layouts.access_log import NOTES, event_of, is_counted, leaves, milliseconds_of, request_in
from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event
from prediction_exporter.sources.layouts.captured import body_of
from prediction_exporter.sources.layouts.values import first_of

_LOGGERS = ("uvicorn.access", "gunicorn.access", "hypercorn.access")

_TIMES = ("timestamp", "time", "asctime", "@timestamp", "ts", "datetime", "created")
_STATUSES = ("status_code", "status", "http_status", "http_status_code", "response_status")
_METHODS = ("method", "http_method", "request_method", "http_verb")
_PATHS = ("path", "full_path", "url", "http_path", "request_url", "http_request_url")
_MESSAGES = ("message", "msg", "event", "request", "request_line")

#: Names of a duration, with what makes milliseconds of it.
_DURATIONS = (
    *((name, 1.0) for name in ("latency_ms", "duration_ms", "elapsed_ms", "response_time_ms", "process_time_ms", "took_ms")),
    *((name, 1000.0) for name in ("latency_s", "duration_s", "process_time", "response_time", "latency_seconds")),
    *((name, 1000.0) for name in ("duration_seconds", "elapsed_seconds", "elapsed_s", "latency", "request_time")),
)


def _found(record: Record) -> dict[str, Any]:
    """Return the values of a line, with those of a message that is JSON itself, as Gunicorn's formats write it."""
    message = body_of(first_of(record, _MESSAGES[:2]))
    return {**(leaves(message) if isinstance(message, Mapping) else {}), **leaves(record)}


def _request(found: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return the method, the path and the status of a line, as far as it has them."""
    texts = (found[name] for name in _MESSAGES if isinstance(found.get(name), str))
    told = next((told for text in texts if (told := request_in(text)) is not None), (None, None, None))
    status = first_of(found, _STATUSES)
    return (
        first_of(found, _METHODS) or told[0],
        first_of(found, _PATHS) or told[1],
        told[2] if status is None else status,
    )


def _is_meant(record: Record) -> bool:
    method, path, status = _request(_found(record))
    logger = first_of(record, ("logger", "name", "logger_name", "log.logger"))
    return (logger in _LOGGERS or (method is not None and path is not None)) and is_counted(method, path, status)


def _event(record: Record) -> dict[str, Any]:
    found = _found(record)
    return event_of(time=first_of(record, _TIMES), status=_request(found)[2], latency_ms=milliseconds_of(found, _DURATIONS))


LAYOUT = RecordLayout(
    name="uvicorn",
    writer="Uvicorn and Gunicorn, access logs as JSON",
    evidence="lines that Uvicorn 0.54 wrote with python-json-logger, and published lines of services",
    flat=one_event(_event),
    is_meant=_is_meant,
    notes=(
        *NOTES,
        "Uvicorn itself tells no latency; a middleware may add latency_ms, duration_ms or process_time (seconds).",
    ),
)
