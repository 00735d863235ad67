"""Simulate: a round of one world, some models' month without a change, and the delays of changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alarms.ours import Rule, run, side_by_side
from alarms.results import Line
from alarms.streams import Stream
from alarms.worlds import CHANGES, World
from prediction_exporter.evidence.scores import Floats

#: Columns that are folded at a time: as many models as that makes.
COLUMNS = 30

DAYS = 30
#: A change comes after so many days, and is looked for during so many.
BEFORE, AFTER = 2, 7


def streams_of(world: World, number: int) -> list[Stream]:
    """Return the models of a round."""
    models = max(COLUMNS // world.columns // world.replicas, 1)
    return [Stream(world, number * 100 + model) for model in range(models)]


def quiet(world: World, number: int, streams: list[Stream], *, replay: bool) -> Line:
    """Return what a month without a change gave."""
    rule = Rule.of(streams, replay=replay)
    found = run(rule, side_by_side([stream.live(DAYS) for stream in streams]))
    tolerance = rule.tolerance
    return {
        "kind": "quiet",
        "world": world.key,
        "replay": replay,
        "round": number,
        "months": len(streams) * DAYS / 30,
        "alarms": len(found.onsets),
        "columns": sorted({column for _, column in found.onsets}),
        "broad": len(found.broad),
        "alarmed": round(found.alarmed / (len(tolerance) * DAYS * 288), 6),
        "peak": round(float(np.log10(max(found.peak.max(), 1e-12))), 2),
        "watched": round(rule.watched, 4),
        "tolerance": [round(float(np.quantile(tolerance, q)), 3) for q in (0.5, 1.0)],
        "exponent": round(found.exponent, 4),
    }


def changes(world: World, number: int, stream: Stream, *, replay: bool, keys: tuple[str, ...]) -> Iterator[Line]:
    """Yield the delays of changes, all folded side by side."""
    wanted = [change for change in CHANGES if change.key in keys]
    rule = Rule.of([stream] * len(wanted), replay=replay)
    live = side_by_side([stream.live(BEFORE + AFTER, change, BEFORE) for change in wanted])
    found = run(rule, live)
    first = np.full(len(wanted) * world.columns, np.nan)
    before = np.zeros(len(first), np.bool_)
    begin = BEFORE * 288
    for at, column in found.onsets:
        if at < begin:
            before[column] = True
        elif np.isnan(first[column]):
            first[column] = (at - begin + 1) / 12
    first[before] = np.nan
    rows = _rows(first, live, begin, world)
    for place, change in enumerate(wanted):
        part = slice(place * world.columns + world.calendar, (place + 1) * world.columns)
        yield {
            "kind": "change",
            "change": change.key,
            "world": world.key,
            "replay": replay,
            "round": number,
            "trials": int((~before[part]).sum()),
            "hours": sorted(round(float(hours), 2) for hours in first[part] if np.isfinite(hours)),
            "rows": sorted(round(float(count)) for count in rows[part] if np.isfinite(count)),
        }


def _rows(first: Floats, live: list[np.ndarray], begin: int, world: World) -> Floats:
    """Return the rows until each alarm, in effective ones."""
    total = sum(counts[:, : counts.shape[1] // max(len(first) // world.columns, 1)].sum(axis=1) for counts in live)
    by_slice = np.asarray(total, np.float64)[begin:] / world.columns / world.design_effect
    passed = np.concatenate(([0.0], np.cumsum(by_slice)))
    at = np.where(np.isnan(first), 0, np.round(first * 12)).astype(int)
    return np.where(np.isnan(first), np.nan, passed[np.minimum(at, len(passed) - 1)])
