"""Contents: the tables and codes of one model in the state file, loaded, expired, given up and saved as a whole."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from prediction_exporter.counting.state_days import Extent
from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.batches import Shape
from prediction_exporter.labels.days import DamagedDayError, Days
from prediction_exporter.labels.groups import Groups
from prediction_exporter.labels.rows import COVERAGE_TYPE, label_type, prediction_type, room
from prediction_exporter.labels.tallies import Reason, Tallies

logger = logging.getLogger(__name__)

DAY = 86_400

#: With more predictions than that, a batch changes thousands of pages, mostly those that the batch before has changed. They are
#: written into the file every few batches then: the write-ahead log grows to some 50 MB for it instead of 17, and puts are 40 %
#: faster.
_MANY = 100_000
_LOG_PAGES = 10_000

#: Where what is beside the tables is kept, as one part.
_BESIDE = ("", 0)

_T = TypeVar("_T")


class Arrived:
    """What is known of the labels that came on one day.

    Attributes:
        waiting: how many of them have found no prediction, and were not replaced since.
        joined: the days of the predictions that the others found.
    """

    def __init__(self, waiting: int = 0, joined: set[int] | None = None) -> None:
        self.waiting = waiting
        self.joined = joined or set()


class Contents:
    """What a store holds. Whatever fails in a step, the next one finds it as it was last committed.

    Args:
        shape: what is kept of each prediction.
        horizon: for how long predictions wait, in seconds.
        covered: for how long coverage is told beyond that, in seconds.

    Attributes:
        predictions: by the day that they are of.
        labels: by the day on which they came.
        coverage: counts by minute and cell, by the day of the predictions.
        groups: the codes in all of these.
        tallies: what became of everything.
        arrived: by the day on which labels came.
        gone: days of which predictions were given up, and take no more.
    """

    def __init__(self, shape: Shape, horizon: int, covered: int = 0) -> None:
        self.shape = shape
        self.horizon = horizon
        self._covered = covered
        self.predictions = Days("predictions", prediction_type(shape))
        self.labels = Days("labels", label_type(shape))
        self.coverage = Days("coverage", COVERAGE_TYPE)
        self._fresh()
        self._step: Step | None = None
        self._turn = 0

    def _fresh(self) -> None:
        self.groups = Groups()
        self.tallies = Tallies()
        self.arrived: dict[int, Arrived] = {}
        self.gone: set[int] = set()

    @property
    def kinds(self) -> tuple[Days, Days, Days]:
        """All tables."""
        return self.predictions, self.labels, self.coverage

    def size(self, *, predictions: int = 0, labels: int = 0) -> int:
        """Return the bytes that it takes on disk with so many more rows, as far as they follow from the number of rows.

        Room for a label is part of each prediction: without it the prediction would wait in vain.
        """
        predictions += self.predictions.total()
        labels = max(labels + self.labels.total(), predictions)
        rows = (predictions, labels, self.coverage.total())
        return sum(many * room(days.record) for many, days in zip(rows, self.kinds, strict=True))

    # From and to the state file

    def enter(self, step: Step) -> None:
        """Take over what is stored, where a step begins and it is not what is in memory."""
        if self._step is step:
            return
        data = step.part(*_BESIDE)
        stored = None if data is None else json.loads(zlib.decompress(data))
        if stored is None or stored["turn"] != self._turn:
            self._restore(step, stored)
        if self.predictions.total() > _MANY:
            step.connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        self._turn += 1  # what is stored has it only when this step is committed
        self._step = step
        step.at_commit(self._save)

    def _restore(self, step: Step, stored: dict[str, Any] | None) -> None:
        extents = {(row.version, row.start): Extent.from_bytes(row.profile) for row in step.parts() if row.version}
        self._fresh()
        self._turn = 0
        for days in self.kinds:
            for day in days.days():
                if (days.kind, day) not in extents:
                    days.forget(day)
        if stored is None:
            self._begin_anew(step, extents)
            return
        self._turn = stored["turn"]
        self.groups.restore(stored["groups"])
        self.tallies = Tallies.from_json(stored["tallies"])
        self.arrived = {day: Arrived(waiting, set(joined)) for day, waiting, joined in stored["arrived"]}
        self.gone = set(stored["gone"])
        if stored["shape"] != self._shape():
            self._reshape(step, extents)
            return
        self._load(step, stored, extents)

    def _load(self, step: Step, stored: dict[str, Any], extents: dict[tuple[str, int], Extent]) -> None:
        lost = []
        for days in self.kinds:
            for day, rows in stored[days.kind]:
                extent = extents.get((days.kind, day))
                try:
                    if extent is not None:
                        days.load(step, day, extent)
                        continue
                except DamagedDayError:
                    days.forget(day)
                lost.append((days.kind, day, rows))
        for kind, day, rows in lost:
            self.give_up_damaged(step, kind, day, rows)

    def _shape(self) -> list[Any]:
        return [self.shape.kind, self.shape.scores, self.shape.segments, self.shape.score_bits]

    def _begin_anew(self, step: Step, extents: dict[tuple[str, int], Extent]) -> None:
        """Drop tables without what is beside them: their codes say nothing."""
        for (kind, _), extent in extents.items():
            self._give_up_rows(kind, "damaged", extent.rows)
        if extents:
            logger.warning("model %s: what waits for labels was damaged and is dropped", step.model)
        step.drop_parts()
        for days in self.kinds:
            for day in days.days():
                days.forget(day)

    def _reshape(self, step: Step, extents: dict[tuple[str, int], Extent]) -> None:
        """Drop what was stored in another shape."""
        for (kind, _), extent in extents.items():
            self._give_up_rows(kind, "shape", extent.rows)
        logger.warning(
            "model %s: predictions have other scores, segments or values now; what waited for labels is dropped", step.model
        )
        step.drop_parts()
        self.arrived, self.groups = {}, Groups()
        self.gone = {day for kind, day in extents if kind == self.predictions.kind}

    def _give_up_rows(self, kind: str, reason: Reason, rows: int) -> None:
        if kind == self.predictions.kind:
            self.tallies.give_up("prediction", reason, rows)
        elif kind == self.labels.kind:
            self.tallies.give_up("label", reason, rows)

    def _save(self, step: Step) -> None:
        for days in self.kinds:
            days.save(step)
        beside = {
            "turn": self._turn,
            "shape": self._shape(),
            "groups": self.groups.to_json(),
            "tallies": self.tallies.to_json(),
            "arrived": [[day, arrived.waiting, sorted(arrived.joined)] for day, arrived in self.arrived.items()],
            "gone": sorted(self.gone),
            **{days.kind: [[day, days.rows(day)] for day in days.days()] for days in self.kinds},
        }
        step.put_part(*_BESIDE, zlib.compress(json.dumps(beside, separators=(",", ":")).encode(), 1))

    # What is given up

    def mended(self, step: Step, action: Callable[[], _T]) -> _T:
        """Return what an action finds, once all damaged days that it meets are given up."""
        while True:
            try:
                return action()
            except DamagedDayError as error:
                days = next(days for days in self.kinds if days.kind == error.kind)
                self.give_up_damaged(step, error.kind, error.day, days.rows(error.day))

    def give_up_damaged(self, step: Step, kind: str, day: int, rows: int) -> None:
        """Give up a damaged table, and predictions of which it told what had been joined."""
        date = np.datetime64(day, "D")
        logger.warning("model %s: the table of %s of %s in the state file is damaged and dropped", step.model, kind, date)
        if kind == self.labels.kind:
            self.labels.drop(step, day)
            self.tallies.give_up("label", "damaged", rows)
            arrived = self.arrived.pop(day, None)
            for joined in sorted(arrived.joined) if arrived else ():
                self.give_up_predictions(step, joined, "damaged", self.predictions.rows(joined))
            return
        if kind == self.coverage.kind:
            self.coverage.drop(step, day)
            rows = self.predictions.rows(day)
        self.give_up_predictions(step, day, "damaged", rows)

    def give_up_predictions(self, step: Step, day: int, reason: Reason, rows: int) -> None:
        """Give up the predictions of a day, which takes no more of them from now on."""
        self.predictions.drop(step, day)
        self.tallies.give_up("prediction", reason, rows)
        self.gone.add(day)

    def room_for_predictions(self, step: Step, wanted: int, most: int, today: int) -> int:
        """Return for how many predictions, of so many, there is room; the oldest days are given up for them."""
        if self._make_room(step, most, today, predictions=wanted):
            return wanted
        return max(most - self.size(), 0) // (room(self.predictions.record) + room(self.labels.record))

    def room_for_labels(self, step: Step, wanted: int, most: int, today: int) -> int:
        """Return for how many labels, of so many, there is room; the oldest days are given up for them."""
        if self._make_room(step, most, today, labels=wanted):
            return wanted
        reserved = max(self.predictions.total() - self.labels.total(), 0)
        return min(reserved + max(most - self.size(), 0) // room(self.labels.record), wanted)

    def _make_room(self, step: Step, most: int, today: int, *, predictions: int = 0, labels: int = 0) -> bool:
        """Give up the oldest days until there is room for so many more rows; return whether there is.

        Labels go after the predictions that they may have joined: they would be joined again.
        """
        while self.size(predictions=predictions, labels=labels) > most:
            oldest = next((day for day in self.predictions.days() if day < today), None)
            spent = next((day for day in self.labels.days() if day + 1 < (today if oldest is None else oldest)), None)
            if spent is not None:
                self._drop_labels(step, spent, "room")
            elif oldest is not None:
                self.give_up_predictions(step, oldest, "room", self.predictions.rows(oldest))
            else:
                return False
        return True

    def _drop_labels(self, step: Step, day: int, why: Reason | None) -> None:
        self.labels.drop(step, day)
        arrived = self.arrived.pop(day, Arrived())
        if why is None:
            self.tallies.unmatched += arrived.waiting
        else:
            self.tallies.give_up("label", why, arrived.waiting)

    # What is expired

    def oldest_day(self, now: float) -> int:
        """Return the first day that is not beyond the horizon."""
        return int(now - self.horizon) // DAY

    def expire(self, step: Step, now: float) -> None:
        """Drop the days that are beyond the horizon."""
        oldest = self.oldest_day(now)
        for day in [day for day in self.predictions.days() if day < oldest]:
            self.mended(step, lambda day=day: self._count_expired(step, day))  # type: ignore[misc]  # mypy knows no default of a lambda
            self.predictions.drop(step, day)
        for day in [day for day in self.coverage.days() if day < self.oldest_day(now - self._covered)]:
            self.coverage.drop(step, day)
        for day in [day for day in self.labels.days() if day < oldest - 2]:  # after all that they may have joined
            self._drop_labels(step, day, None)
        self.gone = {day for day in self.gone if day >= oldest}
        self.groups.forget_before(min([oldest, *(day for days in self.kinds for day in days.days())]))

    def _count_expired(self, step: Step, day: int) -> None:
        keys, records = self.coverage.scan(step, day, 0, 1 << 62)
        cells, inverse = np.unique(keys & np.uint64(0xFFFF_FFFF), return_inverse=True)
        missing = np.bincount(inverse, records["predictions"].astype(np.int64) - records["labelled"], len(cells))
        for cell, many in zip(cells.tolist(), missing.tolist(), strict=True):
            if many:
                self.tallies.expired[self.groups.cell(cell).predicted or ""] += int(many)
