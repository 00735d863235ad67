"""Covering: how many predictions of each minute have their label, and where maturity begins by that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.breakdowns import NONE
from prediction_exporter.counting.profiler import UNVERSIONED
from prediction_exporter.counting.state_step import Step
from prediction_exporter.joined.minutes import DAY
from prediction_exporter.labels import Coverage, Store
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.performance.base import class_label

Numbers = NDArray[np.int64]

#: A share that is reached but for rounding is reached.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """What is known of a day, read when its number was this one; all arrays are int64 (n,)."""

    turn: int
    minutes: Numbers
    groups: Numbers
    classes: Numbers
    predictions: Numbers
    labelled: Numbers


class Covering:
    """Coverage by minute, in memory; only days that have changed are read again.

    Args:
        layout: whose classes predictions are told apart by.
        staged: whether what names a prediction beside its id is its stage.

    Attributes:
        classes: texts of the classes; one "" where numbers are predicted.
    """

    def __init__(self, layout: PerformanceLayout, *, staged: bool) -> None:
        self._staged = staged
        self._encoder = layout.encoder() if layout.has_classes else None
        self.classes = tuple(class_label(layout, code) for code in range(layout.other + 1)) if layout.has_classes else ("",)
        self._days: dict[int, _Day] = {}
        self._groups: dict[tuple[str, str], int] = {}

    def refresh(self, step: Step, store: Store, first: int, last: int) -> None:
        """Take over the days that the minutes ``[first, last)`` are of, and forget all others."""
        turns = {day: of for day, of in store.covered(step).items() if (day + 1) * DAY > first and day * DAY < last}
        self._days = {day: known for day, known in self._days.items() if turns.get(day) == known.turn}
        for day in sorted(turns.keys() - self._days.keys()):
            self._days[day] = self._read(turns[day], store.coverage(step, day * DAY, (day + 1) * DAY))

    def _read(self, turn: int, found: Coverage) -> _Day:
        groups, classes = np.zeros(len(found.minutes), np.int64), np.zeros(len(found.minutes), np.int64)
        stages = found.parts.fill_null(NONE).to_list() if self._staged else [""] * len(groups)
        pairs = zip(found.versions.fill_null(UNVERSIONED).to_list(), stages, strict=True)
        groups[:] = [self._groups.setdefault(pair, len(self._groups)) for pair in pairs]
        if self._encoder is not None:
            classes = np.minimum(self._encoder.encode(found.predicted.cast(pl.String)), len(self.classes) - 1).astype(np.int64)
        return _Day(turn, found.minutes, groups, classes, found.predictions, found.labelled)

    def of(self, first: int, last: int) -> Mapping[tuple[str, str], tuple[Numbers, Numbers]]:
        """Return the predictions and the labelled ones by class, int64 (C,) each, of the minutes, by version and stage."""
        size, classes = len(self._groups), len(self.classes)
        totals = np.zeros((2, size * classes), np.int64)
        for number, day in self._days.items():
            if number * DAY < last and (number + 1) * DAY > first:
                inside = (day.minutes >= first) & (day.minutes < last)
                at = (day.groups * classes + day.classes)[inside]
                for place, counts in enumerate((day.predictions, day.labelled)):
                    totals[place] += np.bincount(at, counts[inside], size * classes).astype(np.int64)
        found = totals.reshape(2, size, classes)
        return {key: (found[0, of], found[1, of]) for key, of in self._groups.items() if found[0, of].any()}

    def reached(self, share: float, length: int, latest: int) -> int | None:
        """Return the newest minute, up to ``latest``, before which so many minutes have labels for at least such a share."""
        if not self._days or latest <= min(self._days) * DAY:
            return None
        first = min(self._days) * DAY - length
        counts = np.zeros((2, latest - first))
        for day in self._days.values():
            at = day.minutes - first
            inside = at < counts.shape[1]
            for count, of in zip(counts, (day.predictions, day.labelled), strict=True):
                np.add.at(count, at[inside], of[inside])
        sums = np.concatenate((np.zeros((2, 1)), counts.cumsum(axis=1)), axis=1)
        predictions, labelled = sums[:, length:] - sums[:, : sums.shape[1] - length]
        enough = np.flatnonzero((predictions > 0) & (labelled >= share * predictions - _ROUNDING))
        return int(enough[-1]) + length + first if len(enough) else None
