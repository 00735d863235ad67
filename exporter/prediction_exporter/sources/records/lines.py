"""Lines of known servers that are no object of JSON: lists of records, and lines of text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

#: Reads a line of text; None where it is no record.
ReadsText = Callable[[str], Mapping[str, Any] | None]


def opened(data: bytes, reads: ReadsText | None) -> tuple[bytes, int]:
    """Return lines with each record on one of its own as an object, and how many lines of text are no records.

    Args:
        data: whole lines.
        reads: what reads a line of text; None where there should be none, so that it stays and is refused.
    """
    if reads is None and b"\n[" not in data and not data.startswith(b"["):
        return data, 0
    lines: list[bytes] = []
    skipped = 0
    for line in data.split(b"\n"):
        begin = line.lstrip()[:1]
        if begin == b"[" and (items := _items(line)) is not None:
            lines += items
        elif begin == b"" or reads is None or (begin == b"{" and _is_object(line)):
            lines.append(line)
        elif (record := reads(line.decode("utf-8", "replace"))) is not None:
            lines.append(json.dumps(record).encode())
        else:
            skipped += 1
    return b"\n".join(lines), skipped


def _is_object(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _items(line: bytes) -> list[bytes] | None:
    """Return the records of a list, as lines; None where it is no list of objects."""
    try:
        items = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    return list(_dumped(items))


def _dumped(items: list[Any]) -> Iterator[bytes]:
    for item in items:
        try:
            yield orjson.dumps(item)
        except TypeError:  # numbers beyond 64 bits
            yield json.dumps(item).encode()
