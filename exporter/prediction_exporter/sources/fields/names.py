"""Names of the fields that events have, as configuration writes them, and the path that each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from prediction_exporter.sources.fields.novelty import novelties
from prediction_exporter.sources.fields.schema import Path

LIST_ITEM = re.compile(r"(.*)\[([0-9]+)\]")

#: Positions of a list that are taken as fields of their own.
MAX_LIST = 200


def flatten(events: Iterable[Mapping[str, Any]]) -> dict[str, Path]:
    """Return the path of every value in the events, by its text, in the order of first appearance.

    Where an object stands in one event and something else in another, the fields of the object are the fields, and so are the
    items of a list of numbers, and the only text of a list where none has more.
    """
    found: dict[str, Path] = {}
    singles: set[Path] = set()  # lists of one text
    texts: set[Path] = set()
    for event in novelties(events, longest=MAX_LIST):
        _flatten(event, (), "", found, singles, texts)
    found = {name: path for name, path in found.items() if path[:-1] not in singles & texts or path[-1] != 0}
    objects = {path[:end] for path in found.values() for end in range(1, len(path)) if isinstance(path[end], str)}
    lists = {path[:-1] for path in found.values() if isinstance(path[-1], int)}
    return {
        name: path
        for name, path in found.items()
        if path not in objects | lists and not (isinstance(path[-1], int) and path[:-1] in objects)
    }


def _flatten(value: Any, path: Path, name: str, found: dict[str, Path], singles: set[Path], texts: set[Path]) -> None:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            _flatten(inner, (*path, str(key)), f"{name}.{key}" if name else str(key), found, singles, texts)
    elif isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        for position in range(min(len(value), MAX_LIST)):
            found.setdefault(f"{name}[{position}]", (*path, position))
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        singles.add(path)
        found.setdefault(f"{name}[0]", (*path, 0))
    elif path:
        if value and isinstance(value, list | str):
            texts.add(path)
        found.setdefault(name, path)


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
