"""The HTTP server on real sockets: every path, and every kind of client that misbehaves."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import http.client
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import bcrypt
import pytest
import requests

from prediction_exporter.collectors.exporter import SERIES
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import OPENMETRICS_TYPE, TEXT_TYPE, Samples, Snapshot, render
from prediction_exporter.web import basic_auth, connections, reading, server
from prediction_exporter.web.negotiation import accepts_gzip, negotiate
from prediction_exporter.web.server import WebServer
from prediction_exporter.web.site import Site
from prediction_exporter.web.web_config import WebConfig

LANDING = b"<!doctype html><title>prediction-exporter</title>"
PATHS = ["/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/nothing/here"]


def make_snapshot(value: float) -> Snapshot:
    """Return an exposition that can be told from others."""
    samples = Samples()
    samples.add(SERIES, "", value)
    return render([samples], {"test": [SERIES]}, created=0.0)


class Served:
    """A running server and its site."""

    def __init__(self, web: WebServer, site: Site) -> None:
        self.web = web
        self.site = site
        self.port = web.ports[0]

    def url(self, path: str = "/metrics") -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self) -> socket.socket:
        """Open a connection and send nothing."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self, data: bytes) -> bytes:
        """Send bytes and return all that comes back until the server hangs up."""
        with self.connect() as connection:
            connection.sendall(data)
            return read_all(connection)

    def wait_for(self, count: int) -> None:
        """Wait until the server has this many connections."""
        end = time.monotonic() + 10
        while len(self.web.connections._open) != count:
            assert time.monotonic() < end, f"{len(self.web.connections._open)} connections, not {count}"
            time.sleep(0.005)


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side hangs up."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(autouse=True)
def _stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_POLL_SECONDS", 0.01)


@pytest.fixture
def http_client() -> Iterator[requests.Session]:
    """Give a client that keeps its connections and asks no environment for proxies or passwords."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Give a function that starts servers, which stop when the test ends."""
    with ExitStack() as stack:

        def start(*addresses: str, **options: Any) -> Served:
            site = Site(snapshot=make_snapshot(1), landing=lambda: LANDING, ready=lambda: (True, "ready"))
            web = WebServer(addresses or ("127.0.0.1:0",), site, **{"web_config": None} | options)
            stack.callback(web.stop)
            web.start()
            return Served(web, site)

        yield start


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """Give a server with all defaults."""
    return serve()


# Paths


def test_metrics_are_the_snapshot(served: Served, http_client: requests.Session) -> None:
    """The bytes of the snapshot are served, and those of the next one as soon as it is there."""
    for value in (1, 2):
        snapshot = served.site.snapshot = make_snapshot(value)
        response = http_client.get(served.url("/metrics?name[]=ignored"))
        assert response.status_code == 200
        assert response.content == snapshot.text
        assert response.headers["Content-Type"] == TEXT_TYPE
        assert response.headers["Vary"] == "Accept, Accept-Encoding"


def test_metrics_before_the_first_snapshot(served: Served, http_client: requests.Session) -> None:
    """A scrape fails rather than find nothing."""
    served.site.snapshot = None
    response = http_client.get(served.url())
    assert (response.status_code, response.text) == (503, "no evaluation is finished yet\n")


def test_landing_page(served: Served, http_client: requests.Session) -> None:
    """The page may load nothing and run nothing."""
    response = http_client.get(served.url("/"))
    assert (response.status_code, response.content) == (200, LANDING)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Content-Security-Policy"] == ("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_health_and_readiness(served: Served, http_client: requests.Session) -> None:
    """The exporter is healthy as soon as it answers, and ready when it says so."""
    healthy, ready = served.url("/-/healthy"), served.url("/-/ready")
    assert (http_client.get(healthy).status_code, http_client.get(healthy).text) == (200, "healthy\n")
    assert (http_client.get(ready).status_code, http_client.get(ready).text) == (200, "ready\n")
    served.site.ready = lambda: (False, "model m has no baseline")
    assert (http_client.get(ready).status_code, http_client.get(ready).text) == (503, "model m has no baseline\n")
    assert http_client.get(healthy).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_common_headers(served: Served, http_client: requests.Session, path: str) -> None:
    """No answer says which Python it comes from, or is guessed to be another type."""
    headers = http_client.get(served.url(path)).headers
    assert headers["Server"] == "prediction-exporter"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Connection" not in headers


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(served: Served, http_client: requests.Session, path: str) -> None:
    """The headers are the same, with the length of the body that is not sent."""
    get, head = http_client.get(served.url(path)), http_client.head(served.url(path))
    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert {k: v for k, v in head.headers.items() if k != "Date"} == {k: v for k, v in get.headers.items() if k != "Date"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
def test_other_methods(served: Served, http_client: requests.Session, path: str, method: str) -> None:
    """Only reading is allowed, and the answer says so."""
    response = http_client.request(method, served.url(path))
    assert (response.status_code, response.headers["Allow"], response.text) == (405, "GET, HEAD", "method not allowed\n")


@pytest.mark.parametrize(
    "path", ["/nothing", "/runbooks/", "/metrics/", "/Metrics", "/-/", "/%2Dmetrics", "//metrics", "/../metrics"]
)
def test_unknown_paths(served: Served, path: str) -> None:
    """A path is one of those that there are, or is not found."""
    answer = served.ask(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    expected = b" 200 " if path == "//metrics" else b" 404 "  # http.server takes several slashes for one
    assert expected in answer.partition(b"\r\n")[0]


def test_telemetry_path(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """The metrics move; on the root they take the place of the landing page."""
    moved = serve(telemetry_path="/models/metrics")
    assert http_client.get(moved.url("/models/metrics")).headers["Content-Type"] == TEXT_TYPE
    assert http_client.get(moved.url("/metrics")).status_code == 404
    assert http_client.get(serve(telemetry_path="/").url("/")).headers["Content-Type"] == TEXT_TYPE
    beside = serve(telemetry_path="/runbooks/metrics")
    beside.site.runbook = lambda name: (True, name.encode())
    assert http_client.get(beside.url("/runbooks/metrics")).headers["Content-Type"] == TEXT_TYPE
    assert http_client.get(beside.url("/runbooks/other")).content == b"other"


@pytest.mark.parametrize("path", ["metrics", "", "/-/ready", "/metrics?x"])
def test_a_telemetry_path_that_cannot_be_served(path: str) -> None:
    """The metrics must not hide another path or be out of reach."""
    site = Site(snapshot=None, landing=bytes, ready=lambda: (True, ""))
    message = f'--web.telemetry-path: "{path}" is not a path of its own, such as /metrics'
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        WebServer([":0"], site, web_config=None, telemetry_path=path)


def test_reload_is_off_by_default(served: Served, http_client: requests.Session) -> None:
    """Nothing can be changed over HTTP unless the owner allows it."""
    response = http_client.post(served.url("/-/reload"))
    assert response.status_code == 403
    assert response.text == "reload over HTTP is off; --web.enable-lifecycle turns it on\n"


def test_reload(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """A reload is a POST, and its answer says whether it worked."""
    problems = iter([None, "models[0].owner: unknown owner"])
    served = serve(reload=lambda: next(problems))
    get = http_client.get(served.url("/-/reload"))
    assert (get.status_code, get.headers["Allow"]) == (405, "POST")
    first, second = (http_client.post(served.url("/-/reload")) for _ in range(2))
    assert (first.status_code, first.text) == (200, "reloaded\n")
    assert (second.status_code, second.text) == (500, "models[0].owner: unknown owner\n")


def test_an_endpoint_that_raises(served: Served, http_client: requests.Session, caplog: pytest.LogCaptureFixture) -> None:
    """The client learns that it failed, the log learns why, and the metrics are served as before."""

    def landing() -> bytes:
        raise RuntimeError("secret of the inside")

    served.site.landing = landing
    response = http_client.get(served.url("/"))
    assert (response.status_code, response.text) == (500, "internal error; the exporter's log says which\n")
    assert [record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR] == [True]
    assert http_client.get(served.url()).status_code == 200


# Negotiation

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_WITH_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
# What Prometheus 3 sends with scrape_protocols that name text first.
PROMETHEUS_3_TEXT = (
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0", True),
        ('Application/OpenMetrics-Text; Version="1.0.0"', True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;version=1.0.0;q=much", False),
        ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.9", False),
        ("text/plain;q=0.9,application/openmetrics-text;version=1.0.0;q=0.9", True),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (PROMETHEUS_3_WITH_PROTOBUF, True),
        (PROMETHEUS_3_TEXT, False),
        (";;,,=;q", False),
    ],
)
def test_openmetrics_is_negotiated(accept: str, *, openmetrics: bool) -> None:
    """OpenMetrics is for those who name it and do not prefer plain text."""
    assert negotiate(accept).openmetrics is openmetrics


TEXT_1_TYPE = "text/plain; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS_2, f"{OPENMETRICS_TYPE}; escaping=underscores"),
        (PROMETHEUS_3, f"{OPENMETRICS_TYPE}; escaping=allow-utf-8"),
        (PROMETHEUS_3_WITH_PROTOBUF, f"{OPENMETRICS_TYPE}; escaping=allow-utf-8"),
        (PROMETHEUS_3_TEXT, f"{TEXT_1_TYPE}; escaping=allow-utf-8"),
        ("application/openmetrics-text", f"{OPENMETRICS_TYPE}; escaping=underscores"),
        ("application/openmetrics-text;version=1.0.0;escaping=values", f"{OPENMETRICS_TYPE}; escaping=values"),
        ('application/openmetrics-text; Version="1.0.0"; Escaping="dots"', f"{OPENMETRICS_TYPE}; escaping=dots"),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf8", f"{OPENMETRICS_TYPE}; escaping=underscores"),
        ("application/openmetrics-text;escaping=x\ty", f"{OPENMETRICS_TYPE}; escaping=underscores"),
        ("text/plain;version=1.0.0", f"{TEXT_1_TYPE}; escaping=underscores"),
        ("text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.5", TEXT_TYPE),
        ("text/plain;version=0.0.4;escaping=allow-utf-8", TEXT_TYPE),
        ("text/plain", TEXT_TYPE),
        ("text/plain;q=0", TEXT_TYPE),
        ("*/*", TEXT_TYPE),
        ("", TEXT_TYPE),
    ],
)
def test_the_content_type_names_the_escaping(served: Served, accept: str, content_type: str) -> None:
    """It is the scheme that was asked for, of those that there are; a format before escaping has none."""
    [line] = re.findall(
        rb"\r\nContent-Type: ([^\r]*)", served.ask(f"GET /metrics HTTP/1.0\r\nAccept: {accept}\r\n\r\n".encode())
    )
    assert line.decode() == content_type


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5, br", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("gzip ; q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_negotiated(accept_encoding: str, *, accepted: bool) -> None:
    """Quality 0 is a refusal, and a name goes before the star."""
    assert accepts_gzip(accept_encoding) is accepted


@pytest.mark.parametrize(
    ("accept", "content_type"), [("text/plain", TEXT_TYPE), (PROMETHEUS_2, f"{OPENMETRICS_TYPE}; escaping=underscores")]
)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_all_four_forms_are_served(served: Served, accept: str, content_type: str, encoding: str) -> None:
    """Format and compression are chosen apart from each other, and the bytes are the snapshot's."""
    snapshot = served.site.snapshot
    assert snapshot is not None
    request = f"GET /metrics HTTP/1.0\r\nAccept: {accept}\r\nAccept-Encoding: {encoding}\r\n\r\n"
    head, _, body = served.ask(request.encode()).partition(b"\r\n\r\n")
    assert f"Content-Type: {content_type}\r\n".encode() in head
    assert (b"Content-Encoding: gzip" in head) == (encoding == "gzip")
    plain = snapshot.text if content_type == TEXT_TYPE else snapshot.openmetrics
    assert (gzip.decompress(body) if encoding == "gzip" else body) == plain


def test_a_list_over_two_headers_is_one_list(served: Served) -> None:
    """A proxy may split a list."""
    answer = served.ask(b"GET /metrics HTTP/1.0\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n")
    assert b"Content-Encoding: gzip\r\n" in answer


# Connections


def test_a_connection_is_kept(served: Served) -> None:
    """Scrapes after each other use one connection, also after errors and small bodies."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.connect()
    socket_ = connection.sock
    requests_ = [
        ("GET", "/metrics", 200),
        ("GET", "/no", 404),
        ("POST", "/metrics", 405),
        ("HEAD", "/", 200),
        ("GET", "/", 200),
    ]
    for method, path, status in requests_:
        connection.request(method, path, body=b"x" * 1000 if method == "POST" else None)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert connection.sock is socket_
    connection.close()


@pytest.mark.parametrize(
    "body",
    [
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 10000\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
)
def test_a_connection_ends_where_the_next_request_cannot_be_found(served: Served, body: bytes) -> None:
    """A body that is not read must not be taken for a request."""
    answer = served.ask(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1") == 1


SECOND = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding\t: chunked",
        b"Content-Length : %d" % len(SECOND),
        b"no header\r\nContent-Length: %d" % len(SECOND),
        b"From x",
        b"X: y\r\n and so on",
        b"Content-Length:\r\n %d" % len(SECOND),
        b"X: y\rContent-Length: %d" % len(SECOND),
        b"X: y\x0bContent-Length: %d" % len(SECOND),
        b"X: \0",
        b": y",
        b"X\xe9: y",
    ],
)
def test_a_head_that_a_proxy_may_read_otherwise(served: Served, line: bytes) -> None:
    """It is refused, and what stands behind it is no request: it may be the body of this one (request smuggling)."""
    answer = served.ask(b"POST /metrics HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n" + SECOND)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\na line of the head is no header\n")
    assert answer.count(b"HTTP/1.1") == 1


def test_both_lengths_at_once(served: Served) -> None:
    """One of them is wrong: the connection ends, whatever stands there."""
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = served.ask(b"POST /metrics HTTP/1.1\r\nHost: x\r\n" + both + SECOND)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("count", [1, 100])
def test_requests_that_come_together(served: Served, count: int) -> None:
    """Each is answered, in their order; an empty line between them is one of the request before."""
    head = b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = served.ask(head * count + last)
    assert answer.count(b"HTTP/1.1 200 ") == count + 1
    assert answer.endswith(b"\r\n\r\n" + LANDING)


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, Close", b"TE , close"])
def test_who_wants_no_further_request_says_so(served: Served, value: bytes) -> None:
    """Alone or in a list; a connection that stays open then is one that both wait on."""
    answer = served.ask(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: " + value + b"\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in answer


def test_an_old_client_that_keeps_its_connection(served: Served) -> None:
    """HTTP/1.0 closes unless both say otherwise, as load testers do."""
    with served.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET /-/healthy HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            answer = b""
            while not answer.endswith(b"healthy\n"):
                answer += connection.recv(65536)
                assert answer
            assert b"\r\nConnection: keep-alive\r\n" in answer


def test_a_body_that_nobody_wants(served: Served) -> None:
    """Who sends it still gets the answer, and no reset connection."""
    answer = served.ask(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_prometheus_closes_first() -> None:
    """It keeps a connection for five minutes: a server that closes before may do so just when the next scrape comes."""
    assert reading.IDLE_SECONDS > 300


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("hosts", [0, 1, 2])
def test_the_host_header(served: Served, version: str, hosts: int) -> None:
    """HTTP/1.1 asks for exactly one (RFC 9112), and a request without it may be half of another one."""
    head = f"GET /metrics HTTP/{version}\r\nConnection: close\r\n" + "Host: x\r\n" * hosts
    answer = served.ask(f"{head}\r\n".encode())
    if version == "1.1" and hosts != 1:
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.endswith(b"\r\n\r\na request of HTTP/1.1 has one Host header\n")
    else:
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://x/metrics", 200),
        ("HTTPS://x:9/metrics?collect[]=test", 200),
        ("http://x", 200),
        ("http://x?a", 200),
        ("http://x/nothing", 404),
        ("ftp://x/metrics", 404),
        ("*", 404),
    ],
)
def test_an_absolute_address(served: Served, target: str, status: int) -> None:
    """A client behind a proxy asks in this form, and every server has to understand it."""
    answer = served.ask(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a port without\r\n\r\n", 400),
        (b"GET /metrics HTTP/9.9.9\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"X: " + b"x" * 1_000 + b"\r\n") * 70 + b"\r\n", 431),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"BREW /metrics HTTP/1.1\r\n\r\n", 501),
    ],
)
def test_bad_requests(served: Served, data: bytes, status: int) -> None:
    """What is not a request is refused in plain text, and the connection ends."""
    with served.connect() as connection:
        connection.sendall(data)
        head = connection.recv(65536)
    assert f" {status} ".encode() in head.partition(b"\r\n")[0]
    assert b"Content-Type: text/plain; charset=utf-8\r\n" in head
    assert b"X-Content-Type-Options: nosniff\r\n" in head
    served.wait_for(0)


def test_scrapes_at_the_same_time(served: Served) -> None:
    """Many scrapes, while the snapshot is replaced all the time, each get one snapshot whole."""
    snapshots = [make_snapshot(value) for value in range(10)]
    done = threading.Event()

    def replace() -> None:
        while not done.is_set():
            for snapshot in snapshots:
                served.site.snapshot = snapshot

    def scrape(_: int) -> bytes:
        return served.ask(b"GET /metrics HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]

    with ThreadPoolExecutor(17) as pool:
        pool.submit(replace)
        bodies = list(pool.map(scrape, range(200)))
        done.set()
    assert len(bodies) == 200
    assert set(bodies) <= {snapshot.text for snapshot in snapshots} | {make_snapshot(1).text}


def test_slow_clients_block_nobody_and_are_cut_off(
    served: Served, http_client: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request has a time limit as a whole: a byte now and then does not extend it."""
    monkeypatch.setattr(reading, "REQUEST_SECONDS", 0.5)
    with served.connect() as silent, served.connect() as trickling:
        start = time.monotonic()
        assert http_client.get(served.url()).status_code == 200
        with pytest.raises(OSError, match=r"pipe|reset"):  # noqa: PT012 - the server hangs up at some point of the loop
            for _ in range(100):
                trickling.sendall(b"G")
                time.sleep(0.05)
        assert 0.4 < time.monotonic() - start < 3
        assert silent.recv(1) == b""
    served.wait_for(1)  # the one that http_client keeps


def test_an_idle_connection_ends(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection may wait for its next request longer than a request may take, but not for ever."""
    monkeypatch.setattr(reading, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(reading, "IDLE_SECONDS", 0.6)
    with served.connect() as connection:
        connection.sendall(b"HEAD /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        start = time.monotonic()
        assert connection.recv(65536) == b""
        assert 0.5 < time.monotonic() - start < 3


def test_a_client_that_does_not_read_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response has a time limit too."""
    monkeypatch.setattr(server, "RESPONSE_SECONDS", 0.3)
    served.site.landing = lambda: b"x" * 50_000_000  # more than the buffers of two sockets
    with served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        served.wait_for(1)
        served.wait_for(0)
        assert len(read_all(connection)) < 50_000_000


def test_a_client_that_hangs_up_is_no_error(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A scraper that goes away in the middle leaves no trace but at debug level."""
    served.site.landing = lambda: b"x" * 50_000_000
    with served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1)
    served.wait_for(0)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def answering(served: Served, count: int) -> Iterator[None]:
    """Have so many requests answered for as long as the context lasts."""
    release, begun = threading.Event(), threading.Semaphore(0)

    def landing() -> bytes:
        begun.release()
        release.wait(30)
        return LANDING

    served.site.landing = landing
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(served.connect()).sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert begun.acquire(timeout=10)
        stack.callback(release.set)
        yield


def test_too_many_answers(served: Served, http_client: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """While all connections are answered, others are told so, above a second limit hung up on; later they are served."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(connections, "MAX_REFUSALS", 1)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 60)
    with answering(served, 2):
        answer = served.ask(REQUEST)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b"\r\n\r\ntoo many connections\n")
        assert b"\r\nConnection: close\r\n" in answer
        served.wait_for(2)
        with served.connect() as silent:  # which is refused, and makes room for another refusal
            served.wait_for(3)
            assert served.ask(REQUEST).startswith(b"HTTP/1.1 503 ")
            assert silent.recv(1) == b""
        assert served.ask(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    served.wait_for(0)
    assert http_client.get(served.url()).status_code == 200


def ask_again(connection: socket.socket) -> None:
    """Ask on a connection that is kept."""
    connection.sendall(REQUEST)
    answer = b""
    while not answer.endswith(b"_series 1\n"):
        answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 "[: len(answer)])
        assert answer


def test_the_connection_that_has_been_idle_longest_makes_room(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one that is kept and was used since, and none that is being answered."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 60)
    with answering(served, 1), served.connect() as kept, served.connect() as silent:
        served.wait_for(3)
        ask_again(kept)
        with served.connect() as new:
            ask_again(new)
            assert silent.recv(1) == b""
            ask_again(kept)


def test_an_answer_that_nobody_takes_makes_room(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut off, long before its own time limit, where a new connection has no other place."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.2)
    served.site.landing = lambda: b"x" * 50_000_000  # more than the buffers of two sockets
    with served.connect() as stuck:
        stuck.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stuck.recv(1)
        end = time.monotonic() + 10
        while not served.ask(b"GET /metrics HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 "):
            assert time.monotonic() < end, "no place became free"
            time.sleep(0.05)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /metr", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["idle", "asking", "not reading"]
)
def test_hundreds_that_hang_lock_nobody_out(served: Served, sent: bytes) -> None:
    """Whatever they do not do: a new client is served at once, and what they cost is bounded."""
    page = b"x" * 10_000_000
    served.site.landing = lambda: page
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(served.connect()).sendall(sent)
        end = time.monotonic() + 10
        while not served.ask(b"GET /metrics HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 "):
            assert time.monotonic() < end  # they may be slow for a second, and the first ones have to be met
        for _ in range(20):
            start = time.monotonic()
            assert served.ask(b"GET /metrics HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            assert time.monotonic() - start < 2  # not the 10, 30 and 120 seconds of the time limits
            assert len(served.web.connections._open) <= connections.MAX_CONNECTIONS + connections.MAX_REFUSALS


HUGE = dataclasses.replace(make_snapshot(1), text=b"x" * 50_000_000)  # more than the buffers of two sockets


def test_too_many_scrapes(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """Above the limit scrapes are told so, in the words of other exporters; other paths are not limited."""
    served = serve(max_requests=2)
    served.site.snapshot = HUGE
    with ExitStack() as stack:
        slow = [stack.enter_context(served.connect()) for _ in range(2)]
        for connection in slow:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1)
        refused = http_client.get(served.url())
        assert (refused.status_code, refused.text) == (503, "Limit of concurrent requests reached (2), try again later.\n")
        assert http_client.get(served.url("/-/healthy")).status_code == 200
    served.site.snapshot = make_snapshot(1)
    end = time.monotonic() + 10
    while http_client.get(served.url()).status_code != 200:
        assert time.monotonic() < end, "no place became free"


def test_every_scrape_gives_its_place_back(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """Whatever became of it: answered, not found yet, asked with another method, or failed."""
    served = serve(max_requests=1)
    for snapshot in (make_snapshot(1), None, make_snapshot(2), "no snapshot", make_snapshot(3)):
        served.site.snapshot = snapshot  # type: ignore[assignment]  # a defect
        expected = {Snapshot: 200, type(None): 503, str: 500}[type(snapshot)]
        assert http_client.get(served.url()).status_code == expected
        assert http_client.post(served.url()).status_code == 405
        assert http_client.head(served.url()).status_code == expected


def test_clients_that_do_not_read_keep_no_place(
    serve: Callable[..., Served], http_client: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other exporters answer 503 for good once as many clients hang as there are places."""
    monkeypatch.setattr(server, "RESPONSE_SECONDS", 0.3)
    served = serve(max_requests=1)
    served.site.snapshot = HUGE
    with served.connect() as stuck:
        stuck.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stuck.recv(1)
        assert http_client.get(served.url()).status_code == 503
        served.site.snapshot = make_snapshot(1)
        end = time.monotonic() + 10
        while http_client.get(served.url()).status_code != 200:
            assert time.monotonic() < end, "no place became free"


def test_scrapes_that_nobody_takes_make_room_for_others(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they hold all places: long before their own time limit, and while there is room for connections."""
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.2)
    served = serve(max_requests=2)
    served.site.snapshot = HUGE
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(served.connect()).sendall(REQUEST)
        served.wait_for(4)
        served.site.snapshot = make_snapshot(1)
        end = time.monotonic() + 10
        while not served.ask(b"GET /metrics HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 "):
            assert time.monotonic() < end


def test_no_limit_of_scrapes(serve: Callable[..., Served]) -> None:
    """0 is none but that of connections."""
    served = serve(max_requests=0)
    served.site.snapshot = HUGE
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(served.connect())
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_requests_are_logged_at_debug_only(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """One line for a request, in which a client cannot write a line of its own."""
    with caplog.at_level(logging.DEBUG, logger=server.__name__):
        served.ask(b"GET /x\x1b[31m\rINFO%20forged HTTP/1.0\r\n\r\n")
        served.wait_for(0)
    lines = [record.getMessage() for record in caplog.records]
    assert any("404" in line or "400" in line for line in lines)
    assert all(line.isprintable() for line in lines)
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


def test_stopping_ends_idle_connections_and_finishes_responses(serve: Callable[..., Served]) -> None:
    """A response under way arrives whole; nothing listens afterwards, and the port is free."""
    served = serve()
    started = threading.Event()

    def landing() -> bytes:
        started.set()
        time.sleep(0.3)
        return LANDING

    served.site.landing = landing
    with served.connect() as idle, served.connect() as busy:
        busy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert started.wait(10)
        served.web.stop()
        assert read_all(busy).endswith(LANDING)
        assert idle.recv(1) == b""
    assert served.web.ports == []
    with pytest.raises(ConnectionRefusedError):
        served.connect()
    serve(f"127.0.0.1:{served.port}")


def test_stopping_does_not_wait_for_ever(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not take its response is left."""
    monkeypatch.setattr(connections, "STOP_SECONDS", 0.2)
    served = serve()
    served.site.landing = lambda: b"x" * 50_000_000
    with served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1)
        start = time.monotonic()
        served.web.stop()
        assert time.monotonic() - start < 3
        served.wait_for(0)


# Addresses


def test_several_addresses(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """Every address serves the same site; an empty host is every address of the machine."""
    served = serve("127.0.0.1:0", "localhost:0", ":0")
    assert len(set(served.web.ports)) == 3
    for host, port in zip(("127.0.0.1", "localhost", "127.0.0.1"), served.web.ports, strict=True):
        assert http_client.get(f"http://{host}:{port}/metrics").status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6")
def test_ipv6(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """A bracketed address is IPv6 alone; an empty host is both."""
    served = serve("[::1]:0", ":0")
    for port in served.web.ports:
        assert http_client.get(f"http://[::1]:{port}/metrics").status_code == 200
    with pytest.raises(requests.ConnectionError):
        http_client.get(f"http://127.0.0.1:{served.web.ports[0]}/metrics")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "10900",
        "localhost",
        "localhost:",
        ":x",
        ":65536",
        "::1:10900",
        "[::1]",
        "[::1:10900",
        "::1]:10900",
        ":-1",
        "a:b:1",
        ":1\n",
    ],
)
def test_bad_addresses(address: str) -> None:
    """An address that cannot be meant is refused before anything is opened."""
    site = Site(snapshot=None, landing=bytes, ready=lambda: (True, ""))
    message = f'--web.listen-address: "{address}" is not :PORT, HOST:PORT or [IPV6]:PORT'
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        WebServer([address], site, web_config=None)


def test_an_address_in_use_closes_the_others(served: Served) -> None:
    """A server starts on all of its addresses or on none."""
    address = f"127.0.0.1:{served.port}"
    site = Site(snapshot=None, landing=bytes, ready=lambda: (True, ""))
    web = WebServer(["127.0.0.1:0", address], site, web_config=None)
    message = f"--web.listen-address: cannot listen on {address}: Address already in use"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        web.start()
    assert web.ports == []


def test_a_host_that_no_name_service_would_take() -> None:
    """Python refuses such names with an error of its own kind."""
    site = Site(snapshot=None, landing=bytes, ready=lambda: (True, ""))
    with pytest.raises(ConfigError, match=r"^--web.listen-address: cannot listen on a\.\.b:0: "):
        WebServer(["a..b:0"], site, web_config=None).start()


# Basic auth and headers

PASSWORD = "päss:wörd"


def credentials(user: str, password: str) -> dict[str, str]:
    """Return the header of basic auth, in UTF-8 as browsers and Prometheus write it."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def users() -> WebConfig:
    """Give a web configuration with one user, whose hash is as cheap as bcrypt allows."""
    secret = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return WebConfig.model_validate({"basic_auth_users": {"prometheus": secret}})


@pytest.mark.parametrize("path", PATHS)
def test_basic_auth_guards_every_path(
    serve: Callable[..., Served], http_client: requests.Session, users: WebConfig, path: str
) -> None:
    """Without credentials a client cannot even find out which paths there are."""
    url = serve(web_config=users).url(path)
    refused = http_client.get(url)
    assert (refused.status_code, refused.text) == (401, "unauthorized\n")
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="metrics"'
    allowed = http_client.get(url, headers=credentials("prometheus", PASSWORD))
    assert allowed.status_code == {"/nothing/here": 404, "/-/reload": 405}.get(path, 200)


@pytest.mark.parametrize(
    ("user", "password"),
    [("prometheus", "wrong"), ("prometheus", ""), ("nobody", PASSWORD), ("", PASSWORD), ("Prometheus", PASSWORD)],
)
def test_wrong_credentials(
    serve: Callable[..., Served], http_client: requests.Session, users: WebConfig, user: str, password: str
) -> None:
    """A wrong password stays wrong, also after the right one was used."""
    url = serve(web_config=users).url()
    for _ in range(2):
        assert http_client.get(url, headers=credentials(user, password)).status_code == 401
        assert http_client.get(url, headers=credentials("prometheus", PASSWORD)).status_code == 200


def test_reload_over_http_needs_credentials(
    serve: Callable[..., Served], http_client: requests.Session, users: WebConfig
) -> None:
    """Nobody without a password makes the exporter do anything."""
    calls: list[None] = []
    served = serve(web_config=users, reload=lambda: calls.append(None))
    assert http_client.post(served.url("/-/reload")).status_code == 401
    assert calls == []


def test_configured_headers_replace_ours(serve: Callable[..., Served], http_client: requests.Session) -> None:
    """They come with every answer, and once."""
    headers = {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "deny"}
    served = serve(web_config=WebConfig.model_validate({"http_server_config": {"headers": headers}}))
    for path in PATHS:
        found = http_client.get(served.url(path)).headers
        assert {name: found[name] for name in headers} == headers
        assert found["X-Content-Type-Options"] == "nosniff"
    assert b"\r\nX-Frame-Options: deny\r\n" in served.ask(b"nonsense\r\n\r\n")


def test_a_new_web_configuration_is_used_at_once(
    serve: Callable[..., Served], http_client: requests.Session, users: WebConfig
) -> None:
    """Who was added gets in and who was removed does not, without a restart and on a connection that is kept."""
    served = serve()
    assert http_client.get(served.url()).status_code == 200
    served.web.reload_web_config(users)
    assert http_client.get(served.url()).status_code == 401
    assert http_client.get(served.url(), headers=credentials("prometheus", PASSWORD)).status_code == 200
    served.web.reload_web_config(
        WebConfig.model_validate({"basic_auth_users": {"other": users.basic_auth_users["prometheus"]}})
    )
    assert http_client.get(served.url(), headers=credentials("prometheus", PASSWORD)).status_code == 401
    assert len(served.web.connections._open) == 1


@pytest.mark.parametrize("path", PATHS)
def test_probes_without_a_password(
    serve: Callable[..., Served], http_client: requests.Session, users: WebConfig, path: str
) -> None:
    """Where the owner wants it, for these two paths alone, by reading alone, and without the name of any model."""
    served = serve(web_config=users, open_probes=True)
    open_ = path in ("/-/healthy", "/-/ready")
    assert http_client.get(served.url(path)).status_code == (200 if open_ else 401)
    assert http_client.head(served.url(path)).status_code == (200 if open_ else 401)
    assert http_client.post(served.url(path)).status_code == 401
    served.site.ready = lambda: (False, "waiting for credit-risk")
    answer = http_client.get(served.url("/-/ready"))
    assert (answer.status_code, answer.text) == (503, "not ready\n")


def test_guessing_does_not_keep_scrapes_waiting(
    serve: Callable[..., Served], http_client: requests.Session, users: WebConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While bcrypt is busy with wrong passwords, who was right before is served at once, and few others wait."""
    monkeypatch.setattr(basic_auth, "MAX_WAITING_EACH", 1)
    served = serve(web_config=users, open_probes=True)
    right = credentials("prometheus", PASSWORD)
    assert http_client.get(served.url(), headers=right).status_code == 200
    begun, release = threading.Event(), threading.Event()

    def slow(_: bytes, __: bytes) -> bool:
        begun.set()
        return not release.wait(30)

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    guess = partial(requests.get, served.url(), headers=credentials("prometheus", "wrong"), timeout=30)
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = [pool.submit(guess) for _ in range(2)]
        assert begun.wait(10)
        auth = served.web.security.auth
        end = time.monotonic() + 10
        while auth is None or not auth._line.waiting:
            assert time.monotonic() < end
        refused = guess()
        assert refused.status_code == 503
        assert refused.text == "too many passwords wait to be checked, try again later\n"
        assert refused.headers["Retry-After"] == "5"
        assert http_client.get(served.url(), headers=right).status_code == 200
        assert http_client.get(served.url("/-/ready")).status_code == 200
        served.web.reload_web_config(users)
        assert http_client.get(served.url(), headers=right).status_code == 200
        release.set()
        assert [answer.result().status_code for answer in waiting] == [401, 401]
