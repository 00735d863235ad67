"""Event schema: which field of an event is its time, its id, its columns, and how each is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout
from prediction_exporter.sources.fields.steps import OfLabel, Only, label_text
from prediction_exporter.sources.outcomes import Outcomes

#: Microseconds in each unit that epoch times and durations come in.
UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}

#: What is said of the time of events that have none of their own.
OF_READING = "that of reading"

#: Keys from the outside in; an integer is a position in a list of values and can only be the last, and so can a label.
Path = tuple[str | int | Only | OfLabel, ...]


def path_text(path: Path) -> str:
    """Return a path as configuration writes it.

    >>> path_text(("features", "amount")), path_text(("scores", 0)), path_text(("out", OfLabel("yes", "label", "score")))
    ('features.amount', 'scores[0]', 'out.yes')
    """
    keys = ".".join(key.label if isinstance(key, OfLabel) else key for key in path if isinstance(key, str | OfLabel))
    return keys + "".join(f"[{key}]" for key in path if isinstance(key, int))


def lookup(event: Mapping[str, Any], path: Path) -> Any:
    """Return what stands at a path of a parsed event, or None where a part of the path is absent or of another type."""
    value: Any = event
    for key in path:
        if isinstance(key, str):
            value = value.get(key) if isinstance(value, Mapping) else None
        elif not isinstance(value, list):
            return None
        elif isinstance(key, OfLabel):
            value = _beside(key, value)
        elif isinstance(key, int):
            value = value[key] if key < len(value) else None
        else:
            value = value[0] if len(value) == 1 else None
    return value


def _beside(step: OfLabel, items: Sequence[Any]) -> Any:
    objects = (item for item in items if isinstance(item, Mapping))
    return next((item.get(step.values) for item in objects if label_text(item.get(step.labels)) == step.label), None)


@dataclass(frozen=True, kw_only=True)
class ColumnField:
    """Where a column of the model stands in an event.

    Attributes:
        name: the column's name.
        kind: how its values are read: as numbers, or as text.
        path: where they stand.
        categories: of a categorical column, those of the baseline.
        function: of a derived column, what makes it of the values that stand there.
        held: what these were in the baseline.
    """

    name: str
    kind: Kind
    path: Path
    categories: tuple[str, ...] = ()
    function: Function | None = None
    held: Held = Held.ANY

    @property
    def is_of_list(self) -> bool:
        """Whether it is made of a list as a whole."""
        return self.function is not None and self.held is Held.CONTAINER


def column_field(column: Column, path: Path) -> ColumnField:
    """Return how a column of the model is read that stands at a path."""
    return ColumnField(
        name=column.name,
        kind=Kind.NUMERIC if column.is_number else Kind.CATEGORICAL,
        path=path,
        categories=column.categories,
        function=column.function,
        held=column.held,
    )


@dataclass(frozen=True, kw_only=True)
class DurationPaths:
    """Where a further duration stands in an event.

    Attributes:
        name: as the configuration calls it.
        begin: where it stands, or where the time stands at which it begins.
        end: where the time stands at which it ends; None where it is one number.
        unit: of the number, one of :data:`UNITS`; of times, that of epoch numbers, None to tell it from their magnitude.
    """

    name: str
    begin: Path
    end: Path | None = None
    unit: str | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where all of it stands."""
        return (self.begin,) if self.end is None else (self.begin, self.end)


@dataclass(frozen=True, kw_only=True)
class EventSchema:
    """Where everything stands in an event.

    Attributes:
        time: the event time, an epoch number or a date as in RFC 3339; None where it is that of reading.
        time_unit: unit of epoch numbers, one of :data:`UNITS`; ``None`` to tell it from their magnitude.
        timezone: IANA zone of dates that carry none.
        id, version, entity, latency, status, stage: ``None`` where events have no such field.
        latency_unit: unit of the latency, one of :data:`UNITS`.
        row: which row of its record an event is, where records are unfolded.
        sums: where what is added up stands, by its name.
        attributions: where the contribution of a feature to the prediction stands, by the feature's name.
        durations: where further durations stand.
        outcomes: how a status is read.
        columns: the model's columns.
        unseen: those that no record had by which the fields were recognised: they are looked for beside the others.
    """

    time: Path | None
    columns: tuple[ColumnField, ...]
    time_unit: str | None = None
    timezone: str = "UTC"
    id: Path | None = None
    version: Path | None = None
    entity: Path | None = None
    latency: Path | None = None
    latency_unit: str = "s"
    status: Path | None = None
    stage: Path | None = None
    row: Path | None = None
    sums: Mapping[str, Path] = field(default_factory=dict)
    attributions: Mapping[str, Path] = field(default_factory=dict)
    durations: tuple[DurationPaths, ...] = ()
    outcomes: Outcomes = field(default_factory=Outcomes)
    unseen: tuple[str, ...] = ()

    @property
    def optional(self) -> tuple[Path, ...]:
        """Where the fields stand that events may lack, of those that they have."""
        single = (self.id, self.version, self.entity, self.latency, self.status, self.stage, self.row)
        return (
            *filter(None, single),
            *self.sums.values(),
            *self.attributions.values(),
            *self.times_between,
            *self.plain_durations,
        )

    @property
    def times_between(self) -> tuple[Path, ...]:
        """Where the times stand that durations lie between."""
        return tuple(path for duration in self.durations if duration.end is not None for path in duration.paths)

    @property
    def plain_durations(self) -> tuple[Path, ...]:
        """Where durations stand that are one number."""
        return tuple(duration.begin for duration in self.durations if duration.end is None)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where everything stands that is read."""
        return (*filter(None, (self.time,)), *self.optional, *(column.path for column in self.columns))


def describe(schema: EventSchema, layout: Layout | None) -> list[str]:
    """Return what was recognised, a line for each role, for a person to check."""

    def shown(path: Path | None) -> str:
        return "none" if path is None else path_text(path)

    lines = [
        f"time: {OF_READING if schema.time is None else shown(schema.time)}",
        f"id: {shown(schema.id)}",
        f"version: {shown(schema.version)}",
        *([f"entity: {shown(schema.entity)}"] if schema.entity is not None else []),
        f"latency: {shown(schema.latency)}" + (f" in {schema.latency_unit}" if schema.latency else ""),
        f"status: {shown(schema.status)}",
        *([f"stage: {shown(schema.stage)}"] if schema.stage is not None else []),
        *(f"sum of {name}: {shown(path)}" for name, path in schema.sums.items()),
        *(f"attribution of {name}: {shown(path)}" for name, path in schema.attributions.items()),
        *(f"duration {one.name}: {_duration_text(one)}" for one in schema.durations),
    ]
    if layout is not None:
        roles = {column.name: column.role for column in layout.columns if not column.is_derived}
        for role in dict.fromkeys(roles.values()):
            of_role = [column for column in schema.columns if roles.get(column.name) is role]
            seen = ", ".join(path_text(column.path) for column in of_role if column.name not in schema.unseen)
            unseen = ", ".join(column.name for column in of_role if column.name in schema.unseen)
            lines.append(f"{role}: {seen or 'none'}" + (f"; not seen: {unseen}" if unseen else ""))
        derived = ", ".join(column.name for column in layout.columns if column.is_derived)
        lines += [f"derived: {derived}"] if derived else []
    return lines


def _duration_text(duration: DurationPaths) -> str:
    if duration.end is not None:
        return f"from {path_text(duration.begin)} to {path_text(duration.end)}"
    return f"{path_text(duration.begin)} in {duration.unit}"
