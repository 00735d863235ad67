"""Rows of the dashboard of a model on its columns: the worst first, and what was wrong with them when."""

from __future__ import annotations

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

    invalid = largest_of(("column",), [multiple(INVALID), multiple(NON_FINITE)])
    # A column is a category or a number.
    unknown = multiple(UNSEEN, OUT_OF_RANGE)
    fields = (
        (BADNESS.where(*WINDOW), "worst of all", t.bars()),
        (PSI.over.where(*WINDOW), "PSI", t.bars()),
        (multiple(MISSING), "missing", t.bars()),
        (invalid, "invalid", t.bars()),
        (unknown, "unseen, out of range", t.bars()),
        (values(figures.chosen(*WINDOW)), "values", {"unit": "short"}),
    )
    return [
        t.table(
            "Columns, worst first",
            "What is watched of each column in the window, as multiples of its threshold: above 1 an alert fires in time. "
            "Invalid is the larger of wrong types and of NaN and infinities. A share below "
            f"{RECORDED_FROM:g} of its threshold is shown as 0. A click on a column shows it.",
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
                Query(expr=f"max by (column) ({BADNESS.where(*WORST)})", legend="{{column}}"),
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
    """Return the panels of the row on the worst columns over time, one for each thing that is watched of them."""

    def graph(title: str, description: str, *watched: tuple[Figure, str], no_data: str = TOO_FEW) -> Panel:
        return p.multiples(
            p.timeseries(
                title,
                f"{description} Of the {TOP} worst columns of the time range, as multiples of their thresholds; what is below "
                f"{RECORDED_FROM:g} of these is drawn as 0.",
                *(Query(expr=_over(figure), legend=f"{{{{column}}}}{suffix}") for figure, suffix in watched),
                unit="",
                no_data=no_data,
            )
        )

    return [
        p.counts(
            p.timeseries(
                "Drifted features by window",
                "Number of features whose PSI is above its threshold.",
                Query(expr=drifted((*WINDOWS, FEATURE), "window"), legend="{{window}}"),
                unit="short",
                no_data=TOO_FEW,
            )
        ),
        graph("PSI", "How far the column is from the baseline: 0 also where it cannot be compared.", (PSI, "")),
        graph(
            "Missing values",
            "Share of predictions in which the column is absent or null.",
            (MISSING, ""),
            no_data="next to nothing is missing, or the window has too few predictions",
        ),
        graph(
            "Invalid values",
            "Share of predictions in which the column holds a wrong type, NaN or an infinity.",
            (INVALID, ""),
            (NON_FINITE, " NaN"),
            no_data="next to nothing is invalid, or the window has too few predictions",
        ),
        graph(
            "Unseen categories",
            "Share of the column's values that the baseline does not hold.",
            (UNSEEN, ""),
            no_data="next to nothing is unseen, or there are no categories in the window",
        ),
        graph(
            "Values out of range",
            "Share of the column's values outside the baseline's range.",
            (OUT_OF_RANGE, ""),
            no_data="next to nothing is out of range, or there are no numbers in the window",
        ),
    ]
