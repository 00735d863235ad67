"""Limit: a bounded number of answers at a time, and of those who wait for what one alone may do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import NoReturn

from prediction_exporter.web.connections import LEAVING_SECONDS
from prediction_exporter.web.site import Endpoint, Request, Response, plain


class Limited:
    """An endpoint that gives at most ``most`` answers at a time, each from its request until the client has the last byte.

    Args:
        end_stalled: cuts off such an answer that nobody takes, where there is one; its place is free soon after.
    """

    def __init__(self, endpoint: Endpoint, most: int, end_stalled: Callable[[], bool]) -> None:
        self._endpoint = endpoint
        self._most = most
        self._end_stalled = end_stalled
        self._free = threading.BoundedSemaphore(most)

    def __call__(self, request: Request, /) -> Response:
        """Answer, or say that there are too many requests; other exporters say it in the same words."""
        if not self._free.acquire(blocking=False) and not (self._end_stalled() and self._free.acquire(timeout=LEAVING_SECONDS)):
            text = f"Limit of concurrent requests reached ({self._most}), try again later."
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, text)
        try:
            return replace(self._endpoint(request), limited=True, ended=self._free.release)
        except BaseException:
            self._free.release()
            raise


_Names = dict[str, list[object]]


class Busy(Exception):  # noqa: N818 - no error of this program
    """Too many wait already."""


class Line:
    """A line in which callers wait for their turn: one at a time, each one's in the order of its coming.

    Clients take turns, and so do the names that one client gives: who asks often makes others wait for one turn of its own and
    not for all. Who asks again for what it was refused before has places that nobody else can take, and every second turn.

    Args:
        longest: how many may wait together.
        each: how many of one client.
        kept: how many beside them who were refused before.
        remembered: how many refusals are remembered.
    """

    def __init__(self, longest: int, each: int, kept: int, remembered: int) -> None:
        self._longest = longest
        self._each = each
        self._kept = kept
        self._remembered = remembered
        self._refused: dict[bytes, None] = {}  # oldest first
        self._changed = threading.Condition()
        self._first: dict[str, _Names] = {}
        self._again: dict[str, _Names] = {}
        self._turn: object | None = None
        self._was_first = False

    @contextmanager
    def turn(self, client: str, name: str, what: bytes) -> Iterator[None]:
        """Wait for a turn and have it.

        Args:
            client: who asks.
            name: for whom.
            what: what for, as a digest.

        Raises:
            Busy: too many wait.
        """
        place = object()
        with self._changed:
            again = what in self._refused
            waiting, longest, each = (
                (self._again, self._kept, self._kept) if again else (self._first, self._longest, self._each)
            )
            if _count(waiting.get(client, {})) >= each or sum(map(_count, waiting.values())) >= longest:
                self._refuse(what)
            self._refused.pop(what, None)
            waiting.setdefault(client, {}).setdefault(name, []).append(place)
            self._call_next()
            self._changed.wait_for(lambda: self._turn is place)
        try:
            yield
        finally:
            with self._changed:
                self._turn = None
                self._call_next()

    def _refuse(self, what: bytes) -> NoReturn:
        self._refused[what] = None
        if len(self._refused) > self._remembered:
            del self._refused[next(iter(self._refused))]
        raise Busy("too many passwords wait to be checked, try again later")

    def _call_next(self) -> None:
        if self._turn is not None:
            return
        lines = (self._again, self._first) if self._was_first else (self._first, self._again)
        waiting = next((line for line in lines if line), None)
        if waiting is not None:
            self._was_first = waiting is self._first
            client = next(iter(waiting))
            names = waiting.pop(client)
            name = next(iter(names))
            self._turn, *others = names.pop(name)
            if others:
                names[name] = others  # behind the other names of the client
            if names:
                waiting[client] = names  # behind the other clients
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._changed:
            return sum(_count(names) for line in (self._first, self._again) for names in line.values())


def _count(names: _Names) -> int:
    return sum(map(len, names.values()))
