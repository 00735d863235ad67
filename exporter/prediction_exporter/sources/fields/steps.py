"""Steps of a path that lead into a list: to its only item, and to the value that stands beside a label."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Only:
    """To the only item of a list; a list of several has none."""


@dataclass(frozen=True, slots=True)
class OfLabel:
    """Into a list of objects, to the value of the first of them that has a label.

    Attributes:
        label: the label, as text.
        labels: the key that the objects have it under.
        values: the key of the value.
    """

    label: str
    labels: str
    values: str


ONLY = Only()

#: Keys of a label and of its score in a list of both, in lower case and without ``_``.
LABEL_KEYS = ("label", "class", "classname", "category", "predictedlabel", "predictedclass", "tagname", "displayname", "name")
SCORE_KEYS = ("score", "probability", "prob", "proba", "confidence")


def plain_key(key: str) -> str:
    """Return a key in the form that it is known by.

    >>> plain_key("className"), plain_key("predicted_label")
    ('classname', 'predictedlabel')
    """
    return key.replace("_", "").lower()


def label_text(value: Any) -> str | None:
    """Return a label as text; None for what is none."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int) else None


def labelled(lists: Iterable[Sequence[Any]]) -> tuple[OfLabel, ...]:
    """Return the steps to the scores of lists of label and score; none where they are other lists.

    A label stands once in a list: found entities and objects, of which several may be of a class, are no scores of classes.

    >>> labelled([[{"label": "yes", "score": 0.9}, {"label": "no", "score": 0.1}]])[1]
    OfLabel(label='no', labels='label', values='score')
    """
    steps: dict[OfLabel, None] = {}
    keys: tuple[str, str] | None = None
    for items in lists:
        labels: set[str] = set()
        for item in items:
            keys = keys or _keys_of(item)
            label = label_text(item.get(keys[0])) if keys is not None and isinstance(item, Mapping) else None
            if keys is None or label is None or label in labels or not _is_score(item.get(keys[1])):
                return ()
            labels.add(label)
            steps[OfLabel(label, *keys)] = None
    return tuple(steps)


def _keys_of(item: Any) -> tuple[str, str] | None:
    if not isinstance(item, Mapping):
        return None
    plain = {plain_key(str(key)): str(key) for key in reversed(item)}
    found = [next((plain[key] for key in known if key in plain), None) for known in (LABEL_KEYS, SCORE_KEYS)]
    return (found[0], found[1]) if found[0] is not None and found[1] is not None else None


def _is_score(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def to_json(step: str | int | Only | OfLabel) -> Any:
    """Return a step as JSON: null is the only item, a list a label with its keys."""
    if isinstance(step, OfLabel):
        return [step.label, step.labels, step.values]
    return None if isinstance(step, Only) else step


def from_json(value: Any) -> str | int | Only | OfLabel:
    """Return the step that ``to_json`` wrote.

    >>> [from_json(to_json(step)) == step for step in ("scores", 1, ONLY, OfLabel("yes", "label", "score"))]
    [True, True, True, True]
    """
    if isinstance(value, list):
        return OfLabel(*value)
    step: str | int | Only = ONLY if value is None else value
    return step
