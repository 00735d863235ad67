"""The dashboard of a column: what changed in it, and since when."""

from __future__ import annotations

from prediction_exporter.collectors.windows import WINDOW_BIN_PREDICTIONS
from prediction_exporter.kit import figures, looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.model_columns import TOO_FEW
from prediction_exporter.kit.boards.selectors import COLUMN
from prediction_exporter.kit.figures import BIN_SHARE, PSI, baseline_bins, expected_bins, psi_noise_floor
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.statistics.mean import MEAN
from prediction_exporter.statistics.quantile import QUANTILE


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="column",
        title="Column",
        question="What changed in this column, since when, and for whom?",
        variables=[*choices.places(), choices.model(), choices.version(), choices.window(), choices.column()],
        annotations=happened(),
        rows=[Row(title="Column $column", panels=column())],
    )


def column() -> list[Panel]:
    """Return the panels of the row."""
    of = figures.chosen(*COLUMN)
    counts = f"sum without (bin) ({WINDOW_BIN_PREDICTIONS.where(*COLUMN)})"

    def line(expr: str, name: str, role: looks.Role) -> Query:
        return Query(expr=f"max({' '.join(expr.split())})", legend=name, role=role)

    return [
        t.histogram(
            "Distribution",
            "Share of each bin, in the window and in the baseline; of a column that has a season, in its same hours. "
            "The bins are the baseline's; other takes unseen categories.",
            p.now(
                f"max by (bin) ({expected_bins(of)}) or on (bin) max by (bin) ({baseline_bins(of)})",
                "baseline",
                table=True,
                role=looks.BASELINE,
            ),
            p.now(f"max by (bin) ({BIN_SHARE.where(*COLUMN)})", "window", table=True, role=looks.WINDOW),
            over="bin",
            unit="percentunit",
            width=12,
            height=9,
        ),
        p.timeseries(
            "PSI",
            "PSI of the column with what an alert compares it with, and what it reads without any drift at this sample size.",
            line(PSI.value(of), "PSI", looks.WINDOW),
            line(PSI.threshold(of), "threshold", looks.THRESHOLD),
            line(psi_noise_floor(of), "noise floor", looks.NOISE),
            unit="short",
            decimals=3,
            height=9,
            no_data=TOO_FEW,
        ),
        p.free_scale(
            p.timeseries(
                "Mean",
                "Mean of a numeric column, of all replicas together.",
                Query(
                    expr=f"sum({MEAN.family.where(*COLUMN)} * {counts}) / (sum({counts}) > 0)",
                    legend="mean",
                    role=looks.WINDOW,
                ),
                unit="short",
                no_data="no numbers in the window",
            )
        ),
        p.free_scale(
            p.timeseries(
                "Quantiles by replica",
                "Quantiles of a numeric column on each replica; unlike counts they cannot be added up.",
                Query(expr=QUANTILE.family.where(*COLUMN), legend="{{q}} {{instance}}"),
                unit="short",
                no_data="no numbers in the window",
            )
        ),
    ]
