"""The dashboard of a model, which alerts open: whether it is healthy, and if not, where."""

from __future__ import annotations

from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board, link
from prediction_exporter.kit.boards.model_attribution import attribution
from prediction_exporter.kit.boards.model_columns import columns, over_time
from prediction_exporter.kit.boards.model_predictions import predictions
from prediction_exporter.kit.boards.model_service import service
from prediction_exporter.kit.boards.model_state import state
from prediction_exporter.kit.layout import Row

#: Variables that a link to another dashboard of the same model keeps.
_OF_MODEL = ("datasource", "cluster", "namespace", "owner", "model")
_OF_VERSION = (*_OF_MODEL, "version")
KEPT = (*_OF_VERSION, "window")


def board() -> Board:
    """Return the dashboard."""
    links = {
        "exporter": link("exporter", *_OF_MODEL),
        "service": link("service", *_OF_VERSION),
        "performance": link("performance", *KEPT),
    }
    of_text, of_series = (
        link("column", *KEPT, column=f"${{{where}:percentencode}}") for where in ("__value.text", "__field.labels.column")
    )
    return Board(
        name="model",
        title="Model",
        question="Is this model healthy, and if not, where?",
        variables=[*choices.places(), choices.model(), choices.version(), choices.window(), choices.worst()],
        annotations=happened(),
        rows=[
            Row(title="Now", panels=state(links)),
            Row(title="Columns", panels=columns(of_text, of_series)),
            Row(title="Predictions", panels=predictions()),
            Row(title="Columns over time", panels=over_time(), collapsed=True),
            Row(title="Attribution", panels=attribution(), collapsed=True),
            Row(title="Service", panels=service(), collapsed=True),
        ],
    )
