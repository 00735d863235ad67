"""The sections that say where a model's predictions are read: in a log, in a table or in files."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from prediction_exporter.config.scores import Score
from prediction_exporter.config.section import Section
from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import (
    S3_PREFIX,
    DatabaseUrl,
    DurationValue,
    Endpoint,
    FieldName,
    FileFormat,
    FilePath,
    FilesPath,
    Flag,
    GlobPath,
    LogFormat,
    Names,
    Query,
    SizeValue,
    Start,
    TableMode,
    Text,
    Unit,
    Zone,
    between,
    refuse,
    size_between,
)
from prediction_exporter.config.where import Where

#: What CSV is written with where a value is missing: databases, R and pandas have a word each.
NULL_VALUES = ("\\N", "NULL", "null", "NA", "N/A", "n/a", "#N/A", "<NA>", "None")

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


class Log(Section):
    """A prediction log: files of JSON lines."""

    path: GlobPath = Field(description="Path of the log, or a glob for several; relative to the configuration file.")
    format: LogFormat = Field("auto", description="What wraps each line: nothing (jsonl), Docker or CRI.")
    start: Start = Field("end", description="Where reading begins in a log seen for the first time.")
    max_line_size: Annotated[SizeValue, size_between("1KiB", "64MiB")] = Field(
        1 << 20, description="Lines longer than this are refused; 1KiB to 64MiB."
    )

    @property
    def shown(self) -> str:
        """What is read, for people and for telling whether a stored position belongs to it."""
        return self.path


class Table(Section):
    """A table or view of predictions in a database or warehouse."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["name"]}, {"required": ["query"]}]})

    # It may hold a password, so that it is left out wherever the configuration is printed.
    url: DatabaseUrl = Field(
        repr=False, description="Address of the database, as SQLAlchemy writes it: postgresql://reader@db.example.com/prod."
    )
    password_file: FilePath | None = Field(
        None,
        description="File with the password, relative to the configuration file; read at every connect, so that it may change.",
    )
    name: Text | None = Field(None, description="Table or view, also as schema.table; either this or query.")
    query: Query | None = Field(None, description="SELECT that is read like a table; either this or name.")
    mode: TableMode = Field(
        "auto",
        description="How it is read: rows are fetched and counted here, or the engine is asked for the counts (aggregate); "
        "auto chooses by engine.",
    )
    lateness: Annotated[DurationValue, between("0s", "1d")] = Field(
        Duration.parse("5m"),
        description="How long after its time a row may still be written or changed; the last span of this length is read "
        "again; 0s to 1d.",
    )
    timeout: Annotated[DurationValue, between("1s", "1h")] = Field(
        Duration.parse("30s"), description="Longest time of one statement; 1s to 1h."
    )
    shared: Flag = Field(False, description="Whether several exporters read this table; fleet rules then count it once.")

    @model_validator(mode="after")
    def _name_or_query(self) -> Table:
        allowed = "exactly one of them: the name of a table or view, or a query"
        if self.name is None and self.query is None:
            raise refuse("has neither name nor query", allowed)
        if self.name is not None and self.query is not None:
            raise refuse("has both name and query", allowed)
        return self

    @property
    def shown(self) -> str:
        """What is read, for people and for telling whether a stored position belongs to it.

        Neither user, password nor parameters of the address are in it. A query is told apart by its hash.
        """
        # Imported here: a configuration that reads no table needs no database.
        from sqlalchemy.engine import URL, make_url

        url = make_url(self.url)
        place = URL.create(url.get_backend_name(), host=url.host, port=url.port, database=url.database).render_as_string()
        if self.query is not None:
            return f"{place} query {hashlib.sha256(self.query.encode()).hexdigest()[:8]}"
        return f"{place} {self.name}"


class S3(Section):
    """A store of objects that speaks S3.

    Credentials are those of the environment.
    """

    endpoint: Endpoint | None = Field(
        None, description="Address of a store that is compatible with S3; that of AWS if absent. http:// is not encrypted."
    )
    region: Text | None = Field(None, description="Region of the bucket.")


def _of_a_bucket(s3: S3, info: ValidationInfo) -> S3:
    # A path that is refused itself is not there.
    if not info.data.get("path", S3_PREFIX).startswith(S3_PREFIX):
        raise refuse("is for a bucket, and path names none", f"only beside a path that begins with {S3_PREFIX}")
    return s3


#: A store beside a ``path``, which has to name a bucket.
BucketS3 = Annotated[S3, AfterValidator(_of_a_bucket)]


class Files(Section):
    """Files of predictions in a folder or a partitioned tree."""

    path: FilesPath = Field(
        description="Folder, or a glob, relative to the configuration file; or s3://BUCKET/PREFIX, whose credentials come from "
        "the environment (AWS_ACCESS_KEY_ID and the like) or from AWS's usual files."
    )
    format: FileFormat = Field("auto", description="Format of the files; auto goes by the ending of each name.")
    start: Start = Field(
        "beginning", description="Whether files that are there at the very first start are read: beginning or end."
    )
    settle: Annotated[DurationValue, between("0s", "1h")] = Field(
        Duration.parse("10s"),
        description="A CSV or JSON lines file is read when it has not changed for so long; Parquet files tell themselves when "
        "they are whole; 0s to 1h.",
    )
    s3: BucketS3 | None = Field(
        None,
        description="Where the bucket is, for a path that begins with s3://. Credentials are never here: they come from the "
        "environment or from AWS's usual files.",
    )
    shared: Flag = Field(False, description="Whether several exporters read these files; fleet rules then count them once.")

    @property
    def in_bucket(self) -> bool:
        """Whether the files are in a bucket and not in a folder."""
        return self.path.startswith(S3_PREFIX)

    @property
    def shown(self) -> str:
        """What is read, for people and for telling whether a stored position belongs to it."""
        return self.path


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


def _status(value: Any) -> Any:
    """Return a value of a status as the text that a source has of it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise refuse("is no value of a status", "a text, a number, true or false")
    return json.dumps(value)


StatusValues = Annotated[
    tuple[
        Annotated[
            str,
            BeforeValidator(_status),
            WithJsonSchema({"anyOf": [{"type": kind} for kind in ("string", "number", "boolean")]}),
        ],
        ...,
    ],
    Field(min_length=1, max_length=100),
]


class StatusField(Section):
    """The field that says whether a request failed."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["failed", "ok"]}})

    field: Text = Field(description="Name of the field.")
    failed: StatusValues | None = Field(None, description="Values that mean failure; all others do not.")
    ok: StatusValues | None = Field(None, description="Values that do not mean failure; all others do.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return _field_mapping(value, "{field: NAME, failed: [VALUE]} or {field: NAME, ok: [VALUE]}")

    @model_validator(mode="after")
    def _either(self) -> StatusField:
        if self.failed is not None and self.ok is not None:
            raise refuse("has both failed and ok", "one of them: all other values are of the other kind")
        return self


def _field_mapping(value: Any, mapping: str = "{field: NAME, unit: UNIT}") -> dict[str, Any]:
    if isinstance(value, str):
        return {"field": value}
    if isinstance(value, dict):
        return value
    raise refuse("is no field", f"the name of a field as text, or {mapping}")


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
    entity: Text | None = Field(
        None,
        description="What predictions belong to, each to one of many: customer, session, device. Its values are hashed, and "
        "are kept and shown nowhere.",
    )
    prediction: Text | None = Field(None, description="What the model predicted or decided: a class or a number.")
    score: Score | None = Field(
        None,
        description="Probability of the positive class, or the scores of all classes: a name, a list, {CLASS: FIELD}, or "
        "{pattern: PATTERN}.",
    )
    latency: Annotated[LatencyField, FieldName()] | None = Field(
        None, description="Duration of the request: a name that ends in its unit, as latency_ms, or {field, unit}."
    )
    status: Annotated[StatusField, FieldName()] | None = Field(
        None,
        description="Status of HTTP or gRPC, a word, or a field that is set when a request failed: a name, {field, failed} or "
        "{field, ok}.",
    )
    stage: Text | None = Field(
        None,
        description="What the prediction was for: champion (also production, primary, live), challenger (candidate, canary) or "
        "shadow (mirror), in any case; what else stands there is counted as other, and a request without it as none.",
    )
    features: Features | None = Field(
        None, description="Inputs: the name of a nested object, a list of fields, or {pattern: PATTERN}."
    )


class Nothing(Section):
    """No place: nobody reads the predictions of this model."""

    shown: ClassVar[str] = "no predictions"
    shared: ClassVar[bool] = False


class Predictions(Section):
    """Where a model's predictions are read, and how: exactly one of log, table and files."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["log"]}, {"required": ["table"]}, {"required": ["files"]}]}
    )

    log: Log | None = Field(None, description="The log that the model writes.")
    table: Table | None = Field(None, description="The table or view that the predictions are written to.")
    files: Files | None = Field(None, description="The files that the predictions are written to.")
    timezone: Zone = Field(
        "UTC", description="IANA time zone of times that carry none, and of the hours and days that columns follow."
    )
    future_tolerance: Annotated[DurationValue, between("0s", "1d")] = Field(
        Duration.parse("5m"), description="An event further ahead of the clock than this is refused; 0s to 1d."
    )
    where: Where | None = Field(
        None, description="Which records are predictions, as event = 'prediction' AND code < 500; all of them if absent."
    )
    fields: Fields = Field(default_factory=Fields, description="Names of the fields.")
    null_values: tuple[Text, ...] = Field(
        NULL_VALUES, description="Texts of a CSV field that mean a missing value, in files and in the baseline's data."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Predictions:
        names = [name for name in ("log", "table", "files") if getattr(self, name) is not None]
        if len(names) != 1 and self.are_read:
            problem = f"names more than one source: {', '.join(names)}" if names else "names no source"
            raise refuse(problem, "exactly one of log, table and files")
        return self

    @property
    def source(self) -> Log | Table | Files | Nothing:
        """The one place where the predictions are."""
        return next((source for source in (self.log, self.table, self.files) if source is not None), Nothing())

    @property
    def are_read(self) -> bool:
        """Whether there is such a place."""
        return not isinstance(self, Unread)

    @property
    def shared(self) -> bool:
        """Whether several exporters read the same predictions; a log is always that of one replica."""
        source = self.source
        return not isinstance(source, Log) and source.shared


class Unread(Predictions):
    """Those of a model that is watched without any."""
