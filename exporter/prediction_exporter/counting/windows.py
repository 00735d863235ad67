"""Windows: profiles of the recent past, in event time, as sums of time buckets.

A window of an hour has buckets of a minute; a longer one has coarser buckets, so that its memory does not grow with its length.
An event is counted in every window that its bucket still lies in, whenever it arrives.

What may still change, as the newest rows of a table, is kept apart: profiles of open slices, which are replaced whole until
they are closed and merged into the rings for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.hours import ByHour
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import COUNT_TYPES, Profile, count_type
from prediction_exporter.counting.profiler import Key

#: Widths of buckets in seconds; each divides the next, so that a bucket lies in one bucket of every coarser window.
BUCKET_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 14400, 86400)

#: A window has at least so many buckets: the oldest one leaves as a whole, so this bounds how much its length varies.
LEAST_BUCKETS = 60

#: Events are profiled in slices of at most so many seconds, which may be replaced one by one.
SLICE_SECONDS = 60

#: However long ago they were, events are told apart by the hour.
WIDEST_SECONDS = 3600

EMPTY = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Span:
    """A window's length and the width of its buckets, in seconds; ``name`` is its label."""

    name: str
    seconds: int
    bucket: int

    @classmethod
    def of(cls, name: str, seconds: float) -> Span:
        """Return a span with the widest buckets of which it has at least :data:`LEAST_BUCKETS`."""
        whole = int(seconds)
        bucket = max((width for width in BUCKET_SECONDS if width * LEAST_BUCKETS <= whole), default=BUCKET_SECONDS[0])
        return cls(name, whole, bucket)

    @property
    def buckets(self) -> int:
        """Number of buckets, the running one included."""
        return -(-self.seconds // self.bucket)

    def oldest(self, now: float) -> int:
        """Return the start of the oldest bucket of the window that ends now, in seconds."""
        return (int(now // self.bucket) - self.buckets + 1) * self.bucket


def wider_buckets(spans: Sequence[Span], now: float) -> list[tuple[int, int]]:
    """Return how wide the buckets may be that events are folded in which the finest window does not hold any more.

    These are pairs of a time and a width, as :meth:`Profiler.fold` takes them: events before the oldest bucket of a window
    count only in longer ones, whose buckets are wider. So not many more groups of events are told apart than there are buckets;
    they are of an hour at most, as what is usual differs by the hour of the day.

    >>> wider_buckets([Span.of("1h", 3600), Span.of("24h", 86_400)], now=1_000_000.0)
    [(996420, 900)]
    >>> wider_buckets([Span.of("1h", 3600), Span.of("7d", 604_800), Span("history", 1_210_500, 900)], now=1_800_000_000.0)
    [(1799996460, 900), (1799398800, 900)]
    """
    by_length = sorted(spans, key=lambda span: span.seconds)
    finest = [min(span.bucket for span in by_length[place:]) for place in range(1, len(by_length))]
    return [(span.oldest(now), min(width, WIDEST_SECONDS)) for span, width in zip(by_length, finest, strict=False)]


def ring_bytes(layout: Layout, span: Span, largest: int) -> int:
    """Return what a full ring takes whose counts are at most ``largest``: starts, counts, and moments of numeric columns."""
    return span.buckets * (8 + count_type(largest).itemsize * layout.width + 32 * len(layout.numeric))


class Ring:
    """The buckets of one window of one version and segment.

    A bucket's place is its number modulo their count; a newer bucket takes the place of the one that has left the window.
    Arrays are allocated whole but touched only where events fall, so an idle segment costs address space and no memory. Counts
    are as narrow as the largest of them, so one with little traffic takes little.
    """

    def __init__(self, layout: Layout, span: Span) -> None:
        numeric = len(layout.numeric)
        self.layout = layout
        self.span = span
        self._starts = np.full(span.buckets, EMPTY, np.int64)
        self._counts: NDArray[Any] = np.zeros((span.buckets, layout.width), COUNT_TYPES[0])
        self._sums = np.zeros((span.buckets, 2, numeric))
        self._extremes = np.zeros((span.buckets, 2, numeric))
        self._changed: set[int] = set()

    def add(self, start: int, profile: Profile, *, now: float) -> None:
        """Merge a profile of the bucket that contains ``start``; one older than the window's newest span is left out.

        A bucket later than now comes from a clock that was put back since; it makes room.
        """
        number = start // self.span.bucket
        place = number % self.span.buckets
        bucket = number * self.span.bucket
        held = int(self._starts[place])
        if bucket < held <= now:
            return
        if held == bucket:
            merged = self._bucket(place)
            merged.add(profile)
            profile = merged
        self._widen(int(profile.counts.max()))
        self._starts[place] = bucket
        self._counts[place] = profile.counts
        self._sums[place] = profile.sums
        self._extremes[place] = profile.extremes
        self._changed.add(place)

    def _widen(self, largest: int) -> None:
        """Make room for a larger count."""
        if largest <= np.iinfo(self._counts.dtype).max:
            return
        used = self._starts != EMPTY
        wider = np.zeros(self._counts.shape, count_type(largest))
        wider[used] = self._counts[used]
        self._counts = wider

    def restore(self, start: int, profile: Profile, *, now: float) -> None:
        """Put back a bucket that was stored."""
        self.add(start, profile, now=now)
        self._changed.discard(start // self.span.bucket % self.span.buckets)

    def buckets(self) -> Iterator[tuple[int, Profile]]:
        """Yield every bucket that is held, with its start."""
        for place in np.flatnonzero(self._starts != EMPTY).tolist():
            yield int(self._starts[place]), self._bucket(place)

    def total(self, now: float) -> Profile:
        """Return the profile of the window that ends now."""
        chosen = (self._starts >= self.span.oldest(now)) & (self._starts <= now)
        if not chosen.any():
            return Profile.empty(self.layout)
        return Profile(
            self.layout,
            self._counts[chosen].sum(axis=0, dtype=np.int64),
            self._sums[chosen].sum(axis=0),
            self._extremes[chosen].min(axis=0),
        )

    def states(self, now: float) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield start, and states and rows, of every bucket of the window that ends now."""
        chosen = np.flatnonzero((self._starts >= self.span.oldest(now)) & (self._starts <= now))
        states = self._counts[chosen, self.layout.values : self.layout.rows_slot + 1]
        yield from zip(self._starts[chosen].tolist(), states, strict=True)

    def is_empty(self, now: float) -> bool:
        """Return whether no bucket lies in the window that ends now, or soon after, as where a clock was put right."""
        return not np.any((self._starts >= self.span.oldest(now)) & (self._starts < now + self.span.seconds))

    def changed(self) -> Iterator[tuple[int, Profile]]:
        """Yield the buckets that changed since the last call, with their starts."""
        for place in sorted(self._changed):
            yield int(self._starts[place]), self._bucket(place)
        self._changed.clear()

    def _bucket(self, place: int) -> Profile:
        """Return a bucket; its counts are a copy."""
        return Profile(self.layout, self._counts[place].astype(np.int64), self._sums[place], self._extremes[place])


class Windows:
    """All windows of one model: a ring for each version, segment and span, and the profiles of open slices."""

    def __init__(self, layout: Layout, spans: Sequence[Span]) -> None:
        self.layout = layout
        self.spans = tuple(sorted(spans, key=lambda span: span.seconds))
        self._rings: dict[tuple[str, str], tuple[Ring, ...]] = {}
        self._open: dict[Key, Profile] = {}

    def add(self, key: Key, profile: Profile, *, now: float) -> None:
        """Merge a profile into every window that its bucket lies in; events are not later than now."""
        for ring in self._of(key.version, key.segment):
            if key.bucket >= ring.span.oldest(now):
                ring.add(key.bucket, profile, now=now)

    def replace(self, start: int, end: int, profiles: Mapping[Key, Profile]) -> None:
        """Put these profiles in the place of every open slice that begins in ``[start, end)``, in seconds."""
        others = {key: profile for key, profile in self._open.items() if not start <= key.bucket < end}
        self._open = others | {key: profile.kept() for key, profile in profiles.items()}

    @property
    def open_slices(self) -> Mapping[Key, Profile]:
        """What may still change, and is in no ring."""
        return self._open

    def restore(self, version: str, segment: str, span: Span, start: int, profile: Profile, *, now: float) -> None:
        """Put back a bucket that was stored and that its window still holds; nothing changes by it."""
        if span.oldest(now) <= start <= now:
            self._of(version, segment)[self.spans.index(span)].restore(start, profile, now=now)

    def clear(self) -> None:
        """Drop all that is counted for good."""
        self._rings = {}

    def fill(self, span: Span, finer: Span, *, now: float) -> None:
        """Count in a window what a window of finer buckets holds, as far as that reaches back."""
        to, of = self.spans.index(span), self.spans.index(finer)
        for rings in self._rings.values():
            for start, profile in rings[of].buckets():
                if start >= span.oldest(now):
                    rings[to].add(start, profile, now=now)

    def _of(self, version: str, segment: str) -> tuple[Ring, ...]:
        rings = self._rings.get((version, segment))
        if rings is None:
            rings = tuple(Ring(self.layout, span) for span in self.spans)
            self._rings[version, segment] = rings
        return rings

    def totals(self, now: float) -> Iterator[tuple[str, str, Span, Profile]]:
        """Yield version, segment, span and profile of every window that ends now, in a fixed order."""
        open_slices: dict[tuple[str, str], list[Key]] = {}
        for key in self._open:
            open_slices.setdefault((key.version, key.segment), []).append(key)
        for version, segment in sorted(self._rings.keys() | open_slices.keys()):
            rings = self._rings.get((version, segment))
            for index, span in enumerate(self.spans):
                total = rings[index].total(now) if rings is not None else Profile.empty(self.layout)
                for key in open_slices.get((version, segment), ()):
                    if key.bucket // span.bucket * span.bucket >= span.oldest(now):
                        total.add(self._open[key])
                yield version, segment, span, total

    def by_hour(self, version: str, segment: str, span: Span, now: float, timezone: str) -> ByHour:
        """Return the rows of a window that ends now by the hour of the week; they add up to those of :meth:`totals`."""
        return ByHour.of(self._states(version, segment, span, now), self.layout, bucket=span.bucket, timezone=timezone)

    def _states(self, version: str, segment: str, span: Span, now: float) -> Iterator[tuple[int, NDArray[Any]]]:
        rings = self._rings.get((version, segment))
        if rings is not None:
            yield from rings[self.spans.index(span)].states(now)
        for key, profile in self._open.items():
            start = key.bucket // span.bucket * span.bucket
            if (key.version, key.segment) == (version, segment) and start >= span.oldest(now):
                yield start, profile.counts[self.layout.values : self.layout.rows_slot + 1]

    def forget(self, version: str) -> None:
        """Drop a version."""
        self._rings = {key: rings for key, rings in self._rings.items() if key[0] != version}
        self._open = {key: profile for key, profile in self._open.items() if key.version != version}

    def forget_empty(self, now: float) -> None:
        """Drop versions and segments without events in any window."""
        for key in [key for key, rings in self._rings.items() if all(ring.is_empty(now) for ring in rings)]:
            del self._rings[key]

    def changed(self) -> Iterator[tuple[str, str, Span, int, Profile]]:
        """Yield version, segment, span, start and profile of every bucket that changed since the last call."""
        for (version, segment), rings in self._rings.items():
            for ring in rings:
                for start, profile in ring.changed():
                    yield version, segment, ring.span, start, profile
