"""What is merged into somebody else's Alertmanager configuration: for each owner a route, a receiver and working hours.

An owner's parts stand alone: they name their own transports, grouping and waiting times, take alerts of the kit alone, and are
known by the owner's name, so that several configurations can be merged into one file, each with its owners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from prediction_exporter.config import Config, Owner
from prediction_exporter.kit.alertmanager import TEMPLATE_FILE, refuse_unreached
from prediction_exporter.kit.inhibitions import OURS, inhibit_rules
from prediction_exporter.kit.receivers import Transports, receiver, smtp_keys
from prediction_exporter.kit.routes import UNOWNED, WORKING_HOURS, critical, group_by, owner_route, time_interval, waiting_times
from prediction_exporter.kit.scale import Scale

#: Whose parts are those that all owners share.
SHARED = "all owners"
#: The file of the templates, beside the configuration: a ConfigMap has no folders.
TEMPLATES = PurePath(TEMPLATE_FILE).name

Section = tuple[str, ...]
ROUTES: Section = ("route", "routes")
RECEIVERS: Section = ("receivers",)
INHIBITIONS: Section = ("inhibit_rules",)
HOURS: Section = ("time_intervals",)
TEMPLATE_LIST: Section = ("templates",)
#: The lists that parts are merged into, in the order in which missing ones are added.
SECTIONS = (TEMPLATE_LIST, HOURS, ROUTES, INHIBITIONS, RECEIVERS)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Entries of a list of the configuration.

    Attributes:
        whose: an owner, or :data:`SHARED`.
        section: the list's place.
        entries: what is added to it.
        last: whether they go behind our others in the list, and not in front of all.
    """

    whose: str
    section: Section
    entries: tuple[Any, ...]
    last: bool = False


def fragment(config: Config, scale: Scale, present: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a configuration.

    Args:
        config: names owners, how they are reached, and working hours.
        scale: how fast time runs.
        present: the ``global`` of the configuration that it is merged into, whose transports serve where ``config`` has none.

    Raises:
        ConfigError: an owner cannot be reached.
    """
    by = own_transports(config, present)
    unowned = config.notifications.unowned
    contacts = {**({UNOWNED: unowned} if unowned is not None else {}), **config.owners}
    receivers = {name: receiver(name, [contact], by) for name, contact in contacts.items()}
    refuse_unreached(receivers.values())
    parts = [
        Part(whose=SHARED, section=TEMPLATE_LIST, entries=(TEMPLATES,)),
        Part(whose=SHARED, section=INHIBITIONS, entries=tuple(inhibit_rules(among=OURS))),
    ]
    hours = config.notifications.working_hours
    for name, contact in contacts.items():
        interval = f"{name}-{WORKING_HOURS}"
        if isinstance(contact, Owner):
            named = interval if hours is not None else None
            route = owner_route(name, contact, scale, hours=named, inherited=[], among=OURS)
            if hours is not None:
                parts.append(Part(whose=name, section=HOURS, entries=(time_interval(interval, hours),)))
        else:
            by_labels = group_by(contact)
            route = {"matchers": list(OURS), "receiver": name, "group_by": by_labels, "routes": [critical(scale)]}
        entry = {**route, **waiting_times(scale)}
        parts.append(Part(whose=name, section=ROUTES, entries=(entry,), last=contact is unowned))
        parts.append(Part(whose=name, section=RECEIVERS, entries=(receivers[name],)))
    return parts


def own_transports(config: Config, present: Mapping[str, Any]) -> Transports:
    """Return what receivers name themselves, where no ``global`` of ours does; empty where one that is ``present`` does."""
    notifications = config.notifications
    slack: dict[str, Any] | None = None
    if notifications.slack_api_url_file is not None:
        slack = {"api_url_file": notifications.slack_api_url_file}
    elif {"slack_api_url", "slack_api_url_file"} & present.keys():
        slack = {}
    email: dict[str, Any] | None = None
    if notifications.smtp is not None:
        email = smtp_keys(notifications.smtp)
    elif {"smtp_smarthost", "smtp_from"} <= present.keys():
        email = {}
    return Transports(slack=slack, email=email)
