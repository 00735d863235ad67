"""Statistics: the series of every statistic, and why one is absent."""

from __future__ import annotations

from prediction_exporter.families import MODEL, WINDOW, Family
from prediction_exporter.statistics import STATISTICS

STATISTIC_STATUS = Family(
    name="model_statistic_status",
    type="gauge",
    labels=(*WINDOW, "statistic", "reason"),
    group="window",
    help="Columns for which the statistic has this status: ok, or the reason why its value is absent.",
)

EVALUATION_DURATION = Family(
    name="prediction_exporter_evaluation_duration_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Time the last evaluation of the model's statistics took.",
)


#: In the order of exposition.
FAMILIES: tuple[Family, ...] = (
    STATISTIC_STATUS,
    EVALUATION_DURATION,
    *(family for statistic in STATISTICS for family in statistic.families),
)
