"""What the installed Alertmanager does not know yet is of the form that the documentation of later ones describes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are not installed with it
import pytest
import yaml

from prediction_exporter.config import parse
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.alertmanager import alertmanager_config, alertmanager_template
from prediction_exporter.kit.scale import Scale


def _section(required: list[str], **properties: Any) -> dict[str, Any]:
    """Return the schema of a mapping that has these keys and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": 1}


_TEXT = {"type": "string", "minLength": 1}
_FLAG = {"type": "boolean"}
_HTTP = _section([], authorization=_section([], type=_TEXT, credentials=_TEXT, credentials_file=_TEXT))

#: Receivers of Alertmanager 0.30, by its page on configuration: the keys that the kit may use, with what must be there.
RECEIVER = _section(
    ["name"],
    name=_TEXT,
    slack_configs=_list(
        _section(
            ["channel"],
            **dict.fromkeys(("channel", "color", "title", "title_link", "fallback", "text", "api_url_file"), _TEXT),
            send_resolved=_FLAG,
        )
    ),
    email_configs=_list(
        _section(
            ["to"],
            **dict.fromkeys(("to", "html", "text", "from", "smarthost", "auth_username", "auth_password_file"), _TEXT),
            headers={"type": "object", "additionalProperties": _TEXT},
            threading=_section(["enabled", "thread_by_date"], enabled=_FLAG, thread_by_date={"enum": ["daily", "none"]}),
            require_tls=_FLAG,
            send_resolved=_FLAG,
        )
    ),
    pagerduty_configs=_list(
        _section(
            ["routing_key_file"],
            **dict.fromkeys(("routing_key_file", "url", "client", "client_url", "description", "severity", "source"), _TEXT),
            **dict.fromkeys(("component", "group", "class"), _TEXT),
            details={"type": "object", "additionalProperties": _TEXT},
            links=_list(_section(["href", "text"], href=_TEXT, text=_TEXT)),
            send_resolved=_FLAG,
        )
    ),
    opsgenie_configs=_list(
        _section(
            ["api_key_file"],
            **dict.fromkeys(
                ("api_key_file", "api_url", "message", "description", "source", "tags", "priority", "entity"), _TEXT
            ),
            responders=_list(_section(["type"], type=_TEXT, name=_TEXT, username=_TEXT)),
            update_alerts=_FLAG,
            send_resolved=_FLAG,
        )
    ),
    discord_configs=_list(
        _section(["webhook_url_file"], webhook_url_file=_TEXT, title=_TEXT, message=_TEXT, send_resolved=_FLAG)
    ),
    msteamsv2_configs=_list(
        _section(["webhook_url_file"], webhook_url_file=_TEXT, title=_TEXT, text=_TEXT, send_resolved=_FLAG)
    ),
    webhook_configs=_list(
        {
            **_section([], url=_TEXT, url_file=_TEXT, max_alerts={"type": "integer"}, http_config=_HTTP, send_resolved=_FLAG),
            "oneOf": [{"required": ["url"]}, {"required": ["url_file"]}],
        }
    ),
)

CONFIGURATION = """
owners:
  all:
    slack: "#all"
    email: all@example.com
    pagerduty: {routing_key_file: /secrets/pagerduty, url: "https://events.eu.pagerduty.com/v2/enqueue"}
    opsgenie:
      api_key_file: /secrets/opsgenie
      api_url: "https://api.eu.opsgenie.com"
      responders: [{schedule: s}, {user: u@v.w}]
    discord: {webhook_url_file: /secrets/discord}
    msteams: {webhook_url_file: /secrets/teams}
    webhook: {url_file: /secrets/webhook, max_alerts: 10, credentials_file: /secrets/token}
  few:
    webhook: {url: "https://hooks.example.com"}
models: [{name: m, owner: all, maturity: 0, predictions: {log: {path: /log}}}]
alertmanager: {version: "VERSION"}
notifications:
  slack_api_url_file: /secrets/slack
  smtp: {smarthost: "m.example.com:25", from: a@example.com}
  digest: {at: "09:00"}
"""


def rendered(version: str) -> dict[str, Any]:
    """Return what is rendered for a version."""
    config = parse(CONFIGURATION.replace("VERSION", version), name="test.yml", base=Path("/"), environ={})
    content: dict[str, Any] = yaml.safe_load(alertmanager_config(config, Scale()))
    return content


def refused(receiver: dict[str, Any]) -> list[str]:
    """Return what the schema refuses of a receiver."""
    return [error.message for error in jsonschema.Draft202012Validator(RECEIVER).iter_errors(receiver)]


def test_receivers_are_of_the_documented_form() -> None:
    """Every key is one that 0.30 has, and what it needs is there."""
    receivers = rendered("0.30")["receivers"]
    assert [refused(each) for each in receivers] == [[]] * 6  # of nobody and two owners, each with a digest
    assert {key for each in receivers for key in each} == set(RECEIVER["properties"])
    [everything] = [each for each in receivers if each["name"] == "all"]
    for kind, sections in everything.items():
        if kind != "name":
            assert refused({"name": "x", kind: [{**sections[0], "unknown": "x"}]}) != []
            assert refused({"name": "x", kind: [{"send_resolved": True}]}) != []
            assert sections[0]["send_resolved"] is True


@pytest.mark.parametrize(("version", "threads"), [("0.29.0", False), ("0.30", True), ("0.30.1", True), ("1.0", True)])
def test_mails_of_a_group_are_one_conversation_where_they_can_be(version: str, *, threads: bool) -> None:
    """An older Alertmanager refuses the key."""
    mails = [mail for receiver in rendered(version)["receivers"] for mail in receiver.get("email_configs", [])]
    assert len(mails) == 4  # of an owner and of nobody, each with a digest
    assert {"threading" in mail for mail in mails} == {threads}


def test_no_secret_stands_in_a_receiver() -> None:
    """Each is read from a file; an address that is none stands there as it is."""
    text = str(rendered("0.28"))
    for key in ("routing_key'", "api_key'", "webhook_url'", "credentials'", "slack_api_url'", "auth_password'"):
        assert key not in text
    # PagerDuty's and that of a webhook which is no secret: of owners, of what belongs to nobody, the webhook's of digests too.
    assert text.count("'url': ") == 6


@pytest.mark.parametrize("version", ["0.25", "0.26.0", "0.27"])
def test_what_a_version_cannot_is_an_error(version: str) -> None:
    """Discord and Teams could only be told with a secret in the configuration, and a webhook's file could stop Alertmanager."""
    with pytest.raises(ConfigError) as caught:
        rendered(version)
    told = re.findall(r"owners\.all\.([a-z_.]+): ", str(caught.value))
    assert told == ["discord", "msteams", "webhook.url_file"]
    assert str(caught.value).count(f"needs Alertmanager 0.28 or later, and alertmanager.version is {version} ") == 3


def test_every_template_that_is_used_is_there() -> None:
    """A name of none would fail at the first alert, in receivers and in templates themselves."""
    defined = set(re.findall(r'\{\{ define "([^"]+)"', alertmanager_template()))
    used = set(re.findall(r'template "(prediction-exporter[^"]+)"', f"{rendered('0.28')}{alertmanager_template()}"))
    assert used == defined
