"""Prefix: the path below which everything is served, and how people reach it through a proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from prediction_exporter.errors import ConfigError

_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*")
_HOST = re.compile(r"(?:\[[\w:.%]+\]|[\w.-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Prefix:
    """Where the site stands.

    Attributes:
        route: what every path begins with here: ``/models/exporter``, or nothing.
        external: what it begins with for people, where a proxy serves it to them; None where that is not known.
    """

    route: str = ""
    external: str | None = None

    def inside(self, path: str) -> str | None:
        """Return a path as the site knows it, None where it lies outside of the prefix.

        >>> Prefix("/models").inside("/models/metrics"), Prefix("/models").inside("/metrics")
        ('/metrics', None)
        """
        return path.removeprefix(self.route) if path.startswith(f"{self.route}/") else None

    def redirect(self, path: str) -> str | None:
        """Return where the page is for who asks for the root or for the prefix without its closing slash; else None.

        The page's links are relative, and without that slash they would lead beside the prefix.

        >>> Prefix("/a/models").redirect("/"), Prefix("/a/models").redirect("/a/models")
        ('a/models/', 'models/')
        >>> Prefix("/models", "/team").redirect("/models")
        '/team/'
        """
        if self.route and path == self.route:
            return f"{self.external}/" if self.external is not None else f"{self.route.rpartition('/')[2]}/"
        return f"{self.route.lstrip('/')}/" if self.route and path == "/" else None


def prefix_of(external_url: str | None, route_prefix: str | None) -> Prefix:
    """Return the prefix that ``--web.external-url`` and ``--web.route-prefix`` ask for, as they do for Prometheus.

    >>> prefix_of("https://example.com/models/", None)
    Prefix(route='/models', external='/models')
    >>> prefix_of("/models", "/")
    Prefix(route='', external='/models')

    Raises:
        ConfigError: one of them cannot be meant.
    """
    external = _external_path(external_url) if external_url is not None else None
    if not route_prefix:
        return Prefix(external or "", external)
    route = "/" + route_prefix.strip("/") if route_prefix.strip("/") else ""
    if _PATH.fullmatch(route) is None:
        raise ConfigError(f'--web.route-prefix: "{route_prefix}" is not a path such as /models/exporter')
    return Prefix(route, external)


def _external_path(url: str) -> str:
    """Return the path of a URL, or of a path alone, without its closing slash."""
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc) is not None
    except ValueError:  # brackets that hold no address
        has_host = False
    path = parts.path.rstrip("/") if has_host else url.rstrip("/")
    extra = has_host and (parts.query or parts.fragment)
    if extra or _PATH.fullmatch(path) is None or not (has_host or url.startswith("/")):
        raise ConfigError(
            f'--web.external-url: "{url}" is not a URL such as https://example.com/models or a path such as /models'
        )
    return path
