"""The row of the dashboard of a model on what its statistics are made of."""

from __future__ import annotations

from prediction_exporter.collectors.source import EVENTS_REJECTED
from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.model_columns import TOO_FEW
from prediction_exporter.kit.boards.selectors import MODEL, WINDOW, rate
from prediction_exporter.kit.fleet import SHARED, total
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO


def sample() -> list[Panel]:
    """Return the panels of the row."""
    outliers = OUTLIER_RATIO.family.where(*WINDOW)
    sizes = WINDOW_PREDICTIONS.where(*WINDOW)
    refused = total((*MODEL_KEY, "reason"), rate(EVENTS_REJECTED, MODEL), of="reason", shared=SHARED)
    # Reasons that never were are no lines.
    once = f"sum by (reason) (increase({EVENTS_REJECTED.where(*MODEL)}[$__range] @ end())) > 0"
    return [
        p.timeseries(
            "Refused lines or rows",
            "Lines or rows of the source that could not be used, a second, by reason.",
            Query(expr=f"{refused} and on (reason) {once}", legend="{{reason}}"),
            unit="cps",
            no_data="nothing was refused, or no exporter answered",
        ),
        p.timeseries(
            "Predictions with outliers",
            "Share of predictions with at least one numeric feature outside the baseline's range.",
            Query(expr=f"sum({outliers} * {sizes}) / (sum({sizes}) > 0)", legend="outliers"),
            unit="percentunit",
            no_data=TOO_FEW,
        ),
    ]
