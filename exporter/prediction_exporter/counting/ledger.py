"""Ledger: everything that was counted of one model, its windows and its counters, and what of it may still change.

A log's events are counted once and for good. A table's newest rows are counted again and again, for rows may be written late or
changed: each reading of a span of time takes the place of the one before, until the span is closed and counted for good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.history import ALL_VERSIONS, History, Week, is_compared
from prediction_exporter.counting.hours import ByHour
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, UNVERSIONED
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.slices import Slices
from prediction_exporter.counting.state import StoredBucket
from prediction_exporter.counting.tally import Tally
from prediction_exporter.counting.traffic import Traffic, VersionTraffic
from prediction_exporter.counting.windows import Span, Windows
from prediction_exporter.logs import Quiet

logger = logging.getLogger(__name__)

#: Longest version that becomes a label value.
MAX_VERSION_LENGTH = 64


class Ledger:
    """What was counted of one model.

    Args:
        name: the model's name, for messages.
        layout: its columns; None where only its service is watched.
        spans: its windows.
        segments: columns whose values are profiled apart.
        slow_after: seconds from which on a request counts as slow, where there is an objective.
        max_versions: versions that get series of their own; the events of any further one count as version ``other``.
        with_history: whether as much is kept as a comparison with last week takes.
        forgotten: is told each version that is dropped to make room.

    Attributes:
        since: event time of the earliest of the events that were counted first; None while there are none.
    """

    def __init__(
        self,
        name: str,
        layout: Layout | None,
        spans: Sequence[Span],
        *,
        segments: Sequence[str] = (),
        slow_after: float | None = None,
        max_versions: int,
        with_history: bool = False,
        forgotten: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._spans = tuple(spans)
        self._segments = tuple(f"{name}=" for name in segments)
        self._max_versions = max_versions
        self._forgotten = forgotten
        self._quiet = Quiet()
        self.windows = Windows(layout, spans) if layout is not None else None
        self.slices = Slices(layout) if layout is not None else None
        compared = [span for span in spans if is_compared(span)]
        self.history = History(layout, compared) if layout is not None and with_history and compared else None
        self.traffic = Traffic(layout, slow_after=slow_after)
        self._events = 0
        self._newest: float | None = None
        self.since: float | None = None
        self._open: dict[Reading, Tally] = {}
        self._given: set[str] = set()  # versions that were promised room and are not counted yet
        self._shown: dict[str, VersionTraffic] = {}
        self._shown_events = 0

    # From and to the state file

    def restore(self, counters: Mapping[str, Any], buckets: Iterable[StoredBucket], *, now: float) -> None:
        """Continue from what :meth:`counters` and :meth:`changed` gave."""
        shape = counters["shape"]
        self._events = counters["events"]
        self._newest = counters["newest"]
        self.since = counters.get("since")  # what an earlier release stored has none
        for version, content in counters["versions"].items():
            self.traffic.restore(version, VersionTraffic.from_json(content), shape)
        if self.history is not None:
            self.history.since = counters.get("history since")
        shown = counters.get("shown", {"events": 0, "versions": {}})
        self._shown_events = shown["events"]
        self._shown = {
            version: self.traffic.restored(VersionTraffic.from_json(content), shape)
            for version, content in shown["versions"].items()
        }
        self._shed_versions()
        self.restore_windows(buckets, now=now)

    def restore_windows(self, buckets: Iterable[StoredBucket], *, now: float) -> None:
        """Put stored buckets in the place of all that windows hold for good.

        A window that nothing is stored of is a new one. It begins with what a finer one holds already.
        """
        if self.windows is None:
            return
        self.windows.clear()
        if self.history is not None:
            self.history.clear()
        by_name = {span.name: span for span in self._spans}
        stored: set[Span] = set()
        for bucket in buckets:
            span = by_name.get(bucket.window)
            if span is not None and self._is_watched(bucket):
                self.windows.restore(bucket.version, bucket.segment, span, bucket.start, bucket.profile, now=now)
                stored.add(span)
            elif self.history is not None and self._is_in_history(self.history, bucket):
                self.history.restore(bucket.version, bucket.start, bucket.profile, now=now)
        if self.history is not None and self.history.is_empty:
            self.history.since = None
        for span in self.windows.spans:
            finer = [other for other in stored if span.bucket % other.bucket == 0]
            if span not in stored and finer:
                self.windows.fill(span, max(finer, key=lambda other: other.seconds), now=now)

    def _is_watched(self, bucket: StoredBucket) -> bool:
        """Return whether a stored bucket's version and segment are still watched."""
        return bucket.version in self.traffic.versions and (bucket.segment == ALL or bucket.segment.startswith(self._segments))

    def _is_in_history(self, history: History, bucket: StoredBucket) -> bool:
        known = bucket.version == ALL_VERSIONS or bucket.version in self.traffic.versions
        return known and history.holds(bucket.version, bucket.window)

    def _shed_versions(self) -> None:
        """Drop the versions longest silent where fewer have room than before: the limit of series counts."""
        versions = sorted(self.traffic.versions.keys() - {OTHER}, key=lambda v: self.traffic.versions[v].last_seen)
        beyond = versions[: max(len(versions) - self._max_versions, 0)]
        if beyond:
            logger.warning(
                "model %s: room for %d versions now; dropped the longest silent: %s", self._name, self._max_versions, beyond
            )
        for version in beyond:
            self.forget(version)

    def counters(self) -> dict[str, Any]:
        """Return the counters as JSON holds them, and whatever of open spans will be shown until these are read again."""
        self.shown()
        shown_events = self.events
        counters = {
            "events": self._events,
            "newest": self._newest,
            "since": self.since,
            "shape": self.traffic.shape(),
            "versions": {version: counted.to_json() for version, counted in self.traffic.versions.items()},
        }
        if self.history is not None:
            counters["history since"] = self.history.since
        if self._shown:
            shown = {version: counted.to_json() for version, counted in self._shown.items()}
            counters["shown"] = {"events": shown_events, "versions": shown}
        return counters

    def changed(self) -> Iterator[StoredBucket]:
        """Yield the buckets that changed for good since the last call."""
        changed = self.windows.changed() if self.windows is not None else ()
        for version, segment, span, start, profile in changed:
            yield StoredBucket(version, segment, span.name, start, profile)
        for version, span, start, profile in self.history.changed() if self.history is not None else ():
            yield StoredBucket(version, ALL, span.name, start, profile)

    # Counting

    def add(self, tally: Tally, *, now: float, is_news: bool = True) -> None:
        """Count events for good; ``is_news`` is whether they were never counted before, by a process that ended."""
        self._given.clear()
        self._events += tally.events
        self.traffic.merge(tally.traffic)
        self._newest = max((time for time in (self._newest, tally.newest) if time is not None), default=None)
        first = min((counted.first_seen for counted in tally.traffic.values()), default=None)
        if self.since is None and self._events:
            self.since = first
        if self.windows is not None:
            for key, profile in tally.profiles.items():
                self.windows.add(key, profile, now=now)
        if self.history is not None and first is not None:
            self.history.begin(first)
            for key, profile in tally.profiles.items():
                self.history.add(key, profile, now=now)
        if self.slices is not None:
            for key, profile in tally.profiles.items():
                self.slices.add(key, profile, now=now, is_news=is_news)
            for key, entities in tally.entities.items():
                self.slices.add_entities(key, entities)
            self.slices.come(tally.newest)

    def replace(self, reading: Reading, tally: Tally, *, now: float) -> None:
        """Put a reading of a span of time in the place of all former ones of it; count it for good where it is closed."""
        self._given.clear()
        for former in [former for former in self._open if reading.start <= former.start < reading.end]:
            del self._open[former]
        if self.windows is not None:
            self.windows.replace(reading.start, reading.end, {} if reading.closed else tally.profiles)
        if self.slices is not None:
            still_open = Tally() if reading.closed else tally
            self.slices.replace(reading.start, reading.end, still_open.profiles, still_open.entities)
        if self.history is not None and reading.closed:
            self.history.begin(reading.start)
        if not reading.closed:
            self._open[reading] = replace(tally, profiles={}, entities={})
        elif reading.is_news:
            self.add(tally, now=now)
        else:
            seen = {version: self.traffic.uncounted(counted) for version, counted in tally.traffic.items()}
            self.add(replace(tally, traffic=seen), now=now, is_news=False)

    # What is known

    @property
    def events(self) -> int:
        """Events counted; it never falls."""
        self._shown_events = max(self._shown_events, self._events + sum(tally.events for tally in self._open.values()))
        return self._shown_events

    def newest(self, now: float) -> float | None:
        """Return the newest event time; no event is newer than now: such a time comes from a clock that was put back since."""
        times = [self._newest, *(tally.newest for tally in self._open.values())]
        known = [min(time, now) for time in times if time is not None]
        return max(known, default=None)

    def shown(self) -> Traffic:
        """Return the counters to show.

        Open spans count too. A row that is changed or deleted in one does not take back what was shown: a counter that falls
        is one that started anew to Prometheus, which would then count everything once more.
        """
        if not self._open and not self._shown:
            return self.traffic
        current = {version: counted.copy() for version, counted in self.traffic.versions.items()}
        for tally in self._open.values():
            for version, counted in tally.traffic.items():
                if version in current:
                    current[version].merge(counted)
                else:
                    current[version] = counted.copy()
        for version, counted in self._shown.items():
            if version in current:
                current[version].raise_to(counted)
            else:
                current[version] = counted
        self._shown = current
        return self.traffic.showing(current)

    # Versions

    def labels_of(self, versions: Sequence[str | None], *, now: float) -> dict[str | None, str]:
        """Return the version that the events of each version are counted under, which have to be counted next.

        Versions beyond the bound become ``other``: a new label value for each would have no end.
        """
        labels = {text: (text or UNVERSIONED)[:MAX_VERSION_LENGTH] for text in versions}
        known = self._known() | {OTHER}
        unknown = [label for label in dict.fromkeys(labels.values()) if label not in known]
        room = self._make_room(len(unknown), now)
        self._given.update(unknown[:room])
        beyond = set(unknown[room:])
        if beyond and self._quiet.lets("versions"):
            examples = [label for label in unknown if label in beyond][:3]
            logger.warning("model %s: more than %d versions; counted as other: %s", self._name, self._max_versions, examples)
        return {text: OTHER if label in beyond else label for text, label in labels.items()}

    def _known(self) -> set[str]:
        in_open_spans = (version for tally in self._open.values() for version in tally.traffic)
        return {*self.traffic.versions, *self._shown, *self._given, *in_open_spans}

    def _make_room(self, wanted: int, now: float) -> int:
        """Return for how many more versions there is room, after dropping those without requests in the longest window."""

        def room() -> int:
            return max(self._max_versions - len(self._known() - {OTHER}), 0)

        longest = min(span.oldest(now) for span in self._spans)
        stale = [] if wanted <= room() else self.traffic.stale(longest, now=now)
        for version in stale:
            if wanted > room():
                self.forget(version)
        return room()

    def forget(self, version: str) -> None:
        """Drop all that is known of a version."""
        del self.traffic.versions[version]
        self._shown.pop(version, None)
        if self.windows is not None:
            self.windows.forget(version)
        if self.history is not None:
            self.history.forget(version)
        self._forgotten(version)

    @property
    def kept(self) -> tuple[Span, ...]:
        """For how long anything is kept, in which buckets: the windows, and where there is one the history, shortest first."""
        history = (self.history.of_version, self.history.of_all) if self.history is not None else ()
        return tuple(sorted((*self._spans, *history), key=lambda span: span.seconds))

    def oldest(self, now: float) -> int:
        """Return the start of the oldest time that still counts anywhere, in seconds."""
        return min(span.oldest(now) for span in self.kept)

    def week(self, version: str, span: Span, now: float) -> Week | None:
        """Return a window of a version, and the same of all versions a week before; None where that is not kept."""
        if self.history is None or self.windows is None or not is_compared(span):
            return None
        return self.history.week(version, span, self.windows.open_slices, now=now)

    def totals(self, now: float) -> Iterator[tuple[str, str, Span, Profile]]:
        """Yield version, segment, span and profile of every window that ends now."""
        if self.windows is not None:
            self.windows.forget_empty(now)
            yield from self.windows.totals(now)

    def by_hour(self, version: str, segment: str, span: Span, now: float, timezone: str) -> ByHour | None:
        """Return the rows of a window that ends now by the hour of the week; None where there are no windows."""
        return self.windows.by_hour(version, segment, span, now, timezone) if self.windows is not None else None
