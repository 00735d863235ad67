"""The law of sources: the same events, wherever they are written, give equal profiles and equal traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Key, Profiler
from prediction_exporter.sources.base import Batch


@dataclass
class Outcome:
    """What a source gave.

    Attributes:
        profiles: by version, segment and minute.
        traffic: how often each version, failure, class of status and latency came; latencies in seconds with 12 digits, None if
            unknown.
        rejected: refused lines by reason.
    """

    profiles: dict[Key, Profile] = field(default_factory=dict)
    traffic: Counter[tuple[str | None, bool, int | None, str | None]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


def outcome_of(layout: Layout, batches: Iterable[Batch], *, segments: tuple[str, ...] = ()) -> Outcome:
    """Return what batches come to."""
    outcome = Outcome()
    profiler = Profiler(layout, bucket_seconds=60, segments=segments)
    for batch in batches:
        outcome.rejected.update(batch.rejected.counts)
        for events in batch.events:
            for key, profile in profiler.fold(events):
                outcome.profiles.setdefault(key, Profile.empty(layout)).add(profile)
            latencies = [None] * len(events) if events.latencies is None else events.latencies.tolist()
            shown = [None if value is None or np.isnan(value) else format(value, ".12g") for value in latencies]
            classes = [None] * len(events) if events.classes is None else events.classes.tolist()
            outcome.traffic.update(zip(events.versions.to_list(), events.failed.tolist(), classes, shown, strict=True))
    return outcome


def assert_same(one: Outcome, other: Outcome) -> None:
    """Check that two sources gave the same: counts and extremes exactly, sums to rounding."""
    assert one.rejected == other.rejected
    assert one.traffic == other.traffic
    assert one.profiles.keys() == other.profiles.keys()
    for key, profile in one.profiles.items():
        same = other.profiles[key]
        np.testing.assert_array_equal(profile.counts, same.counts, err_msg=str(key))
        np.testing.assert_array_equal(profile.extremes, same.extremes, err_msg=str(key))
        np.testing.assert_allclose(profile.sums, same.sums, rtol=1e-12, err_msg=str(key))
