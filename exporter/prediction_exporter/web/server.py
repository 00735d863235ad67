"""The HTTP server: what a finished snapshot is served with, and who may have it.

Nothing is computed here but the headers. Clients that are slow, idle or too many cost a bounded number of threads for a
bounded time.
"""

from __future__ import annotations

import errno
import http.server
import io
import logging
import re
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from prediction_exporter.errors import ConfigError
from prediction_exporter.web.site import PLAIN, Paths, Response, Site, header, plain
from prediction_exporter.web.web_config import BasicAuth, Certificates, WebConfig

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
MAX_REFUSALS = 16  # connections above the limit that are told so at the same time; those above are only closed
IDLE_SECONDS = 120.0  # longer than the usual scrape interval, so that Prometheus keeps its connection
REQUEST_SECONDS = 10.0  # from the first byte of a request to the last
RESPONSE_SECONDS = 30.0
STOP_SECONDS = 5.0  # for responses under way when the server stops

_POLL_SECONDS = 0.2  # how soon the server notices that it is to stop
_CHUNK = 1 << 16
_BODY_LENGTH = re.compile("[0-9]{1,4}")  # bytes of a body that are read to keep a connection
_ADDRESS = re.compile(r"(?:\[([\w:.%]+)\]|([^:\[\]]*)):([0-9]{1,5})")
_MAX_PORT = 65535


class _Security:
    """What a web configuration asks for, ready for use. It is replaced whole when the file is read again."""

    def __init__(self, config: WebConfig | None) -> None:
        config = config or WebConfig()
        self.certificates = Certificates(config.tls_server_config) if config.tls_server_config else None
        self.auth = BasicAuth(config.basic_auth_users) if config.basic_auth_users else None
        self.headers = config.http_server_config.headers


class _Connections:
    """The open connections of all addresses, bounded together."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: dict[socket.socket, bool] = {}  # whether it is served, or only told that there are too many

    def add(self, connection: socket.socket) -> bool:
        """Take a connection in; return False where there is no room even to refuse it."""
        with self._changed:
            if len(self._open) >= MAX_CONNECTIONS + MAX_REFUSALS:
                return False
            self._open[connection] = sum(self._open.values()) < MAX_CONNECTIONS
            return True

    def served(self, connection: socket.socket) -> bool:
        """Return whether a connection is within the limit."""
        with self._changed:
            return self._open[connection]

    def replace(self, connection: socket.socket, encrypted: socket.socket) -> None:
        """Put the encrypted socket in the place of the one that it took over."""
        with self._changed:
            self._open[encrypted] = self._open.pop(connection)

    def discard(self, connection: socket.socket) -> None:
        """Forget a connection that ended."""
        with self._changed:
            self._open.pop(connection, None)
            self._changed.notify_all()

    def drain(self, how: int) -> bool:
        """Shut all connections down and return whether they ended in time: SHUT_RD lets responses finish."""
        with self._changed:
            for connection in self._open:
                _shutdown(connection, how)
            return self._changed.wait_for(lambda: not self._open, timeout=STOP_SECONDS)


def _shutdown(connection: socket.socket, how: int) -> None:
    try:
        # Not the method of a TLS socket, which drops its encryption first.
        socket.socket.shutdown(connection, how)
    except OSError as error:
        logger.debug("connection was closed already: %s", error)


class _Deadline(io.RawIOBase):
    """The reading side of a connection. A request has a deadline as a whole: a byte now and then does not extend it."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._end = time.monotonic() + REQUEST_SECONDS  # a new connection has no reason to wait
        self._idle = False

    def wait(self) -> None:
        """Expect the next request, or none for a while."""
        self._end = time.monotonic() + IDLE_SECONDS
        self._idle = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # typeshed's WriteableBuffer exists only for type checkers
        self._connection.settimeout(_remaining(self._end))
        count = self._connection.recv_into(buffer)
        if self._idle:
            self._end = time.monotonic() + REQUEST_SECONDS
            self._idle = False
        return count


def _remaining(end: float) -> float:
    """Return the seconds until a deadline, which is in the future: 0 would be a socket that never waits."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("deadline exceeded")
    return seconds


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what is not a request is answered with headers, which HTTP 0.9 has not
    error_content_type = PLAIN
    error_message_format = "%(code)d %(message)s\n"
    disable_nagle_algorithm = True  # headers and body are two packets, and the second must not wait for the first
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._deadline = _Deadline(self.connection)
        self.rfile = io.BufferedReader(self._deadline)
        self._refused = not self.server.web.connections.served(self.connection)

    @property
    def _security(self) -> _Security:
        return self.server.web.security  # now: who was removed must not stay in on a connection that is kept

    def version_string(self) -> str:
        return "prediction-exporter"

    def handle_one_request(self) -> None:
        super().handle_one_request()
        self._deadline.wait()

    def _answer(self) -> None:
        if self._refused or not self._read_body():
            self.close_connection = True
        self._send(self._response())

    # http.server looks methods up by these names; one without a name is answered with 501.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _answer  # noqa: N815

    def _response(self) -> Response:
        if self._refused:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", ("Retry-After", "5"))
        auth = self._security.auth
        if auth is not None and not auth.allows(self.headers.get("Authorization")):
            return plain(HTTPStatus.UNAUTHORIZED, "unauthorized", ("WWW-Authenticate", 'Basic realm="metrics"'))
        path = self.path.partition("?")[0]
        route = self.server.web.paths.find(path)
        if route is None:
            return plain(HTTPStatus.NOT_FOUND, "not found")
        if self.command not in route.methods:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed", ("Allow", ", ".join(route.methods)))
        try:
            return route.endpoint(self.headers)
        except Exception:
            logger.exception("request for %s failed", path)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; the exporter's log says which")

    def _read_body(self) -> bool:
        """Skip the body, which nothing here uses; return False where the next request cannot be found behind it."""
        length = header(self.headers, "Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not _BODY_LENGTH.fullmatch(length):
            return False
        return len(self.rfile.read(int(length))) == int(length)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            if name not in self._security.headers:
                self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        end = time.monotonic() + RESPONSE_SECONDS
        self.connection.settimeout(_remaining(end))
        self.end_headers()
        body = memoryview(b"" if self.command == "HEAD" else response.body)
        for start in range(0, len(body), _CHUNK):
            # In pieces: the time limit of a TLS socket is for each of its records, not for the whole.
            self.connection.settimeout(_remaining(end))
            self.wfile.write(body[start : start + _CHUNK])

    def end_headers(self) -> None:
        """Add the headers of every response, also of those that http.server makes itself."""
        for name, value in ({"X-Content-Type-Options": "nosniff"} | self._security.headers).items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        logger.debug("%s %r", self.address_string(), format % args)  # %r: a client must not write lines of the log


class _Listener(http.server.ThreadingHTTPServer):
    """The socket of one listen address. Its threads are daemons: none outlives the process for a slow client."""

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily, web: WebServer) -> None:
        self.address_family = family
        self.web = web
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            # As in Go: all addresses are those of IPv6 and IPv4.
            everywhere = self.server_address[0] == "::"
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if everywhere else 1)
        # Not http.server's own, which looks up the name of the host and may wait for it.
        socketserver.TCPServer.server_bind(self)

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
        request.settimeout(REQUEST_SECONDS)
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


def _parse(address: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > _MAX_PORT:
        raise ConfigError(f'--web.listen-address: "{address}" is not :PORT, HOST:PORT or [IPV6]:PORT')
    return match[1] or match[2], int(match[3])


def _listen(address: str, web: WebServer) -> _Listener:
    host, port = _parse(address)
    try:
        if host:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            return _Listener((host, port), family, web)
        return _listen_everywhere(port, web)
    except (OSError, UnicodeError) as error:  # a host that no name service would take is a UnicodeError
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"--web.listen-address: cannot listen on {address}: {reason}") from error


def _listen_everywhere(port: int, web: WebServer) -> _Listener:
    try:
        return _Listener(("::", port), socket.AF_INET6, web)
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _Listener(("0.0.0.0", port), socket.AF_INET, web)  # noqa: S104 - what ":PORT" means, without IPv6


class WebServer:
    """Serves a site on one or more addresses.

    ``reload`` answers ``POST /-/reload`` with None or with what went wrong; without it that path is forbidden.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        site: Site,
        *,
        web_config: WebConfig | None,
        telemetry_path: str = "/metrics",
        reload: Callable[[], str | None] | None = None,
    ) -> None:
        for address in addresses:
            _parse(address)
        if not telemetry_path.startswith("/") or telemetry_path.startswith("/-/") or "?" in telemetry_path:
            raise ConfigError(f'--web.telemetry-path: "{telemetry_path}" is not a path of its own, such as /metrics')
        self._addresses = addresses
        self._listeners: list[_Listener] = []
        self.paths = Paths(site, telemetry_path, reload)
        self.security = _Security(web_config)
        self.connections = _Connections()

    @property
    def ports(self) -> list[int]:
        """The ports in use, in the order of the addresses."""
        return [listener.server_address[1] for listener in self._listeners]

    def start(self) -> None:
        """Listen on all addresses, or on none.

        Raises:
            ConfigError: an address is in use or not one of this machine.
        """
        try:
            for address in self._addresses:
                self._listeners.append(_listen(address, self))
        except ConfigError:
            self._close()
            raise
        for listener in self._listeners:
            name = f"web-{listener.server_address[1]}"
            threading.Thread(target=listener.serve_forever, args=(_POLL_SECONDS,), name=name, daemon=True).start()

    def reload_web_config(self, web_config: WebConfig | None) -> None:
        """Use other users and headers for every request from now on, and another TLS for new connections.

        Raises:
            ConfigError: its certificates cannot be used; the former configuration stays.
        """
        self.security = _Security(web_config)

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
