"""The sections on labels: where the truth about predictions comes from, when it is complete, and how good is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from prediction_exporter.config.fields import FieldValue, TimeField
from prediction_exporter.config.predictions import NULL_VALUES, Files, Log, Table
from prediction_exporter.config.section import Section
from prediction_exporter.config.units import DURATION_PATTERN, Duration
from prediction_exporter.config.values import (
    Count,
    DurationValue,
    FieldName,
    Number,
    Positive,
    Ratio,
    SizeValue,
    Start,
    Text,
    Zone,
    between,
    refuse,
    size_between,
)
from prediction_exporter.config.where import Where

Share = Annotated[Number, Field(gt=0, le=1)]

#: Where predictions and labels meet.
Join = Literal["auto", "engine", "state"]


class LabelLog(Log):
    """A log of labels: JSON lines."""

    # Labels are few and come once: what is skipped of them is never told again, and what is read twice changes nothing.
    start: Start = Field("beginning", description="Where reading begins in a log seen for the first time.")


class LabelFields(Section):
    """Names of the fields of a label."""

    id: Text = Field(description="Identifier of the prediction that the label is of, as fields.id of the predictions.")
    label: Text = Field(description="What turned out to be true: a class or a number.")
    time: Annotated[TimeField, FieldName()] | None = Field(
        None,
        description="When the label became known: a name, or {field, unit}. The time of reading if absent; a table needs one.",
    )
    version: Text | None = Field(
        None, description="Version of the model whose prediction it is of; of every prediction with this id if absent."
    )
    stage: Text | None = Field(
        None, description="Stage of the prediction that it is of, as fields.stage of the predictions; of every one if absent."
    )
    row: Text | None = Field(
        None,
        description="Which prediction of its record it is of, from 0, where predictions.rows or layout makes several of a "
        "record that share its id.",
    )
    weight: Text | None = Field(None, description="How much the pair counts, above 0; each counts 1 where no field is named.")


class Maturity(Section):
    """When the predictions of a minute have the labels that they will get; both must hold where both are given."""

    after: Annotated[DurationValue, between("0s", "366d")] | None = Field(
        None, description="How long after the prediction labels may still come; 0s to 366d."
    )
    coverage: Ratio | None = Field(None, description="Share of a window's predictions that must have their label.")

    @model_validator(mode="before")
    @classmethod
    def _from_duration(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"after": value}

    @model_validator(mode="after")
    def _something(self) -> Maturity:
        if self.after is None and self.coverage is None:
            raise refuse("says nothing", "a duration, {coverage: SHARE}, or {after: DURATION, coverage: SHARE}")
        return self

    @property
    def shown(self) -> str:
        """What it says, for people."""
        parts = [] if self.after is None else [str(self.after)]
        return " and ".join([*parts, *([] if self.coverage is None else [f"a coverage of {self.coverage:g}"])])


class _OrDuration:
    """Annotation of a section that may also be written as a duration alone."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, handler(schema)]}


class Labels(Section):
    """Where the truth about a model's predictions comes from: exactly one of log, table and files."""

    KINDS: ClassVar[tuple[str, ...]] = ("log", "table", "files")

    #: The section of a model that it is, for messages.
    SECTION: ClassVar[str] = "labels"

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in KINDS]})

    log: LabelLog | None = Field(None, description="A log of labels.")
    table: Table | None = Field(None, description="A table or view of labels.")
    files: Files | None = Field(None, description="Files of labels.")
    timezone: Zone = Field("UTC", description="IANA time zone of times that carry none.")
    null_values: tuple[Text, ...] = Field(NULL_VALUES, description="Texts of a CSV field that mean a missing value.")
    where: Where | None = Field(
        None, description="Which records are labels, as event = 'outcome' AND final; all of them if absent."
    )
    fields: LabelFields = Field(description="Names of the fields.")
    values: Mapping[FieldValue, FieldValue] = Field(
        {},
        description='Which class a label means that is not called like one: {"1": decline, "0": approve}. Others are taken as '
        "they are.",
    )
    matures_after: Annotated[Maturity, _OrDuration()] = Field(
        description="When the labels of a minute's predictions are complete: a duration, or {after, coverage}. Windows of "
        "performance end there."
    )
    horizon: Annotated[DurationValue, between("1h", "366d")] = Field(
        Duration.parse("30d"), description="How long a prediction waits for its label; 1h to 366d."
    )
    max_size: Annotated[SizeValue, size_between("1MiB", "1TiB")] = Field(
        1 << 30, description="Most that waiting predictions and labels take of the state file; 1MiB to 1TiB."
    )
    sample: Share = Field(
        1.0, description="Share of predictions that are followed, chosen by their id; their pairs count by its inverse."
    )
    join: Join = Field(
        "auto",
        description="Where predictions and labels are joined: in their database, of which both are tables (engine), or in the "
        "state file, where predictions wait (state); auto: in the database where that can be.",
    )
    only_for: tuple[Text, ...] = Field(
        (),
        description="Predicted classes that can get a label at all, where the decision decides it: [approve]. Coverage and "
        "performance are of these predictions alone.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Labels:
        names = [name for name in self.KINDS if getattr(self, name) is not None]
        if len(names) != 1:
            problem = f"names more than one source: {', '.join(names)}" if names else "names no source"
            raise refuse(problem, "exactly one of log, table and files")
        return self

    @model_validator(mode="after")
    def _matures_while_waiting(self) -> Labels:
        after = self.matures_after.after
        if after is not None and after.seconds > self.horizon.seconds:
            raise refuse(
                f"matures after {after}, when no prediction waits any more",
                f"matures_after of at most the horizon, {self.horizon}",
            )
        return self

    @field_validator("table")
    @classmethod
    def _rows_of_a_table(cls, table: Table | None) -> Table | None:
        if table is not None and table.mode == "aggregate":
            raise refuse(
                "counts labels in the database, and each of them is joined to a prediction", "rows, or auto", inside=("mode",)
            )
        return table

    @model_validator(mode="after")
    def _time_of_a_table(self) -> Labels:
        if self.table is not None and self.fields.time is None:
            raise refuse(
                "is required where labels are read from a table, which is read by spans of time",
                "the column with the time at which a label became known or was last changed",
                inside=("fields", "time"),
            )
        return self

    @property
    def source(self) -> Log | Table | Files:
        """The one place where the labels are."""
        return next(source for source in (self.log, self.table, self.files) if source is not None)

    @property
    def shown(self) -> str:
        """What is read, for people and for telling whether a stored position belongs to it."""
        return self.source.shown


class PerformanceSection(Section):
    """How performance is measured, and how much worse than the baseline matters."""

    positive: Text | None = Field(None, description="Of a binary model, the class that the score speaks of; told if absent.")
    threshold: Number | None = Field(
        None, description="Of a binary model, the score from which on something is done: precision and recall are told there."
    )
    classes: tuple[Text, ...] = Field(
        (),
        description="The classes, where labels have some that the baseline's predictions and labels do not; of scores in a "
        "list, in their order.",
    )
    quantile: Ratio | None = Field(None, description="Of a regression, the quantile that it predicts, for the quantile loss.")
    effects: Mapping[Text, Positive] = Field(
        {},
        description="How much worse than the baseline matters, by measure, in its own unit: {roc_auc: 0.02}; of label_drift, a "
        "PSI.",
    )
    min_labels: Count = Field(30, description="A window with fewer labelled predictions than this is not compared.")
