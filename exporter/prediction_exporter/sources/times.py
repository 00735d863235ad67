"""Event times: epoch numbers and RFC 3339 dates to microseconds since the epoch."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.sources.fields.schema import UNITS

#: A time that could not be read. No event can have it: it lies 292,000 years back.
NO_TIME = np.iinfo(np.int64).min

_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")

#: Below each bound an epoch number is in this unit: seconds until the year 5138, and so on by thousands.
_MAGNITUDES = (("s", 1e11), ("ms", 1e14), ("us", 1e17), ("ns", np.inf))


def epoch_microseconds(numbers: NDArray[np.float64], unit: str | None) -> NDArray[np.int64]:
    """Return epoch numbers as int64 microseconds, :data:`NO_TIME` for NaN, infinities and what no clock shows.

    Without a unit it is told from each number's magnitude.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if unit is not None:
            scaled = numbers * UNITS[unit]
        else:
            magnitude = np.abs(numbers)
            scaled = numbers * np.select(
                [magnitude < bound for _, bound in _MAGNITUDES], [UNITS[u] for u, _ in _MAGNITUDES], np.nan
            )
        usable = np.isfinite(scaled) & (np.abs(scaled) < 2.0**62)
        return np.where(usable, np.where(usable, scaled, 0.0).astype(np.int64), NO_TIME)


def unit_of(number: float) -> str:
    """Return the unit of an epoch number, told by its magnitude.

    >>> unit_of(1.8e9), unit_of(1.8e12)
    ('s', 'ms')
    """
    return next(unit for unit, bound in _MAGNITUDES if abs(number) < bound or bound == np.inf)


class DateParser:
    """Parses dates with or without a zone, and epoch numbers that come as text.

    It tries the format that read the last batch first, so that a log in one format costs one pass.

    Args:
        timezone: IANA zone of dates that carry none. Of an hour that the end of summer time repeats, the first is taken; a time
            that its beginning leaves out does not exist and is refused.
        unit: unit of epoch numbers, or None to tell it from their magnitude.
    """

    def __init__(self, timezone: str, unit: str | None) -> None:
        self._timezone = timezone
        self._unit = unit
        self._formats = [*_ZONED, *_NAIVE]

    def parse(self, texts: pl.Series) -> NDArray[np.int64]:
        """Return the time of each text in microseconds, :data:`NO_TIME` for null and what is no time."""
        times = np.full(len(texts), NO_TIME)
        left = np.flatnonzero(texts.is_not_null().to_numpy())
        left = self._try_formats(texts, times, left)
        if len(left):
            normal = texts.gather(left).str.strip_chars()
            # The comma is Python's logging default, and RFC 3339 allows t for T.
            normal = normal.str.replace(",", ".", literal=True).str.replace("t", "T", literal=True)
            rest = np.full(len(left), NO_TIME)
            self._try_formats(normal, rest, np.arange(len(left)))
            numbers = normal.cast(pl.Float64, strict=False).to_numpy()
            times[left] = np.where(rest != NO_TIME, rest, epoch_microseconds(numbers, self._unit))
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
            return parsed.dt.replace_time_zone(self._timezone, ambiguous="earliest", non_existent="null")
        return parsed
