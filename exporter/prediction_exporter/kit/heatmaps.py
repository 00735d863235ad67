"""Heatmaps: how the buckets of a histogram fill over time."""

from __future__ import annotations

from prediction_exporter.kit.looks import NO_DATA, WINDOW, Json
from prediction_exporter.kit.panels import Panel, Query, panel_of


def heatmap(title: str, description: str, query: Query, *, unit: str, width: int, height: int, no_data: str = NO_DATA) -> Panel:
    """Return a heatmap of a query whose series are a histogram's buckets, told apart by ``le``; ``unit`` is of its values."""
    options: Json = {
        "calculate": False,
        "color": {
            # Not by a scheme: it would be turned round where the theme is dark.
            "mode": "opacity",
            "scheme": "Blues",
            "fill": WINDOW.color,
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "cellGap": 1,
        "filterValues": {"le": 1e-9},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
        "exemplars": {"color": "text"},
    }
    panel = panel_of(
        "heatmap", title, description, [query], unit="short", width=width, height=height, options=options, no_data=no_data
    )
    panel.content["targets"][0]["format"] = "heatmap"
    return panel
