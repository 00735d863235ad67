"""Bins on panels: in their order, under names that people read.

Labels of bins of numbers are numbered, so that they sort, and have the brackets of an interval: ``3 [5600, 7300)``. Categories
are what they are, but for those that would be taken for something else: one that is called ``other`` is ``=other``, as the bin
of all that have no bin of their own has that name, and the empty text is ``=``.
"""

from __future__ import annotations

from prediction_exporter.counting.categories import OTHER
from prediction_exporter.kit.looks import NO_DATA, WINDOW, Json
from prediction_exporter.kit.panels import Panel, Query, in_order_of, panel_of

BIN = "bin"
#: What the bin is called that takes what has none of its own: categories that are rare, or that the baseline does not hold.
ALL_OTHERS = "all others"
#: Shades of a heatmap.
_SHADES = 64

#: What labels of bins look like, as any engine of regular expressions reads it and without backslashes, and what they are
#: called: those at both ends, and those between; what is in no bin of its own; categories that have an equals sign in front.
#: Each is tried on what those before it made.
NAMES = (
    ("^[0-9]+ [[]-Inf, (.+)[)]$", "below $1"),
    ("^[0-9]+ [[](.+), [+]Inf[)]$", "$1 or more"),
    ("^[0-9]+ [[](.+), (.+)[)]$", "$1 to $2"),
    (f"^{OTHER}$", ALL_OTHERS),
    ("^=$", "(empty)"),
    (f"^=(=+|=*{OTHER})$", "$1"),
)

#: A category that is too long for an axis, and what is left of it there: what it begins and ends with.
_SHORTENED = ("^(.{22}).{4,}(.{6})$", "$1\u2026$2")
#: Letters that a name has at most: those of two small bounds are fewer.
_LONGEST = 30
#: Width that the name of a bin takes below a chart, in pixels: where there is less, not every one is written.
_NAME_WIDTH = 24
#: Bins that a chart shows at most that is sorted by what they add to it.
MOST = 12

#: A label that bins are sorted by before they are sorted by their own, and its values: categories that are numbers come by
#: their size, as 9 before 10, and what is in no bin of its own last.
_PLACE = "at"
_FIRST, _LAST = "1", "9"
_LONGER = {str(digits): f"-?{'[0-9]' * digits}([.].*)?" for digits in range(2, 6)}


def named(panel: Panel) -> Panel:
    """Return a panel over bins, whose queries are joined by them, with their names."""
    mappings: list[Json] = [
        {"type": "regex", "options": {"pattern": f"/{pattern}/", "result": {"text": name, "index": index}}}
        for index, (pattern, name) in enumerate((*NAMES, _SHORTENED))
    ]
    (of_bins,) = [each for each in panel.content["fieldConfig"]["overrides"] if each["matcher"]["options"] == BIN]
    # A name that is left out for want of room is not one of no value.
    of_bins["properties"] += [{"id": "mappings", "value": mappings}, {"id": "noValue", "value": " "}]
    panel.content["options"] |= {"xTickLabelSpacing": _NAME_WIDTH, "xTickLabelMaxLength": _LONGEST}
    return panel


def named_series(panel: Panel) -> Panel:
    """Return a panel whose series are bins, with their names."""
    steps: list[Json] = [
        {"id": "renameByRegex", "options": {"regex": f"/{pattern}/", "renamePattern": name}}
        for pattern, name in (*NAMES, _SHORTENED)
    ]
    # Grafana measures the names beside a heatmap too narrow for a letter: what is cut is a space.
    steps.append({"id": "renameByRegex", "options": {"regex": "/^(.*)$/", "renamePattern": "\u2003$1"}})
    panel.content.setdefault("transformations", []).extend(steps)
    return panel


def placed(expr: str) -> str:
    """Return an expression of bins with a label that puts them into their order."""
    found = f'label_replace({expr}, "{_PLACE}", "{_FIRST}", "", "")'
    for place, pattern in (_LONGER | {_LAST: OTHER}).items():
        found = f'label_replace({found}, "{_PLACE}", "{place}", "{BIN}", "{pattern}")'
    return found


def in_order(panel: Panel) -> Panel:
    """Return a panel over bins, the first of whose queries has places, with them in their order."""
    # The later of two sorts leaves what is alike to it in the order of the one before.
    return in_order_of(in_order_of(panel, BIN, descending=False), _PLACE, descending=False)


def largest_first(panel: Panel, *parts: str) -> Panel:
    """Return a panel over bins with those of which some values add up to most, and these first."""
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
    panel.content["transformations"] += [
        {"id": "limit", "options": {"limitField": str(MOST)}},
        {"id": "filterFieldsByName", "options": {"include": {"names": [BIN, *parts]}}},
    ]
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
