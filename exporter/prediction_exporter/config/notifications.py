"""How alerts reach people: what the kit needs to render Alertmanager's configuration."""

from __future__ import annotations

from pydantic import Field, model_validator

from prediction_exporter.config.contacts import Contact, Escalation
from prediction_exporter.config.section import Section
from prediction_exporter.config.values import Days, Email, Flag, FolderUrl, HostPort, Text, TimeOfDay, Url, Zone, refuse


class Smtp(Section):
    """The mail server that Alertmanager sends through."""

    smarthost: HostPort = Field(description="Host and port of the mail server.")
    sender: Email = Field(alias="from", description="Address that messages come from.")
    username: Text | None = Field(None, description="User name at the mail server.")
    password_file: Text | None = Field(None, description="File with the password, on Alertmanager's machine.")
    require_tls: Flag = Field(True, description="Whether the connection must be encrypted.")


class WorkingHours(Section):
    """When messages that can wait are sent."""

    days: Days = Field("monday:friday", description="A day, or a range of days in a week that begins on sunday.")
    start: TimeOfDay = Field("08:00", alias="from", description='Begin of the working day, in quotes: "08:00".')
    end: TimeOfDay = Field("18:00", alias="to", description='End of the working day, in quotes: "18:00".')
    timezone: Zone = Field("UTC", description="IANA time zone of these hours.")

    @model_validator(mode="after")
    def _in_order(self) -> WorkingHours:
        # Both have the form HH:MM, whose order as text is that of time.
        if self.start >= self.end:
            raise refuse("ends before it begins", "a time in to that is later than the one in from")
        return self


#: Minutes of a day in which a digest is sent: between its time and these later.
DIGEST_MINUTES = 16


class Digest(Section):
    """When alerts of severity info are told, in one message a day."""

    at: TimeOfDay = Field(
        description=f'Time of day, in quotes: "09:00"; the message comes within {DIGEST_MINUTES} minutes from then.'
    )
    days: Days = Field("sunday:saturday", description="A day, or a range of days in a week that begins on sunday.")
    timezone: Zone = Field("UTC", description="IANA time zone of that time.")

    @model_validator(mode="after")
    def _within_the_day(self) -> Digest:
        last = 24 * 60 - DIGEST_MINUTES
        if self.minute > last:
            raise refuse(
                "is too late", f"00:00 to {last // 60:02}:{last % 60:02}, as it must end on the same day", inside=("at",)
            )
        return self

    @property
    def minute(self) -> int:
        """Minute of the day at which it may be sent first."""
        hours, minutes = self.at.split(":")
        return int(hours) * 60 + int(minutes)


class Notifications(Section):
    """What the kit needs to render Alertmanager's configuration."""

    slack_api_url_file: Text | None = Field(None, description="File with the Slack webhook address, on Alertmanager's machine.")
    smtp: Smtp | None = Field(None, description="The mail server.")
    unowned: Contact | None = Field(None, description="Where alerts go that belong to no owner.")
    working_hours: WorkingHours | None = Field(None, description="When messages that can wait are sent.")
    digest: Digest | None = Field(
        None, description="When alerts of severity info are told; one by one, as others are, if absent."
    )
    escalation: Escalation | None = Field(
        None, description="Who else is told of critical alerts that stay, but for owners who have an escalation of their own."
    )
    grafana_url: Url | None = Field(None, description="Address of Grafana, for links in messages.")
    exporter_url: FolderUrl | None = Field(
        None, description="Address at which people reach the exporter: messages link to its page and its runbooks."
    )
    runbooks_url: FolderUrl | None = Field(
        None, description="Address of a folder with the rendered runbook pages; messages link to it before the exporter's."
    )
