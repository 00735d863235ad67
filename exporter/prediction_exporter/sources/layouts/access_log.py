"""Access logs: lines of requests, which have a status and a latency and neither features nor predictions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from prediction_exporter.sources.fields.roles import snake

#: Levels of objects that formats nest their fields in.
_MOST_LEVELS = 4

#: A request as servers write it into a message, with the status behind it where it is there.
_REQUEST = re.compile(r'"?\b([A-Z]{3,7}) (\S+) HTTP/[0-9.]+"?(?:[ :-]+([1-5][0-9]{2})\b)?')

#: The ends of paths that are asked for by those who watch a service, and of its pages.
_WATCHED = frozenset(
    {
        *("", "health", "healthz", "healthcheck", "health_check", "ready", "readyz", "readiness", "live", "livez", "liveness"),
        *("ping", "status", "startup", "startupz", "metrics", "docs", "redoc", "openapi.json", "favicon.ico", "robots.txt"),
    }
)

_ASKING = frozenset({"HEAD", "OPTIONS"})

#: What layouts of access logs say of what counts, and of what that is enough for.
NOTES = (
    (
        "Every request counts, whatever its path, except for HEAD, OPTIONS and a GET of health checks, metrics or "
        "documentation; where that is not enough, add where, as path = '/predict' or message LIKE '%/predict%'."
    ),
    "They have neither features nor predictions: the model's maturity is 0.",
)


def request_in(text: str) -> tuple[str, str, str | None] | None:
    """Return the method, the path and the status of a request in a text; None where there is none.

    >>> request_in('127.0.0.1:55375 - "POST /predict?debug=1 HTTP/1.1" 200')
    ('POST', '/predict?debug=1', '200')
    >>> request_in("GET /health HTTP/1.1"), request_in("Started server process")
    (('GET', '/health', None), None)
    """
    found = _REQUEST.search(text)
    return None if found is None else (found.group(1), found.group(2), found.group(3))


@lru_cache(maxsize=4096)
def _own_name(name: str) -> str:
    """Return the last part of a name in Python's spelling; a log has the same ones in every line."""
    return snake(name.rpartition(".")[2])


def leaves(record: Mapping[str, Any], levels: int = _MOST_LEVELS) -> dict[str, Any]:
    """Return the values of a record by their own names in Python's spelling, those further out first.

    >>> leaves({"httpRequest": {"requestMethod": "GET", "status": 200}, "http.url": "/x", "status": None})
    {'request_method': 'GET', 'status': 200, 'url': '/x'}
    """
    found: dict[str, Any] = {}
    for value in record.values():
        if isinstance(value, Mapping) and levels:
            found = {**leaves(value, levels - 1), **found}
    for name, value in record.items():
        if value is not None and not isinstance(value, Mapping):
            found[_own_name(name)] = value
    return found


def milliseconds_of(found: Mapping[str, Any], durations: Sequence[tuple[str, float]]) -> float | None:
    """Return the milliseconds of the first of some durations that is a number, or the text of one, as ``0.25s``.

    Args:
        found: values by their names.
        durations: names, each with what makes milliseconds of it.
    """
    for name, factor in durations:
        value = found.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            return float(value.removesuffix("s") if isinstance(value, str) else value) * factor
        except (ValueError, OverflowError):  # of several servers that were tried: a list of durations
            continue
    return None


def is_code(status: object) -> bool:
    """Return whether a status is an HTTP one, as a number or the text of it."""
    text = str(status).strip()
    return len(text) == len("200") and text.isascii() and text.isdigit() and text[0] in "12345"


def is_counted(method: Any, path: Any, status: Any) -> bool:
    """Return whether a line is of a request that may be one for predictions: none of those that only ask how a service is.

    Args:
        method: of HTTP; None where it is not known.
        path: what was asked for; None where it is not known.
        status: as it is written.

    >>> is_counted("POST", "/v1/predict?a=1", 200), is_counted("POST", "/", "503"), is_counted(None, None, 200)
    (True, True, True)
    >>> is_counted("GET", "/healthz/", 200), is_counted("GET", "/", 200), is_counted("HEAD", "/predict", 200)
    (False, False, False)
    >>> is_counted("POST", "/predict", None)
    False
    """
    if not is_code(status) or (method is not None and str(method).upper() in _ASKING):
        return False
    if path is None or str(method) == "POST":
        return True
    parts = str(path).partition("?")[0].strip("/").split("/")
    return parts[-1].lower() not in _WATCHED


def event_of(*, time: Any, status: Any, latency_ms: float | None) -> dict[str, Any]:
    """Return the flat event of a request, of what its line tells."""
    event = {"time": time, "status": status, "latency_ms": latency_ms}
    return {name: value for name, value in event.items() if value is not None}
