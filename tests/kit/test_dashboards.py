"""Dashboards are valid for Grafana, follow the linter's rules, and ask for series that exist and that Prometheus can parse."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from grafana import Json, expressions, filled, panels, variables
from prediction_exporter.families import Family
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.boards.board import TAG
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.render import render
from quick_yaml import dump as dump_yaml

SCHEMAS = Path(__file__).parent / "grafana-schema"

DASHBOARDS: list[Json] = [json.loads(text) for text in dashboards().values()]
#: Variables that Grafana fills itself, and what stands for them here.
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "1m",
    "__interval_ms": "60000",
    "__range": "6h",
    "__range_s": "21600",
    "__from": "1700000000000",
}
#: Labels that the platform gives to targets.
OF_TARGETS = {"cluster", "namespace", "job", "instance"}
#: The schema of each kind of panel, where it is called otherwise.
SCHEMA_NAMES = {"state-timeline": "statetimeline"}

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard["title"])
each_panel = pytest.mark.parametrize(
    "panel", [panel for dashboard in DASHBOARDS for panel in panels(dashboard)], ids=lambda panel: panel["title"]
)


def as_sent(dashboard: Json, expr: str) -> str:
    """Return an expression as Grafana would send it."""
    return filled(expr, {**dict.fromkeys(variables(dashboard), "x"), **own_values(dashboard), **BUILT_IN})


def own_values(dashboard: Json) -> dict[str, str]:
    """Return the variables whose values are the dashboard's own, as of a number, and not what series have."""
    return {name: each["current"]["value"] for name, each in variables(dashboard).items() if each["type"] == "custom"}


def _schema(name: str, definition: str | None = None) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.jsonschema.json").read_text())
    if definition is not None:
        schema["$ref"] = f"#/definitions/{definition}"
    # The library ships no types.
    return importlib.import_module("jsonschema").Draft7Validator(schema)


def _errors(validator: Any, content: Any) -> Iterator[str]:
    for error in validator.iter_errors(content):
        path = list(error.absolute_path)
        # The schemas export "any" as an object: the parts of an override and a query variable's query are refused by mistake.
        if "overrides" in path and path[-1] in {"value", "options"}:
            continue
        if path[:1] == ["templating"] and path[-1:] == ["query"]:
            continue
        # A field's links are not those of a dashboard, which have more to say.
        if path[:3] == ["fieldConfig", "defaults", "links"] and "is a required property" in error.message:
            continue
        # Every kind of cell allows the type of any other, so that more than one fits.
        if path[-1:] == ["cellOptions"]:
            continue
        yield f"{path}: {error.message[:200]}"


@each_dashboard
def test_a_dashboard_is_valid(dashboard: Json) -> None:
    """By the JSON schema that Grafana publishes."""
    assert list(_errors(_schema("dashboard"), {**dashboard, "panels": []})) == []
    for row in dashboard["panels"]:
        assert list(_errors(_schema("dashboard", "RowPanel" if row["type"] == "row" else "Panel"), row)) == []


def test_the_schema_is_looked_at() -> None:
    """A misspelt key is noticed."""
    assert list(_errors(_schema("dashboard"), {**DASHBOARDS[0], "pannels": []}))


@each_panel
def test_a_panel_is_valid(panel: Json) -> None:
    """Options, field options and queries, which the dashboard's schema does not look into."""
    kind = SCHEMA_NAMES.get(panel["type"]) or str(panel["type"])
    assert list(_errors(_schema(kind, "Options"), panel["options"])) == []
    if "custom" in panel["fieldConfig"]["defaults"]:
        assert list(_errors(_schema(kind, "FieldConfig"), panel["fieldConfig"]["defaults"]["custom"])) == []
    for target in panel["targets"]:
        # Grafana's own data query keys are valid beside Prometheus'.
        assert list(_errors(_schema("prometheus"), target)) == []


@each_panel
def test_a_panel_explains_itself(panel: Json) -> None:
    """Title, description, unit, and the data source by its variable."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])


@each_dashboard
def test_titles_and_identifiers_are_unique(dashboard: Json) -> None:
    """Alerts and people refer to panels by them."""
    for key in ("title", "id"):
        found = [panel[key] for panel in dashboard["panels"]]
        assert len(set(found)) == len(found)


@each_dashboard
def test_panels_do_not_overlap_and_stay_inside(dashboard: Json) -> None:
    """Each unit of the grid belongs to one panel at most."""
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        units = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not units & taken
        taken |= units


@each_dashboard
def test_it_loads_in_every_supported_grafana(dashboard: Json) -> None:
    """Classic JSON with an identifier that stays, read-only, so that provisioning owns it."""
    assert dashboard["schemaVersion"] <= 42
    assert dashboard["id"] is None
    assert re.fullmatch(r"prediction-exporter-[a-z-]+", dashboard["uid"])
    assert len(dashboard["uid"]) <= 40
    assert dashboard["editable"] is False


@each_dashboard
def test_variables_follow_the_time_range(dashboard: Json) -> None:
    """A stale list would lack a new version."""
    for name in variables(dashboard).keys() - own_values(dashboard).keys():
        variable = variables(dashboard)[name]
        assert variable["refresh"] == (1 if name == "datasource" else 2)


@each_dashboard
def test_a_variable_is_compared_in_a_way_that_keeps_any_name(dashboard: Json) -> None:
    """As a regular expression in a raw string: within quotes, a name that has some is not found, or breaks the query.

    No version matches beside the chosen one where a server may have counted, of all of them.
    """
    for where, unfilled, _ in expressions(dashboard):
        expr = filled(unfilled, own_values(dashboard))
        whole = re.findall(r"\w+=~`[\w:]*\$\{\w+:regex\}(?:\|?|[\w:]+)`", expr)
        assert len(whole) == len(re.findall(r"\$(?!__)", expr)), where


@each_dashboard
def test_every_variable_is_declared_and_used(dashboard: Json) -> None:
    """An undeclared variable stays in the query as text, and finds nothing; a later one is not resolved yet."""
    declared = list(variables(dashboard))
    used = set()
    for where, expr, _ in expressions(dashboard):
        names = set(re.findall(r"\$\{?(\w+)", expr)) - BUILT_IN.keys()
        used |= names
        if where.startswith("variable "):
            assert names <= set(declared[: declared.index(where.removeprefix("variable "))]), where
    # What is carried to other dashboards need not be used where it is chosen.
    assert {*declared} - {"datasource"} - used <= {"namespace", "owner"}
    assert used <= {*declared}


@each_dashboard
def test_it_asks_for_series_that_exist(
    dashboard: Json, metric_names: Callable[[str], set[str]], known_metrics: Mapping[str, Family | None]
) -> None:
    """A renamed family must not leave an empty panel behind."""
    for where, expr, _ in expressions(dashboard):
        assert metric_names(as_sent(dashboard, expr)) <= {*known_metrics, "ALERTS", "ALERTS_FOR_STATE", "Inf"}, where
    for name, variable in variables(dashboard).items():
        if match := re.fullmatch(r"label_values\((\w+)(\{.*\})?, (\w+)\)", str(variable.get("definition"))):
            family = known_metrics[match[1]]
            assert family is not None
            assert match[3] == name
            assert name in {*family.labels, *OF_TARGETS}


@each_dashboard
def test_labels_exist(dashboard: Json, known_metrics: Mapping[str, Family | None]) -> None:
    """A matcher on a label that the family does not have finds nothing."""
    for where, expr, _ in expressions(dashboard):
        for metric, matchers in re.findall(r"\b([a-zA-Z_:][\w:]*)\{([^}]*)\}", as_sent(dashboard, expr)):
            family = known_metrics.get(metric)
            if family is not None:
                assert set(re.findall(r"(\w+)(?==~?[\"`])", matchers)) <= {*family.labels, *OF_TARGETS}, (where, metric)


@each_dashboard
def test_everything_is_of_the_chosen_place(dashboard: Json) -> None:
    """The same model runs in several clusters and namespaces; a series of the model is never looked for in all of them."""
    for where, expr, _ in expressions(dashboard):
        for matchers in re.findall(r"\{([^}]*)\}", as_sent(dashboard, expr)):
            assert "cluster=~`x`" in matchers, where
            # Prometheus' own series are those of where it runs.
            own = "rule_group=" in matchers
            assert "namespace=~`x`" in matchers or where == "variable namespace" or own, where


@each_dashboard
def test_counters_are_read_as_rates(dashboard: Json, known_metrics: Mapping[str, Family | None]) -> None:
    """Over an interval that fits the graph's resolution; now, over the last minutes and of counters that are still there.

    What is of the whole time range says so.
    """
    counters = {name for name, family in known_metrics.items() if family is not None and family.type != "gauge"}
    for where, unsent, query in expressions(dashboard):
        expr = re.sub(r"\$\{\w+:regex\}", "x", unsent)
        found = [
            match for match in re.finditer(r"\b([a-z_]+)\b(\{[^}]*\})?(\[[^\]]*\]( @ end\(\))?)?", expr) if match[1] in counters
        ]
        for match in found:
            before = expr[: match.start()]
            if match[4]:
                assert before.endswith("increase("), where
            elif query.get("instant"):
                selector = match[1] + (match[2] or "")
                assert f"rate({selector}[5m]) and {selector}" in expr, where
            else:
                assert before.endswith("rate("), where
                assert match[3] == "[$__rate_interval]", where


@each_dashboard
def test_prometheus_can_parse_every_query(dashboard: Json, run: Callable[..., str], tmp_path: Path) -> None:
    """As rules, which promtool parses without a server."""
    rules = [
        {"record": f"query:n{i}", "expr": as_sent(dashboard, expr)} for i, (_, expr, _) in enumerate(expressions(dashboard))
    ]
    path = tmp_path / "panels.rules.yml"
    path.write_text(dump_yaml({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", path)


@each_panel
def test_joined_tables_name_every_query(panel: Json) -> None:
    """Each value of a table has the name of its query, and no column is left as Value #X."""
    for step in panel.get("transformations", ()):
        if step["id"] == "organize":
            of_one = "Value"  # what Grafana calls the value of a query that is alone
            names = [f"Value #{target['refId']}" if len(panel["targets"]) > 1 else of_one for target in panel["targets"]]
            renamed = {name: new for name, new in step["options"]["renameByName"].items() if name.startswith("Value")}
            assert list(renamed) == names
            assert list(renamed.values()) == [target["legendFormat"] for target in panel["targets"]]
            assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])


def test_alerts_link_to_it(rendered: Mapping[str, str]) -> None:
    """With the variables that its dashboard has, and everything that tells the alert's place from another."""
    by_path = {f"/d/{dashboard['uid']}/{dashboard['uid'].removeprefix(f'{TAG}-')}": dashboard for dashboard in DASHBOARDS}
    links = re.findall(r"dashboard_url: (.*)", rendered["prometheus/rules/prediction-exporter-alerts.rules.yml"])
    assert len(links) == sum(len(alert.conditions) for alert in ALERTS)
    for link in links:
        path = re.search(r"/d/[\w-]+/[\w-]+(?=\?)", link)
        assert path is not None
        names = re.findall(r"var-(\w+)=", link)
        assert set(names) <= variables(by_path[path[0]]).keys()
        assert {"cluster", "namespace", "model"} <= set(names)
        # Without the window, the page would open on one in which there may be nothing to see.
        assert ("column" not in names) or ("window" in names)


def test_it_is_rendered_without_a_configuration_too() -> None:
    """Dashboards depend on no installation."""
    assert [json.loads(text) for path, text in render(None).items() if path in dashboards()] == DASHBOARDS
