"""A message of each alert, by the real Alertmanager: each fires as its own tests expect it, and all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from alertmanagers import alertmanager_of, wait
from inboxes import Inbox, inbox_of, part
from prediction_exporter.config import parse
from prediction_exporter.kit import render as kit
from prediction_exporter.kit.alertmanager import CONFIG_FILE
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.receivers import template
from prediction_exporter.kit.rule_tests import FOLDER
from quick_yaml import dump as dump_yaml
from quick_yaml import load as load_yaml

CONFIGURATION = """
owners: {{all: {{slack: "#all"}}}}
models: [{{name: credit-risk, owner: all, maturity: 0, predictions: {{log: {{path: /log}}}}}}]
notes: {{form: true}}
notifications:
  slack_api_url_file: {folder}/slack_api_url
  smtp: {{smarthost: "127.0.0.1:{mailbox}", from: alertmanager@example.com, require_tls: false}}
  unowned: {{slack: "#all", email: all@example.com}}
  exporter_url: "https://models.example.com"
  grafana_url: "https://grafana.example.com"
"""
CHANGED = "version 2 first seen 29 Nov 13:02 UTC, configuration read 29 Nov 12:58 UTC"
_CARDS = "#cards"


@dataclass(frozen=True)
class Message:
    """An alert, and what was told of it; ``markdown`` is what a card of Teams, and a message in Discord, holds."""

    annotations: Mapping[str, str]
    title: str
    slack: str
    plain: str
    html: str
    markdown: str


def _sent(files: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return an alert as its own tests expect it from Prometheus: the one that says most."""
    content = load_yaml(files[f"{FOLDER}/{name}.test.yml"])
    expected = [each for test in content["tests"] for check in test["alert_rule_test"] for each in check.get("exp_alerts", [])]
    alert = max(
        expected, key=lambda each: len(each["exp_annotations"].get("worst", "") + each["exp_annotations"]["description"])
    )
    changed = CHANGED if alert["exp_labels"].get("model") else ""
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": name} | {label: value for label, value in alert["exp_labels"].items() if value},
        "annotations": alert["exp_annotations"] | {"changed": changed},
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=a&g0.tab=1",
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=5)).isoformat(),
    }


def messages_of_alerts(folder: Path) -> dict[str, Message]:
    """Return a message of each alert, by its name; what Alertmanager needs is kept in the folder."""
    with inbox_of() as (received, webhook, mailbox):
        (folder / "slack_api_url").write_text(f"http://127.0.0.1:{webhook}/services/T/B/X")
        text = CONFIGURATION.format(folder=folder, mailbox=mailbox)
        files = kit.render(parse(text, name="test.yml", base=folder, environ={}), only=["rules", "alertmanager"])
        fast = kit.render(parse(text, name="test.yml", base=folder, environ={}), only=["alertmanager"], time_scale=100)
        content = load_yaml(fast[CONFIG_FILE])
        for receiver in content["receivers"]:
            # The oldest Alertmanager knows no Teams: its text comes as one to Slack.
            [slack] = receiver["slack_configs"]
            receiver["slack_configs"].append({**slack, "channel": _CARDS, "text": template("markdown")})
        # All fire for one model, which no more than a few ever do: none may mute another.
        kit.write(fast | {CONFIG_FILE: dump_yaml({**content, "inhibit_rules": []})}, folder)
        alerts = [_sent(files, str(alert)) for alert in ALERTS]
        with alertmanager_of(folder / CONFIG_FILE, folder) as address:
            requests.post(f"{address}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()
            count = len(alerts)
            wait(lambda: len(received.slack) >= 2 * count and len(received.mails) >= count, "a message of each alert")
        return {alert["labels"]["alertname"]: _message(alert, received) for alert in alerts}


def _message(alert: dict[str, Any], received: Inbox) -> Message:
    title = re.compile(rf": {alert['labels']['alertname']}( |$)")
    slack, card = sorted(
        (each for each in received.slack if title.search(each["attachments"][0]["title"])),
        key=lambda each: each["channel"] == _CARDS,
    )
    [mail] = [each for each in received.mails if title.search(each["Subject"])]
    told, carded = slack["attachments"][0], card["attachments"][0]
    assert told["title"] == carded["title"] == mail["Subject"]
    return Message(alert["annotations"], mail["Subject"], told["text"], part(mail, "plain"), part(mail, "html"), carded["text"])
