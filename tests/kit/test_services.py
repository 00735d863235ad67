"""A real Alertmanager tells PagerDuty, Opsgenie, Discord, Teams and a webhook, all of them a server here."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import requests
import yaml

from alertmanagers import alertmanager_of, wait
from prediction_exporter.config import parse
from prediction_exporter.kit import render as kit
from prediction_exporter.kit.alertmanager import CONFIG_FILE, TEMPLATE_FILE
from prediction_exporter.kit.boards.board import path_of

SUMMARY = "A feature is no longer distributed as it was when the model was trained."
ACTION = "Find out when it began and what changed then: broken upstream, or a real change?"
RUNBOOK = "https://wiki.example.com/ml/ModelFeatureDrift"
MODEL_PAGE = f"http://grafana.example.com{path_of('model')}?var-model={{model}}"
DASHBOARD = f"http://grafana.example.com{path_of('column')}?var-model={{model}}&var-column={{column}}"
CHANGED = "version 2 first seen 29 Nov 13:02 UTC"
VERDICT = "https://models.example.com/notes?model={model}&alert=ModelFeatureDrift"
EXPRESSION = "http://prometheus.example.com/graph?g0.expr=a+%3E+1&g0.tab=1"


@dataclass(frozen=True)
class Request:
    """What Alertmanager sent to a service."""

    method: str
    path: str
    authorization: str | None
    body: Any


@dataclass
class Sink:
    """All that came, and where it comes."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)

    def of(self, path: str, about: str) -> list[Request]:
        """Return what came to a path and names something."""
        return [each for each in self.requests if each.path.startswith(path) and about in json.dumps(each.body)]


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """All services in one."""
    received = Sink()

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.requests.append(Request(self.command, self.path, self.headers["Authorization"], body))
            self.send_response(202)
            self.end_headers()

        do_PUT = do_POST  # noqa: N815 - the name is http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        received.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield received
        server.shutdown()
        thread.join()


def configuration(port: int, folder: Path) -> str:
    """Return a configuration whose two owners are reached by every service, one of them for all of its models at once."""
    services = f"""
    pagerduty: {{routing_key_file: {folder}/pagerduty, url: "http://127.0.0.1:{port}/pagerduty"}}
    opsgenie:
      api_key_file: {folder}/opsgenie
      api_url: "http://127.0.0.1:{port}/opsgenie"
      responders: [{{team: risk}}, {{user: on-call@example.com}}]
    discord: {{webhook_url_file: {folder}/discord}}
    msteams: {{webhook_url_file: {folder}/msteams}}
    webhook: {{url: "http://127.0.0.1:{port}/webhook", credentials_file: {folder}/token, max_alerts: 5}}
"""
    return f"""
owners:
  risk-ds: {services}
  platform: {services}
    group: owner
models: [{{name: credit-risk, owner: risk-ds, maturity: 0, predictions: {{log: {{path: /log}}}}}}]
alertmanager: {{version: "0.28"}}
"""


def for_the_installed(content: Any, port: int) -> Any:
    """Return a configuration of 0.28 as 0.25 takes it: addresses of Discord as they are, and Discord in the place of Teams."""
    for receiver in content["receivers"]:
        teams = receiver.pop("msteamsv2_configs")
        for section in receiver["discord_configs"]:
            del section["webhook_url_file"]
            section["webhook_url"] = f"http://127.0.0.1:{port}/discord"
        for section in teams:
            del section["webhook_url_file"]
            message = section.pop("text")
            receiver["discord_configs"].append(
                {**section, "webhook_url": f"http://127.0.0.1:{port}/msteams", "message": message}
            )
    return content


@pytest.fixture(scope="module")
def alertmanager(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Alertmanager with the rendered configuration, 100 times faster than real time."""
    folder = tmp_path_factory.mktemp("alertmanager")
    for name in ("pagerduty", "opsgenie", "token"):
        (folder / name).write_text(f"key-of-{name}")
    config = parse(configuration(sink.port, folder), name="test.yml", base=folder, environ={})
    kit.write(kit.render(config, only=["alertmanager"], time_scale=100), folder)
    file = folder / CONFIG_FILE
    file.write_text(yaml.safe_dump(for_the_installed(yaml.safe_load(file.read_text()), sink.port)))
    with alertmanager_of(file, folder) as address:
        yield address


def alert(model: str, column: str = "", severity: str = "warning", owner: str = "risk-ds", **more: str) -> dict[str, Any]:
    """Return an alert of now, whose description tells a figure of its own."""
    labels = {
        "alertname": "ModelFeatureDrift",
        "severity": severity,
        "area": "drift",
        "owner": owner,
        "namespace": "ml",
        "model": model,
        "column": column,
    }
    annotations = {
        "summary": SUMMARY,
        "description": f"{column} of {model} has drifted: PSI 0.{len(column)}{len(model)}, threshold 0.20, over 4,210 values.",
        "action": ACTION,
        "runbook_url": RUNBOOK,
        "dashboard_url": DASHBOARD.format(model=model, column=quote_plus(column)),
        "exporter_url": "https://models.example.com/",
        "changed": CHANGED,
        "verdict_url": f"{VERDICT.format(model=model)}&column={quote_plus(column)}",
    }
    return {
        "labels": {name: value for name, value in (labels | more).items() if value},
        "annotations": annotations,
        "generatorURL": EXPRESSION,
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
    }


@dataclass(frozen=True)
class Told:
    """What each service got first of a group."""

    pagerduty: Request
    opsgenie: Request
    discord: Request
    msteams: Request
    webhook: Request

    @property
    def texts(self) -> dict[str, str]:
        """What a person reads in each."""
        return {
            "pagerduty": "\n".join(filter(None, self.pagerduty.body["payload"]["custom_details"].values())),
            "opsgenie": self.opsgenie.body["description"],
            "discord": self.discord.body["embeds"][0]["description"],
            "msteams": self.msteams.body["embeds"][0]["description"],
        }

    @property
    def titles(self) -> set[str]:
        """The titles, which are the same in each."""
        found = {self.pagerduty.body["payload"]["summary"], self.opsgenie.body["message"]}
        return found | {each.body["embeds"][0]["title"] for each in (self.discord, self.msteams)}


SERVICES = ("pagerduty", "opsgenie/v2/alerts", "discord", "msteams", "webhook")


@pytest.fixture(scope="module")
def tell(alertmanager: str, sink: Sink) -> Callable[..., Told]:
    """Send alerts of a group, and return what each service got; ``about`` stands in all of it."""

    def send(alerts: list[dict[str, Any]], about: str) -> Told:
        requests.post(f"{alertmanager}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()
        wait(lambda: all(sink.of(f"/{service}", about) for service in SERVICES), f"messages about {about}")
        return Told(*(sink.of(f"/{service}", about)[0] for service in SERVICES))

    return send


@pytest.fixture(scope="module")
def drifted() -> list[dict[str, Any]]:
    """Twelve features of a model."""
    return [alert("credit-risk", f"c{i:02}") for i in range(12)]


@pytest.fixture(scope="module")
def told(tell: Callable[..., Told], drifted: list[dict[str, Any]]) -> Told:
    """What each service was told of twelve features of a model."""
    return tell(drifted, "credit-risk")


@pytest.mark.parametrize("service", ["pagerduty", "opsgenie", "discord", "msteams"])
def test_each_service_tells_all(told: Told, service: str) -> None:
    """What, how bad against which threshold, since when, what to do, whose it is; ten of twelve alerts are listed."""
    text = told.texts[service].replace("\u00a0", " ")
    assert told.titles == {"[WARNING] credit-risk: ModelFeatureDrift in 12 columns"}
    assert SUMMARY in text
    assert "c00 of credit-risk has drifted: PSI 0.311, threshold 0.20, over 4,210 values. Since" in text
    assert f"{datetime.now(UTC):%-d %b} " in text or f"{datetime.now(UTC) - timedelta(days=1):%-d %b} " in text
    assert ("c09 of" in text, "c10 of" in text) == (True, False)
    assert "12 alerts in all, of which 10 are listed." in text
    assert ACTION in text
    assert re.sub(":\u00a0", ": ", CHANGED) in text
    assert "risk-ds" in text
    for hole in ("<no value>", "%!", "{{", "()", "\n\n\n"):
        assert hole not in text
    # Teams takes what begins with empty or indented lines for code.
    assert text == text.strip()
    assert not re.search(r"^[ \t]{2}", text, re.MULTILINE)


def test_links_lead_where_they_say(told: Told) -> None:
    """Dashboard, runbook, exporter, query and silence: as links where a service has them, as addresses else."""
    links = {link["text"]: link["href"] for link in told.pagerduty.body["links"]}
    assert links["Dashboard"] == MODEL_PAGE.format(model="credit-risk") == told.pagerduty.body["client_url"]
    assert (links["Runbook"], links["Exporter"], links["Query"]) == (RUNBOOK, "https://models.example.com/", EXPRESSION)
    assert links["Silence"].startswith("http://alertmanager.example.com/#/silences/new?filter=")
    # Of no column, as there are twelve.
    assert re.fullmatch(re.escape(VERDICT.format(model="credit-risk")) + r"&at=[-\d]+T\d\d:\d\dZ", links["Was it right?"])
    for name, address in links.items():
        assert f"[{name}]({address})" in told.texts["discord"]
        assert f"[{name}]({address})" in told.texts["msteams"]
        assert f"{name}:" in told.texts["opsgenie"].replace("right?", "right?:")
        assert address in told.texts["opsgenie"]


def test_pagerduty_gets_an_event(told: Told) -> None:
    """Of the Events API v2, with the key from the file and a severity that it knows."""
    event = told.pagerduty.body
    assert event["routing_key"] == "key-of-pagerduty"
    assert event["event_action"] == "trigger"
    payload = event["payload"]
    assert (payload["severity"], payload["source"], payload["component"]) == ("warning", "credit-risk", "credit-risk")
    assert (payload["class"], payload["group"]) == ("ModelFeatureDrift", "ml")


def test_details_of_pagerduty_are_texts_to_later_ones(told: Told) -> None:
    """From 0.30 on Alertmanager reads each as YAML, and sends a list or a mapping in the place of a text that is one."""
    for name, detail in told.pagerduty.body["payload"]["custom_details"].items():
        try:
            read = yaml.safe_load(detail)
        except yaml.YAMLError:
            continue  # then the text is sent
        assert isinstance(read, str | int | None), name


def test_opsgenie_gets_an_alert(told: Told) -> None:
    """With its priority, who responds, and where it is told that something joined the group."""
    request = told.opsgenie
    assert request.authorization == "GenieKey key-of-opsgenie"
    assert request.body["priority"] == "P3"
    assert request.body["responders"] == [{"name": "risk", "type": "team"}, {"username": "on-call@example.com", "type": "user"}]
    assert request.body["tags"] == ["ModelFeatureDrift", "drift"]
    assert len(request.body["message"]) <= 130


def test_a_webhook_gets_what_is_sent_to_all(told: Told) -> None:
    """With the token, and no more alerts than it takes; the others are counted."""
    request = told.webhook
    assert request.authorization == "Bearer key-of-token"
    assert (len(request.body["alerts"]), request.body["truncatedAlerts"]) == (5, 7)
    assert request.body["receiver"] == "risk-ds"


def test_the_end_is_told(told: Told, drifted: list[dict[str, Any]], alertmanager: str, sink: Sink) -> None:
    """An incident is resolved by its key, an alert closed; others get a message that asks for nothing."""
    ended = [{**each, "endsAt": datetime.now(UTC).isoformat()} for each in drifted]
    requests.post(f"{alertmanager}/api/v2/alerts", json=ended, timeout=5).raise_for_status()
    wait(lambda: all(sink.of(f"/{name}", "[RESOLVED] credit-risk") for name in ("pagerduty", "discord", "msteams")), "the end")
    [incident] = sink.of("/pagerduty", "[RESOLVED] credit-risk")
    assert (incident.body["event_action"], incident.body["dedup_key"]) == ("resolve", told.pagerduty.body["dedup_key"])
    assert "Silence" not in {link["text"] for link in incident.body["links"]}
    for service in ("discord", "msteams"):
        [message] = sink.of(f"/{service}", "[RESOLVED] credit-risk")
        text = message.body["embeds"][0]["description"]
        assert "**Resolved:**" in text
        assert (ACTION in text, "Silence" in text, "c00 of credit-risk" in text) == (False, False, True)
    path = f"/opsgenie/v2/alerts/{told.opsgenie.body['alias']}/close"
    wait(lambda: any(each.path.startswith(path) for each in sink.requests), "the closed alert")
    wait(lambda: [each for each in sink.of("/webhook", "credit-risk") if each.body["status"] == "resolved"], "the webhook")


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        (("critical",), ("CRITICAL", "critical", "P1")),
        (("info",), ("INFO", "info", "P5")),
        (("warning", "info"), ("FIRING", "warning", "P3")),
    ],
)
def test_a_severity_is_one_that_the_service_knows(
    tell: Callable[..., Told], severities: tuple[str, ...], expected: tuple[str, str, str]
) -> None:
    """Also of a group of several, which has none in common."""
    model = f"severe-{'-'.join(severities)}"
    told = tell([alert(model, f"c{i}", severity) for i, severity in enumerate(severities)], model)
    state, severity, priority = expected
    assert told.pagerduty.body["payload"]["summary"].startswith(f"[{state}] ")
    assert (told.pagerduty.body["payload"]["severity"], told.opsgenie.body["priority"]) == (severity, priority)


@pytest.fixture(scope="module")
def models(tell: Callable[..., Told]) -> Told:
    """What each service was told of an owner who wants one message for all: twelve models, some with several alerts."""
    alerts = [alert(f"fleet-{i:02}", f"c{j}", owner="platform") for i in range(12) for j in range(i % 3 + 1)]
    return tell(alerts, "fleet-")


@pytest.mark.parametrize(("service", "listed"), [("pagerduty", 10), ("opsgenie", 10), ("discord", 6), ("msteams", 6)])
def test_an_owner_is_told_of_all_models_at_once(models: Told, service: str, listed: int) -> None:
    """Each once, with its own figure and its own dashboard, and how many alerts it has; none hides another."""
    text = models.texts[service].replace("\u00a0", " ").replace("**", "")
    # One, two and three columns in turn.
    assert models.titles == {"[WARNING] 12 models: ModelFeatureDrift in 24 columns"}
    for i in range(12):
        name = f"fleet-{i:02}"
        entry = f"{name}{'' if i % 3 == 0 else f', {i % 3 + 1} alerts'}: c0 of {name} has drifted: PSI 0.28, threshold 0.20"
        assert (entry in text) is (i < listed)
        assert (DASHBOARD.format(model=name, column="c0") in text) is (i < listed)
    assert f"12 models in all, of which {listed} are listed." in text
    assert "c1 of" not in text


def test_a_silence_of_all_models_leaves_other_owners_alone(models: Told) -> None:
    """The owner is among its matchers, where no model is."""
    [silence] = [link["href"] for link in models.pagerduty.body["links"] if link["text"] == "Silence"]
    assert "owner%3D%22platform%22" in silence
    assert "model%3D" not in silence
    # A query is of one model.
    assert {link["text"] for link in models.pagerduty.body["links"]} == {"Dashboard", "Runbook", "Exporter", "Silence"}


def test_few_models_are_named_in_the_title(tell: Callable[..., Told]) -> None:
    """The same name in two namespaces is listed twice, with both."""
    alerts = [
        alert("twin", "age", "critical", "platform", namespace="eu"),
        alert("twin", "age", "critical", "platform", namespace="us"),
        alert("other", "age", "critical", "platform", namespace="us"),
    ]
    told = tell(alerts, "twin")
    [title] = told.titles
    assert re.fullmatch(r"\[CRITICAL\] (twin, other|other, twin): ModelFeatureDrift in age", title)
    for name, text in told.texts.items():
        plain = text.replace("**", "")
        assert "twin (eu)" in plain, name
        assert "twin (us)" in plain, name


#: What anyone who may write a line of the log could put into a column: mentions, links, marks, more lines, other directions.
HOSTILE = (
    "# @everyone <@1> [x](http://evil.example.com) https://evil.example.com **b** __u__ _i_ ~~s~~ ||p|| `c` ```q``` \\*"
    "\n**Do:** run it\u2028- key: value\u202egpj"
)


def test_a_value_is_no_markup(tell: Callable[..., Told]) -> None:
    """Whatever it holds: it mentions nobody, leads nowhere, stays in its line and is no structure."""
    told = tell([alert("hostile", HOSTILE)], "hostile")
    for service, text in told.texts.items():
        assert "\u2028" not in text, service
        assert "\u202e" not in text, service
        assert "evil.example.com" in text, service
        assert "://evil" not in text, service
        assert not [line for line in text.splitlines() if line.startswith(("**Do:** run", "- key"))], service
    for service in ("discord", "msteams"):
        text = told.texts[service]
        links = re.findall(r"\[([\w ?]+)\]\(", text)
        assert links == ["Dashboard", "Runbook", "Exporter", "Query", "Silence", "Was it right?"]
        rest = re.sub(r"\[[\w ?]+\]\([^)]*\)", "", text)
        assert not re.search(r"[@<>~\\`]|\]\(|\|\||__|(?<!\w)_", rest)
        assert re.findall(r"\*[^*]*\*", rest.replace("**", "*")) == ["*Do:*", "*Changed:*"]
        assert not re.search(r"^\s*(- )?#", rest, re.MULTILINE)


def test_long_values_are_cut(tell: Callable[..., Told]) -> None:
    """Services refuse what is too long: Discord above 4,096 signs, Opsgenie above 15,000, Teams above 28 kB."""
    told = tell([alert("long-values", f"{i}{'x' * 5000}") for i in range(12)], "long-values")
    assert len(told.texts["discord"]) <= 4096
    assert len(told.texts["opsgenie"]) <= 15_000
    assert len(json.dumps(told.msteams.body).encode()) <= 28_000
    assert len(json.dumps(told.pagerduty.body).encode()) <= 512_000
    assert "12 alerts in all, of which 10 are listed." in told.texts["discord"]


def test_long_titles_are_cut(tell: Callable[..., Told]) -> None:
    """No name is so long that a service refuses the title, and what matters stands in front."""
    told = tell([alert("long-title", "y" * 2000)], "long-title")
    summary, message = told.pagerduty.body["payload"]["summary"], told.opsgenie.body["message"]
    assert summary == message == f"[WARNING] long-title: ModelFeatureDrift in {'y' * 26}\u2026{'y' * 18}"
    assert len(message) <= 130


@pytest.mark.parametrize("name", ["slack.text", "plain", "markdown", "pagerduty.firing", "email.html"])
def test_a_very_large_group_is_counted_as_far_as_it_is_read(
    run: Callable[..., str], folder: Path, tmp_path: Path, name: str
) -> None:
    """Without arithmetic each alert is compared with each other one: of 1,500, of three a model, the first 300 are."""
    shared = {
        "status": "firing",
        "generatorURL": EXPRESSION,
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2026-01-02T00:00:00Z",
    }
    common = {"alertname": "ModelFeatureDrift", "severity": "warning", "owner": "platform", "namespace": "ml"}
    alerts = [
        {**alert(f"m{i // 3}", f"c{i % 3}"), **shared, "labels": {**common, "model": f"m{i // 3}", "column": f"c{i % 3}"}}
        for i in range(1500)
    ]
    data = {"status": "firing", "alerts": alerts, "commonLabels": common, "externalURL": "http://alertmanager.example.com"}
    (tmp_path / "data.json").write_text(json.dumps(data))
    output = run(
        "amtool",
        "template",
        "render",
        f"--template.glob={folder / TEMPLATE_FILE}",
        f"--template.type={'html' if name.endswith('html') else 'text'}",
        f'--template.text={{{{ template "prediction-exporter.{name}" . }}}}',
        f"--template.data={tmp_path / 'data.json'}",
    )
    assert "100 models or more in all, of which" in output
    assert "m1, 3 alerts" in re.sub(r"[*]|</?strong>", "", output)
