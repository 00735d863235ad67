"""Pairs: a request and its response in one record, under keys of their own or side by side, or joined by their id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.fields.roles import KNOWN_NAMES, snake
from prediction_exporter.sources.layouts.base import SIDES, Options, Record
from prediction_exporter.sources.layouts.bodies import FAILED
from prediction_exporter.sources.layouts.protocols import parsed, predictions
from prediction_exporter.sources.layouts.values import between_ms
from prediction_exporter.sources.records.payloads import PayloadError

#: What belongs to the body of a request, and of a response, where both stand side by side.
_ASKED = ("instances", "inputs", "examples", "context")
_ANSWERED = ("predictions", "outputs", "results", "result")

#: Other keys of the two bodies, as proxies call them.
_OTHERS = {
    **dict.fromkeys(("request_body", "requestBody", "requestPayload", "request_payload"), "request"),
    **dict.fromkeys(("response_body", "responseBody", "responsePayload", "response_payload"), "response"),
}

#: What else of a record is no field of its events.
_PARTS = (*SIDES, *_ASKED, *_ANSWERED, "parameters", "error", "model_name")


def is_pair(record: Record) -> bool:
    """Return whether a record has a request or a response, whole or in part."""
    return any(key in record for key in (*SIDES, *_OTHERS, *_ASKED, *_ANSWERED))


def with_sides(record: Record) -> Record:
    """Return a record with its two bodies under the usual keys, where they stand under others, parsed where they are text."""
    renamed = {_OTHERS.get(key, key): value for key, value in record.items()} if _OTHERS.keys() & record.keys() else record
    texts: dict[str, Any] = {side: parsed(renamed[side]) for side in SIDES if isinstance(renamed.get(side), str)}
    return {**renamed, **texts} if texts else renamed


def flat_pairs(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the predictions of a request and its response; of a response alone, those without features.

    Raises:
        PayloadError: a body cannot be read, or there is no response.
    """
    record = with_sides(record)
    request, response = _bodies(record)
    own = _own(record, request, response, options)
    if response is None:
        if own.get("status") is None:
            raise PayloadError("a request without its response, and without an id to find it by")
        response = {"error": FAILED}
    yield from predictions(own, request, response, options)


def _bodies(record: Record) -> tuple[Any, Any]:
    if any(side in record for side in SIDES):
        request, response = (record.get(side) for side in SIDES)
        return request, response
    request = {key: record[key] for key in _ASKED if key in record and not (key == "inputs" and "instances" in record)}
    response = {key: record[key] for key in _ANSWERED if key in record}
    if record.get("error"):
        response["error"] = record["error"]
    return request or None, response or None


def _own(record: Record, request: Any, response: Any, options: Options) -> dict[str, Any]:
    """Return what all events of a record have: its single values, with the time, id, version and status of the bodies."""
    own = {key: value for key, value in record.items() if key not in _PARTS and not isinstance(value, list | Mapping)}
    asked, answered = (_known(body, "time") for body in (request, response))
    own["time"] = _taken(own, "time") or asked or answered or options.now
    for role, keys in (("id", ("id",)), ("version", ("model_version",))):
        found = _taken(own, role) or next(
            (value for body in (response, request) if (value := _value(body, keys)) is not None), None
        )
        if found is not None:
            own[role] = found
    status = _taken(own, "status")
    if status is not None:
        own["status"] = status
    latency = between_ms(_as_text(asked), _as_text(answered))
    if latency is not None and not any("latency" in key or "duration" in key for key in own):
        own["latency_ms"] = latency
    return own


def _taken(own: dict[str, Any], role: str) -> Any:
    """Take the first field out of some that is called like a role, and return its value."""
    spelt: dict[str, str] = {}
    for key, value in own.items():
        if value is not None:
            spelt.setdefault(snake(key), key)
    name = next((spelt[known] for known in KNOWN_NAMES[role] if known in spelt), None)
    return None if name is None else own.pop(name)


def _known(body: Any, role: str) -> Any:
    return _value(body, KNOWN_NAMES[role])


def _value(body: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(body, Mapping):
        return None
    return next((body[key] for key in keys if isinstance(body.get(key), str | int | float) and body[key] != ""), None)


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
