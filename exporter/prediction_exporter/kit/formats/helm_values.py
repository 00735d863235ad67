"""Values of the chart kube-prometheus-stack, a file for each part.

The chart reads none of them as templates of Helm: what stands in braces reaches Prometheus and Alertmanager as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from prediction_exporter.kit.alertmanager import TEMPLATE_FILE, alertmanager_template
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.formats.order import Order, Render
from prediction_exporter.kit.formats.prometheus_operator import INDENT, pod_monitor
from prediction_exporter.kit.formats.routing import SECRET, in_folder, routing, secret_keys, secret_notes
from prediction_exporter.kit.formats.rule_sets import PREFIX, rule_sets
from prediction_exporter.kit.texts import to_yaml

FOLDER = "helm-values"
#: Where the Operator mounts a Secret that an Alertmanager names.
_SECRETS = "/etc/alertmanager/secrets"
#: Where the Operator mounts the templates beside the configuration.
_TEMPLATES = "/etc/alertmanager/config/*.tmpl"
#: The receiver of the chart's own alerts, which tells nobody.
_NOBODY = "null"


def _rules(order: Order) -> dict[str, str]:
    sets = {name: {"groups": groups} for name, groups in rule_sets(order).items()}
    note = "The chart leaves out a list additionalPrometheusRules where there is this map: move what is in it into a map."
    return {f"{FOLDER}/rules.yaml": to_yaml({"additionalPrometheusRulesMap": sets}, note)}


def _dashboards(_: Order) -> dict[str, str]:
    # The chart makes an object of each provider's dashboards, and one of all would be too large for `kubectl apply`.
    boards = {f"{PREFIX}-{PurePath(path).stem}": text for path, text in dashboards(INDENT).items()}
    providers: list[dict[str, Any]] = [
        {"name": name, "type": "file", "options": {"path": f"/var/lib/grafana/dashboards/{name}"}} for name in boards
    ]
    grafana = {
        "dashboardProviders": {f"{PREFIX}.yaml": {"apiVersion": 1, "providers": providers}},
        "dashboards": {name: {name: {"json": text}} for name, text in boards.items()},
    }
    return {f"{FOLDER}/dashboards.yaml": to_yaml({"grafana": grafana})}


def _alertmanager(order: Order) -> dict[str, str]:
    content = routing(order)
    keys = secret_keys(content["receivers"])
    receivers = in_folder(content["receivers"], f"{_SECRETS}/{SECRET}", keys)
    config = {
        **content,
        "route": {"receiver": _NOBODY, "routes": [content["route"]]},
        "receivers": [{"name": _NOBODY}, *receivers],
        "templates": [_TEMPLATES],
    }
    values: dict[str, Any] = {
        "config": config,
        "templateFiles": {PurePath(TEMPLATE_FILE).name: alertmanager_template()},
        **({"alertmanagerSpec": {"secrets": [SECRET]}} if keys else {}),
    }
    notes = [
        *secret_notes(keys),
        "Lists take the place of those in your values and in the chart's: where you have routes or receivers, merge by --into.",
        "Alerts of others go nowhere, as the chart has it. Leave alertmanager.tplConfig off.",
    ]
    return {f"{FOLDER}/alertmanager.yaml": to_yaml({"alertmanager": values}, *notes)}


def _monitors(_: Order) -> dict[str, str]:
    monitor = {"name": PREFIX, **pod_monitor()}
    note = "The list takes the place of one in your values."
    return {f"{FOLDER}/monitors.yaml": to_yaml({"prometheus": {"additionalPodMonitors": [monitor]}}, note)}


PARTS: Mapping[str, Render] = {
    "rules": _rules,
    "dashboards": _dashboards,
    "alertmanager": _alertmanager,
    "monitors": _monitors,
}
