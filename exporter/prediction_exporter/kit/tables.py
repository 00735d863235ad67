"""Panels over the values of labels: tables, matrices and grouped bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from prediction_exporter.kit.looks import MULTIPLE_STEPS, MULTIPLE_UNIT, NO_DATA, PLAIN, Json, Steps, multiple, thresholds
from prediction_exporter.kit.panels import Panel, Query, panel_of

#: What makes a field text whatever it reads like: Grafana would show a class 0 of a share as 0%.
TEXT: Json = {"unit": "string"}
#: What stands where there is none, in no colour that judges.
NOTHING = "-"
_NULL: Json = {"type": "special", "options": {"match": "null+nan", "result": {"text": NOTHING, "color": PLAIN, "index": 9}}}
#: How narrow columns may become that share what others leave, in pixels; where others are narrower, as narrow as these.
_LEAST_WIDTH = 100
_OPTIONS: Json = {"showHeader": True, "frameIndex": 0, "cellHeight": "sm"}
_PLAIN_CELL: Json = {"type": "auto"}
#: Queries that are asked one after the other have times that differ, and rows of another time are other rows.
_WITHOUT_TIMES: Json = {"id": "filterFieldsByName", "options": {"exclude": {"pattern": "^Time$"}}}


def colored(steps: Steps, **look: object) -> Json:
    """Return the look of values that are coloured by steps."""
    judged = {"color": {"mode": "thresholds"}, "thresholds": thresholds(steps)}
    return {**look, **judged, "custom.cellOptions": {"type": "color-text"}}


def bars() -> Json:
    """Return the look of multiples of a threshold that are drawn as bars, on the scale that all of them have."""
    look: Json = {"custom.cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "color"}}
    multiple(look)
    return look


#: Multiples of a threshold as figures, in its colours.
MULTIPLE = colored(MULTIPLE_STEPS, unit=MULTIPLE_UNIT, decimals=1)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A column of a table.

    Attributes:
        name: its heading.
        width: in pixels; 0 where it shares what the others leave.
        look: how its values are shown, by property.
        label: the label that it shows; empty where it shows a query's values.
        link: title and address of where its values lead.
    """

    name: str
    width: int = 0
    look: Json = field(default_factory=dict)
    label: str = ""
    link: tuple[str, str] | None = None


def table(
    title: str,
    description: str,
    *queries: Query,
    cells: Sequence[Cell],
    hidden: Sequence[str] = (),
    sort_by: Sequence[str],
    least_first: bool = False,
    width: int = 24,
    height: int,
    no_data: str = NO_DATA,
) -> Panel:
    """Return a table with a row for each thing that labels name, and what queries say of it side by side.

    Rows of several queries are one where the labels that all queries have are the same. With several labels each query must
    have a row where one of them has any: Grafana merges nothing with a result without rows, see ``never_empty``.

    Args:
        title: of the panel.
        description: of the panel.
        queries: each gives a value to a row, and labels.
        cells: what is shown, in this order; a query's values by its legend.
        hidden: labels that are not shown, and that links may name.
        sort_by: headings that rows are sorted by, the largest first.
        least_first: whether it is the least, as of what is left of something.
        width: in grid units.
        height: in grid units.
        no_data: what is said where there is no row.
    """
    options = {**_OPTIONS, "sortBy": [{"displayName": name, "desc": not least_first} for name in sort_by]}
    panel = panel_of(
        "table", title, description, queries, unit="short", width=width, height=height, options=options, no_data=no_data
    )
    least = min([_LEAST_WIDTH, *(cell.width for cell in cells if cell.width)])
    panel.defaults["custom"] = {"align": "auto", "cellOptions": _PLAIN_CELL, "inspect": False, "minWidth": least}
    overrides = panel.content["fieldConfig"]["overrides"]
    overrides += [_override(cell.name, _properties(cell)) for cell in cells]
    overrides += [_override(label, {"custom.hidden": True}) for label in hidden]
    shown = [cell.name for cell in cells]
    labels, values = {cell.label: cell.name for cell in cells if cell.label}, _values(queries)
    places = {name: shown.index(heading) for name, heading in (labels | values).items() if heading in shown}
    # Some releases of Grafana let links find a hidden label only behind their own column.
    places |= {label: len(shown) + i for i, label in enumerate(hidden)}
    panel.content["transformations"] = [
        _WITHOUT_TIMES,
        {"id": "merge", "options": {}},
        # Of queries that all have no rows, none is left: what says so in words is there only where there is no table.
        _joined(next(iter(labels))),
        _organized(labels | values, places, [name for name, heading in values.items() if heading not in shown]),
    ]
    return panel


def never_empty(expr: str, rows: str) -> str:
    """Return an expression that, where it has no series at all, has one of the rows' instead, without a value."""
    return f"({expr}) or on () topk(1, {rows}) * (0 / 0)"


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
    panel = panel_of(
        "table", title, description, [query], unit=unit, width=width, height=height, options=_OPTIONS, no_data=no_data
    )
    cell = {"type": "color-background", "mode": "basic"}
    panel.defaults.update(decimals=0, color={"mode": "continuous-blues"})
    panel.defaults["custom"] = {"align": "auto", "cellOptions": cell, "inspect": False, "minWidth": 80}
    names = {**TEXT, "custom.width": first, "custom.cellOptions": _PLAIN_CELL}
    panel.content["fieldConfig"]["overrides"].append(_override(f"{row}\\{column}", names))
    panel.content["transformations"] = [
        {"id": "groupingToMatrix", "options": {"columnField": column, "rowField": row, "valueField": "Value"}}
    ]
    return panel


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
    panel.content["fieldConfig"]["overrides"].append(_override(over, TEXT))
    panel.content["transformations"] = [_WITHOUT_TIMES, _joined(over), _organized(_values(queries))]
    return panel


def _properties(cell: Cell) -> Json:
    # What is not there is not what the table says where it is empty.
    found = {"noValue": NOTHING, **(TEXT if cell.label else {}), **cell.look}
    if cell.width:
        found["custom.width"] = cell.width
    if cell.label:
        found["custom.filterable"] = True
    else:
        found["mappings"] = [*cell.look.get("mappings", ()), _NULL]
    if cell.link is not None:
        title, url = cell.link
        found["links"] = [{"title": title, "url": url, "targetBlank": False}]
    return found


def _override(name: str, properties: Json) -> Json:
    matcher = {"id": "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties.items()]}


def _values(queries: Sequence[Query]) -> dict[str, str]:
    """Return what the queries' values are to be called, by what Grafana calls them."""
    if len(queries) == 1:
        return {"Value": queries[0].legend}
    return {f"Value #{chr(ord('A') + i)}": query.legend for i, query in enumerate(queries)}


def _joined(label: str) -> Json:
    return {"id": "joinByField", "options": {"byField": label, "mode": "outer"}}


def _organized(names: Mapping[str, str], places: Mapping[str, int] = MappingProxyType({}), without: Sequence[str] = ()) -> Json:
    options = {"excludeByName": dict.fromkeys(without, True), "indexByName": dict(places), "renameByName": dict(names)}
    return {"id": "organize", "options": options}
