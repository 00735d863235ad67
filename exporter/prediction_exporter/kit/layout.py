"""Rows of a dashboard, and where their panels stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import Panel

#: Width of a dashboard in grid units.
COLUMNS = 24


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of panels.

    Attributes:
        title: of the row.
        panels: from left to right, and on where the width is full.
        collapsed: whether it is opened by a click: its queries are not asked before.
    """

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


def laid_out(rows: Sequence[Row]) -> list[Json]:
    """Return rows of panels with identifiers and places; those of a collapsed row are within it."""
    placed: list[Json] = []
    number = y = 0
    for row in rows:
        number += 1
        head: Json = {
            "type": "row",
            "title": row.title,
            "collapsed": row.collapsed,
            "panels": [],
            "id": number,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }
        placed.append(head)
        inside = head["panels"] if row.collapsed else placed
        y += 1
        x, height, below = 0, 0, y
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, below, height = 0, below + height, 0
            number += 1
            place = {"x": x, "y": below, "w": panel.width, "h": panel.height}
            inside.append({**panel.content, "id": number, "gridPos": place})
            x, height = x + panel.width, max(height, panel.height)
        y = y if row.collapsed else below + height
    return placed
