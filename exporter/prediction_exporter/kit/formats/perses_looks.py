"""Units, colours and words of Perses, from Grafana's."""

from __future__ import annotations

from collections.abc import Sequence

from prediction_exporter.kit.looks import MULTIPLE_UNIT, Json

#: Formats by Grafana's units. Perses has no unit of multiples, which are numbers then.
_FORMATS: dict[str, Json] = {
    "short": {"unit": "decimal", "shortValues": True},
    "locale": {"unit": "decimal", "shortValues": False},
    MULTIPLE_UNIT: {"unit": "decimal", "shortValues": False},
    "percentunit": {"unit": "percent-decimal"},
    "s": {"unit": "seconds"},
    "bytes": {"unit": "bytes", "shortValues": True},
    "Bps": {"unit": "bytes/sec", "shortValues": True},
    "reqps": {"unit": "decimal", "shortValues": True},
    "cps": {"unit": "decimal", "shortValues": True},
    "dateTimeFromNow": {"unit": "relative-time"},
}
#: What an axis is labelled with, by units: Perses would write "requests/sec" behind each number, which is then cut or tiny.
_LABELS = {"reqps": "a second", "cps": "a second"}
#: The one format that has no decimal places.
_MOMENT = "dateTimeFromNow"
#: Colours by Grafana's names; what judges nothing is as grey as it is readable in the light and in the dark.
_COLORS = {
    "green": "#56a64b",
    "orange": "#ff9830",
    "red": "#e02f44",
    "purple": "#a352cc",
    "dark-orange": "#fa6400",
    "text": "#8e8e8e",
}


def format_of(look: Json) -> Json:
    """Return the format of values, from a field's unit and decimals.

    >>> format_of({"unit": "percentunit", "decimals": 1})
    {'unit': 'percent-decimal', 'decimalPlaces': 1}
    """
    found = dict(_FORMATS[look["unit"]])
    if "decimals" in look and look["unit"] != _MOMENT:
        found["decimalPlaces"] = look["decimals"]
    return found


def label_of(look: Json) -> Json:
    """Return the label of an axis, where its numbers do not say what they are of.

    >>> label_of({"unit": "reqps"}), label_of({"unit": "s"})
    ({'label': 'a second'}, {})
    """
    unit = look["unit"]
    return {"label": _LABELS[unit]} if unit in _LABELS else {}


def color_of(name: str) -> str:
    """Return a colour in hexadecimal digits."""
    return name if name.startswith("#") else _COLORS[name]


def shade_of(color: str, strength: float) -> str:
    """Return a shade of a colour: next to none at 0, the darkest at 1.

    >>> shade_of("#3274d9", 0), shade_of("#3274d9", 0.5), shade_of("#3274d9", 1)
    ('#e0eaf9', '#3274d9', '#1a3c71')
    """
    # Half of the way from the palest to the colour itself, and from there to its darkest.
    share, dark = min(1, 0.15 + 1.7 * strength), min(1, 1.48 - 0.96 * strength)
    parts = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round((255 + (part - 255) * share) * dark):02x}" for part in parts)


def steps_of(steps: Sequence[Json]) -> tuple[str, list[Json]]:
    """Return the colour of values below all steps, and the steps above.

    >>> steps_of([{"value": None, "color": "transparent"}, {"value": 1, "color": "red"}])
    ('#8e8e8e', [{'value': 1, 'color': '#e02f44'}])
    """
    lowest, *above = steps
    default = color_of("text" if lowest["color"] == "transparent" else lowest["color"])
    return default, [{"value": step["value"], "color": color_of(step["color"])} for step in above]


def shortened(expr: str, label: str, pattern: str) -> str:
    """Return an expression whose series have of a label, or of their name, what a pattern finds in it.

    >>> shortened("up", "job", "(.*)-exporter")
    'label_replace(up, "job", "$1", "job", "(.*)-exporter")'
    """
    return f'label_replace({expr}, "{label}", "$1", "{label}", "{pattern}")'


def words_of(mappings: Sequence[Json]) -> list[Json]:
    """Return words for values, and for one that is no number."""
    found: list[Json] = []
    for mapping in mappings:
        if mapping["type"] == "value":
            found += [
                {"kind": "Value", "spec": {"value": value, "result": _result(meaning)}}
                for value, meaning in mapping["options"].items()
            ]
        else:
            found.append({"kind": "Misc", "spec": {"value": "NaN", "result": _result(mapping["options"]["result"])}})
    return found


def _result(meaning: Json) -> Json:
    return {"value": meaning["text"]} | ({"color": color_of(meaning["color"])} if "color" in meaning else {})
