"""Runs schedules so that a trace shows which system call is whose: ``python -m soak.marked FOLDER NUMBER...``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from soak.calls import Calls
from soak.simulation import Schedule, Simulation

MARKS = "/mark"
_LOOK = os.stat  # as it is before anything is replaced


def mark(name: str) -> None:
    """Leave a mark in the trace: a call that finds nothing."""
    with suppress(FileNotFoundError):
        _LOOK(f"{MARKS}/{name}")


class MarkedCalls(Calls):
    """Says before which call the writer could act."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say when the reader's part begins and ends."""
        with super().watching():
            mark("reader")
            yield
        mark("others")

    def point(self, name: str, at: Any = None) -> bool:
        """Say what comes."""
        mark("others")
        called = super().point(name, at)
        if called:
            mark(name)
        return called


def main() -> None:
    """Run the schedules that the command line names."""
    for number in sys.argv[2:]:
        folder = Path(sys.argv[1], number)
        folder.mkdir()
        simulation = Simulation(folder, Schedule.of(int(number)))
        simulation.watched = MarkedCalls(folder, simulation._before, simulation.disk.inodes)
        simulation.run()


if __name__ == "__main__":
    main()
