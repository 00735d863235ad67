"""What a sample shows that cannot be read as it is meant: rows within a line, JSON within text, scores by rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.sources.fields.schema import EventSchema, Path, lookup, path_text
from prediction_exporter.sources.fields.steps import labelled

Records = Sequence[Mapping[str, Any]]


def within(sample: Iterable[Mapping[str, Any]]) -> str:
    """Return which field holds what is not looked into, as a sentence's end; empty where none does.

    >>> within([{"ts": 1, "instances": [{"a": 1}, {"a": 2}]}])
    '; instances holds several rows, as those of a batch, which are not looked into: have a line written for each'
    """
    for event in sample:
        for name, value in event.items():
            if isinstance(value, str) and value.lstrip().startswith('{"'):
                return f"; {name} holds JSON as text, which is not looked into: have it written as an object"
            rows = isinstance(value, list) and len(value) > 1 and all(isinstance(item, Mapping | list) for item in value)
            if rows and not labelled([value]):
                return (
                    f"; {name} holds several rows, as those of a batch, which are not looked into: have a line written for each"
                )
    return ""


def by_rank(sample: Records, schema: EventSchema) -> Iterator[str]:
    """Yield what lists of scores are in the order of labels beside them, where that order changes: a position is no class."""
    for path in dict.fromkeys(column.path[:-1] for column in schema.columns if isinstance(column.path[-1], int)):
        labels = _labels_beside(sample, path)
        if labels:
            home = path_text(path[:-1])
            name = f"{home}.{labels}" if home else labels
            yield (
                f"fields.score: {path_text(path)} is in the order of {name}, which changes from line to line: a position is "
                f"no class; have an object written, {{label: score}}"
            )


def _labels_beside(sample: Records, path: Path) -> str | None:
    orders: dict[str, set[tuple[Any, ...]]] = {}
    for event in sample:
        values, beside = lookup(event, path), lookup(event, path[:-1])
        if not isinstance(values, list) or not isinstance(beside, Mapping):
            continue
        for key, texts in beside.items():
            if isinstance(texts, list) and len(texts) == len(values) and all(isinstance(text, str) for text in texts):
                orders.setdefault(str(key), set()).add(tuple(texts))
    changing = (key for key, found in orders.items() if len(found) > 1 and len(set(map(frozenset, found))) < len(found))
    return next(changing, None)
