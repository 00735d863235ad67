"""Slices: rows in each cell by five minutes of event time, until no more of them are to be expected.

What evidence is computed from has to come in the order of time, once. So a slice is kept until events of an hour later have
come, and until then it may still grow, or be read again as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Key

#: Length of a slice, in seconds of event time.
SLICE_SECONDS = 300

#: A slice is closed when events have come that are so many seconds later than its end.
CLOSED_AFTER = 3600

Counts = NDArray[np.int64]


class Slices:
    """The slices of a model that are not closed yet, by version.

    Attributes:
        cells: what is counted of each.
        late: rows that came after their slice was closed; they are in the windows and give no evidence.
    """

    def __init__(self, layout: Layout) -> None:
        self.cells = Cells(layout)
        self.late = 0
        self._counted: dict[int, dict[str, Counts]] = {}
        self._read: dict[Key, Counts] = {}  # spans that are read again
        self._newest: float | None = None
        self._closed_until = np.iinfo(np.int64).min  # slices before were taken

    def add(self, key: Key, profile: Profile, *, is_news: bool = True) -> None:
        """Count a profile for good; of segments nothing is kept, for all events hold them.

        Args:
            key: what the profile is of.
            profile: the counts.
            is_news: whether they are counted for the first time; what is read once more is not late.
        """
        if key.segment != ALL:
            return
        start = key.bucket // SLICE_SECONDS * SLICE_SECONDS
        if start < self._closed_until:
            self.late += profile.rows if is_news else 0
            return
        of_slice = self._counted.setdefault(start, {})
        counts = self.cells.of(profile)
        of_slice[key.version] = of_slice[key.version] + counts if key.version in of_slice else counts

    def come(self, newest: float | None) -> None:
        """Note the time of the newest event that is counted for good."""
        if newest is not None:
            self._newest = newest if self._newest is None else max(self._newest, newest)

    def replace(self, start: int, end: int, profiles: Mapping[Key, Profile]) -> None:
        """Put these profiles in the place of those of the open span ``[start, end)``."""
        others = {key: counts for key, counts in self._read.items() if not start <= key.bucket < end}
        self._read = others | {key: self.cells.of(profile) for key, profile in profiles.items() if key.segment == ALL}

    def take_closed(self) -> Iterator[tuple[int, Mapping[str, Counts]]]:
        """Yield the slices that are closed, in the order of time, and forget them."""
        if self._newest is None:
            return
        until = int(self._newest - CLOSED_AFTER) // SLICE_SECONDS * SLICE_SECONDS
        for start in sorted(start for start in self._counted if start < until):
            yield start, self._counted.pop(start)
        self._closed_until = max(self._closed_until, until)

    def open(self) -> Iterator[tuple[int, Mapping[str, Counts]]]:
        """Yield the slices that are not closed, in the order of time."""
        both: dict[int, dict[str, Counts]] = {start: dict(of_slice) for start, of_slice in self._counted.items()}
        for key, counts in self._read.items():
            start = key.bucket // SLICE_SECONDS * SLICE_SECONDS
            of_slice = both.setdefault(start, {})
            of_slice[key.version] = of_slice[key.version] + counts if key.version in of_slice else counts
        for start in sorted(both):
            yield start, both[start]

    def forget(self, version: str) -> None:
        """Drop a version."""
        for of_slice in self._counted.values():
            of_slice.pop(version, None)
        self._read = {key: counts for key, counts in self._read.items() if key.version != version}

    # From and to the state file

    def stored(self) -> tuple[dict[str, float | int | None], dict[tuple[int, str], Counts]]:
        """Return what is to be stored: numbers, and counts by slice and version."""
        numbers = {"late": self.late, "newest": self._newest, "closed_until": self._closed_until}
        return numbers, {(start, version): c for start, of in self._counted.items() for version, c in of.items()}

    def restore(self, numbers: Mapping[str, float | int | None], counts: Mapping[tuple[int, str], Counts]) -> None:
        """Take over what :meth:`stored` gave."""
        self.late = int(numbers["late"] or 0)
        self._newest = numbers["newest"]
        self._closed_until = int(numbers["closed_until"] or 0)
        self._counted = {}
        for (start, version), of in counts.items():
            self._counted.setdefault(start, {})[version] = of
