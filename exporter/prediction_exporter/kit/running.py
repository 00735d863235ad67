"""A running Alertmanager: what it is asked and told through its API."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies

from prediction_exporter.config.reading import read_bytes
from prediction_exporter.errors import KitError
from prediction_exporter.kit.http_config import HttpConfig, TlsConfig

#: How long an answer may take, in seconds.
TIMEOUT = 10.0

_COUNTED = re.compile(
    r"^alertmanager_notification_requests(?P<failed>_failed)?_total"
    r'\{(?:[^}]*,)?integration="(?P<by>\w+)"[^}]*\} (?P<value>\S+)',
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What was sent by a service, counted in attempts."""

    tried: int
    failed: int

    def since(self, before: Sent) -> Sent:
        """Return what was sent after that was counted."""
        return Sent(tried=self.tried - before.tried, failed=self.failed - before.failed)


class Alertmanager:
    """The API of a running Alertmanager, v2, which is the only one that later versions have.

    Args:
        url: its address, with the path before ``/api`` where it has ``--web.route-prefix``.
        http: how to get in; None where everybody may.

    Raises:
        KitError: the address is none.
    """

    def __init__(self, url: str, http: HttpConfig | None = None) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise KitError(
                f"--alertmanager.url: {url} is no address such as http://localhost:9093 or https://example.com/alerts"
            )
        if "@" in parts.netloc:
            raise KitError(
                "--alertmanager.url: a user has no place in it, where others may see it; name it in --http.config.file"
            )
        self.url = url.rstrip("/")
        self._http = http or HttpConfig()

    def version(self) -> str:
        """Return its version.

        Raises:
            KitError: it does not answer, or something else does.
        """
        found = self._json("GET", "/api/v2/status")
        version = found.get("versionInfo", {}).get("version") if isinstance(found, dict) else None
        if not isinstance(version, str):
            raise KitError(f"{self.url}: is no Alertmanager")
        return version

    def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Tell it of alerts, as Prometheus does.

        Raises:
            KitError: it does not take them.
        """
        self._ask("POST", "/api/v2/alerts", json=list(alerts))

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Return what it says of the alerts of a name.

        Raises:
            KitError: it does not answer.
        """
        found = self._json("GET", "/api/v2/alerts", params={"filter": f'alertname="{name}"'})
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def silence(self, id_: str) -> dict[str, Any]:
        """Return a silence.

        Raises:
            KitError: it does not answer, or has none.
        """
        found = self._json("GET", f"/api/v2/silence/{id_}")
        return found if isinstance(found, dict) else {}

    def sent(self) -> dict[str, Sent]:
        """Return what it has sent since its start, by service as it calls them.

        Raises:
            KitError: it does not show its metrics.
        """
        tried, failed = Counter[str](), Counter[str]()
        for found in _COUNTED.finditer(self._ask("GET", "/metrics").text):
            (failed if found["failed"] else tried)[found["by"]] += int(float(found["value"]))
        return {by: Sent(tried=tried[by], failed=failed[by]) for by in tried}

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            return self._ask(method, path, **arguments).json()
        except requests.JSONDecodeError:
            raise KitError(f"{self.url}{path}: answers with something else than JSON: is that an Alertmanager?") from None

    def _ask(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Ask without following redirects, so that what lets us in is told to nobody else."""
        address, tls = f"{self.url}{path}", self._http.tls_config or TlsConfig()
        with requests.Session() as session:
            session.trust_env = False  # no netrc
            session.proxies = get_environ_proxies(address)
            session.verify = True if tls.ca_file is None else str(tls.ca_file)
            if tls.cert_file is not None:
                session.cert = (str(tls.cert_file), str(tls.key_file)) if tls.key_file is not None else str(tls.cert_file)
            self._let_in(session)
            try:
                answer = session.request(method, address, timeout=TIMEOUT, allow_redirects=False, **arguments)
            except requests.Timeout:
                raise KitError(f"{address}: gives no answer in {TIMEOUT:g} s") from None
            except (requests.RequestException, OSError) as error:
                raise KitError(f"{address}: cannot be asked: {_reason(error)}") from None
        if answer.status_code != requests.codes.ok:
            raise KitError(f"{address}: answers {answer.status_code} {answer.reason}{_hint(answer)}")
        return answer

    def _let_in(self, session: requests.Session) -> None:
        if self._http.basic_auth is not None:
            user = self._http.basic_auth
            # As UTF-8, which a browser sends too; requests would take text for Latin-1.
            pair = f"{user.username}:{_secret(user.password_file)}".encode()
            session.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if self._http.authorization is not None:
            session.headers["Authorization"] = f"Bearer {_secret(self._http.authorization.credentials_file)}"


def _secret(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise KitError(f"{path}: cannot be read: {reason}") from None


def _hint(answer: requests.Response) -> str:
    match answer.status_code:
        case requests.codes.unauthorized | requests.codes.forbidden:
            return "; name a user or a token in --http.config.file"
        case requests.codes.not_found:
            return "; with --web.route-prefix its path belongs to --alertmanager.url"
        case code if answer.is_redirect:
            return f", a redirect to {answer.headers['Location']}, which is not followed"
        case code if code < requests.codes.internal_server_error:
            return f": {answer.text.strip()[:300]}"
        case _:
            return ""


def _reason(error: BaseException) -> str:
    """Return the innermost reason, without the names of classes around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)[:300]
