"""One request to a server that may fail, stall or lie: its answer is whole and in time, or there is an error in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from requests.utils import get_environ_proxies

from prediction_exporter import __version__
from prediction_exporter.config import OpenCost
from prediction_exporter.errors import ServerError

#: The longest answer that is taken, and how long a connection may take.
MOST_BYTES, CONNECT_SECONDS = 64 << 20, 5.0

#: The longest that a server may want to be left alone: a clock or a figure that is wrong must not silence a bill for years.
MOST_SECONDS = 86_400.0

_CHUNK = 1 << 16


def ask(server: OpenCost, path: str, parameters: Mapping[str, str]) -> bytes:
    """Return the body of a server's answer.

    Neither redirects nor a netrc file are followed: the token is for the server that is named.

    Raises:
        ServerError: it does not answer with 200, whole, in time, and in a size that fits.
    """
    url = server.url.rstrip("/") + path
    seconds = server.timeout.seconds
    deadline = time.monotonic() + seconds
    headers = {"Accept": "application/json", "User-Agent": f"prediction-exporter/{__version__}"}
    if server.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(server.token_file)}"
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"all": server.proxy} if server.proxy is not None else get_environ_proxies(url)
        try:
            with session.get(
                url,
                params=dict(parameters),
                headers=headers,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                verify=True if server.ca_file is None else str(server.ca_file),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise ServerError(f"{url} answers {_status(response)}", _retry_after(response))
                return _body(response, url, seconds, deadline)
        except requests.Timeout as error:
            raise ServerError(f"{url} gives no answer in {seconds:g} s") from error
        except requests.RequestException as error:
            raise ServerError(f"{url} cannot be asked: {_reason(error)}") from error
        except OSError as error:
            raise ServerError(f"{url} cannot be asked: {error.strerror or error}") from error


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no ASCII text"
        raise ServerError(f"token_file: {file} cannot be read: {reason}") from error
    if not token or not token.isprintable() or " " in token:
        raise ServerError(f"token_file: {file} does not hold one token")
    return token


def _body(response: requests.Response, url: str, seconds: float, deadline: float) -> bytes:
    """Return what a response holds; read as it comes, so that one that drips is noticed."""
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    parts, size = [], 0
    try:
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise ServerError(f"{url} answers with more than {MOST_BYTES >> 20} MiB; narrow it by filter")
            if time.monotonic() > deadline:
                raise ServerError(f"{url} gives no whole answer in {seconds:g} s")
    except ReadTimeoutError as error:
        raise ServerError(f"{url} gives no whole answer in {seconds:g} s") from error
    except HTTPError as error:
        raise ServerError(f"{url} breaks off its answer: {type(error).__name__}") from error
    declared = response.headers.get("Content-Length", "")
    if declared.isdigit() and "Content-Encoding" not in response.headers and int(declared) != size:
        raise ServerError(f"{url} breaks off its answer: {size} bytes of {declared}")
    return b"".join(parts)


def _status(response: requests.Response) -> str:
    where = response.headers.get("Location")
    told = f"{response.status_code} {response.reason}"
    if response.is_redirect and where:
        return f"{told}, a redirect to {where}, which is not followed"
    try:
        text = response.raw.read(500, decode_content=True).decode("utf-8", "replace").strip()
    except Exception:  # noqa: BLE001 - whatever it is, the status says enough
        text = ""
    return f"{told}: {text.splitlines()[0][:200]}" if text else told


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that a server wants to be left alone, which it tells as such or by a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return min(float(text), MOST_SECONDS)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_SECONDS)


def _reason(error: requests.RequestException) -> str:
    """Return the innermost reason, without the names of classes around it."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(cause).__name__}: {cause}"[:300]
