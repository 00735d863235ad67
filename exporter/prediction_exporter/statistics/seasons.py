"""Seasons: what a baseline shows in the hours that a window is of, for columns whose baseline taught a season.

The share of a cell is that of each hour of the season, drawn towards that of all hours as evidence is, in the mix that the
window has of these hours: ``e = sum_h w_h p_h``, w_h being the hour's part of the window's values. Such shares add up: those of
two windows, each times its values, make that of both. A share is a weighted sum of the hours' own, ``e = sum_k a_k c_k / n_k``
with ``a_k = n_k (w_k / (n_k + s) + (1 - sum_h w_h n_h / (n_h + s)) / n)``, s being the shrinkage, so its variance is that of
``1 / sum_k a_k**2 / n_k`` rows: that many of the baseline stand behind it.

Within a cell, values are taken to lie as in all of the baseline: what they do by the hour is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.cells import STATE_CELLS, Cells, cell_starts
from prediction_exporter.counting.events import STATES, ValueState
from prediction_exporter.counting.hours import ByHour
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.shrinkage import SHRINKAGE, share_of_all, shares_by_hour

Floats = NDArray[np.float64]

#: Slots of the seasons that there are: the hours of the day, the days of the week, the hours of the week.
HOURS_OF_DAY, DAYS_OF_WEEK, HOURS_OF_WEEK = 24, 7, 168


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """What the baseline shows in a window's hours, of the K columns that have a season, whose value cells are Q, side by side.

    Attributes:
        columns: intp (K,), which they are.
        valid, rows: float64 (K,), values, and rows, of the baseline that stand behind the shares of values, and of rows.
        cells: float64 (Q,), share of each value cell among the values.
        drift: float64, share of each of their drift bins, as :attr:`Seasons.drift_bins` says.
        missing, bad, last: float64 (K,), share of the rows without a value, of those with one of no use, and, of the values,
            that of the last cell.
    """

    columns: NDArray[np.intp]
    valid: Floats
    rows: Floats
    cells: Floats
    drift: Floats
    missing: Floats
    bad: Floats
    last: Floats


class Seasons:
    """The columns of a baseline that have a season.

    Args:
        baseline: the profile of the baseline.
        counts: by column, rows of the baseline in each of its cells by slot of its season, int64 (slots, B); slots are one of
            24, 7 and 168. None for columns that have no season.

    Attributes:
        columns: intp (K,), the columns that have one and, in some slot, a value.
        mask: bool (C,), the same.
        value_bins, drift_bins: intp, where these columns' bins lie among those of all columns.
    """

    def __init__(self, baseline: Profile, counts: Sequence[NDArray[np.int64] | None]) -> None:
        self.layout: Layout = baseline.layout
        found = [(index, of) for index, of in enumerate(counts) if of is not None and of[:, :-STATE_CELLS].any()]
        # Columns of the same season side by side, each in the layout's order.
        found.sort(key=lambda each: (len(each[1]), each[0]))
        lengths = sorted({len(of) for _, of in found})
        self._groups = [_Group([of for _, of in found if len(of) == slots]) for slots in lengths]
        self.columns = np.array([index for index, _ in found], np.intp)
        self.mask = np.isin(np.arange(len(self.layout.columns)), self.columns)
        self.value_bins = _ranges(self.layout.value_offsets, self.columns)
        self.drift_bins = _ranges(self.layout.drift_offsets, self.columns)
        self._starts = self._local([cell_starts(self.layout.columns[index]) for index in self.columns])
        self._drift_starts = self._local([self.layout.columns[index].drift_starts for index in self.columns])
        sizes = np.diff(np.append(self._starts, len(self.value_bins)))
        self.cell_of_value = np.repeat(np.arange(len(self._starts)), sizes)
        self.within = self._within(baseline, sizes)
        states = baseline.states[self.columns].astype(np.float64)
        useless = states.sum(axis=1) - states[:, STATES.index(ValueState.MISSING)]
        invalid = states[:, STATES.index(ValueState.INVALID)]
        self.invalid_of_bad = np.where(useless > 0, invalid / np.maximum(useless, 1.0), 1.0)

    def _local(self, starts: list[list[int]]) -> NDArray[np.intp]:
        """Return where cells or bins begin among the value bins of the columns that have a season."""
        offsets = np.concatenate(([0], np.cumsum(np.diff(self.layout.value_offsets)[self.columns])))[:-1]
        parts = [offset + np.array(of) for offset, of in zip(offsets, starts, strict=True)]
        return np.concatenate(parts).astype(np.intp) if parts else np.zeros(0, np.intp)

    def _within(self, baseline: Profile, sizes: NDArray[np.intp]) -> Floats:
        """Return what part of its cell each value bin has; half a row more in each, so that none has nothing."""
        counts: Floats = np.asarray(baseline.values[self.value_bins] + 0.5, np.float64)
        if len(counts):
            counts /= np.repeat(np.add.reduceat(counts, self._starts), sizes)
        return counts

    def __bool__(self) -> bool:
        """Whether any column has a season."""
        return bool(len(self.columns))

    @cached_property
    def cells_of_column(self) -> NDArray[np.intp]:
        """Number of value cells of each column, (K,)."""
        return np.array([len(cell_starts(self.layout.columns[index])) for index in self.columns], np.intp)

    def of(self, by_hour: ByHour) -> Season:
        """Return what the baseline shows in a window's hours; in those of all the baseline where the window has no values."""
        parts, first = [], 0
        for group in self._groups:
            columns = self.columns[first : first + group.columns]
            parts.append(group.of(by_hour, by_hour.valid[:, columns]))
            first += group.columns
        valid, rows, cells, missing, bad, last = (np.concatenate(of) for of in zip(*parts, strict=True))
        drift = np.add.reduceat(cells[self.cell_of_value] * self.within, self._drift_starts)
        return Season(self.columns, valid, rows, cells, drift, missing, bad, last)

    def differences(self, season: Season, window: Profile) -> Floats:
        """Return the difference of the cumulative shares at the end of each of their value bins, window less baseline.

        Only cells are compared: between their ends the difference goes as the baseline's own values do. NaN without values.
        """
        counts = np.add.reduceat(window.values[self.value_bins], self._starts).astype(np.float64)
        ends = np.cumsum(self.cells_of_column)
        totals = np.add.reduceat(counts, ends - self.cells_of_column)
        with np.errstate(invalid="ignore"):
            change = counts / np.repeat(np.where(totals > 0, totals, np.nan), self.cells_of_column) - season.cells
        return self.cumulative(change)

    def cumulative(self, of_cells: Floats) -> Floats:
        """Return the sums of shares of cells up to the end of each of the columns' value bins."""
        of_bins = of_cells[self.cell_of_value] * self.within
        bins = np.diff(self.layout.value_offsets)[self.columns]
        sums = np.empty_like(of_bins)
        for end, length in zip(np.cumsum(bins).tolist(), bins.tolist(), strict=True):
            np.cumsum(of_bins[end - length : end], out=sums[end - length : end])
        return sums

    def over(self, values: Floats) -> Floats:
        """Spread values of the columns that have a season, (K,), over all columns, (C,), with NaN elsewhere."""
        spread = np.full(len(self.layout.columns), np.nan)
        spread[self.columns] = values
        return spread


class _Group:
    """Columns whose seasons have the same slots; K and Q are those of the group."""

    def __init__(self, counts: Sequence[NDArray[np.int64]]) -> None:
        self.slots = len(counts[0])
        self.columns = len(counts)
        values = [of[:, :-STATE_CELLS] for of in counts]
        self._values = _Mix([_shares(of) for of in values], np.column_stack([of.sum(axis=1) for of in values]))
        states = [_shares(of)[:, -STATE_CELLS:] for of in counts]
        self._rows = _Mix(states, np.column_stack([of.sum(axis=1) for of in counts]))
        self._last = np.cumsum([of.shape[1] for of in values]) - 1

    def of(self, by_hour: ByHour, valid: Floats) -> tuple[Floats, ...]:
        """Return the parts of a :class:`Season`."""
        slots = self._slots_of(by_hour)
        size, cells = self._values.of(slots, valid)
        of_rows, states = self._rows.of(slots, np.repeat(by_hour.rows[:, None], self.columns, axis=1))
        return size, of_rows, cells, states[::STATE_CELLS], states[1::STATE_CELLS], cells[self._last]

    def _slots_of(self, by_hour: ByHour) -> NDArray[np.intp]:
        """Return the slots that each hour's buckets lie in, (T, width)."""
        hours = (by_hour.hours[:, None] + np.arange(by_hour.width)) % HOURS_OF_WEEK
        return hours // HOURS_OF_DAY if self.slots == DAYS_OF_WEEK else hours % self.slots


class _Mix:
    """Shares of the cells of K columns by slot, and the rows of the baseline that they come from, (slots, K)."""

    def __init__(self, shares: Sequence[Floats], rows: NDArray[np.int64]) -> None:
        self._shares = np.concatenate(shares, axis=1)
        self._rows = rows.astype(np.float64)
        self._whole = np.maximum(self._rows.sum(axis=0), 1.0)
        self._column = np.repeat(np.arange(len(shares)), [of.shape[1] for of in shares])

    def of(self, slots: NDArray[np.intp], counts: Floats) -> tuple[Floats, Floats]:
        """Return the rows that stand behind the shares of cells, (K,), and these, (Q,), as so many rows of a window mix them.

        Args:
            slots: (T, width), the slots that each part of the window lies in.
            counts: (T, K), its rows. A part of several slots has them as the baseline has.
        """
        weights, at = self._weights(slots, counts)
        rows, shares = self._rows[at], self._shares[at]
        drawn = weights / (rows + SHRINKAGE)
        rest = (1.0 - (drawn * rows).sum(axis=0)) / self._whole
        inverse = (rows * drawn * (drawn + 2.0 * rest)).sum(axis=0) + rest**2 * self._whole
        return 1.0 / inverse, np.einsum("tq,tq->q", weights[:, self._column], shares)

    def _weights(self, slots: NDArray[np.intp], counts: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return the part that each slot has of the window's rows, (slots that have any, K), and these slots."""
        total = np.zeros_like(self._rows)
        if slots.shape[1] == 1:
            np.add.at(total, slots[:, 0], counts)
        else:
            own = self._rows[slots] + 1e-9  # where the baseline has none, each of the hours has as many
            np.add.at(total, slots, own / own.sum(axis=1, keepdims=True) * counts[:, None, :])
        whole = total.sum(axis=0)
        empty = whole == 0
        if empty.any():
            total[:, empty] = self._rows[:, empty]
            whole = total.sum(axis=0)
        at = np.flatnonzero(total.any(axis=1))
        return total[at] / whole, at


def _shares(counts: NDArray[np.int64]) -> Floats:
    """Return the shares of cells by slot as evidence takes them, (slots, B)."""
    everything = np.ones(counts.shape[1], np.bool_)
    return shares_by_hour(counts, share_of_all(counts.sum(axis=0).astype(np.float64), everything), everything)


def _ranges(offsets: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the positions of what lies between the offsets of some columns, side by side."""
    parts = [np.arange(offsets[index], offsets[index + 1]) for index in columns]
    return np.concatenate(parts) if parts else np.zeros(0, np.intp)


def seasons_of(baseline: Profile, counts: Sequence[NDArray[np.int64] | None]) -> Seasons | None:
    """Return the seasons of a baseline, as :class:`Seasons` takes them; None where no column has one.

    Raises:
        ValueError: the counts are not those of the baseline's cells.
    """
    cells = np.diff(Cells(baseline.layout).offsets)
    for column, of, expected in zip(baseline.layout.columns, counts, cells.tolist(), strict=True):
        if of is not None and of.shape[1] != expected:
            raise ValueError(f"{column.name} has {expected} cells, and its season {of.shape[1]}")
    seasons = Seasons(baseline, counts)
    return seasons or None
