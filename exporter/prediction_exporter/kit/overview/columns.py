"""Rows on drift, on data quality, and on one column."""

from __future__ import annotations

from prediction_exporter.collectors.source import EVENTS_REJECTED
from prediction_exporter.collectors.windows import WINDOW_BIN_PREDICTIONS, WINDOW_PREDICTIONS
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.overview.labels import COLUMN, FEATURE, MODEL, VERSION, WINDOW, drifted, rate
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY, Recorded
from prediction_exporter.kit.recording import (
    BASELINE_BIN,
    BIN_SHARE,
    COLUMN_COUNT,
    INVALID,
    MISSING,
    NON_FINITE,
    OUT_OF_RANGE,
    PSI_FLEET,
    PSI_NOISE_FLOOR,
    PSI_THRESHOLD,
    UNSEEN,
    WINDOW_COUNT,
    FleetShare,
)
from prediction_exporter.statistics.mean import MEAN
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO
from prediction_exporter.statistics.quantile import QUANTILE

#: Columns that a panel shows at most.
TOP = 10


def drift() -> list[Panel]:
    """Return the panels of the row."""

    def by_column(series: Recorded, name: str) -> Query:
        return Query(expr=f"max by (column) ({series.where(**WINDOW)})", legend=name, instant=True, table=True)

    shares = ((MISSING, "missing"), (INVALID, "invalid"), (NON_FINITE, "NaN, Inf"), (OUT_OF_RANGE, "out of range"))
    columns = (
        by_column(PSI_FLEET, "PSI"),
        by_column(PSI_THRESHOLD, "threshold"),
        by_column(PSI_NOISE_FLOOR, "noise floor"),
        by_column(COLUMN_COUNT, "values"),
        *(by_column(share.fleet, name) for share, name in (*shares, (UNSEEN, "unseen"))),
    )
    return [
        p.bars(
            "Largest PSI against its threshold",
            "PSI divided by its threshold; from 1 on a feature counts as drifted.",
            Query(
                expr=f"sort_desc(topk({TOP}, {PSI_FLEET.where(**FEATURE)} / {PSI_THRESHOLD.where(**FEATURE)}))",
                legend="{{column}}",
                instant=True,
            ),
            unit="short",
            width=8,
            height=10,
        ),
        p.table(
            "Columns",
            "What is known of each column in the window. The noise floor is what PSI reads without any drift, by sampling.",
            *columns,
            over="column",
            units=("short", "short", "short", "short", *["percentunit"] * (len(columns) - 4)),
            sort_by="PSI",
            width=16,
            height=10,
        ),
        p.timeseries(
            "Drifted features by window",
            "Number of features whose PSI is above its threshold.",
            Query(expr=drifted(" by (window)", **{**VERSION, "segment": "all", "role": "feature"}), legend="{{window}}"),
            unit="short",
            width=12,
        ),
        p.timeseries(
            "Predictions in the window",
            "The size of the sample, all replicas together.",
            Query(expr=WINDOW_COUNT.where(**VERSION, segment="all"), legend="{{window}}"),
            unit="short",
            width=12,
        ),
    ]


def quality() -> list[Panel]:
    """Return the panels of the row."""

    def share(title: str, description: str, *shares: tuple[FleetShare, str]) -> Panel:
        queries = [
            Query(expr=f"topk({TOP}, {share.fleet.where(**WINDOW)})", legend=f"{{{{column}}}}{suffix}")
            for share, suffix in shares
        ]
        least = f"min({shares[0][0].threshold.where(**WINDOW)})"
        return p.timeseries(
            title,
            f"{description} The {TOP} columns with the largest share, and the lowest of their thresholds.",
            *queries,
            Query(expr=least, legend="lowest threshold"),
            unit="percentunit",
            limits=("lowest threshold",),
        )

    outliers = OUTLIER_RATIO.family.where(**WINDOW)
    sizes = WINDOW_PREDICTIONS.where(**WINDOW)
    return [
        share("Missing values", "Share of predictions in which the column is absent or null.", (MISSING, "")),
        share(
            "Invalid values",
            "Share of predictions in which the column holds a wrong type, NaN or an infinity.",
            (INVALID, ""),
            (NON_FINITE, " NaN, Inf"),
        ),
        share("Unseen categories", "Share of the column's values that the baseline does not hold.", (UNSEEN, "")),
        share("Values out of range", "Share of the column's values outside the baseline's range.", (OUT_OF_RANGE, "")),
        p.timeseries(
            "Predictions with outliers",
            "Share of predictions with at least one numeric feature outside the baseline's range.",
            Query(expr=f"sum({outliers} * {sizes}) / (sum({sizes}) > 0)", legend="outliers"),
            unit="percentunit",
        ),
        p.timeseries(
            "Refused lines or rows",
            "Lines or rows of the source that could not be used, a second, by reason.",
            Query(expr=total((*MODEL_KEY, "reason"), rate(EVENTS_REJECTED, **MODEL), of="reason"), legend="{{reason}}"),
            unit="cps",
        ),
    ]


def column() -> list[Panel]:
    """Return the panels of the row."""
    baseline = BASELINE_BIN.where(**MODEL, column="$column")
    values = f"sum without (bin) ({WINDOW_BIN_PREDICTIONS.where(**COLUMN)})"
    return [
        p.histogram(
            "Distribution",
            "Share of each bin, in the window and in the baseline. The bins are the baseline's; other takes unseen categories.",
            Query(expr=f"max by (bin) ({baseline})", legend="baseline", instant=True, table=True),
            Query(expr=f"max by (bin) ({BIN_SHARE.where(**COLUMN)})", legend="window", instant=True, table=True),
            over="bin",
            unit="percentunit",
            width=12,
            height=9,
        ),
        p.timeseries(
            "PSI",
            "PSI of the column with what an alert compares it with, and what it reads without any drift at this sample size.",
            *(
                Query(expr=f"max({series.where(**COLUMN)})", legend=name)
                for series, name in ((PSI_FLEET, "PSI"), (PSI_THRESHOLD, "threshold"), (PSI_NOISE_FLOOR, "noise floor"))
            ),
            unit="short",
            limits=("threshold", "noise floor"),
            width=12,
            height=9,
        ),
        p.free_scale(
            p.timeseries(
                "Mean",
                "Mean of a numeric column, of all replicas together.",
                Query(
                    expr=f"sum({MEAN.family.where(**COLUMN)} * {values}) / (sum({values}) > 0)",
                    legend="mean",
                ),
                unit="short",
                width=12,
            )
        ),
        p.free_scale(
            p.timeseries(
                "Quantiles by replica",
                "Quantiles of a numeric column on each replica; unlike counts they cannot be added up.",
                Query(expr=QUANTILE.family.where(**COLUMN), legend="{{q}} {{instance}}"),
                unit="short",
                width=12,
            )
        ),
    ]
