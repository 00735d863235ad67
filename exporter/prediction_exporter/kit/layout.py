"""Where a dashboard's panels stand: rows, open or closed, and panels from left to right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import Panel

#: Width of a dashboard in grid units.
COLUMNS = 24


def laid_out(rows: Sequence[tuple[str, Sequence[Panel]]], *, collapsed: Collection[str] = ()) -> list[Json]:
    """Return rows of panels with identifiers and places: from left to right, and on where the width is full.

    A row whose title is among ``collapsed`` is closed, and its panels ask nothing until somebody opens it.
    """
    placed: list[Json] = []
    y = number = 0
    for title, panels in rows:
        number += 1
        row: Json = {
            "type": "row",
            "title": title,
            "collapsed": title in collapsed,
            "panels": [],
            "id": number,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }
        placed.append(row)
        into = row["panels"] if title in collapsed else placed
        y += 1
        top, x, height = y, 0, 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            number += 1
            into.append({**panel.content, "id": number, "gridPos": place})
            x, height = x + panel.width, max(height, panel.height)
        y = top if title in collapsed else y + height
    return placed
