"""The page of the configuration: what stands between its markers is rendered, every key from the JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from prediction_exporter.config import UNIT_ENDINGS, Fields, attributions, contacts, cost, json_schema, process, values
from prediction_exporter.config.units import DURATION_PATTERN, SIZE_PATTERN
from prediction_exporter.kit.texts import filled
from prediction_exporter.sources.fields.roles import KNOWN_NAMES, LATENCY_STEMS, SERVER_NAMES, SERVER_STEMS
from prediction_exporter.statistics import STATISTICS
from prediction_exporter.templates import Markdown, code, markdown

CONFIGURATION_PAGE = "docs/configuration.md"
Schema = Mapping[str, Any]

#: How the keys of a mapping, whatever they are, stand in the place of a section.
NAME = "NAME"

_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_REFERENCE = "#/$defs/"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A mapping of the configuration.

    Attributes:
        place: where it stands, as messages show it: ``models[].predictions.log``; empty for the whole file.
        schema: its schema.
    """

    place: str
    schema: Schema

    @property
    def description(self) -> str:
        """Its first paragraph: what follows it is said above the reference."""
        description: str = self.schema["description"]
        return description.partition("\n\n")[0].replace("\n", " ")

    @property
    def keys(self) -> list[Key]:
        """Its keys."""
        required = self.schema.get("required", ())
        return [_key(key, value, required=key in required) for key, value in self.schema["properties"].items()]


@dataclass(frozen=True, kw_only=True)
class Key:
    """A row of a section's table."""

    name: str
    allowed: str
    default: str
    description: str


def configuration_page(page: str) -> str:
    """Return the page with the parts between its markers rendered anew."""
    return filled(filled(page, "names", known_names()), "reference", config_reference())


def known_names() -> str:
    """Return a table of the names that fields are recognised by."""
    names = {role: _codes(known) for role, known in KNOWN_NAMES.items()}
    names["latency"] = Markdown(f"{_codes(LATENCY_STEMS)}, each followed by its unit: {_codes(UNIT_ENDINGS)}")
    servers = {role: _codes(known) for role, known in SERVER_NAMES.items()}
    servers["latency"] = _codes(SERVER_STEMS)
    fields = [name for name in Fields.model_fields if name in names]  # what an entity is called tells nobody that it is one
    return markdown().get_template("kit/templates/names.md").render(fields=fields, names=names, servers=servers)


def _codes(names: Iterable[str]) -> Markdown:
    return Markdown(", ").join(map(code, names))


def config_reference() -> str:
    """Return a table of keys for each section of the configuration, in the order of the sections."""
    schema = json_schema()
    rendered = markdown().get_template("kit/templates/reference.md")
    return rendered.render(sections=sections(schema, schema["$defs"]))


def sections(schema: Schema, definitions: Schema, place: str = "") -> Iterator[Section]:
    """Yield a section and those inside of it, each behind the one that holds it."""
    yield Section(place=place, schema=schema)
    for key, value in schema["properties"].items():
        for suffix, inner in _inner(value):
            name = inner.removeprefix(_REFERENCE)
            yield from sections(definitions[name], definitions, f"{place}.{key}{suffix}".removeprefix("."))


def _inner(value: Schema) -> Iterator[tuple[str, str]]:
    """Yield the sections that a key holds, by what follows the key in their place."""
    if "$ref" in value:
        yield "", value["$ref"]
    for alternative in _alternatives(value):
        yield from _inner(alternative)
    for inner, suffix in ((value.get("items"), "[]"), (_of_names(value), f".{NAME}")):
        if inner is not None and "$ref" in inner:
            yield suffix, inner["$ref"]


def _of_names(value: Schema) -> Schema | None:
    """Return the schema of the values of a mapping whose keys are names, and none for any other value."""
    if "patternProperties" in value:  # the names have a form of their own
        (inner,) = value["patternProperties"].values()
    else:
        inner = value.get("additionalProperties")
    return inner if isinstance(inner, Mapping) else None


def _key(key: str, value: Schema, *, required: bool) -> Key:
    statistic = next((statistic for statistic in STATISTICS if statistic.key == key and "description" not in value), None)
    if statistic is not None and statistic.threshold is not None:  # a key of the thresholds
        default: str = code(f"{statistic.threshold.default:g}")
        description = f"[{statistic.title}](statistics.md#{key})"
    else:
        default, description = "required" if required else _default(value.get("default")), value["description"]
    return Key(name=key, allowed=allowed(value), default=default, description=Markdown(description))


def _default(value: Any) -> str:
    """Return a default, and nothing where it is that nothing is there."""
    return "" if value in (None, {}, []) else code(_written(value))


def _written(value: Any) -> str:
    """Return a value as it is written in the file."""
    return value if isinstance(value, str) else json.dumps(value)


def allowed(value: Schema) -> str:
    """Return what a value may be, in words."""
    if "$ref" in value:
        return "section"
    alternatives = [alternative for alternative in _alternatives(value) if _is_meant(alternative)]
    if alternatives:
        return Markdown(", or ").join(dict.fromkeys(map(allowed, alternatives)))
    if "enum" in value:
        return _codes(map(_written, value["enum"]))
    return {"array": _list, "object": _mapping}.get(value["type"], _scalar)(value)


def _alternatives(value: Schema) -> Sequence[Schema]:
    return (*value.get("anyOf", ()), *value.get("oneOf", ()))


def _is_meant(alternative: Schema) -> bool:
    """Return whether an alternative is what a key is for, and not only a variable's place."""
    return alternative.get("pattern") != _with_variables("").removeprefix("|")


def _list(value: Schema) -> str:
    if "$ref" in value["items"]:
        return "list of sections"
    items = allowed(value["items"])
    least, most = value.get("minItems", 0), value.get("maxItems")
    bounds = f"{least} to {most}" if most is not None else f"{least} or more"
    return f"list of {bounds}: {items}"


def _mapping(value: Schema) -> str:
    inner = _of_names(value)
    if inner is None:
        raise ValueError(f"the schema has a mapping of an unknown form: {value}")
    if "$ref" in inner:
        return "sections by name"
    if inner.get("type") == "object":
        return "mappings by name, with the other keys of this section"
    keys = value.get("propertyNames", {}).get("enum")
    names = _codes(keys) if keys is not None else Markdown("names")
    return Markdown(f"mapping of {names} to {Markdown.escape(allowed(inner))}")


def _scalar(value: Schema) -> str:
    pattern = value.get("pattern")
    if pattern is not None:
        return _forms()[pattern]
    text = "path" if value.get("format") == "path" else _TYPES[value["type"]]
    bounds = {"exclusiveMinimum": "more than", "minimum": "at least", "exclusiveMaximum": "less than", "maximum": "at most"}
    limits = [f"{word} {value[keyword]:g}" for keyword, word in bounds.items() if keyword in value]
    return ", ".join([text, *limits])


@cache
def _forms() -> dict[str, str]:
    """Return what each pattern of the schema stands for, in the words of the messages."""
    forms = {DURATION_PATTERN: "duration", SIZE_PATTERN: "size"}
    modules = (values, contacts, process, cost, attributions)
    for alias in (value for module in modules for value in vars(module).values()):
        for annotation in get_args(alias):
            if isinstance(annotation, values.Matching):
                # What a name may hold is said once, above the reference.
                forms[f"^(?:{annotation.pattern})$"] = "name" if annotation in get_args(values.Name) else annotation.allowed
    return {_with_variables(pattern): words for pattern, words in forms.items()}


def _with_variables(pattern: str) -> str:
    """Return a pattern as the schema of a file has it, in which any text may come from a variable."""
    return rf"{pattern}|\$\{{"
