"""Payloads that are texts: JSON, lines of it, CSV, or base64 of one of these."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
import re
from collections.abc import Collection, Sequence
from typing import Any

import orjson

from prediction_exporter.config.predictions import NULL_VALUES
from prediction_exporter.config.records import Encoding
from prediction_exporter.sources.records.decoding import decode
from prediction_exporter.sources.records.errors import PayloadError, too_many

#: How often a text may be the JSON of another.
_MOST_TIMES = 3

#: Digits of integers that are taken as numbers; longer ones stay texts.
_MOST_DIGITS = 300

#: Numbers of fewer characters are the same to the fast parser, and what a number begins with.
_SURELY_EXACT = 19
_BEGINS_NUMBER = frozenset("-0123456789")

#: What rows of numbers are written with, as most are; exponents are not among it, which may be of none that is finite.
_NUMBERS = re.compile(r"[-0-9., ]+")

#: What is no name of a column, in small letters.
_NO_NAMES = {"", "nan", "null", "none", "na", "n/a", "inf", "-inf", "infinity", "-infinity", "true", "false"}

_URL_SAFE = str.maketrans("-_", "+/")


def decoded(payload: Any, encoding: Encoding, *, names: Sequence[str], most: int, rows: int | None) -> Any:
    """Return what a text stands for; anything else stays as it is.

    Args:
        payload: a text, or not.
        encoding: of a text.
        names: of the values of a row, by which the header of CSV is known.
        most: rows that are taken.
        rows: how many there are, where that is known: one line of CSV with as many values has one for each row.

    Raises:
        PayloadError: it is no such text, or has more rows.
    """
    for _ in range(_MOST_TIMES):
        if not isinstance(payload, str):
            break
        if encoding == "base64":
            payload, encoding = _of_base64(payload), "auto"
        text = payload.removeprefix("\ufeff").strip("\0")
        is_json, payload = _json(text, encoding)
        if not is_json:
            return _csv(text, names, most, rows)
    return payload


def _of_base64(text: str) -> str:
    """Return the text that base64 stands for, in either alphabet, over lines, with or without what fills it up."""
    digits = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise PayloadError("no base64 of a text in UTF-8") from error


def _json(text: str, encoding: Encoding) -> tuple[bool, Any]:
    """Return whether a text is JSON, or lines of it, and its value."""
    begin = text.lstrip()[:1]
    if encoding == "csv" or (encoding == "auto" and begin not in ("{", "[", '"')):
        return False, None
    try:
        return True, decode(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and (encoding == "json" or begin != '"'):
            return True, _json_lines(lines)
        if encoding == "auto" and begin == '"':  # a quoted field of CSV
            return False, None
        raise PayloadError("no JSON") from error


def _json_lines(lines: Sequence[str]) -> list[Any]:
    try:
        return [decode(line) for line in lines]
    except ValueError as error:
        raise PayloadError("neither JSON nor lines of it") from error


def _csv(text: str, names: Sequence[str], most: int, rows: int | None) -> list[Any]:
    """Return the rows of CSV: objects where the first one is a header, else lists of values."""
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            if row:
                found.append(row)
                if len(found) > most + 1:  # a header is one more
                    raise too_many(len(found) - 1, most, "at least ")
    except csv.Error as error:
        raise PayloadError("no CSV") from error
    header = [name.strip() for name in found[0]] if found else []
    if len({len(row) for row in found}) > 1:
        raise PayloadError("rows of CSV are of different lengths", "uneven_rows")
    if found and _is_header(header, found[1:], names):
        return [dict(zip(header, values_of(row), strict=True)) for row in found[1:]]
    if len(found) == 1 and rows is not None and rows > 1 and len(header) == rows and not names:
        return values_of(found[0])
    return [values_of(row) for row in found]


def _is_header(first: Sequence[str], others: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    """Return whether a row has names: those that are configured, else such as differ and are no numbers above numbers."""
    if names:
        return set(first) == set(names) and len(first) == len(names)
    if len(set(first)) < len(first) or any(name.lower() in _NO_NAMES or _is_number(name) for name in first):
        return False
    return bool(others) and any(map(_is_number, others[0]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def values_of(row: Sequence[str]) -> list[Any]:
    """Return the fields of a row of CSV, each as :func:`value_of` has it; of numbers alone, at once.

    >>> values_of(["7", " 0.5", "1"]), values_of(["7", "1,5", "red"])
    ([7, 0.5, 1], [7, '1,5', 'red'])
    """
    joined = ",".join(row)
    if _NUMBERS.fullmatch(joined) and max(map(len, row)) < _SURELY_EXACT:
        try:
            values: list[Any] = orjson.loads(f"[{joined}]")
        except ValueError:
            values = []
        if len(values) == len(row):  # else a field had a comma
            return values
    return [value_of(field) for field in row]


def value_of(field: str, nulls: Collection[str] = NULL_VALUES) -> Any:
    """Return a field of CSV as JSON has it: a number where it is one, null where nothing stands there, else its text.

    >>> [value_of(field) for field in ("7", " 0.5", "007", "", "NA", "red", "NaN")]
    [7, 0.5, '007', None, None, 'red', 'NaN']
    """
    bare = field.strip()
    if not bare or bare in nulls:
        return None
    if bare[0] not in _BEGINS_NUMBER or len(bare) > _MOST_DIGITS:
        return field
    try:
        number = orjson.loads(bare) if len(bare) < _SURELY_EXACT else json.loads(bare)
    except ValueError:
        return field
    return number if math.isfinite(number) else field
