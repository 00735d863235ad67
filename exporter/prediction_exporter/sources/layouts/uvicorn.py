"""Uvicorn: its access log as JSON, whichever formatter writes it; that of Gunicorn too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.requests import WHICH_REQUESTS, is_code, is_counted, request_in
from prediction_exporter.sources.layouts.served import first_of

_LOGGERS = ("uvicorn.access", "gunicorn.access", "hypercorn.access")

_TIMES = ("timestamp", "time", "asctime", "@timestamp", "ts", "datetime", "created")
_STATUSES = ("status_code", "status", "http_status", "response_status")
_MESSAGES = ("message", "msg", "event", "request", "request_line")

#: Fields of a duration, with what makes milliseconds of it.
_DURATIONS = (
    *((name, 1.0) for name in ("latency_ms", "duration_ms", "elapsed_ms", "response_time_ms", "process_time_ms", "took_ms")),
    *((name, 1000.0) for name in ("latency_s", "duration_s", "process_time", "response_time", "latency_seconds")),
    *((name, 1000.0) for name in ("duration_seconds", "elapsed_seconds", "elapsed_s")),
)


def latency_of(record: Record, durations: Sequence[tuple[str, float]]) -> float | None:
    """Return the milliseconds of the first of some durations that is a number, or the text of one."""
    for name, factor in durations:
        value = record.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            return float(value) * factor
        except (ValueError, OverflowError):
            continue
    return None


def _request(record: Record) -> tuple[str | None, str | None, Any]:
    """Return the method, the path and the status of a line, as far as it has them."""
    texts = (record[name] for name in _MESSAGES if isinstance(record.get(name), str))
    found = next((found for text in texts if (found := request_in(text)) is not None), (None, None, None))
    http = record.get("http")  # as recipes for structlog and FastAPI nest it
    told = {**record, **http} if isinstance(http, Mapping) else record
    method = first_of(told, ("method", "http_method")) or found[0]
    path = first_of(told, ("path", "full_path", "url", "http_path")) or found[1]
    status = first_of(told, _STATUSES)
    return None if method is None else str(method), None if path is None else str(path), found[2] if status is None else status


def _is_meant(record: Record) -> bool:
    method, path, status = _request(record)
    logger = first_of(record, ("logger", "name", "logger_name", "log.logger"))
    if not is_code(status) or (logger is not None and logger not in _LOGGERS and (method is None or path is None)):
        return False
    return (logger in _LOGGERS or path is not None) and is_counted(method, path)


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - as every layout is called
    event = {"time": first_of(record, _TIMES), "status": _request(record)[2], "latency_ms": latency_of(record, _DURATIONS)}
    yield {name: value for name, value in event.items() if value is not None}


LAYOUT = RecordLayout(
    name="uvicorn",
    writer="Uvicorn and Gunicorn, access logs as JSON",
    evidence="lines that Uvicorn 0.54 wrote with python-json-logger, and published lines of services",
    flat=_flat,
    is_meant=_is_meant,
    notes=(
        WHICH_REQUESTS,
        "They have neither features nor predictions: the model's maturity is 0.",
        "Uvicorn itself tells no latency; a middleware may add latency_ms, duration_ms or process_time (seconds).",
    ),
)
