"""The web configuration: what is refused, and what TLS and basic auth do on real connections."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from pathlib import Path

import bcrypt
import pytest
import requests
import yaml
from cryptography import x509
from pydantic import SecretStr, ValidationError

from authority import Authority
from prediction_exporter.collectors.exporter import SERIES
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import Samples, Snapshot, render
from prediction_exporter.web import basic_auth, reading, server, web_config
from prediction_exporter.web.basic_auth import BasicAuth
from prediction_exporter.web.limit import Busy, Line
from prediction_exporter.web.server import WebServer
from prediction_exporter.web.site import Site
from prediction_exporter.web.web_config import Certificates, TLSServerConfig, WebConfig, load_web_config

# Certificates


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority that the server's certificate comes from, and the clients' that it trusts."""
    return Authority(tmp_path_factory.mktemp("ca"), "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "theirs")


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> Path:
    """Give a folder with a server's certificate, its key and the authority's certificate."""
    for source, name in zip((*authority.issue("server"), authority.file), ("tls.crt", "tls.key", "ca.pem"), strict=True):
        shutil.copy(source, tmp_path / name)
    return tmp_path


TLS = {"cert_file": "tls.crt", "key_file": "tls.key"}


def write(folder: Path, data: object) -> Path:
    """Write a web configuration and return its path."""
    path = folder / "web.yml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data), encoding="utf-8")
    return path


# Files


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "basic_auth_users:\nhttp_server_config:\ntls_server_config:\n"])
def test_an_empty_file_asks_for_nothing(tmp_path: Path, text: str) -> None:
    """As with the toolkit, neither TLS nor basic auth is used."""
    assert load_web_config(write(tmp_path, text)) == WebConfig()


def test_everything_at_once(folder: Path) -> None:
    """Every key that is supported is taken, and paths are relative to the file."""
    secret = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
    data = {
        "tls_server_config": {
            **TLS,
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": str(folder / "ca.pem"),
            "min_version": "TLS12",
            "max_version": "TLS13",
            "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
            "prefer_server_cipher_suites": False,
        },
        "http_server_config": {
            "http2": False,
            "headers": {
                "Content-Security-Policy": "frame-ancestors 'none'",
                "Strict-Transport-Security": "max-age=31536000",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "sameorigin",
                "X-XSS-Protection": "0",
            },
        },
        "basic_auth_users": {"prometheus": secret},
    }
    config = load_web_config(write(folder, data))
    tls = config.tls_server_config
    assert tls is not None
    assert tls.files() == (folder / "tls.crt", folder / "tls.key", folder / "ca.pem")
    assert list(config.http_server_config.headers) == list(web_config.HEADERS)
    assert config.basic_auth_users["prometheus"].get_secret_value() == secret
    assert secret not in repr(config)
    with pytest.raises(ValidationError, match="frozen"):
        config.basic_auth_users = {}  # type: ignore[misc]  # it is what is refused


SECTIONS = "tls_server_config, http_server_config, basic_auth_users"
TLS_KEYS = ", ".join(TLSServerConfig.model_fields)
AUTH_TYPES = "NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
SUITES = ", ".join(web_config.CIPHER_SUITES)
HEADERS = "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection"
PEM = "tls_server_config: cert_file and key_file are not a certificate and its unencrypted key, in PEM: "


def tls(**changes: object) -> dict[str, object]:
    """Return a configuration with a valid TLS section, but for some keys."""
    return {"tls_server_config": TLS | changes}


def headers(**headers: str) -> dict[str, object]:
    """Return a configuration with headers, whose dashes are underscores."""
    return {"http_server_config": {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}}


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ("- a\n", "must be a mapping"),
        ("tls_server_config: [\n", "is not YAML at line 2, column 1"),
        ({"tls": {}}, f"tls: unknown key; one of: {SECTIONS}"),
        ({"rate_limit": {}}, f"rate_limit: is not supported (connections are limited, requests are not); one of: {SECTIONS}"),
        ({"tls_server_config": []}, "tls_server_config: must be a mapping"),
        (
            {"tls_server_config": {}},
            "tls_server_config.cert_file: is missing\ntls_server_config.key_file: is missing",
        ),
        (tls(certfile="x"), f"tls_server_config.certfile: unknown key; one of: {TLS_KEYS}"),
        (
            tls(curve_preferences=["X25519"]),
            (
                "tls_server_config.curve_preferences: is not supported (Python leaves the choice of curves to OpenSSL); "
                f"one of: {TLS_KEYS}"
            ),
        ),
        (
            tls(client_allowed_sans=["x"]),
            (
                "tls_server_config.client_allowed_sans: is not supported (a client certificate is trusted for its signature "
                f"alone); one of: {TLS_KEYS}"
            ),
        ),
        (tls(cert_file="no.crt"), "tls_server_config.cert_file: cannot read {folder}/no.crt: No such file or directory"),
        (tls(key_file="."), "tls_server_config.key_file: cannot read {folder}: Is a directory"),
        (tls(key_file="tls.crt"), PEM + "{folder}/tls.crt, {folder}/tls.crt"),
        (tls(key_file="encrypted.key"), PEM + "{folder}/tls.crt, {folder}/encrypted.key"),
        (tls(key_file="other.key"), PEM + "{folder}/tls.crt, {folder}/other.key"),
        (
            tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="tls.key"),
            "tls_server_config.client_ca_file: no certificates in PEM: {folder}/tls.key",
        ),
        (
            tls(client_auth_type="RequireAndVerifyClientCert"),
            "tls_server_config: client_auth_type RequireAndVerifyClientCert needs client_ca_file",
        ),
        (
            tls(client_ca_file="ca.pem"),
            "tls_server_config: client_ca_file needs client_auth_type VerifyClientCertIfGiven or RequireAndVerifyClientCert",
        ),
        (
            tls(client_auth_type="RequestClientCert"),
            (
                'tls_server_config.client_auth_type: "RequestClientCert" is not supported (Python cannot ask for a client '
                f"certificate without verifying it); one of: {AUTH_TYPES}"
            ),
        ),
        (
            tls(client_auth_type="RequireAnyClientCert"),
            (
                'tls_server_config.client_auth_type: "RequireAnyClientCert" is not supported (Python cannot accept a client '
                f"certificate without verifying it); one of: {AUTH_TYPES}"
            ),
        ),
        (
            tls(client_auth_type="Always"),
            f'tls_server_config.client_auth_type: "Always" is not supported; one of: {AUTH_TYPES}',
        ),
        (
            tls(min_version="TLS10"),
            'tls_server_config.min_version: "TLS10" is not supported (TLS 1.0 is deprecated); one of: TLS12, TLS13',
        ),
        (tls(max_version="1.2"), 'tls_server_config.max_version: "1.2" is not supported; one of: TLS12, TLS13'),
        (
            tls(min_version="TLS13", max_version="TLS12"),
            "tls_server_config: min_version TLS13 is above max_version TLS12",
        ),
        (
            tls(cipher_suites=["TLS_RSA_WITH_RC4_128_SHA"]),
            f'tls_server_config.cipher_suites: "TLS_RSA_WITH_RC4_128_SHA" is not supported; one of: {SUITES}',
        ),
        (
            tls(cipher_suites=["TLS_AES_128_GCM_SHA256"]),
            (
                'tls_server_config.cipher_suites: "TLS_AES_128_GCM_SHA256" is a suite of TLS 1.3, and those are always on; '
                "leave it out"
            ),
        ),
        (tls(cipher_suites="ECDHE+AESGCM"), "tls_server_config.cipher_suites: must be a list"),
        (
            {"http_server_config": {"http2": True}},
            "http_server_config.http2: HTTP/2 is not supported; leave it out or set it to false",
        ),
        (
            {"http_server_config": {"header": {}}},
            "http_server_config.header: unknown key; one of: http2, headers",
        ),
        (
            headers(Server="nginx"),
            f'http_server_config.headers: header "Server" is not supported; one of: {HEADERS}',
        ),
        (
            headers(X_Frame_Options="allow"),
            'http_server_config.headers: "allow" is not a value of X-Frame-Options; one of: deny, sameorigin',
        ),
        (
            headers(X_XSS_Protection="0\r\nSet-Cookie: a=b"),
            "http_server_config.headers: the value of X-XSS-Protection may hold only printable ASCII",
        ),
        (
            {"basic_auth_users": {"alice": "plaintext"}},
            'basic_auth_users: the value of "alice" is not a bcrypt hash; make one with: htpasswd -nB alice',
        ),
        (
            {"basic_auth_users": {"a:b": "x"}},
            'basic_auth_users: "a:b" cannot be a user name: it is empty, or has a colon or a control character',
        ),
        ({"basic_auth_users": {"alice": 1}}, "basic_auth_users.alice: must be text; put it in quotes"),
        ({"basic_auth_users": ["alice"]}, "basic_auth_users: must be a mapping"),
        (
            {"tls": 1, "basic_auth_users": {"alice": "plaintext"}},
            (
                'basic_auth_users: the value of "alice" is not a bcrypt hash; make one with: htpasswd -nB alice\n'
                f"tls: unknown key; one of: {SECTIONS}"
            ),
        ),
    ],
)
def test_bad_files(folder: Path, authority: Authority, data: object, messages: str) -> None:
    """Each error names its place, and what is allowed there; none holds a secret."""
    shutil.copy(authority.issue("other")[1], folder / "other.key")
    shutil.copy(authority.issue("encrypted", b"secret")[1], folder / "encrypted.key")
    path = write(folder, data)
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    expected = messages.replace("{folder}", str(folder)).splitlines()
    assert str(caught.value).splitlines() == [f"{path}: {message}" for message in expected]
    assert "plaintext" not in str(caught.value)


HASH = "$2b$10$Gqj0FxczjzANSkWMZOJJXuny4RASFtn7y5et0SPQH7bBwop08XHnG"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            f"basic_auth_users:\n  prom: {HASH}\nbasic_auth_users: {{}}\n",
            "basic_auth_users: the key is written twice, in line 1 and in line 3",
        ),
        (
            f"basic_auth_users:\n  prom: {HASH}\n  prom: {HASH}\n",
            "basic_auth_users.prom: the key is written twice, in line 2 and in line 3",
        ),
        (
            "http_server_config: {headers: {2026-99-99: x, X-Frame-Options: 2026-01-01}}\nx: 2026-99-99\n",
            (
                'http_server_config.headers: the key 2026-99-99 is no text; put it in quotes: "2026-99-99"\n'
                "http_server_config.headers.X-Frame-Options: must be text; put it in quotes\n"
                f"x: unknown key; one of: {SECTIONS}"
            ),
        ),
        ("x: !!int abc\n", f"x: unknown key; one of: {SECTIONS}"),
        ("2026-99-99\n", "must be a mapping"),
        (f"a: {'[' * 5_000}{']' * 5_000}\n", "lists or mappings are nested too deeply"),
        (
            f"http_server_config: {{headers: {{X-XSS-Protection: &a x}}}}\nbasic_auth_users: {{prom: {HASH}, b: *a}}\n",
            "basic_auth_users.b: is an alias, which may not stand here; write the value itself",
        ),
        ('x: "\\U00110000"\n', r"an escape in double quotes, as \U00110000, is no character"),
        (f"basic_auth_users: {{1: {HASH}}}\n", 'basic_auth_users: the key 1 is no text; put it in quotes: "1"'),
        (f"basic_auth_users: {{prom: '{HASH}\n", "is not YAML at line 2, column 1"),
    ],
)
def test_a_file_that_yaml_reads_otherwise_than_its_author(tmp_path: Path, text: str, messages: str) -> None:
    """It is refused with the place, never taken for less than it says, and whatever is in it is no traceback."""
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    assert str(caught.value).splitlines() == [f"{path}: {message}" for message in messages.splitlines()]
    assert HASH not in str(caught.value)


def test_aliases_of_aliases_end_at_once(tmp_path: Path) -> None:
    """A few lines that stand for a thousand million values."""
    lines = [f"{after}: &{after} [{', '.join([f'*{name}'] * 9)}]" for name, after in pairwise("abcdefghi")]
    path = write(tmp_path, "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *lines, ""]))
    start = time.process_time()
    with pytest.raises(ConfigError, match=r"web\.yml: b\[0\]: is an alias, which may not stand here; write the value itself$"):
        load_web_config(path)
    assert time.process_time() - start < 1  # it would take hours, and all memory


def test_a_dollar_and_a_byte_order_mark(tmp_path: Path) -> None:
    """Nothing in the file stands for a variable, and what some editors write before the text is no part of it."""
    path = write(tmp_path, f"\ufeffbasic_auth_users: {{prom: {HASH}, '${{HOME}}$$': {HASH}}}\n")
    assert list(load_web_config(path).basic_auth_users) == ["prom", "${HOME}$$"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and one that is no text are errors too."""
    path = tmp_path / "web.yml"
    with pytest.raises(ConfigError, match=r"web\.yml: cannot be read: No such file or directory$"):
        load_web_config(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"web\.yml: is not YAML$"):
        load_web_config(path)


HOSTILE = {
    "aliases of aliases": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrstuvwxyz")),
    "merged aliases": "a: &a {x: 1}\nbasic_auth_users: {<<: [*a, *a]}\n",
    "a list that holds itself": "basic_auth_users: &a [*a]\n",
    "a tag of Python": "basic_auth_users: !!python/object/apply:os.getcwd []\n",
    "a tag of Python by a handle": "%TAG ! tag:yaml.org,2002:python/\n---\n!object/apply:os.getcwd []\n",
    "bytes": "basic_auth_users: {a: !!binary JDJiJA==}\n",
    "a set": f"basic_auth_users: !!set {{a: {HASH}}}\nx:\n",
    "a tab": f"basic_auth_users:\n\tprom: {HASH}\n",
    "a NUL": f"basic_auth_users: {{prom: {HASH}}}\n\0\n",
    "NULs": "\0" * 10_000,
    "a NUL in a path": 'tls_server_config: {cert_file: "a\\0", key_file: "b\\0"}\n',
    "a key twice in a section": "tls_server_config: {cert_file: tls.crt, key_file: tls.key, cert_file: other.crt}\n",
    "a user twice beside a merge": f"basic_auth_users: {{<<: {{a: {HASH}}}, b: {HASH}, b: {HASH}}}\n",
    "two documents": f"---\n---\nbasic_auth_users: {{a: {HASH}}}\n",
    "users that are a list": "basic_auth_users: []\n",
    "users that are text": 'basic_auth_users: ""\n',
    "users that are off": "basic_auth_users: false\n",
    "a user without a name": f'basic_auth_users: {{"": {HASH}}}\n',
    "a user that is a number": f"basic_auth_users: {{1: {HASH}}}\n",
    "a user that is a truth value": f"basic_auth_users: {{yes: {HASH}}}\n",
    "a user that is nothing": f"basic_auth_users: {{~: {HASH}}}\n",
    "a user of a terminal": f'basic_auth_users: {{"a\\e[2J": {HASH}}}\n',
    "a user without a hash": "basic_auth_users: {a: }\n",
    "a hash that takes a day": f"basic_auth_users: {{a: {HASH.replace('$10$', '$31$')}}}\n",
    "false": "false\n",
    "an empty list": "[]\n",
    "TLS that is on": "tls_server_config: true\n",
    "deep braces": "a: " + "{a: " * 100_000,
    "deep lines": "".join(" " * depth + "a:\n" for depth in range(1_000)),
    "deep dashes": "- " * 100_000,
    "ten megabytes": "# comment\n" * 1_000_000,
    "half of a surrogate": '"\\ud800": 1\n',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_may_not_be_meant_is_refused_at_once(folder: Path, text: str) -> None:
    """With a message of its own lines, never open, and never as code."""
    path = write(folder, text)
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    assert time.process_time() - start < 1
    assert all(line.startswith(f"{path}: ") and line.isprintable() for line in str(caught.value).split("\n"))
    assert HASH not in str(caught.value)


def test_utf_16_is_refused(tmp_path: Path) -> None:
    """As some editors write it, with a mark and without."""
    for encoding in ("utf-16", "utf-16-be"):
        path = tmp_path / "web.yml"
        path.write_bytes(f"basic_auth_users: {{prom: {HASH}}}\n".encode(encoding))
        with pytest.raises(ConfigError, match=r"web\.yml: is not YAML"):
            load_web_config(path)


def test_very_many_problems_are_not_all_told(tmp_path: Path) -> None:
    """A file that is no web configuration at all does not fill the log."""
    path = write(tmp_path, "".join(f"key{number}: 1\n" for number in range(10_000)))
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    *_, before, last = str(caught.value).split("\n")
    assert before == f"{path}: key99: unknown key; one of: {SECTIONS}"
    assert last == f"{path}: and more, of which these are the first"


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    """A pipe that nobody writes to would keep the exporter from starting, and a renewed certificate every client out."""
    os.mkfifo(folder / "pipe")
    for path, kind in ((folder / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(ConfigError, match=f"^{path}: cannot be read: it is {kind} and must be a file$"):
            load_web_config(path)
        changes = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.pem"}
        for key in ("cert_file", "key_file", "client_ca_file"):
            with pytest.raises(ConfigError, match=rf"\.{key}: cannot read {path}: it is {kind} and must be a file$"):
                load_web_config(write(folder, tls(**changes | {key: str(path)})))
    config = load_web_config(write(folder, tls())).tls_server_config
    assert config is not None
    certificates = Certificates(config)
    former = certificates.context()
    (folder / "tls.key").unlink()
    os.mkfifo(folder / "tls.key")
    assert certificates.context() is former


def test_every_cipher_suite_is_one_of_openssl() -> None:
    """The table's right side is understood by the OpenSSL that runs, as the suite of that name."""
    for name in web_config.CIPHER_SUITES.values():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(name)
        assert [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"] == [name]


# TLS on real connections


class Served:
    """A running server with TLS, and its clients."""

    def __init__(self, web: WebServer, snapshot: Snapshot, ca: Path) -> None:
        self.web = web
        self.snapshot = snapshot
        self.ca = ca

    def get(self, cert: tuple[Path, Path] | None = None) -> requests.Response:
        """Scrape the metrics over a new connection."""
        with requests.Session() as session:
            session.trust_env = False
            files = (str(cert[0]), str(cert[1])) if cert else None
            return session.get(f"https://127.0.0.1:{self.web.ports[0]}/metrics", verify=str(self.ca), cert=files, timeout=10)

    def connect(self) -> socket.socket:
        """Open a connection without TLS."""
        return socket.create_connection(("127.0.0.1", self.web.ports[0]), timeout=10)

    def handshake(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, ciphers: str | None = None) -> ssl.SSLSocket:
        """Open a connection with the newest TLS that a client speaks."""
        context = ssl.create_default_context(cafile=self.ca)
        context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        return context.wrap_socket(self.connect(), server_hostname="127.0.0.1")


@pytest.fixture
def serve(folder: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """Give a function that starts a server with some keys of ``tls_server_config``."""
    monkeypatch.setattr(server, "_POLL_SECONDS", 0.01)
    samples = Samples()
    for value in range(50_000):  # more than one TLS record and one piece
        samples.add(SERIES, "", value)
    snapshot = render([samples], {"test": [SERIES]}, created=0.0)
    with ExitStack() as stack:

        def start(**changes: object) -> Served:
            config = load_web_config(write(folder, tls(**changes)))
            site = Site(snapshot=snapshot, landing=bytes, ready=lambda: (True, "ready"))
            web = WebServer(["127.0.0.1:0"], site, web_config=config)
            stack.callback(web.stop)
            web.start()
            return Served(web, snapshot, authority.file)

        yield start


def test_tls(serve: Callable[..., Served]) -> None:
    """The snapshot arrives whole over the newest protocol, and http/1.1 is what is agreed on."""
    served = serve()
    assert served.get().content == served.snapshot.text
    with served.handshake() as connection:
        assert connection.version() == "TLSv1.3"
    context = ssl.create_default_context(cafile=served.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(served.connect(), server_hostname="127.0.0.1") as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_clients_without_tls(serve: Callable[..., Served], caplog: pytest.LogCaptureFixture) -> None:
    """A client that hangs up, says nothing or what is no request gets nothing and blocks nobody."""
    served = serve()
    with served.connect() as silent, served.connect() as noise:
        noise.sendall(b"\x00\x01 neither a method nor a record" * 10)
        with suppress(ConnectionResetError):
            assert b"HTTP" not in noise.recv(65536)
        served.connect().close()
        assert served.get().status_code == 200
        assert silent.fileno() > 0
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HEAD / HTTP/1.0\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
        b"GET /nowhere HTTP/1.1\r\nAuthorization: Basic eDp5\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ],
)
def test_plain_http_is_told_to_use_https(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    """Once, whatever is asked for; then the connection ends, and there is nothing in the log but at debug level."""
    served = serve()
    with served.connect() as plain:
        plain.sendall(request_)
        answer = b"".join(iter(lambda: plain.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close" in head
    expected = b"this is an HTTPS port and the request came as plain HTTP; use https://\n"
    assert body == (b"" if request_.startswith(b"HEAD") else expected)
    assert served.get().status_code == 200
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_a_slow_plain_request_is_cut_off(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first letter opens no door that stays open."""
    monkeypatch.setattr(reading, "REQUEST_SECONDS", 0.2)
    with serve().connect() as slow:
        slow.sendall(b"G")
        assert slow.recv(1) == b""


def test_a_slow_handshake_is_cut_off(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that never shakes hands does not keep its thread."""
    monkeypatch.setattr(reading, "REQUEST_SECONDS", 0.2)
    with serve().connect() as silent:
        assert silent.recv(1) == b""


@pytest.mark.parametrize(
    ("client_auth_type", "without", "stranger_is_refused"),
    [("NoClientCert", True, False), ("VerifyClientCertIfGiven", True, True), ("RequireAndVerifyClientCert", False, True)],
)
def test_client_certificates(
    serve: Callable[..., Served],
    authority: Authority,
    stranger: Authority,
    client_auth_type: str,
    *,
    without: bool,
    stranger_is_refused: bool,
) -> None:
    """A trusted certificate is always taken; none and a stranger's as the type says."""
    ca = {} if client_auth_type == "NoClientCert" else {"client_ca_file": "ca.pem"}
    served = serve(client_auth_type=client_auth_type, **ca)

    def allowed(cert: tuple[Path, Path] | None) -> bool:
        try:
            return served.get(cert).status_code == 200
        except requests.ConnectionError:
            return False

    assert allowed(authority.issue("client"))
    assert allowed(None) is without
    assert allowed(stranger.issue("client")) is not stranger_is_refused


def test_versions(serve: Callable[..., Served]) -> None:
    """What is negotiated lies between the two versions."""
    with serve(max_version="TLS12").handshake() as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError), closing(serve(min_version="TLS13").handshake(ssl.TLSVersion.TLSv1_2)):
        pass


def test_cipher_suites(serve: Callable[..., Served]) -> None:
    """Of those that the client offers, only the configured ones are taken."""
    served = serve(cipher_suites=["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"])
    with served.handshake(ssl.TLSVersion.TLSv1_2) as connection:
        cipher = connection.cipher()
        assert cipher is not None
        assert cipher[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    with pytest.raises(ssl.SSLError), closing(served.handshake(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256")):
        pass


@pytest.mark.parametrize(("server_chooses", "expected"), [(True, "AES256"), (False, "AES128")])
def test_whose_preference_counts(serve: Callable[..., Served], *, server_chooses: bool, expected: str) -> None:
    """The server's order, unless the client's is asked for."""
    suites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    served = serve(cipher_suites=suites, prefer_server_cipher_suites=server_chooses)
    clients = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
    with served.handshake(ssl.TLSVersion.TLSv1_2, clients) as connection:
        cipher = connection.cipher()
        assert cipher is not None
        assert expected in cipher[0]


def serial(served: Served) -> object:
    """Return the serial number of the certificate that a new connection gets."""
    with served.handshake() as connection:
        certificate = connection.getpeercert()
        assert certificate is not None
        return certificate["serialNumber"]


def test_a_renewed_certificate_is_used_at_once(
    serve: Callable[..., Served], folder: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the replacement of the certificate and of its key the former pair stays, and one line says so."""
    served = serve()
    first = serial(served)
    renewed = authority.issue("renewed")
    shutil.copy(renewed[0], folder / "tls.crt")
    assert (serial(served), serial(served)) == (first, first)
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == [
        "changed certificate cannot be used, the former one stays"
    ]
    shutil.copy(renewed[1], folder / "tls.key")
    expected = x509.load_pem_x509_certificate(renewed[0].read_bytes()).serial_number
    assert int(str(serial(served)), 16) == expected


def test_a_certificate_that_is_gone_stays_in_use(folder: Path) -> None:
    """Removing the files does not stop the server."""
    config = load_web_config(write(folder, tls())).tls_server_config
    assert config is not None
    certificates = Certificates(config)
    before = certificates.context()
    (folder / "tls.crt").unlink()
    assert certificates.context() is before


def test_a_bad_reload_changes_nothing(serve: Callable[..., Served], folder: Path) -> None:
    """A configuration whose certificate is gone is refused as a whole."""
    served = serve()
    config = load_web_config(folder / "web.yml")
    (folder / "tls.key").unlink()
    with pytest.raises(ConfigError, match=r"^tls_server_config: cannot read .*tls\.key: No such file or directory$"):
        served.web.reload_web_config(config)
    assert served.get().status_code == 200
    served.web.reload_web_config(None)
    with pytest.raises(requests.ConnectionError):
        served.get()


# Basic auth


def basic(user: str, password: bytes) -> str:
    """Return the value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode()


def hashed(password: bytes, rounds: int = 4) -> SecretStr:
    """Return a hash as cheap as bcrypt allows."""
    return SecretStr(bcrypt.hashpw(password, bcrypt.gensalt(rounds)).decode())


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the hashes that bcrypt was asked to check."""
    asked: list[bytes] = []
    checkpw = bcrypt.checkpw

    def recorded(password: bytes, hashed_password: bytes) -> bool:
        asked.append(hashed_password)
        return checkpw(password, hashed_password)

    monkeypatch.setattr(bcrypt, "checkpw", recorded)
    return asked


def test_right_credentials_are_checked_once(checks: list[bytes]) -> None:
    """A scrape does not pay for bcrypt but the first time; each other password does."""
    auth = BasicAuth({"a": hashed(b"one"), "b": hashed(b"two")})
    assert [auth.allows(basic("a", b"one")) for _ in range(3)] == [True] * 3
    assert len(checks) == 1
    assert [auth.allows(basic("a", password)) for password in (b"two", b"three", b"four")] == [False] * 3
    assert len(checks) == 4
    assert auth.allows(basic("b", b"two"))
    assert auth.allows(basic("a", b"one"))
    assert len(checks) == 5


def test_what_is_remembered_is_bounded_and_salted() -> None:
    """At most one digest for each user, and not the same in two processes."""
    first, second = (BasicAuth({"a": hashed(b"one")}) for _ in range(2))
    for auth in (first, second):
        for password in (b"one", b"wrong", b""):
            auth.allows(basic("a", password))
            auth.allows(basic("unknown", password))
    assert list(first._verified) == list(second._verified) == ["a"]
    assert first._verified != second._verified


def test_an_unknown_user_takes_as_long(checks: list[bytes]) -> None:
    """Bcrypt runs once, at the highest cost of the file, on a hash that no password has."""
    auth = BasicAuth({"a": hashed(b"one"), "b": hashed(b"two", rounds=5)})
    assert not auth.allows(basic("nobody", b"one"))
    (asked,) = checks
    assert asked.startswith(b"$2b$05$")
    assert len(asked) == len(hashed(b"x").get_secret_value())


def test_a_new_file_forgets_whose_hash_has_changed(checks: list[bytes]) -> None:
    """A reload while others guess keeps nobody out who was in, and nobody in who is not any more."""
    stays, changes, goes = hashed(b"one"), hashed(b"two"), hashed(b"three")
    former = BasicAuth({"a": stays, "b": changes, "c": goes})
    for user, password in (("a", b"one"), ("b", b"two"), ("c", b"three")):
        assert former.allows(basic(user, password))
    auth = BasicAuth({"a": stays, "b": hashed(b"other")}, former)
    checks.clear()
    assert auth.allows(basic("a", b"one"))
    assert checks == []
    assert not auth.allows(basic("b", b"two"))
    assert not auth.allows(basic("c", b"three"))
    assert len(checks) == 2


def wait_for(line: Line, count: int) -> None:
    """Wait until so many stand in a line."""
    end = time.monotonic() + 10
    while line.waiting != count:
        assert time.monotonic() < end


def test_a_line_is_bounded_and_fair() -> None:
    """One client's guesses neither take the places of others nor come all before them, nor one name's before another's."""
    line = Line(longest=4, each=3, kept=1, remembered=2)
    turns: list[str] = []
    threads: list[threading.Thread] = []

    def wait(client: str, name: str, what: bytes) -> None:
        with line.turn(client, name, what):
            turns.append(client + name)

    def stand(*who: tuple[str, str]) -> None:
        for client, name in who:
            threads.append(threading.Thread(target=wait, args=(client, name, f"{len(threads)}".encode())))
            threads[-1].start()
            wait_for(line, len(threads))

    with line.turn("a", "x", b"first"):
        stand(("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"))
        for what in (b"forgotten", b"refused", b"also"):
            with (
                pytest.raises(Busy, match=r"^too many passwords wait to be checked, try again later$"),
                line.turn("a", "x", what),
            ):
                pass
        threads.append(threading.Thread(target=wait, args=("a", "again", b"refused")))
        threads[-1].start()
        wait_for(line, 5)
        for client, what in (("a", b"also"), ("c", b"forgotten"), ("c", b"new")):  # the kept place is taken, as all others are
            with pytest.raises(Busy), line.turn(client, "x", what):
                pass
    for thread in threads:
        thread.join(10)
    assert turns == ["aagain", "ax", "bx", "ay", "ax"]
    with line.turn("c", "x", b"new"):
        pass


def test_a_right_password_gets_in_while_many_guess_from_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the second try at the latest: each guess is asked once, and a scraper asks for the same again."""
    turns = threading.Semaphore(0)

    def slow(password: bytes, _: bytes) -> bool:
        assert turns.acquire(timeout=30)
        return password == b"right"

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    auth = BasicAuth({"a": hashed(b"right")})
    guesses, done = iter(range(10_000)), threading.Event()

    def guess() -> None:
        while not done.is_set():
            with suppress(Busy):
                assert not auth.allows(basic("a", b"wrong %d" % next(guesses)), "address")

    threads = [threading.Thread(target=guess) for _ in range(basic_auth.MAX_WAITING_EACH + 2)]
    for thread in threads:
        thread.start()
    try:
        wait_for(auth._line, basic_auth.MAX_WAITING_EACH)
        with pytest.raises(Busy):
            auth.allows(basic("a", b"right"), "address")
        turns.release(2)  # one under way, and the one that is next
        assert auth.allows(basic("a", b"right"), "address")
        assert auth.allows(basic("a", b"right"), "address")
    finally:
        done.set()
        turns.release(100)
        for thread in threads:
            thread.join(10)


def test_a_wrong_password_that_is_repeated_costs_nothing(checks: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is remembered for its user, and a bounded number of them is."""
    monkeypatch.setattr(basic_auth, "MAX_WRONG", 2)
    auth = BasicAuth({"a": hashed(b"one"), "b": hashed(b"two")})
    for _ in range(3):
        assert not auth.allows(basic("a", b"two"))
        assert not auth.allows(basic("nobody", b"two"))
    assert len(checks) == 2
    assert auth.allows(basic("b", b"two"))
    for password in (b"x", b"y", b"z"):
        assert not auth.allows(basic("a", password))
    assert len(auth._wrong) == 2
    assert auth.allows(basic("a", b"one"))


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_hashes_of_all_tools(prefix: str) -> None:
    """The tools write the version of their hashes differently: htpasswd's is 2y."""
    secret = SecretStr(prefix + hashed(b"one").get_secret_value()[4:])
    config = WebConfig.model_validate({"basic_auth_users": {"a": secret.get_secret_value()}})
    auth = BasicAuth(config.basic_auth_users)
    assert auth.allows(basic("a", b"one"))
    assert not auth.allows(basic("a", b"two"))


def test_long_passwords() -> None:
    """Bcrypt reads 72 bytes of a password; a longer one is compared by these, as by htpasswd and the toolkit."""
    auth = BasicAuth({"a": hashed(b"x" * 72)})
    assert auth.allows(basic("a", b"x" * 100))
    assert not auth.allows(basic("a", b"x" * 71))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ",
        "Basic \xe4\xf6",
        "Bearer " + basic("a", b"one").partition(" ")[2],
        "Basic " + base64.b64encode(b"a").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:one").decode(),
        basic("a", b"one\0"),
        basic("a", b"one") + " x",
    ],
)
def test_headers_that_are_no_credentials(header: str | None) -> None:
    """Anything else is no user."""
    assert not BasicAuth({"a": hashed(b"one")}).allows(header)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_has_no_case(scheme: str) -> None:
    """So says RFC 7617."""
    assert BasicAuth({"a": hashed(b"a:b")}).allows(f"{scheme} {basic('a', b'a:b').partition(' ')[2]}")
