"""The section that names the fields of an event: which of them is its time, its id, its columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from prediction_exporter.config.attributions import Attributions
from prediction_exporter.config.latency import LatencyField, field_mapping
from prediction_exporter.config.measured import Durations, Sums
from prediction_exporter.config.scores import Score
from prediction_exporter.config.section import Section
from prediction_exporter.config.values import FieldName, Names, Text, Unit, refuse


class TimeField(Section):
    """The field with the time of a prediction."""

    field: Text = Field(description="Name of the field.")
    unit: Unit | None = Field(None, description="Unit of a number since 1970; recognised by its magnitude if absent.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return field_mapping(value)


def _as_read(value: Any) -> Any:
    """Return a value of a field as the text that a source has of it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise refuse("is no value of a field", "a text, a number, true or false")
    return json.dumps(value)


#: A value that a field may have, as the text that a source has of it.
FieldValue = Annotated[
    str,
    BeforeValidator(_as_read),
    WithJsonSchema({"anyOf": [{"type": kind} for kind in ("string", "number", "boolean")]}),
]

StatusValues = Annotated[tuple[FieldValue, ...], Field(min_length=1, max_length=100)]


class StatusField(Section):
    """The field that says whether a request failed."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["failed", "ok"]}})

    field: Text = Field(description="Name of the field.")
    failed: StatusValues | None = Field(None, description="Values that mean failure; all others do not.")
    ok: StatusValues | None = Field(None, description="Values that do not mean failure; all others do.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return field_mapping(value, "{field: NAME, failed: [VALUE]} or {field: NAME, ok: [VALUE]}")

    @model_validator(mode="after")
    def _either(self) -> StatusField:
        if self.failed is not None and self.ok is not None:
            raise refuse("has both failed and ok", "one of them: all other values are of the other kind")
        return self


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

    #: Whether what is absent here is recognised at all; where it is not, events may have no time.
    RECOGNISED: ClassVar[bool] = True

    #: What the configuration calls a field, by its key here, where that is another name.
    KEYS: ClassVar[Mapping[str, str]] = {}

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
    sums: Sums | None = Field(
        None,
        description="Amounts that are added up, as tokens and costs, each a counter: a list of fields, or {NAME: FIELD}.",
    )
    attributions: Attributions | None = Field(
        None,
        description="What each feature contributed to the prediction, as SHAP values: the name of a nested object, a list of "
        "fields that are called like the features, {pattern: PATTERN} with * for the feature, or {FEATURE: FIELD}.",
    )
    durations: Durations | None = Field(
        None,
        description="Further durations, each a histogram: {NAME: FIELD} with a name that ends in its unit, {field, unit}, or "
        "{from, to} with the two times that it lies between.",
    )
