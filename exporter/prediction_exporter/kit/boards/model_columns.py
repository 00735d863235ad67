"""Rows of the dashboard of a model on its columns: the worst first, drift, and data quality."""

from __future__ import annotations

from prediction_exporter.collectors.source import EVENTS_REJECTED
from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit import figures, looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.boards.choices import TOP
from prediction_exporter.kit.boards.selectors import (
    FEATURE,
    MODEL,
    WINDOW,
    WINDOWS,
    WORST,
    drifted,
    rate,
)
from prediction_exporter.kit.figures import (
    BADNESS,
    INVALID,
    MISSING,
    NON_FINITE,
    OUT_OF_RANGE,
    PSI,
    RECORDED_FROM,
    UNSEEN,
    Figure,
    values,
)
from prediction_exporter.kit.fleet import SHARED, total
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY, largest_of
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO

TOO_FEW = "no predictions in the window, or fewer than the model's least number"


def columns(link: str) -> list[Panel]:
    """Return the panels of the row; ``link`` leads to a column."""

    def multiple(*shares: Figure) -> str:
        # What is not recorded is as good as none.
        found = " or ".join(share.over.where(*WINDOW) for share in shares)
        return f"{found} or {BADNESS.where(*WINDOW)} * 0"

    invalid = largest_of(("column",), [multiple(INVALID), multiple(NON_FINITE)])
    # A column is a category or a number.
    unknown = multiple(UNSEEN, OUT_OF_RANGE)
    fields = (
        (BADNESS.where(*WINDOW), "worst of all", None),
        (PSI.over.where(*WINDOW), "PSI", None),
        (multiple(MISSING), "missing", None),
        (invalid, "invalid", None),
        (unknown, "unseen, out of range", None),
        (values(figures.chosen(*WINDOW)), "values", "short"),
    )
    return [
        t.table(
            "Columns, worst first",
            "What is watched of each column in the window, as multiples of its threshold: above 1 an alert fires in time. "
            "Invalid is the larger of wrong types and of NaN and infinities. A share below "
            f"{RECORDED_FROM:g} of its threshold is shown as 0. A click on a column shows it below.",
            *(t.Field(query=p.now(f"max by (column) ({expr})", name, table=True), unit=unit) for expr, name, unit in fields),
            over="column",
            link=link,
            sort_by="worst of all",
            first=250,
            width=24,
            height=12,
        ),
        p.timeline(
            "When was which column bad",
            f"The {TOP} worst columns of the time range: the largest of all that is watched of each, against its threshold.",
            Query(expr=f"max by (column) ({BADNESS.where(*WORST)})", legend="{{column}}"),
            width=24,
            height=8,
            no_data=TOO_FEW,
        ),
    ]


def drift() -> list[Panel]:
    """Return the panels of the row."""
    return [
        p.bars(
            "Largest PSI",
            "PSI divided by its threshold; from 1 on a feature counts as drifted, and a full bar is twice the threshold.",
            p.now(
                f"sort_desc(topk({TOP}, max by (column) ({PSI.over.where(*WINDOW, FEATURE)})))",
                "{{column}}",
            ),
            width=12,
            height=10,
            no_data=TOO_FEW,
        ),
        p.counts(
            p.timeseries(
                "Drifted features by window",
                "Number of features whose PSI is above its threshold.",
                Query(expr=drifted((*WINDOWS, FEATURE), "window"), legend="{{window}}"),
                unit="short",
                height=10,
                no_data=TOO_FEW,
            )
        ),
    ]


def _largest(share: Figure) -> str:
    """Return the share of the worst columns, chosen once for the range; of none that is as good as 0 over all of it."""
    worst = f"topk({TOP}, max by (column) (max_over_time({share.over.where(*WINDOW)}[$__range] @ end())))"
    shares = " ".join(share.value(figures.chosen(*WINDOW)).split())
    return f"max by (column) ({shares}) and on (column) {worst}"


def quality() -> list[Panel]:
    """Return the panels of the row."""

    def share(title: str, description: str, *shares: tuple[Figure, str], no_data: str = TOO_FEW) -> Panel:
        lines = [Query(expr=_largest(share), legend=f"{{{{column}}}}{suffix}") for share, suffix in shares]
        thresholds = [
            Query(
                expr=f"min({share.threshold(figures.chosen(*WINDOW))})",
                legend=f"lowest threshold{suffix}",
                role=looks.THRESHOLD,
            )
            for share, suffix in shares
        ]
        return p.timeseries(
            title,
            f"{description} The {TOP} worst columns of the time range, against their thresholds, and the lowest of these.",
            *lines,
            *thresholds,
            unit="percentunit",
            no_data=no_data,
        )

    outliers = OUTLIER_RATIO.family.where(*WINDOW)
    sizes = WINDOW_PREDICTIONS.where(*WINDOW)
    return [
        share("Missing values", "Share of predictions in which the column is absent or null.", (MISSING, "")),
        share(
            "Invalid values",
            "Share of predictions in which the column holds a wrong type, NaN or an infinity.",
            (INVALID, ""),
            (NON_FINITE, " NaN"),
        ),
        share(
            "Unseen categories",
            "Share of the column's values that the baseline does not hold.",
            (UNSEEN, ""),
            no_data="no categories in the window",
        ),
        share(
            "Values out of range",
            "Share of the column's values outside the baseline's range.",
            (OUT_OF_RANGE, ""),
            no_data="no numbers in the window",
        ),
        p.timeseries(
            "Predictions with outliers",
            "Share of predictions with at least one numeric feature outside the baseline's range.",
            Query(expr=f"sum({outliers} * {sizes}) / (sum({sizes}) > 0)", legend="outliers"),
            unit="percentunit",
            no_data=TOO_FEW,
        ),
        p.timeseries(
            "Refused lines or rows",
            "Lines or rows of the source that could not be used, a second, by reason.",
            Query(
                expr=(
                    f"{total((*MODEL_KEY, 'reason'), rate(EVENTS_REJECTED, MODEL), of='reason', shared=SHARED)} "
                    f"and on (reason) sum by (reason) (increase({EVENTS_REJECTED.where(*MODEL)}[$__range] @ end())) > 0"
                ),
                legend="{{reason}}",
            ),
            unit="cps",
            no_data="nothing was refused",
        ),
    ]
