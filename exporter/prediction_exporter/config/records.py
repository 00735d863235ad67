"""The sections that say how records hold predictions: several in one, one in two, or as a known server writes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from prediction_exporter.config.section import Section
from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import DurationValue, Names, SizeValue, Text, between, refuse, size_between
from prediction_exporter.config.where import Where

#: Records that are known, by the server, platform or logger that writes them; each is a module of ``sources/layouts``.
LayoutName = Literal[
    "azureml",
    "bentoml",
    "databricks",
    "ecs",
    "kserve",
    "loguru",
    "mlflow",
    "mlserver",
    "nginx",
    "open-inference",
    "openai",
    "otel",
    "sagemaker",
    "seldon",
    "structlog",
    "tfserving",
    "torchserve",
    "triton",
    "uvicorn",
    "vertex",
]

#: Those whose records hold what people wrote: no line of them is shown, not even as an example of what is refused.
CONFIDENTIAL: frozenset[LayoutName] = frozenset({"openai", "otel"})

#: What is shown instead.
NOT_SHOWN = "a line that is not shown"

#: What a payload is written as.
Encoding = Literal["auto", "json", "csv", "base64"]

#: Keys of the section that say where the values of a row stand.
ROW_KEYS = ("features", "attributions", "prediction", "score", "id", "entity", "status", "latency", "stage", "version")


class Rows(Section):
    """Where the predictions of a record stand that holds several: in lists in step, in frames, in tensors, in text."""

    each: Text | None = Field(
        None, description="A list of objects, each of them one prediction; what else the record has belongs to every one."
    )
    features: Text | None = Field(None, description="The inputs of all rows: a list, a frame, tensors, or a text of them.")
    attributions: Text | None = Field(
        None, description="What the features of each row contributed, as features are: a list, a frame, or a text of them."
    )
    prediction: Text | None = Field(None, description="What was predicted of each row.")
    score: Text | None = Field(None, description="The score, or the scores, of each row.")
    id: Text | None = Field(None, description="The identifier of each row.")
    entity: Text | None = Field(None, description="The entity of each row.")
    status: Text | None = Field(None, description="The status of each row.")
    latency: Text | None = Field(None, description="The latency of each row.")
    stage: Text | None = Field(None, description="The stage of each row.")
    version: Text | None = Field(None, description="The version of the model of each row.")
    names: Annotated[Names, Field()] | Literal["baseline"] | None = Field(
        None,
        description="Names of the features where records have none: a list in their order, or baseline for those of the "
        "baseline in its order.",
    )
    encoding: Encoding = Field(
        "auto", description="What a text is: json, csv, or base64 of one of these; auto tells json and csv apart."
    )
    max: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = Field(
        10_000, description="Most predictions of one record; one with more is refused; 1 to 1000000."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"each": value} if isinstance(value, str) else value

    @property
    def places(self) -> dict[str, str]:
        """The places of lists in step, by what they hold."""
        return {key: at for key in ROW_KEYS if (at := getattr(self, key)) is not None}

    @property
    def named(self) -> dict[str, str]:
        """Every place, by its key."""
        return self.places if self.each is None else {"each": self.each, **self.places}


#: How long the first of two records waits for the other where nothing is configured, and how many bytes of them wait.
WAITS = Duration.parse("10m")
MOST_WAITING = 64 << 20


class Joining(Section):
    """How the two records of a prediction find each other: that of the request and that of the response."""

    id: Text = Field(description="Field that both records have, with the same value.")
    request: Where = Field(description="Which records are requests, as type = 'request'.")
    response: Where = Field(description="Which records are responses; both must not be true of one record.")
    within: Annotated[DurationValue, between("1s", "7d")] = Field(
        WAITS,
        description="How long the first of the two waits for the other, by the time of reading; 1s to 7d.",
    )
    max_size: Annotated[SizeValue, size_between("1MiB", "4GiB")] = Field(
        MOST_WAITING, description="Bytes of records that wait in the state file; the oldest are given up first; 1MiB to 4GiB."
    )


def check_rows(rows: Rows | None, layout: str | None) -> None:
    """Refuse rows that say nothing, or that say again what a layout knows.

    Raises:
        PydanticCustomError: they do.
    """
    if rows is None:
        return
    told = list(rows.named)
    if layout is not None and told:
        raise refuse(
            f"has rows.{told[0]} beside layout: {layout}, which knows it", "rows with names and max alone, or no layout"
        )
    if layout is None and not told:
        raise refuse("has rows that name no place", "rows.each, or some of rows.features, rows.prediction and rows.score")
    if rows.each is not None and len(told) > 1:
        raise refuse("has rows.each beside other places", "each alone, or the lists in step alone")
