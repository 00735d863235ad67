"""The dashboards for Perses: each as a document that ``percli apply`` and Perses' provisioning take.

They are translated from Grafana's, with the plugins and the keys that Perses 0.54 has. What has no counterpart is left out:

- links, annotations, and how a panel's own query sets a figure's colours or unit: the figure is plain then;
- readable names of bins, and the space that is filled between two lines;
- what is said where there is no data, which Perses has one text for: the panel's description says it.

Perses draws heatmaps of native histograms alone: the kit's are cells with a shade for each share, and lines for buckets.

What Grafana's panels say of now is asked for the end of the time range alone: Perses would show the last value that was there,
however old it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.dashboards import BOARDS
from prediction_exporter.kit.formats.order import Order, Render
from prediction_exporter.kit.formats.perses_looks import shortened
from prediction_exporter.kit.formats.perses_panels import DATASOURCE, panel, promql
from prediction_exporter.kit.formats.rule_sets import PREFIX
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.texts import to_yaml
from prediction_exporter.kit.variables import HIDDEN

FOLDER = "perses"
#: What a variable's plugin is asked for, by how Grafana's variable asks.
_LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)", re.DOTALL)
_RESULT = re.compile(r"query_result\((.*)\)", re.DOTALL)
#: The label that is a metric's name.
_NAME = "__name__"
#: A variable's value that is all of its values.
_ALL = "$__all"


def dashboard(board: Board, project: str) -> Json:
    """Return a dashboard of Perses.

    Args:
        board: the dashboard.
        project: that it belongs to.
    """
    content = board.content()
    variables = content["templating"]["list"]
    # Perses escapes what stands for all values as it escapes a name, so that it would match nothing.
    raw = {variable["name"] for variable in variables if "allValue" in variable}
    rows = list(_rows(content["panels"]))
    return {
        "kind": "Dashboard",
        "metadata": {"name": board.uid, "project": project},
        "spec": {
            "display": {"name": board.title, "description": board.question},
            "duration": content["time"]["from"].removeprefix("now-"),
            "refreshInterval": content["refresh"],
            "datasources": {},
            "variables": [_variable(variable, raw) for variable in variables],
            "panels": {_key(each): panel(each, raw) for _, shown in rows for each in shown},
            "layouts": [_grid(row, shown) for row, shown in rows],
        },
    }


def _rows(panels: list[Json]) -> Iterator[tuple[Json, list[Json]]]:
    """Yield rows and their panels, which are behind a row or, where it is collapsed, within it."""
    heads = [place for place, each in enumerate(panels) if each["type"] == "row"]
    for place, following in zip(heads, [*heads[1:], len(panels)], strict=True):
        yield panels[place], [*panels[place]["panels"], *panels[place + 1 : following]]


def _key(content: Json) -> str:
    """Return what a layout calls a panel by.

    >>> _key({"title": "Latency by version, p95"})
    'latency-by-version-p95'
    """
    return re.sub(r"[^a-z0-9]+", "-", content["title"].lower()).strip("-")


def _grid(row: Json, shown: list[Json]) -> Json:
    top = row["gridPos"]["y"] + 1
    items = [
        {
            "x": each["gridPos"]["x"],
            "y": each["gridPos"]["y"] - top,
            "width": each["gridPos"]["w"],
            "height": each["gridPos"]["h"],
            "content": {"$ref": f"#/spec/panels/{_key(each)}"},
        }
        for each in shown
    ]
    display = {"title": row["title"], "collapse": {"open": not row["collapsed"]}}
    return {"kind": "Grid", "spec": {"display": display, "items": items}}


def _variable(variable: Json, raw: Collection[str]) -> Json:
    spec: Json = {
        "name": variable["name"],
        "display": {
            "name": variable["label"],
            "description": variable.get("description", ""),
            "hidden": variable["hide"] == HIDDEN,
        },
        "allowAllValue": variable["includeAll"],
        "allowMultiple": variable["multi"],
        "sort": "alphabetical-asc" if variable.get("sort") else "none",
    }
    if variable["includeAll"]:
        spec["defaultValue"] = _ALL
    if "allValue" in variable:
        spec["customAllValue"] = variable["allValue"]
    return {"kind": "ListVariable", "spec": spec | _options(variable, raw)}


def _options(variable: Json, raw: Collection[str]) -> Json:
    """Return where a variable's values come from."""
    if variable["type"] == "datasource":
        return {"plugin": {"kind": "DatasourceVariable", "spec": {"datasourcePluginKind": "PrometheusDatasource"}}}
    if variable["type"] == "custom":
        values = [{"value": option["value"], "label": option["text"]} for option in variable["options"]]
        return {
            "defaultValue": variable["current"]["value"],
            "plugin": {"kind": "StaticListVariable", "spec": {"values": values}},
        }
    query = variable["query"]["query"]
    if match := _LABEL_VALUES.fullmatch(query):
        asked = {"datasource": DATASOURCE, "labelName": match[2], "matchers": [promql(match[1], raw)]}
        return {"plugin": {"kind": "PrometheusLabelValuesVariable", "spec": asked}}
    match = _RESULT.fullmatch(query)
    if match is None:
        raise ValueError(f"{variable['name']} asks for what Perses has no variable for: {query}")
    # The pattern finds a label's value, or a part of the metric's name, in the text of a sample.
    label, _, name = variable["regex"].removeprefix("/^").partition("\\{")
    expr, known = (shortened(match[1], _NAME, label), _NAME) if label else (match[1], name.partition("=")[0])
    plugin = {"datasource": DATASOURCE, "expr": promql(expr, raw), "labelName": known}
    return {"plugin": {"kind": "PrometheusPromQLVariable", "spec": plugin}}


def _dashboards(order: Order) -> dict[str, str]:
    project = order.namespace or PREFIX
    found: dict[str, Any] = {board.name: dashboard(board, project) for board in BOARDS}
    return {f"{FOLDER}/{name}.yaml": to_yaml(content) for name, content in found.items()}


PARTS: Mapping[str, Render] = {"dashboards": _dashboards}
