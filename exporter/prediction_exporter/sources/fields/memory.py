"""What was recognised of a log, as it is kept over restarts, and what of it a newer look replaces."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from prediction_exporter.config import Fields, Predictions
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields import steps
from prediction_exporter.sources.fields.recognise import refuse_shared, stated_outcomes
from prediction_exporter.sources.fields.schema import DurationPaths, EventSchema, Path, column_field, lookup
from prediction_exporter.sources.stages import NO_STAGE

#: Single fields of a schema; beside them stand its columns.
_ROLES = ("time", "id", "version", "entity", "latency", "status", "stage", "row")


def fingerprint(predictions: Predictions, layout: Layout | None) -> str:
    """Return what changes where recognition has to begin anew: configuration of fields or records, or another baseline."""
    more = [part for part in (predictions.where, predictions.layout, predictions.rows, predictions.join) if part is not None]
    told = "".join(f" {part}" for part in more)
    what = f"{predictions.fields!r} {predictions.timezone} {layout.digest if layout is not None else None}{told}"
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def to_json(schema: EventSchema) -> dict[str, Any]:
    """Return where everything stands, without what the baseline and the configuration say."""
    found = {role: _written(path) for role in _ROLES if (path := getattr(schema, role)) is not None}
    return {
        **found,
        "time_unit": schema.time_unit,
        "latency_unit": schema.latency_unit,
        "columns": {column.name: _written(column.path) for column in schema.columns},
        "unseen": schema.unseen,
        "sums": {name: _written(path) for name, path in schema.sums.items()},
        "attributions": {name: _written(path) for name, path in schema.attributions.items()},
        "durations": [
            {"name": one.name, "paths": [_written(path) for path in one.paths], "unit": one.unit} for one in schema.durations
        ],
    }


def from_json(state: Mapping[str, Any], layout: Layout | None, timezone: str, fields: Fields) -> EventSchema:
    """Return the schema that ``to_json`` described, of the same baseline and configuration."""
    columns = layout.columns if layout is not None else ()
    roles = {role: _read(state[role]) if role in state else None for role in _ROLES}
    return EventSchema(
        **roles,
        time_unit=state["time_unit"],
        timezone=timezone,
        latency_unit=state["latency_unit"],
        outcomes=stated_outcomes(roles.get("status"), fields),
        unseen=tuple(state.get("unseen", ())),
        sums={name: _read(path) for name, path in state.get("sums", {}).items()},
        attributions={name: _read(path) for name, path in state.get("attributions", {}).items()},
        durations=tuple(
            DurationPaths(
                name=one["name"], unit=one["unit"], **dict(zip(("begin", "end"), map(_read, one["paths"]), strict=False))
            )
            for one in state.get("durations", ())
        ),
        columns=tuple(column_field(column, _read(state["columns"][column.name])) for column in columns),
    )


def _written(path: Path) -> list[Any]:
    return [steps.to_json(step) for step in path]


def _read(path: Sequence[Any]) -> Path:
    return tuple(steps.from_json(step) for step in path)


def absent(schema: EventSchema, events: Sequence[Events], rejected: Rejected) -> set[str]:
    """Return the roles and columns that some events have nowhere the schema says."""
    if not events:
        return {role for role in ("time", "id") if f"missing_{role}" in rejected.counts}
    if all(part.failed.all() for part in events):
        return set()  # a request that failed need not have more than a time and a status
    parts = [(part.columns, len(part)) for part in events]
    own = [column.name for column in schema.columns if column.function is None]
    names = {name for name in own if all(columns[name].null_count() == rows for columns, rows in parts)}
    if schema.version is not None and all(part.versions.null_count() == len(part) for part in events):
        names.add("version")
    if schema.entity is not None and not any(part.entities is not None and part.entities.any() for part in events):
        names.add("entity")
    if schema.stage is not None and not any(part.stages is not None and (part.stages != NO_STAGE).any() for part in events):
        names.add("stage")
    if schema.latency is not None and all(part.latencies is None or np.isnan(part.latencies).all() for part in events):
        names.add("latency")
    return names


def refit(old: EventSchema, new: EventSchema, sample: Sequence[Mapping[str, Any]]) -> EventSchema:
    """Return a schema with what the sample has at a new place and not at the old one."""

    def moved(before: Path | None, after: Path | None) -> bool:
        return after is not None and after != before and _stands(after, sample) and not _stands(before, sample)

    changes: dict[str, Any] = {role: getattr(new, role) for role in _ROLES if moved(getattr(old, role), getattr(new, role))}
    if "latency" in changes:
        changes["latency_unit"] = new.latency_unit
    columns = tuple(b if moved(a.path, b.path) else a for a, b in zip(old.columns, new.columns, strict=True))
    if "status" in changes:
        changes["outcomes"] = new.outcomes
    unseen = tuple(name for name in old.unseen if name in new.unseen)
    merged = replace(old, **changes, columns=columns, unseen=unseen)
    try:
        refuse_shared(merged, "fields")
    except ConfigError:  # an object took the place of a value: only the newer look is of one piece
        return new
    return merged


def _stands(path: Path | None, sample: Sequence[Mapping[str, Any]]) -> bool:
    return path is not None and any(lookup(event, path) is not None for event in sample)
