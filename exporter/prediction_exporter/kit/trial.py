"""A test alert: through the running Alertmanager to an owner's real channels, marked as a test, and resolved at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prediction_exporter.config import Config
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.errors import KitError
from prediction_exporter.kit.alertmanager import transports
from prediction_exporter.kit.audience import Receiver, audience
from prediction_exporter.kit.receivers import Transports
from prediction_exporter.kit.routes import GROUP_WAIT
from prediction_exporter.kit.running import Alertmanager, Sent

TestSeverity = Literal["critical", "warning"]

#: When a test that nobody ends is over, in seconds.
_OVER = 60
#: Seconds between two looks.
_LOOK = 0.2
#: What Alertmanager calls a service, where that is not its key in a receiver without the ending.
_SUFFIX = "_configs"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a test alert.

    Attributes:
        told: what happened, in lines.
        wrong: why the message did not reach the owner, or may not have; empty where it did.
    """

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def send_test_alert(config: Config, owner: str, severity: TestSeverity, running: Alertmanager, *, seconds: float) -> Outcome:
    """Send a test alert to an owner.

    Args:
        config: names the owner.
        owner: who is to be told.
        severity: of the alert, on which depends who gets a copy.
        running: the Alertmanager.
        seconds: how long to wait for the messages to be sent.

    Raises:
        KitError: there is no such owner, or Alertmanager does not answer.
    """
    if owner not in config.owners:
        raise KitError(f"--owner: {owner} is no owner{suggest(owner, config.owners)} (there is: {', '.join(config.owners)})")
    outcome = Outcome()
    outcome.told.append(f"Alertmanager {running.version()} at {running.url}")
    before = _sent(running)
    alert = alert_of_test(owner, severity, datetime.now(UTC))
    running.post([alert])
    try:
        wanted = _wanted(config, owner, severity)
        outcome.told.append(f"took {alert['labels']['alertname']} for {_channels(wanted)}")
        muted = list(_astray(running, alert["labels"]["alertname"], str(wanted["name"])))
        outcome.wrong.extend(muted)
        if not muted:
            told, wrong = _delivered(running, before, wanted, seconds)
            outcome.told.extend(told)
            outcome.wrong.extend(wrong)
    finally:
        running.post([alert | {"endsAt": datetime.now(UTC).isoformat()}])
    outcome.told.append("resolved it; channels that tell the end of a problem tell that one, too, at the group's next interval")
    return outcome


def alert_of_test(owner: str, severity: TestSeverity, now: datetime) -> dict[str, Any]:
    """Return the alert, which says in each of its texts what it is.

    It has a name of its own, so that no earlier test of its group is told already, and began so long ago that a new group is
    sent at once. Its area waits for no working hours.
    """
    return {
        "labels": {
            "alertname": f"ModelTestAlert-{now:%H%M%S}",
            "severity": severity,
            "area": "service",
            "owner": owner,
            "model": "test",
        },
        "annotations": {
            "summary": "This is a test: nothing is wrong.",
            "description": f"Test alert: sent on purpose, by prediction-exporter, to see that messages reach {owner}.",
            "action": "Nothing. This is a test.",
            "first_steps": "None: this is a test.",
        },
        "startsAt": (now - timedelta(seconds=GROUP_WAIT.seconds + 1)).isoformat(),
        "endsAt": (now + timedelta(seconds=_OVER)).isoformat(),
    }


def _wanted(config: Config, owner: str, severity: TestSeverity) -> Receiver:
    by = transports(config)
    if (by.slack, by.email) == (None, None):
        # Those of the configuration that the routes were merged into.
        by = Transports(slack={}, email={})
    told = audience(owner, config, by)
    return told.critical if severity == "critical" and told.critical is not None else told.everything


def _channels(receiver: Receiver) -> str:
    named = [
        f"{kind.removesuffix(_SUFFIX)} {entry.get('channel') or entry.get('to') or ''}".rstrip()
        for kind, entries in receiver.items()
        if kind != "name"
        for entry in entries
    ]
    return f"{receiver['name']}: {', '.join(named)}"


def _astray(running: Alertmanager, name: str, wanted: str) -> Iterator[str]:
    """Yield why the alert does not go where it should."""
    end = time.monotonic() + 5
    while not (found := running.alerts(name)) and time.monotonic() < end:
        time.sleep(_LOOK)  # Alertmanager takes an alert before it shows it
    if not found:
        yield "Alertmanager does not show the alert that it took"
        return
    receivers = [receiver["name"] for receiver in found[0].get("receivers", [])]
    if wanted not in receivers:
        to = ", ".join(receivers) or "nobody"
        yield f"it goes to {to}, and not to {wanted}: the routes of this configuration are not loaded there, or not the newest"
    status = found[0].get("status", {})
    for id_ in status.get("silencedBy", []):
        silence = running.silence(id_)
        by, why = silence.get("createdBy", "somebody"), silence.get("comment", "")
        yield f"it is silenced until {silence.get('endsAt', '?')} by {id_}, of {by}: {why}"
    if status.get("inhibitedBy"):
        yield f"it is inhibited by alerts that fire: {', '.join(status['inhibitedBy'])}"
    # Of 0.28 and later; an older one does not say so.
    if status.get("mutedBy"):
        yield f"it is muted by time intervals: {', '.join(status['mutedBy'])}"


def _sent(running: Alertmanager) -> dict[str, Sent] | None:
    try:
        return running.sent()
    except KitError:
        return None


def _delivered(
    running: Alertmanager, before: Mapping[str, Sent] | None, wanted: Receiver, seconds: float
) -> tuple[list[str], list[str]]:
    """Wait until as many messages are sent as there are channels; return what is, and what is wrong."""
    if before is None:
        return [], ["its metrics cannot be read: whether messages were sent is not known"]
    channels = {kind.removesuffix(_SUFFIX): len(entries) for kind, entries in wanted.items() if kind != "name"}
    none = Sent(tried=0, failed=0)
    end = time.monotonic() + seconds
    while True:
        now = _sent(running) or {}
        since = {by: now.get(by, none).since(before.get(by, none)) for by in channels}
        done = {by: each.tried - each.failed >= channels[by] for by, each in since.items()}
        if all(done.values()) or time.monotonic() > end or any(each.failed > 0 for each in since.values()):
            break
        time.sleep(_LOOK)  # Alertmanager tells of messages by its counters alone
    told = [f"{by}: sent" for by, well in done.items() if well]
    late = f"nothing sent within {seconds:g} s"
    wrong = [
        f"{by}: {'failed; the log of Alertmanager says why' if since[by].failed else late}"
        for by, well in done.items()
        if not well
    ]
    return told, wrong
