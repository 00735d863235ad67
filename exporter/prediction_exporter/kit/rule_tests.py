"""promtool's unit tests of the rules, from the cases that the alerts declare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from prediction_exporter.kit.alert import Alert, Case, Check, Firing
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.boards.board import path_of
from prediction_exporter.kit.cases import together
from prediction_exporter.kit.events import EventTest, event_tests
from prediction_exporter.kit.groups import INTERVAL, RECORDING_GROUPS
from prediction_exporter.kit.health_cases import HEALTH_CASES
from prediction_exporter.kit.recording_cases import RECORDING_CASES, RecordingCase
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, Links, board_of, by_area, group_of
from prediction_exporter.kit.service_cases import SERVICE_CASES
from prediction_exporter.kit.texts import to_yaml
from prediction_exporter.kit.volume_cases import VOLUME_CASES

FOLDER = "prometheus/tests"
EVENTS_FOLDER = f"{FOLDER}/events"


def rule_tests(links: Links) -> dict[str, str]:
    """Return the test files by path: one for each alert, and one for the recorded series."""
    files = {f"{FOLDER}/{alert}.test.yml": _file([_alert_test(alert, case, links) for case in alert.tests]) for alert in ALERTS}
    files |= {
        f"{EVENTS_FOLDER}/{alert}.test.yml": _file(list(map(event_test, event_tests(alert))), up="../../") for alert in ALERTS
    }
    for name, cases in (("recording", (*RECORDING_CASES, *VOLUME_CASES)), ("service", SERVICE_CASES), ("health", HEALTH_CASES)):
        files[f"{FOLDER}/{name}.test.yml"] = _file(list(map(_recording_test, cases)))
    return files


def _file(tests: list[dict[str, Any]], *, up: str = "../") -> str:
    # Left to itself, promtool evaluates the groups of each step in random order.
    *before, health = [group.name for group in RECORDING_GROUPS]
    order = [*before, *map(group_of, by_area()), health]  # health follows from alerts
    rules = [up + path.removeprefix("prometheus/") for path in (RECORDING_FILE, ALERTS_FILE)]
    return to_yaml({"rule_files": rules, "evaluation_interval": str(INTERVAL), "group_eval_order": order, "tests": tests})


def _recording_test(case: RecordingCase) -> dict[str, Any]:
    return {
        "name": case.name,
        "interval": str(INTERVAL),
        "input_series": _input(case.series),
        "promql_expr_test": [
            {"expr": expr, "eval_time": case.at, "exp_samples": [{"labels": labels, "value": value}]}
            for expr, labels, value in case.expected
        ],
    }


def _alert_test(alert: Alert, case: Case, links: Links) -> dict[str, Any]:
    return {
        "name": case.name,
        "interval": str(INTERVAL),
        "input_series": _input(case.series),
        "alert_rule_test": [_check(alert, check, links) for check in case.checks],
    }


def event_test(test: EventTest, seconds: int = 60) -> dict[str, Any]:
    """Return a test in promtool's words, with scrapes so many seconds apart."""
    scraped = test.series if seconds == INTERVAL.seconds else tuple(line.every(seconds) for line in test.series)
    return {
        "name": f"{test.kind}: {test.name}",
        "interval": f"{seconds}s",
        "input_series": _input(tuple(map(str, scraped))),
        "promql_expr_test": [
            {
                "expr": each.expr,
                "eval_time": f"{each.minute}m",
                "exp_samples": [{"labels": _labels(labels), "value": value} for labels, value in each.samples],
            }
            for each in test.expected
        ],
    }


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return f"{{{', '.join(f'{name}={json.dumps(value)}' for name, value in labels)}}}"


def _input(series: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"series": line[: line.rindex("}") + 1], "values": line[line.rindex("}") + 2 :]} for line in together(series)]


def _check(alert: Alert, check: Check, links: Links) -> dict[str, Any]:
    found: dict[str, Any] = {"alertname": alert.name, "eval_time": check.at}
    if check.firing:
        found["exp_alerts"] = [_expected(alert, firing, links) for firing in check.firing]
    return found


def _expected(alert: Alert, firing: Firing, links: Links) -> dict[str, Any]:
    annotations = {"summary": alert.summary, "description": firing.description}
    if firing.worst is not None:
        annotations["worst"] = firing.worst
    annotations["changed"] = firing.changed
    annotations["action"] = alert.action
    page = links.page(alert)
    if page is None:
        annotations["first_steps"] = alert.mitigation
    if page is not None or links.owners:
        annotations["runbook_url"] = _runbook(alert, firing.labels, links)
    if links.grafana is not None:
        annotations["dashboard_url"] = f"{links.grafana.rstrip('/')}{path_of(board_of(alert))}?{_variables(alert, firing)}"
    if alert.graphed:
        annotations["query"] = _graph(alert, firing.labels)
    exporter = links.exporter_page(alert)
    if exporter is not None:
        annotations["exporter_url"] = exporter
    if exporter is not None and links.verdicts:
        annotations["verdict_url"] = _verdict(alert, firing.labels, exporter)
    labels = {"severity": firing.severity, "area": alert.area, **firing.labels}
    return {"exp_labels": labels, "exp_annotations": annotations}


def _variables(alert: Alert, firing: Firing) -> str:
    names = ("cluster", "namespace", "model", "version", "column")
    filled = [f"var-{name}={quote_plus(firing.labels[name])}" for name in names if name in alert.key and name in firing.labels]
    if alert.without_model:
        filled.append("")
    if alert.window is not None:
        filled.append(f"var-window={firing.window}")
    return "&".join(filled)


def _runbook(alert: Alert, labels: Mapping[str, str], links: Links) -> str:
    own = links.owners.get(labels.get("owner", ""))
    return links.page(alert) or "" if own is None else f"{own.rstrip('/')}/{alert}"


def _verdict(alert: Alert, labels: Mapping[str, str], exporter: str) -> str:
    if not labels.get("model"):
        return ""
    column = f"&column={quote_plus(labels['column'])}" if "column" in labels else ""
    return f"{exporter}notes?model={quote_plus(labels['model'])}&alert={alert}{column}"


def _graph(alert: Alert, labels: Mapping[str, str]) -> str:
    names = "|".join(str(series) for series in alert.graphed)
    own = [label for label in alert.key if label in alert.graphed[0].labels]
    matchers = [f"{label}={json.dumps(labels.get(label, ''))}" for label in own]
    if "segment" in alert.graphed[0].labels:
        matchers.append('segment="all"')
    return f'{{__name__=~"{names}", {", ".join(matchers)}}}'
