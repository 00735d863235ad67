"""What the window is compared with on the dashboard of a column: the baseline, or what was there some days before."""

from __future__ import annotations

from prediction_exporter.kit import figures
from prediction_exporter.kit.boards.choices import LONG_AGO
from prediction_exporter.kit.boards.selectors import COLUMN
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import Panel

#: What was there the chosen number of days before; where the baseline is chosen, there is nothing.
BEFORE = figures.chosen(*COLUMN, around=lambda series: f"{series} offset ${{compare}}d")
#: Matches where days are chosen, and not the baseline.
SOME_DAYS = f"on () (vector(${{compare}}) < {LONG_AGO})"
#: What a series is called that was there then, before it gets the words for what is chosen.
THEN = "before"
#: The words for what is chosen.
CHOSEN = "${compare:text}"


def called(panel: Panel, series: str, name: str, *looks: Json) -> None:
    """Give a series of a panel a name with the words for what is chosen, and looks of its own."""
    properties = [{"id": "displayName", "value": name}, *looks]
    panel.content["fieldConfig"]["overrides"].append({"matcher": {"id": "byName", "options": series}, "properties": properties})
