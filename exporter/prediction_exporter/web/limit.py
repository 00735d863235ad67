"""Limit: an endpoint that answers a bounded number of requests at a time."""

from __future__ import annotations

import threading
from dataclasses import replace
from http import HTTPStatus

from prediction_exporter.web.site import Endpoint, Request, Response, plain


class Limited:
    """An endpoint that gives at most ``most`` answers at a time, each from its request until the client has the last byte."""

    def __init__(self, endpoint: Endpoint, most: int) -> None:
        self._endpoint = endpoint
        self._most = most
        self._free = threading.BoundedSemaphore(most)

    def __call__(self, request: Request, /) -> Response:
        """Answer, or say that there are too many requests; other exporters say it in the same words."""
        if not self._free.acquire(blocking=False):
            text = f"Limit of concurrent requests reached ({self._most}), try again later."
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, text)
        try:
            return replace(self._endpoint(request), ended=self._free.release)
        except BaseException:
            self._free.release()
            raise
