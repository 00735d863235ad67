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
    """A line in which clients wait for their turn: one at a time, each client's in the order of their coming.

    Clients take turns, so that one who asks often makes others wait for one turn of its own and not for all.

    Args:
        longest: how many may wait together.
        each: how many of one client.
    """

    def __init__(self, longest: int, each: int) -> None:
        self._longest = longest
        self._each = each
        self._changed = threading.Condition()
        self._waiting: dict[str, list[object]] = {}
        self._turn: object | None = None

    @contextmanager
    def turn(self, client: str) -> Iterator[None]:
        """Wait for a turn and have it.

        Raises:
            Busy: too many wait.
        """
        place = object()
        with self._changed:
            of_client = len(self._waiting.get(client, ()))
            if of_client >= self._each or sum(map(len, self._waiting.values())) >= self._longest:
                raise Busy("too many passwords wait to be checked, try again later")
            self._waiting.setdefault(client, []).append(place)
            self._call_next()
            self._changed.wait_for(lambda: self._turn is place)
        try:
            yield
        finally:
            with self._changed:
                self._turn = None
                self._call_next()

    def _call_next(self) -> None:
        if self._turn is None and self._waiting:
            client = next(iter(self._waiting))
            self._turn, *others = self._waiting.pop(client)
            if others:
                self._waiting[client] = others  # behind the other clients
            self._changed.notify_all()
