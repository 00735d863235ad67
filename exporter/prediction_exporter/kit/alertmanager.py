"""Alertmanager's configuration: a route and a receiver for each owner, and what mutes what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

from prediction_exporter.config import Config
from prediction_exporter.config.contacts import numbers
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.audience import UNOWNED, Audience, audience
from prediction_exporter.kit.digest import DIGEST, digest_interval
from prediction_exporter.kit.inhibitions import inhibit_rules
from prediction_exporter.kit.receivers import Transports, receiver, smtp_keys
from prediction_exporter.kit.routes import WORKING_HOURS, before, critical, group_by, owner_route, time_interval, waiting_times
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.texts import to_yaml

CONFIG_FILE = "alertmanager/alertmanager.yml"
TEMPLATE_FILE = "alertmanager/templates/prediction-exporter.tmpl"
#: The first Alertmanager that lets mail programs show the mails of a group as one conversation.
THREADS_SINCE = "0.30"
#: For a day: a longer one would be muted, or put away, with alerts in it that are still to come.
_THREADING = {"threading": {"enabled": True, "thread_by_date": "daily"}}
_TEMPLATES = ("prediction-exporter.tmpl", "prediction-exporter-digest.tmpl")


def alertmanager_template() -> str:
    """Return the templates of the messages."""
    folder = resources.files(__package__).joinpath("templates")
    return "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES)


def has_transport(config: Config) -> bool:
    """Return whether the configuration names a way to send messages, without which Alertmanager can tell nobody."""
    by, unowned = transports(config), config.notifications.unowned
    contacts = [*config.owners.values(), *([unowned] if unowned is not None else [])]
    return (by.slack, by.email) != (None, None) or len(receiver(UNOWNED, contacts, by)) > 1


def transports(config: Config) -> Transports:
    """Return which of Slack and email the configuration names a way for, in Alertmanager's ``global``."""
    notifications = config.notifications
    by = Transports(
        slack=None if notifications.slack_api_url_file is None else {},
        email=None if notifications.smtp is None else {},
    )
    return threaded(by, config)


def threaded(by: Transports, config: Config) -> Transports:
    """Return transports by which the mails of a group are one conversation, where the stated Alertmanager knows how."""
    if by.email is None or numbers(config.alertmanager.version) < numbers(THREADS_SINCE):
        return by
    return replace(by, email={**by.email, **_THREADING})


def alertmanager_config(config: Config, scale: Scale) -> str:
    """Return Alertmanager's configuration.

    Raises:
        ConfigError: an owner cannot be reached, nobody would be told of an alert without an owner, or an escalation leads
            to nobody else.
    """
    routed = routing(config, transports(config), scale)
    content: dict[str, Any] = {"global": _global(config), "templates": ["templates/*.tmpl"]}
    if "time_intervals" in routed:
        content["time_intervals"] = routed["time_intervals"]
    content["route"] = routed["route"]
    content["inhibit_rules"] = inhibit_rules()
    content["receivers"] = routed["receivers"]
    return to_yaml(content, f"Loads in Alertmanager {config.alertmanager.version} and later. Secrets are read from files.")


def routing(config: Config, by: Transports, scale: Scale) -> dict[str, Any]:
    """Return the route to all owners, the receivers, and the intervals that routes name, by Alertmanager's keys.

    Args:
        config: names owners, contacts and times.
        by: the transports that there are.
        scale: how fast time runs.

    Raises:
        ConfigError: an owner cannot be reached, nobody would be told of an alert without an owner, or an escalation leads
            to nobody else.
    """
    told = {name: audience(name, config, by) for name in (*config.owners, UNOWNED)}
    refuse_unreached(each.everything for each in told.values())
    hours, digest = config.notifications.working_hours, config.notifications.digest
    intervals = [
        *([time_interval(WORKING_HOURS, hours)] if hours is not None else []),
        *([digest_interval(DIGEST, digest)] if digest is not None else []),
    ]
    return {
        "route": _route(config, told, scale),
        "receivers": [each for name in (UNOWNED, *config.owners) for each in told[name].receivers],
        **({"time_intervals": intervals} if intervals else {}),
    }


def refuse_unreached(receivers: Iterable[Mapping[str, Any]]) -> None:
    """Refuse receivers that tell nobody.

    Raises:
        ConfigError: there is one, with a line for each.
    """
    unreached = [
        "notifications.unowned cannot be reached, or there is none and no owners either"
        if name == UNOWNED
        else f"owners.{name} cannot be reached: slack needs notifications.slack_api_url_file, email needs notifications.smtp"
        for name in (each["name"] for each in receivers if len(each) == 1)
    ]
    if unreached:
        raise ConfigError("\n".join(unreached))


def _global(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}
    notifications = config.notifications
    if notifications.slack_api_url_file is not None:
        found["slack_api_url_file"] = notifications.slack_api_url_file
    if notifications.smtp is not None:
        found |= {f"smtp_{key}": value for key, value in smtp_keys(notifications.smtp).items()}
    return found


def _route(config: Config, told: Mapping[str, Audience], scale: Scale) -> dict[str, Any]:
    hours = None if config.notifications.working_hours is None else WORKING_HOURS
    by = group_by(config.notifications.unowned)
    routes = [
        owner_route(owner, told[name], scale, hours=hours, digest=DIGEST, inherited=by) for name, owner in config.owners.items()
    ]
    of_nobody = [*before(scale, told[UNOWNED], digest=DIGEST), critical(scale, told[UNOWNED])]
    return {"receiver": UNOWNED, "group_by": by, **waiting_times(scale), "routes": [*routes, *of_nobody]}
