"""The HTTP server: what a finished snapshot is served with, and who may have it.

Nothing is computed here but the headers. Clients that are slow, idle or too many cost a bounded number of threads for a
bounded time.
"""

from __future__ import annotations

import errno
import http.server
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from prediction_exporter.errors import ConfigError
from prediction_exporter.logs import Quiet
from prediction_exporter.web import reading
from prediction_exporter.web.basic_auth import BasicAuth
from prediction_exporter.web.connections import Connections, Stage
from prediction_exporter.web.limit import Busy, Limited
from prediction_exporter.web.listening import activated, listen, parse, shown
from prediction_exporter.web.prefix import Prefix
from prediction_exporter.web.reading import Deadline, Requests, remaining
from prediction_exporter.web.site import PLAIN, PROBES, Paths, Request, Response, Site, header, plain
from prediction_exporter.web.web_config import Certificates, WebConfig

logger = logging.getLogger(__name__)

_quiet = Quiet()

RESPONSE_SECONDS = 30.0

_POLL_SECONDS = 0.2  # how soon the server notices that it is to stop
_CHUNK = 1 << 16
_ORIGIN = re.compile("^https?://[^/?]*", re.IGNORECASE)
_PAUSE_SECONDS = 0.02  # after a connection that could not be accepted
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_REST_SECONDS = 0.5  # for what a client sends that nobody wants
_BODY_LENGTH = re.compile("[0-9]{1,4}")  # bytes of a body that are read: a form has no more, and others keep a connection


class _Security:
    """What a web configuration asks for, ready for use. It is replaced whole when the file is read again."""

    def __init__(self, config: WebConfig | None, former: _Security | None = None) -> None:
        config = config or WebConfig()
        self.certificates: Certificates | None = Certificates(config.tls_server_config) if config.tls_server_config else None
        known = former.auth if former is not None else None
        self.auth: BasicAuth | None = BasicAuth(config.basic_auth_users, known) if config.basic_auth_users else None
        self.headers = config.http_server_config.headers


def _words(value: str) -> list[str]:
    return [word.strip().lower() for word in value.split(",")]


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what is not a request is answered with headers, which HTTP 0.9 has not
    error_content_type = PLAIN
    error_message_format = "%(code)d %(message)s\n"
    server: _Listener
    _body: bytes | None = None

    def setup(self) -> None:
        super().setup()
        if self.connection.family != socket.AF_UNIX:
            # Headers and body are two packets, and the second must not wait for the first.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rfile.close()
        self.rfile = self._requests = Requests(Deadline(self.connection, self.server.web.connections))
        self._refused = not self.server.web.connections.served(self.connection)

    @property
    def _security(self) -> _Security:
        return self.server.web.security  # now: who was removed must not stay in on a connection that is kept

    def version_string(self) -> str:
        return "prediction-exporter"

    def handle_one_request(self) -> None:
        super().handle_one_request()
        self._requests.wait()

    def _answer(self) -> None:
        whole = not self._requests.malformed and self._read_body()
        if self._refused or not whole or "close" in _words(header(self.headers, "Connection")):
            self.close_connection = True
        self.server.web.connections.is_at(self.connection, Stage.ANSWERED)
        response = self._response()
        try:
            self._send(response)
        finally:
            response.ended()
        if not whole:
            self._take_the_rest()

    # http.server looks methods up by these names; one without a name is answered with 501.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _answer  # noqa: N815 - http.server's names

    def _response(self) -> Response:
        if self._requests.malformed:
            return plain(HTTPStatus.BAD_REQUEST, "a line of the head is no header")
        if len(self.headers.get_all("Host", ())) != 1 and self.request_version != "HTTP/1.0":
            self.close_connection = True
            return plain(HTTPStatus.BAD_REQUEST, "a request of HTTP/1.1 has one Host header")
        # An absolute address, as proxies are asked; the name of the host makes no difference here.
        path, _, query = _ORIGIN.sub("", self.path).partition("?")
        path = path or "/"
        return self._without_password(path) or self._refusal() or self._allowed(path, query)

    def _without_password(self, path: str) -> Response | None:
        """Return the answer to a probe that needs no password, which does not name any model then."""
        web = self.server.web
        inside = web.prefix.inside(path)
        if inside not in PROBES or self.command not in ("GET", "HEAD") or not (web.open_probes or self._security.auth is None):
            return None
        response = self._answer_of(path, "")
        told = self._security.auth is None or response.status == HTTPStatus.OK
        return response if told else plain(response.status, "not ready")

    def _refusal(self) -> Response | None:
        if self._refused:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", ("Retry-After", "5"))
        auth = self._security.auth
        try:
            if auth is None or auth.allows(self.headers.get("Authorization"), self.address_string()):
                return None
        except Busy as error:
            self.close_connection = True  # so that who asks at once again, as those who guess do, has to connect for it
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error), ("Retry-After", "5"))
        return plain(HTTPStatus.UNAUTHORIZED, "unauthorized", ("WWW-Authenticate", 'Basic realm="metrics"'))

    def _allowed(self, path: str, query: str) -> Response:
        elsewhere = self.server.web.prefix.redirect(path)
        if elsewhere is None:
            return self._answer_of(path, query)
        location = f"{elsewhere}?{query}" if query else elsewhere
        return plain(HTTPStatus.FOUND, f"see {elsewhere}", ("Location", location))

    def _answer_of(self, path: str, query: str) -> Response:
        prefix = self.server.web.prefix
        inside = prefix.inside(path)
        if inside is None:
            return plain(HTTPStatus.NOT_FOUND, f"not found; every path here begins with {prefix.route}/")
        route = self.server.web.paths.find(inside)
        if route is None:
            return plain(HTTPStatus.NOT_FOUND, "not found")
        if self.command not in route.methods:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed", ("Allow", ", ".join(route.methods)))
        try:
            return route.endpoint(self._request(query))
        except Exception:
            logger.exception("request for %s failed", path)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; the exporter's log says which")

    def _request(self, query: str) -> Request:
        auth = self._security.auth
        return Request(
            self.headers,
            query,
            method="GET" if self.command == "HEAD" else self.command,
            body=self._body,
            visitor=None if auth is None else auth.visitor(self.headers.get("Authorization")),
        )

    def _read_body(self) -> bool:
        """Read a body of a bounded length; return False where the next request cannot be found behind it."""
        self._body = None
        length = header(self.headers, "Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not _BODY_LENGTH.fullmatch(length):
            return False
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return False
        self._body = body
        return True

    def _take_the_rest(self) -> None:
        """Read on for a moment: to close with something unread would take the answer back before the client has read it."""
        end = time.monotonic() + _REST_SECONDS
        with suppress(OSError):  # no more came in time, or the client hung up
            while True:
                self.connection.settimeout(remaining(end))
                if not self.connection.recv(_CHUNK):
                    return

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            if name not in self._security.headers:
                self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        elif self.request_version == "HTTP/1.0":  # where it is the exception, and has to be granted
            self.send_header("Connection", "keep-alive")
        self.server.web.connections.is_at(self.connection, Stage.ANSWERED, limited=response.limited)
        end = time.monotonic() + RESPONSE_SECONDS
        self.connection.settimeout(remaining(end))
        self.end_headers()
        body = memoryview(b"" if self.command == "HEAD" else response.body)
        for start in range(0, len(body), _CHUNK):
            # In pieces: the time limit of a TLS socket is for each of its records, not for the whole.
            self.connection.settimeout(remaining(end))
            self.wfile.write(body[start : start + _CHUNK])
            self.server.web.connections.is_at(self.connection, Stage.ANSWERED, limited=response.limited)

    def end_headers(self) -> None:
        """Add the headers of every response, also of those that http.server makes itself."""
        for name, value in ({"X-Content-Type-Options": "nosniff"} | self._security.headers).items():
            self.send_header(name, value)
        super().end_headers()

    def address_string(self) -> str:
        """Return who asks; a Unix socket does not tell."""
        return super().address_string() if self.client_address else "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        logger.debug("%s %r", self.address_string(), format % args)  # %r: a client must not write lines of the log


class _Unencrypted(_Handler):
    """A connection that came without TLS to where TLS is: it is told so, and nothing else."""

    def _response(self) -> Response:
        self.close_connection = True
        return plain(HTTPStatus.BAD_REQUEST, "this is an HTTPS port and the request came as plain HTTP; use https://")


class _Listener(http.server.ThreadingHTTPServer):
    """The server of one listening socket. Its threads are daemons: none outlives the process for a slow client."""

    def __init__(self, listening: socket.socket, web: WebServer) -> None:
        self.address_family = listening.family
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()  # one that was made for nothing
        self.socket = listening
        self.web = web

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection, or make room for it where the process may open nothing more."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                if _quiet.lets(error.errno):
                    logger.warning("no connection can be accepted, idle ones are closed: %s", error.strerror)
                self.web.connections.spare_one()
                time.sleep(_PAUSE_SECONDS)  # else the processor would do nothing but try
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.web.connections.add(request):
            super().process_request(request, client_address)
        else:
            logger.debug("connection from %s closed: too many", client_address)
            self.shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        certificates = self.web.security.certificates
        if certificates is None:
            _Handler(request, client_address, self)
            return
        # Here, in the connection's own thread: a client that is slow to shake hands must not hold up the others.
        request.settimeout(reading.REQUEST_SECONDS)
        if request.recv(1, socket.MSG_PEEK).isalpha():  # the letter of a method; a record of TLS begins with a low number
            _Unencrypted(request, client_address, self)
            return
        with certificates.context().wrap_socket(request, server_side=True, do_handshake_on_connect=False) as encrypted:
            self.web.connections.replace(request, encrypted)
            try:
                encrypted.do_handshake()
                _Handler(encrypted, client_address, self)
            finally:
                self.web.connections.discard(encrypted)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.web.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is socketserver's
        """Log an exception of a connection. Clients that hang up, are slow or speak no TLS are no errors of ours."""
        error = sys.exception()
        if isinstance(error, OSError):
            logger.debug("connection from %s ended: %s", client_address, error)
        else:
            logger.error("connection from %s failed", client_address, exc_info=error)


# Server


class WebServer:
    """Serves a site on one or more addresses, or on the sockets that systemd hands over.

    Args:
        addresses: where to listen; None for systemd's sockets.
        prefix: what stands before every path.
        max_requests: how many scrapes are answered at a time; 0 is no limit but that of connections.
        open_probes: whether ``/-/healthy`` and ``/-/ready`` are answered without a password.
        reload: answers ``POST /-/reload`` with None or with what went wrong; without it that path is forbidden.
    """

    def __init__(
        self,
        addresses: Sequence[str] | None,
        site: Site,
        *,
        web_config: WebConfig | None,
        telemetry_path: str = "/metrics",
        prefix: Prefix | None = None,
        max_requests: int = 0,
        open_probes: bool = False,
        reload: Callable[[], str | None] | None = None,
    ) -> None:
        for address in addresses or ():
            parse(address)
        if not telemetry_path.startswith("/") or telemetry_path.startswith("/-/") or "?" in telemetry_path:
            raise ConfigError(f'--web.telemetry-path: "{telemetry_path}" is not a path of its own, such as /metrics')
        self._addresses = addresses
        self._listeners: list[_Listener] = []
        self.connections = Connections()
        self.paths = Paths(site, telemetry_path, reload)
        if max_requests:
            metrics = self.paths.routes[telemetry_path]
            self.paths.routes[telemetry_path] = replace(
                metrics, endpoint=Limited(metrics.endpoint, max_requests, self.connections.end_stalled)
            )
        self.prefix = prefix or Prefix()
        self.open_probes = open_probes
        self.security = _Security(web_config)

    @property
    def ports(self) -> list[int]:
        """The ports in use, in the order of the addresses."""
        return [listener.server_address[1] for listener in self._listeners]

    @property
    def addresses(self) -> list[str]:
        """The addresses in use."""
        return [shown(listener.socket) for listener in self._listeners]

    def start(self) -> None:
        """Listen on all addresses, or on none.

        Raises:
            ConfigError: an address is in use or not one of this machine, or systemd handed over no socket.
        """
        sockets = activated() if self._addresses is None else listen(self._addresses)
        self._listeners = [_Listener(listening, self) for listening in sockets]
        for listener, address in zip(self._listeners, self.addresses, strict=True):
            name = f"web {address}"
            threading.Thread(target=listener.serve_forever, args=(_POLL_SECONDS,), name=name, daemon=True).start()

    def reload_web_config(self, web_config: WebConfig | None) -> None:
        """Use other users and headers for every request from now on, and another TLS for new connections.

        Raises:
            ConfigError: its certificates cannot be used; the former configuration stays.
        """
        self.security = _Security(web_config, self.security)

    def stop(self) -> None:
        """Stop listening, let the responses under way finish, and close every connection."""
        for listener in self._listeners:
            listener.shutdown()
        self._close()
        if not self.connections.drain(socket.SHUT_RD):
            self.connections.drain(socket.SHUT_RDWR)

    def _close(self) -> None:
        for listener in self._listeners:
            listener.server_close()
        self._listeners = []
