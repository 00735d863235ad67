"""Tables of Perses: columns in their order, rows of several queries joined, cells coloured as in Grafana's.

Perses writes a value whose cell has a colour with all of its digits and without its unit: queries cut it, and cells add the
unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.kit.formats.perses_looks import color_of, format_of, steps_of
from prediction_exporter.kit.looks import MULTIPLE_UNIT, Json

#: The first labels of a query: what tells rows apart where several queries are merged.
_BY = re.compile(r"\w+ by \(([^)]*)\)")
#: The width of a column that is told none, and of a page of 1280 pixels without its margins.
_COLUMN, _PAGE = 150, 1240
#: Text is as it is.
_TEXT = "string"
#: What Perses' range of a condition begins with where it has no lower end.
_LOWEST = -1e15
#: What values are multiplied by, and what is written behind them, by the units that coloured cells have.
_WRITTEN = {MULTIPLE_UNIT: (1, "x"), "percentunit": (100, "%"), "short": (1, "")}


def table(content: Json) -> Json:
    """Return what a table is told."""
    transformations = {each["id"]: each["options"] for each in content["transformations"]}
    headings = _headings(content, transformations)
    targets = content["targets"]
    columns = [_column(content, name, heading) for name, heading in headings.items()]
    spec: Json = {"density": "compact", "defaultColumnHidden": True, "columnSettings": columns}
    if sum(column.get("width", _COLUMN) for column in columns) > _PAGE:
        spec["defaultColumnWidth"] = "auto"  # else those at its end would be out of sight
    if len(targets) > 1:
        keys = _keys(content, transformations)
        labels = [name for name in headings if not name.startswith("value")]
        merged = [{"kind": "MergeIndexedColumns", "spec": {"column": name}} for name in dict.fromkeys([*keys, *labels])]
        spec["transforms"] = [*merged, {"kind": "JoinByColumnValue", "spec": {"columns": keys}}]
    return spec


def cut(content: Json, place: int, expr: str) -> str:
    """Return what is asked for a table's values: as they are written, where their cells have colours.

    Args:
        content: of the table's panel.
        place: of the query.
        expr: of the query.
    """
    look = _look(content, content["targets"][place]["legendFormat"])
    if not _judged(look):
        return expr
    times, _ = _WRITTEN[look["unit"]]
    # Cut and not rounded, and a digit longer than in Grafana: so a value is never on the other side of a threshold.
    scale = 10 ** (look["decimals"] + 1)
    return f"floor(({expr}) * {times * scale}) / {scale}"


def _headings(content: Json, transformations: Mapping[str, Any]) -> dict[str, str]:
    """Return the headings of columns by Perses' names, in their order."""
    if "groupingToMatrix" in transformations:
        # A matrix has no counterpart: a row for each of its cells.
        matrix = transformations["groupingToMatrix"]
        rows, columns = matrix["rowField"], matrix["columnField"]
        return {rows: rows, columns: columns, "value": content["targets"][0]["legendFormat"]}
    organized = transformations["organize"]
    renamed, places = organized["renameByName"], organized["indexByName"]
    shown = [name for name in renamed if not organized["excludeByName"].get(name)]
    if places:
        shown.sort(key=places.__getitem__)
    found = {_name(name): renamed[name] for name in shown}
    if "joinByField" in transformations:
        field = transformations["joinByField"]["byField"]
        return {field: field, **found}
    return found


def _name(name: str) -> str:
    """Return what Perses calls a field.

    >>> [_name(name) for name in ("Value", "Value #B", "model")]
    ['value', 'value #2', 'model']
    """
    if name.startswith("Value #"):
        return f"value #{ord(name[-1]) - ord('A') + 1}"
    return "value" if name == "Value" else name


def _keys(content: Json, transformations: Mapping[str, Any]) -> list[str]:
    """Return the labels that tell rows apart.

    Raises:
        ValueError: the first query does not say it.
    """
    if "joinByField" in transformations:
        return [transformations["joinByField"]["byField"]]
    match = _BY.match(content["targets"][0]["expr"])
    if match is None:
        raise ValueError(f"the first query of {content['title']!r} does not begin with the labels of its rows")
    return match[1].split(", ")


def _look(content: Json, heading: str) -> Json:
    """Return how a column's values look, by property."""
    look: Json = dict(content["fieldConfig"]["defaults"])
    for override in content["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == heading:
            look |= {each["id"]: each["value"] for each in override["properties"]}
    return look


def _judged(look: Json) -> bool:
    """Return whether the colours of values change from some value on."""
    return len(look.get("thresholds", {}).get("steps", ())) > 1


def _column(content: Json, name: str, heading: str) -> Json:
    look = _look(content, heading)
    found: Json = {"name": name, "header": heading, "enableSorting": True}
    if name.startswith("value") and look["unit"] != _TEXT:
        found |= {"format": format_of(look), "align": "right"}
    if "custom.width" in look:
        found["width"] = look["custom.width"]
    for each in content["options"].get("sortBy", ()):
        if each["displayName"] == heading:
            found["sort"] = "desc" if each["desc"] else "asc"
    if settings := list(_cells(look)):
        found["cellSettings"] = settings
    return found


def _cells(look: Json) -> Iterator[Json]:
    """Yield how cells look that hold a value: the first that does counts."""
    kind = look.get("custom.cellOptions", {}).get("type", "")
    key = "textColor" if kind == "color-text" else "backgroundColor"
    for mapping in look.get("mappings", ()):
        if mapping["type"] == "value":
            for value, meaning in mapping["options"].items():
                colored = {key: color_of(meaning["color"])} if "color" in meaning else {}
                yield {"condition": {"kind": "Value", "spec": {"value": value}}, "text": meaning["text"], **colored}
        else:
            text = mapping["options"]["result"]["text"]
            yield from ({"condition": {"kind": "Misc", "spec": {"value": value}}, "text": text} for value in ("null", "NaN"))
    if _judged(look):
        times, suffix = _WRITTEN[look["unit"]]
        default, steps = steps_of(look["thresholds"]["steps"])
        for step in [*reversed(steps), {"value": _LOWEST, "color": default}]:
            yield {"condition": {"kind": "Range", "spec": {"min": step["value"] * times}}, "suffix": suffix, key: step["color"]}
