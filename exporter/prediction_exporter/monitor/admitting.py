"""Admitting: which events of a source that delivers them once are counted, by their time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.sources.base import Rejected


def admit(events: Events, rejected: Rejected, *, oldest: float, now: float, tolerance: float) -> Events:
    """Return the events whose time lies between ``oldest`` and now, in seconds; count the others as refused.

    An event ahead of the clock by no more than the tolerance counts as one of now: windows end now, and a bucket ahead
    would take the place of one that they still hold.
    """
    early = events.times < int(oldest * MICROSECONDS)
    late = events.times > int((now + tolerance) * MICROSECONDS)
    for reason, refused in (("too_old", early), ("future", late)):
        if refused.any():
            at = int(events.times[int(np.argmax(refused))])
            rejected.add(reason, int(refused.sum()), str(np.datetime64(at, "us")) + "Z")
    kept = ~(early | late)
    admitted = events if kept.all() else events.take(np.flatnonzero(kept))
    latest = int(now * MICROSECONDS)
    if not len(admitted) or admitted.times.max() <= latest:
        return admitted
    return replace(admitted, times=np.minimum(admitted.times, latest))


def future_at_now(events: Events, *, now: float, tolerance: float) -> Events:
    """Return the events that are not further ahead of the clock than the tolerance, however old; none later than now."""
    return admit(events, Rejected(), oldest=0.0, now=now, tolerance=tolerance)
