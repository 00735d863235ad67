"""Dashboards are valid for Grafana, follow the linter's rules, and ask for series that exist and that Prometheus can parse."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from prediction_exporter.families import Family
from prediction_exporter.kit.dashboards import FILE, UID, model_overview, panel_expressions
from prediction_exporter.kit.render import render

SCHEMAS = Path(__file__).parent / "grafana-schema"

DASHBOARD = model_overview()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
#: Variables that Grafana fills itself, and what stands for them here.
BUILT_IN = {"__rate_interval": "1m"}

each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def filled(expr: str) -> str:
    """Return an expression as Grafana would send it."""
    for name, value in {**dict.fromkeys(VARIABLES, "x"), **BUILT_IN}.items():
        expr = re.sub(rf"\${name}\b", value, expr)
    return expr


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
        yield f"{path}: {error.message[:200]}"


def test_the_dashboard_is_valid() -> None:
    """By the JSON schema that Grafana publishes."""
    assert list(_errors(_schema("dashboard"), {**DASHBOARD, "panels": []})) == []
    for row in DASHBOARD["panels"]:
        assert list(_errors(_schema("dashboard", "RowPanel" if row["type"] == "row" else "Panel"), row)) == []


def test_the_schema_is_looked_at() -> None:
    """A misspelt key is noticed."""
    assert list(_errors(_schema("dashboard"), {**DASHBOARD, "pannels": []}))


@each_panel
def test_a_panel_is_valid(panel: dict[str, Any]) -> None:
    """Options, field options and queries, which the dashboard's schema does not look into."""
    kind = panel["type"]
    assert list(_errors(_schema(kind, "Options"), panel["options"])) == []
    if "custom" in panel["fieldConfig"]["defaults"]:
        assert list(_errors(_schema(kind, "FieldConfig"), panel["fieldConfig"]["defaults"]["custom"])) == []
    for target in panel["targets"]:
        # Grafana's own data query keys are valid beside Prometheus'.
        assert list(_errors(_schema("prometheus"), target)) == []


@each_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    """Title, description, unit, and the data source by its variable."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])


def test_titles_and_identifiers_are_unique() -> None:
    """Alerts and people refer to panels by them."""
    for key in ("title", "id"):
        found = [panel[key] for panel in DASHBOARD["panels"]]
        assert len(set(found)) == len(found)


def test_panels_do_not_overlap_and_stay_inside() -> None:
    """Each unit of the grid belongs to one panel at most."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        units = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not units & taken
        taken |= units


def test_it_loads_in_every_supported_grafana() -> None:
    """Classic JSON with an identifier that stays, read-only, so that provisioning owns it."""
    assert DASHBOARD["schemaVersion"] <= 42
    assert DASHBOARD["id"] is None
    assert UID == DASHBOARD["uid"] == "prediction-exporter-model-overview"
    assert len(UID) <= 40
    assert DASHBOARD["editable"] is False


def test_variables_are_single_valued_and_follow_the_time_range() -> None:
    """A multi-valued variable would be sent as a regular expression; a stale list would lack a new version."""
    assert list(VARIABLES) == ["datasource", "model", "version", "window", "column"]
    for name, variable in VARIABLES.items():
        assert (variable["multi"], variable["includeAll"]) == (False, False)
        assert variable["refresh"] == (1 if name == "datasource" else 2)


def test_every_variable_is_declared_and_used() -> None:
    """An undeclared variable stays in the query as text, and finds nothing."""
    queries = [expr for _, expr in panel_expressions(DASHBOARD)]
    queries += [variable["query"]["query"] for name, variable in VARIABLES.items() if name != "datasource"]
    used = {name for query in queries for name in re.findall(r"\$(\w+)", query)}
    assert used == (VARIABLES.keys() - {"datasource"}) | BUILT_IN.keys()


def test_it_asks_for_series_that_exist(
    metric_names: Callable[[str], set[str]], known_metrics: Mapping[str, Family | None]
) -> None:
    """A renamed family must not leave an empty panel behind."""
    for title, expr in panel_expressions(DASHBOARD):
        assert metric_names(filled(expr)) <= known_metrics.keys(), title
    for name, variable in VARIABLES.items():
        if name != "datasource":
            match = re.fullmatch(r"label_values\((\w+)(\{.*\})?, (\w+)\)", variable["query"]["query"])
            assert match is not None
            family = known_metrics[match[1]]
            assert family is not None
            assert match[3] == name in family.labels


def test_labels_exist(known_metrics: Mapping[str, Family | None]) -> None:
    """A matcher on a label that the family does not have finds nothing."""
    for title, expr in panel_expressions(DASHBOARD):
        for metric, matchers in re.findall(r"\b([a-zA-Z_:][\w:]*)\{([^}]*)\}", expr):
            family = known_metrics[metric]
            if family is not None:
                assert set(re.findall(r"(\w+)(?==~?\")", matchers)) <= {*family.labels}, (title, metric)


def test_counters_are_read_as_rates(known_metrics: Mapping[str, Family | None]) -> None:
    """Over an interval that fits the resolution of the graph."""
    counters = {name for name, family in known_metrics.items() if family is not None and family.type != "gauge"}
    for _, expr in panel_expressions(DASHBOARD):
        for match in re.finditer(r"\b([a-z_]+)\b(?:\{[^}]*\})?(\[[^\]]*\])?", expr):
            if match[1] in counters:
                assert expr[: match.start()].endswith("rate("), expr
                assert match[2] == "[$__rate_interval]", expr


def test_prometheus_can_parse_every_query(run: Callable[..., str], tmp_path: Path) -> None:
    """As rules, which promtool parses without a server."""
    rules = [{"record": f"panel:{i}", "expr": filled(expr)} for i, (_, expr) in enumerate(panel_expressions(DASHBOARD))]
    for i, rule in enumerate(rules):
        rule["record"] = f"panel:n{i}"
    path = tmp_path / "panels.rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", path)


def test_joined_tables_name_every_query() -> None:
    """Each value of a table has the name of its query, and no column is left as Value #X."""
    for panel in PANELS:
        if "transformations" in panel:
            renamed = panel["transformations"][1]["options"]["renameByName"]
            assert list(renamed) == [f"Value #{target['refId']}" for target in panel["targets"]]
            assert list(renamed.values()) == [target["legendFormat"] for target in panel["targets"]]
            assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])


def test_statistics_are_drawn_with_their_thresholds() -> None:
    """A distance without its threshold says nothing."""
    for panel in PANELS:
        expressions = " ".join(target["expr"] for target in panel["targets"])
        if "psi:fleet" in expressions:
            assert "psi:threshold" in expressions, panel["title"]


def test_alerts_link_to_it(rendered: Mapping[str, str]) -> None:
    """With the variables that the dashboard has."""
    links = re.findall(r"dashboard_url: (.*)", rendered["prometheus/rules/prediction-exporter-alerts.rules.yml"])
    assert len(links) == 21
    for link in links:
        assert f"/d/{UID}/model-overview?" in link
        assert set(re.findall(r"var-(\w+)=", link)) <= VARIABLES.keys()


def test_it_is_rendered_without_a_configuration_too() -> None:
    """The dashboard depends on no installation."""
    assert json.loads(render(None)[FILE]) == DASHBOARD
