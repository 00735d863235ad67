"""A real Alertmanager sends grouped alerts to a Slack webhook and a mail server here; a woken person finds what they need."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote_plus, unquote

import pytest
import requests

from alertmanagers import alertmanager_of, wait
from inboxes import Inbox, inbox_of, part
from prediction_exporter.config import parse
from prediction_exporter.kit import render as kit
from prediction_exporter.kit.boards.board import path_of
from prediction_exporter.kit.rules import ALERTS_FILE
from quick_yaml import load as load_yaml

COLUMNS = 12
#: 1.10 is 92 % of 1.20 and so 9 tenths, 1.00 is 83 % and so 8, and so on.
BARS = {"c11 1.20": 10, "c10 1.10": 9, "c09 1.00": 8, "c08 0.90": 8, "c07 0.80": 7}
BARS |= {"c06 0.70": 6, "c05 0.60": 5, "c04 0.50": 4, "c03 0.40": 3, "c02 0.30": 2}
ROWS = [f"{'█' * tenths}{'░' * (10 - tenths)} {text}" for text, tenths in BARS.items()]
WORST = f"{', '.join(ROWS)} and 2 more"
CHANGED = "version 2 first seen 29 Nov 13:02 UTC, configuration read 29 Nov 12:58 UTC"
VERDICT = "https://models.example.com/notes?model=credit-risk&alert=ModelFeatureDrift"
SUMMARY = "A feature is no longer distributed as it was when the model was trained."
ACTION = "Find out when it began and what changed then."
RUNBOOK = "https://wiki.example.com/ml/ModelFeatureDrift"
CHOSEN = "?var-model=credit-risk&var-version=2"
COLUMN_PAGE = f"http://grafana.example.com{path_of('column')}{CHOSEN}"
MODEL_PAGE = f"http://grafana.example.com{path_of('model')}{CHOSEN}"
FLEET_PAGE = f"http://grafana.example.com{path_of('fleet')}?var-owner=platform"
EXPORTER = "https://models.example.com/"
GRAPHED = '{__name__=~"a:b:c|a:b:d", model="credit-risk", column="c00"}'
EXPRESSION = "http://prometheus.example.com/graph?g0.expr=a+%3E+1&g0.tab=1"
#: Of all columns.
_ALL = GRAPHED.replace(', column="c00"', "")
QUERY = f"http://prometheus.example.com/graph?g0.expr={quote_plus(_ALL)}&g0.tab=0&g0.range_input=1d"


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[Inbox, int, int]]:
    """A webhook and a mail server, with their ports."""
    with inbox_of() as found:
        yield found


@pytest.fixture(scope="module")
def alertmanager(inbox: tuple[Inbox, int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Alertmanager with the rendered configuration, 100 times faster than real time."""
    _, webhook, mailbox = inbox
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "slack_api_url").write_text(f"http://127.0.0.1:{webhook}/services/T/B/X")
    config = parse(
        f"""
owners:
  risk-ds: {{slack: "#risk-models", email: risk-ds@example.com}}
  platform: {{slack: "#platform", email: platform@example.com, group: owner}}
models: [{{name: credit-risk, owner: risk-ds, maturity: 0, predictions: {{log: {{path: /log}}}}}}]
notifications:
  slack_api_url_file: {folder}/slack_api_url
  smtp: {{smarthost: "127.0.0.1:{mailbox}", from: alertmanager@example.com, require_tls: false}}
  unowned: {{email: unowned@example.com}}
""",
        name="test.yml",
        base=folder,
        environ={},
    )
    kit.write(kit.render(config, time_scale=100), folder)
    with alertmanager_of(folder / "alertmanager/alertmanager.yml", folder) as address:
        yield address


def _alerts(start: datetime, end: datetime) -> list[dict[str, Any]]:
    return [
        {
            "labels": {
                "alertname": "ModelFeatureDrift",
                "severity": "warning",
                "area": "drift",
                "owner": "risk-ds",
                "namespace": "ml",
                "model": "credit-risk",
                "version": "2",
                "column": f"c{i:02}",
                "role": "feature",
            },
            "annotations": {
                "summary": SUMMARY,
                "description": (
                    f"c{i:02} of credit-risk version 2 has drifted (mean 14,560 -> 23,442, up 0.9 sd): "
                    f"PSI {(i + 1) / 10:.2f} against a threshold of 0.20, over 4,210 values in 1h."
                ),
                "worst": WORST,
                "action": ACTION,
                "runbook_url": RUNBOOK,
                "dashboard_url": f"{COLUMN_PAGE}&var-column=c{i:02}",
                "changed": CHANGED,
                "exporter_url": EXPORTER,
                "verdict_url": f"{VERDICT}&column=c{i:02}",
                "query": GRAPHED.replace("c00", f"c{i:02}"),
            },
            "generatorURL": EXPRESSION,
            "startsAt": start.isoformat(),
            "endsAt": end.isoformat(),
        }
        for i in range(COLUMNS)
    ]


Story = dict[str, tuple[dict[str, Any], EmailMessage]]


@pytest.fixture(scope="module")
def started() -> datetime:
    """When the alerts begin: now, as a group of older ones would be sent before its last alert has come."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def story(alertmanager: str, inbox: tuple[Inbox, int, int], started: datetime) -> Story:
    """Twelve features drift, and recover: the Slack message and the mail of each."""
    received, _, _ = inbox

    def send(end: datetime, count: int) -> tuple[dict[str, Any], EmailMessage]:
        alerts = _alerts(started, end)
        requests.post(f"{alertmanager}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()
        wait(lambda: len(received.slack) >= count and len(received.mails) >= count, f"message {count}")
        return received.slack[count - 1], received.mails[count - 1]

    return {"firing": send(started + timedelta(minutes=5), 1), "resolved": send(datetime.now(UTC), 2)}


@pytest.fixture(scope="module")
def texts(story: Story) -> dict[tuple[str, str], str]:
    """Each rendering of each message."""
    found = {}
    for state, (slack, mail) in story.items():
        found[state, "slack"] = slack["attachments"][0]["text"]
        found[state, "plain"] = part(mail, "plain")
        found[state, "html"] = re.sub(r"\s+", " ", part(mail, "html").replace("&#39;", "'"))
    return found


def rows(text: str, way: str) -> list[tuple[str, int]]:
    """Return the rows of a list of columns, each with the tenths that its bar has."""
    if way != "html":
        found = re.findall(r"^(█*)░* ?(\w+ [\d.]+|and 2 more)$", text, re.MULTILINE)
        return [(row, len(bar)) for bar, row in found]
    bars = [int(width) // 10 for width in re.findall(r'class="bar" width="(\d+)%"', text)]
    [*found, last] = re.findall(r"<td [^>]*padding:4px 0;[^>]*>([^<]+)</td>", text)
    return [*zip(found, bars, strict=True), (last, 0)]


def test_twelve_alerts_are_one_message(story: Story, inbox: tuple[Inbox, int, int]) -> None:
    """To the owner's channel and address, with a title that tells model, alert and number."""
    received, _, _ = inbox
    assert (len(received.slack), len(received.mails)) == (2, 2)
    slack, mail = story["firing"]
    title = "[WARNING] credit-risk: ModelFeatureDrift in 12 columns"
    assert slack["channel"] == "#risk-models"
    assert slack["attachments"][0]["title"] == mail["Subject"] == slack["attachments"][0]["fallback"] == title
    assert slack["attachments"][0]["title_link"] == MODEL_PAGE
    assert slack["attachments"][0]["color"] == "warning"
    assert mail["To"] == "risk-ds@example.com"


@pytest.mark.parametrize("way", ["slack", "plain", "html"])
def test_a_woken_person_finds_what_they_need(texts: dict[tuple[str, str], str], started: datetime, way: str) -> None:
    """What, how bad against which threshold, since when, over how many predictions, the worst columns, what to do, links."""
    text = texts["firing", way]
    assert SUMMARY in text
    assert rows(text, way) == [*BARS.items(), ("and 2 more", 0)]
    assert CHANGED in text
    assert (
        "c00 of credit-risk version 2 has drifted (mean 14,560 -> 23,442, up 0.9 sd): PSI 0.10 against a threshold of 0.20, "
        "over 4,210 values in 1h."
    ) in html.unescape(text).replace("\u2192", "->")
    assert "c09 of" in text
    assert "c10 of" not in text
    assert "12 alerts in all, of which 10 are listed." in text
    assert f"ince {started:%-d %b %H:%M} UTC" in text
    assert ACTION in text
    assert RUNBOOK in text
    for address in (MODEL_PAGE, EXPORTER, QUERY, f"{VERDICT}&at={started:%Y-%m-%dT%H:%M}Z"):
        assert address in html.unescape(text)
    assert "var-column" not in text
    assert "First steps" not in text
    assert "Owner: risk-ds" in re.sub(" +", " ", text)
    silence = (
        "http://alertmanager.example.com/#/silences/new?filter="
        "%7Balertname%3D%22ModelFeatureDrift%22%2Cmodel%3D%22credit-risk%22%2Cnamespace%3D%22ml%22%2Crole%3D%22feature%22"
        "%2Cseverity%3D%22warning%22%2Cversion%3D%222%22%7D"
    )
    assert silence in text


@pytest.mark.parametrize("way", ["slack", "plain", "html"])
def test_a_resolved_message_says_so(texts: dict[tuple[str, str], str], started: datetime, way: str) -> None:
    """It tells what has ended and when, and no longer asks for anything."""
    text = texts["resolved", way]
    assert "Resolved" in text
    assert f"It is over. It was: {SUMMARY}" in text
    assert "(under a minute)" in text
    assert "c00 of credit-risk version 2" in text
    assert f"{started:%-d %b %H:%M} UTC" in text
    assert ACTION not in text
    assert "silences/new" not in text
    assert RUNBOOK in text
    # When it is over, it is known what it was.
    assert html.escape(VERDICT) in text or VERDICT in text
    assert CHANGED not in text


def test_a_list_of_mails_shows_that_it_is_over(texts: dict[tuple[str, str], str]) -> None:
    """A program that takes both mails for one conversation shows the first one's subject, and how the last one begins."""
    previews = [re.search(r'<div style="display:none;[^>]*>([^<]*)', texts[state, "html"]) for state in ("firing", "resolved")]
    firing, resolved = (preview[1].strip() for preview in previews if preview is not None)
    assert firing.startswith("12 alerts, since ")
    assert resolved.startswith("It is over. c00 of credit-risk version 2 ")


def test_a_resolved_message_has_a_title_of_its_own(story: Story) -> None:
    """The end of a problem is told apart at a glance."""
    slack, mail = story["resolved"]
    assert mail["Subject"] == slack["attachments"][0]["title"] == "[RESOLVED] credit-risk: ModelFeatureDrift in 12 columns"
    assert slack["attachments"][0]["color"] == "good"


def test_no_template_leaves_a_hole(texts: dict[tuple[str, str], str]) -> None:
    """No unfilled field, no empty link, no left-over markup."""
    for text in texts.values():
        assert "<no value>" not in text
        assert "%!" not in text
        assert "{{" not in text
        assert 'href=""' not in text
        assert "ZgotmplZ" not in text
        assert len(text) > 300
        assert not re.search(r"\n{3,}", text)


def test_a_mail_is_read_on_a_phone_and_at_night(texts: dict[tuple[str, str], str]) -> None:
    """An alert has one column, as a second leaves a few words' width; each dark colour on white has a light one on black."""
    for state in ("firing", "resolved"):
        text = texts[state, "html"]
        assert "white-space:nowrap" not in text
        assert all(row.count("<td") == 1 for row in text.split("<tr>")[1:] if 'class="line"' in row)
        dark = set(re.findall(r"[.](\w+) \{[^}]*?(?<![-\w])color:#", text))
        for tag in re.findall(r'<\w+ [^>]*style="[^"]*(?<![-\w])color:#(?!ffffff)[^>]*>', text):
            name = re.search(r'class="([^"]*)"', tag)
            assert name is not None, tag
            assert dark & set(name[1].split()), tag


@dataclass(frozen=True)
class Told:
    """A message, in each of its forms."""

    title: str
    slack: str
    plain: str
    html: str

    @property
    def texts(self) -> tuple[str, str, str]:
        """What a reader sees, whichever way it came."""
        return self.slack, self.plain, html.unescape(re.sub(r"<br>|<[^>]+>", "\n", self.html))

    @property
    def silence(self) -> str:
        """Where the message's link to a silence leads."""
        link = re.search(r"<(http\S+)\|Silence>", self.slack)
        assert link is not None
        return link[1]


@pytest.fixture
def tell(alertmanager: str, inbox: tuple[Inbox, int, int]) -> Callable[..., Told]:
    """Send alerts about a model that no other test uses, and return the message."""
    received, _, _ = inbox

    def send(model: str, *alerts: dict[str, str], **annotations: str) -> Told:
        common = {"alertname": "ModelFeatureDrift", "severity": "warning", "area": "drift", "owner": "risk-ds", "model": model}
        body = [
            {
                "labels": common | alert,
                "annotations": {"summary": SUMMARY, "description": "It has drifted.", "action": ACTION, **annotations},
                "generatorURL": EXPRESSION,
            }
            for alert in alerts
        ]
        requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=5).raise_for_status()

        def found() -> tuple[list[dict[str, Any]], list[EmailMessage]]:
            return (
                [each for each in received.slack if re.search(rf" {model}[:-]", each["attachments"][0]["title"])],
                [each for each in received.mails if re.search(rf" {model}[:-]", each["Subject"])],
            )

        wait(lambda: all(found()), f"messages about {model}")
        [slack], [mail] = found()
        assert slack["attachments"][0]["title"] == mail["Subject"]
        return Told(mail["Subject"], slack["attachments"][0]["text"], part(mail, "plain"), part(mail, "html"))

    return send


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (("income",), "in income"),
        (("income", "income"), "in income"),
        (("<b>R&D</b>",), "in \u2039b\u203aR&D\u2039/b\u203a"),
        (("income", "age", "income"), "in 2 columns"),
        (tuple(f"c{i}" for i in range(101)), "in 100 columns or more"),
        (("",), ""),
        (("", ""), "(2)"),
    ],
)
def test_the_subject_names_the_column(tell: Callable[..., Told], columns: tuple[str, ...], told: str) -> None:
    """Or says how many there are, each once, in however many versions; of other alerts it gives the number."""
    model = f"m{len(columns)}{len(set(columns))}{re.sub('[^a-z0-9]', '', columns[0])}"
    alerts = [{"version": str(i)} | ({"column": column} if column else {}) for i, column in enumerate(columns)]
    assert tell(model, *alerts).title == f"[WARNING] {model}: ModelFeatureDrift {told}".rstrip()


@pytest.mark.parametrize("sign", ["x", "\u00fc", "\u5e74", "\U0001f4c8"])
def test_a_subject_fits_into_a_line_of_a_mail(tell: Callable[..., Told], inbox: tuple[Inbox, int, int], sign: str) -> None:
    """Alertmanager does not fold it; mail servers take 998 bytes, Opsgenie 130 signs. A long name's begin and end are told."""
    name = f"long-{ord(sign)}"
    title = tell(name, {"model": f"{name}-{sign * 300}", "column": sign * 300}).title
    assert re.fullmatch(rf"\[WARNING\] long-\d+-{sign}+…{sign}+: ModelFeatureDrift in {sign}+…{sign}+", title)
    assert len(title) <= 130
    assert max(len(line) for mail in inbox[0].sent for line in mail.splitlines()) <= 998


#: What anyone who may write a line of the log could put into a version: mentions, links, marks, more lines, other directions.
HOSTILE = (
    "<!channel> <@U1> @here <http://evil.example.com|Runbook> https://evil.example.com *b* _i_ ~s~ `c` ```p``` <b>&amp;</b>"
    "\n*Do:* run it\u2028Owner: nobody\u202egpj\u200b"
)


def test_a_value_of_the_log_is_no_markup(tell: Callable[..., Told]) -> None:
    """Whatever it holds: it mentions nobody, leads nowhere, and stays in its line, in the title and in each form."""
    said = f"{HOSTILE} has drifted."
    texts = {"summary": said, "description": said, "worst": f"a, {HOSTILE}", "action": f"Look at {HOSTILE}."}
    told = tell("hostile", {"column": HOSTILE, "version": HOSTILE, "namespace": HOSTILE, "role": HOSTILE}, **texts)
    assert told.title.isprintable()
    assert not re.search("[<>]|://", told.title)
    for text in (told.slack, told.plain, told.html):
        assert not re.search("[\u2028\u202e\u200b]", text)
        assert "has drifted." in text
    # Of Slack's own signs only those that the message itself writes: its links, its bold words and its dates.
    links = re.findall(r"<([^>]*)\|(\w+)>", told.slack)
    assert {name for _, name in links} == {"Query", "Silence"}
    rest = re.sub(r"<[^>]*\|\w+>", "", told.slack)
    assert not re.search(r"[<>@~]|://|```|&(?!(?:amp|lt|gt);)", rest)
    assert re.findall(r"\*[^*]*\*", rest) == ["*Do:*", "*Worst first:*"]
    assert rest.count("*") == 4
    assert re.findall(r"(?<!\w)_.*?_(?!\w)", rest) == re.findall(r"_Since [\w :]+\._", rest)
    lines = rest.splitlines()
    assert sum("has drifted." in line for line in lines) == 2
    assert not [line for line in lines if line.startswith(("Owner: nobody", "*Do:* run it"))]
    # A mail program makes a link of every address that it finds.
    addresses = set(re.findall(r"https?://[^/\s\"<]*", told.plain + told.html))
    assert addresses == {"http://alertmanager.example.com", "http://prometheus.example.com"}
    assert not [line for line in told.plain.splitlines() if line.startswith(("Owner: nobody", "*Do:*"))]
    assert not re.search(r"<b>|<!channel|<@", told.html)


def test_an_honest_name_reads_as_it_is(tell: Callable[..., Told]) -> None:
    """Names with the signs that names have, and the words of ours, are not touched."""
    name = "annual_income (k$), 2.0-rc1+b7 'x' #1 100%"
    told = tell("honest", {"column": name}, description=f"{name} rose: 1 -> 2.", action="Run `check config`.")
    assert told.title.endswith(f"in {name}")
    assert f"{name} rose: 1 -&gt; 2." in told.slack
    assert "*Do:* Run `check config`." in told.slack
    assert f"{name} rose: 1 -> 2." in told.plain
    assert f"{name} rose: 1 \u2192 2." in told.texts[2]


def test_a_silence_covers_what_was_told_and_nothing_else(tell: Callable[..., Told], alertmanager: str) -> None:
    """Of the link's matchers, read as Alertmanager's own page reads them: that column, version and severity alone."""
    column = 'annual income + "bonus" \\ 100%, {net}'
    labels = {"column": column, "version": "2", "namespace": "ml", "instance": "a:1", "job": "exporter", "role": "feature"}
    # Of a label that is empty Alertmanager's page takes nothing at all.
    told = tell("silenced", labels | {"cluster": ""})
    start = "http://alertmanager.example.com/#/silences/new?filter="
    assert told.silence.startswith(start)
    assert html.escape(told.silence) in told.html
    text = unquote(told.silence.removeprefix(start))
    found = re.findall(r'[{,](\w+)="((?:\\.|[^"\\])*)"', text)
    assert "{" + ",".join(f'{name}="{value}"' for name, value in found) + "}" == text
    matchers = {name: re.sub(r"\\(.)", r"\1", value) for name, value in found}
    assert matchers == labels | {"alertname": "ModelFeatureDrift", "model": "silenced", "severity": "warning"}
    silence = {
        "matchers": [{"name": name, "value": value, "isRegex": False} for name, value in matchers.items()],
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "createdBy": "test",
        "comment": "test",
    }
    requests.post(f"{alertmanager}/api/v2/silences", json=silence, timeout=5).raise_for_status()
    others = [{"column": "other"}, {"version": "3"}, {"severity": "critical"}]
    body = [
        {"labels": {"alertname": "ModelFeatureDrift", "severity": "warning", "model": "silenced"} | labels | other}
        for other in ({}, *others)
    ]
    requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=5).raise_for_status()

    def silenced() -> list[tuple[str, ...]]:
        found = requests.get(f"{alertmanager}/api/v2/alerts", params={"filter": 'model="silenced"'}, timeout=5).json()
        of = ("column", "version", "severity")
        return [tuple(alert["labels"][name] for name in of) for alert in found if alert["status"]["silencedBy"]]

    wait(silenced, "the silence")
    assert set(silenced()) == {(column, "2", "warning")}


def test_without_a_runbook_the_first_steps_stand_in_the_message(tell: Callable[..., Told]) -> None:
    """A step a line, in every form, and no link to a page that nobody serves."""
    steps = "1. Look at `<a&b>`.\n2. Roll back."
    told = tell("stepwise", {"column": "x"}, first_steps=steps, runbook_url="")
    forms = (steps.replace("<a&b>", "&lt;a&amp;b&gt;"), steps, "1. Look at \n<a&b>\n.\n2. Roll back.")
    for text, written in zip(told.texts, forms, strict=True):
        assert "First steps" in text
        assert written in text
        assert "unbook" not in text


def test_without_grafana_no_message_speaks_of_a_dashboard(tell: Callable[..., Told]) -> None:
    """Neither a link nor, in any alert's words, advice to look at one."""
    told = tell("no-grafana", {"column": "x"})
    rules = load_yaml(kit.render(None)[ALERTS_FILE])
    written = [text for group in rules["groups"] for rule in group["rules"] for text in rule.get("annotations", {}).values()]
    assert len(written) > 50
    assert not [text for text in (*told.texts, *written) if "dashboard" in text.lower()]


def test_a_foreign_generator_is_linked_as_it_is(tell: Callable[..., Told]) -> None:
    """An alert without figures of its own, as any other rule's, leads to the expression that it comes from."""
    told = tell("foreign", {"column": "x"})
    assert f"<{EXPRESSION}|Query>" in told.slack
    assert f"Query:     {EXPRESSION}\n" in told.plain
    assert f'href="{EXPRESSION}"' in html.unescape(told.html)


def test_an_alert_without_anything_is_still_told(alertmanager: str, inbox: tuple[Inbox, int, int]) -> None:
    """Somebody else's alert, without owner, model and annotations, reaches the root receiver with what there is."""
    received, _, _ = inbox
    before = len(received.mails)
    alert = {"labels": {"alertname": "Watchdog", "job": "node"}}
    requests.post(f"{alertmanager}/api/v2/alerts", json=[alert], timeout=5).raise_for_status()
    wait(lambda: len(received.mails) > before, "the mail")
    mail = received.mails[-1]
    assert mail["To"] == "unowned@example.com"
    assert mail["Subject"] == "[FIRING] node: Watchdog"
    assert "nobody (this alert has no owner)" in part(mail, "plain")
    for kind in ("plain", "html"):
        assert "<no value>" not in part(mail, kind)


@pytest.fixture(scope="module")
def fleet(alertmanager: str, inbox: tuple[Inbox, int, int]) -> Told:
    """What an owner is told who wants one message for all models: of twelve models, of which one has many alerts."""
    received, _, _ = inbox
    alerts, now = [], datetime.now(UTC)
    for number, alert in enumerate(_alerts(now, now + timedelta(minutes=5)) * 2):
        model = "alpha" if number < COLUMNS else f"model-{number - COLUMNS:02}"
        annotations = {
            **alert["annotations"],
            "description": alert["annotations"]["description"].replace("credit-risk", model),
            "dashboard_url": alert["annotations"]["dashboard_url"].replace("credit-risk", model),
        }
        if model != "alpha":
            del annotations["worst"]
        alerts.append({**alert, "annotations": annotations, "labels": {**alert["labels"], "owner": "platform", "model": model}})
    requests.post(f"{alertmanager}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()

    def found() -> tuple[list[dict[str, Any]], list[EmailMessage]]:
        return (
            [each for each in received.slack if each["channel"] == "#platform"],
            [each for each in received.mails if each["To"] == "platform@example.com"],
        )

    wait(lambda: all(found()), "messages about all models")
    (slack, *_), (mail, *_) = found()
    return Told(mail["Subject"], slack["attachments"][0]["text"], part(mail, "plain"), part(mail, "html"))


@pytest.mark.parametrize("way", ["slack", "plain", "html"])
def test_an_owner_is_told_of_all_models_at_once(fleet: Told, way: str) -> None:
    """Each once, with its figure and its dashboard, and the columns of the one that has many; ten of thirteen are listed."""
    assert fleet.title == "[WARNING] 13 models: ModelFeatureDrift in 24 columns"
    text = html.unescape({"slack": fleet.slack, "plain": fleet.plain, "html": fleet.html}[way]).replace("\u2192", "->")
    for number in range(COLUMNS):
        model = f"model-{number:02}"
        listed = number < 9  # behind alpha
        assert (f"c{number:02} of {model} version 2 has drifted (mean 14,560 -> 23,442" in text) is listed
        assert (f"{COLUMN_PAGE}&var-column=c{number:02}".replace("credit-risk", model) in text) is listed
    assert re.search(r"alpha(\*|</strong>)?, 12 alerts", text)
    assert "c00 of alpha" in text
    assert "c01 of alpha" not in text
    assert rows(fleet.html, "html")[:-1] == list(BARS.items()) if way == "html" else text.count(ROWS[0]) == 1
    assert "13 models in all, of which 10 are listed." in text
    assert re.search(r"24 alerts, since \d+ \w{3} \d\d:\d\d UTC\.", text)
    # A mail says it in its preview as well.
    assert text.count("ince ") == (12 if way == "html" else 11)
    assert FLEET_PAGE in text
    assert ACTION in text
    assert "owner%3D%22platform%22" in text
    assert QUERY not in text  # it is of one model
    assert not re.search(r"<no value>|%!|\{\{|\n{3,}", text)


def test_what_ended_is_told_with_how_long_it_was(alertmanager: str, inbox: tuple[Inbox, int, int]) -> None:
    """Of two columns one recovers after more than a day: the message is about the one that still fires, and tells the other."""
    received, _, _ = inbox
    begun, now = datetime.now(UTC) - timedelta(hours=26, minutes=3), datetime.now(UTC)
    common = {"alertname": "ModelFeatureDrift", "severity": "warning", "owner": "risk-ds", "model": "half-over"}

    def told(*, over: bool) -> tuple[dict[str, Any], EmailMessage]:
        body = [
            {
                "labels": common | {"column": column},
                "annotations": {"summary": SUMMARY, "description": f"{column} has drifted."},
                "startsAt": begun.isoformat(),
                "endsAt": (now if over and column == "was" else now + timedelta(minutes=5)).isoformat(),
            }
            for column in ("is", "was")
        ]
        requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=5).raise_for_status()
        count = 2 if over else 1

        def found() -> tuple[list[dict[str, Any]], list[EmailMessage]]:
            slack = [each["attachments"][0] for each in received.slack if " half-over:" in each["attachments"][0]["title"]]
            return slack[count - 1 :], [each for each in received.mails if " half-over:" in each["Subject"]][count - 1 :]

        wait(lambda: all(found()), f"message {count} about half-over")
        return found()[0][0], found()[1][0]

    slack, mail = told(over=False)
    assert mail["Subject"] == slack["title"] == "[WARNING] half-over: ModelFeatureDrift in 2 columns"
    slack, mail = told(over=True)
    assert mail["Subject"] == slack["title"] == "[WARNING] half-over: ModelFeatureDrift in is"
    span = f"{begun:%-d %b %H:%M} UTC to {now:%-d %b %H:%M} UTC (26h 3m)"
    for text in (slack["text"], part(mail, "plain"), html.unescape(part(mail, "html"))):
        assert f"is has drifted. _Since {begun:%-d %b}" in text or f"ince {begun:%-d %b %H:%M} UTC" in text
        assert "was has drifted." in text
        assert span in text
        assert "It is over" not in text


def test_a_value_is_no_emoji(tell: Callable[..., Told]) -> None:
    """Slack would show a picture for :100:, and a hundred for nothing."""
    told = tell("pictured", {"column": "x"}, description="ratio:100:1 and :fire: rose at a:10900, 12:30.", worst=":fire:, b")
    assert not re.search(":(?:100|fire):", told.slack)
    assert "at a:10900, 12:30." in told.slack
    assert "ratio:100:1 and :fire: rose" in told.plain


def test_the_mail_stands_alone(texts: dict[tuple[str, str], str]) -> None:
    """No pictures, scripts or styles from elsewhere, which mail programs would block."""
    assert not re.search(r"<(script|img|link)\b", texts["firing", "html"])
