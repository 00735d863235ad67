"""What of an event is added up or observed beside its latency: where it stands, and what is read there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.config import Fields, MeasuredDuration
from prediction_exporter.counting.events import Amounts, ValueState

#: Numbers of a column and their states, None where they are missing where there is none and valid elsewhere.
Numbers = tuple[pl.Series, NDArray[np.uint8] | None]

_MICROSECONDS = 1e6


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Sums and durations by their names, as the configuration writes them.

    Attributes:
        sums: the field of each.
        durations: the field of each with its unit, or its two times.
    """

    sums: Mapping[str, str] = field(default_factory=dict)
    durations: Mapping[str, MeasuredDuration] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Fields) -> Measured:
        """Return those that the configuration names."""
        return cls(sums=fields.sums or {}, durations=fields.durations or {})

    def __or__(self, other: Measured) -> Measured:
        """Return both; of two with one name the other's."""
        return Measured(sums={**self.sums, **other.sums}, durations={**self.durations, **other.durations})

    def duration_fields(self) -> Iterator[tuple[str, str]]:
        """Yield the fields of durations, each behind its key in the configuration."""
        for name, told in self.durations.items():
            places = {name: told.field, f"{name}.from": told.begin, f"{name}.to": told.end}
            yield from ((key, field) for key, field in places.items() if field is not None)


def amounts_of(numbers: pl.Series, states: NDArray[np.uint8] | None) -> Amounts:
    """Return what of some numbers is added up: finite ones that are not negative, as a counter does not fall."""
    values = numbers.cast(pl.Float64).to_numpy()
    missing = numbers.is_null().to_numpy() if states is None else states == ValueState.MISSING
    with np.errstate(invalid="ignore"):
        return Amounts(np.where(np.isfinite(values) & (values >= 0), values, np.nan), missing)


def magnitudes_of(numbers: pl.Series, states: NDArray[np.uint8] | None) -> Amounts:
    """Return how large some numbers are, whatever their sign: of what is finite."""
    return amounts_of(numbers.cast(pl.Float64).abs(), states)


def seconds_between(begin: NDArray[np.int64], end: NDArray[np.int64], unknown: int) -> NDArray[np.float64]:
    """Return the seconds from times to others, both in microseconds; NaN where one is unknown, or the end comes first."""
    known = (begin != unknown) & (end != unknown)
    seconds = (np.where(known, end, 0).astype(np.float64) - np.where(known, begin, 0)) / _MICROSECONDS
    return np.where(known & (seconds >= 0), seconds, np.nan)
