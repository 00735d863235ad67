"""Elastic Common Schema: lines of the ECS loggers, whose fields are objects, names with dots, or both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prediction_exporter.sources.layouts.application_log import WHICH_LINES, has_role, inner_of, is_prediction
from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event

#: Field sets of the schema that are no application's own; of them what is read is told by its full name.
_SETS = frozenset(
    {
        *("@timestamp", "message", "tags", "agent", "client", "cloud", "container", "data_stream", "destination", "dns", "ecs"),
        *("error", "event", "faas", "file", "group", "host", "http", "labels", "log", "network", "observer", "orchestrator"),
        *("organization", "os", "package", "process", "related", "server", "service", "source", "span", "trace"),
        *("transaction", "url", "user", "user_agent", "x509"),
    }
)

_IDS = ("http.request.id", "event.id", "trace.id", "transaction.id")

#: Outcomes of an event that say something.
_OUTCOMES = ("success", "failure")

_NANOSECONDS_PER_MILLISECOND = 1e6

#: More than any request takes: a year.
_MOST_NANOSECONDS = 365 * 86_400 * 10**9


def value_at(record: Record, name: str) -> Any:
    """Return the value of a field of the schema, whichever of its parts are objects; None where it is not there.

    >>> value_at({"http": {"response.status_code": 200}}, "http.response.status_code")
    200
    """
    found = record.get(name)
    if found is not None:
        return found
    for begin, rest in _divided(name):
        inner = record.get(begin)
        if inner is not None and isinstance(inner, Mapping):
            found = value_at(inner, rest)
            if found is not None:
                return found
    return None


@lru_cache(maxsize=256)  # of names that are written in this module
def _divided(name: str) -> tuple[tuple[str, str], ...]:
    """Return what stands before and behind each dot of a name."""
    return tuple((name[:at], name[at + 1 :]) for at, sign in enumerate(name) if sign == ".")


def _fields(record: Record) -> Mapping[str, Any]:
    """Return what is an application's own: fields outside of the schema, and labels."""
    labels = record.get("labels")
    own = dict(labels) if isinstance(labels, Mapping) else {}
    own |= {name.removeprefix("labels."): value for name, value in record.items() if name.startswith("labels.")}
    own |= {name: value for name, value in record.items() if name.partition(".")[0] not in _SETS}
    return inner_of(own)


def _served(record: Record) -> dict[str, Any]:
    """Return what the schema itself says of a request."""
    duration = value_at(record, "event.duration")
    outcome = value_at(record, "event.outcome")
    status = value_at(record, "http.response.status_code")
    is_number = isinstance(duration, int | float) and not isinstance(duration, bool) and abs(duration) < _MOST_NANOSECONDS
    found = {
        "id": next((value for name in _IDS if (value := value_at(record, name)) is not None), None),
        "version": value_at(record, "service.version"),
        "status": outcome if status is None and outcome in _OUTCOMES else status,
        "latency_ms": duration / _NANOSECONDS_PER_MILLISECOND if is_number else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _is_meant(record: Record) -> bool:
    own = _fields(record)
    if is_prediction(own):
        return True
    of_requests = {"path": value_at(record, "url.path"), "method": value_at(record, "http.request.method")}
    return is_prediction(
        {**own, **_served(record), **{name: value for name, value in of_requests.items() if value is not None}}
    )


def _event(record: Record) -> dict[str, Any]:
    own, served = _fields(record), _served(record)
    event: dict[str, Any] = {} if has_role(own, "time") else {"time": value_at(record, "@timestamp")}
    event |= {name: served[name] for name in ("id", "version", "status") if name in served and not has_role(own, name)}
    if "latency_ms" in served:
        event["latency_ms"] = served["latency_ms"]
    return {**event, **own}


LAYOUT = RecordLayout(
    name="ecs",
    writer="Elastic Common Schema, ecs-logging of any language",
    evidence="lines that ecs-logging for Python 2.3 wrote, and those of its tests and documentation",
    flat=one_event(_event),
    is_meant=_is_meant,
    notes=(
        WHICH_LINES,
        "Latency is event.duration, version service.version, status http.response.status_code or else event.outcome.",
        "The id is the application's own, or else http.request.id, event.id, trace.id or transaction.id.",
        "What is under labels counts as if it stood beside it.",
    ),
)
