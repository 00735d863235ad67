"""Simulate: a month of several worlds without a change, and the delays of changes in them, all folded side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from alarms.ours import SEEN, Rule, run, side_by_side
from alarms.results import Line
from alarms.streams import Counts, Stream
from alarms.worlds import CHANGES, World
from prediction_exporter.evidence.scores import Floats

#: Columns that are folded at a time, about: models of one world and another side by side cost little more than one.
COLUMNS = 100

DAYS = 30
SLICES = 288  # of a day

#: A change comes after so many days, and is looked for during so many.
BEFORE, AFTER = 2, 7


def batches(worlds: Sequence[World]) -> Iterator[list[World]]:
    """Yield worlds that can be folded side by side: alike in columns, replicas and kind."""

    def kind(world: World) -> tuple[int, int, bool]:
        return world.columns, world.replicas, bool(world.categories)

    for of in sorted({kind(world) for world in worlds}):
        alike = [world for world in worlds if kind(world) == of]
        most = max(COLUMNS // (of[0] * of[1]), 1)
        yield from (alike[first : first + most] for first in range(0, len(alike), most))


def quiet(streams: Sequence[Stream], number: int) -> Iterator[Line]:
    """Yield what a month without a change gave each model, without a replay of the baseline and with one."""
    models, size = len(streams), streams[0].world.columns
    rule = Rule.of([*streams, *streams], [False] * models + [True] * models)
    live = [stream.live(DAYS) for stream in streams]
    found = run(rule, side_by_side(live * 2))
    for model, stream in enumerate([*streams, *streams]):
        part = slice(model * size, (model + 1) * size)
        tolerance = rule.tolerance[part]
        columns = [column - part.start for _, column in found.onsets if part.start <= column < part.stop]
        yield {
            "kind": "quiet",
            "world": stream.world.key,
            "replay": model >= models,
            "round": number,
            "months": DAYS / 30,
            "alarms": len(columns),
            "columns": sorted(set(columns)),
            "broad": sum(of == model for _, of in found.broad),
            "alarmed": round(float(found.alarmed[part].mean()) / (DAYS * SLICES), 6),
            "peak": round(float(np.log10(max(found.peak[part].max(), 1e-12))), 2),
            "watched": round(float((tolerance < SEEN).mean()), 4),
            "tolerance": [round(float(np.quantile(tolerance, q)), 3) for q in (0.5, 1.0)],
        }


def changed(streams: Sequence[Stream], number: int, keys: Sequence[str], *, replay: bool) -> Iterator[Line]:
    """Yield the delays of changes in each model."""
    trials = [(stream, change) for stream in streams for change in CHANGES if change.key in keys]
    rule = Rule.of([stream for stream, _ in trials], [replay] * len(trials))
    live = [stream.live(BEFORE + AFTER, change, BEFORE) for stream, change in trials]
    found = run(rule, side_by_side(live))
    size, begin = streams[0].world.columns, BEFORE * SLICES
    first = np.full(len(trials) * size, np.inf)
    before = np.zeros(len(first), np.bool_)
    for at, column in found.onsets:
        if at < begin:
            before[column] = True
        else:
            first[column] = min(first[column], at - begin + 1)
    for place, (stream, change) in enumerate(trials):
        part = slice(place * size + stream.world.calendar, (place + 1) * size)
        slices = np.sort(first[part][~before[part] & np.isfinite(first[part])]).astype(np.int64)
        passed = _effective_rows(stream, live[place], begin)
        yield {
            "kind": "change",
            "change": change.key,
            "world": stream.world.key,
            "replay": replay,
            "round": number,
            "trials": int((~before[part]).sum()),
            "hours": [round(float(at) / 12, 2) for at in slices],
            "rows": [round(float(passed[at])) for at in slices],
        }


def _effective_rows(stream: Stream, live: Sequence[Counts], begin: int) -> Floats:
    """Return how many rows that are independent have passed since a change, by slice."""
    first = stream.watched[0].count
    rows = sum(counts[begin:, :first].sum(axis=1) for counts in live) / stream.world.design_effect
    return np.concatenate(([0.0], np.cumsum(rows)))
