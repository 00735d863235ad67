"""Slots: where each count of a group of rows lies in one flat array, those of a profile first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.events import STATES, ValueState
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.traffic import SCORE_BOUNDS, Traffic


@dataclass(frozen=True)
class Bins:
    """Bins of a number.

    Attributes:
        first: slot of the first bin.
        edges: finite and strictly increasing; a bin is closed on the left.
        missing, non_finite, nan: the slots of what is in no bin.
    """

    first: int
    edges: tuple[float, ...]
    missing: int
    non_finite: int
    nan: int


@dataclass(frozen=True)
class SumSlots:
    """Where what is added up lies.

    Attributes:
        valid, missing: slots of how many values were added, and of how many rows have none.
        total, scaled: indices of the sums among the totals, that of large values apart.
    """

    valid: int
    missing: int
    total: int
    scaled: int


class Slots:
    """Where each count of a group of rows lies.

    Attributes:
        width: number of slots. The last one is of what nobody asks for.
        durations: bins of seconds.
        scores: bins of each score, by the column's name.
        values: bins of a numeric prediction.
        totals: the numbers whose plain sums are needed, by their index: ``None`` is the duration, else a column's name.
        sums: what is added up, by its name.
        all_totals: how many sums there are in all, those of what is added up behind the others.
    """

    def __init__(self, layout: Layout | None, traffic: Traffic, sums: Sequence[str] = ()) -> None:
        self.layout = layout
        columns = layout.columns if layout is not None else ()
        self._next = layout.width if layout is not None else 0
        self._suspects = {i: self._take(1) for i, column in enumerate(columns) if not column.is_number}
        bounds: list[Sequence[float]] = [traffic.duration_bounds, *(SCORE_BOUNDS for _ in traffic.score_columns)]
        firsts = [self._take(len(of_one) + 1) for of_one in bounds]
        first_value = self._take(len(traffic.value_bounds) + 1)
        counted = [self._take(2) for _ in sums]
        self._trash = self._take(1)
        self.width = self._next
        self.durations = self._up_to(firsts[0], traffic.duration_bounds)
        self.scores = {
            column.name: self._up_to(first, SCORE_BOUNDS)
            for column, first in zip(traffic.score_columns, firsts[1:], strict=True)
        }
        self.values = self._up_to(first_value, traffic.value_bounds)
        self.value_name = traffic.value_column.name if traffic.value_column is not None else None
        names = [*self.scores, *([self.value_name] if self.value_name is not None else [])]
        self.totals: tuple[str | None, ...] = (None, *dict.fromkeys(names))
        first = len(self.totals)
        self.sums = {
            name: SumSlots(slot, slot + 1, first + 2 * place, first + 2 * place + 1)
            for place, (name, slot) in enumerate(zip(sums, counted, strict=True))
        }
        self.all_totals = first + 2 * len(self.sums)

    def _take(self, count: int) -> int:
        self._next += count
        return self._next - count

    def _up_to(self, first: int, bounds: Sequence[float]) -> Bins:
        """Return the bins of a histogram, each of which holds its upper bound: the next double is in the next bin."""
        return Bins(first, tuple(math.nextafter(bound, math.inf) for bound in bounds), self._trash, self._trash, self._trash)

    def of(self, bins: Bins, counts: NDArray[np.int64]) -> list[int]:
        """Return the counts of bins."""
        found: list[int] = counts[bins.first : bins.first + len(bins.edges) + 1].tolist()
        return found

    # A column of the layout, by its index

    def column(self, index: int) -> Bins:
        """Return the bins of a numeric column."""
        edges = self._layout.columns[index].edges
        states = (self.state(index, state) for state in (ValueState.MISSING, ValueState.NON_FINITE, ValueState.NAN))
        return Bins(int(self._layout.value_offsets[index]), edges, *states)

    def state(self, index: int, state: ValueState) -> int:
        """Return the slot of a state of a column."""
        counted = self._layout.columns[index].state_of(state)
        return self._layout.values + len(STATES) * index + STATES.index(counted)

    def code(self, index: int, code: int) -> int:
        """Return the slot of a code of a categorical column."""
        column = self._layout.columns[index]
        if code < column.bins:
            return int(self._layout.value_offsets[index]) + code
        return self.state(index, ValueState(code - column.bins + 1))

    def suspect(self, index: int) -> int:
        """Return the slot of values of a categorical column that may be spellings that are not known yet."""
        return self._suspects[index]

    @property
    def suspects(self) -> dict[int, int]:
        """Return the slots of all such values, by the index of their column."""
        return self._suspects

    @property
    def _layout(self) -> Layout:
        if self.layout is None:
            raise AssertionError("a column without a layout")
        return self.layout


@dataclass(slots=True)
class Cell:
    """What was counted of a group of rows.

    Attributes:
        counts: int64 (slots.width,).
        sums: float64 (2, K), as those of a profile.
        extremes: float64 (2, K), as those of a profile.
        totals: float64 (T,), plain sums.
        rows: number of rows.
        outliers: how many of them are outliers.
        blank: how many of them hold nothing in any column and are of requests that were refused, which made no prediction.
        times: the first and the last time, as the database gives them.
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    extremes: NDArray[np.float64]
    totals: NDArray[np.float64]
    rows: int = 0
    outliers: int = 0
    blank: int = 0
    times: list[Any] = field(default_factory=list)

    @classmethod
    def empty(cls, slots: Slots) -> Cell:
        """Return the cell of no rows."""
        numbers = len(slots.layout.numeric) if slots.layout is not None else 0
        return cls(
            np.zeros(slots.width, np.int64),
            np.zeros((2, numbers)),
            np.full((2, numbers), np.inf),
            np.zeros(slots.all_totals),
        )
