"""Tables with a row for each thing that several labels name, as a model in its place: what queries say of it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from prediction_exporter.kit.looks import MULTIPLE_STEPS, MULTIPLE_UNIT, NO_DATA, PLAIN, Json, Steps, thresholds
from prediction_exporter.kit.panels import Panel, Query, panel_of

#: What makes a field text whatever it reads like.
TEXT: Json = {"unit": "string"}
#: What stands where there is none, in no colour that judges.
_NOTHING = "-"
_NULL: Json = {"type": "special", "options": {"match": "null+nan", "result": {"text": _NOTHING, "color": PLAIN, "index": 9}}}


def colored(steps: Steps, **look: object) -> Json:
    """Return the look of values that are coloured by steps."""
    judged = {"color": {"mode": "thresholds"}, "thresholds": thresholds(steps)}
    return {**look, **judged, "custom.cellOptions": {"type": "color-text"}}


#: Multiples of a threshold, in its colours.
MULTIPLE = colored(MULTIPLE_STEPS, unit=MULTIPLE_UNIT, decimals=1)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A column of such a table.

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


def listed(
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
    """Return the table.

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
    options = {
        "showHeader": True,
        "frameIndex": 0,
        "cellHeight": "sm",
        "sortBy": [{"displayName": name, "desc": not least_first} for name in sort_by],
    }
    panel = panel_of(
        "table", title, description, queries, unit="short", width=width, height=height, options=options, no_data=no_data
    )
    panel.defaults["custom"] = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 60}
    overrides = panel.content["fieldConfig"]["overrides"]
    overrides += [_override(cell.name, _properties(cell)) for cell in cells]
    overrides += [_override(label, {"custom.hidden": True}) for label in hidden]
    values = {f"Value #{chr(ord('A') + i)}" if len(queries) > 1 else "Value": query.legend for i, query in enumerate(queries)}
    shown = [cell.name for cell in cells]
    labels = {cell.label: cell.name for cell in cells if cell.label}
    order = [*labels, *values]
    places = {name: shown.index((labels | values)[name]) for name in order if (labels | values)[name] in shown}
    # Some releases of Grafana let links find a hidden label only behind their own column.
    places |= {label: len(shown) + i for i, label in enumerate(hidden)}
    panel.content["transformations"] = [
        # Queries that are asked one after the other have times that differ, and rows of another time are other rows.
        {"id": "filterFieldsByName", "options": {"exclude": {"pattern": "^Time$"}}},
        {"id": "merge", "options": {}},
        # Of queries that all have no rows, none is left: what says so in words is there only where there is no table.
        {"id": "joinByField", "options": {"byField": next(iter(labels)), "mode": "outer"}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {value: True for value, name in values.items() if name not in shown},
                "indexByName": places,
                "renameByName": labels | values,
            },
        },
    ]
    return panel


def never_empty(expr: str, rows: str) -> str:
    """Return an expression that, where it has no series at all, has one of the rows' instead, without a value."""
    return f"({expr}) or on () topk(1, {rows}) * (0 / 0)"


def _properties(cell: Cell) -> Json:
    # What is not there is not what the table says where it is empty.
    found = {"noValue": _NOTHING, **(TEXT if cell.label else {}), **cell.look}
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
