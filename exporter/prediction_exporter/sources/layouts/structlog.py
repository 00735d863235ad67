"""structlog: lines of its JSON renderer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.logged import WHICH_LINES, inner_of, is_prediction

#: What the logger and its processors add, beside the time.
_OWN = frozenset(
    {
        *("event", "level", "level_number", "logger", "logger_name", "message", "positional_args", "color_message"),
        *("exception", "exc_info", "stack", "stack_info", "filename", "pathname", "module", "func_name", "lineno"),
        *("process", "process_name", "thread", "thread_name"),
    }
)


def _fields(record: Record) -> dict[str, Any]:
    return dict(inner_of({name: value for name, value in record.items() if name not in _OWN}))


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - as every layout is called
    yield _fields(record)


LAYOUT = RecordLayout(
    name="structlog",
    writer="structlog, JSONRenderer",
    evidence="lines that structlog 26.1 wrote, and those of its documentation",
    flat=_flat,
    is_meant=lambda record: is_prediction(_fields(record)),
    notes=(WHICH_LINES, "The time is that of TimeStamper; one without a zone is in predictions.timezone."),
)
