"""Limit: a bounded number of answers at a time, and of those who wait for what one alone may do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


class Busy(Exception):  # noqa: N818 - no error of this program
    """Too many wait already."""


class Line:
    """A line in which clients wait for their turn: one at a time, in the order in which they came.

    Args:
        longest: how many may stand in it together.
        each: how many of one client; another one's place is not taken by who asks most often.
    """

    def __init__(self, longest: int, each: int) -> None:
        self._longest = longest
        self._each = each
        self._changed = threading.Condition()
        self._waiting: list[tuple[str, object]] = []

    @contextmanager
    def turn(self, client: str) -> Iterator[None]:
        """Wait for a turn and have it.

        Raises:
            Busy: too many wait.
        """
        place = (client, object())
        with self._changed:
            of_client = sum(name == client for name, _ in self._waiting)
            if len(self._waiting) >= self._longest or of_client >= self._each:
                raise Busy("too many passwords wait to be checked, try again later")
            self._waiting.append(place)
            self._changed.wait_for(lambda: self._waiting[0] is place)
        try:
            yield
        finally:
            with self._changed:
                self._waiting.pop(0)
                self._changed.notify_all()
