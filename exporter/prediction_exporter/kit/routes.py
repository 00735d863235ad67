"""Routes: what goes to an owner, how it is grouped, and what of it waits for working hours."""

from __future__ import annotations

from typing import Any

from prediction_exporter.config import Contact, Owner, WorkingHours
from prediction_exporter.config.values import Area
from prediction_exporter.kit.alert import AREAS
from prediction_exporter.kit.scale import Scale, duration

#: The receiver of what belongs to nobody; no owner's name begins so.
UNOWNED = "_unowned"
WORKING_HOURS = "working-hours"
#: How long the first message of a group waits for others of it.
GROUP_WAIT = duration("30s")
#: Areas of which nothing waits for working hours.
_AT_ANY_TIME: tuple[Area, ...] = ("service",)
#: Areas whose warnings do not wait for them: a data fault of Friday evening makes wrong predictions until Monday.
_WARNED_AT_ANY_TIME: tuple[Area, ...] = ("data",)


def group_by(contact: Contact | None) -> list[str]:
    """Return the labels that a message's alerts have in common: twelve drifted features of a model are one message.

    Where a message is for all models of an owner, its cause alone is.
    """
    return ["alertname"] if contact is not None and contact.group == "owner" else ["alertname", "namespace", "model"]


def waiting_times(scale: Scale) -> dict[str, str]:
    """Return how long messages of a group wait, and when one is repeated."""
    return {
        "group_wait": scale.interval(GROUP_WAIT),
        "group_interval": scale.interval(duration("5m")),
        "repeat_interval": scale(duration("24h")),
    }


def critical(scale: Scale) -> dict[str, Any]:
    """Return the route of critical alerts, which are sent at any time and repeated sooner."""
    return {"matchers": ['severity="critical"'], "repeat_interval": scale(duration("4h"))}


def owner_route(
    name: str, owner: Owner, scale: Scale, *, hours: str | None, inherited: list[str], among: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the route to an owner.

    Args:
        name: of the owner, and of the receiver.
        owner: how it wants to be told.
        scale: how fast time runs.
        hours: name of the interval that can be waited for.
        inherited: what the route above groups by.
        among: further matchers, where there are alerts of others.
    """
    by = group_by(owner)
    areas: list[dict[str, Any]] = []
    for area in AREAS:
        route: dict[str, Any] = {"matchers": [f'area="{area}"']}
        if area not in _AT_ANY_TIME and hours is not None:
            # A child does not take this over from its parent: critical alerts are sent at any time.
            route["active_time_intervals"] = [hours]
        # Neither does one of warnings.
        warned = [{"matchers": ['severity="warning"']}] if area in _WARNED_AT_ANY_TIME else []
        areas.append({**route, "routes": [critical(scale), *warned]})
    return {
        "matchers": [f'owner="{name}"', *among],
        "receiver": name,
        **({"group_by": by} if by != inherited else {}),
        "routes": [*areas, critical(scale)],
    }


def time_interval(name: str, hours: WorkingHours) -> dict[str, Any]:
    """Return the interval of working hours."""
    times = [{"start_time": hours.start, "end_time": hours.end}]
    return {"name": name, "time_intervals": [{"weekdays": [hours.days], "times": times, "location": hours.timezone}]}
