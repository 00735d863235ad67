"""The configuration's JSON Schema, by which editors complete and check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from prediction_exporter.config.models import Config
from prediction_exporter.config.units import Duration

_VARIABLE = r"\$\{"


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Duration):
            return str(dft)
        return [self.encode_default(item) for item in dft] if isinstance(dft, tuple) else super().encode_default(dft)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file.

    It knows less than :func:`~prediction_exporter.config.parse`: references and files are not checked.
    """
    schema: dict[str, Any] = _for_files(Config.model_json_schema(schema_generator=_Generator))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema(path: Path) -> None:
    """Write the JSON Schema to a file."""
    path.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")


def _for_files(schema: Any) -> Any:
    """Return what holds for the text of a file: a key has a value, and any text may come from a variable."""
    if isinstance(schema, list):
        return [_for_files(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = _without_null(schema)
    # Names of keys are never expanded.
    inner = {key: value if key == "propertyNames" else _for_files(value) for key, value in schema.items()}
    return _with_variables(inner)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    alternatives = schema.get("anyOf", [])
    if {"type": "null"} not in alternatives:
        return schema
    kept = [alternative for alternative in alternatives if alternative != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    return {**kept[0], **rest} if len(kept) == 1 else {"anyOf": kept, **rest}


def _with_variables(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") != "string":
        return schema
    if "pattern" in schema:
        return {**schema, "pattern": f"{schema['pattern']}|{_VARIABLE}"}
    if "enum" in schema:
        rest = {key: value for key, value in schema.items() if key not in ("type", "enum")}
        return {"anyOf": [{"enum": schema["enum"]}, {"type": "string", "pattern": _VARIABLE}], **rest}
    return schema
