"""Who is told what of an owner's alerts: by a receiver for each choice of alerts, and nobody twice of the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prediction_exporter.config import Config, Contact, Duration
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.digest import as_digest
from prediction_exporter.kit.receivers import Transports, receiver, retitled, template

#: The receiver of what belongs to nobody; no owner's name begins so.
UNOWNED = "_unowned"

Receiver = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Late:
    """Who else is told of critical alerts that stay.

    Attributes:
        receiver: without channels that were told before.
        after: how long an alert fires before.
    """

    receiver: Receiver
    after: Duration


@dataclass(frozen=True, kw_only=True)
class Audience:
    """The receivers of an owner's alerts.

    Attributes:
        everything: of whatever is not given to another of them.
        critical: of critical alerts; None where they go to the same people.
        digest: of the daily message about alerts of severity info; None where these are told one by one.
        late: of critical alerts that stay; None where nobody else is told of these.
    """

    everything: Receiver
    critical: Receiver | None = None
    digest: Receiver | None = None
    late: Late | None = None

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """All of them, that of everything first."""
        found = (self.everything, self.critical, self.digest, None if self.late is None else self.late.receiver)
        return tuple(each for each in found if each is not None)


def audience(name: str, config: Config, by: Transports) -> Audience:
    """Return who is told of an owner's alerts, or of those that belong to nobody.

    Args:
        name: of the owner, or :data:`UNOWNED`.
        config: names owners, their copies, digest and escalation.
        by: the transports that there are.

    Raises:
        ConfigError: the owner's own escalation leads to channels that were told before, and to no other.
    """
    owner = config.owners.get(name)
    everybody = _everybody(name, config)
    everything = receiver(name, everybody, by)
    further = () if owner is None else owner.critical_copies
    critical = receiver(f"{name}/critical", [*everybody, *(config.owners[other] for other in further)], by)
    return Audience(
        everything=everything,
        critical=critical if _channels(critical) != _channels(everything) else None,
        digest=as_digest(f"{name}/digest", everything) if config.notifications.digest is not None else None,
        late=_late(name, config, by, told=critical),
    )


def _everybody(name: str, config: Config) -> list[Contact]:
    owner = config.owners.get(name)
    if owner is not None:
        return [owner, *(config.owners[other] for other in owner.copies)]
    unowned = config.notifications.unowned
    # Without a contact for what has no owner, everybody is told: an alert must not vanish.
    return [unowned] if unowned is not None else list(config.owners.values())


def _late(name: str, config: Config, by: Transports, *, told: Receiver) -> Late | None:
    owner = config.owners.get(name)
    escalation = (None if owner is None else owner.escalation) or config.notifications.escalation
    if escalation is None:
        return None
    found = receiver(f"{name}/escalation", [config.owners[escalation.to]], by)
    before = _channels(told)
    new = {kind: [each for each in entries if each not in before.get(kind, [])] for kind, entries in _channels(found).items()}
    if not any(new.values()):
        if owner is not None and owner.escalation is not None:
            raise ConfigError(
                f"owners.{name}.escalation: each channel of {escalation.to} is told of critical alerts at once; "
                f"give {escalation.to} another, or name somebody else"
            )
        return None
    title = f"{{{{ if .Alerts.Firing }}}}Still firing after {escalation.after}: {{{{ end }}}}{template('title')}"
    return Late(
        receiver=retitled({"name": found["name"], **{kind: entries for kind, entries in new.items() if entries}}, title),
        after=escalation.after,
    )


def _channels(of: Receiver) -> dict[str, list[Any]]:
    return {kind: entries for kind, entries in of.items() if kind != "name"}
