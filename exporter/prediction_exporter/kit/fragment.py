"""What is merged into somebody else's Alertmanager configuration: for each owner a route, a receiver and working hours.

An owner's parts stand alone: they name their own transports, grouping and waiting times, take alerts of the kit alone, and are
known by the owner's name, so that several configurations can be merged into one file, each with its owners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from prediction_exporter.config import Config, Notifications, Owner
from prediction_exporter.kit.alertmanager import TEMPLATE_FILE, refuse_unreached, threaded
from prediction_exporter.kit.audience import UNOWNED, audience
from prediction_exporter.kit.digest import DIGEST, digest_interval
from prediction_exporter.kit.inhibitions import OURS, inhibit_rules
from prediction_exporter.kit.receivers import Transports, smtp_keys
from prediction_exporter.kit.routes import WORKING_HOURS, before, critical, group_by, owner_route, time_interval, waiting_times
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
        ConfigError: an owner cannot be reached, or an escalation leads to nobody else.
    """
    by = threaded(own_transports(config, present), config)
    unowned = config.notifications.unowned
    contacts = {**({UNOWNED: unowned} if unowned is not None else {}), **config.owners}
    told = {name: audience(name, config, by) for name in contacts}
    refuse_unreached(each.everything for each in told.values())
    parts = [
        Part(whose=SHARED, section=TEMPLATE_LIST, entries=(TEMPLATES,)),
        Part(whose=SHARED, section=INHIBITIONS, entries=tuple(inhibit_rules(among=OURS))),
    ]
    for name, contact in contacts.items():
        hours, digest = f"{name}-{WORKING_HOURS}", f"{name}-{DIGEST}"
        intervals = _intervals(config.notifications, hours, digest, of_owner=isinstance(contact, Owner))
        if intervals:
            parts.append(Part(whose=name, section=HOURS, entries=intervals))
        if isinstance(contact, Owner):
            named = hours if config.notifications.working_hours is not None else None
            route = owner_route(contact, told[name], scale, hours=named, digest=digest, inherited=[], among=OURS)
        else:
            routes = [*before(scale, told[name], digest=digest), critical(scale, told[name])]
            route = {"matchers": list(OURS), "receiver": name, "group_by": group_by(contact), "routes": routes}
        entry = {**route, **waiting_times(scale)}
        parts.append(Part(whose=name, section=ROUTES, entries=(entry,), last=contact is unowned))
        parts.append(Part(whose=name, section=RECEIVERS, entries=told[name].receivers))
    return parts


def _intervals(stated: Notifications, hours: str, digest: str, *, of_owner: bool) -> tuple[dict[str, Any], ...]:
    """Return the intervals that routes name; what has no owner does not wait for working hours."""
    waited = stated.working_hours if of_owner else None
    return (
        *((time_interval(hours, waited),) if waited is not None else ()),
        *((digest_interval(digest, stated.digest),) if stated.digest is not None else ()),
    )


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
