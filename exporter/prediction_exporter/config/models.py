"""What a configuration holds: one frozen model per section, with the description of every key.

The models are the contract: validation, the messages about unknown or missing keys and the JSON Schema follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from prediction_exporter.config.artifacts import Retraining, Storage
from prediction_exporter.config.capacity import Capacity, Replicas
from prediction_exporter.config.contacts import Alertmanager, Owners
from prediction_exporter.config.cost import METERED, Cost
from prediction_exporter.config.labels import Labels, PerformanceSection
from prediction_exporter.config.notifications import Notifications
from prediction_exporter.config.predictions import Predictions, Unread
from prediction_exporter.config.process import Process
from prediction_exporter.config.section import Section
from prediction_exporter.config.server import Server
from prediction_exporter.config.slo import ResolvedSlo, Slo
from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import (
    Area,
    Count,
    Decimals,
    DurationValue,
    FilePath,
    Flag,
    Kind,
    Limit,
    Maturity,
    ModelName,
    Nan,
    OwnerName,
    Positive,
    References,
    Segments,
    Task,
    Text,
    ThresholdKey,
    Windows,
    between,
    context_of,
    known_thresholds,
    refuse,
    refuse_key,
)
from prediction_exporter.servers import Bound, Part


class Column(Section):
    """What differs for one column from what the baseline says."""

    kind: Kind | None = Field(
        None, description="How the column is counted, or ignore; takes effect when the baseline is built, as the others do."
    )
    nan: Nan | None = Field(
        None,
        description="Whether NaN is a missing value or one that is not finite; told from the baseline's data if absent.",
    )
    decimals: Decimals | None = Field(None, description="Decimals that the numbers are rounded to where they are logged.")


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


class Info(Section):
    """Texts about the model, shown as labels of model_info."""

    framework: Text | None = Field(None, description="Library and version that the model is built with.")
    training_data: Text | None = Field(None, description="Name or address of the training data.")


#: Sections that are enough to watch a model's service by, without its predictions.
ENOUGH = ("server", "process")

_OF_MATURITY_0: JsonDict = {"properties": {"maturity": {"const": 0}}}
_ANY_OF_ENOUGH: list[JsonValue] = [{"required": [key]} for key in ENOUGH]


class Model(Section):
    """A model that is watched: by its predictions, or by what its server says of itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"anyOf": [{"required": ["baseline"]}, {"required": ["maturity"], **_OF_MATURITY_0}]},
                {
                    "anyOf": [
                        {"required": ["predictions"]},
                        {**_OF_MATURITY_0, "required": ["maturity"], "anyOf": _ANY_OF_ENOUGH},
                    ]
                },
            ]
        }
    )

    name: ModelName = Field(description="Name of the model, as in the label of its series.")
    owner: OwnerName = Field(description="Owner who is told about every problem that no area gives to another.")
    areas: Mapping[Area, OwnerName] = Field({}, description=f"Owners of single areas: {', '.join(get_args(Area))}.")
    maturity: Maturity = Field(
        2, description="0: the service, its traffic and cost, without a baseline; 1: data, drift and predictions too; 2: all."
    )
    task: Task | None = Field(None, description="What the model does; recognised from the baseline if absent.")
    baseline: FilePath | None = Field(
        None,
        validate_default=True,
        description="Baseline file, relative to the configuration file; required unless maturity is 0.",
    )
    server: Server | None = Field(
        None, description="The model server's own metrics, where the service level is to be made of them."
    )
    process: Process | None = Field(
        None, description="The processes of the model server, whose CPU, memory, files and restarts are watched."
    )
    storage: Storage | None = Field(None, description="Files that are kept for the model, to tell how much they take.")
    retraining: Retraining | None = Field(None, description="The artefact that shows when the model was trained anew.")
    predictions: Predictions = Field(
        default_factory=Unread.model_construct,
        validate_default=True,
        description=f"Where the predictions are read; required unless maturity is 0 and there is {' or '.join(ENOUGH)}.",
    )
    labels: Labels | None = Field(None, description="Where the truth about the predictions comes from, later.")
    performance: PerformanceSection = Field(
        default_factory=PerformanceSection, description="How performance is measured, where there are labels."
    )
    columns: Mapping[Text, Column] = Field({}, description="Settings of single columns, by name.")
    segments: Segments = Field((), description="Categorical columns whose values are watched apart; at most 5.")
    references: References = Field(
        (),
        description=(
            "What windows are compared with beside the baseline: week, the same window a week before, and version, the version "
            "before over the same hours."
        ),
    )
    thresholds: Thresholds = Field(default_factory=Thresholds, description="Values of statistics from which an alert fires.")
    importance: Mapping[Text, Limit] = Field(
        {},
        description=(
            "How much features matter, by name, as feature_importances_ has it: weights from 0, whose sum counts as 1 where "
            "it is more; features that are not named share what is left of 1. Before what the baseline taught."
        ),
    )
    false_alarms_per_month: Positive = Field(
        1.0,
        description=(
            "False alarms that are tolerated in a month, of all columns, statistics and windows together; the sensitivity of "
            "drift alerts follows from it."
        ),
    )
    learning: Annotated[DurationValue, between("0s", "31d")] = Field(
        Duration.parse("1d"),
        description=(
            "Time after the first prediction in which it is learnt how much hours differ, without evidence; longer where "
            "twelve hours, or two days, were not seen yet; 0s to 31d."
        ),
    )
    min_predictions: Count = Field(30, description="A window with fewer predictions than this is not compared.")
    slo: ResolvedSlo = Field(
        default_factory=Slo, description="How many requests must succeed, how fast, and how new predictions must be."
    )
    capacity: Capacity | None = Field(None, description="What the model's service can bear.")
    replicas: Replicas | None = Field(None, description="How many replicas of the model's service are to run.")
    cost: Cost | None = Field(None, description="What the model costs, and what it may cost.")
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

    @field_validator("labels")
    @classmethod
    def _labels_of_predictions(cls, labels: Labels | None, info: ValidationInfo) -> Labels | None:
        if labels is not None and info.data.get("maturity") in (0, 1):
            raise refuse_key("are what maturity 2 adds", "maturity: 2, or no labels")
        return labels

    @model_validator(mode="after")
    def _rows_for_labels(self) -> Model:
        table = self.predictions.table
        if self.labels is not None and self.labels.fields.row is not None and not self.predictions.unfolds:
            raise refuse(
                "is which prediction of a record a label is of, and each record is one prediction",
                "only beside predictions.rows or predictions.layout",
                inside=("labels", "fields", "row"),
            )
        if self.labels is None or self.joins_in_engine:
            return self
        if self.labels.join == "engine":
            raise refuse(
                "needs predictions and labels that are tables of one database",
                "auto, or state, or the same url in predictions.table and labels.table",
                inside=("labels", "join"),
            )
        if table is not None and table.mode == "aggregate":
            raise refuse(
                "counts rows in the database, and labels are joined to single ones",
                "rows, or auto, where labels are of another database or labels.join is state",
                inside=("predictions", "table", "mode"),
            )
        return self

    @field_validator("references")
    @classmethod
    def _references_of_columns(cls, references: References, info: ValidationInfo) -> References:
        if references and info.data.get("maturity") in (0, 1):
            raise refuse("are what maturity 2 adds", "maturity: 2, or no references")
        return references

    @field_validator("predictions")
    @classmethod
    def _entity_where_compared(cls, predictions: Predictions, info: ValidationInfo) -> Predictions:
        if predictions.fields.entity is not None and info.data.get("maturity") == 0:
            raise refuse("has fields.entity, which serves drift, and maturity is 0", "only where maturity is above 0")
        return predictions

    @field_validator("cost")
    @classmethod
    def _cost_of_what_is_seen(cls, cost: Cost | None, info: ValidationInfo) -> Cost | None:
        for key, (section, what) in METERED.items():
            if cost is not None and key in cost.rates and info.data.get(section) is None:
                raise refuse_key(f"has {key}, and nothing tells {what}", f"the section {section} beside it")
        predictions = info.data.get("predictions")
        if cost is not None and "per_1000_predictions" in cost.rates and predictions is not None and not predictions.are_read:
            raise refuse_key("has per_1000_predictions, and no predictions are read", "no per_1000_predictions, or predictions")
        process = info.data.get("process")
        if cost is not None and "per_gpu_hour" in cost.rates and process is not None and not process.gpu:
            raise refuse_key("has per_gpu_hour, and GPUs are not looked at", "process: {gpu: true} beside it")
        return cost

    @field_validator("predictions")
    @classmethod
    def _something_is_watched(cls, predictions: Predictions, info: ValidationInfo) -> Predictions:
        if not predictions.are_read and info.data.get("maturity", 0) > 0:
            raise refuse("is required where maturity is above 0", "where the predictions are read, or maturity: 0")
        # What is not among the data is there and wrong, which is told already.
        if not predictions.are_read and all(info.data.get(key, key) is None for key in ENOUGH):
            raise refuse(f"is required where there is no {' and no '.join(ENOUGH)}", "where the predictions are read")
        if predictions.fields.attributions is not None and info.data.get("maturity") == 0:
            raise refuse("is for features, of which maturity 0 has none", "maturity: 1 or 2", inside=("fields", "attributions"))
        return predictions

    @field_validator("slo")
    @classmethod
    def _objectives_are_told(cls, slo: Slo, info: ValidationInfo) -> Slo:
        server, predictions = info.data.get("server"), info.data.get("predictions")
        if not isinstance(predictions, Predictions):
            return slo
        if not predictions.are_read and slo.freshness is not None:
            raise refuse("has freshness, and no predictions are read", "no freshness, or predictions")
        if not isinstance(server, Server):
            if not predictions.are_read and (slo.availability is not None or slo.latency is not None):
                raise refuse("has objectives on requests, and nothing tells of these", "no slo, or predictions or server")
            return slo
        kind, bounds = server.of_kind, server.bounds
        if not predictions.are_read and slo.availability is not None and kind.failed is None:
            raise refuse(f"has availability, and {kind.kind} tells no failures of a model", "no availability, or predictions")
        if not predictions.are_read and slo.latency is not None and kind.duration is None:
            raise refuse(f"has latency, and {kind.kind} has no histogram of a model's durations", "no latency, or predictions")
        if slo.latency is not None and bounds and server.bound_for(slo.latency.under.seconds) is None:
            raise refuse(
                f"has latency.under {slo.latency.under}, below every bucket of {kind.kind}",
                f"at least {bounds[0]:g}s, or the server's buckets in server.buckets",
            )
        return slo

    @property
    def joins_in_engine(self) -> bool:
        """Whether predictions and labels are joined by the database that has both, and not in the state file."""
        table = self.predictions.table
        if self.labels is None or self.labels.join == "state" or table is None or self.labels.table is None:
            return False
        if self.predictions.unfolds:  # a row is no prediction
            return False
        return table.is_beside(self.labels.table)

    def owner_of(self, area: Area) -> str:
        """Return the owner of an area."""
        return self.areas.get(area, self.owner)

    @property
    def shown(self) -> str:
        """What is watched of it, for people and for telling whether a stored position belongs to it."""
        if self.predictions.are_read or self.server is None:
            return self.predictions.source.shown
        return self.server.shown

    @property
    def of_server(self) -> tuple[Part, ...]:
        """What of its service its server tells: nothing else counts it. Without failures, requests are better read."""
        if self.server is None:
            return ()
        parts = self.server.of_kind.parts
        return tuple(part for part in parts if part != "requests" or "failed" in parts or not self.predictions.are_read)

    @property
    def latency_bound(self) -> Bound | None:
        """The bound of its server's histogram that stands for its latency objective; None where nothing is made of one."""
        if self.server is None or self.slo.latency is None:
            return None
        return self.server.bound_for(self.slo.latency.under.seconds)


class Series(Section):
    """What is left out of the series, and what is added to them."""

    exclude: tuple[Text, ...] = Field(
        (), description="Collectors to switch off, and families that no shipped rule or panel reads, by name."
    )
    exemplars: Flag = Field(
        False, description="Whether the latency histogram carries ids of requests as exemplars, in OpenMetrics alone."
    )


class Notes(Section):
    """What takes notes on alarms, beside the command."""

    form: Flag = Field(
        False,
        description="Whether the exporter serves a form for it, at /notes; it needs basic_auth_users in --web.config.file.",
    )


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
    series: Series = Field(default_factory=Series, description="Which series are served.")
    max_versions: Count = Field(8, description="Most versions of a model that have series at the same time.")
    owners: Owners = Field({}, description="Who is told about problems, by name.")
    models: Annotated[tuple[Model, ...], Field(min_length=1)] = Field(description="The models that are watched.")
    notes: Notes = Field(default_factory=Notes, description="How people say whether alarms were right.")
    notifications: Notifications = Field(
        default_factory=Notifications, description="How alerts reach people, for the kit to render."
    )
    alertmanager: Alertmanager = Field(
        default_factory=Alertmanager, description="What is known of the Alertmanager that routes are rendered for."
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
