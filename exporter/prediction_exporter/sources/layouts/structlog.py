"""structlog: lines of its JSON renderer."""

from __future__ import annotations

from typing import Any

from prediction_exporter.sources.layouts.application_log import WHICH_LINES, fields_beside, inner_of, is_prediction
from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event

#: What the logger and its processors add, beside the time.
_ADDED = frozenset(
    {
        *("event", "level", "level_number", "logger", "logger_name", "message", "positional_args", "color_message"),
        *("exception", "exc_info", "stack", "stack_info", "filename", "pathname", "module", "func_name", "lineno"),
        *("process", "process_name", "thread", "thread_name"),
    }
)


def _fields(record: Record) -> dict[str, Any]:
    return dict(inner_of(fields_beside(record, _ADDED)))


LAYOUT = RecordLayout(
    name="structlog",
    writer="structlog, JSONRenderer",
    evidence="lines that structlog 26.1 wrote, and those of its documentation",
    flat=one_event(_fields),
    is_meant=lambda record: is_prediction(_fields(record)),
    notes=(WHICH_LINES, "The time is that of TimeStamper; one without a zone is in predictions.timezone."),
)
