"""Recognition: which field is the time, the id, the prediction, the features, where the configuration does not say.

Only what is unambiguous is recognised: one field, of a name that the field of work uses for nothing else. Two candidates are an
error that says what to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from prediction_exporter.config import UNIT_ENDINGS, FeaturePattern, Fields
from prediction_exporter.counting.layout import Kind, Layout, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.schema import ColumnField, EventSchema, Path, path_text

#: Names that top-level fields are recognised by, in lower case.
KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("time", "ts", "timestamp", "@timestamp", "datetime", "event_time", "created_at", "request_time"),
    "id": ("id", "request_id", "prediction_id", "event_id", "inference_id", "trace_id", "uuid"),
    "version": ("version", "model_version"),
    "prediction": ("prediction", "predicted", "predicted_class", "predicted_label", "decision", "y_pred", "output"),
    "score": ("score", "scores", "probability", "probabilities", "proba", "y_score", "confidence"),
    "status": ("status", "status_code", "http_status", "response_code", "error"),
    "features": ("features", "inputs", "input", "feature_values"),
}
LATENCY_STEMS = ("latency", "duration", "elapsed", "response_time", "took")

#: Names of columns of a training set that hold the truth, which production does not know yet.
LABEL_NAMES = ("label", "labels", "target", "y", "y_true", "ground_truth", "actual", "outcome", "truth")

_LIST_ITEM = re.compile(r"(.*)\[([0-9]+)\]")

#: Positions of a list that are taken as fields of their own.
MAX_LIST = 200


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The names of the fields in each role, as configuration writes them (``features.amount``)."""

    time: str | None
    time_unit: str | None
    id: str | None
    version: str | None
    latency: str | None
    latency_unit: str
    status: str | None
    prediction: str | None
    scores: tuple[str, ...]
    features: dict[str, str]  # by column name
    labels: tuple[str, ...]


def flatten(events: Iterable[Mapping[str, Any]]) -> dict[str, Path]:
    """Return the path of every value in the events, by its text, in the order of first appearance.

    Where an object stands in one event and something else in another, the fields of the object are the fields, and so are the
    items of a list of numbers, and the only text of a list where none has more.
    """
    found: dict[str, Path] = {}
    singles: set[Path] = set()  # lists of one text
    texts: set[Path] = set()
    for event in events:
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
    item = _LIST_ITEM.fullmatch(name)
    if item is not None:
        return (*item.group(1).split("."), int(item.group(2)))
    return tuple(name.split("."))


def is_single(name: str, found: Iterable[str]) -> bool:
    """Return whether what stands under a name are lists of one item, which is meant by it."""
    return f"{name}[0]" in found and f"{name}[1]" not in found


def assign(names: Sequence[str], fields: Fields, *, where: str) -> Roles:
    """Assign roles to fields.

    Args:
        names: the fields that there are.
        fields: what the configuration says of them.
        where: its place in the configuration, for messages.

    Raises:
        ConfigError: several fields could have a role, and the configuration does not say which.
    """
    chooser = _Chooser(names, where)
    time = chooser.value("time", fields.time.field if fields.time else None)
    latency, latency_unit = chooser.latency(fields)
    prediction = chooser.value("prediction", fields.prediction)
    score = fields.score or chooser.choose("score", None)
    identity = chooser.value("id", fields.id)
    version = chooser.value("version", fields.version)
    status = chooser.choose("status", fields.status)
    scores = tuple(name for name in names if score is not None and _within(name, score))
    roles = {time, latency, prediction, identity, version, status, *scores}
    taken = {name for name in names if any(role is not None and _within(name, role) for role in roles)}
    labels = tuple(name for name in names if name.lower() in LABEL_NAMES and name not in taken)
    return Roles(
        time=time,
        time_unit=fields.time.unit if fields.time else None,
        id=identity,
        version=version,
        latency=latency,
        latency_unit=latency_unit,
        status=status,
        prediction=prediction,
        scores=scores or ((score,) if score is not None else ()),
        features=chooser.features(fields, {*taken, *labels}),
        labels=labels,
    )


def _within(name: str, parent: str) -> bool:
    """Return whether a field is another, or stands inside of it."""
    return name == parent or name.startswith((f"{parent}.", f"{parent}["))


@dataclass(frozen=True)
class _Chooser:
    names: Sequence[str]
    where: str
    top: dict[str, None] = field(init=False)  # top-level names, each once, in their order

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", dict.fromkeys(re.split(r"[.\[]", name)[0] for name in self.names))

    def choose(self, role: str, configured: str | None) -> str | None:
        if configured is not None:
            return configured
        return self._only(role, [top for name in KNOWN_NAMES[role] for top in self.top if top.lower() == name])

    def value(self, role: str, configured: str | None) -> str | None:
        """Choose a field that holds one value."""
        chosen = self.choose(role, configured)
        if chosen is None or chosen in self.names:
            return chosen
        inside = [name for name in self.names if _within(name, chosen)]
        if role == "time" and len(inside) > 1 and inside[0] == f"{chosen}[0]":
            raise ConfigError(
                f"{self.where}.time: {chosen} is a list of numbers, as Jackson writes dates by default; have it write text: "
                f"disable SerializationFeature.WRITE_DATES_AS_TIMESTAMPS "
                f"(in Spring: spring.jackson.serialization.write-dates-as-timestamps: false)"
            )
        return self._only(role, inside) if inside else chosen

    def _only(self, role: str, candidates: list[str]) -> str | None:
        if len(candidates) > 1:
            raise ConfigError(
                f"{self.where}.{role}: several fields could be the {role}: {', '.join(candidates)}; "
                f"write the right one, for example {role}: {min(candidates, key=_is_part)}"
            )
        return candidates[0] if candidates else None

    def latency(self, fields: Fields) -> tuple[str | None, str]:
        if fields.latency is not None:
            return fields.latency.field, fields.latency.unit
        units = {
            name: unit
            for name in self.top
            for ending, unit in UNIT_ENDINGS.items()
            if name.lower().endswith(ending) and name.lower().removesuffix(ending) in LATENCY_STEMS
        }
        chosen = self._only("latency", list(units))
        return chosen, units[chosen] if chosen is not None else "s"

    def features(self, fields: Fields, taken: set[str | None]) -> dict[str, str]:
        if isinstance(fields.features, tuple):
            return {name: name for name in fields.features}
        if isinstance(fields.features, FeaturePattern):
            return {name: name for name in self.names if fnmatchcase(name, fields.features.pattern) and name not in taken}
        parent = self.choose("features", fields.features)
        inside = {name[len(parent) + 1 :]: name for name in self.names if parent and name.startswith(f"{parent}.")}
        if inside:
            return inside
        listed = {name: name for name in self.names if parent and name.startswith(f"{parent}[")}
        return listed or {name: name for name in self.names if name not in taken}


def _is_part(name: str) -> bool:
    """Return whether a field is only a part of a value: the fraction of a second, as protobuf and log4j write it."""
    return "nano" in name.lower()


def _within_text(sample: Iterable[Mapping[str, Any]]) -> str:
    """Return which field holds an object as text, as a sentence's end; empty where none does."""
    for event in sample:
        for name, value in event.items():
            if isinstance(value, str) and value.lstrip().startswith('{"'):
                return f"; {name} holds JSON as text, which is not looked into: have it written as an object"
    return ""


def log_schema(
    sample: Sequence[Mapping[str, Any]],
    fields: Fields,
    layout: Layout | None,
    *,
    timezone: str,
    where: str,
    all_failed: bool = False,
) -> EventSchema:
    """Return where everything stands in the events of a log, from its first lines.

    A column of the baseline that the first lines lack is looked for beside the columns that they have: a feature may be
    missing today. Where all their requests failed, they may lack all of them.

    Raises:
        ConfigError: the time or the features cannot be recognised, a configured time does not exist, or a field stands inside
            of another.
    """
    found = flatten(sample)
    roles = assign(list(found), fields, where=where)
    present, within = ", ".join(list(found)[:30]), _within_text(sample)
    if roles.time is None:
        raise ConfigError(
            f"{where}.time: no field could be recognised as the time; write its name (the lines have: {present}){within}"
        )
    if roles.time not in found:
        raise ConfigError(
            f"{where}.time: no line among the first {len(sample)} has a field {roles.time} (they have: {present})"
        )
    columns: tuple[ColumnField, ...] = ()
    if layout is not None:
        columns = _columns(roles, found, layout, where, f"(the lines have: {present}){within}", all_failed=all_failed)

    def optional(name: str | None) -> Path | None:
        return None if name is None else to_path(name, found)

    schema = EventSchema(
        time=found[roles.time],
        time_unit=roles.time_unit,
        timezone=timezone,
        id=optional(roles.id),
        version=optional(roles.version),
        latency=optional(roles.latency),
        latency_unit=roles.latency_unit,
        status=optional(roles.status),
        columns=columns,
    )
    refuse_shared(schema, where)
    return schema


def status_path(sample: Sequence[Mapping[str, Any]], fields: Fields, *, where: str) -> Path | None:
    """Return where the events of a log say whether the request failed."""
    found = flatten(sample)
    status = assign(list(found), fields, where=where).status
    return None if status is None else to_path(status, found)


def column_names(sample: Sequence[Mapping[str, Any]], fields: Fields, *, where: str) -> tuple[str, ...]:
    """Return what columns the events of a log have, by the names that a baseline and the configuration give them."""
    roles = assign(list(flatten(sample)), fields, where=where)
    outputs = (roles.prediction,) if roles.prediction is not None else ()
    return (*roles.features, *outputs, *roles.scores)


def refuse_shared(schema: EventSchema, where: str) -> None:
    """Refuse a field that would have to be a value and an object, or an object and a list.

    Raises:
        ConfigError: there is one.
    """
    optional = (schema.id, schema.version, schema.latency, schema.status)
    taken: dict[Path, tuple[type, Path]] = {}
    for path in (schema.time, *filter(None, optional), *(column.path for column in schema.columns)):
        for end in range(1, len(path) + 1):
            inside = type(path[end]) if end < len(path) else type(None)
            shape, other = taken.setdefault(path[:end], (inside, path))
            if shape is not inside:
                raise ConfigError(
                    f"{where}: {path_text(other)} and {path_text(path)} cannot both be fields, "
                    f"as one stands inside of the other; write which of them is meant"
                )


def _columns(
    roles: Roles, found: Mapping[str, Path], layout: Layout, where: str, present: str, *, all_failed: bool
) -> tuple[ColumnField, ...]:
    names = {column.name: column.role for column in layout.columns}
    known = {name: found[at] for name, at in roles.features.items() if names.get(name) is Role.FEATURE and at in found}
    features = [name for name, role in names.items() if role is Role.FEATURE]
    single = [name for name in features if name not in known and is_single(name, roles.features)]
    items = {name: found[roles.features[f"{name}[0]"]] for name in single}
    beside = {**known, **{name: path[:-1] for name, path in items.items()}}
    known |= items
    if features and not known and not all_failed:
        raise ConfigError(
            f"{where}.features: none of the baseline's features ({', '.join(features[:10])}) stands in the log's first lines; "
            f"write the object or the fields that hold them {present}"
        )
    paths: dict[str, Path] = {name: known.get(name) or _beside(name, beside) for name in features}
    outputs = [name for name, role in names.items() if role is Role.PREDICTION]
    if outputs:
        paths[outputs[0]] = to_path(roles.prediction or outputs[0], found)
    scores = [name for name, role in names.items() if role is Role.SCORE]
    paths |= {name: to_path(at, found) for name, at in _score_paths(scores, roles.scores, where).items()}
    return tuple(
        ColumnField(
            name=c.name,
            kind=Kind.NUMERIC if c.is_number else Kind.CATEGORICAL,
            path=paths[c.name],
            categories=c.categories,
        )
        for c in layout.columns
    )


def _beside(name: str, known: Mapping[str, Path]) -> Path:
    """Return where a feature must stand that the first lines lack, from where the others stand."""
    homes: dict[str, Path] = {}  # of the objects and lists that hold features, by the part of the name that they add
    for other, path in known.items():
        last = f"[{path[-1]}]" if isinstance(path[-1], int) else str(path[-1])
        if last.endswith(f".{other}"):  # a flat file, whose names say the object too
            return (*path[:-1], last.removesuffix(other) + name)
        homes[other.removesuffix(last).removesuffix(".")] = path[:-1]
    item = _LIST_ITEM.fullmatch(name)
    if item is not None and item.group(1) in homes:
        return (*homes[item.group(1)], int(item.group(2)))
    for home in sorted(homes, key=len, reverse=True):
        if home and name.startswith(f"{home}."):
            return (*homes[home], name.removeprefix(f"{home}."))
    return (*homes[""], name) if "" in homes else tuple(name.split("."))


def _score_paths(columns: Sequence[str], fields: Sequence[str], where: str) -> dict[str, str]:
    """Match score columns of the baseline with score fields of the log: the only one, or by what follows the common name."""
    if len(columns) == 1 and len(fields) == 1:
        return {columns[0]: fields[0]}
    by_ending = {_ending(name): name for name in fields}
    if columns and fields and by_ending.keys().isdisjoint(map(_ending, columns)):
        raise ConfigError(
            f"{where}.score: the log's scores ({', '.join(fields)}) do not match the baseline's ({', '.join(columns)}); "
            f"write the right one, for example score: {fields[0]}"
        )
    # A class that the first lines lack stands beside the others.
    home = fields[0].removesuffix(_ending(fields[0])) if fields else None
    absent = {column: column if home is None else home + _ending(column) for column in columns}
    return {column: by_ending.get(_ending(column), absent[column]) for column in columns}


def _ending(name: str) -> str:
    item = _LIST_ITEM.fullmatch(name)
    return f"[{item.group(2)}]" if item is not None else name.rpartition(".")[2]
