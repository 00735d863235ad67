"""Exemplars: for each bucket of the request durations, one request that it counts, so that a slow one can be looked up.

They are no counts: the last request of a batch is as good as any other, and a restart forgets them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.profiler import MICROSECONDS, UNVERSIONED

#: Longest id that is shown: OpenMetrics allows 128 characters for the names and values of an exemplar's labels together.
LONGEST_ID = 128 - len("request_id")


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its id, how long it took, and its time, in seconds."""

    id: str
    seconds: float
    time: float


class Exemplars:
    """The latest request of each bucket, by version.

    Args:
        bounds: of the buckets; the last one is above all bounds.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = np.asarray(bounds)
        self._of: dict[str, dict[int, Request]] = {}

    def add(self, events: Events) -> None:
        """Look at a batch; without ids or durations there is nothing to see."""
        if events.ids is None or events.latencies is None or not len(events):
            return
        seconds = events.latencies
        rows = np.flatnonzero(np.isfinite(seconds) & (seconds >= 0) & events.ids.is_not_null().to_numpy())
        rows = rows[np.argsort(events.times[rows], kind="stable")][::-1]  # the latest first
        versions, codes = np.unique(events.versions.fill_null(UNVERSIONED).to_numpy()[rows], return_inverse=True)
        places = np.searchsorted(self._bounds, seconds[rows], side="left")
        _, firsts = np.unique(codes * (len(self._bounds) + 1) + places, return_index=True)
        for first in firsts.tolist():
            row = int(rows[first])
            name = str(events.ids[row])
            if len(name) <= LONGEST_ID:
                request = Request(name, float(seconds[row]), float(events.times[row]) / MICROSECONDS)
                self._of.setdefault(str(versions[codes[first]]), {})[int(places[first])] = request

    def of(self, version: str) -> Mapping[int, Request]:
        """Return a version's requests by the index of their bucket."""
        return self._of.get(version, {})

    def forget(self, version: str) -> None:
        """Drop a version."""
        self._of.pop(version, None)
