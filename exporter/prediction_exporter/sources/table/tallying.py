"""From the counts of groups of rows to a tally: which slice, version and segment each is of, and which rows are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.breakdowns import CLASSES, STAGES
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, MICROSECONDS, Key
from prediction_exporter.counting.tally import Tally, count_classes
from prediction_exporter.counting.traffic import Histogram, Sum, VersionTraffic
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.schema import EventSchema, path_text
from prediction_exporter.sources.frames import FrameParser
from prediction_exporter.sources.table.amounts import SCALE
from prediction_exporter.sources.table.expressions import LARGEST_SQUARED, Deviation
from prediction_exporter.sources.table.groups import NO_ID, Groups
from prediction_exporter.sources.table.measures import Measures
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.rows import frame_of
from prediction_exporter.sources.table.slots import Bins, Cell, Slots
from prediction_exporter.sources.table.statements import GroupKey, Part


class Tallying:
    """Adds up the cells of a span.

    Args:
        context: the model.
        relation: the table.
        measures: what was counted.
        groups: by what.
        slots: where the counts lie.
    """

    def __init__(self, context: SourceContext, relation: Relation, measures: Measures, groups: Groups, slots: Slots) -> None:
        self._context = context
        self._relation = relation
        self._measures = measures
        self._groups = groups
        self._slots = slots
        self._rejected = Rejected()
        self._cells: dict[tuple[int, bool, int], Cell] = {}  # by version, whether they failed, and slice
        self._classes: Counter[tuple[int, int]] = Counter()  # rows by version and class of status
        self._stages: Counter[tuple[int, int]] = Counter()  # and by version and stage
        self._segments: dict[tuple[int, str, int], Cell] = {}  # by version, segment and slice; answered
        layout = context.layout
        deviations = [Deviation.of(layout.columns[i]) for i in layout.numeric] if layout is not None else []
        self._low = np.array([deviation.low for deviation in deviations])
        self._high = np.array([deviation.high for deviation in deviations])

    def add(self, part: Part, width: int, split: int | None, cells: Mapping[GroupKey, Cell], *, is_first: bool) -> None:
        """Add the cells of a part; only those of the first split tell of all rows."""
        for (time, group, of_segment), cell in cells.items():
            at = self._relation.time.slice_of(time, part.width)
            if at is None:
                if is_first:
                    self._rejected.add("invalid_time", cell.rows, str(cell.times[0]) if cell.times else "")
                continue
            if not part.start <= at < part.end:
                continue
            if group == NO_ID:
                schema = self._relation.schema
                if is_first:
                    self._rejected.add("missing_id", cell.rows, f"no {path_text(schema.id)}" if schema.id is not None else "")
                continue
            kind = self._groups.kind(group)
            bucket = at // width * width
            if not kind.refused:
                cell.blank = 0
            if is_first:
                self._merge(self._cells, (kind.position, kind.failed, bucket), cell)
                self._classes[kind.position, kind.status] += cell.rows
                self._stages[kind.position, kind.stage] += cell.rows
            label = self._segment(split, of_segment)
            if label is not None and not kind.failed:
                self._merge(self._segments, (kind.position, label, bucket), cell)

    def _segment(self, split: int | None, slot: int) -> str | None:
        """Return the segment that a slot of a column is; None for what is no value."""
        layout = self._context.layout
        if split is None or layout is None:
            return None
        column = layout.columns[split]
        is_other = slot == self._slots.suspect(split)
        code = column.bins - 1 if is_other else slot - int(layout.value_offsets[split])
        return f"{column.name}={column.value_labels[code]}" if 0 <= code < column.bins else None

    def _merge(self, into: dict[Any, Cell], key: Any, cell: Cell) -> None:
        if key not in into:
            into[key] = Cell.empty(self._slots)
        of_key = into[key]
        of_key.rows += cell.rows
        of_key.blank += cell.blank
        of_key.outliers += cell.outliers
        of_key.counts += cell.counts
        of_key.sums += cell.sums
        np.minimum(of_key.extremes, cell.extremes, out=of_key.extremes)
        of_key.totals += cell.totals
        of_key.times += cell.times

    # The end

    def batch(self) -> Batch:
        """Return everything that was added."""
        texts = self._groups.texts()
        frequent: dict[int, int] = {}
        for (position, _, _), cell in self._cells.items():
            frequent[position] = frequent.get(position, 0) + cell.rows
        labels = self._labels(sorted(frequent, key=lambda position: -frequent[position]), texts)
        tally = Tally()
        traffic: dict[str, VersionTraffic] = {}
        for (position, failed, bucket), cell in self._cells.items():
            label = labels[position]
            if not failed and cell.blank < cell.rows and self._context.layout is not None:
                self._add_profile(tally, Key(label, ALL, bucket), self._context.layout, cell)
            counted = self._traffic(cell, answered=not failed)
            if label in traffic:
                counted.first_seen = min(counted.first_seen, traffic[label].first_seen)
                traffic[label].first_seen = counted.first_seen
                traffic[label].merge(counted)
            else:
                traffic[label] = counted
            tally.events += cell.rows
        self._add_breakdowns(traffic, labels)
        if self._context.layout is not None:
            for (position, segment, bucket), cell in self._segments.items():
                self._add_profile(tally, Key(labels[position], segment, bucket), self._context.layout, cell)
        count_classes(tally.profiles, traffic, self._context.traffic)
        tally.traffic = traffic
        tally.newest = max((counted.last_seen for counted in traffic.values()), default=None)
        return Batch(rejected=self._rejected, tally=tally)

    def _add_breakdowns(self, traffic: Mapping[str, VersionTraffic], labels: Mapping[int, str]) -> None:
        """Count the classes of statuses, and the stages, where there are fields of them."""
        schema = self._relation.schema
        for version in traffic.values():
            version.statuses = None if schema.status is None else {}
            version.stages = None if schema.stage is None else {}
        for (position, place), rows in self._classes.items():
            _count(traffic[labels[position]].statuses, CLASSES[place], rows)
        for (position, place), rows in self._stages.items():
            _count(traffic[labels[position]].stages, STAGES[place], rows)

    def _labels(self, positions: list[int], texts: list[str | None]) -> dict[int, str]:
        """Return the version that each position counts under."""
        known = [position for position in positions if position < len(texts)]
        labels = self._context.labels_of([texts[position] for position in known]) if known else {}
        found = {position: labels[texts[position]] for position in known}
        return {position: found.get(position, OTHER) for position in positions}

    def _add_profile(self, tally: Tally, key: Key, layout: Layout, cell: Cell) -> None:
        profile = self._profile(layout, cell)
        if key in tally.profiles:
            tally.profiles[key].add(profile)
        else:
            tally.profiles[key] = profile

    def _profile(self, layout: Layout, cell: Cell) -> Profile:
        counts = cell.counts[: layout.width].copy()
        rows = cell.rows - cell.blank
        counts[layout.rows_slot], counts[layout.outliers_slot] = rows, cell.outliers
        for index, slot in self._slots.suspects.items():
            counts[int(layout.value_offsets[index + 1]) - 1] += cell.counts[slot]
        for index in range(len(layout.columns)):
            slot = self._slots.state(index, ValueState.MISSING)
            counts[slot] = rows if index in self._measures.absent else counts[slot] - cell.blank
        sums = cell.sums.copy()
        sums[:, (cell.extremes[0] < self._low) | (-cell.extremes[1] > self._high) & np.isfinite(cell.extremes[1])] = np.inf
        return Profile(layout, counts, sums, cell.extremes.copy())

    def _traffic(self, cell: Cell, *, answered: bool) -> VersionTraffic:
        traffic, slots, schema = self._context.traffic, self._slots, self._relation.schema
        times = self._times(cell.times)
        counted = traffic.new_version(float(times.min()) / MICROSECONDS)
        counted.last_seen = float(times.max()) / MICROSECONDS
        counted.requests = cell.rows
        if schema.status is not None:
            counted.failed = 0 if answered else cell.rows
        if schema.latency is not None:
            durations = slots.of(slots.durations, cell.counts)
            counted.durations = Histogram(durations, float(cell.totals[0]))
            if traffic.slow_after is not None:
                counted.slow = sum(durations[traffic.duration_bounds.index(traffic.slow_after) + 1 :])
        if answered:
            for name, bins in slots.scores.items():
                counted.scores[name] = self._histogram(name, bins, cell)
            if slots.value_name is not None:
                counted.values = self._histogram(slots.value_name, slots.values, cell)
        for name, of in slots.sums.items():
            valid, missing = int(cell.counts[of.valid]), int(cell.counts[of.missing])
            total = float(cell.totals[of.total]) + float(cell.totals[of.scaled]) * SCALE
            counted.sums[name] = Sum(total, valid, missing, cell.rows - valid - missing)
        return counted

    def _histogram(self, name: str, bins: Bins, cell: Cell) -> Histogram:
        layout = self._context.layout
        assert layout is not None  # noqa: S101 - it has the column that is counted in bins
        moments = int(layout.numeric.searchsorted(layout.index(name)))
        extremes = -cell.extremes[:, moments]  # the negated smallest, and the largest
        total = float(cell.totals[self._slots.totals.index(name)])
        return Histogram(self._slots.of(bins, cell.counts), np.inf if extremes.max() > LARGEST_SQUARED else total)

    def _times(self, times: list[Any]) -> NDArray[np.int64]:
        """Return times as rows mode reads them, in microseconds."""
        schema = self._relation.schema
        plain = EventSchema(time=("time",), time_unit=schema.time_unit, timezone=self._relation.timezone, columns=())
        (events,) = FrameParser(plain).parse(frame_of(["time"], [(time,) for time in times])).events
        return events.times


def _count(counts: dict[str, int] | None, name: str, rows: int) -> None:
    if counts is not None:
        counts[name] = counts.get(name, 0) + rows
