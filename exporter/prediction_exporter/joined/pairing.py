"""Pairing: what tells pairs and coverage; the store of what waits in the state file, or what a database has joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels import Coverage, Pairs


class Pairing(Protocol):
    """Where predictions meet their labels."""

    def days(self, step: Step) -> list[int]:
        """Return the days since the epoch whose pairs it can tell again, ascending."""

    def pairs(self, step: Step, day: int) -> Iterator[Pairs]:
        """Yield all pairs that the predictions of such a day make now."""

    def covered(self, step: Step) -> dict[int, int]:
        """Return the days that there is coverage of, each with a number that is another one after each change of it."""

    def coverage(self, step: Step, first: int, last: int) -> Coverage:
        """Return how many predictions of the minutes ``[first, last)`` since the epoch there are, and are labelled."""
