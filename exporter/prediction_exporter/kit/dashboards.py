"""Dashboards: those of the fleet, of a model and its parts, and of the exporters, as files that Grafana loads."""

from __future__ import annotations

import json

from prediction_exporter.kit.boards import column, cost, exporter, fleet, model, performance, service
from prediction_exporter.kit.boards.board import Board

FOLDER = "grafana/dashboards"

#: All dashboards, the most general first.
BOARDS: tuple[Board, ...] = (
    fleet.board(),
    model.board(),
    column.board(),
    performance.board(),
    service.board(),
    cost.board(),
    exporter.board(),
)


def file_of(board: Board) -> str:
    """Return the path of a dashboard's file in the kit."""
    return f"{FOLDER}/{board.name}.json"


def dashboards(indent: int = 2) -> dict[str, str]:
    """Return the dashboards by path; with less ``indent`` they are shorter by a tenth for each space."""
    return {file_of(board): json.dumps(board.content(), indent=indent, ensure_ascii=False) + "\n" for board in BOARDS}
