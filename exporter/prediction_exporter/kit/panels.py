"""Grafana's classic dashboard JSON from small helpers: panels, rows, and their layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prediction_exporter.kit.looks import (
    MULTIPLE_MAXIMUM,
    MULTIPLE_UNIT,
    NO_DATA,
    PLAIN,
    THRESHOLD,
    UNKNOWN,
    Json,
    Role,
    Steps,
    drawn,
    meanings,
    multiple,
    thresholds,
    words,
)

#: Every query goes to the data source that the dashboard's variable names.
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
#: How the names of columns' series begin. A column has one colour in every graph, whichever others are drawn. What there are
#: few of, as versions and windows, have colours in their order instead, which are never alike.
_OF_COLUMNS = "{{column}}"
#: Width of the legend beside a graph, in pixels: a name, the last value and the largest; and half of the page in grid units. A
#: graph that is no wider would be left a third of its width: its legend is below.
_LEGEND_WIDTH, _HALF = 440, 12


@dataclass(frozen=True, kw_only=True)
class Query:
    """An expression and what its series are called.

    Attributes:
        expr: PromQL with the dashboard's variables.
        legend: name of its series, with labels in double braces.
        instant: asks for the newest value alone.
        table: gives labels as columns of a table.
        role: what its series is, where that gives it a colour.
    """

    expr: str
    legend: str
    instant: bool = False
    table: bool = False
    role: Role | None = None


def now(expr: str, legend: str, *, table: bool = False, role: Role | None = None) -> Query:
    """Return a query about now: what has not been there within one look-back is not there."""
    return Query(expr=expr, legend=legend, instant=True, table=table, role=role)


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

    @property
    def defaults(self) -> Json:
        """What holds for every field that no override names."""
        found: Json = self.content["fieldConfig"]["defaults"]
        return found


def panel_of(
    kind: str,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    width: int,
    height: int,
    options: Json,
    no_data: str = NO_DATA,
) -> Panel:
    """Return a panel of a kind of Grafana's, with its queries and options."""
    lettered = [(chr(ord("A") + i), query) for i, query in enumerate(queries)]
    content: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [_target(query, letter) for letter, query in lettered],
        "fieldConfig": {
            "defaults": {"unit": unit, "noValue": no_data},
            "overrides": [drawn(query.legend, letter, query.role) for letter, query in lettered if query.role is not None],
        },
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
    width: int = 12,
    height: int = 9,
    no_data: str = NO_DATA,
    maximum: float | None = None,
    decimals: int | None = None,
) -> Panel:
    """Return a graph over time, with the last and the largest value of each series beside or below it, the largest first."""
    # On half of the page a table beside it would leave the graph a third of that.
    place = {"placement": "bottom"} if width <= _HALF else {"placement": "right", "width": _LEGEND_WIDTH}
    options = {
        "legend": {
            "displayMode": "table",
            **place,
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
            "sortBy": "Last *",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    panel = panel_of(
        "timeseries", title, description, queries, unit=unit, width=width, height=height, options=options, no_data=no_data
    )
    panel.defaults.update(
        {
            "min": 0,
            "color": {
                "mode": "palette-classic-by-name"
                if any(query.legend.startswith(_OF_COLUMNS) for query in queries)
                else "palette-classic"
            },
            "custom": {"lineWidth": 1, "fillOpacity": 0, "showPoints": "never"},
        }
    )
    if maximum is not None:
        panel.defaults["max"] = maximum
    if decimals is not None:
        panel.defaults["decimals"] = decimals
    return panel


def counts(panel: Panel) -> Panel:
    """Return a graph or figure of things that are counted: no halves of them, and none is not drawn against a hundred."""
    panel.defaults.update({"min": 0, "decimals": 0})
    if panel.content["type"] == "timeseries":
        panel.defaults["custom"]["axisSoftMax"] = 5
    return panel


def multiples(panel: Panel) -> Panel:
    """Return a graph of shares or distances as multiples of their thresholds, with a line where these are passed."""
    panel.defaults.update(
        {
            "unit": MULTIPLE_UNIT,
            "decimals": 1,
            "thresholds": thresholds([(None, "transparent"), (1, THRESHOLD.color)]),
        }
    )
    panel.defaults["custom"] |= {"thresholdsStyle": {"mode": "dashed"}, "axisSoftMax": MULTIPLE_MAXIMUM}
    return panel


def least_first(panel: Panel) -> Panel:
    """Return a graph of what is bad where it is low: the last and the least value of each series beside it, the least first."""
    panel.content["options"]["legend"] |= {"calcs": ["lastNotNull", "min"], "sortDesc": False}
    return panel


def free_scale(panel: Panel) -> Panel:
    """Return a graph whose scale need not begin at zero."""
    del panel.defaults["min"]
    return panel


def stat(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    steps: Steps = ((None, PLAIN),),
    texts: Mapping[str, str] | None = None,
    decimals: int | None = None,
    width: int = 6,
    no_data: str = NO_DATA,
) -> Panel:
    """Return one large figure about now; ``steps`` give its colour from a value on, ``texts`` words for values."""
    options = {
        "graphMode": "none",
        "colorMode": "value",
        "justifyMode": "auto",
        "textMode": "value",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "orientation": "auto",
        "reduceOptions": _LAST,
    }
    panel = panel_of("stat", title, description, [query], unit=unit, width=width, height=3, options=options, no_data=no_data)
    mappings = words(texts or {}, no_data=no_data)
    panel.defaults.update({"color": {"mode": "thresholds"}, "thresholds": thresholds(steps), "mappings": mappings})
    if decimals is not None:
        panel.defaults["decimals"] = decimals
    return panel


def named(panel: Panel, *, size: int | None = None) -> Panel:
    """Return a figure with the name of its series beside it, of a size in pixels where its own would be too small to read."""
    panel.content["options"]["textMode"] = "value_and_name"
    if size is not None:
        panel.content["options"]["text"] = {"titleSize": size}
    return panel


def renamed(panel: Panel, rule: tuple[str, str]) -> Panel:
    """Return a panel whose series are called otherwise where their name matches: a regular expression, and what it becomes."""
    pattern, name = rule
    panel.content["transformations"] = [{"id": "renameByRegex", "options": {"regex": pattern, "renamePattern": name}}]
    return panel


def in_order_of(panel: Panel, field: str, *, descending: bool) -> Panel:
    """Return a panel over the values of a label in the order of a field."""
    step = {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": field, "desc": descending}]}}
    panel.content["transformations"].append(step)
    return panel


def band(panel: Panel, *, upper: str, lower: str) -> Panel:
    """Return a graph with the space between two of its series filled in the place of their lines."""
    hidden: list[Json] = [
        {"id": "custom.lineWidth", "value": 0},
        {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": False, "viz": False}},
    ]
    filled: list[Json] = [{"id": "custom.fillBelowTo", "value": lower}, {"id": "custom.fillOpacity", "value": 15}]
    panel.content["fieldConfig"]["overrides"] += [
        {"matcher": {"id": "byName", "options": upper}, "properties": [*hidden, *filled]},
        {"matcher": {"id": "byName", "options": lower}, "properties": hidden},
    ]
    return panel


def filled(panel: Panel, *, upper: str, lower: str) -> Panel:
    """Return a graph with the space between two of its series filled, which are lines of their own."""
    properties: list[Json] = [{"id": "custom.fillBelowTo", "value": lower}, {"id": "custom.fillOpacity", "value": 15}]
    panel.content["fieldConfig"]["overrides"].append({"matcher": {"id": "byName", "options": upper}, "properties": properties})
    return panel


def limited(panel: Panel, limit: Query) -> Panel:
    """Return a figure that is green below the value of another query and red from it on; where that has none, as it was."""
    return configured(panel, limit, "limit", {"fieldName": limit.legend, "handlerKey": "threshold1"})


def configured(panel: Panel, query: Query, letter: str, mapping: Json) -> Panel:
    """Return a figure whose look another query's result says."""
    panel.content["targets"].append(_target(query, letter))
    panel.content["transformations"] = [{"id": "configFromData", "options": {"configRefId": letter, "mappings": [mapping]}}]
    return panel


#: The last value and not the last that was there: a figure about now does not show the past.
_LAST = {"values": False, "calcs": ["last"], "fields": ""}


def bars(title: str, description: str, query: Query, *, width: int, height: int, no_data: str = NO_DATA) -> Panel:
    """Return a horizontal bar for each series of multiples of a threshold."""
    options = {
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "left",
        "text": {"titleSize": 12, "valueSize": 12},
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 32,
        "orientation": "horizontal",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "reduceOptions": _LAST,
    }
    panel = panel_of(
        "bargauge", title, description, [query], unit="", width=width, height=height, options=options, no_data=no_data
    )
    multiple(panel.defaults)
    panel.defaults["mappings"] = words({}, no_data=no_data)
    return panel


def timeline(title: str, description: str, *queries: Query, width: int, height: int, no_data: str = NO_DATA) -> Panel:
    """Return a strip over time for each series of multiples of a threshold, coloured as the bars are."""
    options = {
        # Words in strips are cut where these are short: the legend says what colours mean.
        "showValue": "never",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    panel = panel_of(
        "state-timeline", title, description, queries, unit="", width=width, height=height, options=options, no_data=no_data
    )
    multiple(panel.defaults)
    panel.defaults["custom"] = {"lineWidth": 0, "fillOpacity": 80, "spanNulls": False}
    return panel


def states(
    title: str,
    description: str,
    *queries: Query,
    colors: Mapping[str, str],
    texts: Mapping[str, str],
    width: int,
    height: int,
    no_data: str = NO_DATA,
) -> Panel:
    """Return strips over time of series whose values are states, with gaps; ``colors`` and ``texts`` are by value."""
    # Not by thresholds: Grafana would merge values into their ranges, and write 2+ for a warning.
    panel = timeline(title, description, *queries, width=width, height=height, no_data=no_data)
    for name in ("decimals", "min", "max", "thresholds"):
        del panel.defaults[name]
    panel.defaults.update(unit="short", color={"mode": "fixed", "fixedColor": UNKNOWN}, mappings=meanings(texts, colors))
    return panel
