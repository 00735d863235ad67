"""Event times: epoch numbers and RFC 3339 dates to microseconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.sources.alike import times_written_alike
from prediction_exporter.sources.fields.schema import UNITS

#: A time that could not be read. No event can have it: it lies 292,000 years back.
NO_TIME = np.iinfo(np.int64).min

_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")

#: Below each bound an epoch number is in this unit: seconds until the year 5138, and so on by thousands.
_MAGNITUDES = (("s", 1e11), ("ms", 1e14), ("us", 1e17), ("ns", np.inf))

#: Numbers between these bounds are no epoch's, for they would lie before 1977 or behind 2286: of 8 digits they may be a date,
#: of 12, 14, 17 and 20 one with its time.
_DIGITS = ((1.97e7, 2.1e7), (1.97e11, 2.1e11), (1e13, 1e14), (1e16, 1e17), (1e19, np.inf))

#: Beyond this they are nothing.
_MAX_DIGITS = 1e21

_YEAR = r"^((?:19[7-9]|20\d)\d)"
_ZONE = r"((?:[Zz]|[-+]\d\d(?::?\d\d)?)?)$"

#: What others write for a date, and the form that is read: Java's zones and full minutes, Go's names of zones, slashes, and
#: ISO 8601 without its marks.
_OTHERS = (
    (r"(\d(?:[Zz]|[-+]\d\d:\d\d))\[[\w/+-]+\]$", "${1}"),
    (r"(:\d\d(?:\.\d+)?) ?(?:UTC|GMT)$", "${1}Z"),
    (r"(:\d\d(?:\.\d+)? [-+]\d{4}) (?:[A-Z]{3,4}|[-+]\d{2,4})(?: m=\S+)?$", "${1}"),
    (r"^(\d{4})/(\d\d)/(\d\d)[T ]", "${1}-${2}-${3}T"),
    (r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)" + _ZONE, "${1}:00${2}"),
    (_YEAR + r"(\d\d)(\d\d)[T ]?(\d\d)(\d\d)([Zz]?)$", "${1}-${2}-${3}T${4}:${5}:00${6}"),
    (
        _YEAR + r"(\d\d)(\d\d)[T ]?(\d\d)(\d\d)(\d\d)(\d{3}|\d{6})([Zz]?)$",
        "${1}-${2}-${3}T${4}:${5}:${6}.${7}${8}",
    ),
    (_YEAR + r"(\d\d)(\d\d)[T ]?(\d\d)(\d\d)(\d\d(?:\.\d+)?)" + _ZONE, "${1}-${2}-${3}T${4}:${5}:${6}${7}"),
)


def epoch_microseconds(numbers: NDArray[np.float64], unit: str | None) -> NDArray[np.int64]:
    """Return epoch numbers as int64 microseconds, :data:`NO_TIME` for NaN, infinities and what no clock shows.

    Without a unit it is told from each number's magnitude; digits of a date are none.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if unit is not None:
            scaled = numbers * UNITS[unit]
        else:
            magnitude = np.abs(numbers)
            scaled = numbers * np.select(
                [magnitude < bound for _, bound in _MAGNITUDES], [UNITS[u] for u, _ in _MAGNITUDES], np.nan
            )
            scaled = np.where(are_dates(numbers), np.nan, scaled)
        usable = np.isfinite(scaled) & (np.abs(scaled) < 2.0**62)
        return np.where(usable, np.where(usable, scaled, 0.0).astype(np.int64), NO_TIME)


def times_of_reading(clock: Callable[[], float], rows: int) -> NDArray[np.int64]:
    """Return the time, in microseconds, for each of some events that have none of their own."""
    return np.full(rows, int(clock() * 1e6), np.int64)


def are_dates(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which numbers are no time since the epoch, but may be a date written in digits.

    >>> are_dates(np.array([20261128181500.0, 1795889700000.0])).tolist()
    [True, False]
    """
    found = np.zeros(len(numbers), dtype=np.bool_)
    for begin, end in _DIGITS:
        found |= (numbers >= begin) & (numbers < end)
    return found


def is_read_as_text(value: object) -> bool:
    """Return whether a time is to be read as text: it is some, or a date of more digits than a double holds.

    >>> is_read_as_text(20261128181500123), is_read_as_text(1795889700123456789)
    (True, False)
    """
    return isinstance(value, str) or (isinstance(value, int) and value > 2**53 and bool(are_dates(np.array([float(value)]))[0]))


def unit_of(number: float) -> str:
    """Return the unit of an epoch number, told by its magnitude.

    >>> unit_of(1.8e9), unit_of(1.8e12)
    ('s', 'ms')
    """
    return next(unit for unit, bound in _MAGNITUDES if abs(number) < bound or bound == np.inf)


class DateParser:
    """Parses dates with or without a zone, and epoch numbers, also those that come as text.

    It tries the format that read the last batch first, so that a log in one format costs one pass.

    Args:
        timezone: IANA zone of dates that carry none. Of an hour that the end of summer time repeats, the first is taken; a time
            that its beginning leaves out does not exist and is refused.
        unit: unit of epoch numbers, or None to tell it from their magnitude.
    """

    def __init__(self, timezone: str, unit: str | None) -> None:
        self.timezone = timezone
        self._unit = unit
        self._formats = [*_ZONED, *_NAIVE]

    def parse(self, texts: pl.Series) -> NDArray[np.int64]:
        """Return the time of each text in microseconds, :data:`NO_TIME` for null and what is no time."""
        alike = times_written_alike(texts)
        if alike is not None:
            return alike
        times = np.full(len(texts), NO_TIME)
        left = np.flatnonzero(texts.is_not_null().to_numpy())
        left = self._try_formats(texts, times, left)
        if len(left):
            normal = texts.gather(left).str.strip_chars()
            # The comma is Python's logging default, and RFC 3339 allows t for T.
            normal = normal.str.replace(",", ".", literal=True).str.replace("t", "T", literal=True)
            for written, read in _OTHERS if self._unit is None else ():
                normal = normal.str.replace(written, read)
            rest = np.full(len(left), NO_TIME)
            self._try_formats(normal, rest, np.arange(len(left)))
            numbers = normal.cast(pl.Float64, strict=False).to_numpy()
            times[left] = np.where(rest != NO_TIME, rest, epoch_microseconds(numbers, self._unit))
        return times

    def numbers(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the time of each number in microseconds, of an epoch or in the digits of a date; NO_TIME for what is none."""
        times = epoch_microseconds(values, self._unit)
        if self._unit is None:
            rows = np.flatnonzero(are_dates(values) & (values < _MAX_DIGITS))
            if len(rows):
                times[rows] = self.parse(pl.Series(values[rows]).cast(pl.Int128).cast(pl.String))
        return times

    def _try_formats(self, texts: pl.Series, times: NDArray[np.int64], left: NDArray[np.intp]) -> NDArray[np.intp]:
        for pattern in tuple(self._formats):
            if not len(left):
                break
            chosen = texts if len(left) == len(texts) else texts.gather(left)
            parsed = self._parse(chosen, pattern)
            good = parsed.is_not_null().to_numpy()
            if good.any():
                times[left[good]] = parsed.drop_nulls().to_physical().to_numpy()
                left = left[~good]
                self._formats.remove(pattern)
                self._formats.insert(0, pattern)
        return left

    def _parse(self, texts: pl.Series, pattern: str) -> pl.Series:
        parsed = texts.str.to_datetime(pattern, time_unit="us", strict=False)
        if pattern in _NAIVE:
            return parsed.dt.replace_time_zone(self.timezone, ambiguous="earliest", non_existent="null")
        return parsed
