"""What people write: the configuration and the web configuration."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import yaml

from fuzzing.target import Target
from prediction_exporter import config
from prediction_exporter.config.problems import MOST_TOLD
from prediction_exporter.config.tree import Tree
from prediction_exporter.errors import ConfigError
from prediction_exporter.web.web_config import WebConfig, load_web_config

T = TypeVar("T")

_HERE = Path(__file__).parents[1]
_SECRET = "s3cr3t-of-the-environment"
_ENVIRON = {"BUCKET": f"bucket-{_SECRET}", "PASSWORD": _SECRET, "HOME": _SECRET}
_NAME = "exporter.yml"
_HASH = "$2b$10$Gqj0FxczjzANSkWMZOJJXuny4RASFtn7y5et0SPQH7bBwop08XHnG"

_YAML = (
    *(
        b"&a ",
        b"*a",
        b"<<: *a",
        b"<<: ",
        b"!!int ",
        b"!!binary ",
        b"!!python/none ",
        b"? ",
        b"- ",
        b": ",
        b"| ",
        b">\n",
        b"---\n",
    ),
    *(b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"%", b"@", b"`", b"\t", b"\n", b"\r", b"  ", b"\0", b"\xef\xbb\xbf", b"\xff"),
    *(
        b"~",
        b"null",
        b"yes",
        b"no",
        b"1:30",
        b"0x1f",
        b"1e3",
        b".nan",
        b".inf",
        b"2026-01-01",
        b'"\\ud800"',
        b'"\\U00110000"',
        b'""',
    ),
)


def _configurations(_: Path) -> list[bytes]:
    files = [*sorted((_HERE / "config").glob("*/*.yml")), *sorted(_HERE.parent.glob("examples/**/exporter.yml"))]
    return [file.read_bytes() for file in files]


def _configuration(folder: Path) -> Callable[[bytes], None]:
    shutil.copy(_HERE / "config/good/slos.yaml", folder)

    def check(data: bytes) -> None:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            (folder / _NAME).write_bytes(data)
            _refused(lambda: config.load(folder / _NAME), f"{folder / _NAME}: ")
            return
        loaded = _refused(lambda: config.parse(text, name=_NAME, base=folder, environ=_ENVIRON), f"{_NAME}: ")
        if loaded is not None:
            # The values alone, without comments, aliases and variables, mean the same.
            plain = json.dumps(Tree.read(text, _ENVIRON).value).replace("$", "$$")
            again = config.parse(plain, name=_NAME, base=folder, environ={})
            assert dict(again) == dict(loaded), "it does not mean the same when it is written down anew"

    return check


def _refused(read: Callable[[], T], beginning: str) -> T | None:
    """Return what is read, or None where it is refused as it should be."""
    try:
        return read()
    except ConfigError as error:
        _judge(str(error), beginning)
        return None


def _judge(message: str, beginning: str) -> None:
    lines = message.split("\n")
    assert all(line.startswith(beginning) for line in lines), f"a line does not say which file: {lines}"
    assert len(lines) <= MOST_TOLD + 1
    assert _SECRET not in message, "a message shows what came from the environment"
    message.encode()  # can be printed


def _web_configurations(_: Path) -> list[bytes]:
    users = f"basic_auth_users:\n  prometheus: {_HASH}\n  grafana: {_HASH}\n"
    tls = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n  min_version: TLS12\n  cipher_suites: []\n"
    headers = 'http_server_config:\n  http2: false\n  headers: {X-Frame-Options: deny, X-XSS-Protection: "0"}\n'
    return [text.encode() for text in (users, users + headers, tls + users, headers + tls, f"# {users}{headers}", "{}\n")]


def _web_configuration(folder: Path) -> Callable[[bytes], None]:
    file = folder / "web.yml"

    def check(data: bytes) -> None:
        file.write_bytes(data)
        loaded = _refused(lambda: load_web_config(file), f"{file}: ")
        if loaded is None:
            return
        meant = None
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            meant = yaml.safe_load(data.decode("utf-8-sig"))
        users = meant.get("basic_auth_users") if isinstance(meant, dict) else None
        assert list(loaded.basic_auth_users) == list(users or ()), "users are not those of the file"
        if re.search(rb"^ *basic_auth_users *: *[^ \n#{~n]", data, re.MULTILINE):
            assert loaded != WebConfig(), "it is open"
        secrets = {user: secret.get_secret_value() for user, secret in loaded.basic_auth_users.items()}
        again = {"basic_auth_users": secrets, "http_server_config": loaded.http_server_config.model_dump()}
        assert WebConfig.model_validate(again) == loaded.model_copy(update={"tls_server_config": None})

    return check


CONFIGURATIONS = Target(
    name="configuration",
    what="configurations: read or refused with their places, and the same when written down anew",
    samples=_configurations,
    open=_configuration,
    tokens=(
        *_YAML,
        b"owners",
        b"models",
        b"predictions",
        b"${BUCKET}",
        b"${",
        b"$$",
        b"1h",
        b"baseline",
        b"columns",
        b"features",
        b"where: ",
        b" AND ",
        b" NOT IN ('x', 5)",
        b" IS NULL",
        b" LIKE '%_'",
    ),
)
WEB_CONFIGURATIONS = Target(
    name="web-configuration",
    what="web configurations: read or refused with their places, and never open by mistake",
    samples=_web_configurations,
    open=_web_configuration,
    tokens=(*_YAML, b"basic_auth_users", b"tls_server_config", b"http_server_config", b"headers", _HASH.encode(), b"cert_file"),
)
