"""The command ``run``, killed again and again while it joins requests and responses: ``killed_halves.py FOLDER KILLS SEED``.

It forks for each life, so that a life costs no imports. The parent writes and rotates the two logs while the child reads them,
and prints the predictions of the flat log, and what the last life that is let live counts of the joined ones, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from halves import Predictions, line
from prediction_exporter import cli, config
from prediction_exporter.commands import run  # noqa: F401 - imported once, before the forks
from prediction_exporter.counting.state import State
from prediction_exporter.monitor.model_monitor import ModelMonitor
from prediction_exporter.sources import log

#: How long a life may take until its first commit.
PATIENCE = 60.0


class Writer:
    """Writes requests, and sooner or later their responses, or the other way round."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self.predictions = Predictions(self._chance)
        self._pending: list[tuple[str, str]] = []
        self.rotations = 0

    def write(self, *, rotates: bool) -> None:
        """Write some of what is pending, and rotate a log now and then."""
        chance = self._chance
        for _ in range(chance.randrange(12)):
            request, response = self.predictions.make(at=time.time(), pad=chance.randrange(400))
            self._pending += [("request.jsonl", line(request)), ("response.jsonl", line(response))]
        chance.shuffle(self._pending)
        self.finish(chance.randrange(len(self._pending) + 1))
        if rotates and chance.random() < 0.1:
            self.rotations += 1
            path = self._folder / chance.choice(["request.jsonl", "response.jsonl"])
            path.rename(path.with_name(f"{path.name}.{self.rotations}"))
            path.touch()

    def finish(self, keep: int = 0) -> None:
        """Write all that is pending, but so much."""
        for name, text in self._pending[keep:]:
            with (self._folder / name).open("a") as file:
                file.write(text)
        del self._pending[keep:]


def live(folder: Path) -> None:
    """Run the command until the end, which comes from outside."""
    output = os.open(folder / "exporter.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    log.UNFOLDED_BYTES = 2048
    cli.main(["run", "--config.file", str(folder / "exporter.yml"), "--web.listen-address", "127.0.0.1:0"])


def wait_for_commit(folder: Path, life: int, writer: Writer, *, first: bool) -> None:
    """Write until a life has stored something; the first one, until it has stored what it read.

    What is written meanwhile is what it stores: a life that found nothing new since its first commit would never store again.
    """
    state, told = folder / "state" / "prediction-exporter.db-wal", folder / "exporter.log"
    if first:  # a log that is rotated before any of its lines was read is told from no other one
        _wait(life, told, writer, lambda: told.exists() and "fields recognised" in told.read_text())
    before = _changed(state)
    _wait(life, told, writer, lambda: _changed(state) != before)


def _wait(life: int, told: Path, writer: Writer, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if os.waitpid(life, os.WNOHANG)[0] or time.monotonic() > deadline:
            raise RuntimeError(told.read_text())
        writer.write(rotates=False)
        time.sleep(0.02)  # between two looks


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def main() -> None:
    """Write, live and die."""
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    writer, chance = Writer(folder, seed), random.Random(seed)
    writer.write(rotates=False)
    writer.finish()
    killed = 0
    for turn in range(kills):
        life = os.fork()
        if not life:
            live(folder)
            os._exit(1)
        wait_for_commit(folder, life, writer, first=not turn)
        until = time.monotonic() + chance.uniform(0.0, 1.2)
        while time.monotonic() < until:
            writer.write(rotates=turn > 0)
            time.sleep(chance.uniform(0.0, 0.05))  # so that the exporter reads at any point of what is written
        os.kill(life, signal.SIGKILL)
        killed += os.waitpid(life, 0)[1] == signal.SIGKILL
        writer.write(rotates=False)
    writer.finish()
    loaded = config.load(folder / "exporter.yml")
    state = State(loaded.state_dir, models=["m"])
    monitor = ModelMonitor(loaded, loaded.models[0], place="models[0]", state=state, max_versions=4)
    while monitor.read(until=lambda: False):
        pass
    report = monitor.evaluate()
    waiting = report.source.waiting
    told = {
        "killed": killed,
        "rotations": writer.rotations,
        "flat": writer.predictions.flat(),
        "bins": [[one.version, one.window, one.profile.counts.tolist()] for one in report.windows],
        "requests": report.requests,
        "refused": {reason: count for reason, count in report.source.rejected.items() if count},
        "waiting": None if waiting is None else [waiting.requests, waiting.responses, waiting.size],
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
