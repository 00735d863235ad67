"""Every dashboard is honest about now, coloured by meaning, drawn with thresholds, and readable at 1280 pixels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from grafana import Json, expressions, panels, variables
from prediction_exporter.collectors.identity import SLO_LATENCY, SLO_OBJECTIVE
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS_FAILED
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.figures import BADNESS, FIGURES
from prediction_exporter.kit.groups import HEALTH

DASHBOARDS: list[Json] = [json.loads(text) for text in dashboards().values()]
PANELS = [panel for dashboard in DASHBOARDS for panel in panels(dashboard)]

#: Kinds of panel that show what is now.
ABOUT_NOW = {"stat", "gauge", "bargauge", "table", "barchart"}
#: Colours that judge.
GOOD, NEAR, BAD, THRESHOLD = "green", "orange", "red", "dark-orange"
#: The width of one unit of the grid in a window of 1280 pixels, and that of a letter of a heading, measured in Chromium.
UNIT, LETTER = (1280 - 2 * 16) / 24, 7.4
#: What a panel's heading has beside its title: padding, and the mark of its description.
TITLE_BESIDES = 56
#: The width of a letter of a table's heading, and what this has beside its text.
HEADING_LETTER, HEADING_BESIDES = 7.1, 16
#: And the mark of a column that is sorted by, or that can be filtered.
HEADING_MARK = 26
#: Columns of a table beside which there is less room for names.
MANY = 10

#: Parts of the traffic: what is recorded is of all of it, so that a multiple is made where it is asked for.
SLICED = r"sort_desc\(topk\(\d+, max by \((segment|version|instance)\) \(.*model_column_psi\{.*model_column_psi_threshold\{"

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard["title"])
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    """Run a test for each panel of some kinds."""
    return pytest.mark.parametrize(
        "panel", [panel for panel in PANELS if panel["type"] in kinds], ids=lambda panel: panel["title"]
    )


def defaults(panel: Json) -> Json:
    """Return what holds for every field of a panel."""
    found: Json = panel["fieldConfig"]["defaults"]
    return found


def looks(panel: Json) -> dict[str, Json]:
    """Return what is set for each name of series, by property."""
    return {
        override["matcher"]["options"]: {each["id"]: each["value"] for each in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }


def plain(expr: str) -> str:
    """Return an expression without the braces of variables."""
    return re.sub(r"\$\{\w+:regex\}", "x", expr)


def reads(panel: Json) -> str:
    """Return all that a panel asks for."""
    return " ".join(plain(target["expr"]) for target in panel["targets"])


def steps(field: Json) -> list[tuple[float | None, str]]:
    """Return the colours of a field from each value on."""
    return [(step["value"], step["color"]) for step in field["thresholds"]["steps"]]


def colors(content: Any) -> Iterator[str]:
    """Yield every fixed colour in a part of a dashboard."""
    if isinstance(content, dict):
        yield from (value for key, value in content.items() if key == "fixedColor")
        for each in content.values():
            yield from colors(each)
    if isinstance(content, list):
        for each in content:
            yield from colors(each)


@of_kind(*ABOUT_NOW)
def test_a_figure_about_now_is_not_the_past(panel: Json) -> None:
    """It is asked for now, shows the last value and not the last that was there, and has a colour for none."""
    assert all(target["instant"] and not target["range"] for target in panel["targets"])
    if "reduceOptions" in panel["options"]:
        assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
        (unknown,) = [each["options"] for each in defaults(panel)["mappings"] if each["type"] == "special"]
        assert unknown["match"] == "null+nan"
        assert unknown["result"]["text"] == defaults(panel)["noValue"]
        assert unknown["result"]["color"] not in {GOOD, NEAR, BAD, "text"}
    assert panel["options"].get("graphMode", "none") == "none"


@each_panel
def test_red_means_that_a_threshold_is_passed(panel: Json) -> None:
    """And neither it nor green nor the threshold's colour is anything's from the start, but for the dashed threshold."""
    for name, look in looks(panel).items():
        for color in colors(look):
            assert color not in {GOOD, NEAR, BAD}
            assert (color == THRESHOLD) == ("custom.lineStyle" in look and look["custom.lineStyle"]["fill"] == "dash"), name
    fields = [defaults(panel), *looks(panel).values()]
    for field in fields:
        if "thresholds" in field:
            base, *above = steps(field)
            assert base[0] is None
            assert BAD not in {color for value, color in above if not value}
            # What is bad where it is low is good from a value on.
            assert base[1] in {GOOD, "text", "transparent"} or (base[1] == BAD and above[-1][1] == GOOD)


@each_panel
def test_a_look_is_of_series_that_there_are(panel: Json) -> None:
    """Labels are filled in before a series is looked for by its name: one whose name has any is found by its query's letter."""
    for override in panel["fieldConfig"]["overrides"]:
        kind, chosen = override["matcher"]["id"], override["matcher"]["options"]
        (legend,) = [each["legendFormat"] for each in panel["targets"] if chosen == each["refId"]] or [chosen]
        assert kind == ("byFrameRefID" if "{{" in legend else "byName"), chosen


@each_panel
def test_a_role_has_its_colour(panel: Json) -> None:
    """The same in every graph; and so has a column, by its name. Others are told apart by their order."""
    roles = {
        "baseline": "#8e8e8e",
        "window": "#3274d9",
        "threshold": THRESHOLD,
        "lowest threshold": THRESHOLD,
        "noise floor": "text",
    }
    drawn = {target["legendFormat"] for target in panel["targets"]} if panel["type"] in {"timeseries", "barchart"} else set()
    for name in drawn & roles.keys():
        assert looks(panel)[name]["color"] == {"mode": "fixed", "fixedColor": roles[name]}
    if panel["type"] == "timeseries":
        of_columns = any(name.startswith("{{column}}") for name in drawn)
        assert defaults(panel)["color"] == {"mode": "palette-classic-by-name" if of_columns else "palette-classic"}
        if "noise floor" in drawn:
            assert looks(panel)["noise floor"]["custom.lineStyle"]["fill"] == "dot"


@each_panel
def test_what_has_a_threshold_is_drawn_with_it(panel: Json) -> None:
    """A distance, a share or a latency without its threshold says nothing."""
    read = reads(panel)
    for value in {str(figure.statistic.family) for figure in FIGURES}:
        assert f"{value}_threshold" in read or f"{value}:over_threshold" in read or not re.search(rf"\b{value}\b", read)
    if str(REQUEST_DURATION) in read:
        assert str(SLO_LATENCY) in read
    if str(REQUESTS_FAILED) in read:
        assert str(SLO_OBJECTIVE) in read
    for step in panel.get("transformations", ()):
        if step["id"] == "configFromData":
            (config,) = [target for target in panel["targets"] if target["refId"] == step["options"]["configRefId"]]
            limit = {"fieldName": config["legendFormat"], "handlerKey": "threshold1"}
            # Or of how many a figure is, which is written behind it.
            assert step["options"]["mappings"] in ([limit], [{"fieldName": "unit", "handlerKey": "unit"}])
            # Grafana makes it green below a limit. Where there is none, as of too few predictions, nothing is known.
            assert step["options"]["mappings"] != [limit] or steps(defaults(panel)) == [(None, "text")]


@each_panel
def test_a_multiple_of_a_threshold_has_one_scale(panel: Json) -> None:
    """From 1 on it is red; twice the threshold is a full bar, so that bars of two panels can be compared."""
    for target in panel["targets"]:
        field = looks(panel).get(target["legendFormat"], {}) if panel["type"] == "table" else defaults(panel)
        multiple = re.match(
            rf"(sort_desc\(topk\(\d+, )?max by \(column\) \(\s*(label_replace\()?({BADNESS}|\w+:\w+:over_threshold)\b",
            plain(target["expr"]),
        )
        if not multiple and not re.match(SLICED, target["expr"]):
            # States are no multiples: health, alerts by their severity, and what is worse than its threshold.
            states = HEALTH.name in target["expr"] or "ALERTS{" in target["expr"] or "> bool 1" in target["expr"]
            assert panel["type"] not in {"bargauge", "state-timeline"} or states
            continue
        assert (field["unit"], field["decimals"], field["min"]) == ("suffix:x", 1, 0)
        if panel["type"] == "timeseries":
            assert steps(field) == [(None, "transparent"), (1, THRESHOLD)]
            assert field["custom"]["thresholdsStyle"] == {"mode": "dashed"}
            assert field["custom"]["axisSoftMax"] == 2
        else:
            assert steps(field) == [(None, GOOD), (0.7, NEAR), (1, BAD)]
            assert field["max"] == 2


@each_dashboard
def test_the_worst_are_chosen_once(dashboard: Json) -> None:
    """For the whole time range: chosen anew at each step, a line is there only while it is among the worst."""
    for where, expr, query in expressions(dashboard):
        if "topk" in expr and query.get("range", False):
            chosen = r"(max by \([\w, ]+\) \((?:max|avg)_over_time|sum by \(\w+\) \(increase)\([^()]*\[\$__range\] @ end\(\)\)"
            assert re.search(rf"topk\(\d+, {chosen}", plain(expr)), where
    worst = variables(dashboard).get("worst")
    if worst is None:
        return
    assert (worst["hide"], worst["multi"], worst["includeAll"], worst["skipUrlSync"], worst["refresh"]) == (
        2,
        True,
        True,
        True,
        2,
    )
    assert re.fullmatch(
        r"query_result\(topk\(\d+, max by \(column\) \(max_over_time\(.*\[\$__range\]\)\)\)\)", worst["definition"]
    )
    assert any("column=~`${worst:regex}`" in expr for _, expr, _ in expressions(dashboard))


@of_kind("timeseries")
def test_a_legend_is_a_table_of_values(panel: Json) -> None:
    """With the last and the largest value, the largest first; the least, where that is what is bad.

    At the right, but on half of the page below it: beside it, the graph would be narrow.
    """
    legend = panel["options"]["legend"]
    assert (legend["displayMode"], legend["showLegend"]) == ("table", True)
    assert legend["placement"] == ("bottom" if panel["gridPos"]["w"] <= 12 else "right")
    low_is_bad = any(target["legendFormat"].startswith("least ") for target in panel["targets"])
    assert legend["calcs"] == ["lastNotNull", "min" if low_is_bad else "max"]
    assert (legend["sortBy"], legend["sortDesc"]) == ("Last *", not low_is_bad)
    # A legend is for a dozen lines at most: where labels of columns name them, the worst are chosen.
    for target in panel["targets"]:
        if "{{column}}" in target["legendFormat"]:
            assert (
                "topk" in target["expr"]
                or "${worst:regex}" in target["expr"]
                or 'role=~"prediction|score"' in target["expr"]
                or ("_score_bucket" in target["expr"])
            )
        if "of {{class}}" in target["legendFormat"]:
            assert "bottomk" in target["expr"]


@of_kind("state-timeline")
def test_strips_have_no_words_that_would_be_cut(panel: Json) -> None:
    """What their colours mean is in the legend."""
    assert panel["options"]["showValue"] == "never"
    assert panel["options"]["legend"]["showLegend"]


@each_panel
def test_nothing_is_said_in_words(panel: Json) -> None:
    """What it means where nothing answers, in the panel's own words; of many cells, a mark."""
    assert re.fullmatch(r"[a-z].*[a-z]", defaults(panel)["noValue"])
    if any(each["id"] == "merge" for each in panel.get("transformations", ())):
        assert {look["noValue"] for look in looks(panel).values() if not look.get("custom.hidden")} == {"-"}


@each_panel
def test_what_is_counted_has_no_halves(panel: Json) -> None:
    """And no drifted feature is not drawn against an axis up to a hundred."""
    for target in panel["targets"]:
        if re.match(r"count\b", target["expr"]):
            assert (defaults(panel)["min"], defaults(panel)["decimals"]) == (0, 0)
            if panel["type"] == "timeseries":
                assert defaults(panel)["custom"]["axisSoftMax"] == 5


@each_panel
def test_a_title_fits(panel: Json) -> None:
    """In a window of 1280 pixels, beside the mark that shows its description."""
    assert len(panel["title"]) * LETTER + TITLE_BESIDES <= panel["gridPos"]["w"] * UNIT
    if panel["gridPos"]["w"] <= 4:
        assert len(panel["title"]) <= 24


@each_dashboard
def test_panels_side_by_side_are_as_high_as_each_other(dashboard: Json) -> None:
    """What is beside a lower one would begin where nothing else does."""
    heights: dict[int, set[int]] = {}
    for panel in panels(dashboard):
        heights.setdefault(panel["gridPos"]["y"], set()).add(panel["gridPos"]["h"])
    assert {y: found for y, found in heights.items() if len(found) > 1} == {}


@of_kind("table")
def test_a_table_fits(panel: Json) -> None:
    """All of its columns and their headings, in a window of 1280 pixels, with a name of thirty letters in the first."""
    if any(each["id"] == "groupingToMatrix" for each in panel["transformations"]):
        return  # its columns are the classes
    shown = {name: look for name, look in looks(panel).items() if not look.get("custom.hidden")}
    widths = {name: look.get("custom.width", 0) for name, look in shown.items()}
    sharing = [name for name, width in widths.items() if not width]
    rest = (panel["gridPos"]["w"] * UNIT - 2 * 8 - sum(widths.values())) / len(sharing)
    assert rest >= defaults(panel)["custom"]["minWidth"]
    sorted_by = {each["displayName"] for each in panel["options"]["sortBy"]}
    assert sorted_by <= shown.keys()
    # The worst row is the first: of what is left, the least is.
    assert all(each["desc"] != each["displayName"].endswith(" left") for each in panel["options"]["sortBy"])
    for name, width in widths.items():
        besides = HEADING_BESIDES + HEADING_MARK * ((name in sorted_by) + bool(shown[name].get("custom.filterable")))
        assert len(name) * HEADING_LETTER + besides <= (width or rest), name
    # What every row is about has room for its name.
    (about,) = [name for name in ("column", "model", "instance", "objective") if name == next(iter(shown)) or name in sharing]
    assert (widths[about] or rest) >= (30 if len(shown) <= MANY else 24) * LETTER


@of_kind("table")
def test_rows_are_one_whenever_they_were_asked_for(panel: Json) -> None:
    """Grafana asks queries one after the other: rows with a time would be others, however alike."""
    kinds = [each["id"] for each in panel["transformations"]]
    if "merge" in kinds:
        assert kinds.index("filterFieldsByName") < kinds.index("merge")
        assert panel["transformations"][kinds.index("filterFieldsByName")]["options"] == {"exclude": {"pattern": "^Time$"}}


@of_kind("table", "barchart")
def test_the_value_of_a_label_is_text(panel: Json) -> None:
    """A class 0 of a share is not 0%, and one of durations not 0 s."""
    (matrix,) = [each["options"] for each in panel["transformations"] if each["id"] == "groupingToMatrix"] or [None]
    joined = [each["options"]["byField"] for each in panel["transformations"] if each["id"] == "joinByField"]
    names = joined if matrix is None else [f"{matrix['rowField']}\\{matrix['columnField']}"]
    if any(each["id"] == "merge" for each in panel["transformations"]):
        values = {target["legendFormat"] for target in panel["targets"]}
        names = [name for name, look in looks(panel).items() if name not in values and not look.get("custom.hidden")]
    assert names
    assert {looks(panel)[name]["unit"] for name in names} == {"string"}


def test_the_table_of_columns_is_whole_whatever_is_known() -> None:
    """Grafana leaves out the column of a query that finds nothing, so that each finds a row for each column of the model."""
    (panel,) = [panel for panel in PANELS if panel["title"] == "Columns, worst first"]
    first, *others = (plain(target["expr"]) for target in panel["targets"])
    rows = re.fullmatch(r"max by \(column\) \((.*)\)", first)
    assert rows is not None
    assert [each for each in others if f"or {rows[1]} * " not in each] == []


@each_dashboard
def test_a_link_keeps_where_one_is(dashboard: Json) -> None:
    """Data source, place, model, version, window and time range; what is clicked is what changes."""
    uids = {each["uid"]: variables(each).keys() for each in DASHBOARDS}
    for address in re.findall(r'"url": "(/d/[^"]*)"', json.dumps(dashboard)):
        path, _, query = address.partition("?")
        _, _, uid, name = path.split("/")
        assert uid == f"prediction-exporter-{name}"
        kept, changed = set(re.findall(r"\$\{(\w+):queryparam\}", query)), set(re.findall(r"var-(\w+)=", query))
        assert not kept & changed
        assert kept <= variables(dashboard).keys()
        # Where the other dashboard depends on more than is chosen, it says so itself: the model's own version, say.
        assert {*kept, *changed} <= uids[uid]
        assert "datasource" in kept
        assert "${__url_time_range}" in query


@each_dashboard
def test_a_dashboard_can_be_taken_in(dashboard: Json) -> None:
    """It has less than 25 panels, also where all of its rows are open."""
    assert 0 < len(panels(dashboard)) < 25


@each_dashboard
def test_a_menu_leads_to_the_others(dashboard: Json) -> None:
    """By their tag, with what is chosen and the time range. It is called what it is, and stands behind what leads to one."""
    *_, menu = dashboard["links"]
    assert [each["type"] for each in dashboard["links"]].count("dashboards") == 1
    assert (menu["type"], menu["title"], menu["asDropdown"]) == ("dashboards", "Dashboards", True)
    assert all(each["tooltip"] for each in dashboard["links"])
    assert set(menu["tags"]) <= set(dashboard["tags"])
    assert menu["includeVars"]
    assert menu["keepTime"]


@each_dashboard
def test_what_stands_above_panels_is_short(dashboard: Json) -> None:
    """A name or a value of few letters; a mark for what it means only where the name does not say it."""
    for name, variable in variables(dashboard).items():
        assert len(variable["label"]) <= 10
        assert ("description" in variable) == (name not in {"datasource", "cluster", "namespace", "owner", "model"})
        assert variable["hide"] == {"datasource": 1, "worst": 2}.get(name, 0)
    for each in dashboard["annotations"]["list"]:
        assert len(each["name"]) <= 10
        # Where Grafana has a menu for it.
        assert each["placement"] == "inControlsMenu"


@each_dashboard
def test_what_happened_is_drawn(dashboard: Json) -> None:
    """New versions, baselines, configurations and alerts, each in its own colour; each can be switched off.

    None has a colour that means something else: alerts alone are red, and another baseline has the colour of the baseline.
    """
    found = {each["name"]: each for each in dashboard["annotations"]["list"]}
    if "model" not in variables(dashboard):
        return
    assert list(found) == ["Versions", "Baselines", "Configs", "Alerts"]
    assert all(each["enable"] and not each["hide"] for each in found.values())
    assert len({each["iconColor"] for each in found.values()}) == len(found)
    assert (found["Alerts"]["iconColor"], found["Baselines"]["iconColor"]) == (BAD, "#8e8e8e")
    assert not {found[name]["iconColor"] for name in ("Versions", "Configs")} & {
        GOOD,
        NEAR,
        BAD,
        THRESHOLD,
        "purple",
        "blue",
        "#3274d9",
    }
    for name, each in found.items():
        # What lasts would be filled from its begin to its end, in layers.
        assert each["useValueForTime"] or re.search(r" (unless|!= on) .* offset \$__interval", each["expr"])
        assert each["useValueForTime"] == (re.search(r"_timestamp_seconds\b.* \* 1000$", each["expr"]) is not None)
        # Of several models, which one.
        assert variables(dashboard)["model"]["multi"] == ("{{model}}" in each["titleFormat"]) or name == "Configs"


@each_dashboard
def test_alerts_are_not_drawn_twice(dashboard: Json) -> None:
    """Strips over time show them from their begin to their end. On the page of a column there are none about others."""
    strips = [panel["id"] for panel in panels(dashboard) if panel["type"] == "state-timeline"]
    for each in dashboard["annotations"]["list"]:
        left_out = strips if each["name"] == "Alerts" else []
        assert each.get("filter") == ({"exclude": True, "ids": left_out} if left_out else None)
        if each["name"] == "Alerts":
            assert ("column=~`${column:regex}|`" in each["expr"]) == ("column" in variables(dashboard))
