"""The sections that say where a model's predictions are read: in a log, in a table or in files."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, model_validator

from prediction_exporter.config.fields import Fields
from prediction_exporter.config.records import CONFIDENTIAL, NOT_SHOWN, Joining, LayoutName, Rows, check_rows
from prediction_exporter.config.section import Section
from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import (
    S3_PREFIX,
    DatabaseUrl,
    DurationValue,
    Endpoint,
    FileFormat,
    FilePath,
    FilesPath,
    Flag,
    GlobPath,
    LogFormat,
    Query,
    SizeValue,
    Start,
    TableMode,
    Text,
    Zone,
    between,
    refuse,
    size_between,
)
from prediction_exporter.config.where import Where

#: What CSV is written with where a value is missing: databases, R and pandas have a word each.
NULL_VALUES = ("\\N", "NULL", "null", "NA", "N/A", "n/a", "#N/A", "<NA>", "None")


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

    def is_beside(self, other: Table) -> bool:
        """Return whether another table is in the same database, so that one statement can read both.

        Users, passwords and drivers may differ; what is in memory is there for one connection alone.
        """
        # Imported here, as below.
        from sqlalchemy.engine import make_url

        mine, others = (
            url.set(drivername=url.get_backend_name(), username=None, password=None)
            for url in (make_url(self.url), make_url(other.url))
        )
        return mine == others and mine.database not in (None, "", ":memory:")

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


class Nothing(Section):
    """No place: nobody reads the predictions of this model."""

    shown: ClassVar[str] = "no predictions"
    shared: ClassVar[bool] = False


class Predictions(Section):
    """Where a model's predictions are read, and how: exactly one of log, table and files."""

    #: The section of a model that it is, for messages.
    SECTION: ClassVar[str] = "predictions"

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
    layout: LayoutName | None = Field(
        None, description="Whose records they are, which tells where everything stands: a server, a platform or a logger."
    )
    rows: Rows | None = Field(
        None,
        description="Where the predictions of a record stand that holds several: lists in step, or the name of a list of "
        "objects.",
    )
    join: Joining | None = Field(
        None,
        description="How request and response find each other where they are records of their own, in a log or in files.",
    )
    fields: Fields = Field(
        default_factory=Fields, description="Names of the fields; of records with layout or rows, of what these make of them."
    )
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

    @model_validator(mode="after")
    def _rows_fit(self) -> Predictions:
        check_rows(self.rows, self.layout)
        if self.table is not None and self.unfolds:
            self._check_table(self.table)
        if self.table is not None and self.table.mode == "aggregate":
            for name in ("durations", "attributions"):
                if getattr(self.fields, name) is not None:
                    raise refuse(
                        f"counts rows in the database, which does not count fields.{name}",
                        "rows, or auto",
                        inside=("table", "mode"),
                    )
        if self.rows is not None and self.rows.attributions is not None and self.fields.attributions is None:
            raise refuse(
                "has attributions, and fields do not say that they are such",
                "fields.attributions: attributions beside it",
                inside=("rows", "attributions"),
            )
        if self.join is not None and self.layout is not None:
            raise refuse("has both join and layout", "one of them: a layout knows which records belong together")
        return self

    def _check_table(self, table: Table) -> None:
        """Refuse what cannot be done with a table whose rows are records.

        Raises:
            PydanticCustomError: it is asked for.
        """
        if self.join is not None:
            raise refuse("has join beside table", "a table.query that joins requests and responses, and no join")
        if table.mode == "aggregate":
            what = "rows" if self.layout is None else "layout"
            raise refuse(
                f"counts rows in the database, which cannot read {what} in them", "rows, or auto", inside=("table", "mode")
            )

    @property
    def unfolds(self) -> bool:
        """Whether a record is something else than one prediction as it stands."""
        return self.rows is not None or self.layout is not None or self.join is not None

    @property
    def is_confidential(self) -> bool:
        """Whether its records hold what people wrote, so that none of them may be shown."""
        return self.layout in CONFIDENTIAL

    def example(self, text: str) -> str:
        """Return a part of a record as it may be shown."""
        return NOT_SHOWN if self.is_confidential else text

    @property
    def source(self) -> Log | Table | Files | Nothing:
        """The one place where the predictions are."""
        return next((source for source in (self.log, self.table, self.files) if source is not None), Nothing())

    @property
    def are_read(self) -> bool:
        """Whether there is such a place."""
        return not isinstance(self, Unread)

    @property
    def has_others(self) -> bool:
        """Whether the source may have records that are no predictions, and are told from them."""
        return self.where is not None or self.layout is not None or self.join is not None

    @property
    def shared(self) -> bool:
        """Whether several exporters read the same predictions; a log is always that of one replica."""
        source = self.source
        return not isinstance(source, Log) and source.shared


class Unread(Predictions):
    """Those of a model that is watched without any."""
