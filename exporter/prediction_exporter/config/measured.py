"""The parts of ``fields`` that name what is added up, and further durations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from prediction_exporter.config.latency import field_mapping, unit_of_name
from prediction_exporter.config.section import Section
from prediction_exporter.config.values import FieldName, Name, Text, Unit, refuse

#: Most sums, and most durations, of a model: each is a series, or a histogram, for every version.
MOST_MEASURED = 20


class MeasuredDuration(Section):
    """A duration beside that of the request: a field with it, or the two times that it lies between."""

    field: Text | None = Field(None, description="Field with the duration.")
    begin: Text | None = Field(None, alias="from", description="Field with the time at which it begins.")
    end: Text | None = Field(None, alias="to", description="Field with the time at which it ends.")
    unit: Unit | None = Field(
        None, description="Unit of the duration; of times that are numbers, recognised by their magnitude if absent."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return field_mapping(value, "{field: NAME, unit: UNIT}, or {from: FIELD, to: FIELD}")

    @model_validator(mode="after")
    def _either(self) -> MeasuredDuration:
        forms = "{field: NAME, unit: UNIT} with a unit of s, ms, us or ns, or {from: FIELD, to: FIELD}"
        if (self.field is None) == (self.begin is None and self.end is None):
            raise refuse("is no duration" if self.field is None else "has field beside from and to", forms)
        if self.field is None and (self.begin is None or self.end is None):
            raise refuse("has one of from and to", "both of them: the times that it lies between")
        if self.field is not None and self.unit_of_field is None:
            raise refuse("does not tell its unit", forms)
        return self

    @property
    def unit_of_field(self) -> Unit | None:
        """The unit of the field: as told, or as its name ends."""
        return self.unit or unit_of_name(self.field or "")


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
Durations = Annotated[Mapping[Name, Annotated[MeasuredDuration, FieldName()]], Field(min_length=1, max_length=MOST_MEASURED)]
