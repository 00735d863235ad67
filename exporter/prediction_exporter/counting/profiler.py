"""Profiler: folds a batch of events into profiles, one for each time bucket, version and segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.answers import served
from prediction_exporter.counting.binning import Binner
from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.events import STATES, Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.memory import ROOM

#: The segment of all events.
ALL = "all"

#: Version of events that name none.
UNVERSIONED = "unknown"

MICROSECONDS = 1_000_000

Integer = TypeVar("Integer", np.int64, np.uint64)

#: Bytes of profiles that are folded at a time, however many groups a batch of events falls into.
BLOCK_BYTES = 8 << 20


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
        block_bytes: what the profiles take that are folded at a time, at least one; less where there is little memory.
    """

    def __init__(
        self, layout: Layout, *, bucket_seconds: int, segments: Sequence[str] = (), block_bytes: int = BLOCK_BYTES
    ) -> None:
        self.layout = layout
        self._bucket = bucket_seconds
        self._block_bytes = block_bytes
        self._columns = [_ColumnFolder(layout, index) for index in range(len(layout.columns))]
        self._segments = [layout.index(name) for name in segments]
        for index in self._segments:
            if layout.columns[index].kind is not Kind.CATEGORICAL:
                raise ValueError(f"segment {layout.columns[index].name} is not categorical")

    def fold(self, events: Events, *, wider: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[Key, Profile]]:
        """Yield the profile of each group of events; requests that made no prediction enter none.

        A group is a version, a time bucket and a segment. Whoever keeps a profile keeps the block it was folded in.

        Args:
            events: the events.
            wider: pairs of a time and a width, in seconds: events before the time fall into buckets of that width instead. The
                times fall from pair to pair, the widths grow, and each divides the next and the time before it.
        """
        for block in self.blocks(events, wider=wider):
            yield from block.items()

    def blocks(self, events: Events, *, wider: Sequence[tuple[int, int]] = ()) -> Iterator[dict[Key, Profile]]:
        """Yield what :meth:`fold` does, in blocks of bounded size; no group is in two of them."""
        kept = np.flatnonzero(served(events, self.layout))
        if not len(kept):
            return
        versions, version_of = version_codes(events.versions)
        buckets, bucket_of = bucket_codes(events.times, self._bucket, wider)
        groups = bucket_of * len(versions) + version_of
        coded = [folder.code(events) for folder in self._columns]
        batch = _Batch(coded, self._outlier_rows(coded, len(events)), groups, kept, versions, buckets)
        yield from self._fold_groups(batch, groups, kept, [ALL])
        for index in self._segments:
            yield from self._fold_segment(batch, index)

    def _fold_segment(self, batch: _Batch, index: int) -> Iterator[dict[Key, Profile]]:
        """Fold the groups again, split by the values of a column; events without a valid value are in no segment."""
        column = self.layout.columns[index]
        labels = [f"{column.name}={label}" for label in column.value_labels]
        codes = batch.coded[index].codes
        inside = batch.kept[codes[batch.kept] < column.bins]
        yield from self._fold_groups(batch, batch.groups * column.bins + codes, inside, labels)

    def _fold_groups(
        self, batch: _Batch, groups: NDArray[np.int64], kept: NDArray[np.intp], segments: Sequence[str]
    ) -> Iterator[dict[Key, Profile]]:
        """Fold the kept events by groups, whose numbers have the segment's place as their last digit."""
        if not len(kept):
            return
        chosen = groups[kept]
        order: NDArray[np.intp] | None = kept
        if np.any(chosen[1:] < chosen[:-1]):
            order = kept[np.argsort(chosen, kind="stable")]
        elif len(kept) == len(groups):
            order = None  # as they are
        present, bounds = runs(groups if order is None else groups[order])
        at_a_time = max(ROOM.step(self._block_bytes) // self.layout.profile_bytes, 1)
        for first in range(0, len(present), at_a_time):
            numbers = present[first : first + at_a_time]
            begin, end = int(bounds[first]), int(bounds[first + len(numbers)])
            block = self._fold_block(
                batch,
                slice(begin, end) if order is None else order[begin:end],
                bounds[first : first + len(numbers) + 1] - begin,
            )
            yield {batch.key(number, segments): block.profile(position) for position, number in enumerate(numbers.tolist())}

    def _fold_block(self, batch: _Batch, order: NDArray[np.intp] | slice, bounds: NDArray[np.intp]) -> _Block:
        """Fold events in the order of their groups, each of which ends where the next one begins."""
        starts, sizes = bounds[:-1], np.diff(bounds)
        dense = np.repeat(np.arange(len(starts)), sizes)
        block = _Block(self.layout, len(starts))
        for folder, column in zip(self._columns, batch.coded, strict=True):
            folder.count(block, column, order, dense, starts)
        block.counts[:, self.layout.rows_slot] = sizes
        block.counts[:, self.layout.outliers_slot] = np.add.reduceat(batch.outliers[order], starts, dtype=np.int64)
        return block

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


@dataclass(frozen=True, slots=True)
class _Batch:
    """Events as the profiler sees them; a group's number is that of its bucket, then that of its version."""

    coded: list[_Coded]
    outliers: NDArray[np.bool_]
    groups: NDArray[np.int64]
    kept: NDArray[np.intp]
    versions: list[str]
    buckets: NDArray[np.int64]

    def key(self, number: int, segments: Sequence[str]) -> Key:
        group, segment = divmod(number, len(segments))
        bucket, version = divmod(group, len(self.versions))
        return Key(self.versions[version], segments[segment], int(self.buckets[bucket]))


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


def runs(groups: NDArray[Integer]) -> tuple[NDArray[Integer], NDArray[np.intp]]:
    """Return the distinct values of a sorted array, and where each run begins, the end of the last one behind them."""
    boundaries = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    bounds = np.concatenate(([0], boundaries, [len(groups)])).astype(np.intp)
    return groups[bounds[:-1]], bounds


def version_codes(versions: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct versions, and each event's index among them."""
    named = versions.fill_null(UNVERSIONED)
    distinct = sorted(named.unique().to_list())
    if len(distinct) == 1:
        return distinct, np.zeros(len(versions), np.int64)
    return distinct, named.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).to_numpy()


def bucket_codes(
    times: NDArray[np.int64], width: int, wider: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct bucket starts in seconds and each event's index among them."""
    seconds = times // MICROSECONDS
    starts = seconds // width * width
    for before, wide in wider:
        early = np.flatnonzero(seconds < before)
        if not len(early):
            break
        starts[early] = seconds[early] // wide * wide
    first = int(starts[0])
    if np.all(starts == first):
        return np.array([first]), np.zeros(len(times), np.int64)
    distinct, codes = np.unique(starts, return_inverse=True)
    return distinct, codes.astype(np.int64)
