"""The pages that ``run`` serves to people: what the monitor knows, and the kit's runbooks.

This module is the only way to them, so that two requests that come first, at once, load them one after the other.
"""

from __future__ import annotations

import time

from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts.config_reload_failed import CONFIG_RELOAD_FAILED
from prediction_exporter.kit.alerts.feature_drift import FEATURE_DRIFT
from prediction_exporter.kit.alerts.field_not_found import FIELD_NOT_FOUND
from prediction_exporter.kit.alerts.invalid_values import INVALID_VALUES
from prediction_exporter.kit.alerts.labels_late import LABELS_LATE
from prediction_exporter.kit.alerts.lines_rejected import LINES_REJECTED
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.alerts.model_cost_overrun import MODEL_COST_OVERRUN
from prediction_exporter.kit.alerts.model_cost_unknown import MODEL_COST_UNKNOWN
from prediction_exporter.kit.alerts.model_process_down import MODEL_PROCESS_DOWN
from prediction_exporter.kit.alerts.out_of_range_values import OUT_OF_RANGE_VALUES
from prediction_exporter.kit.alerts.performance_drop import PERFORMANCE_DROP
from prediction_exporter.kit.alerts.prediction_drift import PREDICTION_DRIFT
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.alerts.statistic_failed import STATISTIC_FAILED
from prediction_exporter.kit.alerts.unseen_categories import UNSEEN_CATEGORIES
from prediction_exporter.kit.runbooks import served_runbook
from prediction_exporter.monitor.monitor import Monitor
from prediction_exporter.web.landing import Topic, render_page
from prediction_exporter.web.notes import NotesForm, host_of

__all__ = ["RUNBOOKS", "landing_page", "notes_form", "served_runbook"]

#: The alert whose runbook explains what the landing page says is wrong.
RUNBOOKS: dict[Topic, Alert] = {
    Topic.FEATURE_DRIFT: FEATURE_DRIFT,
    Topic.PREDICTION_DRIFT: PREDICTION_DRIFT,
    Topic.MISSING: MISSING_VALUES,
    Topic.INVALID: INVALID_VALUES,
    Topic.OUT_OF_RANGE: OUT_OF_RANGE_VALUES,
    Topic.UNSEEN: UNSEEN_CATEGORIES,
    Topic.FAILED: STATISTIC_FAILED,
    Topic.REFUSED: LINES_REJECTED,
    Topic.SOURCE: SOURCE_STALE,
    Topic.FIELD: FIELD_NOT_FOUND,
    Topic.PROBLEM: CONFIG_RELOAD_FAILED,
    Topic.PROCESS: MODEL_PROCESS_DOWN,
    Topic.COST: MODEL_COST_OVERRUN,
    Topic.BILL: MODEL_COST_UNKNOWN,
    Topic.PERFORMANCE: PERFORMANCE_DROP,
    Topic.LABELS: LABELS_LATE,
}


def landing_page(monitor: Monitor, *, telemetry_path: str) -> bytes:
    """Return the landing page as of now."""
    notes = monitor.notes
    return render_page(
        list(monitor.reports.values()),
        monitor.config,
        now=time.time(),
        telemetry_path=telemetry_path,
        problem=monitor.problem,
        unwatched={model.name: monitor.switches.off(monitor.config, model) for model in monitor.config.models},
        polled=monitor.polled(),
        costs=monitor.costs,
        verdicts={} if notes is None else {model.name: notes.verdicts.of_model(model.name) for model in monitor.config.models},
        runbooks={topic: alert.name for topic, alert in RUNBOOKS.items()},
    )


def notes_form(monitor: Monitor, external_url: str | None) -> NotesForm:
    """Return the form of notes for the models of now."""
    config = monitor.config
    names = [model.name for model in config.models]
    return NotesForm(names, config.state_dir, host=host_of(external_url))
