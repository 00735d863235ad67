"""Places: where in a record something stands, as the configuration names it.

The parts of a name are joined by dots, a part may have dots of its own, and ``[0]`` is the first item of a list. On the way, an
object may be the JSON text of one, as of a body in a log of requests, or base64 of that where so configured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from prediction_exporter.config.records import Encoding
from prediction_exporter.sources.records.errors import PayloadError
from prediction_exporter.sources.records.texts import decoded

_ITEM = re.compile(r"(.*)\[([0-9]+)\]", re.DOTALL)

#: What a record has nothing at.
_ABSENT = object()


def take(record: Mapping[str, Any], places: Iterable[str], encoding: Encoding) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a record without what stands at places, and what stands there, by these; null is nothing.

    Args:
        record: it stays as it is.
        places: names.
        encoding: of texts on the way.

    Raises:
        PayloadError: a text on the way is none of an object.

    >>> take({"id": 7, "request": '{"user": "a", "rows": [1, 2]}'}, ["request.rows"], "auto")
    ({'id': 7, 'request': {'user': 'a'}}, {'request.rows': [1, 2]})
    """
    taking = _Taking(record, encoding)
    found = {
        place: value for place in places if (value := taking.find(taking.left, place)) is not _ABSENT and value is not None
    }
    taking.drop()
    return taking.left, found


class _Taking:
    """Finds what stands at places; objects and lists on the way are replaced by copies, which may be changed.

    Args:
        record: where.
        encoding: of texts on the way.
    """

    def __init__(self, record: Mapping[str, Any], encoding: Encoding) -> None:
        self.left: dict[str, Any] = dict(record)
        self._encoding = encoding
        self._copies: dict[int, Any] = {}  # kept, so that no other object gets one's number
        self._found: list[tuple[Any, Any]] = []

    def drop(self) -> None:
        """Take out what was found, when all is, as one place may lie in another."""
        for home, key in self._found:
            if isinstance(home, dict):
                home.pop(key, None)
            else:
                home[key] = None

    def find(self, home: dict[str, Any], place: str) -> Any:
        """Return what stands at a place, and note where."""
        if place in home:
            self._found.append((home, place))
            return home[place]
        for end in range(1, len(place)):
            if place[end] == ".":
                value = self._below(home, place[:end], place[end + 1 :])
                if value is not _ABSENT:
                    return value
        item = _ITEM.fullmatch(place)
        if item is None:
            return _ABSENT
        number = int(item.group(2))
        values = self._container(home, item.group(1))
        if not isinstance(values, list) or number >= len(values):
            return _ABSENT
        self._found.append((values, number))
        return values[number]

    def _below(self, home: dict[str, Any], head: str, rest: str) -> Any:
        inner = self._container(home, head)
        return self.find(inner, rest) if isinstance(inner, dict) else _ABSENT

    def _container(self, home: dict[str, Any], place: str) -> Any:
        """Return the object or list at a place, which may be changed; anything else as it is."""
        before = len(self._found)
        inner = self.find(home, place)
        found = self._found[before:]
        del self._found[before:]
        if not found or id(inner) in self._copies:
            return inner
        holder, key = found[0]
        if isinstance(inner, str) and inner:
            inner = self._opened(inner, place)
        if isinstance(inner, Mapping | list):
            inner = dict(inner) if isinstance(inner, Mapping) else list(inner)
            self._copies[id(inner)] = inner
            holder[key] = inner
        return inner

    def _opened(self, text: str, place: str) -> Any:
        if self._encoding != "base64" and not text.lstrip("\ufeff \t\r\n").startswith(("{", '"')):
            return _ABSENT
        try:
            return decoded(text, "base64" if self._encoding == "base64" else "json", names=(), most=1, rows=None)
        except PayloadError as error:
            raise PayloadError(f"{place} has {error}") from error
