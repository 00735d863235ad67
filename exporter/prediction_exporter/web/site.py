"""The site: what is served at which path, and in which of its forms."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs, unquote

from prediction_exporter.exposition import Snapshot, compressed
from prediction_exporter.web.negotiation import accepts_gzip, negotiate

logger = logging.getLogger(__name__)

RUNBOOKS = "/runbooks"
NOTES = "/notes"
PROBES = ("/-/healthy", "/-/ready")
PLAIN = "text/plain; charset=utf-8"
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass
class Site:
    """What is served.

    Attributes:
        snapshot: the monitor replaces it whole; None is before the first one.
        landing: makes the landing page.
        ready: says whether the exporter is ready, and why not.
        runbook: says whether there is a runbook of a name, and makes its page; the empty name is the list of all, which also
            answers for a name that is not there. None where no runbooks are served.
        notes: gives what answers for the form of notes; None where there is none.
    """

    snapshot: Snapshot | None
    landing: Callable[[], bytes]
    ready: Callable[[], tuple[bool, str]]
    runbook: Callable[[str], tuple[bool, bytes]] | None = None
    notes: Callable[[], Endpoint | None] = lambda: None


@dataclass(frozen=True)
class Response:
    """An answer, but for the headers that every answer has."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    limited: bool = False  # it is one of those of which there are only so many at a time
    ended: Callable[[], None] = lambda: None  # to be called once it has been sent, or cannot be


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who has come in, and what proves that a form was made for them.

    Attributes:
        name: the user's name.
        sign: signs a text with what only the exporter knows of the user; who has another password gets another signature, and
            replicas and restarts with the same users give the same.
    """

    name: str
    sign: Callable[[str], str]


@dataclass(frozen=True)
class Request:
    """What an endpoint sees of a request.

    Attributes:
        query: what stands behind the ``?``.
        method: HEAD is told as GET.
        body: None where it is longer than is read, or its length is not told.
        visitor: who asks, where that was asked for.
    """

    headers: Message
    query: str = ""
    method: str = "GET"
    body: bytes | None = b""
    visitor: Visitor | None = None


class Endpoint(Protocol):
    """What answers the requests for one path."""

    def __call__(self, request: Request, /) -> Response:
        """Answer a request."""
        ...


@dataclass(frozen=True)
class Route:
    """What answers at a path, and the methods that it takes."""

    endpoint: Endpoint
    methods: tuple[str, ...] = ("GET", "HEAD")


def plain(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """Return an answer of one line of text."""
    return Response(status, PLAIN, f"{text}\n".encode(), headers)


def page_response(status: int, body: bytes, *headers: tuple[str, str], policy: str = PAGE_POLICY) -> Response:
    """Return a page for people, which may load nothing and run nothing."""
    return Response(status, "text/html; charset=utf-8", body, (("Content-Security-Policy", policy), *headers))


# Paths


def header(headers: Message, name: str) -> str:
    """Return the values of a header, as one list."""
    return ",".join(headers.get_all(name, ()))  # a list may be spread over several lines


def _runbook(make: Callable[[str], tuple[bool, bytes]], name: str, _: Request) -> Response:
    found, body = make(name)
    return page_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, body)


def _moved(address: str) -> Route:
    """Return what leads to another address: a relative one, which is right behind a proxy too."""
    return Route(lambda _: plain(HTTPStatus.FOUND, f"see {address}", ("Location", address)))


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

    def find(self, path: str) -> Route | None:
        """Return what answers at a path."""
        if path == NOTES and path not in self.routes:  # where the metrics may stand
            form = self._site.notes()
            return None if form is None else Route(form, ("GET", "HEAD", "POST"))
        if path in self.routes or self._site.runbook is None or not f"{path}/".startswith(f"{RUNBOOKS}/"):
            return self.routes.get(path)
        match path.removeprefix(RUNBOOKS).split("/"):
            case [""]:
                return _moved("runbooks/")
            case ["", name]:
                return Route(partial(_runbook, self._site.runbook, unquote(name)))
            case ["", name, ""] if name:
                return _moved(f"../{name}")
        return None

    def _landing(self, _: Request) -> Response:
        return page_response(HTTPStatus.OK, self._site.landing())

    def _ready(self, _: Request) -> Response:
        ready, reason = self._site.ready()
        return plain(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, reason)

    def _reloaded(self, _: Request) -> Response:
        if self._reload is None:
            return plain(HTTPStatus.FORBIDDEN, "reload over HTTP is off; --web.enable-lifecycle turns it on")
        problem = self._reload()
        if problem is not None:
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, problem)
        return plain(HTTPStatus.OK, "reloaded")

    def _metrics(self, request: Request) -> Response:
        snapshot = self._site.snapshot  # read once: it may be replaced meanwhile
        if snapshot is None:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "no evaluation is finished yet")
        try:
            names = chosen(request.query, [name for name in snapshot.groups if name])
        except ValueError as error:
            return plain(HTTPStatus.BAD_REQUEST, str(error))
        form = negotiate(header(request.headers, "Accept"))
        headers: tuple[tuple[str, str], ...] = (("Vary", "Accept, Accept-Encoding"),)
        packed = accepts_gzip(header(request.headers, "Accept-Encoding"))
        if packed:
            headers += (("Content-Encoding", "gzip"),)
        if names is not None:
            part = snapshot.only(names, openmetrics=form.openmetrics)
            body = compressed(part) if packed else part
        elif packed:
            body = snapshot.openmetrics_gzip if form.openmetrics else snapshot.text_gzip
        else:
            body = snapshot.openmetrics if form.openmetrics else snapshot.text
        return Response(HTTPStatus.OK, form.content_type, body, headers)


def chosen(query: str, names: Sequence[str]) -> list[str] | None:
    """Return the collectors that a scrape asks for, as node_exporter is asked; None where it asks for all.

    >>> chosen("collect[]=traffic&collect[]=source", ["traffic", "windows", "source"])
    ['traffic', 'source']
    >>> chosen("exclude[]=windows", ["traffic", "windows", "source"])
    ['traffic', 'source']

    Raises:
        ValueError: it asks for one that does not run, or for some and without others.
    """
    if not query:
        return None
    asked = parse_qs(query, keep_blank_values=True)
    for name in ("collect", "exclude"):
        if name in asked:  # else it would be overlooked, and the answer be whole
            raise ValueError(f"{name} is written with brackets, and once for each collector: {name}[]=NAME")
    collect, exclude = asked.get("collect[]", []), asked.get("exclude[]", [])
    if collect and exclude:
        raise ValueError("collect[] and exclude[] cannot be combined")
    unknown = [name for name in (*collect, *exclude) if name not in names]
    if unknown:
        raise ValueError(f"no collector {unknown[0]} runs here; these do: {', '.join(names)}")
    if exclude:
        return [name for name in names if name not in exclude]
    return [name for name in names if name in collect] if collect else None
