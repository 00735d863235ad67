"""Dashboards: "Model overview", from the state of the model to one column of it."""

from __future__ import annotations

import json

from prediction_exporter.collectors.identity import MODEL_INFO
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit import variables as v
from prediction_exporter.kit.figures import BADNESS, BIN_SHARE
from prediction_exporter.kit.layout import Row, laid_out
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.overview import columns, cost, exporter, performance, process, service, state
from prediction_exporter.kit.overview.annotations import happened
from prediction_exporter.kit.overview.labels import CLUSTER, MODEL, PLACE, VERSION, WINDOW
from prediction_exporter.kit.promql import select
from prediction_exporter.kit.recording import WINDOW_COUNT

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


def model_overview() -> Json:
    """Return the dashboard that alerts link to."""
    kept = v.carried("datasource", "cluster", "namespace", "model", "version", "window")
    column = f"/d/{UID}/{NAME}?{kept}&var-column=${{__value.text:percentencode}}"
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
        "annotations": {"list": happened()},
        "links": [],
        "panels": laid_out(
            [
                Row(title="State", panels=state.state()),
                Row(title="Columns", panels=columns.columns(column)),
                Row(title="Service", panels=service.service()),
                Row(title="Predictions", panels=service.predictions()),
                Row(title="Drift", panels=columns.drift()),
                Row(title="Data quality", panels=columns.quality()),
                Row(title="Column $column", panels=columns.column()),
                Row(title="Performance", panels=performance.performance(), collapsed=True),
                Row(title="Process", panels=process.process(), collapsed=True),
                Row(title="Cost", panels=cost.cost(), collapsed=True),
                Row(title="Exporter", panels=exporter.exporter()),
            ]
        ),
    }


def _variables() -> list[Json]:
    return [
        v.datasource(),
        v.of_place("cluster", "Cluster", "Cluster that the model runs in.", MODEL_INFO.name),
        v.of_place("namespace", "Namespace", "Namespace that the model runs in.", select(MODEL_INFO.name, *CLUSTER)),
        v.of_label("model", "Model", "The model.", select(MODEL_INFO.name, *PLACE)),
        v.of_result("version", "Version", "Version of the model: the newest that is served, then older ones.", _versions()),
        v.of_label("window", "Window", "Span of production that is compared.", WINDOW_PREDICTIONS.where(*VERSION)),
        v.of_result("column", "Column", "Column that is shown in detail; the worst first.", _columns()),
        v.of_name(
            "measure",
            "Measure",
            "Measure of performance that is shown in detail; the worst first.",
            performance.worst_measures(),
            "model:model_(.*):[a-z]+",
        ),
        v.of_result("class", "Class", "Class that the measure is of; the worst first.", performance.worst_classes()),
        v.chosen("worst", "column", "The worst columns of the time range.", columns.worst_columns()),
    ]


def _versions() -> str:
    """Return the model's versions in the time range: those that are served now, and of these the newest first."""
    sizes = WINDOW_COUNT.where(*MODEL, segment="all")
    first_seen = f"min by (version) (min_over_time({VERSION_FIRST_SEEN.where(*MODEL)}[$__range]))"
    # Served is what the shortest window holds predictions of; where no exporter answers, what it last held.
    before = f"min by (version) (last_over_time({sizes}[$__range])) unless on () count({sizes})"
    served = f"((min by (version) ({sizes}) or {before}) > bool 0)"
    once = f"max by (version) (max_over_time({sizes}[$__range])) > 0"
    newest = f"({first_seen} and on (version) {once})"
    return f"sort_desc({newest} + on (version) 1e10 * {served} or on (version) {newest})"


def _columns() -> str:
    """Return the columns in the time range: the worst now first; where no exporter answers, the worst of the range."""
    badness = BADNESS.where(*WINDOW)
    before = f"max by (column) (max_over_time({badness}[$__range])) unless on () count({badness})"
    there = f"max by (column) (max_over_time({BIN_SHARE.where(*WINDOW)}[$__range])) * 0"
    return f"sort_desc(max by (column) ({badness}) or {before} or on (column) {there})"
