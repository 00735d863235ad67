"""Traffic: what was asked and answered, as counters since the exporter first saw the model, kept over restarts."""

from __future__ import annotations

from prediction_exporter.families import VERSION, Family

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

VERSION_FIRST_SEEN = Family(
    name="model_version_first_seen_timestamp_seconds",
    type="gauge",
    labels=VERSION,
    group="identity",
    help="Event time of the first request of this version that was read, as Unix time.",
)


#: In the order of exposition.
FAMILIES: tuple[Family, ...] = (
    REQUESTS,
    REQUESTS_FAILED,
    REQUESTS_SLOW,
    REQUEST_DURATION,
    PREDICTIONS,
    PREDICTION_SCORE,
    PREDICTION_VALUE,
    VERSION_FIRST_SEEN,
)
