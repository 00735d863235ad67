"""Receivers: how each service is told of a group of alerts, by the templates of the messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prediction_exporter.config import Contact, Discord, Opsgenie, PagerDuty, Smtp, Teams, Webhook

#: Where a message of PagerDuty leads, by the words of its links.
_LINKS = {name: name.capitalize() for name in ("dashboard", "runbook", "exporter", "query", "silence")} | {
    "verdict": "Was it right?"
}
#: What a message of PagerDuty tells beside its title.
_DETAILS = ("action", "changed", "firing", "owner", "resolved", "summary", "worst")


@dataclass(frozen=True, kw_only=True)
class Transports:
    """What Slack and email need beside a channel and an address, as keys of their receivers.

    Attributes:
        slack: for a Slack message; None where there is no way to send one.
        email: for a mail; None where there is no way to send one.
    """

    slack: Mapping[str, Any] | None
    email: Mapping[str, Any] | None


def smtp_keys(smtp: Smtp) -> dict[str, Any]:
    """Return what a mail server is, as keys of an email receiver; with ``smtp_`` in front, of Alertmanager's ``global``."""
    found: dict[str, Any] = {"smarthost": smtp.smarthost, "from": smtp.sender, "require_tls": smtp.require_tls}
    if smtp.username is not None:
        found["auth_username"] = smtp.username
    if smtp.password_file is not None:
        found["auth_password_file"] = smtp.password_file
    return found


def receiver(name: str, contacts: Iterable[Contact], transports: Transports) -> dict[str, Any]:
    """Return a receiver of all that the contacts can be reached by; of its name alone where that is nothing."""
    found: dict[str, Any] = {"name": name}
    for channel, (kind, section) in _SECTIONS.items():
        if (channel == "slack" and transports.slack is None) or (channel == "email" and transports.email is None):
            continue
        stated = dict.fromkeys(value for contact in contacts if (value := getattr(contact, channel)) is not None)
        if stated:
            found[kind] = [{**section(value), **_transport(channel, transports)} for value in stated]
    return found


def _transport(channel: str, transports: Transports) -> Mapping[str, Any]:
    return {"slack": transports.slack, "email": transports.email}.get(channel) or {}


def template(name: str) -> str:
    """Return the use of one of the kit's templates.

    >>> template("title")
    '{{ template "prediction-exporter.title" . }}'
    """
    return f'{{{{ template "prediction-exporter.{name}" . }}}}'


def replaced(content: Any, texts: Mapping[str, str]) -> Any:
    """Return what a receiver is made of with some of its texts replaced.

    >>> replaced([{"to": "a@example.com", "text": "long"}], {"long": "short"})
    [{'to': 'a@example.com', 'text': 'short'}]
    """
    if isinstance(content, Mapping):
        return {key: replaced(value, texts) for key, value in content.items()}
    if isinstance(content, list):
        return [replaced(value, texts) for value in content]
    return texts.get(content, content) if isinstance(content, str) else content


def retitled(found: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Return a receiver whose messages have another title."""
    return {**replaced(found, {template("title"): title})}


def _slack(channel: str) -> dict[str, Any]:
    return {
        "channel": channel,
        "send_resolved": True,
        "color": template("slack.color"),
        "title": template("title"),
        "title_link": template("slack.title_url"),
        "fallback": template("title"),
        "text": template("slack.text"),
    }


def _email(address: str) -> dict[str, Any]:
    return {
        "to": address,
        "send_resolved": True,
        "headers": {"Subject": template("title")},
        "html": template("email.html"),
        "text": template("email.text"),
    }


def _pagerduty(service: PagerDuty) -> dict[str, Any]:
    return {
        "routing_key_file": service.routing_key_file,
        **({"url": service.url} if service.url is not None else {}),
        "send_resolved": True,
        "severity": template("severity"),
        "description": template("title"),
        "client": "Alertmanager",
        "client_url": template("slack.title_url"),
        "source": template("subject_of"),
        "class": "{{ .CommonLabels.alertname }}",
        "component": template("subject_of"),
        "group": "{{ .CommonLabels.namespace }}",
        "details": {name: template(f"pagerduty.{name}") for name in _DETAILS},
        "links": [{"href": template(f"pagerduty.{name}_url"), "text": text} for name, text in _LINKS.items()],
    }


def _opsgenie(service: Opsgenie) -> dict[str, Any]:
    responders = [
        {"username" if kind == "user" else "name": name, "type": kind}
        for responder in service.responders
        for kind, name in responder.model_dump(exclude_unset=True).items()
    ]
    # Alertmanager appends the path to the address as it stands.
    return {
        "api_key_file": service.api_key_file,
        **({"api_url": service.api_url.rstrip("/") + "/"} if service.api_url is not None else {}),
        "send_resolved": True,
        "message": template("title"),
        "description": template("plain"),
        "priority": template("opsgenie.priority"),
        "source": "{{ .ExternalURL }}",
        "entity": template("subject_of"),
        "tags": "{{ .CommonLabels.alertname }},{{ .CommonLabels.area }}",
        # Else the first message stays as it was, whatever joins the group.
        "update_alerts": True,
        **({"responders": responders} if responders else {}),
    }


def _discord(service: Discord) -> dict[str, Any]:
    return {
        "webhook_url_file": service.webhook_url_file,
        "send_resolved": True,
        "title": template("title"),
        "message": template("markdown"),
    }


def _teams(service: Teams) -> dict[str, Any]:
    return {
        "webhook_url_file": service.webhook_url_file,
        "send_resolved": True,
        "title": template("title"),
        "text": template("markdown"),
    }


def _webhook(service: Webhook) -> dict[str, Any]:
    found: dict[str, Any] = {"url": service.url} if service.url is not None else {"url_file": service.url_file}
    found["send_resolved"] = True
    if service.max_alerts is not None:
        found["max_alerts"] = service.max_alerts
    if service.credentials_file is not None:
        found["http_config"] = {"authorization": {"credentials_file": service.credentials_file}}
    return found


#: By the channel of a contact: the receivers' key for it, and what makes an entry of it.
_SECTIONS: Mapping[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "slack": ("slack_configs", _slack),
    "email": ("email_configs", _email),
    "pagerduty": ("pagerduty_configs", _pagerduty),
    "opsgenie": ("opsgenie_configs", _opsgenie),
    "discord": ("discord_configs", _discord),
    "msteams": ("msteamsv2_configs", _teams),
    "webhook": ("webhook_configs", _webhook),
}
