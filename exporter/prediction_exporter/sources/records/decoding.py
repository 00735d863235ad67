"""JSON of records to values and back, fast and with one meaning: the same that a plain line of a log has.

Of a key that stands twice the first counts, integers keep their digits, and words that are no JSON, as NaN, are their texts.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.json_reader import HUGE_DIGITS, first_wins, parse_lines
from prediction_exporter.sources.values import text_of

#: Digits of integers that may be beyond 64 bits: the fast parser makes doubles of these.
_LONG = b"0" * 19
_DIGITS_TO_ZERO = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256))  # noqa: PLR2004 - ASCII

_COLON = ord(":")

#: Texts from here on are counted by numpy.
_COUNTED_AS_BYTES = 5000


def decode(text: bytes | str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    value = decode_fast(data)
    if value is not UNSURE:
        return value
    try:
        return _slowly(data.decode("utf-8-sig", "surrogatepass" if isinstance(text, str) else "strict"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


#: What :func:`decode_fast` returns where it does not know.
UNSURE = object()


def decode_fast(data: bytes) -> Any:
    """Return the value of a JSON text; :data:`UNSURE` where the fast parser refuses it, or reads some of it another way."""
    if _LONG in data.translate(_DIGITS_TO_ZERO):
        return UNSURE
    try:
        value = orjson.loads(data)
    except ValueError:
        return UNSURE
    return value if _has_each_key_once(data, value) else UNSURE


def _has_each_key_once(data: bytes, value: Any) -> bool:
    """Return whether no object has a key twice: written anew, the value has as many colons then."""
    colons = _colons(data)
    if not colons:
        return True
    if b"\\u003" in data:  # a colon of a text, as no writer writes it
        return False
    try:
        return _colons(orjson.dumps(value)) == colons
    except TypeError:  # nested more deeply than is written
        return False


def _colons(data: bytes) -> int:
    if len(data) < _COUNTED_AS_BYTES:
        return data.count(_COLON)
    # Of long texts ten times as fast as bytes.count, and of short ones ten times as slow.
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == _COLON))


def _slowly(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=first_wins, parse_constant=str, parse_float=_finite)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python converts
        return json.loads(text, object_pairs_hook=first_wins, parse_constant=str, parse_float=_finite, parse_int=_integer)


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else str(text_of(number))


def _integer(digits: str) -> int | float | str:
    return int(digits) if len(digits) < HUGE_DIGITS else _finite(digits)


def as_texts(value: Any) -> Any:
    """Return a parsed value with the texts of numbers that JSON does not have, as NaN.

    Raises:
        RecursionError: it is nested too deeply.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return text_of(value)
    if isinstance(value, Mapping):
        return {key: as_texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_texts(item) for item in value]
    return value


def records_of(data: bytes, rejected: Rejected) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """Yield the objects among lines, each with its line, which is the object and nothing else; count others as refused."""
    for line in data.split(b"\n"):
        record = decode_fast(line)
        if isinstance(record, dict):
            yield record, line
            continue
        for parsed in parse_lines([line], rejected):
            try:
                yield as_texts(parsed), line.strip(b"\0").removeprefix(codecs.BOM_UTF8)
            except RecursionError:
                rejected.add("payload", example="a record that is nested too deeply")


def encode(value: Any) -> bytes:
    """Return a value as JSON on one line.

    Raises:
        TypeError, ValueError, RecursionError: it is nothing that JSON has, or nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, or half of a surrogate pair
        return json.dumps(value).encode()
