"""Routes: what goes to an owner, how it is grouped, and what of it waits for working hours."""

from __future__ import annotations

from typing import Any

from prediction_exporter.config import Contact, WorkingHours
from prediction_exporter.config.values import Area
from prediction_exporter.kit.alert import AREAS
from prediction_exporter.kit.audience import Audience
from prediction_exporter.kit.digest import digest_route
from prediction_exporter.kit.scale import Scale, duration

WORKING_HOURS = "working-hours"
#: How long the first message of a group waits for others of it.
GROUP_WAIT = duration("30s")
_CRITICAL = 'severity="critical"'
_CRITICAL_AGAIN = duration("4h")
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


def critical(scale: Scale, told: Audience) -> dict[str, Any]:
    """Return the route of critical alerts, which are sent at any time and repeated sooner."""
    to = {} if told.critical is None else {"receiver": told.critical["name"]}
    return {"matchers": [_CRITICAL], **to, "repeat_interval": scale(_CRITICAL_AGAIN)}


def before(scale: Scale, told: Audience, *, digest: str) -> list[dict[str, Any]]:
    """Return routes that stand before an owner's others: of alerts that stay, which take these too, and of what can wait a day.

    Alertmanager sends a group as soon as its first alert has fired for ``group_wait``, also where it learns of it late.

    Args:
        scale: how fast time runs.
        told: who is told.
        digest: name of the interval of the daily message.
    """
    routes: list[dict[str, Any]] = []
    if told.late is not None:
        routes.append(
            {
                "matchers": [_CRITICAL],
                "receiver": told.late.receiver["name"],
                "continue": True,
                "group_wait": scale.interval(told.late.after),
                "repeat_interval": scale(_CRITICAL_AGAIN),
            }
        )
    if told.digest is not None:
        routes.append(digest_route(told.digest["name"], scale, interval=digest))
    return routes


def owner_route(
    contact: Contact,
    told: Audience,
    scale: Scale,
    *,
    hours: str | None,
    digest: str,
    inherited: list[str],
    among: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the route to an owner.

    Args:
        contact: how the owner wants to be told.
        told: who is told; the first receiver has the name of the owner.
        scale: how fast time runs.
        hours: name of the interval that can be waited for.
        digest: name of the interval of the daily message.
        inherited: what the route above groups by.
        among: further matchers, where there are alerts of others.
    """
    by, name = group_by(contact), told.everything["name"]
    areas: list[dict[str, Any]] = []
    for area in AREAS:
        route: dict[str, Any] = {"matchers": [f'area="{area}"']}
        if area not in _AT_ANY_TIME and hours is not None:
            # A child does not take this over from its parent: critical alerts are sent at any time.
            route["active_time_intervals"] = [hours]
        # Neither does one of warnings.
        warned = [{"matchers": ['severity="warning"']}] if area in _WARNED_AT_ANY_TIME else []
        areas.append({**route, "routes": [critical(scale, told), *warned]})
    return {
        "matchers": [f'owner="{name}"', *among],
        "receiver": name,
        **({"group_by": by} if by != inherited else {}),
        "routes": [*before(scale, told, digest=digest), *areas, critical(scale, told)],
    }


def time_interval(name: str, hours: WorkingHours) -> dict[str, Any]:
    """Return the interval of working hours."""
    times = [{"start_time": hours.start, "end_time": hours.end}]
    return {"name": name, "time_intervals": [{"weekdays": [hours.days], "times": times, "location": hours.timezone}]}
