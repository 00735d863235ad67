"""The form of notes: who may send it, what it notes, and all that notes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests

from pages import Page
from prediction_exporter.config import parse
from prediction_exporter.errors import ConfigError
from prediction_exporter.notes.file import NOTES_NAME
from prediction_exporter.web.notes import FORM_SECONDS, NotesForm
from prediction_exporter.web.prefix import Prefix
from prediction_exporter.web.server import WebServer
from prediction_exporter.web.site import Paths, Site
from prediction_exporter.web.web_config import WebConfig, refuse_open_form
from processes import Exporter
from test_run import command
from watched import Watched, config_text, model_text

Start = Callable[..., Exporter]

ADA = ("ada", "right")
BOB = ("bob", "other")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = "<script>alert(1)</script>\"' </textarea>"


def users(*known: tuple[str, str]) -> dict[str, str]:
    """Return users as a web configuration has them."""
    return {name: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode() for name, password in known}


USERS = users(ADA, BOB)


@dataclass
class Served:
    """A form that is served, with two models."""

    folder: Path
    now: float = 1_780_000_000.0
    host: str = ""
    prefix: str = ""

    def start(self, known: dict[str, str] | None = None) -> None:
        """Serve it to the users."""
        form = NotesForm(["fraud", "churn"], self.folder, host=self.host, clock=lambda: self.now)
        site = Site(snapshot=None, landing=bytes, ready=lambda: (True, "ready"), notes=lambda: form)
        web = WebConfig.model_validate({"basic_auth_users": known or USERS})
        self.server = WebServer(["127.0.0.1:0"], site, web_config=web, prefix=Prefix(self.prefix))
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.ports[0]}{self.prefix}/notes"

    def ask(self, method: str = "GET", query: str = "", *, user: tuple[str, str] = ADA, **more: Any) -> requests.Response:
        """Ask for it."""
        return requests.request(method, self.url + query, auth=user, timeout=30, allow_redirects=False, **more)

    def form(self, query: str = "", **more: Any) -> dict[str, str]:
        """Return what a browser would send of the form as it is served."""
        return fields_of(self.ask(query=query, **more).content)

    def send(self, fields: dict[str, str], **more: Any) -> requests.Response:
        """Send it."""
        return self.ask("POST", data=fields, **more)

    @property
    def notes(self) -> list[dict[str, str]]:
        """What was noted."""
        file = self.folder / NOTES_NAME
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def fields_of(content: bytes) -> dict[str, str]:
    """Return the fields of a form with what stands in them."""
    form = Page(content.replace(b"<input ", b"<br ").replace(b"<br>", b"")).root.one("form")
    given = {str(each.attributes.get("name")): each for each in form.all("br") if each.attributes.get("type") != "radio"}
    found = {name: str(each.attributes.get("value") or "") for name, each in given.items()}
    for each in form.all("br"):
        if each.attributes.get("type") == "radio" and "checked" in each.attributes:
            found["verdict"] = str(each.attributes["value"])
    for each in form.all("select"):
        chosen = [option for option in each.all("option") if "selected" in option.attributes]
        found[str(each.attributes["name"])] = str((chosen or each.all("option"))[0].attributes["value"])
    return found | {"comment": form.one("textarea").text}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A form that is served to two users."""
    served = Served(tmp_path)
    served.start()
    yield served
    served.server.stop()


def test_what_is_sent_is_noted_and_shown(served: Served) -> None:
    """As text, by who sent it; the address that follows can be loaded again without noting anything."""
    fields = served.form("?model=churn&alert=ModelFeatureDrift&column=a%3Cb&at=2026-05-04T09:30:00.123456789Z&verdict=false")
    assert not served.notes
    answer = served.send(fields | {"comment": HOSTILE})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"notes?noted={fields['id']}")
    [note] = served.notes
    assert note == {
        "id": fields["id"], "time": "2026-05-28T20:26:40Z", "model": "churn", "verdict": "false", "alert": "ModelFeatureDrift",
        "column": "a<b", "at": "2026-05-04T09:30:00Z", "by": "ada", "comment": HOSTILE,
    }  # fmt: skip
    for _ in range(2):
        page = served.ask(query=f"?noted={fields['id']}")
        assert f"<b>{note['verdict']}</b>" in page.text
        assert "<script" not in page.text
        assert HOSTILE in Page(page.content.replace(b"<input ", b"<br ")).root.one("table").text
    assert len(served.notes) == 1
    assert "Noted:" not in served.ask(query="?noted=made-up").text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_a_post_notes_anything(served: Served, method: str) -> None:
    """A preview of a link, which has all that the form has, decides nothing."""
    fields = served.form() | {"model": "fraud", "verdict": "true"}
    answer = requests.request(method, served.url, params=fields, auth=ADA, timeout=30)
    assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)
    assert answer.headers.get("Allow") == (None if method in ("GET", "HEAD") else "GET, HEAD, POST")
    assert not served.notes


def test_no_page_of_another_site_can_send_it(served: Served) -> None:
    """Without the token, with that of another user or form, or where the browser says where it comes from."""
    fields = served.form() | {"model": "fraud", "verdict": "true"}
    others = served.form(user=BOB)
    without = {name: text for name, text in fields.items() if name != "token"}
    for sent in (
        without,
        fields | {"token": others["token"]},
        fields | {"id": others["id"]},
        fields | {"token": "1.00"},
        fields | {"token": "\u0661." + fields["token"].partition(".")[2]},
        fields | {"token": 5000 * "9" + "."},
    ):
        answer = served.send(sent)
        assert answer.status_code == 403
        assert "Nothing was noted" in answer.text
    host = served.url.split("/")[2]
    for headers in (
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": f"http://{host}"},
        {"Origin": "https://evil.example"}, {"Origin": "http://127.0.0.1.evil.example"}, {"Origin": ""}, {"Origin": "http://["},
    ):  # fmt: skip
        answer = served.send(fields, headers=headers)
        assert (answer.status_code, answer.text.partition(";")[0]) == (403, "this form was sent from another site")
    assert requests.post(served.url, data=fields, timeout=30).status_code == 401
    assert not served.notes
    assert served.send(fields, headers={"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_it_cannot_be_framed_or_kept(served: Served) -> None:
    """A page that lies over it would make a person send it."""
    headers = served.ask().headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("deny", "no-store")


def test_a_form_is_good_for_a_day_and_in_every_replica(served: Served, tmp_path: Path) -> None:
    """A restart and another replica of the same users take it; a new password does not, and the text is kept."""
    fields = served.form() | {"model": "fraud", "verdict": "true", "comment": "kept text"}
    replica = Served(tmp_path, now=served.now + FORM_SECONDS)
    replica.start()
    changed = Served(tmp_path, now=served.now)
    changed.start(users((ADA[0], "new")))
    try:
        answer = changed.send(fields, user=(ADA[0], "new"))
        assert answer.status_code == 403
        again = fields_of(answer.content)
        assert {name: again[name] for name in ("model", "verdict", "comment")} == {
            "model": "fraud", "verdict": "true", "comment": "kept text",
        }  # fmt: skip
        assert changed.send(again, user=(ADA[0], "new")).status_code == 303
        assert replica.send(fields).status_code == 303
        replica.now += 1
        assert replica.send(replica.form() | {"model": "fraud", "verdict": "true"}).status_code == 303
        assert replica.send(fields).status_code == 403
    finally:
        replica.server.stop()
        changed.server.stop()
    assert len(served.notes) == 3


def test_a_form_that_is_sent_twice_is_noted_once(served: Served) -> None:
    """A second click, and a reload; who goes back and says something else is asked, and can send that."""
    fields = served.form() | {"model": "fraud", "verdict": "true"}
    assert [served.send(fields).status_code for _ in range(3)] == [303] * 3
    assert len(served.notes) == 1
    answer = served.send(fields | {"verdict": "false"})
    assert answer.status_code == 409
    assert len(served.notes) == 1
    assert served.send(fields_of(answer.content)).status_code == 303
    assert [note["verdict"] for note in served.notes] == ["true", "false"]


def test_what_is_no_form_gets_the_right_answer(served: Served) -> None:
    """And nothing is noted: another content type, a body that is too long, without a length, or no text at all."""
    fields = served.form() | {"model": "fraud", "verdict": "true"}
    assert served.ask("POST", json=fields).status_code == 415
    assert served.ask("POST", files={"a": b"b"}, data=fields).status_code == 415
    assert served.ask("POST", data=b"a=b", headers={"Content-Type": "text/plain"}).status_code == 415
    assert served.ask("POST", data=b"a=b").status_code == 415
    assert served.send(fields | {"comment": 20_000 * "x"}).status_code == 413
    assert served.ask("POST", data=iter([b"a=b"]), headers=FORM).status_code == 411
    assert served.ask("POST", data=b"a=%ff", headers=FORM).status_code == 400
    assert served.ask("POST", data=b"\xff", headers=FORM).status_code == 400
    assert served.ask("POST", data=100 * b"a=b&", headers=FORM).status_code == 400
    assert served.ask("POST", data=b"", headers=FORM).status_code == 403
    for wrong, told in (
        ({"verdict": ""}, "no verdict is given"),
        ({"model": "fruad"}, "did you mean fraud?"),
        ({"alert": "Mine"}, "no alert is called"),
        ({"at": "tomorrow"}, "is no time"),
        ({"comment": 501 * "ü"}, "501 characters"),
    ):
        answer = served.send(served.form() | {"model": "fraud", "verdict": "true"} | wrong)
        assert answer.status_code == 422
        assert told in Page(answer.content.replace(b"<input ", b"<br ")).root.one("p", "problem").text
    assert not served.notes
    assert served.send(served.form() | {"model": "fraud", "verdict": "true", "comment": 500 * "💸"}).status_code == 303


def test_the_longest_form_fits(served: Served) -> None:
    """What the fields may hold of the widest characters, as browsers write them."""
    widest = {"comment": 500 * "💸", "column": 200 * "ü", "by": 100 * "ü"}
    assert served.send(served.form() | {"model": "fraud", "verdict": "true"} | widest).status_code == 303
    assert served.notes[0]["comment"] == widest["comment"]


def test_a_disk_that_takes_nothing_is_told(served: Served) -> None:
    """With what was written still in the form."""
    fields = served.form() | {"model": "fraud", "verdict": "true", "comment": "kept text"}
    (served.folder / NOTES_NAME).mkdir()
    answer = served.send(fields)
    assert answer.status_code == 500
    assert "Nothing was noted" in answer.text
    assert fields_of(answer.content)["comment"] == "kept text"


def test_behind_a_proxy(tmp_path: Path) -> None:
    """Below a path, under the name that people reach it by."""
    served = Served(tmp_path, host="models.example.com", prefix="/ml/exporter")
    served.start()
    try:
        for headers in (
            {"Origin": "https://Models.example.com"},
            {"Origin": "http://intranet:8080", "Host": "intranet"},  # a proxy that passes on the host without its port
            {"Origin": "https://intranet", "Host": "intranet:443"},
            {"Origin": "null"},  # one that asks browsers for no referrer, over plain HTTP
            {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
            {"Origin": "https://other.example.com", "Sec-Fetch-Site": "same-origin"},  # one that changes the host
        ):
            fields = served.form() | {"model": "fraud", "verdict": "true"}
            answer = served.send(fields, headers=headers)
            assert answer.status_code == 303, headers
            assert not answer.headers["Location"].startswith("/")
            assert served.send({**fields, "token": "1.0"}, headers=headers).status_code == 403
    finally:
        served.server.stop()


def test_metrics_may_stand_at_its_path() -> None:
    """Who has them there keeps them."""
    site = Site(snapshot=None, landing=bytes, ready=lambda: (True, "ready"))
    for telemetry, found in (("/notes", True), ("/metrics", False)):
        assert (Paths(site, telemetry, None).find("/notes") is not None) == found


def test_many_people_at_once(served: Served) -> None:
    """Each is noted."""
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: served.send(served.form() | {"model": "fraud", "verdict": "true"}), range(20)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({note["id"] for note in served.notes}) == 20


# The exporter


def test_without_a_password_there_is_no_form(tmp_path: Path) -> None:
    """An exporter that would serve one does not start, and says what is allowed."""
    watched = Watched.live(tmp_path)
    loaded = watched.configure(config_text(model_text(more="maturity: 0"), more="notes: {form: true}"))
    told = (
        "notes.form: whoever reaches the exporter could send it; allowed: with basic_auth_users in --web.config.file. Without "
        "the form, notes are taken by prediction-exporter note\n"
    )
    ended = command("run", "--config.file", watched.file)
    assert (ended.returncode, ended.stderr) == (2, told)
    with pytest.raises(ConfigError):  # nor with a web configuration that has no users
        refuse_open_form(loaded, WebConfig())
    without = parse(config_text(model_text(more="maturity: 0")), name="x", base=tmp_path, environ={})
    refuse_open_form(without, None)


def test_the_exporter_counts_what_its_form_notes(tmp_path: Path, start_exporter: Start) -> None:
    """It can be turned on and off by a reload, and the page links to it; the users cannot be taken out while it is on."""
    watched = Watched.live(tmp_path)
    off, on = (config_text(model_text(more="maturity: 0"), more=f"notes: {{form: {value}}}") for value in ("false", "true"))
    watched.configure(off)
    web = tmp_path / "web.yml"
    web.write_text(json.dumps({"basic_auth_users": USERS}))
    flags = ("--web.config.file", str(web), "--web.enable-lifecycle", "--web.probes-without-password")
    exporter = start_exporter(watched.file, *flags)

    def ask(method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, f"{exporter.url}{path}", auth=ADA, timeout=30, **more)

    assert ask("GET", "/notes").status_code == 404
    assert "./notes" not in ask("GET", "/").text
    watched.file.write_text(on)
    assert ask("POST", "/-/reload").status_code == 200
    assert "./notes" in ask("GET", "/").text
    assert requests.get(f"{exporter.url}/notes", timeout=30).status_code == 401
    answer = ask("POST", "/notes", data=fields_of(ask("GET", "/notes").content) | {"verdict": "false"})
    assert "Noted:" in answer.text  # behind the redirect
    counted = 'model_alarms_total{model="m",alert="",verdict="false"} 1'
    exporter.wait_for(lambda: counted in ask("GET", "/metrics").text, "counted")
    assert "0 true, 1 false, 0 expected" in ask("GET", "/").text
    web.write_text("{}")
    assert "notes.form" in ask("POST", "/-/reload").text
    assert requests.get(f"{exporter.url}/notes", timeout=30).status_code == 401
