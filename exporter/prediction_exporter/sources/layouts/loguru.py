"""Loguru: lines of a sink with ``serialize=True``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event
from prediction_exporter.sources.layouts.logged import WHICH_LINES, has_role, inner_of, is_prediction

#: What a serializer of one's own writes of a record beside the time and what was bound.
_OWN = frozenset(
    {
        *(
            "text",
            "level",
            "message",
            "name",
            "function",
            "line",
            "file",
            "module",
            "process",
            "thread",
            "elapsed",
            "exception",
        ),
        *("record", "extra"),
    }
)


def _fields(record: Record) -> Mapping[str, Any]:
    """Return what was bound to a line, or logged beside it by a serializer of one's own."""
    inner = record.get("record")
    home = inner if isinstance(inner, Mapping) else record
    extra = home.get("extra")
    # logger.info("...", extra={...}), as with the standard library, binds an object of that name.
    while isinstance(extra, Mapping) and set(extra) == {"extra"}:
        extra = extra["extra"]
    beside = {} if home is inner else {name: value for name, value in record.items() if name not in _OWN}
    return inner_of({**beside, **(extra if isinstance(extra, Mapping) else {})})


def _event(record: Record) -> dict[str, Any]:
    fields = dict(_fields(record))
    inner = record.get("record")
    time = inner.get("time") if isinstance(inner, Mapping) else None
    if isinstance(time, Mapping) and not has_role(fields, "time"):
        fields["time"] = time.get("timestamp") or time.get("repr")
    return fields


LAYOUT = RecordLayout(
    name="loguru",
    writer="Loguru, a sink with serialize=True",
    evidence="lines that Loguru 0.7 wrote",
    flat=one_event(_event),
    is_meant=lambda record: is_prediction(_fields(record)),
    notes=(WHICH_LINES, "Fields are those that were bound: logger.bind(prediction=..., features=...).info(...)."),
)
