"""Served requests: rows with the body of a request, that of its response, and what the platform says of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.sources.layouts.answers import (
    body_of,
    events_of,
    failure_of,
    inputs_of,
    is_refused,
    outputs_of,
)
from prediction_exporter.sources.layouts.base import Options, Record
from prediction_exporter.sources.records.payloads import PayloadError

#: Keys of what is asked of a model that generates, and of what it answers: neither features nor predictions.
_ASKED_OF_CHAT = ("messages", "prompt", "contents")
_ANSWERED_BY_CHAT = ("choices", "candidates", "usage", "usageMetadata")


def first_of(record: Record, names: Sequence[str]) -> Any:
    """Return the first of some fields that is there and says something."""
    return next((record[name] for name in names if record.get(name) not in (None, "", "-")), None)


def map_of(value: Any) -> Mapping[str, Any]:
    """Return an object that may be written as text, or as pairs of key and value as engines write maps.

    >>> map_of([{"key": "model_version", "value": "3"}]), map_of('{"model_version": "3"}'), map_of(None)
    ({'model_version': '3'}, {'model_version': '3'}, {})
    """
    value = body_of(value)
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and all(isinstance(pair, Mapping) and {"key", "value"} <= pair.keys() for pair in value):
        return {str(pair["key"]): pair["value"] for pair in value}
    return {}


def served(own: Mapping[str, Any], request: Any, response: Any, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the events of a request and its response; of one that was not answered with predictions, one without features.

    Args:
        own: what all rows share, with the status where it is known.
        request: its body, or the text of it; None where it was not logged.
        response: the same of the response.
        options: of the layout.

    Raises:
        PayloadError: a body cannot be read, or the two are not in step.
    """
    event = {key: value for key, value in own.items() if value is not None}
    if is_refused(event.get("status")):
        yield event
        return
    answer, asked = body_of(response, options.encoding), body_of(request, options.encoding)
    status = failure_of(answer)
    if status is not None:
        yield {**event, "status": status}
        return
    if _has(asked, _ASKED_OF_CHAT) or _has(answer, _ANSWERED_BY_CHAT):
        yield event
        return
    if asked is None and answer is None:
        raise PayloadError("a request that was served, with neither its body nor that of its response")
    inputs = None if asked is None else inputs_of(asked, options)
    yield from events_of(event, inputs, None if answer is None else outputs_of(answer, options))


def _has(body: Any, keys: Sequence[str]) -> bool:
    return isinstance(body, Mapping) and any(key in body for key in keys)
