"""Cells: what evidence is computed from, a partition of all rows by each column.

A column's cells are its drift bins, with what the baseline never showed set apart (below its range and above, or not in its
table), and two more for the rows without a value: missing, and of the wrong type or not finite. They are sums of a profile's
counts, so they add up as profiles do, whatever engine counted them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.events import STATES, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout
from prediction_exporter.counting.profile import Profile

#: Categories of a column that have a cell each; the others share one.
MOST_CATEGORIES = 20

#: Cells of rows without a value, behind those of the values: missing, then invalid or not finite.
STATE_CELLS = 2


def cell_starts(column: Column) -> list[int]:
    """Return the value bin that each of a column's value cells begins with.

    >>> from prediction_exporter.counting.layout import Role
    >>> age = Column(name="age", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0, 2.0, 3.0), drift_edges=(1.0,))
    >>> cell_starts(age)
    [0, 1, 2, 4]
    """
    if column.kind is Kind.PRESENCE:
        return [0]
    if column.kind is Kind.CATEGORICAL:
        known = len(column.categories)
        own = min(MOST_CATEGORIES, known if column.own_bins is None else column.own_bins)
        return [*range(own), *([own] if own < known else []), known]
    return sorted({*column.drift_starts, 1, column.bins - 1}) if column.ranged else column.drift_starts


class Cells:
    """The cells of all columns of a layout, side by side.

    Attributes:
        offsets: intp (C + 1,), where each column's cells begin; the last entry is their total.
    """

    def __init__(self, layout: Layout) -> None:
        starts = [cell_starts(column) for column in layout.columns]
        self.layout = layout
        self.offsets = np.concatenate(([0], np.cumsum([len(of) + STATE_CELLS for of in starts]))).astype(np.intp)
        self._starts = np.concatenate([offset + of for offset, of in zip(layout.value_offsets, starts, strict=False)])
        ends = self.offsets[1:]
        self._missing, self._bad = ends - STATE_CELLS, ends - 1
        self._values = np.setdiff1d(np.arange(self.offsets[-1]), np.concatenate((self._missing, self._bad)))

    @property
    def total(self) -> int:
        """Cells of all columns together."""
        return int(self.offsets[-1])

    def of(self, profile: Profile) -> NDArray[np.int64]:
        """Return the rows of a profile in each cell, int64 (total,)."""
        return self.of_counts(profile.counts)

    def of_counts(self, profiles: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows in each cell of the counts of any number of profiles, (..., width) to (..., total)."""
        values, states = self.layout.values, profiles[..., self.layout.values : self.layout.rows_slot]
        by_state = states.reshape(*states.shape[:-1], -1, len(STATES))
        counts = np.empty((*profiles.shape[:-1], self.total), np.int64)
        counts[..., self._values] = np.add.reduceat(profiles[..., :values], self._starts, axis=-1, dtype=np.int64)
        missing = by_state[..., STATES.index(ValueState.MISSING)]
        counts[..., self._missing] = missing
        counts[..., self._bad] = by_state.sum(axis=-1, dtype=np.int64) - missing
        return counts
