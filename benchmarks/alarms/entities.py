"""Entities: what it changes that a field names them, where no replay taught how rows depend on each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from alarms.ours import Rule, run
from alarms.results import Line
from alarms.simulate import AFTER, BEFORE, DAYS, SLICES
from alarms.streams import Stream
from alarms.worlds import CHANGES, World
from prediction_exporter.counting.entities import Entities

#: Months of each.
ROUNDS = 4

#: What entities are besides the sessions whose rows are alike.
ALONE, UNLIKE = "each row its own", "rows of an entity are not alike"


def lines(world: World, number: int, change: str, *, entities: str = "", before: int = BEFORE) -> Iterator[Line]:
    """Yield the alarms of months without a change, and the delays of a change, without the field and with it.

    Args:
        world: what traffic is like; an entity is a session.
        number: of the round.
        change: which.
        entities: where they are something else, what.
        before: days until the change.
    """
    [moved] = [one for one in CHANGES if one.key == change]
    still, changing = Stream(world, 4_000 + number), Stream(world, 5_000 + number)
    rules = [Rule.of([stream], [False]) for stream in (still, changing)]
    live = [still.live(DAYS), changing.live(before + AFTER, moved, before)]
    sketches = [_sketches(still, DAYS, entities), _sketches(changing, before + AFTER, entities)]
    for field in (False, True):
        of = sketches if field else [(), ()]
        quiet = run(rules[0], live[0], entities=of[0])
        found = run(rules[1], live[1], entities=of[1])
        begin = before * SLICES
        first = np.full(world.columns, np.inf)
        for at, column in found.onsets:
            if at >= begin:
                first[column] = min(first[column], at - begin + 1)
        yield {
            "kind": "entities",
            "world": f"{world.key} {entities}".strip(),
            "played": str(field),
            "round": number,
            "months": DAYS / 30,
            "alarms": len(quiet.onsets),
            "hours": sorted(round(float(at) / 12, 2) for at in first if np.isfinite(at)),
            "trials": world.columns,
        }


def _sketches(stream: Stream, days: int, entities: str) -> Sequence[Entities]:
    if not entities:
        return stream.sketches(days)
    other = replace(stream.world, session=50.0 if entities == UNLIKE else 1.0, minutes=1440, key="other")
    drawn = Stream(replace(other, rows=10, columns=1), 6_000)
    drawn._counted(days, CHANGES[0], days)  # noqa: SLF001 - the rows themselves are not wanted
    return drawn.sketches(days)
