"""Windows: counts that add up over replicas, where each reads a source of its own, and the baseline beside them."""

from __future__ import annotations

from prediction_exporter.families import BASELINE_COLUMN, COLUMN, MODEL, WINDOW, Family

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


#: In the order of exposition.
FAMILIES: tuple[Family, ...] = (
    WINDOW_PREDICTIONS,
    MIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
    BASELINE_BIN_RATIO,
    BASELINE_PREDICTIONS,
    BASELINE_INFO,
    BASELINE_CREATED,
)
