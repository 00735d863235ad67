"""A real Alertmanager tells copies, a digest and who is next where a critical alert stays, and nobody twice of the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests

from alertmanagers import alertmanager_of, wait
from authority import Authority
from forked import run as command
from prediction_exporter.config import parse
from prediction_exporter.demo.sinks import MailSink, SlackMessage, SlackSink
from prediction_exporter.kit import render as kit

#: An hour is 36 seconds: groups wait for 2 s, 5 minutes are 3 s and those of the escalation 4.2 s.
SPEED = 100


def configuration(folder: Path, slack: str, mail: int, *, hours_away: int = 0) -> str:
    """Return a configuration whose digest is due so many hours from now, by a clock that is far from midnight."""
    now = datetime.now(UTC)
    zone = 12 - now.hour  # there it is about noon
    at = now + timedelta(hours=zone, minutes=-5) + timedelta(hours=hours_away)
    (folder / "slack").write_text(slack)
    return f"""
owners:
  risk-ds:
    slack: "#risk-models"
    email: risk-ds@example.com
    copies: [data-eng]
    critical_copies: [head]
  data-eng: {{slack: "#data-eng", email: risk-ds@example.com}}
  head: {{email: head@example.com}}
  broken: {{webhook: {{url: "http://127.0.0.1:9/"}}}}
  cto: {{email: cto@example.com, slack: "#risk-models"}}
models: [{{name: stays, owner: risk-ds, maturity: 0, predictions: {{log: {{path: /log}}}}}}]
notifications:
  slack_api_url_file: {folder}/slack
  smtp: {{smarthost: "127.0.0.1:{mail}", from: alertmanager@example.com, require_tls: false}}
  unowned: {{email: unowned@example.com}}
  digest: {{at: "{at:%H:%M}", timezone: "Etc/GMT{-zone:+d}"}}
  escalation: {{after: 7m, to: cto}}
"""


@dataclass
class Inbox:
    """What arrived, with a title for each place that it arrived at."""

    slack: list[SlackMessage] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)

    def titles(self, model: str) -> list[tuple[str, str]]:
        """Return who was told of a model, under which title, in order of the places."""
        slack = [(each.channel, each.payload["attachments"][0]["title"]) for each in self.slack]
        mails = [(each["To"], each["Subject"]) for each in self.mails]
        return sorted((to, title) for to, title in [*slack, *mails] if f" {model}:" in title)

    @property
    def digests(self) -> list[tuple[str, str]]:
        """The digests' places and texts."""
        slack = [(each.channel, each.text) for each in self.slack if "[DIGEST]" in each.text]
        return slack + [(each["To"], _plain(each)) for each in self.mails if "[DIGEST]" in each["Subject"]]


def _plain(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


@dataclass
class Place:
    """A running Alertmanager, what it sends, and the configuration that it was rendered from."""

    url: str
    inbox: Inbox
    config: Path

    def post(self, *alerts: dict[str, str], seconds: float = 300, ago: float = 0) -> None:
        """Tell it of alerts that began so many seconds ago and are over in others."""
        now = datetime.now(UTC)
        common = {"alertname": "ModelNoPredictions", "area": "service", "owner": "risk-ds"}
        body = [
            {
                "labels": common | alert,
                "annotations": {"description": f"{alert.get('model')} has it."},
                "startsAt": (now - timedelta(seconds=ago)).isoformat(),
                "endsAt": (now + timedelta(seconds=seconds)).isoformat(),
            }
            for alert in alerts
        ]
        requests.post(f"{self.url}/api/v2/alerts", json=body, timeout=5).raise_for_status()

    def silence(self, comment: str, **labels: str) -> None:
        """Silence what has these labels."""
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "ada",
            "comment": comment,
        }
        requests.post(f"{self.url}/api/v2/silences", json=body, timeout=5).raise_for_status()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An Alertmanager for which it is time for a digest."""
    yield from _place(tmp_path_factory.mktemp("now"))


@pytest.fixture(scope="module")
def other_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One for which it is time in three hours."""
    yield from _place(tmp_path_factory.mktemp("later"), hours_away=3)


def _place(folder: Path, *, hours_away: int = 0) -> Iterator[Place]:
    inbox = Inbox()
    with SlackSink(inbox.slack.append) as slack, MailSink(inbox.mails.append) as mail:
        text = configuration(folder, slack.url, mail.port, hours_away=hours_away)
        file = folder / "exporter.yml"
        file.write_text(text)
        config = parse(text, name="test.yml", base=folder, environ={})
        kit.write(kit.render(config, only=["alertmanager"], time_scale=SPEED), folder)
        with alertmanager_of(folder / "alertmanager/alertmanager.yml", folder) as url:
            yield Place(url, inbox, file)


CRITICAL = {"severity": "critical"}
INFO = {"severity": "info", "area": "drift"}


@pytest.fixture(scope="module")
def told(place: Place, other_time: Place) -> Inbox:
    """What was told until the escalation of one critical alert, another having ended, and a third having been silenced."""
    other_time.post(INFO | {"model": "waits"}, {"model": "comes", "severity": "warning"})
    place.post(
        CRITICAL | {"model": "stays"},
        CRITICAL | {"model": "taken"},
        CRITICAL | {"model": "nobodys", "owner": ""},
        {"model": "warned", "severity": "warning"},
        INFO | {"model": "a", "alertname": "ModelFeatureDrift", "column": "x"},
        INFO | {"model": "a", "alertname": "ModelFeatureDrift", "column": "y"},
        INFO | {"model": "a", "alertname": "ModelCostOverrun", "area": "cost"},
        INFO | {"model": "b", "alertname": "ModelFeatureDrift", "area": "drift"},
    )
    place.post(CRITICAL | {"model": "older"}, ago=60)
    place.post(CRITICAL | {"model": "ends"}, INFO | {"model": "c"}, seconds=3.5)
    inbox = place.inbox
    wait(lambda: len(inbox.titles("taken")) >= 4, "the first messages")
    place.silence("being repaired", model="taken")
    wait(lambda: any(to == "cto@example.com" for to, _ in inbox.titles("stays")), "the escalation")
    wait(lambda: any("RESOLVED" in title for _, title in inbox.titles("ends")), "the end")
    return inbox


FIRST = "ModelNoPredictions"


def test_copies_get_the_same_messages(told: Inbox) -> None:
    """An address that two of them have gets one; a warning goes to those of all messages alone."""
    assert told.titles("warned") == [
        (to, f"[WARNING] warned: {FIRST}") for to in ("#data-eng", "#risk-models", "risk-ds@example.com")
    ]


def test_a_critical_alert_that_stays_is_told_to_the_next(told: Inbox) -> None:
    """To those of critical ones at once, and later to one more, by the ways that were not told before; it says why."""
    title = f"[CRITICAL] stays: {FIRST}"
    at_once = ("#data-eng", "#risk-models", "head@example.com", "risk-ds@example.com")
    expected = [*((to, title) for to in at_once), ("cto@example.com", f"Still firing after 7m: {title}")]
    assert told.titles("stays") == sorted(expected)


def test_the_time_counts_from_when_an_alert_began(told: Inbox) -> None:
    """As after a restart, when Alertmanager hears of it anew: the next is told at once, and before one that began later."""
    subjects = [each["Subject"] for each in told.mails if each["To"] == "cto@example.com"]
    older, stays = (f"Still firing after 7m: [CRITICAL] {model}: {FIRST}" for model in ("older", "stays"))
    assert subjects.index(older) < subjects.index(stays)
    assert {to for to, _ in told.titles("older")} == {to for to, _ in told.titles("stays")}


def test_what_belongs_to_nobody_is_told_to_the_next_too(told: Inbox) -> None:
    """It is the one that is most easily overlooked."""
    assert {to for to, _ in told.titles("nobodys")} == {"unowned@example.com", "cto@example.com", "#risk-models"}


@pytest.mark.parametrize("model", ["taken", "ends"])
def test_one_that_is_over_or_that_somebody_silenced_is_not(told: Inbox, model: str) -> None:
    """A silence says that somebody is at it."""
    assert "cto@example.com" not in {to for to, _ in told.titles(model)}


def test_information_is_one_message_a_day(told: Inbox) -> None:
    """Of all alerts and models at once, to the owner and to copies; an end is not told."""
    assert sorted(to for to, _ in told.digests) == ["#data-eng", "#risk-models", "risk-ds@example.com"]
    for _, text in told.digests:
        assert "[DIGEST] a, b, c: 5 alerts for information" in text
        plain = text.replace("*", "")
        assert "a ModelFeatureDrift, 2 alerts: a has it." in plain
        assert "a ModelCostOverrun: a has it." in plain
        assert "b ModelFeatureDrift: b has it." in plain
        assert "Owner: risk-ds" in plain
        assert "<no value>" not in text
    mail = next(each for each in told.mails if "[DIGEST]" in each["Subject"])
    page = mail.get_body(("html",))
    assert page is not None
    assert "<strong>a</strong> ModelFeatureDrift, 2 alerts<br>a has it." in page.get_content()


def test_at_other_times_information_waits(told: Inbox, other_time: Place) -> None:
    """While warnings are told."""
    assert told.digests
    assert other_time.inbox.titles("comes")
    assert not other_time.inbox.digests
    assert not other_time.inbox.titles("waits")


def sent(place: Place, *arguments: str) -> Any:
    """Run the command against the Alertmanager of the place, unless the arguments name another."""
    url = () if "--alertmanager.url" in arguments else ("--alertmanager.url", place.url)
    return command("send-test-alert", "--config.file", str(place.config), *url, *arguments)


def test_a_test_reaches_the_owner_at_once(told: Inbox, place: Place) -> None:
    """By each channel, with the word in each text, and it is over when the command is."""
    begun = time.monotonic()
    done = sent(place, "--owner", "risk-ds", "--severity", "critical")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begun < 10
    assert (
        "for risk-ds/critical: slack #risk-models, slack #data-eng, email risk-ds@example.com, email head@example.com"
        in done.stdout
    )
    assert "slack: sent\nemail: sent\n" in done.stdout
    # At this speed it is late at once.
    titles = [(to, title) for to, title in told.titles("test") if not title.startswith("Still")]
    assert [to for to, _ in titles] == ["#data-eng", "#risk-models", "head@example.com", "risk-ds@example.com"]
    assert all(title.startswith("[CRITICAL] test: ModelTestAlert-") for _, title in titles)
    for text in (told.slack[-1].text, _plain(told.mails[-1])):
        assert "This is a test: nothing is wrong." in text
        assert "Test alert: sent on purpose" in text
    found = requests.get(f"{place.url}/api/v2/alerts", params={"filter": 'model="test"'}, timeout=5).json()
    assert found == []


def test_a_second_test_is_told_too(told: Inbox, place: Place) -> None:
    """The first one's group is still there, and would tell nothing new for a while."""
    before = len(told.titles("test"))
    time.sleep(max(0.0, 1.05 - time.time() % 1))  # until the next second: a test is named by the second that it is sent in
    assert sent(place, "--owner", "head").returncode == 0
    assert ("head@example.com", told.titles("test")[-1][1]) in told.titles("test")
    assert len(told.titles("test")) > before


def test_a_silence_is_told(place: Place) -> None:
    """It would swallow real alerts as well."""
    place.silence("holidays", owner="cto")
    done = sent(place, "--owner", "cto", "--wait", "1")
    assert done.returncode == 1
    assert "it is silenced until" in done.stderr
    assert "of ada: holidays" in done.stderr


def test_a_channel_that_fails_is_told(place: Place) -> None:
    """Nothing listens there; Alertmanager tries again, and a person should not wait for it."""
    done = sent(place, "--owner", "broken")
    assert done.returncode == 1
    assert done.stderr == "webhook: failed; the log of Alertmanager says why\n"


def test_an_alertmanager_without_the_routes_is_told(place: Place, tmp_path: Path) -> None:
    """The message went somewhere, and not to the owner."""
    text = place.config.read_text().replace("  head:", "  newcomer: {email: newcomer@example.com}\n  head:")
    (tmp_path / "exporter.yml").write_text(text)
    done = sent(Place(place.url, place.inbox, tmp_path / "exporter.yml"), "--owner", "newcomer")
    assert done.returncode == 1
    assert "it goes to _unowned, and not to newcomer" in done.stderr


@pytest.fixture(scope="module")
def guarded(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An Alertmanager below a path, behind TLS and a password; give a folder with its address, a way in and a wrong one."""
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder, "ours")
    certificate, key = authority.issue("server")
    password = "pässword"
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    web = f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\nbasic_auth_users: {{ada: '{hashed}'}}\n"
    (folder / "web.yml").write_text(web)
    for name, held in (("in", password), ("out", "another")):
        (folder / f"{name}.txt").write_text(f"{held}\n")
        user = f"basic_auth: {{username: ada, password_file: {name}.txt}}"
        (folder / f"{name}.yml").write_text(f"{user}\ntls_config: {{ca_file: ours.pem}}\n")
    flags = (f"--web.config.file={folder}/web.yml", "--web.route-prefix=/alerts")
    with alertmanager_of(place.config.parent / "alertmanager/alertmanager.yml", folder, *flags) as url:
        (folder / "url").write_text(url.replace("http:", "https:"))
        yield folder


@pytest.mark.parametrize(
    ("path", "how", "code", "said"),
    [
        ("/alerts/", "in.yml", 0, "took ModelTestAlert-"),
        ("/alerts", "out.yml", 2, "answers 401 Unauthorized; name a user or a token in --http.config.file"),
        ("", "in.yml", 2, "answers 404 Not Found; with --web.route-prefix its path belongs to --alertmanager.url"),
    ],
)
def test_behind_a_path_and_a_password(place: Place, guarded: Path, path: str, how: str, code: int, said: str) -> None:
    """As it is in production; what is wrong with the way in is told."""
    url = (guarded / "url").read_text() + path
    done = sent(place, "--owner", "head", "--alertmanager.url", url, "--http.config.file", str(guarded / how))
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr


def test_what_nobody_can_tell_is_no_success(place: Place) -> None:
    """A proxy lets the API through and not the metrics, which alone say what was sent."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass("GET", place.url)

        def do_POST(self) -> None:
            self._pass("POST", place.url)

        def _pass(self, method: str, url: str) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = {"Content-Type": "application/json"}
            found = requests.request(method, url + self.path, data=data, headers=kind, timeout=5)
            self.send_response(404 if self.path == "/metrics" else found.status_code)
            self.end_headers()
            self.wfile.write(found.content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = sent(place, "--owner", "head", "--alertmanager.url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert done.returncode == 1
    assert done.stderr == "its metrics cannot be read: whether messages were sent is not known\n"


def test_a_certificate_that_nobody_knows_is_not_trusted(place: Place, guarded: Path) -> None:
    """The password would go to whoever answers."""
    done = sent(place, "--owner", "head", "--alertmanager.url", (guarded / "url").read_text())
    assert done.returncode == 2
    assert "certificate verify failed" in done.stderr


def test_the_way_in_is_read_whole(place: Place, tmp_path: Path) -> None:
    """What is not understood is not left out."""
    file = tmp_path / "http.yml"
    file.write_text("basic_auth: {username: ada, password: secret}\nfollow_redirects: true\n")
    done = sent(place, "--owner", "head", "--http.config.file", str(file))
    assert done.returncode == 2
    assert "basic_auth.password: unknown key" in done.stderr
    assert "follow_redirects: unknown key" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--owner", "risk"),
            "--owner: risk is no owner; did you mean risk-ds? (there is: risk-ds, data-eng, head, broken, cto)",
        ),
        (("--owner", "head", "--alertmanager.url", "http://127.0.0.1:9"), "cannot be asked: Connection refused"),
        (("--owner", "head", "--alertmanager.url", "localhost:9093"), "is no address such as http://localhost:9093"),
        (("--owner", "head", "--alertmanager.url", "http://a:b@localhost:9093"), "name it in --http.config.file"),
    ],
)
def test_what_cannot_be_done_is_an_error(place: Place, arguments: tuple[str, ...], said: str) -> None:
    """For scripts, another code than that of a message which did not arrive."""
    done = sent(place, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
