"""Recent: how many rows entities had of late, which says how many rows stand for one that is independent at most.

An entity's rows come within a session or day after day, so the time that they are counted over decides what they come to. It is
the last day of event time that had any and the running one: a day at least, as soon as there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from prediction_exporter.counting.entities import Entities

DAY = 86_400

#: Days that a slice may lie back and still count as of the running one: further, the clock was ahead until now.
MOST_BACK = 2


@dataclass(frozen=True, slots=True)
class Days:
    """The rows of one version's entities.

    Attributes:
        number: of the running day since the epoch; None before the first slice.
        running: its rows until now.
        former: those of the last day before it that had any.
    """

    number: int | None = None
    running: Entities = field(default_factory=Entities.empty)
    former: Entities = field(default_factory=Entities.empty)

    def and_then(self, start: int, entities: Entities) -> Days:
        """Return the same with a slice more; slices come in the order of time."""
        number = start // DAY
        if self.number is not None and number <= self.number < number + MOST_BACK:
            return replace(self, running=self.running + entities)
        return Days(number, entities, self.running)

    @property
    def both(self) -> Entities:
        """All of them."""
        return self.former + self.running


class Recent:
    """The days of all versions of a model."""

    def __init__(self, days: Mapping[str, Days] | None = None) -> None:
        self.days: dict[str, Days] = dict(days or {})
        self._both: dict[str, Entities] = {}

    def copy(self) -> Recent:
        """Return the same, to be added to on its own."""
        return Recent(self.days)

    def add(self, start: int, of_slice: Mapping[str, Entities]) -> None:
        """Count a slice."""
        for version, entities in of_slice.items():
            self.days[version] = self.days.get(version, Days()).and_then(start, entities)
            self._both.pop(version, None)

    def forget(self, version: str) -> None:
        """Drop a version."""
        self.days.pop(version, None)
        self._both.pop(version, None)

    def of(self, version: str) -> Entities:
        """Return the newest rows of a version."""
        if version not in self._both:
            self._both[version] = self.days.get(version, Days()).both
        return self._both[version]

    def dependence(self, version: str) -> float:
        """Return how many rows of a version stand for an independent one where all of an entity's are alike, at least 1.

        A version of less than a day has not shown yet how many rows entities have: until then it may be as many as of all
        versions together.
        """
        own = self.of(version)
        if version in self.days and self.days[version].former.total:
            return own.dependence
        return max(own.dependence, reduce(Entities.__add__, map(self.of, self.days), Entities.empty()).dependence)
