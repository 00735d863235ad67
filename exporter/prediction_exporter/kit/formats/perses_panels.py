"""Panels of Perses: the plugin of each kind of Grafana's panels, and what it is told of queries, units, colours and words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prediction_exporter.kit.formats.perses_looks import color_of, format_of, label_of, shortened, steps_of, words_of
from prediction_exporter.kit.formats.perses_strips import CELL, in_shades, in_steps, shades, strips
from prediction_exporter.kit.formats.perses_table import cut, table
from prediction_exporter.kit.looks import NO_DATA, Json

#: Every query goes to the data source that the dashboard's variable names.
DATASOURCE = "$datasource"
#: Calculations by those of Grafana's legends.
_CALCULATIONS = {"lastNotNull": "last-number", "max": "max", "min": "min"}
_FILLS = {"dash": "dashed", "dot": "dotted"}
_FIRST_LABEL = re.compile(r"\{\{(\w+)\}\}")
#: Half the width of a page.
_HALF = 12
#: Sentences of a description on links, which are left out.
_ON_LINKS = re.compile(r" [^.]*\b(?:click|links)\b[^.]*\.")


def promql(expr: str, raw: Collection[str]) -> str:
    """Return an expression with the variables of Perses.

    Args:
        expr: with those of Grafana.
        raw: names of variables that are regular expressions themselves, and not escaped.

    >>> promql("max_over_time(a{b=~`${b:regex}`, c=~`${c:regex}`}[$__range])", {"b"})
    'max_over_time(a{b=~`${b}`, c=~`${c:regex}`}[${__range_ms}ms])'
    """
    for name in raw:
        expr = expr.replace(f"${{{name}:regex}}", f"${{{name}}}")
    # Perses writes its range in months and days of the calendar, which need not be a duration of Prometheus.
    return re.sub(r"\$__range\b", "${__range_ms}ms", expr)


def panel(content: Json, raw: Collection[str]) -> Json:
    """Return a panel, from Grafana's.

    Args:
        content: of Grafana's panel.
        raw: names of variables that are regular expressions themselves.
    """
    kind = _kind(content)
    no_data = content["fieldConfig"]["defaults"]["noValue"]
    unshown = "" if no_data == NO_DATA else f" Where nothing is shown: {no_data}."
    description = _ON_LINKS.sub("", content["description"]) + kind.note + unshown
    return {
        "kind": "Panel",
        "spec": {
            "display": {"name": content["title"], "description": description},
            "plugin": {"kind": kind.plugin, "spec": kind.told(content)},
            "queries": [
                _query(target, promql(kind.asked(content, expr), raw), at_end=kind.at_end, step=kind.step)
                for target, expr in _asked(content)
            ],
        },
    }


def _shown(content: Json) -> list[Json]:
    """Return the targets that are drawn, and not those that say how."""
    config = {each["options"]["configRefId"] for each in _configured(content)}
    return [target for target in content["targets"] if target["refId"] not in config]


def _asked(content: Json) -> Iterator[tuple[Json, str]]:
    """Yield the targets that are drawn, and their expressions."""
    rules = [each["options"] for each in content.get("transformations", ()) if each["id"] == "renameByRegex"]
    for place, target in enumerate(_shown(content)):
        expr = target["expr"]
        yield target, cut(content, place, expr) if content["type"] == "table" else _named(expr, target["legendFormat"], rules)


def _named(expr: str, legend: str, rules: list[Json]) -> str:
    """Return an expression whose series have the shorter names that Grafana gives them, by a part of their first label.

    Other names stay: with them series would be in another order.
    """
    label = _FIRST_LABEL.match(legend)
    for rule in rules:
        if label is not None and rule["renamePattern"] in ("$1", "$1 $2"):
            # What follows is of a further label.
            pattern = rule["regex"].partition(" ?")[0].removeprefix("^").removesuffix("$")
            expr = shortened(expr, label[1], pattern)
    return expr


def _configured(content: Json) -> list[Json]:
    return [each for each in content.get("transformations", ()) if each["id"] == "configFromData"]


def _query(target: Json, expr: str, *, at_end: bool, step: str) -> Json:
    if at_end:
        # Asked for the end of the range at each of its steps, which Prometheus evaluates once.
        expr = f"last_over_time(({expr})[1s:1s] @ end())"
    spec = {"datasource": DATASOURCE, "query": expr, "seriesNameFormat": target["legendFormat"]}
    if step:
        spec["minStep"] = step
    return {"kind": "TimeSeriesQuery", "spec": {"plugin": {"kind": "PrometheusTimeSeriesQuery", "spec": spec}}}


def _graph(content: Json) -> Json:
    defaults, legend = content["fieldConfig"]["defaults"], content["options"]["legend"]
    axis = {"show": True, "format": format_of(defaults), **label_of(defaults)} | {
        key: defaults[key] for key in ("min", "max") if key in defaults
    }
    custom = defaults["custom"]
    visual: Json = {
        "lineWidth": custom["lineWidth"],
        "areaOpacity": custom["fillOpacity"] / 100,
        "connectNulls": False,
        "palette": {"mode": "auto" if defaults["color"]["mode"] == "palette-classic-by-name" else "categorical"},
    }
    if "stacking" in custom:
        visual["stack"] = "all"
    spec: Json = {
        "legend": _legend(content, legend["placement"], legend["calcs"]),
        "yAxis": axis,
        "visual": visual,
    }
    if "thresholds" in defaults:
        spec["thresholds"] = {"steps": steps_of(defaults["thresholds"]["steps"])[1]}
    if settings := list(_query_settings(content)):
        spec["querySettings"] = settings
    return spec


def _legend(content: Json, position: str, calculations: list[str]) -> Json:
    """Return what names series: beside a graph of half the page it would take most of its width with all of its values."""
    values = [_CALCULATIONS[name] for name in calculations]
    if content["gridPos"]["w"] > _HALF:
        return {"position": position, "mode": "table", "size": "medium", "values": values}
    return {"position": position, "mode": "table", "size": "small", "values": values[:1]}


def _query_settings(content: Json) -> Iterator[Json]:
    """Yield how single queries are drawn: by the name of their series, or by their letter."""
    for place, target in enumerate(_shown(content)):
        found: Json = {}
        for override in content["fieldConfig"]["overrides"]:
            if override["matcher"]["options"] in (target["legendFormat"], target["refId"]):
                found |= _setting({each["id"]: each["value"] for each in override["properties"]})
        if found:
            yield {"queryIndex": place, **found}


def _setting(properties: Mapping[str, Any]) -> Json:
    found: Json = {}
    if "color" in properties:
        found |= {"colorMode": "fixed", "colorValue": color_of(properties["color"]["fixedColor"])}
    if "custom.lineStyle" in properties:
        found["lineStyle"] = _FILLS[properties["custom.lineStyle"]["fill"]]
    if "custom.stacking" in properties:
        found |= {"stack": False, "areaOpacity": 0}
    return found


def _figure(content: Json) -> Json:
    defaults = content["fieldConfig"]["defaults"]
    default, steps = steps_of(defaults["thresholds"]["steps"])
    mapped = [mapping for each in _configured(content) for mapping in each["options"]["mappings"]]
    if any(mapping["handlerKey"].startswith("threshold") for mapping in mapped):
        # A figure that is good up to a limit which is not known must not have the colour of a good one.
        default, steps = color_of("text"), []
    return {
        "calculation": "last",
        "format": format_of(defaults),
        "colorMode": "value",
        "legendMode": "on" if content["options"]["textMode"] == "value_and_name" else "off",
        "thresholds": {"defaultColor": default, "steps": steps},
        "mappings": words_of(defaults["mappings"]),
    }


def _bars(content: Json) -> Json:
    spec: Json = {"calculation": "last", "format": format_of(content["fieldConfig"]["defaults"]), "mode": "value"}
    if content["type"] == "bargauge":
        return {**spec, "orientation": "horizontal", "sort": "desc"}
    across = "horizontal" if content["options"]["orientation"] == "horizontal" else "vertical"
    return {**spec, "orientation": across, "groupBy": [content["options"]["xField"]], "isStacked": False}


def _lines(content: Json) -> Json:
    """Return what a heatmap of a histogram is told: its buckets are cumulative, and so are its lines."""
    unit: Json = {"unit": content["fieldConfig"]["defaults"]["unit"]}
    return {
        "legend": _legend(content, "right", []),
        "yAxis": {"show": True, "format": format_of(unit), "min": 0},
        "visual": {"lineWidth": 1, "areaOpacity": 0, "connectNulls": False, "palette": {"mode": "categorical"}},
    }


def _as_it_is(_: Json, expr: str) -> str:
    return expr


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How a kind of Grafana's panels is drawn.

    Attributes:
        plugin: of Perses.
        told: returns what the plugin is told.
        asked: returns what is asked for an expression of the panel.
        at_end: whether queries are of the end of the time range; Perses asks a table's for that time itself.
        step: the time between two values, at least; empty where it is Perses' own.
        note: what the panel's description does not say of it.
    """

    plugin: str
    told: Callable[[Json], Json]
    asked: Callable[[Json, str], str] = _as_it_is
    at_end: bool = False
    step: str = ""
    note: str = ""


_GRAPH = _Kind(plugin="TimeSeriesChart", told=_graph)
_BARS = _Kind(plugin="BarChart", told=_bars, at_end=True)
_KINDS: Mapping[str, _Kind] = {
    "timeseries": _GRAPH,
    "stat": _Kind(plugin="StatChart", told=_figure, at_end=True),
    "bargauge": _BARS,
    "barchart": _BARS,
    "state-timeline": _Kind(plugin="StatusHistoryChart", told=strips, asked=in_steps, step=CELL),
    "table": _Kind(plugin="Table", told=table),
}
#: Heatmaps: of a histogram, and of shares.
_OF_BUCKETS = _Kind(
    plugin="TimeSeriesChart",
    told=_lines,
    note=" Lines say how many are at most so large: the space between two is a bucket.",
)
_OF_SHARES = _Kind(
    plugin="StatusHistoryChart",
    told=shades,
    asked=in_shades,
    step=CELL,
    note=" Strong is dark here; a cell says between what its share is.",
)


def _kind(content: Json) -> _Kind:
    if content["type"] == "heatmap":
        return _OF_BUCKETS if content["targets"][0].get("format") == "heatmap" else _OF_SHARES
    return _KINDS[content["type"]]
