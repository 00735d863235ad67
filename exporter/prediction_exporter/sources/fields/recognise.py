"""Recognition: where the time, the id, the prediction, the features stand in the events of a source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import commonprefix
from typing import Any

from prediction_exporter.config import Fields, MeasuredDuration, ScorePattern
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Layout, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.attributed import attribution_fields, features_of
from prediction_exporter.sources.fields.doubts import within
from prediction_exporter.sources.fields.made import MADE, ROW
from prediction_exporter.sources.fields.measured import Measured
from prediction_exporter.sources.fields.names import LIST_ITEM, all_nested, flatten, is_single, to_path
from prediction_exporter.sources.fields.roles import Roles, assign, meant
from prediction_exporter.sources.fields.schema import (
    ColumnField,
    DurationPaths,
    EventSchema,
    Path,
    column_field,
    lookup,
    path_text,
)
from prediction_exporter.sources.fields.stated import Stated
from prediction_exporter.sources.fields.steps import OfLabel
from prediction_exporter.sources.outcomes import Outcomes, outcomes_of


def log_schema(
    sample: Sequence[Mapping[str, Any]],
    fields: Fields,
    layout: Layout | None,
    *,
    timezone: str,
    where: str,
    all_failed: bool = False,
    measured: Measured | None = None,
) -> EventSchema:
    """Return where everything stands in the events of a log, from its first lines.

    A column of the baseline that the first lines lack is looked for beside the columns that they have: a feature may be
    missing today. Where all their requests failed, they may lack all of them.

    What is added up and observed beside the latency is what ``measured`` says, or else what the configuration does.

    Raises:
        ConfigError: the time or the features cannot be recognised, a configured time does not exist, or a field stands inside
            of another.
    """
    found = flatten(sample)
    row = found.pop(ROW, None)
    roles = assign(list(found), fields, where=where)
    present, hidden = ", ".join([name for name in found if name not in MADE][:30]), within(sample)
    if roles.time is None and fields.RECOGNISED:
        raise ConfigError(
            f"{where}.time: no field could be recognised as the time; write its name (the lines have: {present}){hidden}"
        )
    if roles.time is not None and roles.time not in found:
        hint = meant(Stated("time", "time", roles.time), list(found), fields)
        raise ConfigError(
            f"{where}.time: no line among the first {len(sample)} has a field {roles.time}{hint} (they have: {present})"
        )
    columns: tuple[ColumnField, ...] = ()
    if layout is not None:
        hint = _of_features(fields, list(found))
        if row is not None:
            roles = _only_output(roles, found, layout, sample)
            hint = _OF_UNNAMED if "features[0]" in found and not hint else hint
        told = f"(the lines have: {present}){hint}{hidden}"
        columns = _columns(roles, found, layout, where, told, pattern=fields.score, hidden=hidden, all_failed=all_failed)

    def optional(name: str | None) -> Path | None:
        return None if name is None else to_path(name, found)

    measured = measured or Measured.of(fields)
    status = optional(roles.status)
    places = {path[:end] for path in found.values() for end in range(1, len(path) + 1)}
    schema = EventSchema(
        time=None if roles.time is None else found[roles.time],
        time_unit=roles.time_unit,
        timezone=timezone,
        id=optional(roles.id),
        version=optional(roles.version),
        entity=optional(roles.entity),
        latency=optional(roles.latency),
        latency_unit=roles.latency_unit,
        status=status,
        stage=optional(roles.stage),
        sums={name: to_path(at, found) for name, at in measured.sums.items()},
        attributions={} if layout is None else _attributions(fields, layout, found),
        durations=tuple(_duration(name, told, found) for name, told in measured.durations.items()),
        row=row,
        outcomes=stated_outcomes(status, fields),
        columns=columns,
        unseen=tuple(column.name for column in columns if column.path not in places and column.function is None),
    )
    refuse_shared(schema, where)
    return schema


def _attributions(fields: Fields, layout: Layout, found: Mapping[str, Path]) -> dict[str, Path]:
    named = attribution_fields(fields, features_of(layout))
    return {feature: to_path(at, found) for feature, at in named.items()}


def _duration(name: str, told: MeasuredDuration, found: Mapping[str, Path]) -> DurationPaths:
    if told.begin is not None and told.end is not None:
        return DurationPaths(name=name, begin=to_path(told.begin, found), end=to_path(told.end, found), unit=told.unit)
    return DurationPaths(name=name, begin=to_path(told.field or "", found), unit=told.unit_of_field)


#: What to write where values have no names.
_OF_UNNAMED = "; values without names get the baseline's by rows: {names: baseline}, which takes them in its order"


def _only_output(roles: Roles, found: Mapping[str, Path], layout: Layout, sample: Sequence[Mapping[str, Any]]) -> Roles:
    """Return roles in which the one number of an answer is the score, where the model has a score and no prediction.

    It may be either; the baseline knows which.
    """
    columns = [column.role for column in layout.columns if not column.is_derived]
    is_score = columns.count(Role.SCORE) == 1 and Role.PREDICTION not in columns
    if not is_score or roles.scores or roles.prediction is None or roles.prediction not in found:
        return roles
    values = (lookup(event, found[roles.prediction]) for event in sample)
    value = next((value for value in values if value is not None), None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return roles
    return replace(roles, prediction=None, scores=(roles.prediction,))


def _of_features(fields: Fields, names: Sequence[str]) -> str:
    """Return what may be meant by the first name of features that is not there, as a sentence's end."""
    listed = (fields.features,) if isinstance(fields.features, str) else fields.features
    wrong = [name for name in listed if name not in names] if isinstance(listed, tuple) else []
    return meant(Stated("features", "features", wrong[0]), names, fields) if wrong else ""


def status_path(sample: Sequence[Mapping[str, Any]], fields: Fields, *, where: str) -> Path | None:
    """Return where the events of a log say whether the request failed."""
    found = flatten(sample)
    status = assign(list(found), fields, where=where).status
    return None if status is None else to_path(status, found)


def stated_outcomes(status: Path | None, fields: Fields) -> Outcomes:
    """Return how the values of a status are read."""
    if fields.status is None:
        return outcomes_of(status)
    return outcomes_of(status, fields.status.failed, fields.status.ok)


def column_names(sample: Sequence[Mapping[str, Any]], fields: Fields, *, where: str) -> tuple[str, ...]:
    """Return what columns the events of a log have, by the names that a baseline and the configuration give them."""
    found = flatten(sample)
    found.pop(ROW, None)
    roles = assign(list(found), fields, where=where)
    features = [name for name, at in roles.features.items() if at in found]
    outputs = [roles.prediction] if roles.prediction in found else []
    return (*features, *outputs, *(roles.classes.get(name, name) for name in roles.scores if name in found))


def refuse_shared(schema: EventSchema, where: str) -> None:
    """Refuse a field that would have to be a value and an object, or an object and a list.

    Raises:
        ConfigError: there is one.
    """
    taken: dict[Path, tuple[type, Path]] = {}
    # A list and its items may both be read, the one for what is made of it.
    columns = (column.path for column in schema.columns if column.function is None)
    for path in (*filter(None, (schema.time,)), *schema.optional, *columns):
        for end in range(1, len(path) + 1):
            inside = type(path[end]) if end < len(path) else type(None)
            shape, other = taken.setdefault(path[:end], (inside, path))
            if shape is not inside:
                raise ConfigError(
                    f"{where}: {path_text(other)} and {path_text(path)} cannot both be fields, "
                    f"as one stands inside of the other; write which of them is meant"
                )


def _columns(
    roles: Roles,
    found: Mapping[str, Path],
    layout: Layout,
    where: str,
    present: str,
    *,
    pattern: object,
    hidden: str,
    all_failed: bool,
) -> tuple[ColumnField, ...]:
    names = {column.name: column.role for column in layout.columns if not column.is_derived}
    lists = {column.name for column in layout.columns if column.held is Held.CONTAINER}
    known = {name: found[at] for name, at in roles.features.items() if names.get(name) is Role.FEATURE and at in found}
    features = [name for name, role in names.items() if role is Role.FEATURE]
    # Of a list that is one column, the items are none.
    firsts = {name: roles.features.get(f"{name}[0]") for name in features if name in lists and name not in known}
    known |= {name: found[item][:-1] for name, item in firsts.items() if item is not None and item in found}
    single = [name for name in features if name not in known and is_single(name, roles.features)]
    items = {name: found[roles.features[f"{name}[0]"]] for name in single}
    beside = {**known, **{name: path[:-1] for name, path in items.items()}}
    known |= items
    for name, inside in all_nested([name for name in features if name not in known], roles.features).items():
        if inside not in names and roles.features[inside] in found:
            known[name] = found[roles.features[inside]]
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
    by_class = {column: at for at, column in roles.classes.items() if column in scores}
    unnamed = [name for name in scores if name not in by_class]
    if isinstance(pattern, ScorePattern):  # a class that the first lines lack has its field, too
        by_class |= {name: pattern.field_of(name[len("score.") :]) for name in unnamed if name.startswith("score.")}
        unnamed = [name for name in unnamed if name not in by_class]
    by_class |= _score_paths(unnamed, [at for at in roles.scores if at not in roles.classes], found, where, hidden)
    paths |= {name: to_path(at, found) for name, at in by_class.items()}
    paths |= {column.name: _source_path(column, paths) for column in layout.columns if column.is_derived}
    return tuple(column_field(column, paths[column.name]) for column in layout.columns)


def _source_path(column: Column, paths: Mapping[str, Path]) -> Path:
    """Return where the values stand that a derived column is made of: a column's, or the list whose items are columns."""
    of = str(column.of)
    if of in paths:
        return paths[of]
    item = next((path for name, path in paths.items() if name.startswith(f"{of}[") and isinstance(path[-1], int)), None)
    return item[:-1] if item is not None else tuple(of.split("."))


def _beside(name: str, known: Mapping[str, Path]) -> Path:
    """Return where a feature must stand that the first lines lack, from where the others stand."""
    homes: dict[str, Path] = {}  # of the objects and lists that hold features, by the part of the name that they add
    for other, path in known.items():
        last = f"[{path[-1]}]" if isinstance(path[-1], int) else str(path[-1])
        if last.endswith(f".{other}"):  # a flat file, whose names say the object too
            return (*path[:-1], last.removesuffix(other) + name)
        homes[other.removesuffix(last).removesuffix(".")] = path[:-1]
    item = LIST_ITEM.fullmatch(name)
    if item is not None and item.group(1) in homes:
        return (*homes[item.group(1)], int(item.group(2)))
    for home in sorted(homes, key=len, reverse=True):
        if home and name.startswith(f"{home}."):
            return (*homes[home], name.removeprefix(f"{home}."))
    return (*homes[""], name) if "" in homes else tuple(name.split("."))


def _score_paths(
    columns: Sequence[str], fields: Sequence[str], found: Mapping[str, Path], where: str, hidden: str
) -> dict[str, str]:
    """Match score columns of the baseline with score fields of the log: the only one, or by what follows the common name."""
    if len(columns) == 1 and len(fields) == 1:
        return {columns[0]: fields[0]}
    if len(fields) == 1 and fields[0] not in found:  # a stated one that is not there yet, or never
        return {column: f"{fields[0]}{column[len(_stem(column)) :]}" for column in columns}
    by_ending = {ending: at for at, ending in _endings(fields, found).items()}
    endings = _endings(columns, found)
    if columns and fields and by_ending.keys().isdisjoint(endings.values()):
        raise ConfigError(
            f"{where}.score: the log's scores ({', '.join(fields)}) do not match the baseline's ({', '.join(columns)}); "
            + (hidden.removeprefix("; ") or f"write the right one, for example score: {fields[0]}")
        )
    # A class that the first lines lack stands beside the others.
    home = fields[0].removesuffix(_endings(fields, found)[fields[0]]) if fields else None
    absent = {column: column if home is None else home + ending for column, ending in endings.items()}
    by_name = {column: column for column in columns if column in fields}
    return {column: by_ending.get(ending, absent[column]) for column, ending in endings.items()} | by_name


def _stem(name: str) -> str:
    """Return what stands in front of the class or position at the end of a score's name."""
    return re.split(r"[.\[]", name, maxsplit=1)[0]


def _endings(names: Sequence[str], found: Mapping[str, Path]) -> dict[str, str]:
    """Return the class or position at the end of each score's name: what stands behind the place that all have in common."""
    prefix = commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 - of characters, as names are no paths of files
    shared = re.match(r".*(?:\.|(?=\[))", prefix)
    endings = {}
    for name in names:
        step = found[name][-1] if name in found else None
        item = LIST_ITEM.fullmatch(name)
        if isinstance(step, OfLabel):
            endings[name] = step.label
        elif shared is not None:
            endings[name] = name[shared.end() :]
        else:
            endings[name] = f"[{item.group(2)}]" if item is not None else name.rpartition(".")[2]
    return endings
