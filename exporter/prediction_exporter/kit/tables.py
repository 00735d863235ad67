"""Panels over the values of labels: grouped bars, tables and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_exporter.kit.looks import NO_DATA, Json, multiple
from prediction_exporter.kit.panels import Panel, Query, panel_of

#: What makes a field text whatever it reads like: Grafana would show a class 0 of a share as 0%.
_TEXT: Json = {"id": "unit", "value": "string"}


def histogram(
    title: str, description: str, *queries: Query, over: str, unit: str, width: int, height: int, no_data: str = NO_DATA
) -> Panel:
    """Return grouped bars of several queries over the values of one label."""
    options = {
        "xField": over,
        "orientation": "auto",
        "xTickLabelRotation": -30,
        "xTickLabelMaxLength": 24,
        "stacking": "none",
        "showValue": "never",
        "barWidth": 0.9,
        "groupWidth": 0.8,
        "fullHighlight": False,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    panel = panel_of(
        "barchart", title, description, queries, unit=unit, width=width, height=height, options=options, no_data=no_data
    )
    panel.content["fieldConfig"]["overrides"].append({"matcher": {"id": "byName", "options": over}, "properties": [_TEXT]})
    panel.content["transformations"] = _joined(over, [query.legend for query in queries])
    return panel


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of a table.

    Attributes:
        query: gives its values; its legend is the heading.
        unit: of its values, or None for multiples of a threshold, which are drawn as bars.
    """

    query: Query
    unit: str | None = None


def table(
    title: str,
    description: str,
    *fields: Field,
    over: str,
    sort_by: str,
    first: int,
    width: int,
    height: int,
    link: str | None = None,
    no_data: str = NO_DATA,
) -> Panel:
    """Return a table with a row for each value of a label and a column for each query.

    Args:
        title: of the panel.
        description: of the panel.
        fields: its columns, beside the label's.
        over: the label.
        sort_by: heading that the rows are sorted by, the largest first.
        first: width of the label's column in pixels; the others share the rest.
        width: in grid units.
        height: in grid units.
        link: where the label's values lead, if anywhere.
        no_data: what is said where there is no row.
    """
    options = {"showHeader": True, "frameIndex": 0, "cellHeight": "sm", "sortBy": [{"displayName": sort_by, "desc": True}]}
    queries = [field.query for field in fields]
    panel = panel_of(
        "table", title, description, queries, unit="short", width=width, height=height, options=options, no_data=no_data
    )
    panel.defaults["custom"] = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 100}
    properties: list[Json] = [_TEXT, {"id": "custom.width", "value": first}, {"id": "custom.filterable", "value": True}]
    if link is not None:
        properties.append({"id": "links", "value": [{"title": "Show ${__value.text}", "url": link, "targetBlank": False}]})
    overrides = panel.content["fieldConfig"]["overrides"]
    overrides.append({"matcher": {"id": "byName", "options": over}, "properties": properties})
    for field in fields:
        properties = _as_bars() if field.unit is None else [{"id": "unit", "value": field.unit}]
        overrides.append({"matcher": {"id": "byName", "options": field.query.legend}, "properties": properties})
    panel.content["transformations"] = _joined(over, [query.legend for query in queries])
    return panel


def matrix(
    title: str,
    description: str,
    query: Query,
    *,
    row: str,
    column: str,
    unit: str,
    first: int,
    width: int,
    height: int,
    no_data: str,
) -> Panel:
    """Return a table with a row for each value of one label and a column for each of another; the more, the darker a cell.

    ``first`` is the width of the rows' names in pixels; the others share the rest.
    """
    options = {"showHeader": True, "frameIndex": 0, "cellHeight": "sm"}
    panel = panel_of(
        "table", title, description, [query], unit=unit, width=width, height=height, options=options, no_data=no_data
    )
    cell = {"type": "color-background", "mode": "basic"}
    panel.defaults.update(decimals=0, color={"mode": "continuous-blues"})
    panel.defaults["custom"] = {"align": "auto", "cellOptions": cell, "inspect": False, "minWidth": 80}
    names = [_TEXT, {"id": "custom.width", "value": first}, {"id": "custom.cellOptions", "value": {"type": "auto"}}]
    panel.content["fieldConfig"]["overrides"].append(
        {"matcher": {"id": "byName", "options": f"{row}\\{column}"}, "properties": names}
    )
    panel.content["transformations"] = [
        {"id": "groupingToMatrix", "options": {"columnField": column, "rowField": row, "valueField": "Value"}}
    ]
    return panel


def _as_bars() -> list[Json]:
    field: Json = {}
    multiple(field)
    cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "color"}
    return [{"id": "custom.cellOptions", "value": cell}, *({"id": key, "value": value} for key, value in field.items())]


def _joined(over: str, names: Sequence[str]) -> list[Json]:
    """Join the queries' tables by a label and give their values names."""
    letters = [chr(ord("A") + i) for i in range(len(names))]
    times = {f"Time {i}": True for i in range(1, len(names) + 1)}
    return [
        {"id": "joinByField", "options": {"byField": over, "mode": "outer"}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True, **times},
                "indexByName": {},
                "renameByName": {f"Value #{letter}": name for letter, name in zip(letters, names, strict=True)},
            },
        },
    ]
