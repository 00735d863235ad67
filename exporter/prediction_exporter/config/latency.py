"""A field with a duration, and how the name of a field tells the unit of one."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import Text, Unit, refuse

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


class LatencyField(Section):
    """The field with the duration of a request."""

    field: Text = Field(description="Name of the field.")
    unit: Unit = Field(description="Unit of the number.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        mapping = field_mapping(value)
        if not isinstance(value, str):
            return mapping
        for ending, unit in UNIT_ENDINGS.items():
            if value.endswith(ending):
                return {**mapping, "unit": unit}
        raise refuse("does not tell its unit", "{field: NAME, unit: UNIT} with a unit of s, ms, us or ns")


def field_mapping(value: Any, mapping: str = "{field: NAME, unit: UNIT}") -> dict[str, Any]:
    """Return the section of a field that may be written as its name alone."""
    if isinstance(value, str):
        return {"field": value}
    if isinstance(value, dict):
        return value
    raise refuse("is no field", f"the name of a field as text, or {mapping}")
