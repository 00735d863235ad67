"""``--web.external-url`` and ``--web.route-prefix``: below which path everything is served, and how links find it."""

from __future__ import annotations

import http.server
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
import yaml

from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.demo.stack import Process
from prediction_exporter.errors import ConfigError
from prediction_exporter.web.prefix import Prefix, prefix_of
from processes import Exporter
from watched import Watched

Start = Callable[..., Exporter]

#: Where the page leads to.
LINKED = ("/metrics", "/-/healthy", "/-/ready", "/runbooks/")


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model, in real time."""
    found = Watched.live(tmp_path)
    found.configure()
    found.log(10)
    return found


@pytest.mark.parametrize(
    ("external_url", "route_prefix", "expected"),
    [
        (None, None, Prefix()),
        (None, "", Prefix()),
        (None, "/", Prefix()),
        (None, "models/", Prefix("/models")),
        (None, "/a/b//", Prefix("/a/b")),
        ("https://example.com", None, Prefix("", "")),
        ("https://example.com/", None, Prefix("", "")),
        ("https://example.com:8443/models/", None, Prefix("/models", "/models")),
        ("http://[::1]:9090/models", None, Prefix("/models", "/models")),
        ("/api/v1/proxy/namespaces/prod/services/x/", "/", Prefix("", "/api/v1/proxy/namespaces/prod/services/x")),
        ("https://example.com/models", "/inside", Prefix("/inside", "/models")),
    ],
)
def test_the_prefix_is_that_of_prometheus(external_url: str | None, route_prefix: str | None, expected: Prefix) -> None:
    """The route defaults to the path of the URL, and slashes around it mean nothing."""
    assert prefix_of(external_url, route_prefix) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/models",
        "'https://example.com'",
        "ftp://example.com/",
        "https:///models",
        "https://user:secret@example.com/",
        "https://[::1/",
        "https://example.com/models?x=1",
        "https://example.com/models#top",
        "https://example.com/a b",
        "//example.com/models",
        "/models?x",
        "/models/../x",
        "/a//b",
    ],
)
def test_urls_that_cannot_be_meant(url: str) -> None:
    """They are refused with an example of what is."""
    message = f'--web.external-url: "{url}" is not a URL such as https://example.com/models or a path such as /models'
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        prefix_of(url, None)


@pytest.mark.parametrize("path", ["https://example.com/models", "/a/../b", "/a?b", "/a b", "/ä", "a//b"])
def test_prefixes_that_cannot_be_meant(path: str) -> None:
    """A prefix is a path that a client sends as it stands."""
    message = f'--web.route-prefix: "{path}" is not a path such as /models/exporter'
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        prefix_of(None, path)


def links(url: str) -> dict[str, int]:
    """Follow the page at an address and its links as a browser does; return the status of each."""
    page = requests.get(url, timeout=5)
    found = re.findall(r'href="([^"#][^"]*)"', page.text)
    followed = {urljoin(page.url, link): 0 for link in found if not link.startswith("data:")}
    assert len(followed) >= 3
    return {link: requests.get(link, timeout=5).status_code for link in followed}


def test_everything_is_below_the_prefix(watched: Watched, start_exporter: Start) -> None:
    """The page's links lead there, the root and the prefix alone lead to the page, and what is beside it says where to go."""
    exporter = start_exporter(watched.file, "--web.route-prefix", "/team/models", ready=False)
    base = f"{exporter.url}/team/models"
    exporter.wait_for(lambda: answers(f"{base}/-/ready"), "ready")
    for start in (f"{exporter.url}/", base, f"{base}/"):
        assert requests.get(start, timeout=5).url == f"{base}/"
        assert links(start) == dict.fromkeys((f"{base}{path}" for path in LINKED), 200)
    for path in ("/metrics", "/-/healthy", "/team/metrics", "/team/modelsmetrics"):
        beside = requests.get(exporter.url + path, timeout=5)
        assert (beside.status_code, beside.text) == (404, "not found; every path here begins with /team/models/\n")
    assert requests.get(f"{base}?x=1", timeout=5, allow_redirects=False).headers["Location"] == "models/?x=1"


def answers(url: str) -> bool:
    """Return whether an address answers 200."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_prometheus_scrapes_below_a_prefix(watched: Watched, start_exporter: Start, tmp_path: Path) -> None:
    """With the path in ``metrics_path``, as for a Prometheus that scrapes another one, and through the redirect of a root."""
    at_root = ("--web.route-prefix", "/root", "--web.telemetry-path", "/")
    watched.file.with_name("b.yml").write_text(watched.file.read_text().replace("state_dir: state", "state_dir: other"))
    first = start_exporter(watched.file, "--web.external-url", "https://example.com/team/models/", ready=False)
    second = start_exporter(watched.file.with_name("b.yml"), *at_root, ready=False)
    first.wait_for(lambda: answers(f"{first.url}/team/models/-/ready"), "ready")
    second.wait_for(lambda: answers(f"{second.url}/root/-/ready"), "ready")
    jobs = [("models", first, "/team/models/metrics"), ("root", second, "/root")]
    settings = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": name,
                "metrics_path": path,
                "static_configs": [{"targets": [f"{LOOPBACK}:{exporter.port}"]}],
            }
            for name, exporter, path in jobs
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
    command.append(f"--web.listen-address={LOOPBACK}:{port}")
    url = f"http://{LOOPBACK}:{port}"
    with Process("Prometheus", command, ready=f"{url}/-/ready", log=tmp_path / "prometheus.log"):

        def both_are_up() -> bool:
            found = requests.get(f"{url}/api/v1/query", {"query": "up == 1"}, timeout=5).json()["data"]["result"]
            return {sample["metric"]["job"] for sample in found} == {"models", "root"}

        first.wait_for(both_are_up, "scraped")
        query = {"query": 'model_requests_total{job="models"}'}
        [requests_total] = requests.get(f"{url}/api/v1/query", query, timeout=5).json()["data"]["result"]
        assert requests_total["value"][1] == "10"


# Behind a proxy


@contextmanager
def proxy(target: str, outside: str, inside: str) -> Iterator[str]:
    """Serve what lies at ``target`` with another path before it, and know nothing of what it passes on."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(outside):
                self.send_error(404)
                return
            request = urllib.request.Request(target + inside + self.path.removeprefix(outside))
            opener = urllib.request.build_opener(_NoRedirect)
            with opener.open(request, timeout=5) as answer:
                body = answer.read()
                self.send_response(answer.status)
                for name in ("Content-Type", "Location"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _NoRedirect(urllib.request.HTTPErrorProcessor):
    """Hands over every answer as it is."""

    def http_response(self, _: object, response: Any) -> Any:
        return response


@pytest.mark.parametrize(
    ("outside", "inside", "arguments"),
    [
        pytest.param("/p8s/foo", "/p8s/foo", ("--web.external-url", "https://example.com/p8s/foo"), id="passed on as it is"),
        pytest.param("/p8s/foo/", "/", ("--web.external-url", "/p8s/foo", "--web.route-prefix", "/"), id="removed"),
        pytest.param("/p8s/foo/", "/", (), id="removed, and the exporter knows nothing"),
        pytest.param("/p8s/foo", "/x", ("--web.external-url", "/p8s/foo", "--web.route-prefix", "/x"), id="replaced"),
        pytest.param("", "/x", ("--web.external-url", "https://example.com/", "--web.route-prefix", "/x"), id="added"),
    ],
)
def test_behind_a_proxy(watched: Watched, start_exporter: Start, outside: str, inside: str, arguments: tuple[str, ...]) -> None:
    """Whatever a proxy does to the path, the page is found with and without its slash, and its links stay below it."""
    exporter = start_exporter(watched.file, *arguments, ready=False)
    exporter.wait_for(lambda: answers(f"{exporter.url}{inside.rstrip('/')}/-/ready"), "ready")
    with proxy(exporter.url, outside, inside) as url:
        base = url + outside.rstrip("/")
        for start in (url + outside, f"{base}/"):
            assert links(start) == dict.fromkeys((f"{base}{path}" for path in LINKED), 200)
