"""Alerts, one file each: the rules, their texts, their runbook and their tests.

To add one, write its module, and add one line here.
"""

from __future__ import annotations

from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.broad_change import BROAD_CHANGE
from prediction_exporter.kit.alerts.collector_failed import COLLECTOR_FAILED
from prediction_exporter.kit.alerts.config_reload_failed import CONFIG_RELOAD_FAILED
from prediction_exporter.kit.alerts.error_budget_burn import ERROR_BUDGET_BURN
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.feature_drift import FEATURE_DRIFT
from prediction_exporter.kit.alerts.field_not_found import FIELD_NOT_FOUND
from prediction_exporter.kit.alerts.freshness_budget_burn import FRESHNESS_BUDGET_BURN
from prediction_exporter.kit.alerts.invalid_values import INVALID_VALUES
from prediction_exporter.kit.alerts.label_coverage_low import LABEL_COVERAGE_LOW
from prediction_exporter.kit.alerts.label_drift import LABEL_DRIFT
from prediction_exporter.kit.alerts.labels_given_up import LABELS_GIVEN_UP
from prediction_exporter.kit.alerts.labels_late import LABELS_LATE
from prediction_exporter.kit.alerts.latency_budget_burn import LATENCY_BUDGET_BURN
from prediction_exporter.kit.alerts.lines_rejected import LINES_REJECTED
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.alerts.model_cost_anomaly import MODEL_COST_ANOMALY
from prediction_exporter.kit.alerts.model_cost_overrun import MODEL_COST_OVERRUN
from prediction_exporter.kit.alerts.model_cost_unknown import MODEL_COST_UNKNOWN
from prediction_exporter.kit.alerts.model_cpu_throttled import MODEL_CPU_THROTTLED
from prediction_exporter.kit.alerts.model_exporter_restarts import MODEL_EXPORTER_RESTARTS
from prediction_exporter.kit.alerts.model_gone import MODEL_GONE
from prediction_exporter.kit.alerts.model_log_volume_filling import MODEL_LOG_VOLUME_FILLING
from prediction_exporter.kit.alerts.model_memory_near_limit import MODEL_MEMORY_NEAR_LIMIT
from prediction_exporter.kit.alerts.model_open_files_near_limit import MODEL_OPEN_FILES_NEAR_LIMIT
from prediction_exporter.kit.alerts.model_process_down import MODEL_PROCESS_DOWN
from prediction_exporter.kit.alerts.model_process_restarts import MODEL_PROCESS_RESTARTS
from prediction_exporter.kit.alerts.model_replicas_missing import MODEL_REPLICAS_MISSING
from prediction_exporter.kit.alerts.model_rules_late import MODEL_RULES_LATE
from prediction_exporter.kit.alerts.model_saturated import MODEL_SATURATED
from prediction_exporter.kit.alerts.model_server_unseen import MODEL_SERVER_UNSEEN
from prediction_exporter.kit.alerts.model_source_empty import MODEL_SOURCE_EMPTY
from prediction_exporter.kit.alerts.model_state_damaged import MODEL_STATE_DAMAGED
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.out_of_range_values import OUT_OF_RANGE_VALUES
from prediction_exporter.kit.alerts.performance_drop import PERFORMANCE_DROP
from prediction_exporter.kit.alerts.prediction_drift import PREDICTION_DRIFT
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.alerts.statistic_failed import STATISTIC_FAILED
from prediction_exporter.kit.alerts.unseen_categories import UNSEEN_CATEGORIES
from prediction_exporter.kit.alerts.widespread_drift import WIDESPREAD_DRIFT

#: Every alert, in the order of documentation.
ALERTS: tuple[Alert, ...] = (
    NO_PREDICTIONS,
    ERROR_BUDGET_BURN,
    LATENCY_BUDGET_BURN,
    FRESHNESS_BUDGET_BURN,
    MODEL_SATURATED,
    MODEL_REPLICAS_MISSING,
    MODEL_PROCESS_DOWN,
    MODEL_PROCESS_RESTARTS,
    MODEL_MEMORY_NEAR_LIMIT,
    MODEL_CPU_THROTTLED,
    MODEL_OPEN_FILES_NEAR_LIMIT,
    EXPORTER_DOWN,
    MODEL_EXPORTER_RESTARTS,
    MODEL_GONE,
    SOURCE_STALE,
    MODEL_SOURCE_EMPTY,
    MODEL_LOG_VOLUME_FILLING,
    MODEL_SERVER_UNSEEN,
    MODEL_RULES_LATE,
    CONFIG_RELOAD_FAILED,
    COLLECTOR_FAILED,
    MODEL_STATE_DAMAGED,
    STATISTIC_FAILED,
    BASELINE_MISMATCH,
    LINES_REJECTED,
    FIELD_NOT_FOUND,
    MISSING_VALUES,
    INVALID_VALUES,
    OUT_OF_RANGE_VALUES,
    UNSEEN_CATEGORIES,
    WIDESPREAD_DRIFT,
    BROAD_CHANGE,
    PREDICTION_DRIFT,
    FEATURE_DRIFT,
    PERFORMANCE_DROP,
    LABELS_LATE,
    LABEL_COVERAGE_LOW,
    LABELS_GIVEN_UP,
    LABEL_DRIFT,
    MODEL_COST_OVERRUN,
    MODEL_COST_ANOMALY,
    MODEL_COST_UNKNOWN,
)
