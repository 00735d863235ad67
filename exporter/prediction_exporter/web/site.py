"""The site: what is served at which path, and in which of its forms."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Protocol

from prediction_exporter.exposition import Snapshot
from prediction_exporter.web.negotiation import accepts_gzip, negotiate

logger = logging.getLogger(__name__)

PLAIN = "text/plain; charset=utf-8"
_LANDING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass
class Site:
    """What is served. The monitor replaces ``snapshot`` whole; None is before the first one."""

    snapshot: Snapshot | None
    landing: Callable[[], bytes]
    ready: Callable[[], tuple[bool, str]]


@dataclass(frozen=True)
class Response:
    """An answer, but for the headers that every answer has."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    ended: Callable[[], None] = lambda: None  # to be called once it has been sent, or cannot be


class Endpoint(Protocol):
    """What answers the requests for one path."""

    def __call__(self, headers: Message, /) -> Response:
        """Answer a request with these headers."""
        ...


@dataclass(frozen=True)
class Route:
    """What answers at a path, and the methods that it takes."""

    endpoint: Endpoint
    methods: tuple[str, ...] = ("GET", "HEAD")


def plain(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """Return an answer of one line of text."""
    return Response(status, PLAIN, f"{text}\n".encode(), headers)


# Paths


def header(headers: Message, name: str) -> str:
    """Return the values of a header, as one list."""
    return ",".join(headers.get_all(name, ()))  # a list may be spread over several lines


class Paths:
    """The endpoints of a site."""

    def __init__(self, site: Site, telemetry_path: str, reload: Callable[[], str | None] | None) -> None:
        self._site = site
        self._reload = reload
        self.routes = {
            "/": Route(self._landing),
            "/-/healthy": Route(lambda _: plain(HTTPStatus.OK, "healthy")),
            "/-/ready": Route(self._ready),
            "/-/reload": Route(self._reloaded, ("POST",)),
            telemetry_path: Route(self._metrics),
        }

    def _landing(self, _: Message) -> Response:
        policy = ("Content-Security-Policy", _LANDING_POLICY)
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", self._site.landing(), (policy,))

    def _ready(self, _: Message) -> Response:
        ready, reason = self._site.ready()
        return plain(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, reason)

    def _reloaded(self, _: Message) -> Response:
        if self._reload is None:
            return plain(HTTPStatus.FORBIDDEN, "reload over HTTP is off; --web.enable-lifecycle turns it on")
        problem = self._reload()
        if problem is not None:
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, problem)
        return plain(HTTPStatus.OK, "reloaded")

    def _metrics(self, headers: Message) -> Response:
        snapshot = self._site.snapshot  # read once: it may be replaced meanwhile
        if snapshot is None:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "no evaluation is finished yet")
        form = negotiate(header(headers, "Accept"))
        vary = ("Vary", "Accept, Accept-Encoding")
        if accepts_gzip(header(headers, "Accept-Encoding")):
            body = snapshot.openmetrics_gzip if form.openmetrics else snapshot.text_gzip
            return Response(HTTPStatus.OK, form.content_type, body, (vary, ("Content-Encoding", "gzip")))
        body = snapshot.openmetrics if form.openmetrics else snapshot.text
        return Response(HTTPStatus.OK, form.content_type, body, (vary,))
