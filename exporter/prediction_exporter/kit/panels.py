"""Grafana's classic dashboard JSON from small helpers: panels, rows, variables, and their layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

#: Every query goes to the data source that the dashboard's variable names.
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
#: Width of a dashboard in grid units.
COLUMNS = 24


@dataclass(frozen=True, kw_only=True)
class Query:
    """An expression and what its series are called.

    Attributes:
        expr: PromQL with the dashboard's variables.
        legend: name of its series, with labels in double braces.
        instant: asks for the newest value alone.
        table: gives labels as columns of a table.
    """

    expr: str
    legend: str
    instant: bool = False
    table: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel before it has its place.

    Attributes:
        content: everything but its identifier and place.
        width, height: in grid units.
    """

    content: Json
    width: int
    height: int


def _panel(
    kind: str, title: str, description: str, queries: Sequence[Query], unit: str, width: int, height: int, options: Json
) -> Panel:
    content: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [_target(query, chr(ord("A") + i)) for i, query in enumerate(queries)],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": options,
    }
    return Panel(content=content, width=width, height=height)


def _target(query: Query, letter: str) -> Json:
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": query.instant,
        "range": not query.instant,
        "format": "table" if query.table else "time_series",
        "editorMode": "code",
    }


def timeseries(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limits: Sequence[str] = (),
    width: int = 8,
    height: int = 8,
    maximum: float | None = None,
) -> Panel:
    """Return a graph over time; series called like one of ``limits`` are drawn as dashed lines."""
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    panel = _panel("timeseries", title, description, queries, unit, width, height, options)
    config = panel.content["fieldConfig"]
    config["defaults"] |= {"min": 0, "custom": {"lineWidth": 1, "fillOpacity": 0, "showPoints": "never"}}
    if maximum is not None:
        config["defaults"]["max"] = maximum
    config["overrides"] = [_dashed(name) for name in limits]
    return panel


def _dashed(name: str) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "red" if "threshold" in name else "text"}},
        ],
    }


def free_scale(panel: Panel) -> Panel:
    """Return a graph whose scale need not begin at zero."""
    del panel.content["fieldConfig"]["defaults"]["min"]
    return panel


def stat(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    steps: Sequence[tuple[float | None, str]] = (),
    texts: Mapping[str, str] | None = None,
    decimals: int | None = None,
    width: int = 4,
) -> Panel:
    """Return one large figure; ``steps`` give its colour from a value on, ``texts`` words for values."""
    options = {
        "graphMode": "area",
        "colorMode": "value",
        "justifyMode": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "orientation": "auto",
        "reduceOptions": _LAST,
    }
    panel = _panel("stat", title, description, [query], unit, width, 4, options)
    defaults = panel.content["fieldConfig"]["defaults"]
    coloured = steps or ((None, "text"),)
    defaults["thresholds"] = {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in coloured]}
    if texts is not None:
        words = {value: {"text": text, "index": i} for i, (value, text) in enumerate(texts.items())}
        defaults["mappings"] = [{"type": "value", "options": words}]
    if decimals is not None:
        defaults["decimals"] = decimals
    return panel


_LAST = {"values": False, "calcs": ["lastNotNull"], "fields": ""}


def bars(title: str, description: str, query: Query, *, unit: str, width: int, height: int) -> Panel:
    """Return a horizontal bar for each of the query's series."""
    options = {
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "left",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 32,
        "orientation": "horizontal",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "reduceOptions": _LAST,
    }
    panel = _panel("bargauge", title, description, [query], unit, width, height, options)
    panel.content["fieldConfig"]["defaults"]["min"] = 0
    return panel


def histogram(title: str, description: str, *queries: Query, over: str, unit: str, width: int, height: int) -> Panel:
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
    panel = _panel("barchart", title, description, queries, unit, width, height, options)
    panel.content["transformations"] = _joined(over, [query.legend for query in queries])
    return panel


def table(
    title: str,
    description: str,
    *queries: Query,
    over: str,
    units: Sequence[str],
    sort_by: str,
    width: int,
    height: int,
) -> Panel:
    """Return a table with a row for each value of a label and a column for each query."""
    options = {"showHeader": True, "frameIndex": 0, "cellHeight": "sm", "sortBy": [{"displayName": sort_by, "desc": True}]}
    panel = _panel("table", title, description, queries, "short", width, height, options)
    panel.content["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": query.legend}, "properties": [{"id": "unit", "value": unit}]}
        for query, unit in zip(queries, units, strict=True)
    ]
    names = [query.legend for query in queries]
    panel.content["transformations"] = _joined(over, names)
    return panel


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


def query_variable(name: str, label: str, description: str, expr: str) -> Json:
    """Return a variable whose single value is one of a label's values."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": DATASOURCE,
        "query": {"query": expr, "refId": f"variable-{name}", "qryType": 1},
        "definition": expr,
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "skipUrlSync": False,
    }


def datasource_variable() -> Json:
    """Return the variable that names the Prometheus to ask."""
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "description": "The Prometheus that scrapes the exporter and evaluates its rules.",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "skipUrlSync": False,
    }


def laid_out(rows: Sequence[tuple[str, Sequence[Panel]]]) -> list[Json]:
    """Return rows of panels with identifiers and places: from left to right, and on where the width is full."""
    placed: list[Json] = []
    y = 0
    for title, panels in rows:
        placed.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "id": len(placed) + 1,
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }
        )
        y += 1
        x = height = 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            placed.append({**panel.content, "id": len(placed) + 1, "gridPos": place})
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return placed
