"""Dashboards: "Model overview", from the state of the model to one column of it."""

from __future__ import annotations

import json

from prediction_exporter.collectors.identity import MODEL_INFO
from prediction_exporter.collectors.windows import WINDOW_BIN_PREDICTIONS, WINDOW_PREDICTIONS
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.overview import columns, service
from prediction_exporter.kit.overview.labels import MODEL, VERSION
from prediction_exporter.kit.panels import Json

FOLDER = "grafana/dashboards"
NAME = "model-overview"
UID = f"prediction-exporter-{NAME}"
FILE = f"{FOLDER}/{NAME}.json"


def address(grafana: str) -> str:
    """Return the dashboard's address in a Grafana."""
    return f"{grafana.rstrip('/')}/d/{UID}/{NAME}"


def dashboards() -> dict[str, str]:
    """Return the dashboards by path."""
    return {FILE: json.dumps(model_overview(), indent=2, ensure_ascii=False) + "\n"}


def panel_expressions(dashboard: Json) -> list[tuple[str, str]]:
    """Return the title and expression of each query of a dashboard, with its variables as they are."""
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", ())]


def model_overview() -> Json:
    """Return the dashboard that alerts link to."""
    return {
        "id": None,
        "uid": UID,
        "title": "Model overview",
        "description": "Is the model's service healthy, is its input intact, and is it still what the model was trained on?",
        "tags": ["prediction-exporter"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": p.laid_out(
            [
                ("State", service.state()),
                ("Service", service.service()),
                ("Predictions", service.predictions()),
                ("Drift", columns.drift()),
                ("Data quality", columns.quality()),
                ("Column $column", columns.column()),
                ("Exporter", service.exporter()),
            ]
        ),
    }


def _variables() -> list[Json]:
    size = WINDOW_PREDICTIONS
    return [
        p.datasource_variable(),
        p.query_variable("model", "Model", "The model.", f"label_values({MODEL_INFO}, model)"),
        p.query_variable("version", "Version", "Version of the model.", f"label_values({size.where(**MODEL)}, version)"),
        p.query_variable(
            "window", "Window", "Span of production that is compared.", f"label_values({size.where(**VERSION)}, window)"
        ),
        p.query_variable(
            "column",
            "Column",
            "Column that is shown in detail.",
            f"label_values({WINDOW_BIN_PREDICTIONS.where(**VERSION)}, column)",
        ),
    ]
