"""Entities: what it changes that a field names them, where no replay taught how rows depend on each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alarms.ours import Rule, run
from alarms.results import Line
from alarms.simulate import AFTER, BEFORE, DAYS, SLICES
from alarms.streams import Counts, Stream
from alarms.worlds import CHANGES, WORLDS, World
from prediction_exporter.counting.entities import Entities

#: Months of each case.
ROUNDS = 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """Traffic with entities.

    Attributes:
        world: what traffic is like; its sessions are the entities.
        title: for the table.
        rows: mean rows of an entity, where rows are independent and entities say nothing of them; 0 where they are sessions.
        before: days until the change.
    """

    world: str
    title: str
    rows: int = 0
    before: int = BEFORE

    @property
    def key(self) -> str:
        """Its name in results."""
        return f"{self.world}-{self.rows}-{self.before}"

    @property
    def traffic(self) -> World:
        """The world."""
        return next(world for world in WORLDS if world.key == self.world)


CASES = (
    Case(world="sessions-50-50", title="sessions of 50 within a day"),
    Case(world="sessions-50-500", title="sessions of 50 within a day"),
    Case(world="crowded-500", title="sessions of 1 to 2,000 (a power law)"),
    Case(world="sessions-10-500-10", title="sessions of 10"),
    Case(world="independent-50-10", title="an entity for each row", rows=1),
    Case(world="independent-50-10", title="entities of 50 whose rows are not alike", rows=50),
    Case(world="independent-50-10", title="the same, changed after 15 days", rows=50, before=15),
)


def lines(case: Case, number: int) -> Iterator[Line]:
    """Yield the alarms of a month without a change, and the delays of a change, without the field and with it.

    Args:
        case: what traffic is like.
        number: of the round.
    """
    [change] = [one for one in CHANGES if one.key == "mean-0.5"]
    world, begin = case.traffic, case.before * SLICES
    still, moved = Stream(world, 4_000 + number), Stream(world, 5_000 + number)
    [quiet], [changing] = still.live(DAYS), moved.live(case.before + AFTER, change, case.before)
    sketches = [_sketches(case, still, quiet), _sketches(case, moved, changing)]
    rules = [Rule.of([stream], [False]) for stream in (still, moved)]
    for has_field in (False, True):
        of_quiet, of_changing = sketches if has_field else [(), ()]
        alarms = run(rules[0], [quiet], entities=of_quiet).onsets
        first = np.full(world.columns, np.inf)
        for at, column in run(rules[1], [changing], entities=of_changing).onsets:
            if at >= begin:
                first[column] = min(first[column], at - begin + 1)
        yield {
            "kind": "entities",
            "world": case.key,
            "rule": "with" if has_field else "without",
            "round": number,
            "months": DAYS / 30,
            "alarms": len(alarms),
            "hours": sorted(round(float(at) / 12, 2) for at in first if np.isfinite(at)),
            "trials": world.columns,
        }


def _sketches(case: Case, stream: Stream, counts: Counts) -> Sequence[Entities]:
    """Return how many rows entities have in each slice."""
    days = len(counts) // SLICES
    if not case.rows:
        return stream.sketches(days)
    if case.rows == 1:
        rows = counts[:, : stream.watched[0].count].sum(axis=1)
        return [Entities.of(stream.rng.integers(1, np.iinfo(np.uint64).max, of, np.uint64)) for of in rows.tolist()]
    others = Stream(replace(stream.world, key="others", session=float(case.rows), minutes=1440, rows=10, columns=1), 6_000)
    others.live(days)
    return others.sketches(days)
