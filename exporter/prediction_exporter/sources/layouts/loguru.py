"""Loguru: lines of a sink with ``serialize=True``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_exporter.sources.layouts.application_log import WHICH_LINES, fields_beside, has_role, inner_of, is_prediction
from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event

#: What a serializer of one's own writes of a record beside the time and what was bound.
_ADDED = frozenset(
    {
        *("text", "level", "message", "name", "function", "line", "file", "module", "process", "thread", "elapsed"),
        *("exception", "record", "extra"),
    }
)


def _fields(record: Record) -> dict[str, Any]:
    """Return what was bound to a line, or logged beside it by a serializer of one's own, with the line's time."""
    inner = record.get("record")
    home = inner if isinstance(inner, Mapping) else record
    extra = home.get("extra")
    # logger.info("...", extra={...}), as with the standard library, binds an object of that name.
    while isinstance(extra, Mapping) and set(extra) == {"extra"}:
        extra = extra["extra"]
    beside = {} if home is inner else fields_beside(record, _ADDED)
    fields = dict(inner_of({**beside, **(extra if isinstance(extra, Mapping) else {})}))
    time = inner.get("time") if isinstance(inner, Mapping) else None
    if isinstance(time, Mapping) and not has_role(fields, "time"):
        fields["time"] = time.get("timestamp") or time.get("repr")
    return fields


LAYOUT = RecordLayout(
    name="loguru",
    writer="Loguru, a sink with serialize=True",
    evidence="lines that Loguru 0.7 wrote",
    flat=one_event(_fields),
    is_meant=lambda record: is_prediction(_fields(record)),
    notes=(WHICH_LINES, "Fields are those that were bound: logger.bind(prediction=..., features=...).info(...)."),
)
