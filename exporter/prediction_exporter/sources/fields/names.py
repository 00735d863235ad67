"""Names of the fields that events have, as configuration writes them, and the path that each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prediction_exporter.sources.fields.novelty import novelties
from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.fields.steps import ONLY, OfLabel, labelled

LIST_ITEM = re.compile(r"(.*)\[([0-9]+)\]")

#: Positions of a list that are taken as fields of their own.
MAX_LIST = 200


def flatten(events: Iterable[Mapping[str, Any]]) -> dict[str, Path]:
    """Return the path of every value in the events, by its text, in the order of first appearance.

    Where an object stands in one event and something else in another, the fields of the object are the fields, and so are the
    items of a list of numbers, and the only text of a list where none has more. A list of one object or list is what is in it,
    where none has more; lists of label and score are objects of scores.
    """
    finder = _Finder()
    for event in novelties(events, longest=MAX_LIST):
        finder.add(event, (), "")
    return finder.fields()


class _Finder:
    """Finds the fields of values that stand at the same place."""

    def __init__(self) -> None:
        self._found: dict[str, Path] = {}
        self._singles: set[Path] = set()  # lists of one text
        self._texts: set[Path] = set()
        self._lists: dict[Path, list[list[Any]]] = {}  # of objects or lists

    def add(self, value: Any, path: Path, name: str) -> None:
        """Take in a value."""
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                self.add(inner, (*path, str(key)), f"{name}.{key}" if name else str(key))
        elif isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
            for position in range(min(len(value), MAX_LIST)):
                self._found.setdefault(f"{name}[{position}]", (*path, position))
        elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            self._singles.add(path)
            self._found.setdefault(f"{name}[0]", (*path, 0))
        elif path:
            if value and isinstance(value, list | str):
                self._texts.add(path)
            if isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
                self._lists.setdefault(path, []).append(value)
            self._found.setdefault(name, path)

    def fields(self) -> dict[str, Path]:
        """Return the path of each field, by its name."""
        found: dict[str, Path] = {}
        for name, path in self._found.items():
            inside = self._inside(self._lists[path], path, name) if path in self._lists else {name: path}
            for key, at in inside.items():
                found.setdefault(key, at)
        either = self._singles & self._texts
        found = {name: path for name, path in found.items() if path[:-1] not in either or path[-1] != 0}
        objects = {path[:end] for path in found.values() for end in range(1, len(path)) if isinstance(path[end], str)}
        lists = {path[:end] for path in found.values() for end in range(1, len(path)) if not isinstance(path[end], str)}
        return {
            name: path
            for name, path in found.items()
            if path not in objects | lists
            and all(isinstance(path[end], str) or path[:end] not in objects for end in range(1, len(path)))
        }

    @staticmethod
    def _inside(lists: Sequence[list[Any]], path: Path, name: str) -> dict[str, Path]:
        """Return the fields inside of lists of objects or lists.

        Some servers put one more list around them, or not, by their version: then the newest lines count.
        """
        around = [len(items) == 1 and isinstance(items[0], list) for items in lists]
        lists = [items for items, is_around in zip(lists, around, strict=True) if is_around == around[-1]]
        if max(map(len, lists)) == 1:
            finder = _Finder()
            for [item] in lists:
                finder.add(item, (*path, ONLY), name)
            return finder.fields()
        steps = labelled(lists)[:MAX_LIST]
        return {f"{name}.{step.label}": (*path, step) for step in steps} or {name: path}


def to_path(name: str, found: Mapping[str, Path]) -> Path:
    """Return the path that a configured name means: a field that was found, or its parts at the dots.

    Where the fields found have dots in their own names, as in flat files, so has one that stands beside them.
    """
    if name in found:
        return found[name]
    if is_single(name, found):
        return found[f"{name}[0]"]
    for other, path in found.items():
        last = path[-1]
        if isinstance(last, OfLabel) and name.startswith(home := other.removesuffix(last.label)):
            return (*path[:-1], replace(last, label=name.removeprefix(home)))
        if isinstance(last, str) and "." in last:
            home = other.removesuffix(last)
            if name.startswith(f"{home}{last.rpartition('.')[0]}."):
                return (*path[:-1], name.removeprefix(home))
    item = LIST_ITEM.fullmatch(name)
    if item is not None:
        return (*item.group(1).split("."), int(item.group(2)))
    return tuple(name.split("."))


def is_single(name: str, found: Iterable[str]) -> bool:
    """Return whether what stands under a name are lists of one item, which is meant by it."""
    return f"{name}[0]" in found and f"{name}[1]" not in found


def nested(name: str, features: Iterable[str]) -> str | None:
    """Return the only one of some features that stands in an object and is a column of flat data by its own name there.

    >>> nested("mcc", ["merchant.mcc", "amount"]), nested("merchant_mcc", ["merchant.mcc"]), nested("id", ["a.id", "b.id"])
    ('merchant.mcc', 'merchant.mcc', None)
    """
    return all_nested([name], features).get(name)


def all_nested(names: Iterable[str], features: Iterable[str]) -> dict[str, str]:
    """Return the same for each of several names that has one: looking through the features for each takes long."""
    inside: dict[str, list[str]] = {name: [] for name in names}
    if inside:
        for other in features:
            for dot in re.finditer(r"\.", other):
                if other[dot.end() :] in inside:
                    inside[other[dot.end() :]].append(other)
            if "." in other and other.replace(".", "_") in inside:
                inside[other.replace(".", "_")].append(other)
    return {name: others[0] for name, others in inside.items() if len(others) == 1}
