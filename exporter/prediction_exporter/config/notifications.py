"""How alerts reach people: what the kit needs to render Alertmanager's configuration."""

from __future__ import annotations

from pydantic import Field, model_validator

from prediction_exporter.config.contacts import Contact
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


class Notifications(Section):
    """What the kit needs to render Alertmanager's configuration."""

    slack_api_url_file: Text | None = Field(None, description="File with the Slack webhook address, on Alertmanager's machine.")
    smtp: Smtp | None = Field(None, description="The mail server.")
    unowned: Contact | None = Field(None, description="Where alerts go that belong to no owner.")
    working_hours: WorkingHours | None = Field(None, description="When messages that can wait are sent.")
    grafana_url: Url | None = Field(None, description="Address of Grafana, for links in messages.")
    exporter_url: FolderUrl | None = Field(
        None, description="Address at which people reach the exporter: messages link to its page and its runbooks."
    )
    runbooks_url: FolderUrl | None = Field(
        None, description="Address of a folder with the rendered runbook pages; messages link to it before the exporter's."
    )
