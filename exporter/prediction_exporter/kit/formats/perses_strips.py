"""Strips of Perses: what changes over time as cells in rows, each of the colour that its value has a word for.

Perses looks through all values that it was given for the colour of each cell, and has a heatmap for native histograms alone.
So queries cut values to a few: those of multiples to the decimals that thresholds have, those of a heatmap of shares to its
shades.
"""

from __future__ import annotations

from collections.abc import Iterator

from prediction_exporter.kit.formats.perses_looks import shade_of, steps_of, words_of
from prediction_exporter.kit.looks import MULTIPLE_MAXIMUM, MULTIPLE_UNIT, WINDOW, Json

#: The time that a cell is of, at least: lines between cells of a day would leave nothing of their colours.
CELL = "15m"
#: Steps to one, of values that are judged by thresholds.
_TENTHS = 10
#: Shades to a share of one, and from how many on a share has the darkest.
_FORTIETHS, _DARKEST = 40, 16


def strips(content: Json) -> Json:
    """Return what strips of states, or of values with thresholds, are told."""
    defaults = content["fieldConfig"]["defaults"]
    if "mappings" in defaults:
        return {"mappings": words_of(defaults["mappings"])}
    default, steps = steps_of(defaults["thresholds"]["steps"])
    unit = "x" if defaults["unit"] == MULTIPLE_UNIT else ""
    lowest = steps[0]["value"]
    # Of ranges that hold a value the last one counts.
    ranges: list[Json] = [{"to": lowest, "result": {"value": f"below {lowest:g}{unit}", "color": default}}]
    for step in steps:
        result = {"value": f"{step['value']:g}{unit} or more", "color": step["color"]}
        ranges.append({"from": step["value"], "result": result})
    return {"mappings": [{"kind": "Range", "spec": each} for each in ranges]}


def shades(_: Json) -> Json:
    """Return what a heatmap of shares is told: a word and a shade for each number of fortieths."""
    return {"mappings": list(_shades())}


def in_steps(content: Json, expr: str) -> str:
    """Return what is asked for the values of strips.

    Args:
        content: of the panel.
        expr: of its query.
    """
    if "thresholds" not in content["fieldConfig"]["defaults"]:
        return expr
    return f"clamp_max(floor(({expr}) * {_TENTHS}) / {_TENTHS}, {MULTIPLE_MAXIMUM:g})"


def in_shades(_: Json, expr: str) -> str:
    """Return what is asked for the shades of shares."""
    return f"clamp_max(floor(({expr}) * {_FORTIETHS}), {_DARKEST})"


def _shades() -> Iterator[Json]:
    for number in range(_DARKEST + 1):
        least, most = (f"{each / _FORTIETHS:.4g}" for each in (100 * number, 100 * (number + 1)))
        word = f"{least} % or more" if number == _DARKEST else f"{least} % to {most} %"
        result = {"value": word, "color": shade_of(WINDOW.color, number / _DARKEST)}
        yield {"kind": "Value", "spec": {"value": str(number), "result": result}}
