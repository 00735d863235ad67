"""What series and figures look like: colours by role, which need no telling red from green, and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

#: A value from which a colour holds; None is "from the lowest on".
Steps = Sequence[tuple[float | None, str]]

GOOD, NEAR, BAD = "green", "orange", "red"
#: A figure that judges nothing, and one that is not known.
PLAIN, UNKNOWN = "text", "purple"

#: Of things of which there should be none.
NONE_OR_RED: Steps = ((None, GOOD), (1, BAD))

#: What a panel says where nothing answers.
NO_DATA = "no data"

#: A share or distance as a multiple of its threshold: from 1 on it is passed, and a full bar is twice the threshold.
MULTIPLE_UNIT = "suffix:x"
MULTIPLE_STEPS: Steps = ((None, GOOD), (0.7, NEAR), (1, BAD))
MULTIPLE_MAXIMUM = 2.0


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a series is, where that is always the same.

    Attributes:
        color: its colour.
        line: the lengths of its strokes and gaps; empty where it is drawn through.
        dots: whether the strokes are dots.
    """

    color: str
    line: tuple[int, ...] = ()
    dots: bool = False


BASELINE = Role(color="#8e8e8e")
WINDOW = Role(color="#3274d9")
BEFORE = Role(color="text")
THRESHOLD = Role(color="dark-orange", line=(8, 6))
NOISE = Role(color="text", line=(2, 6), dots=True)
#: Of what happened: neither is a judgement, nor like what else is drawn through graphs from top to bottom.
VERSIONS, CONFIGURATIONS = "#56b4e9", "#a07c2c"
#: Of few series beside a threshold: told apart without telling red from green, and none like what judges.
APART = tuple(Role(color=color) for color in ("#3274d9", "#009e73", "#cc79a7", "#56b4e9", "#8f3bb8", "#a07c2c", "#1b6e78"))


def thresholds(steps: Steps) -> Json:
    """Return the colours of values.

    >>> thresholds([(None, GOOD), (1, BAD)])["steps"]
    [{'value': None, 'color': 'green'}, {'value': 1, 'color': 'red'}]
    """
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def meanings(texts: Mapping[str, str], colors: Mapping[str, str] | None = None) -> list[Json]:
    """Return words for values, and colours."""
    options: dict[str, Json] = {value: {"text": text, "index": i} for i, (value, text) in enumerate(texts.items())}
    for value, color in (colors or {}).items():
        options[value]["color"] = color
    return [{"type": "value", "options": options}] if options else []


def words(texts: Mapping[str, str], colors: Mapping[str, str] | None = None, *, no_data: str = NO_DATA) -> list[Json]:
    """Return words for values, and for none: that nothing is known must not have the colour of a good value."""
    unknown = {"text": no_data, "color": UNKNOWN, "index": len(texts)}
    return [*meanings(texts, colors), {"type": "special", "options": {"match": "null+nan", "result": unknown}}]


def multiple(defaults: Json) -> None:
    """Make a field one that is measured in multiples of its threshold, on a scale that is the same everywhere."""
    defaults |= {
        "unit": MULTIPLE_UNIT,
        "decimals": 1,
        "min": 0,
        "max": MULTIPLE_MAXIMUM,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds(MULTIPLE_STEPS),
    }


def drawn(legend: str, letter: str, role: Role) -> Json:
    """Return the override that draws a query's series by their role: by name, or by its letter where the name has labels.

    >>> [drawn(legend, "C", THRESHOLD)["matcher"]["options"] for legend in ("quota", "budget {{currency}}")]
    ['quota', 'C']
    """
    properties: list[Json] = [{"id": "color", "value": {"mode": "fixed", "fixedColor": role.color}}]
    if role.line:
        style = {"fill": "dot" if role.dots else "dash", "dash": list(role.line)}
        properties.append({"id": "custom.lineStyle", "value": style})
    matcher = {"id": "byFrameRefID", "options": letter} if "{{" in legend else {"id": "byName", "options": legend}
    return {"matcher": matcher, "properties": properties}
