"""Slices: rows in each cell by five minutes of event time, until no more of them are to be expected.

What evidence is computed from has to come in the order of time, once. So a slice is kept until events of an hour later have
come, and until it has not grown for an hour by the clock: files of one day, or of several replicas, are read one after the
other. Until then it may still grow, or be read again as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.entities import Entities
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Key

#: Length of a slice, in seconds of event time.
SLICE_SECONDS = 300

#: A slice is closed when events have come that are so many seconds later than its end, and it has not grown for as long.
CLOSED_AFTER = 3600

#: Slices that may be closed by their time are closed, the oldest first, where all together take more bytes than this.
MOST_BYTES = 4 << 20

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slice:
    """What was counted of a slice.

    Attributes:
        start: its begin, in seconds.
        counts: rows in each cell, by version.
        entities: how many rows entities have, by version, where a field names them.
    """

    start: int
    counts: Mapping[str, Counts]
    entities: Mapping[str, Entities]


class Slices:
    """The slices of a model that are not closed yet, by version.

    Attributes:
        cells: what is counted of each.
        late: rows that came after their slice was closed; they are in the windows and give no evidence.
        revision: another number whenever something has changed.
    """

    def __init__(self, layout: Layout) -> None:
        self.cells = Cells(layout)
        self.late = 0
        self.revision = 0
        self._counted: dict[int, dict[str, Counts]] = {}
        self._grew: dict[int, float] = {}  # when each of these slices grew last
        self._read: dict[Key, Counts] = {}  # spans that are read again
        self._entities: dict[int, dict[str, Entities]] = {}
        self._entities_read: dict[Key, Entities] = {}
        self._newest: float | None = None
        self._closed_until = np.iinfo(np.int64).min  # slices before were taken

    def add(self, key: Key, profile: Profile, *, now: float, is_news: bool = True) -> None:
        """Count a profile for good; of segments nothing is kept, for all events hold them.

        Args:
            key: what the profile is of.
            profile: the counts.
            now: Unix time.
            is_news: whether they are counted for the first time; what is read once more is not late.
        """
        if key.segment != ALL:
            return
        self.revision += 1
        start = key.bucket // SLICE_SECONDS * SLICE_SECONDS
        if start < self._closed_until:
            self.late += profile.rows if is_news else 0
            return
        of_slice = self._counted.setdefault(start, {})
        counts = self.cells.of(profile)
        of_slice[key.version] = of_slice[key.version] + counts if key.version in of_slice else counts
        self._grew[start] = now

    def add_entities(self, key: Key, entities: Entities) -> None:
        """Count for good how many rows entities have in a slice; of one that is closed nothing is wanted any more."""
        start = key.bucket // SLICE_SECONDS * SLICE_SECONDS
        if start >= self._closed_until:
            _add(self._entities.setdefault(start, {}), key.version, entities)

    def come(self, newest: float | None) -> None:
        """Note the time of the newest event that is counted for good."""
        if newest is not None:
            self._newest = newest if self._newest is None else max(self._newest, newest)

    def replace(self, start: int, end: int, profiles: Mapping[Key, Profile], entities: Mapping[Key, Entities]) -> None:
        """Put these profiles and entities in the place of those of the open span ``[start, end)``."""
        self.revision += 1
        former = {key: of for key, of in self._entities_read.items() if not start <= key.bucket < end}
        self._entities_read = former | dict(entities)
        others = {key: counts for key, counts in self._read.items() if not start <= key.bucket < end}
        self._read = others | {key: self.cells.of(profile) for key, profile in profiles.items() if key.segment == ALL}

    def take_closed(self, now: float) -> Iterator[Slice]:
        """Yield the slices that are closed, in the order of time, and forget them.

        Args:
            now: Unix time.
        """
        if self._newest is None:
            return
        until = int(self._newest - CLOSED_AFTER) // SLICE_SECONDS * SLICE_SECONDS
        taken = {start: self._bytes(start) for start in self._counted}
        left = sum(taken.values())
        for start in sorted(start for start in self._counted if start < until):
            if left <= MOST_BYTES and now < self._grew[start] + CLOSED_AFTER:
                return
            closed = Slice(start, self._counted.pop(start), self._entities.pop(start, {}))
            del self._grew[start]
            left -= taken[start]
            self._closed_until = max(self._closed_until, start + SLICE_SECONDS)
            self.revision += 1
            yield closed

    def _bytes(self, start: int) -> int:
        entities = sum(of.nbytes for of in self._entities.get(start, {}).values())
        return sum(counts.nbytes for counts in self._counted[start].values()) + entities

    def follow_clock(self, now: float) -> None:
        """Take back what was told by a clock that has been put back: until that time is reached everything would be late."""
        self.revision += 1
        if self._newest is not None:
            self._newest = min(self._newest, now)
        self._closed_until = min(self._closed_until, int(now) // SLICE_SECONDS * SLICE_SECONDS)
        for start in [start for start in self._counted if start > now + CLOSED_AFTER]:
            del self._counted[start], self._grew[start]
            self._entities.pop(start, None)
        self._grew = {start: min(grew, now) for start, grew in self._grew.items()}

    def open(self) -> Iterator[Slice]:
        """Yield the slices that are not closed, in the order of time."""
        counts: dict[int, dict[str, Counts]] = {start: dict(of_slice) for start, of_slice in self._counted.items()}
        for key, of_key in self._read.items():
            of_slice = counts.setdefault(key.bucket // SLICE_SECONDS * SLICE_SECONDS, {})
            of_slice[key.version] = of_slice[key.version] + of_key if key.version in of_slice else of_key
        entities: dict[int, dict[str, Entities]] = {start: dict(of_slice) for start, of_slice in self._entities.items()}
        for key, of_entities in self._entities_read.items():
            _add(entities.setdefault(key.bucket // SLICE_SECONDS * SLICE_SECONDS, {}), key.version, of_entities)
        for start in sorted(counts):
            yield Slice(start, counts[start], entities.get(start, {}))

    def forget(self, version: str) -> None:
        """Drop a version."""
        self.revision += 1
        for of_slice in self._counted.values():
            of_slice.pop(version, None)
        for of_entities in self._entities.values():
            of_entities.pop(version, None)
        self._read = {key: counts for key, counts in self._read.items() if key.version != version}
        self._entities_read = {key: entities for key, entities in self._entities_read.items() if key.version != version}

    # From and to the state file

    def stored(self) -> tuple[dict[str, Any], dict[tuple[int, str], Counts]]:
        """Return what is to be stored: numbers as JSON has them, and counts by slice and version."""
        grew = sorted(self._grew.items())
        numbers = {"late": self.late, "newest": self._newest, "closed_until": self._closed_until, "grew": grew}
        return numbers, {(start, version): c for start, of in self._counted.items() for version, c in of.items()}

    def stored_entities(self) -> dict[tuple[int, str], Entities]:
        """Return what is to be stored of entities, by slice and version."""
        return {(start, version): entities for start, of in self._entities.items() for version, entities in of.items()}

    def restore(
        self,
        numbers: Mapping[str, Any],
        counts: Mapping[tuple[int, str], Counts],
        entities: Mapping[tuple[int, str], Entities],
    ) -> None:
        """Take over what :meth:`stored` and :meth:`stored_entities` gave, or some of it."""
        self.revision += 1
        self.late = numbers["late"]
        self._newest = numbers["newest"]
        self._closed_until = numbers["closed_until"]
        self._counted, self._entities = {}, {}
        for (start, version), of in counts.items():
            self._counted.setdefault(start, {})[version] = of
        for (start, version), of_entities in entities.items():
            self._entities.setdefault(start, {})[version] = of_entities
        self._grew = {start: grew for start, grew in numbers["grew"] if start in self._counted}


def _add(by_version: dict[str, Entities], version: str, entities: Entities) -> None:
    by_version[version] = by_version[version] + entities if version in by_version else entities
