"""The daily message about alerts of severity info: its receiver, and when Alertmanager sends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_exporter.config import Digest
from prediction_exporter.config.notifications import DIGEST_MINUTES
from prediction_exporter.kit.receivers import replaced, template
from prediction_exporter.kit.scale import Scale, duration

DIGEST = "digest"

#: How often Alertmanager looks whether it is time: a bit less than that lasts, so that none passes between two looks and nearly
#: every day has one look; where there are two, the second tells what began since the first.
_LOOK = duration("15m")
#: From how long after the last a digest is sent again: more than the time of day lasts, so that it is not repeated in it, and
#: so much less than a day that an early look, or a clock that is put forward, leaves out no day.
_AGAIN = duration("12h")

#: What of a message of one alert is otherwise in one of many.
_OTHERWISE = {
    template(name): template(f"digest.{name}")
    for name in ("title", "slack.text", "email.html", "email.text", "plain", "markdown")
} | {template("slack.title_url"): "{{ .ExternalURL }}"}
#: Where a message is an incident, which somebody must end: nobody tells its end while it is not time for a digest.
_INCIDENTS = ("pagerduty_configs", "opsgenie_configs")


def as_digest(name: str, receiver: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a receiver that tells by the same channels once a day what fires, or None where each of them makes incidents."""
    channels = {kind: entries for kind, entries in receiver.items() if kind not in ("name", *_INCIDENTS)}
    if not channels:
        return None
    told = replaced(channels, _OTHERWISE)
    return {"name": name, **{kind: [{**each, "send_resolved": False} for each in entries] for kind, entries in told.items()}}


def digest_route(receiver: str, scale: Scale, *, interval: str) -> dict[str, Any]:
    """Return the route of alerts of severity info, all of an owner's in one message.

    Args:
        receiver: its name.
        scale: how fast time runs; the time of day is that of the clock.
        interval: name of the time of day.
    """
    return {
        "matchers": ['severity="info"'],
        "receiver": receiver,
        "group_by": ["owner"],
        "active_time_intervals": [interval],
        "group_interval": scale.interval(_LOOK),
        "repeat_interval": str(_AGAIN),
    }


def digest_interval(name: str, digest: Digest) -> dict[str, Any]:
    """Return the time of day."""
    end = digest.minute + DIGEST_MINUTES
    times = [{"start_time": digest.at, "end_time": f"{end // 60:02}:{end % 60:02}"}]
    return {"name": name, "time_intervals": [{"weekdays": [digest.days], "times": times, "location": digest.timezone}]}
