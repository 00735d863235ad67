"""The whole way: the demo's log, the real exporter, the real Prometheus and Alertmanager, to Slack's and the mail's inbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from grafana import Page, expressions, filled
from prediction_exporter.demo import stack
from prediction_exporter.demo.service import Story, serve
from prediction_exporter.demo.sinks import LOOPBACK, MailSink, SlackMessage, SlackSink, free_port
from prediction_exporter.kit.dashboards import model_overview

pytestmark = pytest.mark.e2e

RATE = 60.0

#: Seconds until income goes missing and amounts drift: a minute of clean windows first, as an hour is a minute here.
BREAKS, DRIFTS = 70.0, 75.0

#: How long an alert may take: its `for`, windows and group waits add up to less than two hours, which are two minutes here.
ALERT_SECONDS = 180.0
QUIET_SECONDS = 150.0


@dataclass
class Running:
    """Everything, running, and what it sent."""

    prometheus: str
    exporter: str
    slack: list[SlackMessage] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate a PromQL expression now."""
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", (expression, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self, messages: list[SlackMessage], alert: str) -> list[SlackMessage]:
        """Return the Slack messages that say that an alert fires."""
        return [message for message in messages if alert in message.text and "resolved" not in message.text.lower()]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Story], Running]]:
    """Start everything with a story."""
    with ExitStack() as resources:

        def start(story: Story) -> Running:
            slack: list[SlackMessage] = []
            mails: list[EmailMessage] = []
            slack_sink = resources.enter_context(SlackSink(slack.append))
            mail_sink = resources.enter_context(MailSink(mails.append))
            paths, _ = stack.prepare(tmp_path / "demo", slack_url=slack_sink.url, smtp_port=mail_sink.port)
            exporter, alertmanager, prometheus = free_port(), free_port(), free_port()
            stopping = threading.Event()
            service = threading.Thread(
                target=serve, args=(paths.log,), kwargs={"rate": RATE, "story": story, "stopping": stopping}
            )
            service.start()
            resources.callback(service.join)
            resources.callback(stopping.set)
            resources.enter_context(stack.exporter(paths, exporter))
            resources.enter_context(stack.alertmanager(paths, alertmanager))
            resources.enter_context(stack.prometheus(paths, prometheus, exporter_port=exporter, alertmanager_port=alertmanager))
            return Running(f"http://{LOOPBACK}:{prometheus}", f"http://{LOOPBACK}:{exporter}", slack, mails)

        yield start


def wait(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.5)


def test_each_problem_reaches_its_owner_once(run: Callable[[Story], Running]) -> None:
    """The missing feature reaches the owner of the data and the drifted one the owner of the drift, in Slack and by mail."""
    running = run(Story(breaks=BREAKS, drifts=DRIFTS))
    problems = {
        "ModelMissingValues": ("#data-eng", "data-eng@example.com", "income"),
        "ModelFeatureDrift": ("#risk-models", "risk-ds@example.com", "loan_amount"),
    }

    def arrived() -> bool:
        return all(running.firing(running.slack, alert) for alert in problems) and len(running.mails) >= len(problems)

    wait(arrived, "message about each problem", BREAKS + ALERT_SECONDS)
    time.sleep(10)  # ten minutes of the rules: what comes twice would have come
    for alert, (channel, address, column) in problems.items():
        [message] = running.firing(running.slack, alert)
        assert message.channel == channel
        assert column in message.text
        mails = [mail for mail in running.mails if alert in str(mail)]
        assert [mail["To"] for mail in mails] == [address], alert
        assert column in str(mails[0])
    assert {message.channel for message in running.slack} == {"#data-eng", "#risk-models"}
    assert_rules_and_panels_work(running)


def assert_rules_and_panels_work(running: Running) -> None:
    """No rule fails, fleet figures equal the only replica's, and every panel's expression gives data."""
    groups = requests.get(f"{running.prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    labels = "model, version, segment, window, role, column"
    same = f"abs(model_column:model_column_psi:fleet - on({labels}) model_column_psi) < 0.05"
    assert len(running.query(same)) == len(running.query("model_column_psi"))
    same = f"abs(model_column:model_column_psi:threshold - on({labels}) model_column_psi_threshold) < 0.05"
    assert len(running.query(same)) == len(running.query("model_column_psi_threshold"))
    page = Page(
        model_overview(),
        running.prometheus,
        at=time.time(),
        span=120,
        rate_interval="10s",
        given={"window": "1m", "column": "loan_amount"},
    )
    assert page.values["version"] == "1"
    empty = []
    for where, expression, _ in expressions(page.dashboard):
        text = filled(expression, page.values)
        assert "$" not in text, (where, text)
        # Lines that are 0 over the whole time range are left out.
        if not page.query(text) and "@ end()" not in text:
            empty.append((where, text))
    assert empty == []


def test_nothing_is_sent_where_nothing_drifts(run: Callable[[Story], Running]) -> None:
    """A control run without a story sends nothing, though its statistics are there and compared."""
    running = run(Story(breaks=None, drifts=None))
    time.sleep(QUIET_SECONDS)
    assert len(running.query('model_column_psi{window="1m"}')) > 0
    assert [message.text for message in running.slack] == []
    assert [mail["Subject"] for mail in running.mails] == []
    assert running.query('ALERTS{alertstate="firing"}') == []
