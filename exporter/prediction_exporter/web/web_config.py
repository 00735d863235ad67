"""``--web.config.file``: TLS, security headers and basic auth in the format of Prometheus' exporter-toolkit.

What Python's ``ssl`` cannot do as the toolkit does it is refused, never ignored: an exporter that looks protected and
is not would be worse than one that does not start.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from prediction_exporter.config import Config
from prediction_exporter.config.problems import joined
from prediction_exporter.config.reading import read_bytes, refuse_unless_file
from prediction_exporter.config.tree import Refused, Tree, quote, render
from prediction_exporter.errors import ConfigError

logger = logging.getLogger(__name__)

TLS_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

CLIENT_AUTH_TYPES = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

#: The suites that Go counts as secure, by the name that OpenSSL gives them.
CIPHER_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}

#: The headers that the toolkit lets a user set, with the values it allows where it does not allow every value.
HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}

#: Keys and values that the toolkit knows and Python's ``ssl`` or ``http.server`` cannot honour, with the reason.
UNSUPPORTED = {
    "RequestClientCert": "Python cannot ask for a client certificate without verifying it",
    "RequireAnyClientCert": "Python cannot accept a client certificate without verifying it",
    "TLS10": "TLS 1.0 is deprecated",
    "TLS11": "TLS 1.1 is deprecated",
    "cert": "Python reads certificates only from files, use cert_file",
    "key": "Python reads keys only from files, use key_file",
    "client_ca": "give the certificates in a file, use client_ca_file",
    "client_allowed_sans": "a client certificate is trusted for its signature alone",
    "curve_preferences": "Python leaves the choice of curves to OpenSSL",
    "rate_limit": "connections are limited, requests are not",
}

#: What pydantic says of Python's types, as it reads to someone who writes YAML.
_MESSAGES = {
    "missing": "is missing",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "tuple_type": "must be a list",
    "string_type": "must be text; put it in quotes",
}

#: The highest cost of a bcrypt hash: each one more takes twice as long, and htpasswd offers no higher one.
MAX_COST = 17

_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_BCRYPT_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def _one_of(value: str, allowed: Mapping[str, Any]) -> str:
    if value not in allowed:
        reason = f" ({UNSUPPORTED[value]})" if value in UNSUPPORTED else ""
        raise ValueError(f"{quote(value)} is not supported{reason}; one of: {', '.join(allowed)}")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class TLSServerConfig(_Section):
    """``tls_server_config``. Paths are relative to the folder of the file."""

    cert_file: Path = Field(strict=False)
    key_file: Path = Field(strict=False)
    client_auth_type: str = "NoClientCert"
    client_ca_file: Path | None = Field(default=None, strict=False)
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = Field(default=(), strict=False)
    prefer_server_cipher_suites: bool = True

    @field_validator("cert_file", "key_file", "client_ca_file")
    @classmethod
    def _readable(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            return None
        path = Path(info.context["folder"]) / value if info.context else value
        try:
            refuse_unless_file(path)
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error
        return path

    @field_validator("client_auth_type")
    @classmethod
    def _known_client_auth_type(cls, value: str) -> str:
        return _one_of(value, CLIENT_AUTH_TYPES)

    @field_validator("min_version", "max_version")
    @classmethod
    def _known_version(cls, value: str) -> str:
        return _one_of(value, TLS_VERSIONS)

    @field_validator("cipher_suites")
    @classmethod
    def _known_cipher_suites(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if re.fullmatch(r"TLS_(AES|CHACHA20)_\w+", name):
                raise ValueError(f'"{name}" is a suite of TLS 1.3, and those are always on; leave it out')
            _one_of(name, CIPHER_SUITES)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        verifies = CLIENT_AUTH_TYPES[self.client_auth_type] is not ssl.CERT_NONE
        if verifies and self.client_ca_file is None:
            raise ValueError(f"client_auth_type {self.client_auth_type} needs client_ca_file")
        if self.client_ca_file is not None and not verifies:
            raise ValueError("client_ca_file needs client_auth_type VerifyClientCertIfGiven or RequireAndVerifyClientCert")
        if TLS_VERSIONS[self.min_version] > TLS_VERSIONS[self.max_version]:
            raise ValueError(f"min_version {self.min_version} is above max_version {self.max_version}")
        return self

    def context(self) -> ssl.SSLContext:
        """Return a context with the certificates as they are in their files now.

        Raises:
            ConfigError: a file does not hold what it should.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = TLS_VERSIONS[self.min_version]
        context.maximum_version = TLS_VERSIONS[self.max_version]
        context.set_alpn_protocols(["http/1.1"])
        if not self.prefer_server_cipher_suites:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if self.cipher_suites:
            context.set_ciphers(":".join(CIPHER_SUITES[name] for name in self.cipher_suites))
        for path in self.files():
            try:
                refuse_unless_file(path)  # again, at each reload: OpenSSL would wait for a pipe, and every connection for it
            except OSError as error:
                raise ConfigError(f"tls_server_config: cannot read {path}: {error.strerror}") from error
        try:
            # Without a password OpenSSL would ask for that of an encrypted key on the terminal, and wait.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        except OSError as error:
            raise ConfigError(
                "tls_server_config: cert_file and key_file are not a certificate and its unencrypted key, in PEM: "
                f"{self.cert_file}, {self.key_file}"
            ) from error
        if self.client_ca_file is not None:
            context.verify_mode = CLIENT_AUTH_TYPES[self.client_auth_type]
            try:
                context.load_verify_locations(self.client_ca_file)
            except OSError as error:
                raise ConfigError(f"tls_server_config.client_ca_file: no certificates in PEM: {self.client_ca_file}") from error
        return context

    def files(self) -> tuple[Path, ...]:
        """Return the files that :meth:`context` reads."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path is not None)


class HTTPServerConfig(_Section):
    """``http_server_config``."""

    http2: bool = False
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("http2")
    @classmethod
    def _no_http2(cls, value: bool) -> bool:  # noqa: FBT001 - the signature is pydantic's
        if value:
            raise ValueError("HTTP/2 is not supported; leave it out or set it to false")
        return value

    @field_validator("headers")
    @classmethod
    def _known_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name not in HEADERS:
                raise ValueError(f"header {quote(name)} is not supported; one of: {', '.join(HEADERS)}")
            if HEADERS[name] and text not in HEADERS[name]:
                raise ValueError(f"{quote(text)} is not a value of {name}; one of: {', '.join(HEADERS[name])}")
            if not _PRINTABLE.fullmatch(text):
                raise ValueError(f"the value of {name} may hold only printable ASCII")
        return value


class WebConfig(_Section):
    """A web configuration file. The default is the toolkit's for an empty file: neither TLS nor basic auth."""

    tls_server_config: TLSServerConfig | None = None
    http_server_config: HTTPServerConfig = HTTPServerConfig()
    basic_auth_users: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("http_server_config", "basic_auth_users", mode="before")
    @classmethod
    def _empty_section(cls, value: object) -> object:
        return {} if value is None else value  # YAML's value of a key whose lines are all commented out

    @field_validator("basic_auth_users")
    @classmethod
    def _hashed(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for user, secret in value.items():
            if not user or ":" in user or not user.isprintable():
                raise ValueError(f"{quote(user)} cannot be a user name: it is empty, or has a colon or a control character")
            if not _BCRYPT_HASH.fullmatch(secret.get_secret_value()):
                raise ValueError(
                    f"the value of {quote(user)} is not a bcrypt hash; make one with: htpasswd -nB {shlex.quote(user)}"
                )
            if int(secret.get_secret_value()[4:6]) > MAX_COST:
                raise ValueError(
                    f"the hash of {quote(user)} takes minutes to check; make one with a cost of {MAX_COST} at most"
                )
        return value


def load_web_config(path: Path) -> WebConfig:
    """Read a web configuration file and check the certificates that it names.

    Raises:
        ConfigError: with every wrong place in the file, and what is allowed there.
    """
    tree = _read(path)
    problems = [str(problem) for problem in tree.problems]
    config = WebConfig()
    try:
        value = {} if tree.value is None else tree.value
        config = WebConfig.model_validate(value, context={"folder": path.parent})
        if config.tls_server_config is not None:
            config.tls_server_config.context()
    except ValidationError as error:
        problems += map(_message, error.errors(include_url=False, include_input=False))
    except ConfigError as error:
        problems.append(str(error))
    if problems:
        raise ConfigError(joined(str(path), problems))
    return config


def refuse_open_form(config: Config, web: WebConfig | None) -> None:
    """Refuse a form of notes where whoever reaches the exporter could send it.

    Raises:
        ConfigError: it is configured, and no user is.
    """
    if config.notes.form and (web is None or not web.basic_auth_users):
        raise ConfigError(
            "notes.form: whoever reaches the exporter could send it; allowed: with basic_auth_users in --web.config.file. "
            "Without the form, notes are taken by prediction-exporter note"
        )


def _read(path: Path) -> Tree:
    """Return what the file holds, by the rules of the configuration: a key that is written twice must not undo the first."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
        return Tree.read(text, None, aliases=False, empty=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except Refused as error:
        raise ConfigError(joined(str(path), [error])) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Not the cause's own text: it quotes the line, which may hold a hash.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}: is not YAML{where}") from None


def _message(detail: ErrorDetails) -> str:
    """Return one validation error as ``place: what is wrong``."""
    place = render(detail["loc"])
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])
    elif detail["type"] == "extra_forbidden":
        text = _unknown_key(detail["loc"])
    else:
        text = _MESSAGES.get(detail["type"], detail["msg"])
    return f"{place}: {text}" if place else text


def _unknown_key(loc: tuple[int | str, ...]) -> str:
    sections: dict[str, type[BaseModel]] = {
        "tls_server_config": TLSServerConfig,
        "http_server_config": HTTPServerConfig,
    }
    section = WebConfig if len(loc) == 1 else sections[str(loc[0])]
    key = str(loc[-1])
    problem = f"is not supported ({UNSUPPORTED[key]})" if key in UNSUPPORTED else "unknown key"
    return f"{problem}; one of: {', '.join(section.model_fields)}"


class Certificates:
    """The TLS context for new connections, made anew when a file changed, as a renewed certificate does.

    Where the files cannot be used, as while they are being replaced one after the other, the former context stays.
    """

    def __init__(self, config: TLSServerConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._state = self._signature()
        self._context = config.context()

    def context(self) -> ssl.SSLContext:
        """Return the context for a connection that is accepted now."""
        state = self._signature()
        with self._lock:
            if state != self._state:
                self._state = state  # also where it fails, so that one change is one line of log
                try:
                    self._context = self._config.context()
                except ConfigError:
                    logger.exception("changed certificate cannot be used, the former one stays")
                else:
                    logger.info("certificate reloaded: %s", self._config.cert_file)
            return self._context

    def _signature(self) -> tuple[object, ...]:
        return tuple(_file_state(path) for path in self._config.files())


def _file_state(path: Path) -> object:
    """Return what differs once a file was written or replaced; through links, which Kubernetes swaps."""
    try:
        status = os.stat(path)  # noqa: PTH116 - once per file and connection
    except OSError as error:
        return error.errno
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
