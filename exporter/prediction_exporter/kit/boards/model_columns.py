"""Rows of the dashboard of a model on its columns: the worst first, and what was wrong with them when."""

from __future__ import annotations

from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit import figures
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.boards.choices import TOP
from prediction_exporter.kit.boards.selectors import FEATURE, WINDOW, WINDOWS, WORST, drifted
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
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import largest_of
from prediction_exporter.kit.verdicts import leading
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO

TOO_FEW = "no predictions in the window, or fewer than the model's least number"


def columns(of_text: str, of_series: str) -> list[Panel]:
    """Return the panels of the row.

    Args:
        of_text: leads to the column that a cell of a table names.
        of_series: leads to the column of a series.
    """

    def multiple(*shares: Figure) -> str:
        # What is not recorded is as good as none.
        found = " or ".join(share.over.where(*WINDOW) for share in shares)
        return f"{found} or {BADNESS.where(*WINDOW)} * 0"

    def known(figure: str) -> str:
        # Of no column at all, there would be no column of the table that says so.
        return f"{figure} or {BADNESS.where(*WINDOW)} * (0 / 0)"

    invalid = largest_of(("column",), [multiple(INVALID), multiple(NON_FINITE)])
    # A column is a category or a number.
    unknown = multiple(UNSEEN, OUT_OF_RANGE)
    fields = (
        (BADNESS.where(*WINDOW), "worst of all", t.bars()),
        (known(PSI.over.where(*WINDOW)), "PSI", t.bars()),
        (multiple(MISSING), "missing", t.bars()),
        (invalid, "invalid", t.bars()),
        (unknown, "unseen, out of range", t.bars()),
        (known(values(figures.chosen(*WINDOW))), "values", {"unit": "short"}),
    )
    # Grafana has no words for strips of nothing: there is one that says it, without a value.
    none = 'label_replace(vector(0) / 0, "column", "none is compared", "", "")'
    compared = f"max_over_time({BADNESS.where(*WORST)}[$__range] @ end())"
    return [
        t.table(
            "Columns, worst first",
            "What is watched of each column in the window, as multiples of its threshold: above 1 an alert fires in time. "
            "Invalid is the larger of wrong types and of NaN and infinities. A share below "
            f"{RECORDED_FROM:g} of its threshold is shown as 0, and what cannot be compared as {t.NOTHING}. A click on a "
            "column shows it.",
            *(p.now(f"max by (column) ({expr})", name, table=True) for expr, name, _ in fields),
            cells=[
                t.Cell(name="column", label="column", width=250, link=("Show ${__value.text}", of_text)),
                *(t.Cell(name=name, look=look) for _, name, look in fields),
            ],
            sort_by=["worst of all"],
            height=12,
            no_data=TOO_FEW,
        ),
        leading(
            p.timeline(
                "When was which column bad",
                f"The {TOP} worst columns of the time range: the worst of all that is watched of each, against its threshold.",
                Query(
                    expr=f"max by (column) ({BADNESS.where(*WORST)}) or ({none} unless on () {compared})",
                    legend="{{column}}",
                ),
                width=24,
                height=8,
                no_data=TOO_FEW,
            ),
            "Show ${__field.labels.column}",
            of_series,
        ),
    ]


def _over(figure: Figure) -> str:
    """Return a multiple of the worst columns, of those of which it is more than nothing at some time of the range."""
    multiples = figure.over.where(*WORST)
    # What is no longer recorded is as good as none: without it, a legend would show the past as the last value.
    drawn = f"max by (column) ({multiples} or {BADNESS.where(*WORST)} * 0)"
    return f"{drawn} and on (column) max_over_time({multiples}[$__range] @ end())"


def over_time() -> list[Panel]:
    """Return the panels of the row on the worst columns over time: their drift, and what is bad about their values."""

    def graph(title: str, description: str, *watched: tuple[Figure, str], no_data: str = TOO_FEW) -> Panel:
        return p.multiples(
            p.timeseries(
                title,
                f"{description} Of the {TOP} worst columns of the time range, as multiples of their thresholds; what is below "
                f"{RECORDED_FROM:g} of these is drawn as 0.",
                *(Query(expr=_over(figure), legend=f"{{{{column}}}}{suffix}") for figure, suffix in watched),
                unit="",
                width=24,
                no_data=no_data,
            )
        )

    return [
        graph("PSI", "How far the column is from the baseline: 0 also where it cannot be compared.", (PSI, "")),
        graph(
            "Bad values",
            "Shares of predictions in which the column is absent or null, or holds a wrong type, NaN or infinity; and shares "
            "of its values that the baseline does not hold.",
            (MISSING, " missing"),
            (INVALID, " invalid"),
            (NON_FINITE, " NaN"),
            (UNSEEN, " unseen"),
            (OUT_OF_RANGE, " out of range"),
            no_data="next to nothing is bad, or the window has too few predictions",
        ),
        p.counts(
            p.timeseries(
                "Drifted features by window",
                "Number of features whose PSI is above its threshold.",
                Query(expr=drifted((*WINDOWS, FEATURE), "window"), legend="{{window}}"),
                unit="short",
                no_data=TOO_FEW,
            )
        ),
        _outliers(),
    ]


def _outliers() -> Panel:
    outliers, sizes = OUTLIER_RATIO.family.where(*WINDOW), WINDOW_PREDICTIONS.where(*WINDOW)
    return p.timeseries(
        "Predictions with outliers",
        "Share of predictions with at least one numeric feature outside the baseline's range.",
        Query(expr=f"sum({outliers} * {sizes}) / (sum({sizes}) > 0)", legend="outliers"),
        unit="percentunit",
        no_data=TOO_FEW,
    )
