"""The dashboard of a column: what changed in it, since when, and for whom."""

from __future__ import annotations

from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.column_figures import figures_now
from prediction_exporter.kit.boards.column_history import attribution, drift, quality, slices, values
from prediction_exporter.kit.boards.column_shape import shape
from prediction_exporter.kit.boards.model import KEPT
from prediction_exporter.kit.boards.selectors import chosen
from prediction_exporter.kit.layout import Row


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="column",
        title="Column",
        question="What changed in this column, since when, and for whom?",
        variables=[
            *choices.places(),
            choices.model(),
            choices.version(),
            choices.segment(),
            choices.window(),
            choices.column(),
            choices.compare(),
        ],
        # Alerts about other columns are not drawn.
        annotations=happened(chosen("column").removesuffix("`") + "|`"),
        leads_to={"model": KEPT},
        rows=[
            Row(title="Column $column", panels=figures_now()),
            Row(title="Shape", panels=shape()),
            Row(title="Drift", panels=drift()),
            Row(title="Mean and quantiles", panels=values(), collapsed=True),
            Row(title="Data quality", panels=quality(), collapsed=True),
            Row(title="Attribution", panels=attribution(), collapsed=True),
            Row(title="Slices", panels=slices(), collapsed=True),
        ],
    )
