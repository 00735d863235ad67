"""A model whose database joins labels, killed while rows come and change: ``killed_joins.py FOLDER KILLS SEED KIND NAME PORT``.

It forks for each life, so that a life costs no imports. The parent writes predictions and labels, changes labels in their rows
and turns the clock. It prints as JSON what is counted in the end, by the last life and by one that nothing ever disturbed.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import watched
from databases import Database, Server
from joined_twice import Both
from prediction_exporter.sources.table import joining, spans

#: Seconds of the model's time from life to life.
STRIDE = 60

#: Rows of a step: so few that there are many.
STEP_ROWS = 40

#: How long a life may take to begin.
PATIENCE = 60.0


class Tables(Both):
    """The tables, which other processes read."""

    def __post_init__(self) -> None:
        self.name_ids()
        self.models, self.monitors = {}, {}


class Writer:
    """Writes rows of a time; it knows no more of them than the tables do."""

    def __init__(self, tables: Tables, seed: int) -> None:
        self._tables, self._chance, self._number = tables, random.Random(seed), 0

    def write(self, now: float) -> None:
        """Write predictions, some of them again, and labels; change some labels in their rows."""
        chance, tables = self._chance, self._tables
        numbers = range(self._number, self._number + chance.randrange(8, 20))
        self._number = numbers.stop
        rows = tables.predicted(*numbers, at=now - chance.randrange(50), chance=chance)
        tables.insert("p", rows + tables.predicted(*chance.sample(range(numbers.stop), 2), at=now, chance=chance))
        known = chance.sample(range(max(numbers.stop - 200, 0), numbers.stop + 3), min(numbers.stop, 15))
        tables.tell(*((one, chance.choice(["accept", "refuse"])) for one in known), at=now)
        label, changed = chance.choice(["accept", "refuse"]), ", ".join(f"'p{one}'" for one in chance.sample(known, 3))
        tables.database.execute(f"UPDATE l SET label = '{label}', ts = {int(now)} WHERE id IN ({changed})")


def started(folder: Path, clock: watched.Clock) -> watched.Watched:
    """Return a model with a monitor on the state that the last life left."""
    joining.REST, spans.STEP_ROWS = 0, STEP_ROWS
    model = watched.Watched(folder, clock)
    model.start(model.configure(model.file.read_text()))
    return model


def live(folder: Path, clock: watched.Clock, born: int) -> None:
    """Read and commit until the end, which comes from outside."""
    (monitor,) = started(folder, clock).monitors
    os.write(born, b"b")
    while True:
        monitor.read(until=lambda: True)


def counted(folder: Path, clock: watched.Clock) -> dict[str, Any]:
    """Read all there is; return what is known of labels."""
    model = started(folder, clock)
    (monitor,) = model.monitors
    while monitor.read(until=lambda: False):
        pass
    labels = monitor.evaluate().labels
    assert labels is not None
    assert labels.source.problem is None
    model.close()
    covered = {f"{c.version} {c.window} {c.labels}": [c.predictions.tolist(), c.labelled.tolist()] for c in labels.coverage}
    return {
        "windows": {f"{w.version} {w.segment} {w.window} {w.labels}": w.pairs.counts.tolist() for w in labels.windows},
        "coverage": covered,
        "predictions": [labels.tallies.predictions, labels.tallies.duplicates],
    }


def main() -> None:
    """Write, live and die."""
    folder, kills, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    kind, name, port = sys.argv[4:]
    server = cast(Server, SimpleNamespace(port=int(port))) if int(port) else None
    writer = Writer(Tables(Database(kind, name, server), folder), int(sys.argv[3]))
    clock, killed = watched.Clock(), 0
    undisturbed = shutil.copytree(folder, folder.with_name("undisturbed"))
    for turn in range(kills):
        writer.write(clock.now)
        clock.now += STRIDE
        reading, born = os.pipe()
        life = os.fork()
        if not life:
            live(folder, clock, born)
        os.close(born)
        if turn % 6:  # most die while they join, some while they start
            select.select([reading], [], [], PATIENCE)
        time.sleep(chance.uniform(0.0, 0.06))  # rows come and the process dies at any point of a join
        writer.write(clock.now)
        time.sleep(chance.uniform(0.0, 0.06))
        os.kill(life, signal.SIGKILL)
        killed += os.waitpid(life, 0)[1] == signal.SIGKILL
        os.close(reading)
    clock.now += 600
    told = {"killed": killed, "found": counted(folder, clock), "again": counted(folder, clock)}
    sys.stdout.write(json.dumps(told | {"undisturbed": counted(undisturbed, clock)}))


if __name__ == "__main__":
    main()
