"""Fields of flat events that unfolding makes, and no record has."""

from __future__ import annotations

#: Which row of its record an event is, from 0; 0 where it has an id of its own.
ROW = "row of the record"

#: Of a table, the time of the record, in microseconds since the epoch.
TIME = "time of the record"

MADE = frozenset({ROW, TIME})
