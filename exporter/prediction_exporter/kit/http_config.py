"""``--http.config.file``: how to get in at a running Alertmanager, in the format of Prometheus' clients."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from prediction_exporter.config.problems import joined
from prediction_exporter.config.reading import read_bytes
from prediction_exporter.config.section import Section
from prediction_exporter.config.tree import Refused, Tree, render
from prediction_exporter.config.values import Context, FilePath, Text
from prediction_exporter.errors import ConfigError


class BasicAuth(Section):
    """A user of the Alertmanager."""

    username: Text = Field(description="Name of the user.")
    password_file: FilePath = Field(description="File with the password.")


class Authorization(Section):
    """A token, which is sent as ``Authorization: Bearer``."""

    credentials_file: FilePath = Field(description="File with the token.")


class TlsConfig(Section):
    """How the Alertmanager is known, and how it knows us."""

    ca_file: FilePath | None = Field(None, description="Certificates that its own is signed by.")
    cert_file: FilePath | None = Field(None, description="Our certificate.")
    key_file: FilePath | None = Field(None, description="The key of our certificate.")


class HttpConfig(Section):
    """``--http.config.file``: of Prometheus' ``http_config`` what keeps secrets in files."""

    basic_auth: BasicAuth | None = Field(None, description="A user.")
    authorization: Authorization | None = Field(None, description="A token.")
    tls_config: TlsConfig | None = Field(None, description="Certificates.")


def read_http_config(path: Path) -> HttpConfig:
    """Read the file, whose paths are relative to its folder.

    Raises:
        ConfigError: it cannot be used, with a line for each problem. Values are not shown: they may be secrets.
    """
    try:
        tree = Tree.read(read_bytes(path).decode("utf-8"), None, aliases=False, empty=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except Refused as error:
        raise ConfigError(joined(str(path), [error])) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(f"{path}: is not YAML") from None
    problems = [str(problem) for problem in tree.problems]
    try:
        config = HttpConfig.model_validate({} if tree.value is None else tree.value, context=Context(base=path.parent))
    except ValidationError as error:
        problems += map(_problem, error.errors(include_url=False, include_input=False))
    if problems:
        raise ConfigError(joined(str(path), problems))
    return config


_SECTIONS: dict[str, type[BaseModel]] = {
    "basic_auth": BasicAuth,
    "authorization": Authorization,
    "tls_config": TlsConfig,
}


def _problem(detail: ErrorDetails) -> str:
    place = render(detail["loc"])
    if detail["type"] != "extra_forbidden":
        return f"{place}: {detail['msg']}" if place else detail["msg"]
    section = HttpConfig if len(detail["loc"]) == 1 else _SECTIONS[str(detail["loc"][0])]
    return f"{place}: unknown key (allowed: {', '.join(section.model_fields)})"
