"""What an expression of a filter means, in Python and by the words of the documentation, and hostile values to ask of."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from prediction_exporter.config.conditions import Compare, Condition, Every, IsNull, Like, Not, Some

Row = dict[str, Any]

TEXTS = [
    *(
        "x",
        "X",
        "",
        " ",
        "it's",
        '"',
        "é",
        "e\u0301",
        "😀",
        "5",
        "5.0",
        "007",
        "1e2",
        " 5",
        "true",
        "[1]",
        '{"a": 1}',
        "[INFO] x",
    ),
    *("10%", "10x", "a_b", "a\\b", "NaN", "'; DROP TABLE predictions; --", "5\n", "9" * 308, "null", "[", None),
]
NUMBERS = [5.0, 5.5, -0.0, 1e20, math.nan, math.inf, -math.inf, 0.1, 200.0, 2.0**53 + 2, None]
WHOLES = [5, 200, -1, 2**53 + 1, 0, 1, None]

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d\d?)?", re.ASCII)


def text_of(value: Any) -> str | None:
    """Return the text that a value is compared as; of the numbers here, Python writes the shortest."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        words = {math.inf: "Infinity", -math.inf: "-Infinity"}
        if value in words or math.isnan(value):
            return words.get(value, "NaN")
        return (
            str(int(value)).replace("0", "-0" if math.copysign(1, value) < 0 else "0", 1) if value.is_integer() else repr(value)
        )
    if isinstance(value, str):
        try:
            return None if isinstance(json.loads(value), list | dict) else value
        except ValueError:
            return value
    return None if value is None or isinstance(value, list | dict) else str(value)


def number_of(value: Any) -> float | None:
    """Return the number that a value is compared as."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def value_of(row: Mapping[str, Any], field: str) -> Any:
    """Return what stands in a field of a row."""
    value: Any = row
    if field in row:
        return row[field]
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _compared(value: Any, condition: Compare) -> bool | None:
    literal = condition.value
    if isinstance(literal, bool):
        literal = str(literal).lower()
    found: Any = number_of(value) if isinstance(literal, float) else text_of(value)
    if found is None:
        return None
    orders: dict[str, Callable[[Any, Any], bool]] = {
        "=": lambda a, b: a == b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    return orders[condition.operator](found, literal)


def truth(row: Row, condition: Condition) -> bool | None:
    """Return whether a condition is true of a row, by the words of the documentation."""
    match condition:
        case Compare():
            return _compared(value_of(row, condition.field), condition)
        case Like():
            text = text_of(value_of(row, condition.field))
            pattern = "".join(".*" if p is None else re.escape(p) if p else "." for p in condition.pattern)
            return None if text is None else re.fullmatch(pattern, text, re.DOTALL) is not None
        case IsNull():
            return value_of(row, condition.field) is None
        case Not():
            found = truth(row, condition.of)
            return None if found is None else not found
        case Every():
            parts = [truth(row, part) for part in condition.of]
            return False if False in parts else None if None in parts else True
        case Some():
            parts = [truth(row, part) for part in condition.of]
            return True if True in parts else None if None in parts else False
