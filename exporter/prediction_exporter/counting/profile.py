"""Profile: a mergeable summary of events.

``profile + profile`` is a profile; counts merge exactly, the order does not matter, and the empty profile changes nothing.
Its size depends on the layout alone: 8 bytes a bin, 32 a numeric column. What is kept for long has counts as narrow as the
largest of them, which are widened when they are added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.events import STATES, ValueState
from prediction_exporter.counting.layout import Layout

#: What counts are kept in, the narrowest first.
COUNT_TYPES: tuple[np.dtype[Any], ...] = tuple(np.dtype(name) for name in ("uint8", "uint16", "uint32", "int64"))


def count_type(largest: int) -> np.dtype[Any]:
    """Return the narrowest type that holds a count.

    >>> count_type(255), count_type(256)
    (dtype('uint8'), dtype('uint16'))
    """
    return next(dtype for dtype in COUNT_TYPES if largest <= np.iinfo(dtype).max)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Counts and moments of the columns of a layout.

    Attributes:
        layout: what the positions in the arrays mean.
        counts: int64 (layout.width,): value bins, states, rows, outliers; of what :meth:`kept` returns, a narrower type.
        sums: float64 (2, K): of each numeric column, the sums of z and z**2 with z = (x - center) / scale.
        extremes: float64 (2, K): of each numeric column, the smallest value and the negated largest; +inf where there is none.
    """

    layout: Layout
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    extremes: NDArray[np.float64]

    @classmethod
    def empty(cls, layout: Layout) -> Profile:
        """Return the profile of no events."""
        numeric = len(layout.numeric)
        return cls(layout, np.zeros(layout.width, np.int64), np.zeros((2, numeric)), np.full((2, numeric), np.inf))

    def __add__(self, other: Profile) -> Profile:
        if self.layout.digest != other.layout.digest:
            raise ValueError("profiles of different layouts do not merge")
        merged = Profile(self.layout, self.counts.copy(), self.sums.copy(), self.extremes.copy())
        merged.add(other)
        return merged

    def add(self, other: Profile) -> None:
        """Merge another profile of the same layout into this one, in place."""
        np.add(self.counts, other.counts, out=self.counts)
        with np.errstate(over="ignore", invalid="ignore"):  # a sum that overflows stays so, and its statistic is undefined
            np.add(self.sums, other.sums, out=self.sums)
        np.minimum(self.extremes, other.extremes, out=self.extremes)

    def kept(self) -> Profile:
        """Return a copy that takes little room: it can be added to others, and nothing to it."""
        narrow = self.counts.astype(count_type(int(self.counts.max())))
        return Profile(self.layout, narrow, self.sums.copy(), self.extremes.copy())

    @property
    def rows(self) -> int:
        """Number of events."""
        return int(self.counts[self.layout.rows_slot])

    @property
    def outliers(self) -> int:
        """Number of events with a numeric value outside the baseline's range in at least one feature."""
        return int(self.counts[self.layout.outliers_slot])

    @property
    def values(self) -> NDArray[np.int64]:
        """The value bins of all columns, a view."""
        return self.counts[: self.layout.values]

    @property
    def states(self) -> NDArray[np.int64]:
        """Missing, invalid and non-finite counts, a view of shape (C, 3)."""
        return self.counts[self.layout.values : self.layout.rows_slot].reshape(-1, len(STATES))

    def state(self, state: ValueState) -> NDArray[np.int64]:
        """Events of each column in one state, (C,)."""
        return self.states[:, STATES.index(state)]

    @property
    def drift_counts(self) -> NDArray[np.int64]:
        """The drift bins of all columns, (D,)."""
        return np.add.reduceat(self.values, self.layout.drift_starts)

    @property
    def valid(self) -> NDArray[np.int64]:
        """Events of each column that hold a valid value, (C,)."""
        return np.add.reduceat(self.values, self.layout.value_offsets[:-1])

    def column_values(self, name: str) -> NDArray[np.int64]:
        """The value bins of one column, a view."""
        index = self.layout.index(name)
        return self.values[self.layout.value_offsets[index] : self.layout.value_offsets[index + 1]]
