"""The dashboard of a model, which alerts open: is it healthy, and if not, where?"""

from __future__ import annotations

from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board, link
from prediction_exporter.kit.boards.model_columns import columns, drift, quality
from prediction_exporter.kit.boards.model_predictions import predictions
from prediction_exporter.kit.boards.model_state import state
from prediction_exporter.kit.layout import Row

#: Variables that a link to another dashboard of the same model keeps.
KEPT = ("datasource", "cluster", "namespace", "owner", "model", "version", "window")


def board() -> Board:
    """Return the dashboard."""
    column = link("column", *KEPT, column="${__value.text:percentencode}")
    return Board(
        name="model",
        title="Model",
        question="Is this model healthy, and if not, where?",
        variables=[*choices.places(), choices.model(), choices.version(), choices.window(), choices.worst()],
        annotations=happened(),
        rows=[
            Row(title="State", panels=state()),
            Row(title="Columns", panels=columns(column)),
            Row(title="Predictions", panels=predictions()),
            Row(title="Drift", panels=drift()),
            Row(title="Data quality", panels=quality(), collapsed=True),
        ],
    )
