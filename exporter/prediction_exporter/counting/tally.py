"""Tally: what was counted of some events, whoever counted them: this process from their values, or a database for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prediction_exporter.counting.entities import Entities, entities_of
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, MICROSECONDS, Key, Profiler
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.counting.traffic import Traffic, VersionTraffic


@dataclass(slots=True)
class Tally:
    """What was counted of some events. ``a.add(b)`` is what would have been counted of both together.

    Attributes:
        profiles: by version, segment and time bucket.
        traffic: counters by version.
        events: number of events, failed requests included.
        newest: the newest event time, as Unix time; None without events.
        entities: how many rows entities have, by version and slice, where a field names them.
    """

    profiles: dict[Key, Profile] = field(default_factory=dict)
    traffic: dict[str, VersionTraffic] = field(default_factory=dict)
    events: int = 0
    newest: float | None = None
    entities: dict[Key, Entities] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count another's events too."""
        for key, profile in other.profiles.items():
            if key in self.profiles:
                self.profiles[key] = self.profiles[key] + profile
            else:
                self.profiles[key] = profile
        for version, counted in other.traffic.items():
            if version in self.traffic:
                self.traffic[version].merge(counted)
            else:
                self.traffic[version] = counted.copy()
        for key, entities in other.entities.items():
            self.entities[key] = self.entities[key] + entities if key in self.entities else entities
        self.events += other.events
        self.newest = max((time for time in (self.newest, other.newest) if time is not None), default=None)


def tallies_of(
    events: Events,
    profiler: Profiler | None,
    traffic: Traffic,
    *,
    has_status: bool,
    wider: Sequence[tuple[int, int]] = (),
) -> Iterator[Tally]:
    """Count events, in tallies of bounded size that add up to them.

    Args:
        events: the events, their versions as they are to be counted.
        profiler: folds them into profiles; None for a model that only its service is watched of.
        traffic: tells the shape of the counters.
        has_status: whether the source tells which requests failed.
        wider: how wide the buckets are that older events are folded in, see :meth:`Profiler.fold`.
    """
    counted = traffic.count(events, has_status=has_status)
    newest = float(events.times.max()) / MICROSECONDS if len(events) else None
    entities = entities_of(events, seconds=SLICE_SECONDS, wider=wider, layout=profiler.layout) if profiler is not None else {}
    yield Tally(traffic=counted, events=len(events), newest=newest, entities=entities)
    if profiler is None or not len(events):
        return
    for profiles in profiler.blocks(events, wider=wider):
        versions = {key.version for key in profiles}
        # Of a version that stands in several tallies, its times are the same in all of them.
        classes = {version: traffic.uncounted(counted[version]) for version in versions}
        count_classes(profiles, classes, traffic)
        yield Tally(profiles, classes)


def count_classes(profiles: Mapping[Key, Profile], counted: Mapping[str, VersionTraffic], traffic: Traffic) -> None:
    """Add the predictions by class to the counters of each version, from the profiles of the same events."""
    classes = traffic.class_column
    if classes is None:
        return
    for key, profile in profiles.items():
        if key.segment == ALL:
            counted[key.version].add_classes(profile.column_values(classes.name))
