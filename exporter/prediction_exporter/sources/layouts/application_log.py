"""Application logs: lines of a structured log that an application writes, of which some are predictions and others are not.

What a logger adds to a line is known; what the application logs is its own, under names that are recognised as in any log.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prediction_exporter.config import UNIT_ENDINGS
from prediction_exporter.sources.fields.roles import KNOWN_NAMES, LATENCY_STEMS, SERVER_NAMES, SERVER_STEMS, snake
from prediction_exporter.sources.layouts.access_log import is_code

_ROLES = ("time", "id", "version", "prediction", "score", "status", "features")

_NAMES = {role: frozenset((*KNOWN_NAMES[role], *SERVER_NAMES[role])) for role in _ROLES}

#: Names that also stand in lines which are no predictions: of an error of any kind.
_NO_CODES = frozenset({"error", "status"})

_ANSWERS, _STATUSES = _NAMES["prediction"] | _NAMES["score"], _NAMES["status"] - _NO_CODES

#: What lines of requests have, which services write beside those of predictions.
_OF_REQUESTS = frozenset({"method", "path", "url", "uri", "http_method", "http_path", "request_method", "request_uri", "route"})

#: The note of layouts of loggers, on what counts.
WHICH_LINES = (
    "A line is a prediction where it has a field that is called like one, like a score or like features, or an id with a "
    "status code or a latency; others are skipped, as are lines of requests by method and path. Where names are others, use "
    "where instead of the layout."
)


def has_role(fields: Mapping[str, Any], role: str) -> bool:
    """Return whether one of some fields is called like a role, and is there."""
    return _has_one_of(fields, _NAMES[role])


def _has_one_of(fields: Mapping[str, Any], names: frozenset[str]) -> bool:
    for name, value in fields.items():  # noqa: SIM110 - a generator for each line takes most of the time
        if value is not None and snake(name) in names:
            return True
    return False


def is_prediction(fields: Mapping[str, Any]) -> bool:
    """Return whether what an application logged is a prediction, or a request for one that failed.

    >>> is_prediction({"pred": 1, "amount": 3}), is_prediction({"request_id": "a", "status_code": 500})
    (True, True)
    >>> is_prediction({"port": 80}), is_prediction({"error": "timeout"}), is_prediction({"input": "a.csv"})
    (False, False, False)
    """
    if _has_one_of(fields, _ANSWERS):
        return True
    if any(isinstance(value, Mapping | list) and snake(name) in _NAMES["features"] for name, value in fields.items()):
        return True
    if not has_role(fields, "id") or any(snake(name) in _OF_REQUESTS for name in fields):
        return False
    return any(
        value is not None and (_is_latency(snake(name)) or snake(name) in _STATUSES or _is_code(name, value))
        for name, value in fields.items()
    )


def inner_of(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a prediction that is logged as an object of its own, with those beside it; else the fields.

    >>> inner_of({"request_id": "a", "result": {"prediction": 1, "features": {"x": 2}}})
    {'request_id': 'a', 'prediction': 1, 'features': {'x': 2}}
    """
    if is_prediction(fields):
        return fields
    objects = [name for name, value in fields.items() if isinstance(value, Mapping) and is_prediction(value)]
    if len(objects) != 1:
        return fields
    beside = {name: value for name, value in fields.items() if name != objects[0]}
    return {**beside, **fields[objects[0]]}


def fields_beside(record: Mapping[str, Any], added: frozenset[str]) -> dict[str, Any]:
    """Return the fields of a line other than those that a logger added."""
    return {name: value for name, value in record.items() if name not in added}


@lru_cache(maxsize=4096)
def _is_latency(name: str) -> bool:
    return any(
        name.endswith(ending) and name.removesuffix(ending) in (*LATENCY_STEMS, *SERVER_STEMS) for ending in UNIT_ENDINGS
    )


def _is_code(name: str, value: Any) -> bool:
    return snake(name) == "status" and is_code(value)
