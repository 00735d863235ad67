"""Dashboards for Perses: valid there, whole, and of now where Grafana's are."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are not installed with it
import pytest

import forked
from grafana import panels
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.dashboards import BOARDS
from prediction_exporter.kit.formats import perses
from quick_yaml import dump
from quick_yaml import load as load_yaml

Json = dict[str, Any]
Run = Callable[..., str]

SCHEMA = json.loads((Path(__file__).parent / "perses-schema/Dashboard.json").read_text())
DASHBOARDS: Mapping[str, Json] = {board.name: perses.dashboard(board, "models") for board in BOARDS}
#: What Perses fills in itself, and what stands for it here.
BUILT_IN = {"__range_ms": "86400000", "__range_s": "86400", "__rate_interval": "4m", "__from": "1700000000000"}
#: What is asked for the end of the time range, around what is asked.
AT_END = re.compile(r"last_over_time\(\((.*)\)\[1s:1s\] @ end\(\)\)", re.DOTALL)
#: Values of strips that are cut, and around what; shares, and of how many parts.
TENTHS = re.compile(r"clamp_max\(floor\(\((.*)\) \* 10\) / 10, 2\)", re.DOTALL)
SHADES = re.compile(r"clamp_max\(floor\(\((.*)\) \* (\d+)\), (\d+)\)", re.DOTALL)
#: Values of a table that are cut, and around what.
CUT = re.compile(r"floor\(\((.*)\) \* (\d+)\) / (\d+)", re.DOTALL)
CONFIG = "owners: {a: {email: a@a.com}}\nmodels: [{name: m, owner: a, maturity: 0, predictions: {log: {path: m.log}}}]\n"

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


def refused(content: Json) -> list[str]:
    """Return what Perses refuses of a dashboard, an unknown key among it."""
    return [
        f"{list(error.path)}: {error.message[:200]}" for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)
    ]


def plugin(content: Json, kind: str) -> Json:
    """Return the plugin of the first panel of a kind."""
    return next(each["spec"]["plugin"] for each in content["spec"]["panels"].values() if each["spec"]["plugin"]["kind"] == kind)


def expressions(content: Json) -> Iterator[str]:
    """Yield what panels and variables ask."""
    for each in content["spec"]["panels"].values():
        yield from (query["spec"]["plugin"]["spec"]["query"] for query in each["spec"]["queries"])
    for variable in content["spec"]["variables"]:
        spec = variable["spec"]["plugin"]["spec"]
        yield from [spec["expr"]] if "expr" in spec else spec.get("matchers", ())


def own_values(content: Json) -> dict[str, str]:
    """Return the variables whose values are the dashboard's own, with their defaults."""
    specs = (each["spec"] for each in content["spec"]["variables"])
    return {spec["name"]: spec["defaultValue"] for spec in specs if spec["plugin"]["kind"] == "StaticListVariable"}


def filled(expr: str, content: Json) -> str:
    """Return an expression of a dashboard with values for its variables."""
    values = (
        dict.fromkeys((each["spec"]["name"] for each in content["spec"]["variables"]), "(x)") | own_values(content) | BUILT_IN
    )
    return re.sub(r"\$\{(\w+)(?::regex)?\}|\$([a-z_]\w*)", lambda match: values[match[1] or match[2]], expr)


@each_board
def test_a_dashboard_is_valid(board: Board) -> None:
    """By what Perses' own schemas say."""
    assert refused(DASHBOARDS[board.name]) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content["spec"].update(panel={}),
        lambda content: content["metadata"].update(name="a model"),
        lambda content: content["spec"].update(duration="1 day"),
        lambda content: content["spec"]["layouts"][0]["spec"]["items"][0].update(w=6),
        lambda content: content["spec"]["variables"][1]["spec"].update(multi=True),
        lambda content: content["spec"]["variables"][1]["spec"]["plugin"].update(kind="LabelValuesVariable"),
        lambda content: plugin(content, "TimeSeriesChart")["spec"]["yAxis"]["format"].update(unit="percentunit"),
        lambda content: plugin(content, "TimeSeriesChart")["spec"]["visual"].update(showPoints="never"),
        lambda content: plugin(content, "StatChart")["spec"].update(calculation="lastNotNull"),
        lambda content: plugin(content, "StatChart")["spec"]["mappings"][0]["spec"]["result"].update(color="red"),
        lambda content: plugin(content, "StatusHistoryChart")["spec"].update(thresholds={}),
        lambda content: plugin(content, "Table")["spec"]["columnSettings"][0].update(label="model"),
        lambda content: plugin(content, "Table")["spec"]["transforms"][0].update(kind="Merge"),
    ],
)
def test_the_schema_is_looked_at(spoil: Callable[[Json], Any]) -> None:
    """A key that Perses does not know, or a word of Grafana's, is refused."""
    content = copy.deepcopy(DASHBOARDS["model"])
    spoil(content)
    assert refused(content)


@each_board
def test_every_panel_is_there(board: Board) -> None:
    """With its title, in a row of its own place."""
    content = DASHBOARDS[board.name]["spec"]
    assert [each["spec"]["display"]["name"] for each in content["panels"].values()] == [
        panel["title"] for panel in panels(board.content())
    ]
    items = [item for layout in content["layouts"] for item in layout["spec"]["items"]]
    assert sorted(item["content"]["$ref"] for item in items) == sorted(f"#/spec/panels/{key}" for key in content["panels"])
    assert all(item["x"] + item["width"] <= 24 and item["y"] >= 0 for item in items)
    assert [layout["spec"]["display"]["title"] for layout in content["layouts"]] == [row.title for row in board.rows]
    assert not re.search(r"\bclick|\blinks\b", str(content["panels"]))


@each_board
def test_all_values_are_not_escaped(board: Board) -> None:
    """Perses escapes what stands for all values where it escapes a name; names of anything else are escaped."""
    content = DASHBOARDS[board.name]
    raw = {each["spec"]["name"] for each in content["spec"]["variables"] if "customAllValue" in each["spec"]}
    raw |= own_values(content).keys()
    assert {"cluster", "namespace", "owner"} <= raw
    for expr in expressions(content):
        for name, form in re.findall(r"\$\{(\w+)(:\w+)?\}", expr):
            assert form == ("" if name in raw | BUILT_IN.keys() else ":regex"), name


@each_board
def test_variables_are_used_as_perses_fills_them_in(board: Board) -> None:
    """Several values become a pattern, "(a|b)", also where there is one (perses#3145); names have no hyphen (perses#4327)."""
    content = DASHBOARDS[board.name]
    variables = {each["spec"]["name"]: each["spec"] for each in content["spec"]["variables"]}
    assert all(re.fullmatch(r"\w+", name) for name in variables)
    several = {name for name, spec in variables.items() if spec["allowMultiple"]}
    assert several
    for expr in expressions(content):
        for matcher, name in re.findall(r"(=~|!~|!=|=)\s*[`\"]\$\{?(\w+)", expr):
            assert matcher == "=~" or name not in several, expr


def test_every_query_is_parsed(run: Run, tmp_path: Path) -> None:
    """By Prometheus, with values for all variables."""
    exprs = [filled(expr, content) for content in DASHBOARDS.values() for expr in expressions(content)]
    rules = [{"record": f"a{place}", "expr": expr} for place, expr in enumerate(exprs)]
    (tmp_path / "rules.yml").write_text(dump({"groups": [{"name": "g", "rules": rules}]}))
    run("promtool", "check", "rules", tmp_path / "rules.yml")


@each_board
def test_a_figure_is_of_now(board: Board) -> None:
    """What Grafana asks for now is asked for the end of the time range, by a table's plugin itself."""
    kinds = {panel["title"]: panel for panel in panels(board.content())}
    for each in DASHBOARDS[board.name]["spec"]["panels"].values():
        panel = kinds[each["spec"]["display"]["name"]]
        for query in each["spec"]["queries"]:
            wrapped = AT_END.fullmatch(query["spec"]["plugin"]["spec"]["query"])
            assert (wrapped is not None) == (panel["targets"][0]["instant"] and panel["type"] != "table")


def compared(run: Run, folder: Path, series: str, cases: list[tuple[str, str, list[float]]]) -> None:
    """Ask Prometheus for expressions, each at a time, and compare the values."""
    asked = [
        {"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value} for value in values]}
        for expr, at, values in cases
    ]
    test = {"interval": "1m", "input_series": [{"series": "a", "values": series}], "promql_expr_test": asked}
    (folder / "test.yml").write_text(dump({"tests": [test]}))
    run("promtool", "test", "rules", folder / "test.yml")


def test_a_figure_does_not_outlive_its_series(run: Run, tmp_path: Path) -> None:
    """What has not been there for a look-back is not shown, whatever the time range."""
    [figure, *_] = expressions(DASHBOARDS["fleet"])
    match = AT_END.fullmatch(figure)
    assert match is not None
    asked = figure.replace(match[1], "sum(a)")
    compared(run, tmp_path, "7x3 _x30", [(asked, "3m", [7]), (asked, "7m", [7]), (asked, "20m", [])])


def test_a_cell_has_the_colour_of_its_value(run: Run, tmp_path: Path) -> None:
    """Values are cut so that none comes to the other side of a threshold of its column."""
    found = []
    shown = [panel["spec"] for content in DASHBOARDS.values() for panel in content["spec"]["panels"].values()]
    for panel in shown:
        if panel["plugin"]["kind"] != "Table":
            continue
        queries = [query["spec"]["plugin"]["spec"]["query"] for query in panel["queries"]]
        columns = {column["name"]: column for column in panel["plugin"]["spec"]["columnSettings"]}
        for place, query in enumerate(queries, 1):
            column = columns.get("value" if len(queries) == 1 else f"value #{place}", {})
            ranges = [cell for cell in column.get("cellSettings", ()) if cell["condition"]["kind"] == "Range"]
            match = CUT.fullmatch(query)
            assert (match is not None) == bool(ranges), (panel["display"], place)
            if match is None:
                continue
            times = int(match[2]) // int(match[3])
            assert all(cell["suffix"] == {1: ranges[0]["suffix"], 100: "%"}[times] for cell in ranges)
            for least in (cell["condition"]["spec"]["min"] for cell in ranges[:-1]):
                values = (least / times, least / times - 1e-6)
                found += [(query.replace(match[1], f"sum(a) * 0 + {each!r}"), each * times >= least, least) for each in values]
    assert len(found) > 20
    cases = [(f"({expr}) >= bool {least}", "1m", [float(above)]) for expr, above, least in found]
    compared(run, tmp_path, "0x3", cases)


def test_names_of_series_leave_room_for_the_graph() -> None:
    """Perses gives what is beside a graph a width of its own, which is more than half of a graph of half a page."""
    for content in DASHBOARDS.values():
        widths = {
            item["content"]["$ref"].rpartition("/")[2]: item["width"]
            for layout in content["spec"]["layouts"]
            for item in layout["spec"]["items"]
        }
        for key, each in content["spec"]["panels"].items():
            legend = each["spec"]["plugin"]["spec"].get("legend")
            if legend is not None and legend["position"] == "right" and widths[key] <= 12:
                assert (legend["size"], len(legend["values"]) <= 1) == ("small", True)


def strips() -> Iterator[tuple[str, list[Json]]]:
    """Yield what strips of cells ask, and what their plugin is told."""
    for content in DASHBOARDS.values():
        for each in content["spec"]["panels"].values():
            if each["spec"]["plugin"]["kind"] == "StatusHistoryChart":
                for query in each["spec"]["queries"]:
                    yield query["spec"]["plugin"]["spec"]["query"], each["spec"]["plugin"]["spec"]["mappings"]


def test_cells_in_strips_have_few_values(run: Run, tmp_path: Path) -> None:
    """Perses looks through all values for each cell: a day of forty columns would stand still with one for each.

    None comes to the other side of a threshold.
    """
    cases = []
    for expr, mappings in strips():
        if not any(mapping["kind"] == "Range" for mapping in mappings):
            continue
        match = TENTHS.fullmatch(expr)
        assert match is not None, expr
        for least in (mapping["spec"]["from"] for mapping in mappings if "from" in mapping["spec"]):
            for value in (least, least - 1e-6, 1e6):
                asked = expr.replace(match[1], f"sum(a) * 0 + {value!r}")
                cases.append((f"({asked}) >= bool {least}", "1m", [float(value >= least)]))
    assert cases
    compared(run, tmp_path, "0x3", cases)


def test_a_day_of_cells_has_room_for_their_colours() -> None:
    """A white line is around each: of some hundred cells there is more than that, of more than a thousand nothing else."""
    for content in DASHBOARDS.values():
        assert content["spec"]["duration"] == "24h"
        for each in content["spec"]["panels"].values():
            steps = {query["spec"]["plugin"]["spec"].get("minStep") for query in each["spec"]["queries"]}
            assert steps == ({"15m"} if each["spec"]["plugin"]["kind"] == "StatusHistoryChart" else {None})


def test_columns_of_tables_fit_on_the_page() -> None:
    """A column is 150 pixels wide unless it, or the table, says otherwise: at 1280 pixels none is out of sight."""
    tables = [
        each["spec"]["plugin"]["spec"]
        for content in DASHBOARDS.values()
        for each in content["spec"]["panels"].values()
        if each["spec"]["plugin"]["kind"] == "Table"
    ]
    widths = [sum(column.get("width", 150) for column in table["columnSettings"]) for table in tables]
    assert max(widths) > 1240
    assert all(width <= 1240 or table["defaultColumnWidth"] == "auto" for width, table in zip(widths, tables, strict=True))


def test_a_heatmap_of_shares_has_a_shade_for_each(run: Run, tmp_path: Path) -> None:
    """A cell's word says between what its share is, and no two have one colour."""
    [(expr, mappings)] = [(expr, mappings) for expr, mappings in strips() if SHADES.fullmatch(expr)]
    match = SHADES.fullmatch(expr)
    assert match is not None
    parts, last = int(match[2]), int(match[3])
    words = {int(mapping["spec"]["value"]): mapping["spec"]["result"] for mapping in mappings}
    assert list(words) == list(range(last + 1))
    assert len({word["color"] for word in words.values()}) == len(words)
    cases = []
    for number, word in words.items():
        least, most = number / parts, (number + 1) / parts
        assert word["value"] == (f"{100 * least:g} % or more" if number == last else f"{100 * least:g} % to {100 * most:g} %")
        shares = (least + 1e-6, most - 1e-6, 1.0 if number == last else least + 1e-6)
        cases += [(expr.replace(match[1], f"sum(a) * 0 + {share!r}"), "1m", [float(number)]) for share in shares]
    compared(run, tmp_path, "0x3", cases)


def test_a_heatmap_of_a_histogram_is_lines_of_its_buckets() -> None:
    """They ask what Grafana asks, and say what a line is."""
    [(board, panel)] = [
        (board, panel)
        for board in BOARDS
        for panel in panels(board.content())
        if panel["type"] == "heatmap" and panel["targets"][0].get("format") == "heatmap"
    ]
    content = DASHBOARDS[board.name]
    [found] = [each["spec"] for each in content["spec"]["panels"].values() if each["spec"]["display"]["name"] == panel["title"]]
    assert found["plugin"]["kind"] == "TimeSeriesChart"
    [query] = [query["spec"]["plugin"]["spec"] for query in found["queries"]]
    assert query["query"].replace(":regex", "") == panel["targets"][0]["expr"].replace(":regex", "")
    assert query["seriesNameFormat"] == "{{le}}"
    assert "Lines say how many are at most so large" in found["display"]["description"]


def written(folder: Path, *more: str) -> Any:
    """Run the real command."""
    (folder / "exporter.yml").write_text(CONFIG)
    return forked.run("kit", "--config.file", folder / "exporter.yml", "--output", folder / "kit", "--format=perses", *more)


def test_the_command_writes_them(tmp_path: Path) -> None:
    """A file for each, of the project that is named."""
    done = written(tmp_path, "--namespace=team-a", "--only=dashboards")
    assert (done.returncode, done.stderr) == (0, "")
    files = {path.stem: load_yaml(path.read_text()) for path in (tmp_path / "kit/perses").iterdir()}
    assert files == {board.name: perses.dashboard(board, "team-a") for board in BOARDS}
    done = written(tmp_path, "--check")
    assert done.returncode == 1
    assert "+  project: prediction-exporter" in done.stderr
