"""Who is told about problems, by which services, and what is known of the Alertmanager that tells them.

Secrets are named by files on Alertmanager's machine, and so is an address that whoever knows it may post to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, model_validator

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import (
    Count,
    DurationValue,
    Email,
    Endpoint,
    FolderUrl,
    Matching,
    Name,
    OwnerName,
    OwnerNames,
    Slack,
    Text,
    between,
    context_of,
    refuse,
)

#: What a contact can be reached by.
CHANNELS = ("slack", "email", "pagerduty", "opsgenie", "discord", "msteams", "webhook")

#: How much of a group is told in one message: that of a model, or that of an owner.
Group = Literal["model", "owner"]


#: The first Alertmanager that takes what is rendered.
OLDEST = "0.25"


@dataclass(frozen=True, slots=True)
class Since:
    """Annotation of what an Alertmanager before this version cannot do."""

    version: str

    def check(self, value: object, info: ValidationInfo) -> object:
        """Return the value, or raise which version is needed."""
        stated = context_of(info).alertmanager
        if value is not None and stated is not None and numbers(stated) < numbers(self.version):
            raise refuse(
                f"needs Alertmanager {self.version} or later, and alertmanager.version is {stated}",
                f'alertmanager: {{version: "{self.version}"}} or later, or another way to be told',
            )
        return value


def since(version: str) -> AfterValidator:
    """Return the check that the stated Alertmanager is of a version or later."""
    return AfterValidator(Since(version).check)


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare in its order.

    >>> numbers("0.9") < numbers("0.25") < numbers("0.25.1") < numbers("1.0")
    True
    """
    return tuple(int(number) for number in version.split("."))


def _not_too_old(version: str) -> str:
    if numbers(version) < numbers(OLDEST):
        raise refuse("is too old", f"{OLDEST} or later")
    return version


Version = Annotated[
    Text,
    Matching(r"[0-9]+(?:\.[0-9]+){1,2}", "is no version", 'two or three numbers, as "0.28"'),
    AfterValidator(_not_too_old),
]


class Alertmanager(Section):
    """The Alertmanager that routes are rendered for."""

    version: Version = Field(
        OLDEST, description='Its version, in quotes: "0.28". What an older one cannot do is an error of the configuration.'
    )


class PagerDuty(Section):
    """An integration of a PagerDuty service, of the Events API v2."""

    routing_key_file: Text = Field(description="File with the integration key, on Alertmanager's machine.")
    url: Endpoint | None = Field(
        None,
        description="Address of the events API where it is not PagerDuty's own, as https://events.eu.pagerduty.com/v2/enqueue.",
    )


class Responder(Section):
    """Who is to respond to an alert in Opsgenie: one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    team: Text | None = Field(None, description="Name of a team.")
    user: Email | None = Field(None, description="Email address of a user.")
    escalation: Text | None = Field(None, description="Name of an escalation.")
    schedule: Text | None = Field(None, description="Name of a schedule.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Responder:
        if len(self.model_fields_set) != 1:
            raise refuse("names nobody, or several", f"one of {', '.join(type(self).model_fields)}")
        return self


class Opsgenie(Section):
    """An API integration of Opsgenie."""

    api_key_file: Text = Field(
        description="File with the API key, on Alertmanager's machine; without a line's end where that is older than 0.28.1."
    )
    api_url: Endpoint | None = Field(
        None, description="Address of the API where it is not Opsgenie's own, as https://api.eu.opsgenie.com/."
    )
    responders: tuple[Responder, ...] = Field((), description="Who is to respond, where the integration does not say.")


class WebhookOfFile(Section):
    """An incoming webhook, whose address is a secret."""

    webhook_url_file: Text = Field(description="File with the webhook's address, on Alertmanager's machine.")


class Discord(WebhookOfFile):
    """A webhook of a Discord channel."""


class Teams(WebhookOfFile):
    """A workflow of Microsoft Teams that posts to a channel when a webhook request is received."""


class Webhook(Section):
    """Something of your own that takes Alertmanager's JSON."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["url_file"]}]})

    url: Endpoint | None = Field(None, description="Its address, where that is no secret.")
    url_file: Annotated[Text | None, since("0.28")] = Field(
        None,
        description="File with its address, on Alertmanager's machine; Alertmanager 0.28 or later, as older ones may crash.",
    )
    credentials_file: Text | None = Field(
        None, description="File with a token that is sent as Authorization, on Alertmanager's machine."
    )
    max_alerts: Count | None = Field(
        None, description="Most alerts of a message; further ones are counted. All of them if absent."
    )

    @model_validator(mode="after")
    def _one_address(self) -> Webhook:
        if (self.url is None) is (self.url_file is None):
            raise refuse("has no address, or two", "either url or url_file")
        return self


class Contact(Section):
    """Where messages go: at least one of the services that follow."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [channel]} for channel in CHANNELS]})

    slack: Slack | None = Field(None, description="Slack channel (#name) or user (@name), in quotes.")
    email: Email | None = Field(None, description="Email address.")
    pagerduty: PagerDuty | None = Field(None, description="PagerDuty, where alerts are incidents.")
    opsgenie: Opsgenie | None = Field(None, description="Opsgenie, where alerts are alerts of a priority.")
    discord: Annotated[Discord | None, since("0.28")] = Field(
        None, description="A channel of Discord; Alertmanager 0.28 or later."
    )
    msteams: Annotated[Teams | None, since("0.28")] = Field(
        None, description="A channel of Microsoft Teams; Alertmanager 0.28 or later."
    )
    webhook: Webhook | None = Field(None, description="Something that takes Alertmanager's JSON.")
    group: Group = Field(
        "model",
        description="What is one message: an alert of one model in one namespace, or an alert of all models, which are listed.",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Contact:
        if all(getattr(self, channel) is None for channel in CHANNELS):
            raise refuse("names no way to be reached", f"one or several of {', '.join(CHANNELS)}")
        return self


class Escalation(Section):
    """Who else is told of a critical alert that stays."""

    after: Annotated[DurationValue, between("5m", "7d")] = Field(
        description="How long a critical alert fires before it is told; 5m to 7d."
    )
    to: OwnerName = Field(description="The owner who is told then, beside those who were before.")


class Owner(Contact):
    """A team or person who is told about problems."""

    runbooks: FolderUrl | None = Field(None, description="Address of the owner's own runbooks.")
    copies: OwnerNames = Field((), description="Other owners, who get every message of this one too.")
    critical_copies: OwnerNames = Field((), description="Other owners, who get this one's messages of critical alerts too.")
    escalation: Escalation | None = Field(None, description="Who else is told of this owner's critical alerts that stay.")


def _to_others(owners: Mapping[str, Owner]) -> Mapping[str, Owner]:
    """Refuse copies and escalations that would tell an owner what it is told already."""
    for name, owner in owners.items():
        for key, others in (("copies", owner.copies), ("critical_copies", owner.critical_copies)):
            if name in others:
                raise refuse("names the owner itself", "other owners", inside=(name, key))
        both = [other for other in owner.critical_copies if other in owner.copies]
        if both:
            raise refuse(f"names {both[0]}, who gets every message by copies", "others", inside=(name, "critical_copies"))
        told = (name, *owner.copies, *owner.critical_copies)
        if owner.escalation is not None and owner.escalation.to in told:
            raise refuse("is told of critical alerts at once", "an owner who is not", inside=(name, "escalation", "to"))
    return owners


#: Owners by name.
Owners = Annotated[Mapping[Name, Owner], AfterValidator(_to_others)]


def stated_version(alertmanager: object) -> str | None:
    """Return the version that an unchecked section states, the default where it states none, and None where it is none."""
    version = alertmanager.get("version", Alertmanager().version) if isinstance(alertmanager, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)+", version) else None
