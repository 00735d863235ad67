"""Values of records: the first that is there, and the time between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

#: Times that are numbers from here on are in milliseconds: in seconds they would lie in the year 5138.
_MILLISECONDS_FROM = 1e11

#: What no clock comes to.
_BEYOND = 2.0**63

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_there(found: Iterable[Any]) -> Any:
    """Return the first of some values that is there; None where none is."""
    for value in found:  # a generator takes twice as long
        if value is not None:
            return value
    return None


def first_of(record: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the first of some fields that is there and says something; None where none does."""
    for name in names:
        value = record.get(name)
        if value not in (None, "", "-"):
            return value
    return None


def between_ms(begin: Any, end: Any) -> float | None:
    """Return the milliseconds from a time to a later one; None where one is missing or no time.

    >>> between_ms("2020-02-27T09:52:15.816441245Z", "2020-02-27T09:52:15.820509751Z")
    4.068
    >>> between_ms("2025-01-24 09:20:46.500", "2025-01-24 09:20:47"), between_ms(1700000000.0, 1700000001.5), between_ms(0, 5)
    (500.0, 1500.0, None)
    """
    first, last = _microseconds(begin), _microseconds(end)
    if first is None or last is None or last < first:
        return None
    return (last - first) / 1000


def _microseconds(value: Any) -> int | None:
    """Return a time since 1970; one without a zone as of UTC, which is right for the difference of two."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _BEYOND:
        return None
    return round(value * (1e3 if value >= _MILLISECONDS_FROM else 1e6))
