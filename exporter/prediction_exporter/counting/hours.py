"""Hours: the rows of a window by the hour of the week, as the starts of its buckets tell it, in a baseline's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.events import STATES
from prediction_exporter.counting.layout import Layout

HOUR_SECONDS = 3600

#: Starts of buckets whose hour is remembered: several times those of all windows of one model.
REMEMBERED = 1 << 14


@lru_cache(maxsize=REMEMBERED)
def hour_of_week(start: int, timezone: str) -> int:
    """Return the hour of the week that a Unix time lies in, 0 being Monday at midnight, in local time.

    Of the hour that the end of summer time repeats, both are the same.

    >>> hour_of_week(1_795_982_400, "Europe/Berlin")  # Sunday, 29 November 2026, 20:00 UTC
    165
    """
    local = datetime.fromtimestamp(start, ZoneInfo(timezone))
    return local.weekday() * 24 + local.hour


@dataclass(frozen=True, slots=True, eq=False)
class ByHour:
    """The rows of a window by hour of the week.

    Attributes:
        hours: intp (T,), the distinct hours of the week that its buckets begin in.
        rows: float64 (T,), rows in the buckets that begin in each.
        valid: float64 (T, C), how many of these have a value, by column.
        width: how many hours a bucket lasts, at least 1.
    """

    hours: NDArray[np.intp]
    rows: NDArray[np.float64]
    valid: NDArray[np.float64]
    width: int

    @classmethod
    def of(cls, parts: Iterable[tuple[int, NDArray[np.int64]]], layout: Layout, *, bucket: int, timezone: str) -> ByHour:
        """Return the rows of buckets by hour.

        Args:
            parts: of each bucket its start in seconds, and the counts of a profile of it behind those of its values: the
                states of all columns and the rows, (3 C + 1,).
            layout: what these counts are of.
            bucket: seconds that a bucket lasts.
            timezone: whose hours they are.
        """
        by_hour: dict[int, NDArray[np.int64]] = {}
        for start, counts in parts:
            hour = hour_of_week(start, timezone)
            by_hour[hour] = by_hour[hour] + counts if hour in by_hour else counts.astype(np.int64)
        counts = np.stack([*by_hour.values()]) if by_hour else np.zeros((0, len(STATES) * len(layout.columns) + 1), np.int64)
        rows = counts[:, -1]
        without = counts[:, :-1].reshape(len(counts), len(layout.columns), len(STATES)).sum(axis=2)
        valid = (rows[:, None] - without).astype(np.float64)
        return cls(np.array([*by_hour], np.intp), rows.astype(np.float64), valid, max(bucket // HOUR_SECONDS, 1))
