"""Metric families: every name that the exporter exposes exists once, as an object of this module or of a statistic.

Rules, dashboards, documentation and the golden list are written with these objects, so that renaming a family is one edit
and a misspelt one is an import error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FamilyType = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A metric family: name, type, help and label names, in the order of exposition.

    A counter's name ends in ``_total``. ``group`` is the heading that documentation puts it under.
    """

    name: str
    type: FamilyType
    help: str
    labels: tuple[str, ...]
    group: str

    def __str__(self) -> str:
        return self.name

    def where(self, *matchers: str, **equal: str) -> str:
        """Return a PromQL selector: ``FAMILY.where('code!="200"', model="m")``."""
        inner = ", ".join([*matchers, *(f'{label}="{value}"' for label, value in equal.items())])
        return f"{self.name}{{{inner}}}"


MODEL = ("model",)
VERSION = ("model", "version")
WINDOW = ("model", "version", "segment", "window")
COLUMN = (*WINDOW, "column", "role")
BASELINE_COLUMN = ("model", "column", "role")

# Traffic: counters since the exporter first saw the model, kept over restarts.
REQUESTS = Family(
    name="model_requests_total",
    type="counter",
    labels=VERSION,
    group="traffic",
    help="Requests read from the model's source, failed ones included.",
)
REQUESTS_FAILED = Family(
    name="model_requests_failed_total",
    type="counter",
    labels=VERSION,
    group="traffic",
    help="Requests that failed: HTTP status 500 or above, or an error set in the status field.",
)
REQUESTS_SLOW = Family(
    name="model_requests_slow_total",
    type="counter",
    labels=VERSION,
    group="traffic",
    help="Requests that took longer than the latency objective.",
)
REQUEST_DURATION = Family(
    name="model_request_duration_seconds",
    type="histogram",
    labels=VERSION,
    group="traffic",
    help="Time the model server took for a request, as it wrote it down.",
)
PREDICTIONS = Family(
    name="model_predictions_total",
    type="counter",
    labels=(*VERSION, "class"),
    group="traffic",
    help="Predictions by predicted class; a class that the baseline does not hold is counted as other.",
)
PREDICTION_SCORE = Family(
    name="model_prediction_score",
    type="histogram",
    labels=(*VERSION, "column"),
    group="traffic",
    help="Scores of the predictions, as probability of the positive class or of the class that column names.",
)
PREDICTION_VALUE = Family(
    name="model_prediction_value",
    type="histogram",
    labels=VERSION,
    group="traffic",
    help="Predicted values of a regression model; the bucket bounds are deciles of the baseline.",
)

# Window: counts that add up over replicas, where each reads a source of its own.
WINDOW_PREDICTIONS = Family(
    name="model_window_predictions",
    type="gauge",
    labels=WINDOW,
    group="window",
    help="Predictions in the window, by event time. Additive over replicas with sources of their own.",
)
MIN_PREDICTIONS = Family(
    name="model_min_predictions",
    type="gauge",
    labels=MODEL,
    group="window",
    help="Fewest predictions that a window must have to be compared, as configured.",
)
WINDOW_BIN_PREDICTIONS = Family(
    name="model_window_bin_predictions",
    type="gauge",
    labels=(*COLUMN, "bin"),
    group="window",
    help=(
        "Predictions in the window by bin of the column; the bins are the baseline's. "
        "Additive over replicas with sources of their own."
    ),
)
BASELINE_BIN_RATIO = Family(
    name="model_baseline_bin_ratio",
    type="gauge",
    labels=(*BASELINE_COLUMN, "bin"),
    group="window",
    help="Share of the baseline's values in the bin, smoothed as (count + 0.5) / (rows + 0.5 * bins).",
)
BASELINE_PREDICTIONS = Family(
    name="model_baseline_predictions",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="window",
    help="Rows of the baseline that hold a value in the column.",
)
BASELINE_INFO = Family(
    name="model_baseline_info",
    type="gauge",
    labels=("model", "baseline"),
    group="window",
    help="Content hash of the baseline in use; replicas of one model must agree on it. Always 1.",
)
BASELINE_CREATED = Family(
    name="model_baseline_created_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="window",
    help="When the baseline file was built, as Unix time.",
)
STATISTIC_STATUS = Family(
    name="model_statistic_status",
    type="gauge",
    labels=(*WINDOW, "statistic", "reason"),
    group="window",
    help="Columns for which the statistic has this status: ok, or the reason why its value is absent.",
)

# Identity
MODEL_INFO = Family(
    name="model_info",
    type="gauge",
    labels=("model", "task", "framework", "training_data"),
    group="identity",
    help="What the model is, as its configuration says. Always 1.",
)
MODEL_OWNER_INFO = Family(
    name="model_owner_info",
    type="gauge",
    labels=("model", "area", "owner", "slack", "email"),
    group="identity",
    help="Who owns an area of the model's problems, and how to reach them. Always 1.",
)
MODEL_DEPENDENCY_INFO = Family(
    name="model_dependency_info",
    type="gauge",
    labels=("model", "package", "package_version"),
    group="identity",
    help="A package that the model server runs with, from its requirements file. Always 1.",
)
VERSION_FIRST_SEEN = Family(
    name="model_version_first_seen_timestamp_seconds",
    type="gauge",
    labels=VERSION,
    group="identity",
    help="Event time of the first request of this version that was read, as Unix time.",
)
SLO_OBJECTIVE = Family(
    name="model_slo_objective_ratio",
    type="gauge",
    labels=("model", "slo"),
    group="identity",
    help="Share of requests that must succeed (slo=availability) or be fast enough (slo=latency), as configured.",
)
SLO_LATENCY = Family(
    name="model_slo_latency_seconds",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Duration under which a request counts as fast enough, as configured.",
)

# The exporter itself
SOURCE_UP = Family(
    name="prediction_exporter_source_up",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="1 where the last read of the model's source succeeded, 0 where it failed.",
)
SOURCE_LAG = Family(
    name="prediction_exporter_source_lag_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Time since the newest event read; it grows while the source brings nothing new.",
)
SOURCE_UNREAD = Family(
    name="prediction_exporter_source_unread_bytes",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Bytes of the model's log or files that are known and not yet read; a table tells none.",
)
SOURCE_SHARED = Family(
    name="prediction_exporter_source_shared",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Whether several exporters read the model's source, which fleet rules then count once.",
)
EVENTS = Family(
    name="prediction_exporter_events_total",
    type="counter",
    labels=MODEL,
    group="exporter",
    help="Lines or rows read from the model's source and used.",
)
EVENTS_REJECTED = Family(
    name="prediction_exporter_events_rejected_total",
    type="counter",
    labels=("model", "reason"),
    group="exporter",
    help="Lines or rows read from the model's source and refused, by reason.",
)
EVALUATION_DURATION = Family(
    name="prediction_exporter_evaluation_duration_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Time the last evaluation of the model's statistics took.",
)
LAST_SUCCESS = Family(
    name="prediction_exporter_last_success_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="When the model's source was last read and its statistics evaluated without error, as Unix time.",
)
CONFIG_RELOAD_SUCCESSFUL = Family(
    name="prediction_exporter_config_last_reload_successful",
    type="gauge",
    labels=(),
    group="exporter",
    help="1 where the last load of the configuration succeeded, 0 where it failed and the former one is still in use.",
)
CONFIG_RELOAD_TIME = Family(
    name="prediction_exporter_config_last_reload_success_timestamp_seconds",
    type="gauge",
    labels=(),
    group="exporter",
    help="When the configuration in use was loaded, as Unix time.",
)
SERIES = Family(
    name="prediction_exporter_series",
    type="gauge",
    labels=(),
    group="exporter",
    help="Series in the snapshot that is being served.",
)
SERIES_LIMIT = Family(
    name="prediction_exporter_series_limit",
    type="gauge",
    labels=(),
    group="exporter",
    help="Most series that the configuration allows.",
)
BUILD_INFO = Family(
    name="prediction_exporter_build_info",
    type="gauge",
    labels=("version", "pythonversion"),
    group="exporter",
    help="Version of the exporter and of the Python that runs it. Always 1.",
)

#: Every family that no statistic declares, in the order of exposition.
CORE_FAMILIES: tuple[Family, ...] = (
    REQUESTS,
    REQUESTS_FAILED,
    REQUESTS_SLOW,
    REQUEST_DURATION,
    PREDICTIONS,
    PREDICTION_SCORE,
    PREDICTION_VALUE,
    WINDOW_PREDICTIONS,
    MIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
    BASELINE_BIN_RATIO,
    BASELINE_PREDICTIONS,
    BASELINE_INFO,
    BASELINE_CREATED,
    STATISTIC_STATUS,
    MODEL_INFO,
    MODEL_OWNER_INFO,
    MODEL_DEPENDENCY_INFO,
    VERSION_FIRST_SEEN,
    SLO_OBJECTIVE,
    SLO_LATENCY,
    SOURCE_UP,
    SOURCE_LAG,
    SOURCE_UNREAD,
    SOURCE_SHARED,
    EVENTS,
    EVENTS_REJECTED,
    EVALUATION_DURATION,
    LAST_SUCCESS,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIME,
    SERIES,
    SERIES_LIMIT,
    BUILD_INFO,
)
