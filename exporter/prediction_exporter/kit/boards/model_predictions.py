"""The row of the dashboard of a model on what it predicts."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import PREDICTION_SCORE, PREDICTIONS
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.model_columns import TOO_FEW
from prediction_exporter.kit.boards.selectors import OUTPUT, VERSION, WINDOW, WINDOWS, rate
from prediction_exporter.kit.figures import PSI
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.recording import WINDOW_COUNT


def predictions() -> list[Panel]:
    """Return the panels of the row."""
    drift = PSI.over.where(*WINDOW, OUTPUT)
    return [
        p.timeseries(
            "Predicted classes",
            "Share of each class among this version's predictions; classes that the baseline does not hold are other.",
            Query(
                expr=(
                    f"sum by (class) ({rate(PREDICTIONS, VERSION)})"
                    f" / on () group_left () (sum({rate(PREDICTIONS, VERSION)}) > 0)"
                ),
                legend="{{class}}",
            ),
            unit="percentunit",
            maximum=1,
        ),
        p.timeseries(
            "Scores",
            "Quantiles of this version's scores, interpolated within the buckets.",
            *(
                Query(
                    expr=(f"histogram_quantile({q}, sum by (le, column) ({rate(f'{PREDICTION_SCORE}_bucket', VERSION)}))"),
                    legend=f"p{q * 100:.0f} {{{{column}}}}",
                )
                for q in (0.1, 0.5, 0.9)
            ),
            unit="percentunit",
            maximum=1,
        ),
        p.counts(
            p.timeseries(
                "Predictions in the window",
                "The size of the sample, all replicas together.",
                Query(expr=f"sum by (window) ({WINDOW_COUNT.where(*WINDOWS)})", legend="{{window}}"),
                unit="short",
            )
        ),
        p.multiples(
            p.timeseries(
                "Drift of predictions and scores",
                "PSI of what the model predicts, against the baseline, as a multiple of its threshold.",
                Query(
                    expr=f"max by (column) ({drift})",
                    legend="{{column}}",
                ),
                unit="",
                no_data=TOO_FEW,
            )
        ),
    ]
