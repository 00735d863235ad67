"""The time column of a table: which rows lie in a span of time, and in which slice of it, in SQL that an index can serve.

Times come as instants, as local times without a zone, as epoch numbers, or as text. The database is asked in the column's own
terms and never converts between zones: its rules for the hour that the end of summer time repeats differ from engine to engine,
and a log's must hold. So a local time is grouped as it stands, and what instant a group is of is settled here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import ColumnElement, and_, false, func, literal, or_

from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.schema import UNITS
from prediction_exporter.sources.times import are_dates, unit_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Offsets of zones are multiples of this many seconds, so that a slice of local time this wide is one of time.
_LOCAL_SLICE = 900

#: How far around a span a change of a zone's offset matters to it.
_AROUND = timedelta(hours=3)

_DAY = timedelta(days=1)

_TEXT = re.compile(r"\d{4}-\d\d-\d\d(?P<separator>[T ])\d\d:\d\d:\d\d([.,]\d+)?(?P<zone>|Z|[+-]\d\d:?\d\d)")
_UTC_ZONES = ("Z", "+00:00", "+0000", "-00:00")


class TimeColumn(Protocol):
    """How a table's times are asked for. All times are whole seconds of Unix time."""

    def where(self, start: int, end: int) -> ColumnElement[bool]:
        """Return the condition of lying in a span; rows just outside of it may fulfil it too."""

    def key(self, width: int) -> ColumnElement[Any]:
        """Return what rows are grouped by; a group lies in one slice of so many seconds."""

    def slice_of(self, key: Any, width: int) -> int | None:
        """Return the start of the slice that a group lies in; None where its time does not exist or cannot be read."""

    def read_with(self, key: Any, width: int) -> int | None:
        """Return the start of the slice that a group is read with, which also one has whose time does not exist."""


def time_column(
    column: ColumnElement[Any],
    values: list[Any],
    *,
    epoch: Callable[[ColumnElement[Any]], ColumnElement[Any]],
    floor: Callable[[ColumnElement[Any]], ColumnElement[Any]],
    is_utc: bool,
    instant: Callable[[datetime], ColumnElement[Any]] | None = None,
    unit: str | None,
    timezone: str,
    where: str,
) -> TimeColumn:
    """Return how to ask for a column's times, told by some of its values, of which none is None.

    Args:
        column: the column.
        values: some of its values, as the driver gives them.
        epoch: the database's seconds since 1970 of a timestamp, taken as UTC where it has no zone.
        floor: its function for rounding down.
        is_utc: whether timestamps without a zone are instants in UTC: some drivers drop the zone.
        instant: an instant as SQL writes it, where it is not what the driver makes of one.
        unit: unit of epoch numbers, or None to tell it from their magnitude.
        timezone: IANA zone of times that carry none.
        where: the place of the time in the configuration, for messages.

    Raises:
        ConfigError: the values are no times, or of several forms.
    """
    first = values[0]
    zone = ZoneInfo(timezone)
    if isinstance(first, datetime):
        if first.tzinfo is not None:
            return _Instants(column, epoch, floor, instant, naive=False)
        return _Instants(column, epoch, floor, instant, naive=True) if is_utc else _LocalTimes(column, epoch, floor, zone)
    if isinstance(first, date):
        raise ConfigError(f"{where}: the column has dates without a time of day; name a column with times")
    if isinstance(first, int | float | Decimal) and not isinstance(first, bool):
        if unit is None and are_dates(np.array([float(first)]))[0]:
            raise ConfigError(f"{where}: {first} is a date in digits and no time; name a column with times")
        return _EpochNumbers(column, floor, unit or unit_of(float(first)), whole=isinstance(first, int))
    if isinstance(first, str):
        return _texts(column, values, zone, where)
    raise ConfigError(f"{where}: the column holds {type(first).__name__}, which is no time; name a column with times")


def _texts(column: ColumnElement[Any], values: list[Any], zone: ZoneInfo, where: str) -> TimeColumn:
    found = [_TEXT.fullmatch(value) if isinstance(value, str) else None for value in values]
    forms = {(match["separator"], match["zone"]) for match in found if match is not None}
    allowed = "times as text must all have the form 2026-01-31T12:00:00, with Z or +00:00 or without a zone"
    if None in found:
        raise ConfigError(f"{where}: {values[found.index(None)]!r} cannot be compared in the database: {allowed}")
    if len(forms) > 1:
        raise ConfigError(f"{where}: the column has times of several forms, which cannot be compared as text: {allowed}")
    separator, of_zone = next(iter(forms))
    if of_zone and of_zone not in _UTC_ZONES:
        raise ConfigError(f"{where}: {values[0]!r} is not in UTC and cannot be compared as text: {allowed}")
    return _Texts(column, separator, ZoneInfo("UTC") if of_zone else zone)


def to_utc(local: datetime, zone: ZoneInfo) -> int | None:
    """Return a local time as Unix time: of an hour that comes twice the first, None where the clocks skip it.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> to_utc(datetime(2026, 10, 25, 2, 30), berlin), to_utc(datetime(2026, 3, 29, 2, 30), berlin)
    (1792888200, None)
    """
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        return None
    return int(instant.timestamp())


def _first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time, the first one of an hour that comes twice.

    One that the clocks skip is taken for one after the change, so that every local time has one instant.
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _local_spans(start: int, end: int, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return the spans of local time whose instants lie in a span: each local time is in one span's of adjacent ones."""
    first, last = _instant(start), _instant(end)
    offsets = {_offset(at, zone) for at in (first - _AROUND, first, last, last + _AROUND)}
    if len(offsets) == 1 and last - first <= _DAY:
        offset = offsets.pop()
        return [((first + offset).replace(tzinfo=None), (last + offset).replace(tzinfo=None))]
    pieces = set()
    for low in range(start // _LOCAL_SLICE * _LOCAL_SLICE, end, _LOCAL_SLICE):
        at, until = _instant(max(low, start)), _instant(min(low + _LOCAL_SLICE, end))
        for offset in {_offset(near, zone) for near in (at - _AROUND, at, at + _AROUND)}:
            local = (at + offset).replace(tzinfo=None)
            if _first_instant(local, zone) == at:
                pieces.add((local, (until + offset).replace(tzinfo=None)))
    spans: list[tuple[datetime, datetime]] = []
    for low_local, high_local in sorted(pieces):
        if spans and spans[-1][1] == low_local:
            spans[-1] = (spans[-1][0], high_local)
        else:
            spans.append((low_local, high_local))
    return spans


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _in_spans(column: ColumnElement[Any], spans: Iterable[tuple[Any, Any]]) -> ColumnElement[bool]:
    return or_(false(), *(and_(column >= literal(low), column < literal(high)) for low, high in spans))


def _instant(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


@dataclass(frozen=True)
class _Instants:
    """Timestamps that are instants; ``naive`` where the driver takes and gives them without a zone, in UTC."""

    column: ColumnElement[Any]
    epoch: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    floor: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    instant: Callable[[datetime], ColumnElement[Any]] | None
    naive: bool

    def where(self, start: int, end: int) -> ColumnElement[bool]:
        return and_(self.column >= self._bound(start), self.column < self._bound(end))

    def _bound(self, seconds: int) -> ColumnElement[Any]:
        instant = _instant(seconds)
        if self.instant is not None:
            return self.instant(instant)
        return literal(instant.replace(tzinfo=None) if self.naive else instant)

    def key(self, width: int) -> ColumnElement[Any]:
        return self.floor(self.epoch(self.column) / literal(width))

    def slice_of(self, key: Any, width: int) -> int | None:
        return int(key) * width

    read_with = slice_of


@dataclass(frozen=True)
class _LocalTimes:
    """Timestamps without a zone."""

    column: ColumnElement[Any]
    epoch: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    floor: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    zone: ZoneInfo

    def where(self, start: int, end: int) -> ColumnElement[bool]:
        return _in_spans(self.column, _local_spans(start, end, self.zone))

    def key(self, width: int) -> ColumnElement[Any]:
        return self.floor(self.epoch(self.column) / literal(min(width, _LOCAL_SLICE)))

    def slice_of(self, key: Any, width: int) -> int | None:
        return _slice(to_utc(self._local(key, width), self.zone), width)

    def read_with(self, key: Any, width: int) -> int | None:
        return _slice(int(_first_instant(self._local(key, width), self.zone).timestamp()), width)

    def _local(self, key: Any, width: int) -> datetime:
        return _instant(int(key) * min(width, _LOCAL_SLICE)).replace(tzinfo=None)


@dataclass(frozen=True)
class _EpochNumbers:
    """Numbers since 1970."""

    column: ColumnElement[Any]
    floor: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    unit: str
    whole: bool

    def _in_unit(self, seconds: int) -> Any:
        factor = 1e6 / UNITS[self.unit]
        return int(seconds * factor) if self.whole else seconds * factor

    def where(self, start: int, end: int) -> ColumnElement[bool]:
        return and_(self.column >= literal(self._in_unit(start)), self.column < literal(self._in_unit(end)))

    def key(self, width: int) -> ColumnElement[Any]:
        step = literal(self._in_unit(width))
        # Whole numbers are not divided, which in one engine gives a whole number and in another none.
        return self.column - self.column % step if self.whole else self.floor(self.column / step)

    def slice_of(self, key: Any, width: int) -> int | None:
        return round(int(key) / self._in_unit(1)) if self.whole else int(key) * width

    read_with = slice_of


@dataclass(frozen=True)
class _Texts:
    """Text of one form, whose order is that of time."""

    column: ColumnElement[Any]
    separator: str
    zone: ZoneInfo

    def where(self, start: int, end: int) -> ColumnElement[bool]:
        spans = _local_spans(start, end, self.zone)
        return _in_spans(self.column, [(self._text(low), self._text(high)) for low, high in spans])

    def _text(self, local: datetime) -> str:
        return local.isoformat(self.separator, "seconds")

    def key(self, width: int) -> ColumnElement[Any]:
        # Up to the minute, or to the second where slices are finer.
        return func.substr(self.column, 1, 16 if width % 60 == 0 else 19)

    def slice_of(self, key: Any, width: int) -> int | None:
        local = _parsed(key)
        return _slice(to_utc(local, self.zone), width) if local is not None else None

    def read_with(self, key: Any, width: int) -> int | None:
        local = _parsed(key)
        return _slice(int(_first_instant(local, self.zone).timestamp()), width) if local is not None else None


def _parsed(text: Any) -> datetime | None:
    try:
        local = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return local if local.tzinfo is None else None


def _slice(seconds: int | None, width: int) -> int | None:
    return None if seconds is None else seconds // width * width
