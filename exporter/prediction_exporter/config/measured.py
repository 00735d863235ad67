"""The parts of ``fields`` that name what is added up, and further durations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from prediction_exporter.config.latency import LatencyField
from prediction_exporter.config.section import Section
from prediction_exporter.config.values import FieldName, Name, Text, Unit, refuse

#: Most sums, and most durations, of a model: each is a series, or a histogram, for every version.
MOST_MEASURED = 20


class TimeSpan(Section):
    """A duration that is the difference of two times."""

    begin: Text = Field(alias="from", description="Field with the time at which it begins.")
    end: Text = Field(alias="to", description="Field with the time at which it ends.")
    unit: Unit | None = Field(None, description="Unit of times that are numbers; recognised by their magnitude if absent.")


def _form_of_duration(value: Any) -> str:
    is_span = isinstance(value, TimeSpan) or (isinstance(value, dict) and not {"from", "to"}.isdisjoint(value))
    return "<times>" if is_span else "<field>"


#: One field with a duration, or two with times. The tags keep the errors of the two apart.
MeasuredDuration = Annotated[
    Annotated[Annotated[LatencyField, FieldName()], Tag("<field>")] | Annotated[TimeSpan, Tag("<times>")],
    Discriminator(_form_of_duration),
]


def _by_name(value: Any) -> Any:
    """Return the fields of sums by their names: a field of a list is called as what stands behind its last dot.

    Raises:
        PydanticCustomError: two are called alike.
    """
    if not isinstance(value, list):
        return value
    found: dict[Any, Any] = {}
    for field in value:
        name = field.rpartition(".")[2] if isinstance(field, str) else field
        if not isinstance(name, str):
            raise refuse("does not tell what is added up", "a list of fields, or {NAME: FIELD}")
        if name in found:
            raise refuse(f"has two fields that are called {name}", "{NAME: FIELD} with a name of its own for each")
        found[name] = field
    return found


class _OrList:
    """Annotation of a mapping that may also be written as a list of fields."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        fields = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": MOST_MEASURED}
        return {"anyOf": [fields, handler(schema)]}


Sums = Annotated[Mapping[Name, Text], Field(min_length=1, max_length=MOST_MEASURED), BeforeValidator(_by_name), _OrList()]
Durations = Annotated[Mapping[Name, MeasuredDuration], Field(min_length=1, max_length=MOST_MEASURED)]
