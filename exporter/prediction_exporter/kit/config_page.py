"""The page of the configuration: what stands between its markers is rendered, every key from the JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from prediction_exporter.config import UNIT_ENDINGS, Fields, json_schema, values
from prediction_exporter.config.units import DURATION_PATTERN, SIZE_PATTERN
from prediction_exporter.sources.fields.recognise import KNOWN_NAMES, LATENCY_STEMS
from prediction_exporter.statistics import STATISTICS

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


def configuration_page(page: str) -> str:
    """Return the page with the parts between its markers rendered anew."""
    for name, text in (("names", known_names()), ("reference", config_reference())):
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{CONFIGURATION_PAGE} lacks {begin} or {end}")
        page = f"{before}{begin}\n\n{text}\n{end}{after}"
    return page


def known_names() -> str:
    """Return a table of the names that fields are recognised by."""
    names = {role: [f"`{name}`" for name in known] for role, known in KNOWN_NAMES.items()}
    stems = ", ".join(f"`{stem}`" for stem in LATENCY_STEMS)
    names["latency"] = [f"{stems}, each followed by its unit: {', '.join(f'`{ending}`' for ending in UNIT_ENDINGS)}"]
    rows = "\n".join(f"| `{role}` | {', '.join(names[role])} |" for role in Fields.model_fields)
    return f"| field | names that it is recognised by |\n| --- | --- |\n{rows}\n"


def config_reference() -> str:
    """Return a table of keys for each section of the configuration, in the order of the sections."""
    schema = json_schema()
    return "\n".join(_markdown(section) for section in sections(schema, schema["$defs"]))


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


def _markdown(section: Section) -> str:
    title = f"`{section.place}`" if section.place else "The file"
    required = section.schema.get("required", ())
    rows = [_row(key, value, required=key in required) for key, value in section.schema["properties"].items()]
    # The first paragraph: what follows it is said above the reference.
    description = section.schema["description"].partition("\n\n")[0].replace("\n", " ")
    return "\n".join(
        [f"### {title}", "", description, "", "| key | allowed | default | |", "| --- | --- | --- | --- |", *rows, ""]
    )


def _row(key: str, value: Schema, *, required: bool) -> str:
    statistic = next((statistic for statistic in STATISTICS if statistic.key == key and "description" not in value), None)
    if statistic is not None and statistic.threshold is not None:  # a key of the thresholds
        default, description = f"`{statistic.threshold.default:g}`", f"[{statistic.title}](statistics.md#{key})"
    else:
        default, description = "required" if required else _default(value.get("default")), value["description"]
    return f"| `{key}` | {_cell(allowed(value))} | {default} | {_cell(description)} |"


def _default(value: Any) -> str:
    """Return a default, and nothing where it is that nothing is there."""
    return "" if value in (None, {}, []) else f"`{_written(value)}`"


def _written(value: Any) -> str:
    """Return a value as it is written in the file."""
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def allowed(value: Schema) -> str:
    """Return what a value may be, in words."""
    if "$ref" in value:
        return "section"
    alternatives = [alternative for alternative in _alternatives(value) if _is_meant(alternative)]
    if alternatives:
        return ", or ".join(dict.fromkeys(map(allowed, alternatives)))
    if "enum" in value:
        return ", ".join(f"`{_written(choice)}`" for choice in value["enum"])
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
    return f"mapping of {', '.join(f'`{key}`' for key in value['propertyNames']['enum'])} to {allowed(inner)}"


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
    for alias in vars(values).values():
        for annotation in get_args(alias):
            if isinstance(annotation, values.Matching):
                # What a name may hold is said once, above the reference.
                forms[f"^(?:{annotation.pattern})$"] = "name" if annotation in get_args(values.Name) else annotation.allowed
    return {_with_variables(pattern): words for pattern, words in forms.items()}


def _with_variables(pattern: str) -> str:
    """Return a pattern as the schema of a file has it, in which any text may come from a variable."""
    return rf"{pattern}|\$\{{"
