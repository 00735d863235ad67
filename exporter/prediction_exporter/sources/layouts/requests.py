"""Requests: lines of access logs, which have a status and a latency and neither features nor predictions."""

from __future__ import annotations

import re

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

#: The note of layouts of access logs, on what counts.
WHICH_REQUESTS = (
    "Every request counts, whatever its path, except for HEAD, OPTIONS and a GET of health checks, metrics or documentation; "
    "where that is not enough, add where, as path = '/predict' or message LIKE '%/predict%'."
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


def is_code(status: object) -> bool:
    """Return whether a status is an HTTP one, as a number or the text of it."""
    text = str(status).strip()
    return len(text) == len("200") and text.isascii() and text.isdigit() and text[0] in "12345"


def is_counted(method: str | None, path: str | None) -> bool:
    """Return whether a request may be one for predictions: none of those that only ask how a service is.

    >>> is_counted("POST", "/v1/predict?a=1"), is_counted("POST", "/"), is_counted(None, None)
    (True, True, True)
    >>> is_counted("GET", "/healthz/"), is_counted("GET", "/"), is_counted("HEAD", "/predict")
    (False, False, False)
    """
    if method is not None and method.upper() in _ASKING:
        return False
    if path is None or method == "POST":
        return True
    parts = path.partition("?")[0].strip("/").split("/")
    return parts[-1].lower() not in _WATCHED
