"""The rules load, do what their tests say, and read only series that exist."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.families import Family
from prediction_exporter.kit import alerts, runbooks
from prediction_exporter.kit.alert import AREAS, SEVERITIES, Alert
from prediction_exporter.kit.alertmanager import TEMPLATE_FILE
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.events import KINDS, steady_tests
from prediction_exporter.kit.figures import SEVERAL
from prediction_exporter.kit.fleet import FRESH, FRESH_REPLICAS, LEFT_OUT, SHARED, SHARED_REQUESTS, STALE_REPLICA
from prediction_exporter.kit.groups import HEALTH, RECORDED, RECORDING_GROUPS
from prediction_exporter.kit.performance import SEVERAL_LABELLED
from prediction_exporter.kit.promql import BRIDGE
from prediction_exporter.kit.render import render
from prediction_exporter.kit.rule_tests import event_test
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, Links, alerting_rules, by_area
from prediction_exporter.kit.runbooks import alerts_page
from prediction_exporter.kit.scale import Scale, duration
from promtool_rules import pruned
from quick_yaml import dump as dump_yaml
from quick_yaml import load as load_yaml

Run = Callable[..., str]
Names = Callable[[str], set[str]]

#: Minutes of the longest tests of alerts that run with scrapes a quarter of a minute apart, too.
HOUR = 60

each_alert = pytest.mark.parametrize("alert", ALERTS, ids=str)


def rules_of(text: str) -> list[dict[str, Any]]:
    """Return the rules of a file."""
    return [rule for group in load_yaml(text)["groups"] for rule in group["rules"]]


def alerts_of(text: str) -> list[dict[str, Any]]:
    """Return the alerts of a file."""
    return [rule for rule in rules_of(text) if "alert" in rule]


@pytest.fixture(scope="module")
def alert_rules(rendered: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alerting rules."""
    return alerts_of(rendered[ALERTS_FILE])


def test_prometheus_loads_the_rules(run: Run, folder: Path) -> None:
    """The oldest supported Prometheus takes both files, and promtool's linter finds nothing."""
    output = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *sorted((folder / "prometheus/rules").iterdir()))
    assert output.count("SUCCESS") == 2


@pytest.mark.parametrize("name", [*(str(alert) for alert in ALERTS), "recording", "service", "health"])
def test_rules_do_what_their_cases_say(run: Run, folder: Path, tmp_path: Path, name: str) -> None:
    """Promtool agrees with every case, with labels and annotations as they are sent."""
    run("promtool", "test", "rules", pruned(folder / "prometheus", f"tests/{name}.test.yml", tmp_path))


@each_alert
def test_an_alert_bears_what_happens_to_exporters(run: Run, folder: Path, tmp_path: Path, alert: Alert) -> None:
    """Replicas are told of once; rollouts and restarts neither end nor begin it; it ends with what it is about."""
    run("promtool", "test", "rules", pruned(folder / "prometheus", f"tests/events/{alert}.test.yml", tmp_path))


@each_alert
def test_an_alert_bears_every_interval_of_scrapes(run: Run, folder: Path, tmp_path: Path, alert: Alert) -> None:
    """From a quarter of a minute to two it fires, goes on, and stays silent as at one: no look-back is too short for it.

    Many scrapes of hours and days take promtool long and are the case in which none can be too short.
    """
    steady = steady_tests(alert)
    short = [test for test in steady if max(expected.minute for expected in test.expected) <= HOUR]
    tests = [*(event_test(test, 120) for test in steady), *(event_test(test, 15) for test in short)]
    run("promtool", "test", "rules", pruned(folder / "prometheus", f"tests/events/{alert}.test.yml", tmp_path, tests=tests))


def test_look_backs_and_waits_are_longer_than_two_scrapes(rendered: Mapping[str, str]) -> None:
    """At two minutes, which a failed scrape doubles; and what is recorded is asked for at least twice within them."""
    for path in (RECORDING_FILE, ALERTS_FILE):
        spans = re.findall(r"\[(\d+)([mhd])[\]:]", rendered[path])
        assert len(spans) > 20
        assert min(int(number) * {"m": 1, "h": 60, "d": 1440}[unit] for number, unit in spans) >= 5
    assert max(group.interval.seconds for group in RECORDING_GROUPS) * 1.5 < BRIDGE.seconds


@each_alert
def test_a_restart_ends_no_alert(alert: Alert) -> None:
    """It goes on firing for as long as an exporter takes to start, but where its own span remembers for longer."""
    for condition in alert.conditions:
        remembers = re.fullmatch(r"max by \([^)]*\) \(increase\(\w+\[1h\]\)\) > 0", condition.expr(Scale()))
        assert condition.keep is not None or remembers
        assert condition.keep is None or condition.keep.seconds >= BRIDGE.seconds


@each_alert
def test_an_alert_has_tests_of_every_kind(rendered: Mapping[str, str], alert: Alert) -> None:
    """Firing and silent as declared, and what follows from these: a replica, a rollout, a restart, and all that is gone."""
    declared = load_yaml(rendered[f"prometheus/tests/{alert}.test.yml"])["tests"]
    kinds = {"firing" if "exp_alerts" in check else "silent" for test in declared for check in test["alert_rule_test"]}
    events = load_yaml(rendered[f"prometheus/tests/events/{alert}.test.yml"])["tests"]
    assert kinds | {test["name"].partition(":")[0] for test in events} == set(KINDS)
    assert all(test["promql_expr_test"] for test in events)


def test_a_test_file_runs_with_all_rules_as_it_is_shipped(run: Run, folder: Path) -> None:
    """What the other tests leave out to be quick changes nothing."""
    run("promtool", "test", "rules", folder / "prometheus/tests/ModelFieldNotFound.test.yml")


def test_promtool_notices_an_alert_that_a_restart_ends(run: Run, folder: Path, tmp_path: Path) -> None:
    """Without the bridge over what a restart leaves out, and without `keep_firing_for`, an alert fails its test."""
    test = pruned(folder / "prometheus", "tests/events/ModelCollectorFailed.test.yml", tmp_path)
    rules = tmp_path / ALERTS_FILE.removeprefix("prometheus/")
    text = re.sub(r" *keep_firing_for: .*\n", "", rules.read_text())
    rules.write_text(re.sub(r"last_over_time\((prediction_exporter_collector_success)\[5m\]\)", r"\1", text))
    run("promtool", "test", "rules", test, status=1)


def test_promtool_notices_a_changed_threshold(run: Run, folder: Path, tmp_path: Path) -> None:
    """The cases are no formality: with another limit the rules fail them."""
    test = pruned(folder / "prometheus", "tests/ModelErrorBudgetBurn.test.yml", tmp_path)
    rules = tmp_path / ALERTS_FILE.removeprefix("prometheus/")
    rules.write_text(re.sub(r"> (14\.4|6)\b", r"> 100\1", rules.read_text()))
    run("promtool", "test", "rules", test, status=1)


@each_alert
def test_an_alert_is_tested_firing_and_silent(alert: Alert) -> None:
    """Each severity fires in some case, and some case stays silent throughout."""
    fired = {firing.severity for case in alert.tests for check in case.checks for firing in check.firing}
    assert fired == {condition.severity for condition in alert.conditions}
    assert any(not check.firing for case in alert.tests for check in case.checks)


@each_alert
def test_an_alert_is_named_and_told_in_the_house_style(alert: Alert) -> None:
    """Names share their first word, and every text a person reads is there and of use."""
    assert re.fullmatch(r"Model([A-Z][a-z]+)+", alert.name)
    for text in (alert.summary, alert.action, alert.meaning, alert.impact, alert.mitigation):
        assert text.strip() == text
        assert text.endswith((".", "?"))
    assert "{{" not in alert.summary
    assert 30 < len(alert.summary) < 110
    assert alert.diagnosis


def test_every_alert_module_is_listed() -> None:
    """An alert that is written but not listed would be missing in silence."""
    declared = set()
    for module in pkgutil.iter_modules(alerts.__path__):
        content = vars(importlib.import_module(f"{alerts.__name__}.{module.name}"))
        declared |= {value.name for name, value in content.items() if isinstance(value, Alert) and name.lower() == module.name}
    assert declared == {alert.name for alert in ALERTS}
    assert len(ALERTS) == len({alert.name for alert in ALERTS})


def test_rules_carry_what_routes_and_messages_need(alert_rules: list[dict[str, Any]]) -> None:
    """Severity, area and links are on every rule, and the owner is joined in a way that cannot double the alert."""
    for rule in alert_rules:
        assert rule["labels"].keys() == {"severity", "area"}
        assert rule["labels"]["severity"] in SEVERITIES
        assert {"summary", "description", "action", "dashboard_url"} <= rule["annotations"].keys()
        # A message says what to do first, or leads to where it stands: the exporter that is down does not serve it.
        leads_to = {"runbook_url", "exporter_url"} <= rule["annotations"].keys()
        assert (
            leads_to is (rule["alert"] not in {"ModelExporterDown", "ModelGone"}) is ("first_steps" not in rule["annotations"])
        )
        assert "group_left (owner)" in rule["expr"]
        assert re.search(r"^or on \([^)]*model[^)]*\)$", rule["expr"], re.MULTILINE)


def test_rules_read_only_series_that_exist(
    rendered: Mapping[str, str], metric_names: Names, known_metrics: Mapping[str, Family | None]
) -> None:
    """A renamed family must not leave a rule behind that never fires."""
    rules = [*rules_of(rendered[RECORDING_FILE]), *rules_of(rendered[ALERTS_FILE])]
    queries = [query.replace("%", "") for rule in rules for query in re.findall("printf `(.*?)`", str(rule.get("annotations")))]
    read = {name for expr in [*(rule["expr"] for rule in rules), *queries] for name in metric_names(expr)}
    assert read - known_metrics.keys() == set()
    assert len(read) > 40


@each_alert
def test_runbook_queries_read_only_series_that_exist(
    alert: Alert, metric_names: Names, known_metrics: Mapping[str, Family | None]
) -> None:
    """What a runbook says to paste gives an answer."""
    for each in alert.diagnosis:
        assert metric_names(each.query) <= known_metrics.keys()


def test_counters_are_read_as_rates(rendered: Mapping[str, str], known_metrics: Mapping[str, Family | None]) -> None:
    """A counter's value means nothing; what it grew by does."""
    text = rendered[RECORDING_FILE] + rendered[ALERTS_FILE]
    for name, family in known_metrics.items():
        if family is not None and family.type == "counter":
            for match in re.finditer(rf"(\w+\()?(?<!\")\b{name}\b", text):
                assert match[1] in {"rate(", "increase("}, text[match.start() - 40 : match.end() + 20]


def test_recorded_series_are_evaluated_in_order(metric_names: Names) -> None:
    """A rule that reads a series recorded later in its group would see the value of a minute ago.

    Groups are evaluated beside each other: of another group's series only those may be read that say how to count, which
    change with the configuration and with a replica's state, and not with every prediction.
    """
    recorded = {series.name for series in RECORDED}
    states = {
        series.name
        for series in (SHARED, SHARED_REQUESTS, STALE_REPLICA, FRESH_REPLICAS, FRESH, LEFT_OUT, SEVERAL, SEVERAL_LABELLED)
    }
    for group in RECORDING_GROUPS:
        if HEALTH in group.series:
            continue  # it is about whether the others are evaluated
        seen = states if SHARED not in group.series else set()
        for series in group.series:
            assert (metric_names(series.expr(Scale())) & recorded) <= seen
            seen.add(series.name)


def test_labels_of_the_platform_are_kept(rendered: Mapping[str, str]) -> None:
    """Alertmanager routes by namespace, so no aggregation over a fleet may lose it."""
    text = rendered[RECORDING_FILE] + rendered[ALERTS_FILE].replace("by (column)", "").replace("by (window)", "").replace(
        "by (bin)", ""
    )
    # A server's target is of another job than the exporter that it is tied to.
    text = text.replace("by (cluster, namespace, model, kind, match)", "").replace("by (cluster, model, kind, match)", "")
    for labels in re.findall(
        r"\bby \(([^)]*)\)", re.sub(r"by \((?:reason|rule_group|segment|class|currency|__name__, class, average)\)", "", text)
    ):
        assert labels.startswith("cluster, namespace, job, ")


def test_a_time_scale_shortens_durations_and_nothing_else() -> None:
    """Sixty times faster, an hour is a minute, down to the floors; expressions and limits stay as shipped."""
    fast = render(None, time_scale=60)
    slow = render(None)
    pattern = re.compile(r"(?<=[\[:])(?:\d+(?:ms|[smhd]))+(?=[\]:])|(?<=for: )\S+|(?<=offset )(?:\d+(?:ms|[smhd]))+")
    ahead = re.compile(r"(?<=\], )\d+(?=\)\) < 0)")  # how far a line is followed, in seconds
    intervals = re.compile(r"(?<=interval: )\S+")
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

    def seconds(text: str) -> float:
        return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", text))

    for path in (RECORDING_FILE, ALERTS_FILE):
        bare = [ahead.sub("", intervals.sub("", pattern.sub("", text[path]))) for text in (fast, slow)]
        assert bare[0] == bare[1]
        pairs = list(zip(pattern.findall(slow[path]), pattern.findall(fast[path]), strict=True))
        assert len(pairs) > 20
        assert [60 * int(span) for span in ahead.findall(fast[path])] == [int(span) for span in ahead.findall(slow[path])]
        for long, short in pairs:
            assert seconds(short) == pytest.approx(max(seconds(long) / 60, 15))
        assert set(intervals.findall(fast[path])) <= {"2s", "3s"}
    assert not any("tests" in path for path in fast)


def test_scaled_rules_load(run: Run, tmp_path: Path) -> None:
    """Prometheus takes the short durations too."""
    for path, text in render(None, time_scale=3600).items():
        if path.startswith("prometheus/rules"):
            (tmp_path / Path(path).name).write_text(text)
    run("promtool", "check", "rules", *tmp_path.iterdir())


@pytest.mark.parametrize(
    ("factor", "text", "look_back", "interval"),
    [
        (60, "1h", "1m", "1m"),
        (60, "5m", "15s", "5s"),
        (60, "1m", "15s", "2s"),
        (40, "1h1s", "1m30s25ms", "1m30s25ms"),
        (1, "1d", "1d", "1d"),
        (1, "1s", "1s", "1s"),
        (2, "1s", "1s", "1s"),
        (0.5, "5m", "10m", "10m"),
        (1e9, "30d", "15s", "2s"),
    ],
)
def test_scale(factor: float, text: str, look_back: str, interval: str) -> None:
    """A scaled duration is in Prometheus' syntax, and never shorter than a machine can keep to, unless it is at real time."""
    scale = Scale(factor)
    assert (scale(duration(text)), scale.interval(duration(text))) == (look_back, interval)


@pytest.mark.parametrize("factor", [60, 240, 3600])
def test_scaled_rules_bear_a_machine_that_falls_behind(run: Run, tmp_path: Path, factor: float) -> None:
    """Scrapes that fail for eight seconds are no exporter that is down, and figures that come every twelve are still drift."""
    column = '{job="prediction-exporter", model="m", version="1", column="income", role="feature", segment="all", window="1m"}'
    series = {
        'up{job="prediction-exporter", instance="a"}': "1x10 0x3 1x10 0x3 1x40",
        f"model_column:model_column_psi:over_threshold{column}": "2.5 _x5 " * 11,
    }
    expected = [("ModelExporterDown", at, 0) for at in range(0, 122, 2)]
    expected += [("ModelFeatureDrift", at, 0) for at in range(0, 14, 2)]  # it waits for 30 seconds, and 15 at the highest scale
    expected += [("ModelFeatureDrift", at, 1) for at in range(32, 122, 2)]
    firing = [
        {
            "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
            "eval_time": f"{at}s",
            "exp_samples": [{"labels": "{}", "value": count}],
        }
        for alert, at, count in expected
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    (tmp_path / "rules.yml").write_text(render(None, time_scale=factor)[ALERTS_FILE])
    test = {"interval": "2s", "input_series": inputs, "promql_expr_test": firing}
    (tmp_path / "test.yml").write_text(dump_yaml({"rule_files": ["rules.yml"], "evaluation_interval": "2s", "tests": [test]}))
    run("promtool", "test", "rules", tmp_path / "test.yml")


def test_a_model_used_two_hours_a_day_is_missed_in_these_alone(run: Run, rendered: Mapping[str, str], tmp_path: Path) -> None:
    """After a week of it, on each of three days of an outage, and at no other hour; a weekend without requests is usual."""
    rules = [rule for path in (RECORDING_FILE, ALERTS_FILE) for rule in rules_of(rendered[path])]
    names = {"model:model_requests:increase30m", "ModelNoPredictions"}
    kept = [
        {key: value for key, value in rule.items() if key != "annotations"}
        for rule in rules
        if rule.get("record", rule.get("alert")) in names
    ]
    (tmp_path / "rules.yml").write_text(dump_yaml({"groups": [{"name": "all", "interval": "10m", "rules": kept}]}))

    def requests(days: list[bool]) -> str:
        """Return 10 a minute from 9 to 11 o'clock of these days, at steps of ten minutes."""
        total, values = 0, []
        for used in days:
            values.append(f"{total}x53 {total}+{100 * used}x12 {total + 1200 * used}x76")
            total += 1200 * used
        return " ".join(values)

    daily, weekdays = [True] * 8 + [False] * 3, [day % 7 not in {5, 6} for day in range(14)]
    labels = 'job="prediction-exporter", instance="a", version="1"'
    series = [(f'model_requests_total{{model="{name}", {labels}}}', requests(days)) for name, days in
              (("daily", daily), ("weekdays", weekdays))]  # fmt: skip
    silent = [f"{day}d{hour}" for day in range(14) for hour in ("4h", "9h20m", "20h") if (day, hour) != (0, "4h")]
    silent += [f"{day}d10h40m" for day in range(8)] + ["12d10h40m", "13d10h40m"]
    expected = [(at, 0) for at in silent] + [(f"{day}d10h40m", 1) for day in (8, 9, 10)]
    checks = [
        {
            "expr": 'count(ALERTS{alertname="ModelNoPredictions", alertstate="firing"}) or vector(0)',
            "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": count}],
        }
        for at, count in expected
    ]
    test = {
        "interval": "10m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": checks,
    }
    (tmp_path / "test.yml").write_text(dump_yaml({"rule_files": ["rules.yml"], "evaluation_interval": "10m", "tests": [test]}))
    run("promtool", "test", "rules", tmp_path / "test.yml")


@pytest.mark.parametrize(
    ("late", "rules_late", "alert", "state"),
    [
        (None, False, None, 0),
        (None, False, "info", 1),
        (None, False, "warning", 2),
        (None, True, None, 2),
        (None, True, "info", 2),
        ("model-psi", False, None, 3),
        ("model-data", False, "warning", 3),
        ("model-data", False, "critical", 4),
    ],
)
def test_health_is_not_known_where_rules_are_late(
    run: Run, rendered: Mapping[str, str], tmp_path: Path, *, late: str | None, rules_late: bool, alert: str | None, state: int
) -> None:
    """Whichever group stands still for longer than Prometheus looks back; what fires still fires, and rules that fail warn."""
    files = [load_yaml(rendered[path]) for path in (RECORDING_FILE, ALERTS_FILE)]
    groups = [group["name"] for file in files for group in file["groups"]]
    [health] = [group for file in files for group in file["groups"] if group["name"] == "model-health"]
    (tmp_path / "rules.yml").write_text(dump_yaml({"groups": [health | {"rules": health["rules"][:1]}]}))
    model = 'job="prediction-exporter", model="m"'
    inputs = {
        f"model:prediction_exporter_source:fresh{{{model}}}": "1x30",
        f'model:model_window_predictions:shortest{{{model}, version="1", segment="all", window="1h"}}': "500x30",
        f'prediction_exporter_source_up{{{model}, instance="a"}}': "1x30",
        **{
            f'rule_group:model_rules:evaluated{{rule_group="{name}"}}': "1x10 _x20" if name == late else "1x30"
            for name in groups
            if name != "model-health"
        },
    }
    firing = 'alertstate="firing", area="data"'
    if alert is not None:
        inputs[f'ALERTS{{alertname="ModelMissingValues", severity="{alert}", {firing}, {model}}}'] = "1x30"
    if rules_late:
        inputs[f'ALERTS{{alertname="ModelRulesLate", severity="warning", {firing}, rule_group="r.yml;model-psi"}}'] = "1x30"
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in inputs.items()],
        "promql_expr_test": [
            {
                "expr": "model:model_health:state",
                "eval_time": "20m",
                "exp_samples": [{"labels": f"model:model_health:state{{{model}}}", "value": state}],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(dump_yaml({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}))
    run("promtool", "test", "rules", tmp_path / "test.yml")


_OWNED = (
    '{{ if eq $labels.owner "a" }}https://a.example.com/%s{{ else if eq $labels.owner "b" }}https://b.example.com/%s'
    "{{ else }}%s{{ end }}"
)


@pytest.mark.parametrize("runbooks", [None, "https://r.example.com/"])
@pytest.mark.parametrize("exporter", [None, "https://e.example.com", "https://e.example.com/x/"])
@pytest.mark.parametrize("owned", [False, True])
@pytest.mark.parametrize("name", ["ModelFeatureDrift", "ModelExporterDown"])
def test_a_message_leads_to_the_first_runbook_that_there_is(
    runbooks: str | None, exporter: str | None, name: str, *, owned: bool
) -> None:
    """The owner's, the folder's, the exporter's while it answers; where some message has none, the first steps are sent too."""
    owners = {"a": "https://a.example.com/", "b": "https://b.example.com"} if owned else {}
    links = Links(runbooks=runbooks, exporter=exporter, owners=owners)
    [annotations, *_] = [rule["annotations"] for rule in alerts_of(alerting_rules(Scale(), links)) if rule["alert"] == name]
    page = ""
    if runbooks is not None:
        page = f"https://r.example.com/{name}.md"
    elif exporter is not None and name != "ModelExporterDown":
        page = f"{exporter.rstrip('/')}/runbooks/{name}"
    expected = (_OWNED % (name, name, page)).replace("{{ else }}{{ end }}", "{{ end }}") if owned else page
    assert annotations.get("runbook_url", "") == expected
    assert ("first_steps" in annotations) is (page == "")


def test_no_rule_leads_where_nobody_said_that_there_is_anything() -> None:
    """Without any address there is no address in the rules."""
    assert "://" not in render(None)[ALERTS_FILE]
    assert re.search(r"\w://", render(None)[TEMPLATE_FILE]) is None  # it does name what it takes apart in values of the log


def test_without_an_address_of_grafana_there_is_no_link() -> None:
    """Half an address would be worse than none."""
    for rule in alerts_of(render(None)[ALERTS_FILE]):
        assert "dashboard_url" not in rule["annotations"]


def cells(page: str, alert: Alert) -> list[str]:
    """Return the cells of an alert's row on the page of alerts."""
    [row] = [line for line in page.splitlines() if line.startswith(f"| [{alert}]")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_page_tells_how_long_each_alert_waits(alert_rules: list[dict[str, Any]]) -> None:
    """As long as the rendered rules do, whatever the severity."""
    page = alerts_page()
    for alert in ALERTS:
        waits = [rule["for"] for rule in alert_rules if rule["alert"] == str(alert)]
        assert cells(page, alert)[2].split(", ") == list(dict.fromkeys(waits))


FIGURES = {
    "ModelNoPredictions": "30m",
    "ModelErrorBudgetBurn": "5m, 30m, 1h, 6h; 2h, 6h, 1d, 3d",
    "ModelExporterDown": "",
    "ModelLinesRejected": "15m",
    "ModelMissingValues": "the shortest window with enough predictions",
    "ModelFeatureDrift": "each window",
}


def test_the_page_tells_what_figures_are_of() -> None:
    """Spans of counters as the alerts' texts name them, windows, or now; how a missing scrape is bridged is no span."""
    page = alerts_page()
    assert {str(alert): cells(page, alert)[3] for alert in ALERTS if str(alert) in FIGURES} == FIGURES


def test_every_area_has_its_words() -> None:
    """An alert in an area that has none yet would have no section in the page of all alerts."""
    assert runbooks.AREA_TEXTS.keys() == set(AREAS)
    assert list(by_area()) == [area for area in AREAS if any(alert.area == area for alert in ALERTS)]


def test_annotations_ask_for_no_answer_that_may_be_missing(alert_rules: list[dict[str, Any]]) -> None:
    """The first of nothing is an error: in the message, or already when a ruler that tries its templates loads the file."""
    for rule in alert_rules:
        for text in rule["annotations"].values():
            asked = re.findall(r"(..) \| first", text)
            assert all(before[-1] == "." and before[0] in " (" for before in asked)


def test_annotations_define_each_way_to_write_a_figure_once(alert_rules: list[dict[str, Any]]) -> None:
    """A template that is used and not defined would be sent as an error, and a second definition would win in silence."""
    for rule in alert_rules:
        for text in rule["annotations"].values():
            defined = re.findall(r'\{\{ define "([^"]+)" \}\}', text)
            assert set(re.findall(r'\{\{ template "([^"]+)"', text)) == set(defined)
            assert len(defined) == len(set(defined))
