"""Alertmanager's configuration: a route and a receiver for each owner, and what mutes what."""

from __future__ import annotations

from importlib import resources
from typing import Any

from prediction_exporter.config import Config, Contact, WorkingHours
from prediction_exporter.config.values import Area
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.alert import AREAS, Alert
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.texts import to_yaml

CONFIG_FILE = "alertmanager/alertmanager.yml"
TEMPLATE_FILE = "alertmanager/templates/prediction-exporter.tmpl"

#: The root receiver; no owner's name begins so.
UNOWNED = "_unowned"
#: Twelve drifted features of a model are one message that lists them.
GROUP_BY = ["alertname", "namespace", "model"]
#: How long the first message of a group waits for others of it.
GROUP_WAIT = duration("30s")
_WORKING_HOURS = "working-hours"
#: Areas of which nothing waits for working hours.
_AT_ANY_TIME: tuple[Area, ...] = ("service",)
#: Areas whose warnings do not wait for them: a data fault of Friday evening makes wrong predictions until Monday.
_WARNED_AT_ANY_TIME: tuple[Area, ...] = ("data",)
_SCOPE = ("cluster", "namespace")


def alertmanager_template() -> str:
    """Return the templates of the messages."""
    return resources.files(__package__).joinpath("templates/prediction-exporter.tmpl").read_text(encoding="utf-8")


def has_transport(config: Config) -> bool:
    """Return whether the configuration names a way to send messages, without which Alertmanager can tell nobody."""
    return config.notifications.slack_api_url_file is not None or config.notifications.smtp is not None


def alertmanager_config(config: Config, scale: Scale) -> str:
    """Return Alertmanager's configuration.

    Raises:
        ConfigError: an owner cannot be reached, or nobody would be told of an alert without an owner.
    """
    receivers = [_receiver(name, [owner], config) for name, owner in config.owners.items()]
    unreached = [
        f"owners.{name} cannot be reached: slack needs notifications.slack_api_url_file, email needs notifications.smtp"
        for name, receiver in zip(config.owners, receivers, strict=True)
        if len(receiver) == 1
    ]
    unowned = config.notifications.unowned
    # Without a contact for what has no owner, everybody is told: an alert must not vanish.
    root = _receiver(UNOWNED, [unowned] if unowned is not None else list(config.owners.values()), config)
    if len(root) == 1:
        unreached.append("notifications.unowned cannot be reached, or there is none and no owners either")
    if unreached:
        raise ConfigError("\n".join(unreached))
    content: dict[str, Any] = {"global": _global(config), "templates": ["templates/*.tmpl"]}
    hours = config.notifications.working_hours
    if hours is not None:
        content["time_intervals"] = [_time_interval(hours)]
    content["route"] = _route(config, scale)
    content["inhibit_rules"] = _inhibit_rules()
    content["receivers"] = [root, *receivers]
    return to_yaml(content, "Loads in Alertmanager 0.25 and later. Secrets are read from files.")


def _global(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}
    notifications = config.notifications
    if notifications.slack_api_url_file is not None:
        found["slack_api_url_file"] = notifications.slack_api_url_file
    smtp = notifications.smtp
    if smtp is not None:
        found |= {"smtp_smarthost": smtp.smarthost, "smtp_from": smtp.sender, "smtp_require_tls": smtp.require_tls}
        if smtp.username is not None:
            found["smtp_auth_username"] = smtp.username
        if smtp.password_file is not None:
            found["smtp_auth_password_file"] = smtp.password_file
    return found


def _time_interval(hours: WorkingHours) -> dict[str, Any]:
    times = [{"start_time": hours.start, "end_time": hours.end}]
    return {
        "name": _WORKING_HOURS,
        "time_intervals": [{"weekdays": [hours.days], "times": times, "location": hours.timezone}],
    }


def _route(config: Config, scale: Scale) -> dict[str, Any]:
    critical = {"matchers": ['severity="critical"'], "repeat_interval": scale(duration("4h"))}
    routes: list[dict[str, Any]] = []
    for name in config.owners:
        areas: list[dict[str, Any]] = []
        for area in AREAS:
            route: dict[str, Any] = {"matchers": [f'area="{area}"']}
            if area not in _AT_ANY_TIME and config.notifications.working_hours is not None:
                # A child does not take this over from its parent: critical alerts are sent at any time.
                route["active_time_intervals"] = [_WORKING_HOURS]
            # Neither does one of warnings.
            warned = [{"matchers": ['severity="warning"']}] if area in _WARNED_AT_ANY_TIME else []
            areas.append({**route, "routes": [critical, *warned]})
        routes.append({"matchers": [f'owner="{name}"'], "receiver": name, "routes": [*areas, critical]})
    return {
        "receiver": UNOWNED,
        "group_by": GROUP_BY,
        "group_wait": scale.interval(GROUP_WAIT),
        "group_interval": scale.interval(duration("5m")),
        "repeat_interval": scale(duration("24h")),
        "routes": [*routes, critical],
    }


def _receiver(name: str, contacts: list[Contact], config: Config) -> dict[str, Any]:
    """Return a receiver of the contacts' channels that a transport is configured for."""
    found: dict[str, Any] = {"name": name}
    channels = dict.fromkeys(contact.slack for contact in contacts if contact.slack is not None)
    if channels and config.notifications.slack_api_url_file is not None:
        found["slack_configs"] = [_slack(channel) for channel in channels]
    addresses = dict.fromkeys(contact.email for contact in contacts if contact.email is not None)
    if addresses and config.notifications.smtp is not None:
        found["email_configs"] = [_email(address) for address in addresses]
    return found


def _template(name: str) -> str:
    return f'{{{{ template "prediction-exporter.{name}" . }}}}'


def _slack(channel: str) -> dict[str, Any]:
    return {
        "channel": channel,
        "send_resolved": True,
        "color": _template("slack.color"),
        "title": _template("title"),
        "title_link": _template("slack.title_url"),
        "fallback": _template("title"),
        "text": _template("slack.text"),
    }


def _email(address: str) -> dict[str, Any]:
    return {
        "to": address,
        "send_resolved": True,
        "headers": {"Subject": _template("title")},
        "html": _template("email.html"),
        "text": _template("email.text"),
    }


def _inhibit_rules() -> list[dict[str, Any]]:
    rules = [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity=~"warning|info"'],
            "equal": ["alertname", *_SCOPE, "model", "version", "column"],
        }
    ]
    for source in ALERTS:
        targets: dict[tuple[str, ...], list[Alert]] = {}
        for alert in ALERTS:
            if source in alert.muted_by:
                shared: tuple[str, ...] = tuple(
                    label for label in ("version", "column") if label in source.key and label in alert.key
                )
                targets.setdefault(shared, []).append(alert)
        for shared, alerts in targets.items():
            named = [f'alertname="{source}"']
            if any(condition.severity == "info" for condition in source.conditions):
                # As information it says that another replica fills the gap: the model's figures are whole.
                named.append('severity=~"critical|warning"')
            muted = [f'alertname=~"{"|".join(str(alert) for alert in alerts)}"']
            rules.append({"source_matchers": named, "target_matchers": muted, "equal": [*_SCOPE, "model", *shared]})
            if source.without_model:
                # A label that is absent on one side alone is never equal, so this one goes by the scrape job.
                bare = [*named, 'model=""']
                rules.append({"source_matchers": bare, "target_matchers": muted, "equal": [*_SCOPE, "job"]})
    return rules
