"""What the configuration states of a source's fields: each name with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from prediction_exporter.config import FeaturePattern, Fields, ScorePattern
from prediction_exporter.sources.fields.measured import Measured

#: What stands between the name of an object or list and those inside of it.
_MARKS = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class Stated:
    """A name in the configuration.

    Attributes:
        role: what it is the name of.
        key: where it stands below ``fields``.
        name: the field, or the object or list that it stands in.
        pattern: what the names of several fields have in common, in the place of one name.
    """

    role: str
    key: str
    name: str
    pattern: ScorePattern | None = None

    @property
    def is_measured(self) -> bool:
        """Whether it is added up, or a further duration."""
        return self.key.startswith(("sums.", "durations."))


def stated(fields: Fields) -> Iterator[Stated]:
    """Yield the names that the configuration states, without the pattern of features, each with its key there.

    >>> [one.key for one in stated(Fields(status="code", features=["age", "income"]))]
    ['status', 'features[0]', 'features[1]']
    """
    for one in _stated(fields):
        yield replace(one, key=fields.KEYS[one.key]) if one.key in fields.KEYS else one


def _stated(fields: Fields) -> Iterator[Stated]:
    for role in ("time", "latency", "status"):
        section = getattr(fields, role)
        if section is not None:
            yield Stated(role, role, section.field)
    for role in ("id", "version", "entity", "stage", "prediction"):
        name = getattr(fields, role)
        if name is not None:
            yield Stated(role, role, name)
    for key, name in score_fields(fields).items():
        yield Stated("score", f"score{key}", name)
    if isinstance(fields.score, ScorePattern):
        yield Stated("score", "score.pattern", fields.score.pattern, fields.score)
    features = fields.features
    if isinstance(features, str):
        yield Stated("features", "features", features)
    elif features is not None and not isinstance(features, FeaturePattern):
        for number, name in enumerate(features):
            yield Stated("features", f"features[{number}]", name)
    yield from _attributed(fields)
    yield from _measured(fields)


def _attributed(fields: Fields) -> Iterator[Stated]:
    told = fields.attributions
    if isinstance(told, str):
        yield Stated("attributions", "attributions", told)
    elif isinstance(told, tuple):
        for number, name in enumerate(told):
            yield Stated("attributions", f"attributions[{number}]", name)
    elif isinstance(told, Mapping):
        for feature, name in told.items():
            yield Stated("attributions", f"attributions.{feature}", name)


def _measured(fields: Fields) -> Iterator[Stated]:
    measured = Measured.of(fields)
    keys = [(f"sums.{name}", field) for name, field in measured.sums.items()]
    keys += [(f"durations.{key}", field) for key, field in measured.duration_fields()]
    for key, name in keys:
        yield Stated(key, key, name)


def score_fields(fields: Fields) -> dict[str, str]:
    """Return the stated fields with scores, by what follows ``score`` in their place; none where they have a pattern.

    >>> score_fields(Fields(score="p")), score_fields(Fields(score=["p", "q"])), score_fields(Fields(score={"yes": "p"}))
    ({'': 'p'}, {'[0]': 'p', '[1]': 'q'}, {'.yes': 'p'})
    """
    score = fields.score
    if score is None or isinstance(score, ScorePattern):
        return {}
    if isinstance(score, str):
        return {"": score}
    if isinstance(score, Mapping):
        return {f".{name}": field for name, field in score.items()}
    return {f"[{number}]": field for number, field in enumerate(score)}


def within(names: Iterable[str], parents: Iterable[str | None]) -> list[str]:
    """Return the fields that are one of others, or stand inside of one; None is no field.

    >>> within(["a.b", "ab", "a[0]", "c"], ["a", "c", None])
    ['a.b', 'a[0]', 'c']
    """
    above = set(parents)
    return [name for name in names if name in above or any(name[: mark.start()] in above for mark in _MARKS.finditer(name))]


def is_within(name: str, parent: str) -> bool:
    """Return whether a field is another, or stands inside of it."""
    return name == parent or name.startswith((f"{parent}.", f"{parent}["))
