"""Novelty: what of a record no earlier one had. The lines of a log are much alike, and its names are told by a few of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: What one place holds, by its kind; what stands below is of objects.
_Known = dict[Any, Any]


def novelties(records: Iterable[Mapping[str, Any]], *, longest: int) -> Iterator[Mapping[str, Any]]:
    """Yield of each record the fields that are new: of a name, or of a kind, that no earlier one had at this place.

    Numbers and flags are of their type's kind; of a kind are also the texts and the lists of one text that are not empty, and
    what is empty. A list of numbers is new where it is longer than others were, up to ``longest``. Any other list is new.

    >>> list(novelties([{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": "y", "d": []}}, {"a": 3}], longest=9))
    [{'a': 1, 'b': {'c': 'x'}}, {'b': {'d': []}}]
    """
    known: dict[str, _Known] = {}
    for record in records:
        new = _new(record, known, longest)
        if new:
            yield new


def _new(record: Mapping[str, Any], known: dict[str, _Known], longest: int) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for key, value in record.items():
        kinds = known.get(key)
        if kinds is None:
            kinds = known[key] = {}
        kind = type(value)
        if kind is dict and value:
            inside = _new(value, kinds.setdefault(dict, {}), longest)
            if inside:
                new[key] = inside
        elif kind is list and value:
            if _is_new_list(value, kinds, longest):
                new[key] = value
        else:
            if kind in (str, list, dict) and not value:
                kind = type(None)
            if kind not in kinds:
                kinds[kind] = None
                new[key] = value
    return new


def _is_new_list(values: list[Any], kinds: _Known, longest: int) -> bool:
    if len(values) == 1 and type(values[0]) is str:
        is_new = "text" not in kinds
        kinds["text"] = None
        return is_new
    if not set(map(type, values)) <= {int, float, bool}:
        return True
    length = min(len(values), longest)
    if length <= kinds.get(list, 0):
        return False
    kinds[list] = length
    return True
