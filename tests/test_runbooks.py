"""The runbooks that the exporter serves, through its server: what they say, where they lead, and what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import bcrypt
import cmarkgfm
import pytest
import requests

from pages import Element, Page
from prediction_exporter.commands.pages import RUNBOOKS
from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.runbooks import served_runbook, steps
from prediction_exporter.web.landing import Topic
from prediction_exporter.web.server import WebServer
from prediction_exporter.web.site import Site
from prediction_exporter.web.web_config import WebConfig

DOCUMENTS = Path(__file__).parents[1] / "docs" / "runbooks"
BLOCKS = {"h1", "h2", "h3", "h4", "p", "pre", "li"}


@pytest.fixture(scope="module")
def site() -> Site:
    """A site with runbooks."""
    return Site(snapshot=None, landing=lambda: b"<!doctype html>", ready=lambda: (True, "ready"), runbook=served_runbook)


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    """The address of a server."""
    server = WebServer(["127.0.0.1:0"], site, web_config=None)
    server.start()
    yield f"http://127.0.0.1:{server.ports[0]}"
    server.stop()


def get(url: str, status: int = 200) -> Page:
    """Ask for a page."""
    response = requests.get(url, timeout=5)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return Page(response.content)


def blocks(element: Element) -> list[str]:
    """Return the text of each heading, paragraph, block of code and item inside, in their order."""
    found: list[str] = []
    for child in element.children:
        found += [child.text] if child.name in BLOCKS else blocks(child)
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_a_page_says_what_the_document_says(url: str, alert: Alert) -> None:
    """Both are rendered from one declaration, by different templates; GitHub's own parser reads the document."""
    document = (DOCUMENTS / f"{alert}.md").read_text(encoding="utf-8")
    page = get(f"{url}/runbooks/{alert}")
    assert page.one("title").text == alert.name
    read = Page(cmarkgfm.github_flavored_markdown_to_html(document).encode())
    assert blocks(page.one("article")) == blocks(read.root)
    assert [link.text for link in page.one("article").all("a")] == [link.text for link in read.all("a")]
    assert [code.text for code in page.all("code")] == [code.text for code in read.all("code")]


def test_the_list_leads_to_every_runbook_and_all_lead_back(url: str) -> None:
    """Every link works, and stays where the exporter is served: none begins at the root or on another server."""
    seen, waiting = set[str](), [f"{url}/runbooks/"]
    while waiting:
        address = waiting.pop()
        if address in seen or address == f"{url}/":
            continue
        seen.add(address)
        page = get(address)
        links = [str(link.attributes["href"]) for link in page.all("a")]
        assert all(link.startswith(("./", "../")) for link in links)
        assert f"{url}/" in [urljoin(address, link) for link in links]
        waiting += [urljoin(address, link) for link in links]
    assert seen == {f"{url}/runbooks/", *(f"{url}/runbooks/{alert}" for alert in ALERTS)}


def test_nothing_is_loaded_and_nothing_runs(url: str) -> None:
    """The pages meet their content security policy; queries are the only place of what looks like more."""
    for name in ("", *(alert.name for alert in ALERTS)):
        page = get(f"{url}/runbooks/{name}")
        markup = re.sub("<code>.*?</code>", "", page.source, flags=re.DOTALL)
        assert not re.search(r"<script|<img|\son\w+=|\sstyle=|javascript:|https?:|@import|url\(", markup)


@pytest.mark.parametrize(
    "name", ["ModelNothing", "ModelFeature", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%00", "%FF", "%0d%0aX-Evil:%201", ".md"]
)
def test_what_is_not_there_is_said_beside_what_is(url: str, name: str) -> None:
    """A name from outside is text, and the list helps on."""
    page = get(f"{url}/runbooks/{name}", 404)
    assert "there is no runbook" in page.one("p", "problem").text
    assert not page.all("script")
    assert {link.text for link in page.all("a")} >= {alert.name for alert in ALERTS}


def test_a_long_name_is_cut(url: str) -> None:
    """The page does not grow with it."""
    assert len(get(f"{url}/runbooks/{'x' * 5000}", 404).one("bdi").text) == 80


@pytest.mark.parametrize(
    "name", ["%4DodelFeatureDrift?from=mail", "modelfeaturedrift", "ModelFeatureDrift.md", "ModelFeatureDrift/"]
)
def test_names_as_they_arrive(url: str, name: str) -> None:
    """Encoded by a mail program, in the small letters of other catalogues, as the repository's file, with a slash behind it."""
    response = requests.get(f"{url}/runbooks/{name}", timeout=5)
    assert response.status_code == 200
    assert Page(response.content).one("title").text == "ModelFeatureDrift"
    assert not response.url.endswith("/")


@pytest.mark.parametrize("path", ["/runbooks/a/b", "/runbooks//", "/runbooks/a/b/", "/runbooksx", "/Runbooks/"])
def test_other_paths_are_not_found(url: str, path: str) -> None:
    """Relative links would lead astray there."""
    response = requests.get(f"{url}{path}", timeout=5)
    assert (response.status_code, response.text) == (404, "not found\n")


def test_the_folder_without_its_slash_leads_to_the_list(url: str) -> None:
    """By a relative address, which holds behind a proxy that serves the exporter below a path of its own."""
    response = requests.get(f"{url}/runbooks", timeout=5, allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (302, "runbooks/")
    assert requests.get(f"{url}/runbooks", timeout=5).url == f"{url}/runbooks/"


def test_methods(url: str) -> None:
    """HEAD answers as GET, without the page; others are refused."""
    for name, status in (("ModelFeatureDrift", 200), ("", 200), ("ModelNothing", 404)):
        head, got = (requests.request(method, f"{url}/runbooks/{name}", timeout=5) for method in ("HEAD", "GET"))
        assert (head.status_code, head.content) == (status, b"")
        assert head.headers["Content-Length"] == str(len(got.content))
    assert requests.post(f"{url}/runbooks/", timeout=5).status_code == 405


def test_runbooks_are_for_who_may_see_the_rest(site: Site) -> None:
    """Passwords are asked for before anything is told, also what is not there."""
    users = {"prom": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()}
    config = WebConfig.model_validate({"basic_auth_users": users})
    server = WebServer(["127.0.0.1:0"], site, web_config=config)
    server.start()
    try:
        for name, status in (("ModelFeatureDrift", 200), ("", 200), ("ModelNothing", 404)):
            address = f"http://127.0.0.1:{server.ports[0]}/runbooks/{name}"
            refused = requests.get(address, timeout=5)
            assert (refused.status_code, refused.text) == (401, "unauthorized\n")
            assert requests.get(address, auth=("prom", "secret"), timeout=5).status_code == status
    finally:
        server.stop()


def test_every_topic_of_the_landing_page_has_its_runbook() -> None:
    """One that is forgotten would be words without a link."""
    assert set(RUNBOOKS) == set(Topic)


def test_a_list_of_steps_that_is_none_is_an_error() -> None:
    """What the page does not know of Markdown does not reach it."""
    for text in ("Look.", "1. Look.\n\nThen mend it.", "1. Look.\n3. Mend it."):
        with pytest.raises(ValueError, match="no list of steps"):
            steps(text)
