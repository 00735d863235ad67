"""History: counts of a week and of the longest compared window before it, so that a window can be seen from last week's.

They are kept in quarter hours: of all versions together, as last week was mostly served by another version, and of each
version for the window that is compared now. Both sides of a comparison so begin and end at the same quarters, a week apart to
the second, and what repeats from week to week reads as no change. Counts alone are kept, and neither moments nor extremes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile, count_type
from prediction_exporter.counting.profiler import ALL, Key
from prediction_exporter.counting.windows import Span

#: Width of the buckets, in seconds.
QUARTER_SECONDS = 900

WEEK_SECONDS = 7 * 86400

#: The longest window that is compared with last week, in seconds: it takes as long a history once more.
LONGEST_SECONDS = WEEK_SECONDS

#: Stands for all versions together; no version is called so.
ALL_VERSIONS = ""

#: What an array and its place in a table take beside its counts, in bytes.
_OVERHEAD = 400

Counts = NDArray[Any]


def is_compared(span: Span) -> bool:
    """Return whether a window can be compared with last week: it is of whole quarter hours, and of a week at most.

    >>> [is_compared(Span.of("", minutes * 60)) for minutes in (1, 15, 90, 100, 7 * 24 * 60, 8 * 24 * 60)]
    [False, True, True, False, True, False]
    """
    return span.seconds % QUARTER_SECONDS == 0 and span.seconds <= LONGEST_SECONDS


def kept_for(spans: Sequence[Span]) -> tuple[Span, Span]:
    """Return for how long counts are kept to compare these windows: those of each version, and those of all together.

    >>> [span.seconds / 3600 for span in kept_for([Span.of("24h", 86_400)])]
    [24.25, 192.5]
    """
    longest = max(span.seconds for span in spans) + QUARTER_SECONDS  # and the quarter that is running
    # Where a backlog is read, its first event falls into a quarter that the comparison can do without.
    of_all = WEEK_SECONDS + longest + QUARTER_SECONDS
    return Span("history of versions", longest, QUARTER_SECONDS), Span("history", of_all, QUARTER_SECONDS)


def history_bytes(layout: Layout, spans: Sequence[Span], largest: int, versions: int) -> int:
    """Return what a full history takes, whose counts are at most ``largest``."""
    of_version, of_all = kept_for(spans)
    bucket = count_type(largest).itemsize * layout.width + _OVERHEAD
    return (of_version.buckets * versions + of_all.buckets) * bucket


@dataclass(frozen=True, slots=True)
class Week:
    """Counts of a window and of the same one a week before, without moments.

    Attributes:
        window: of one version.
        before: of all versions, a week before.
        is_whole: whether events were counted in all of that.
    """

    window: Profile
    before: Profile
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Total:
    """The sum of a version's quarters in ``[start, end)``, without what may still change."""

    version: str
    times: tuple[int, int]
    counts: NDArray[np.int64]

    def holds(self, version: str, quarter: int) -> bool:
        """Return whether a quarter is part of it."""
        return version == self.version and self.times[0] <= quarter < self.times[1]


class History:
    """The counts of one model's past, of all its rows.

    Args:
        layout: its columns.
        spans: the windows that are compared with last week.

    Attributes:
        since: event time from which on it is whole; None while there is nothing.
    """

    def __init__(self, layout: Layout, spans: Sequence[Span]) -> None:
        self.layout = layout
        self.of_version, self.of_all = kept_for(spans)
        self.since: float | None = None
        self._counted: dict[str, dict[int, Counts]] = {}
        self._changed: set[tuple[str, int]] = set()
        self._totals: dict[tuple[str, str, bool], _Total] = {}  # as they were asked for last

    def _kept(self, version: str) -> Span:
        return self.of_all if version == ALL_VERSIONS else self.of_version

    def begin(self, first: float) -> None:
        """Note that events are counted from a time on; only the first call counts."""
        if self.since is None:
            self.since = first

    def add(self, key: Key, profile: Profile, *, now: float) -> None:
        """Count a profile for good; of segments nothing is kept, and of what is too old."""
        if key.segment != ALL:
            return
        start = key.bucket // QUARTER_SECONDS * QUARTER_SECONDS
        for version in (ALL_VERSIONS, key.version):
            if start >= self._kept(version).oldest(now):
                self._put(version, start, profile.counts, now)
                self._changed.add((version, start))

    def _put(self, version: str, start: int, counts: Counts, now: float) -> None:
        of_version = self._counted.setdefault(version, {})
        former = of_version.get(start)
        if former is None:
            self._drop_old(now)
            whole = counts
        else:
            whole = np.add(former, counts, dtype=np.int64)
        self._totals = {place: total for place, total in self._totals.items() if not total.holds(version, start)}
        of_version[start] = whole.astype(count_type(int(whole.max())))

    def _drop_old(self, now: float) -> None:
        for version, of_version in self._counted.items():
            oldest = self._kept(version).oldest(now)
            for start in [start for start in of_version if start < oldest]:
                del of_version[start]

    def week(self, version: str, span: Span, open_slices: Mapping[Key, Profile], *, now: float) -> Week:
        """Return a window of a version, and the same of all versions a week before; both end with the last whole quarter.

        Args:
            version: the version.
            span: the window, one that is compared.
            open_slices: what may still change and is counted nowhere else.
            now: Unix time.
        """
        end = int(now // QUARTER_SECONDS) * QUARTER_SECONDS
        start = end - span.seconds
        before = start - WEEK_SECONDS
        return Week(
            window=self._total((version, span.name, False), version, (start, end), open_slices),
            before=self._total((version, span.name, True), ALL_VERSIONS, (before, end - WEEK_SECONDS), open_slices),
            is_whole=self.since is not None and self.since <= before,
        )

    def _total(
        self, place: tuple[str, str, bool], version: str, times: tuple[int, int], open_slices: Mapping[Key, Profile]
    ) -> Profile:
        found = self._totals.get(place)
        if found is None or found.times != times:
            found = self._totals[place] = _Total(version, times, self._sum(version, *times))
        total = Profile.empty(self.layout)
        total.counts[:] = found.counts
        start, end = times
        for key, profile in open_slices.items():
            if key.segment == ALL and start <= key.bucket < end and version in {ALL_VERSIONS, key.version}:
                np.add(total.counts, profile.counts, out=total.counts)
        return total

    def _sum(self, version: str, start: int, end: int) -> NDArray[np.int64]:
        total = np.zeros(self.layout.width, np.int64)
        of_version = self._counted.get(version, {})
        for quarter in range(start, end, QUARTER_SECONDS):
            counts = of_version.get(quarter)
            if counts is not None:
                np.add(total, counts, out=total)
        return total

    def forget(self, version: str) -> None:
        """Drop a version; what it counted among all stays."""
        self._counted.pop(version, None)
        self._totals = {place: total for place, total in self._totals.items() if place[0] != version}
        self._changed = {(of, start) for of, start in self._changed if of != version}

    # From and to the state file

    def clear(self) -> None:
        """Drop all that is counted for good."""
        self._counted = {}
        self._changed = set()
        self._totals = {}

    def holds(self, version: str, window: str) -> bool:
        """Return whether stored buckets of this version and window belong here."""
        return window == self._kept(version).name

    def restore(self, version: str, start: int, profile: Profile, *, now: float) -> None:
        """Put back a bucket that was stored, if it is still kept; nothing changes by it."""
        if self._kept(version).oldest(now) <= start <= now:
            self._put(version, start, profile.counts, now)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted."""
        return not any(self._counted.values())

    def changed(self) -> Iterator[tuple[str, Span, int, Profile]]:
        """Yield version, span, start and profile of every bucket that changed since the last call."""
        for version, start in sorted(self._changed):
            counts = self._counted.get(version, {}).get(start)
            if counts is not None:
                profile = Profile.empty(self.layout)
                profile.counts[:] = counts
                yield version, self._kept(version), start, profile
        self._changed.clear()
