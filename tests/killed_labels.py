"""A model that is killed between predictions and labels while both logs rotate: ``killed_labels.py FOLDER KILLS SEED``.

It forks for each life, so that a life costs no imports. The parent writes and rotates the logs while the child reads them, and
prints what is counted in the end as JSON, beside what was written.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from prediction_exporter import config
from prediction_exporter.counting.state import State
from prediction_exporter.monitor.model_monitor import ModelMonitor

#: How long a life may take to begin.
PATIENCE = 60.0


class Writer:
    """Writes predictions, and labels of them: late, early, twice, corrected."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self._start = time.time() - 3600
        self._label_number = 0
        self.rotates = False
        self.rotations = {"app.log": 0, "labels.log": 0}
        self.predictions: dict[str, tuple[str, str, float]] = {}
        self.labels: dict[str, str] = {}

    def write(self) -> None:
        """Write some of both, and rotate a log now and then."""
        chance = self._chance
        rows: list[dict[str, Any]] = []
        for _ in range(chance.randrange(12)):
            name = f"p{len(self.predictions)}"
            score = round(chance.random(), 6)
            event: dict[str, Any] = {
                "version": chance.choice(["1", "2"]),
                "decision": "accept" if score > 0.5 else "refuse",
                "score": score,
            }
            self.predictions[name] = (event["version"], event["decision"], score)
            rows.append({"id": name, "ts": self._start + len(self.predictions) * 0.5, "amount": 1.0, "color": "red", **event})
        if rows and chance.random() < 0.3:
            rows.append(rows[0])
        self._append("app.log", rows)
        labels: list[dict[str, Any]] = []
        for _ in range(chance.randrange(14)):
            self._label_number += 1
            name = f"p{max(len(self.predictions) + chance.randrange(-150, 8), 0)}"
            self.labels[name] = chance.choice(["accept", "refuse"])
            labels.append({"id": name, "label": self.labels[name], "ts": self._start + self._label_number})
        self._append("labels.log", labels)
        for log in self.rotations if self.rotates else ():
            if chance.random() < 0.06:
                self.rotate(log)

    def _append(self, log: str, rows: list[dict[str, Any]]) -> None:
        with (self._folder / log).open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def rotate(self, log: str) -> None:
        """Rename a log, and begin another."""
        self.rotations[log] += 1
        path = self._folder / log
        path.rename(path.with_name(f"{log}.{self.rotations[log]}"))
        path.touch()


def monitor_of(folder: Path) -> tuple[ModelMonitor, State]:
    """Return a monitor on the state that the last life left."""
    loaded = config.load(folder / "exporter.yml")
    state = State(loaded.state_dir, models=["m"])
    return ModelMonitor(loaded, loaded.models[0], place="models[0]", state=state, max_versions=4), state


def live(folder: Path, born: int) -> None:
    """Read and evaluate until the end, which comes from outside."""
    monitor, _ = monitor_of(folder)
    os.write(born, b"built")
    while True:
        monitor.read(until=lambda: False)
        monitor.evaluate()
        os.write(born, b".")


def windows(folder: Path) -> dict[str, list[int]]:
    """Read all there is; return the counts of each window of a day."""
    monitor, state = monitor_of(folder)
    while monitor.read(until=lambda: False):
        pass
    labels = monitor.evaluate().labels
    assert labels is not None
    monitor.close()
    state.close()
    return {f"{w.version} {w.labels}": w.pairs.counts.tolist() for w in labels.windows if w.window == "24h"}


def wait_for(reading: int, wanted: bytes) -> None:
    """Wait until a life tells something."""
    while select.select([reading], [], [], PATIENCE)[0]:
        told = os.read(reading, 5)
        if not told or wanted in told:
            return


def main() -> None:
    """Write, live and die."""
    folder, kills, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    writer = Writer(folder, int(sys.argv[3]))
    writer.write()
    killed = 0
    for turn in range(kills):
        reading, born = os.pipe()
        life = os.fork()
        if not life:
            live(folder, born)
        os.close(born)
        if turn % 5:  # most die while they read, some while they start
            wait_for(reading, b"b")
        if not turn:  # what was rotated away before a log was first seen is no part of it
            wait_for(reading, b".")
            writer.rotates = True
        until = time.monotonic() + chance.uniform(0.0, 0.12)
        while time.monotonic() < until:
            writer.write()
            time.sleep(chance.uniform(0.0, 0.02))
        os.kill(life, signal.SIGKILL)
        killed += os.waitpid(life, 0)[1] == signal.SIGKILL
        os.close(reading)
        for _ in range(chance.randrange(3)):
            writer.write()
    told = {
        "killed": killed,
        "rotations": writer.rotations,
        "predictions": writer.predictions,
        "labels": writer.labels,
        "windows": windows(folder),
        "again": windows(folder),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
