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


def unit_of_name(name: str) -> Unit | None:
    """Return the unit that a field's name ends in; None where it ends in none."""
    return next((unit for ending, unit in UNIT_ENDINGS.items() if name.endswith(ending)), None)


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
        unit = unit_of_name(value)
        if unit is not None:
            return {**mapping, "unit": unit}
        raise refuse("does not tell its unit", "{field: NAME, unit: UNIT} with a unit of s, ms, us or ns")


def field_mapping(value: Any, mapping: str = "{field: NAME, unit: UNIT}") -> dict[str, Any]:
    """Return the section of a field that may be written as its name alone."""
    if isinstance(value, str):
        return {"field": value}
    if isinstance(value, dict):
        return value
    raise refuse("is no field", f"the name of a field as text, or {mapping}")
