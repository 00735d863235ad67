"""Bins on panels: in their order, under names that people read.

Labels of bins of numbers are numbered, so that they sort, and have the brackets of an interval: ``3 [5600, 7300)``.
"""

from __future__ import annotations

from prediction_exporter.kit.looks import NO_DATA, WINDOW, Json
from prediction_exporter.kit.panels import Panel, Query, in_order_of, panel_of

BIN = "bin"
#: Shades of a heatmap.
_SHADES = 64

#: What labels of bins look like, as any engine of regular expressions reads it and without backslashes, and what they are
#: called: those at both ends, and those between.
NAMES = (
    ("^[0-9]+ [[]-Inf, (.+)[)]$", "below $1"),
    ("^[0-9]+ [[](.+), [+]Inf[)]$", "$1 or more"),
    ("^[0-9]+ [[](.+), (.+)[)]$", "$1 to $2"),
)


def named(panel: Panel) -> Panel:
    """Return a panel over bins, whose queries are joined by them, with their names."""
    mappings: list[Json] = [
        {"type": "regex", "options": {"pattern": f"/{pattern}/", "result": {"text": name, "index": index}}}
        for index, (pattern, name) in enumerate(NAMES)
    ]
    (of_bins,) = [each for each in panel.content["fieldConfig"]["overrides"] if each["matcher"]["options"] == BIN]
    of_bins["properties"].append({"id": "mappings", "value": mappings})
    return panel


def named_series(panel: Panel) -> Panel:
    """Return a panel whose series are bins, with their names."""
    steps: list[Json] = [
        {"id": "renameByRegex", "options": {"regex": f"/{pattern}/", "renamePattern": name}} for pattern, name in NAMES
    ]
    panel.content.setdefault("transformations", []).extend(steps)
    return panel


def in_order(panel: Panel) -> Panel:
    """Return a panel over bins with them in their order."""
    return in_order_of(panel, BIN, descending=False)


def largest_first(panel: Panel, *parts: str) -> Panel:
    """Return a panel over bins with those first of which some values add up to most."""
    total = "together"
    panel.content["transformations"].append(
        {
            "id": "calculateField",
            "options": {
                "mode": "reduceRow",
                "reduce": {"reducer": "sum", "include": list(parts)},
                "alias": total,
                "replaceFields": False,
            },
        }
    )
    in_order_of(panel, total, descending=True)
    panel.content["transformations"].append({"id": "filterFieldsByName", "options": {"include": {"names": [BIN, *parts]}}})
    return panel


def over_time(title: str, description: str, query: Query, *, width: int, height: int, no_data: str = NO_DATA) -> Panel:
    """Return a heatmap of the shares of bins: a row for each, the first at the bottom, the stronger its colour the larger."""
    options: Json = {
        "calculate": False,
        "color": {
            # Not by a scheme: it would be turned round where the theme is dark.
            "mode": "opacity",
            "scheme": "Blues",
            "fill": WINDOW.color,
            "scale": "linear",
            "exponent": 1,
            "steps": _SHADES,
            "reverse": False,
            "min": 0,
        },
        "cellGap": 0,
        "cellValues": {"unit": "percentunit", "decimals": 1},
        "rowsFrame": {"layout": "unknown"},
        "showValue": "never",
        "yAxis": {"axisPlacement": "left"},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True},
        "exemplars": {"color": "text"},
    }
    panel = panel_of(
        "heatmap", title, description, [query], unit="percentunit", width=width, height=height, options=options, no_data=no_data
    )
    return named_series(panel)
