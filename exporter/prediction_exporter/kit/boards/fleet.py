"""The dashboard of all models: what is broken now, whose it is, and what first."""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.selectors import OWNED
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="fleet",
        title="Fleet",
        question="What is broken now, whose is it, and what first?",
        variables=choices.places(),
        rows=[Row(title="State", panels=models())],
    )


def models() -> list[Panel]:
    """Return the panels of the row."""
    return [
        p.counts(
            p.stat(
                "Models",
                "Models that are watched.",
                p.now(f"count(count by (cluster, namespace, model) ({MODEL_OWNER_INFO.where(*OWNED)}))", "models"),
                unit="short",
            )
        )
    ]
