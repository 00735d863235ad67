"""Objects of the Prometheus Operator, and dashboards as ConfigMaps that Grafana's sidecar loads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from prediction_exporter.errors import KitError
from prediction_exporter.kit.alertmanager import TEMPLATE_FILE, alertmanager_template
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.formats.alertmanager_config import spec_of
from prediction_exporter.kit.formats.objects import OPERATOR, kubernetes_object, manifest
from prediction_exporter.kit.formats.order import Order, Render
from prediction_exporter.kit.formats.routing import routing, secret_keys, secret_notes
from prediction_exporter.kit.formats.rule_sets import PREFIX, rule_sets

FOLDER = "prometheus-operator"
#: The label of pods that have an exporter beside their model.
POD_LABEL = {PREFIX: "true"}
#: The label of pods of an exporter alone.
SERVICE_LABEL = {"app.kubernetes.io/name": PREFIX}
#: The name of the port that exporters are scraped on, and its number.
PORT, NUMBER = "metrics", 10900
#: How often exporters are scraped.
ENDPOINTS = [{"port": PORT, "interval": "15s"}]
TEMPLATES = f"{PREFIX}-templates"
#: Bytes of an object that ``kubectl apply`` keeps in an annotation, and of rules that the operator takes, at most.
ANNOTATED, LARGEST = 262_144, 524_288
#: How dashboards are written in objects: with one space the largest leaves room for annotations.
INDENT = 1
#: What Grafana's sidecar looks for.
DASHBOARD_LABEL = {"grafana_dashboard": "1"}


def _rules(order: Order) -> dict[str, str]:
    objects = {
        name: kubernetes_object(order, "PrometheusRule", name, version=f"{OPERATOR}/v1", spec={"groups": groups})
        for name, groups in rule_sets(order).items()
    }
    notes = {name: _size_notes(name, content) for name, content in objects.items()}
    return {f"{FOLDER}/rules/{name}.yaml": manifest(content, notes=notes[name]) for name, content in objects.items()}


def _size_notes(name: str, content: dict[str, Any]) -> list[str]:
    """Return comments on an object that is too large for some way of applying it.

    Raises:
        KitError: the operator takes none as large.
    """
    size = len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
    if size > LARGEST:
        raise KitError(
            f"the PrometheusRule {name} has {size:,} bytes, and the operator takes {LARGEST:,} at most: each alert names the "
            "runbooks of all owners; give their alerts one notifications.runbooks_url in place of owners' runbooks"
        )
    return [f"Too large for the annotation of `kubectl apply`: add --server-side ({size:,} bytes)."] if size > ANNOTATED else []


def _dashboards(order: Order) -> dict[str, str]:
    files = {}
    for path, text in dashboards(INDENT).items():
        name = f"{PREFIX}-dashboard-{PurePath(path).stem}"
        # The sidecar writes the dashboards of all ConfigMaps into one folder, each under its key.
        data = {f"{PREFIX}-{PurePath(path).name}": text}
        content = kubernetes_object(order, "ConfigMap", name, version="v1", labels=DASHBOARD_LABEL, data=data)
        files[f"{FOLDER}/dashboards/{name}.yaml"] = manifest(content)
    return files


def _alertmanager(order: Order) -> dict[str, str]:
    content = routing(order)
    keys = secret_keys(content["receivers"])
    spec = spec_of(content, keys)
    config = kubernetes_object(order, "AlertmanagerConfig", PREFIX, version=f"{OPERATOR}/v1alpha1", spec=spec)
    template = PurePath(TEMPLATE_FILE).name
    texts = kubernetes_object(order, "ConfigMap", TEMPLATES, version="v1", data={template: alertmanager_template()})
    notes = [
        *secret_notes(keys),
        f"Messages are written by the templates of the ConfigMap {TEMPLATES}: the Alertmanager has to load them.",
        "Unless its alertmanagerConfigMatcherStrategy says otherwise, the operator adds a matcher of this object's namespace.",
    ]
    return {
        f"{FOLDER}/alertmanager/{PREFIX}.yaml": manifest(config, notes=notes),
        f"{FOLDER}/alertmanager/{TEMPLATES}.yaml": manifest(texts),
    }


def pod_monitor() -> dict[str, Any]:
    """Return the ``spec`` of what scrapes exporters beside their models."""
    return {
        "namespaceSelector": {"any": True},
        "selector": {"matchLabels": POD_LABEL},
        "podMetricsEndpoints": ENDPOINTS,
    }


def _monitors(order: Order) -> dict[str, str]:
    pods = kubernetes_object(order, "PodMonitor", PREFIX, version=f"{OPERATOR}/v1", spec=pod_monitor())
    ports = [{"name": PORT, "port": NUMBER, "targetPort": PORT}]
    service = kubernetes_object(order, "Service", PREFIX, version="v1", spec={"selector": SERVICE_LABEL, "ports": ports})
    spec = {"selector": {"matchLabels": SERVICE_LABEL}, "endpoints": ENDPOINTS}
    services = kubernetes_object(order, "ServiceMonitor", PREFIX, version=f"{OPERATOR}/v1", spec=spec)
    [beside] = [f"{key}: {value!r}" for key, value in POD_LABEL.items()]
    return {
        f"{FOLDER}/monitors/pods.yaml": manifest(pods, notes=[f"For an exporter beside its model: label the pod {beside}."]),
        f"{FOLDER}/monitors/service.yaml": manifest(service, services, notes=["For an exporter in pods of its own."]),
    }


PARTS: Mapping[str, Render] = {
    "rules": _rules,
    "dashboards": _dashboards,
    "alertmanager": _alertmanager,
    "monitors": _monitors,
}
