"""What a configuration holds: one frozen model per section, with the description of every key.

The models are the contract: validation, the messages about unknown or missing keys and the JSON Schema follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import (
    Area,
    Count,
    Days,
    DurationValue,
    Email,
    FieldName,
    FilePath,
    Flag,
    GlobPath,
    HostPort,
    Kind,
    Limit,
    LogFormat,
    Maturity,
    ModelName,
    Name,
    Names,
    OwnerName,
    Positive,
    Ratio,
    Segments,
    SizeValue,
    Slack,
    Start,
    Task,
    Text,
    ThresholdKey,
    TimeOfDay,
    Unit,
    Url,
    Windows,
    Zone,
    between,
    context_of,
    known_thresholds,
    refuse,
    size_between,
)

RUNBOOKS_URL = "https://github.com/prediction-exporter/prediction-exporter/blob/main/docs/runbooks"

#: Endings of a field's name that tell the unit of a duration.
UNIT_ENDINGS: dict[str, Unit] = {
    "_ms": "ms",
    "_millis": "ms",
    "_milliseconds": "ms",
    "_s": "s",
    "_sec": "s",
    "_seconds": "s",
    "_us": "us",
    "_micros": "us",
    "_microseconds": "us",
    "_ns": "ns",
    "_nanos": "ns",
    "_nanoseconds": "ns",
}


class Section(BaseModel):
    """A mapping of the configuration whose keys are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Contact(Section):
    """Where messages go: a Slack channel, an email address, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["slack"]}, {"required": ["email"]}]})

    slack: Slack | None = Field(None, description="Slack channel (#name) or user (@name), in quotes.")
    email: Email | None = Field(None, description="Email address.")

    @model_validator(mode="after")
    def _reachable(self) -> Contact:
        if self.slack is None and self.email is None:
            raise refuse("has neither slack nor email", "at least one of them")
        return self


class Owner(Contact):
    """A team or person who is told about problems."""

    runbooks: Url | None = Field(None, description="Address of the owner's own runbooks.")


class Log(Section):
    """A prediction log: files of JSON lines."""

    path: GlobPath = Field(description="Path of the log, or a glob for several; relative to the configuration file.")
    format: LogFormat = Field("auto", description="What wraps each line: nothing (jsonl), Docker or CRI.")
    start: Start = Field("end", description="Where reading begins in a log seen for the first time.")
    max_line_size: Annotated[SizeValue, size_between("1KiB", "64MiB")] = Field(
        1 << 20, description="Lines longer than this are refused; 1KiB to 64MiB."
    )


class TimeField(Section):
    """The field with the time of a prediction."""

    field: Text = Field(description="Name of the field.")
    unit: Unit | None = Field(None, description="Unit of a number since 1970; recognised by its magnitude if absent.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return _field_mapping(value)


class LatencyField(Section):
    """The field with the duration of a request."""

    field: Text = Field(description="Name of the field.")
    unit: Unit = Field(description="Unit of the number.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        mapping = _field_mapping(value)
        if not isinstance(value, str):
            return mapping
        for ending, unit in UNIT_ENDINGS.items():
            if value.endswith(ending):
                return {**mapping, "unit": unit}
        raise refuse("does not tell its unit", "{field: NAME, unit: UNIT} with a unit of s, ms, us or ns")


def _field_mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"field": value}
    if isinstance(value, dict):
        return value
    raise refuse("is no field", "the name of a field as text, or {field: NAME, unit: UNIT}")


class FeaturePattern(Section):
    """Features found by name."""

    pattern: Text = Field(description='Shell pattern over the names of the fields, nested ones with dots, such as "f_*".')


FORMS_OF_FEATURES: dict[type, str] = {str: "<object>", list: "<names>", dict: "<pattern>"}


def _form_of_features(value: Any) -> str | None:
    return next((tag for kind, tag in FORMS_OF_FEATURES.items() if isinstance(value, kind)), None)


def _check_form_of_features(value: Any) -> Any:
    if _form_of_features(value) is not None:
        return value
    raise refuse("does not tell where the features are", "the name of a nested object, a list of fields, or {pattern: PATTERN}")


#: The name of a nested object, names of fields, or a pattern for them. The tags keep one alternative's errors apart.
Features = Annotated[
    Annotated[Text, Tag("<object>")] | Annotated[Names, Tag("<names>")] | Annotated[FeaturePattern, Tag("<pattern>")],
    Discriminator(_form_of_features),
    BeforeValidator(_check_form_of_features),
]


class Fields(Section):
    """Names of the log's fields; one that is absent here is recognised where that is unambiguous."""

    time: Annotated[TimeField, FieldName()] | None = Field(
        None, description="Time of the prediction: a name, or {field, unit}."
    )
    id: Text | None = Field(None, description="Identifier of the prediction; a line without one is refused.")
    version: Text | None = Field(None, description="Version of the model.")
    prediction: Text | None = Field(None, description="What the model predicted or decided: a class or a number.")
    score: Text | None = Field(None, description="Probability of the positive class, or the scores of all classes.")
    latency: Annotated[LatencyField, FieldName()] | None = Field(
        None, description="Duration of the request: a name that ends in its unit, as latency_ms, or {field, unit}."
    )
    status: Text | None = Field(None, description="HTTP status, or a field that is set when the request failed.")
    features: Features | None = Field(
        None, description="Inputs: the name of a nested object, a list of fields, or {pattern: PATTERN}."
    )


class Predictions(Section):
    """Where a model's predictions are read, and how."""

    log: Log = Field(description="The log that the model writes.")
    timezone: Zone = Field("UTC", description="IANA time zone of times that carry none.")
    future_tolerance: Annotated[DurationValue, between("0s", "1d")] = Field(
        Duration.parse("5m"), description="An event further ahead of the clock than this is refused; 0s to 1d."
    )
    fields: Fields = Field(default_factory=Fields, description="Names of the fields.")


class Column(Section):
    """What differs for one column from what the baseline says."""

    kind: Kind = Field(description="How the column is counted, or ignore; takes effect when the baseline is built.")


def _statistics_as_properties(schema: dict[str, Any]) -> None:
    limit = schema["additionalProperties"]
    schema["properties"] |= dict.fromkeys(known_thresholds(), limit)
    schema["additionalProperties"] = False


class Thresholds(BaseModel):
    """Values of statistics from which an alert fires, for all columns and for single ones."""

    # The keys beside `columns` are those of the statistics that have a threshold.
    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra=_statistics_as_properties)
    __pydantic_extra__: dict[ThresholdKey, Limit]

    columns: Mapping[Text, Mapping[ThresholdKey, Limit]] = Field(
        {}, description="Thresholds of single columns, by the name of the column."
    )

    @property
    def statistics(self) -> Mapping[str, float]:
        """Thresholds for all columns, by the key of the statistic."""
        return self.__pydantic_extra__

    def of(self, statistic: str, column: str) -> float | None:
        """Return the configured threshold of a statistic for a column, or ``None``."""
        return self.columns.get(column, {}).get(statistic, self.statistics.get(statistic))


class LatencyObjective(Section):
    """How many requests must be how fast."""

    under: Annotated[DurationValue, between("1ms", "1h")] = Field(description="Duration that is fast enough; 1ms to 1h.")
    ratio: Ratio = Field(description="Share of requests that must be that fast; between 0 and 1.")


class Slo(Section):
    """Service level objectives."""

    availability: Ratio | None = Field(None, description="Share of requests that must succeed; between 0 and 1.")
    latency: LatencyObjective | None = Field(None, description="How many requests must be how fast.")


class Info(Section):
    """Texts about the model, shown as labels of model_info."""

    framework: Text | None = Field(None, description="Library and version that the model is built with.")
    training_data: Text | None = Field(None, description="Name or address of the training data.")


class Model(Section):
    """A model whose predictions are watched."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["baseline"]}, {"properties": {"maturity": {"const": 0}}, "required": ["maturity"]}]
        }
    )

    name: ModelName = Field(description="Name of the model, as in the label of its series.")
    owner: OwnerName = Field(description="Owner who is told about every problem that no area gives to another.")
    areas: Mapping[Area, OwnerName] = Field({}, description="Owners of single areas: service, data, drift.")
    maturity: Maturity = Field(2, description="0: service and traffic only, without a baseline; 1 and 2: data and drift too.")
    task: Task | None = Field(None, description="What the model does; recognised from the baseline if absent.")
    baseline: FilePath | None = Field(
        None,
        validate_default=True,
        description="Baseline file, relative to the configuration file; required unless maturity is 0.",
    )
    predictions: Predictions = Field(description="Where the predictions are read.")
    columns: Mapping[Text, Column] = Field({}, description="Settings of single columns, by name.")
    segments: Segments = Field((), description="Categorical columns whose values are watched apart; at most 5.")
    thresholds: Thresholds = Field(default_factory=Thresholds, description="Values of statistics from which an alert fires.")
    false_alarms_per_month: Positive = Field(
        1.0, description="False alarms that are tolerated in a month; the sensitivity of drift alerts follows from it."
    )
    min_predictions: Count = Field(30, description="A window with fewer predictions than this is not compared.")
    slo: Slo = Field(default_factory=Slo, description="How many requests must succeed, and how fast.")
    info: Info = Field(default_factory=Info, description="Texts about the model.")
    dependencies: FilePath | None = Field(
        None, description="Requirements file of the model server, relative to the configuration file."
    )

    @field_validator("baseline")
    @classmethod
    def _baseline_where_compared(cls, baseline: Path | None, info: ValidationInfo) -> Path | None:
        if baseline is None and info.data.get("maturity", 0) > 0:
            raise refuse("is required where maturity is above 0", "the path of a baseline file, or maturity: 0")
        return baseline

    def owner_of(self, area: Area) -> str:
        """Return the owner of an area."""
        return self.areas.get(area, self.owner)


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
    runbooks_url: Url = Field(RUNBOOKS_URL, description="Address of the folder of the runbook pages.")


class Config(Section):
    """Configuration of prediction-exporter.

    Durations are written as in Prometheus: 500ms, 15s, 1h30m, 1d. Any text may hold ${NAME}, which stands for an
    environment variable; $$ stands for $.
    """

    state_dir: FilePath = Field(
        Path("/var/lib/prediction-exporter"), description="Folder for positions and windows, kept over restarts."
    )
    interval: Annotated[DurationValue, between("1s", "1h")] = Field(
        Duration.parse("15s"), description="Time between two evaluations; 1s to 1h."
    )
    windows: Windows = Field(
        (Duration.parse("1h"), Duration.parse("24h")),
        description="Spans of production that are compared with the baseline; 1 to 4 of them, 1m to 31d.",
    )
    series_limit: Count = Field(50_000, description="Most series that are served.")
    max_versions: Count = Field(8, description="Most versions of a model that have series at the same time.")
    owners: Mapping[Name, Owner] = Field({}, description="Who is told about problems, by name.")
    models: Annotated[tuple[Model, ...], Field(min_length=1)] = Field(description="The models that are watched.")
    notifications: Notifications = Field(
        default_factory=Notifications, description="How alerts reach people, for the kit to render."
    )

    _expanded: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="after")
    def _remember_expanded(self, info: ValidationInfo) -> Config:
        self._expanded = context_of(info).expanded
        return self

    @property
    def expanded(self) -> frozenset[str]:
        """Places whose value came from the environment and is not to be printed."""
        return self._expanded
