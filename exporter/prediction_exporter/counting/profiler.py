"""Profiler: folds a batch of events into profiles, one for each time bucket, version and segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.binning import Binner
from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.events import STATES, Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile

#: The segment of all events.
ALL = "all"

#: Version of events that name none.
UNVERSIONED = "unknown"

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """What a profile is of: a version, a segment (``all`` or ``column=value``) and a time bucket, in seconds."""

    version: str
    segment: str
    bucket: int


def segment_column(segment: str) -> str | None:
    """Return the column that a segment is a value of; None for all events."""
    return None if segment == ALL else segment.partition("=")[0]


class Profiler:
    """Folds events into profiles.

    Args:
        layout: the columns to count.
        bucket_seconds: width of the time buckets.
        segments: names of the categorical columns whose values are profiled apart, beside all events together.
    """

    def __init__(self, layout: Layout, *, bucket_seconds: int, segments: Sequence[str] = ()) -> None:
        self.layout = layout
        self._bucket = bucket_seconds * MICROSECONDS
        self._columns = [_ColumnFolder(layout, index) for index in range(len(layout.columns))]
        self._segments = [layout.index(name) for name in segments]
        for index in self._segments:
            if layout.columns[index].kind is not Kind.CATEGORICAL:
                raise ValueError(f"segment {layout.columns[index].name} is not categorical")

    def fold(self, events: Events) -> Iterator[tuple[Key, Profile]]:
        """Yield the profile of each group of events; failed requests enter none.

        The groups are few: one for each version and time bucket that the events fall into, times the segments' values.
        """
        kept = np.flatnonzero(~events.failed)
        if not len(kept):
            return
        versions, version_codes = _version_codes(events.versions)
        buckets, bucket_codes = _bucket_codes(events.times, self._bucket)
        groups = bucket_codes * len(versions) + version_codes
        coded = [folder.code(events) for folder in self._columns]
        outliers = self._outlier_rows(coded, len(events))
        names = [(version, ALL, int(bucket)) for bucket in buckets for version in versions]
        yield from self._fold_groups(coded, outliers, groups, kept, names)
        for index in self._segments:
            yield from self._fold_segment(index, coded, outliers, groups, kept, names)

    def _fold_segment(
        self,
        index: int,
        coded: list[_Coded],
        outliers: NDArray[np.bool_],
        groups: NDArray[np.int64],
        kept: NDArray[np.intp],
        names: list[tuple[str, str, int]],
    ) -> Iterator[tuple[Key, Profile]]:
        """Fold the groups again, split by the values of a column; events without a valid value are in no segment."""
        column = self.layout.columns[index]
        labels = [f"{column.name}={label}" for label in column.value_labels]
        codes = coded[index].codes
        inside = kept[codes[kept] < column.bins]
        split = groups * column.bins + codes
        split_names = [(version, label, bucket) for version, _, bucket in names for label in labels]
        yield from self._fold_groups(coded, outliers, split, inside, split_names)

    def _fold_groups(
        self,
        coded: list[_Coded],
        outliers: NDArray[np.bool_],
        groups: NDArray[np.int64],
        kept: NDArray[np.intp],
        names: list[tuple[str, str, int]],
    ) -> Iterator[tuple[Key, Profile]]:
        if not len(kept):
            return
        chosen = groups[kept]
        order: NDArray[np.intp] | slice = kept
        if np.any(chosen[1:] < chosen[:-1]):
            order = kept[np.argsort(chosen, kind="stable")]
        elif len(kept) == len(groups):
            order = slice(None)
        present, starts, dense = _runs(groups[order])
        block = _Block(self.layout, len(present))
        for folder, column in zip(self._columns, coded, strict=True):
            folder.count(block, column, order, dense, starts)
        block.counts[:, self.layout.rows_slot] = np.diff(np.append(starts, len(dense)))
        block.counts[:, self.layout.outliers_slot] = np.add.reduceat(outliers[order], starts, dtype=np.int64)
        for position, group in enumerate(present):
            version, segment, bucket = names[group]
            yield Key(version, segment, bucket), block.profile(position)

    def _outlier_rows(self, coded: list[_Coded], rows: int) -> NDArray[np.bool_]:
        """Whether each event has a numeric feature in a bin outside the baseline's range."""
        found = np.zeros(rows, dtype=np.bool_)
        for column, of_column in zip(self.layout.columns, coded, strict=True):
            if column.ranged and column.role is Role.FEATURE:
                found |= of_column.codes == 0
                found |= of_column.codes == column.bins - 1
        return found


class _Block:
    """Profiles of several groups as rows of shared arrays."""

    def __init__(self, layout: Layout, groups: int) -> None:
        numeric = len(layout.numeric)
        self.layout = layout
        self.counts = np.zeros((groups, layout.width), np.int64)
        self.sums = np.zeros((groups, 2, numeric))
        self.extremes = np.full((groups, 2, numeric), np.inf)

    def profile(self, position: int) -> Profile:
        return Profile(self.layout, self.counts[position], self.sums[position], self.extremes[position])


@dataclass(frozen=True, slots=True)
class _Coded:
    """A column of a batch: each event's slot among the column's bins and states, and the numbers behind it."""

    codes: NDArray[np.int32]
    numbers: NDArray[np.float64] | None  # NaN where there is no valid number
    complete: bool  # every event holds a valid value


class _ColumnFolder:
    """Counts one column. Its slots are its value bins, followed by missing, invalid and non-finite."""

    def __init__(self, layout: Layout, index: int) -> None:
        self._column: Column = layout.columns[index]
        self._first = int(layout.value_offsets[index])
        self._states = layout.values + len(STATES) * index
        self._slots = self._column.bins + len(STATES)
        if self._column.is_number:
            self._binner = Binner(np.array(self._column.edges))
            self._moments = int(np.searchsorted(layout.numeric, index)) if self._column.kind is Kind.NUMERIC else None
        else:
            self._encoder = CategoryEncoder(self._column.categories, self._column.held)
        #: By state, its place behind the last value bin.
        self._places = np.array([self._column.state_of(state) for state in ValueState], np.int32)

    def code(self, events: Events) -> _Coded:
        values = events.columns[self._column.name]
        states = events.states.get(self._column.name)
        numbers: NDArray[np.float64] | None = None
        last = self._column.bins - 1
        if self._column.is_number:
            numbers = values.to_numpy()
            codes = self._binner.bin(numbers)
        else:
            codes = self._encoder.encode(values)
            if self._encoder.met_nan:
                codes[codes == self._encoder.nan] = last + self._places[ValueState.NAN]
        if states is not None:
            absent = np.flatnonzero(states)
            codes[absent] = last + self._places[states[absent]]
            return _Coded(codes, numbers, complete=not len(absent))
        if values.null_count():
            nulls = np.isnan(numbers) if numbers is not None else values.is_null().to_numpy()
            codes[nulls] = last + ValueState.MISSING
            return _Coded(codes, numbers, complete=False)
        return _Coded(codes, numbers, complete=True)

    def count(
        self,
        block: _Block,
        coded: _Coded,
        order: NDArray[np.intp] | slice,
        groups: NDArray[np.intp],
        starts: NDArray[np.intp],
    ) -> None:
        """Write the column's counts and moments of each group of the ordered events into the block."""
        codes = coded.codes[order]
        flat = codes if len(starts) == 1 else groups * self._slots + codes
        counts = np.bincount(flat, minlength=len(starts) * self._slots).reshape(len(starts), self._slots)
        bins = self._column.bins
        block.counts[:, self._first : self._first + bins] = counts[:, :bins]
        block.counts[:, self._states : self._states + len(STATES)] = counts[:, bins:]
        if coded.numbers is not None and self._moments is not None:
            self._count_moments(block, coded, coded.numbers[order], starts, self._moments)

    def _count_moments(
        self, block: _Block, coded: _Coded, numbers: NDArray[np.float64], starts: NDArray[np.intp], moments: int
    ) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            z = (numbers - self._column.center) / self._column.scale
            if coded.complete:
                low, high = np.minimum.reduceat(numbers, starts), np.maximum.reduceat(numbers, starts)
            else:
                z[np.isnan(z)] = 0.0
                low, high = np.fmin.reduceat(numbers, starts), np.fmax.reduceat(numbers, starts)
                low[np.isnan(low)], high[np.isnan(high)] = np.inf, -np.inf
            block.sums[:, 0, moments] = np.add.reduceat(z, starts)
            block.sums[:, 1, moments] = np.add.reduceat(z * z, starts)
        block.extremes[:, 0, moments] = low
        block.extremes[:, 1, moments] = -high


def _runs(groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the distinct values of a sorted array, where each run begins, and each element's run."""
    boundaries = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    starts = np.concatenate(([0], boundaries)).astype(np.intp)
    lengths = np.diff(np.append(starts, len(groups)))
    return groups[starts], starts, np.repeat(np.arange(len(starts)), lengths)


def _version_codes(versions: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct versions, and each event's index among them."""
    named = versions.fill_null(UNVERSIONED)
    distinct = sorted(named.unique().to_list())
    if len(distinct) == 1:
        return distinct, np.zeros(len(versions), np.int64)
    return distinct, named.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).to_numpy()


def _bucket_codes(times: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct bucket starts in seconds and each event's index among them."""
    buckets = times // width
    first, last = int(buckets.min()), int(buckets.max())
    if first == last:
        return np.array([first * width // MICROSECONDS]), np.zeros(len(times), np.int64)
    distinct, codes = np.unique(buckets, return_inverse=True)
    return distinct * width // MICROSECONDS, codes.astype(np.int64)
