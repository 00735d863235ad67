"""Counts: performance of each minute of predictions on disk, and of the windows that they make."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prediction_exporter.counting.layout import Column
from prediction_exporter.counting.state_step import Step
from prediction_exporter.counting.windows import Span
from prediction_exporter.joined.covering import Covering, Numbers
from prediction_exporter.joined.folding import Folding, Key
from prediction_exporter.joined.minutes import DAY, DamagedMinutesError, Minutes
from prediction_exporter.joined.windows import Running
from prediction_exporter.labels import Joined, Pairs, Store
from prediction_exporter.labels.pairs import joined_together
from prediction_exporter.performance import Performance, PerformanceLayout

logger = logging.getLogger(__name__)

MINUTE = 60

#: Coverage is read again when the minute has passed, or where that was cheap, in seconds, or takes a twentieth of the time.
_CHEAP = 0.25
_OFTEN = 20

#: Whether a window has the labels that it will get, or those that have come until now.
Kind = Literal["mature", "preliminary"]
KINDS: tuple[Kind, Kind] = ("mature", "preliminary")


@dataclass(frozen=True, slots=True)
class Maturity:
    """When predictions have the labels that they will get: both must hold where both are given.

    Attributes:
        after: seconds after the prediction.
        coverage: share of a window's predictions that must have a label.
    """

    after: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Performance of a window.

    Attributes:
        key: version, stage and segment.
        span: its name.
        kind: mature or preliminary.
        pairs: the counts, which change with the next step.
        change: another number whenever they have changed.
    """

    key: Key
    span: str
    kind: Kind
    pairs: Performance
    change: int


class JoinedCounts:
    """What is counted of a model's pairs. It follows the steps it is used in, all of which must be committed.

    Args:
        layout: what is counted.
        columns: the segmenting columns, in the order of the pairs' segments.
        spans: the windows.
        maturity: when predictions have their labels.
        staged: whether what names a prediction beside its id is its stage.
        horizon: for how long predictions wait for labels, in seconds.

    Attributes:
        ends: where the mature window of each name ends, as Unix time; that of a window of which nothing is mature is left out.
        damaged: how many days were damaged since the last load.
    """

    def __init__(
        self,
        layout: PerformanceLayout,
        columns: Sequence[Column],
        spans: Sequence[Span],
        *,
        maturity: Maturity,
        staged: bool,
        horizon: float,
    ) -> None:
        self._layout = layout
        self._lengths = {span.name: max(span.seconds // MINUTE, 1) for span in spans}
        self._longest = max(self._lengths.values())
        self._maturity = maturity
        self._horizon = horizon
        self._folding = Folding(layout, columns, staged=staged)
        self._minutes = Minutes(layout)
        self._covering = Covering(layout, staged=staged)
        self._running: dict[tuple[str, Kind], Running] = {
            (name, kind): Running(layout.width) for name in self._lengths for kind in KINDS
        }
        self._read_at, self._read_took, self._read_minute = 0.0, 0.0, 0
        self.ends: dict[str, float] = {}
        self.damaged = 0

    # In a step

    def load(self, step: Step, store: Store) -> None:
        """Take over what is stored; what is damaged, or of another layout, is counted anew from what waits in the store."""
        damaged = self._minutes.load(step)
        if damaged is None:
            self._minutes.pending = set(store.days(step))
        if self._minutes.pending:
            days = len(self._minutes.pending)
            logger.info("model %s: performance is counted in other bins now; %d days are counted anew", step.model, days)
        for day in damaged or ():
            self._lost(step, store, day)

    def _lost(self, step: Step, store: Store, day: int) -> None:
        date = np.datetime64(day, "D")
        logger.warning("model %s: the counts of performance of %s were damaged and are counted anew", step.model, date)
        self.damaged += 1
        self._minutes.drop(step, day)
        self._minutes.pending |= {day} & set(store.days(step))
        for running in self._running.values():
            running.clear()

    def put(self, step: Step, store: Store, joined: Sequence[Joined]) -> None:
        """Fold what a step has joined, and what corrections have replaced."""
        if joined:
            self._fold(step, store, joined_together([one.removed for one in joined]), -1)
            self._fold(step, store, joined_together([one.added for one in joined]), 1)

    def _fold(self, step: Step, store: Store, pairs: Pairs, sign: int) -> None:
        for block in self._folding.fold(pairs):
            signed = block if sign > 0 else block.negative()
            try:
                taken = self._minutes.add(step, signed)
            except DamagedMinutesError as error:
                self._lost(step, store, error.day)
                taken = self._minutes.add(step, signed)
            for running in self._running.values():
                running.add(taken)

    def recount(self, step: Step, store: Store) -> None:
        """Count one of the days anew that have to be, the newest first: nobody else can use the file for as long."""
        if not self._minutes.pending:
            return
        day = max(self._minutes.pending)
        self._minutes.drop(step, day)
        pairs = list(store.pairs(step, day))
        self._minutes.pending.discard(day)
        for some in pairs:
            self._fold(step, store, some, 1)

    def advance(self, step: Step, store: Store, now: float, *, believed: float) -> None:
        """Let windows end where they do now, and drop what none of them can hold any more.

        Args:
            step: the transaction.
            store: what coverage is told by.
            now: the time, in seconds since the epoch, that windows end at.
            believed: the same by a clock that does not jump, for what cannot be taken back.
        """
        minute = int(now // MINUTE)
        oldest = int(believed - self._horizon) // MINUTE // DAY - -(-self._longest // DAY)
        self._minutes.expire(step, oldest)
        for running in self._running.values():
            if running.first < oldest * DAY:  # a clock that was put back lets it hold what is gone
                running.clear()
        self._refresh(step, store, minute)
        ends = {name: self._end(length, now) for name, length in self._lengths.items()}
        self.ends = {name: float(end * MINUTE) for name, end in ends.items() if end is not None}
        while True:
            try:
                for (name, kind), running in self._running.items():
                    end = minute + 1 if kind == "preliminary" else ends[name]
                    self._move(step, running, end, self._lengths[name])
            except DamagedMinutesError as error:
                self._lost(step, store, error.day)
            else:
                break
        self._minutes.save(step)

    def _move(self, step: Step, running: Running, end: int | None, length: int) -> None:
        if end is None:
            running.clear()
            return
        for first, last, sign in running.move(end - length, end):
            for code, body in self._minutes.scan(step, first, last):
                running.put(code, body, sign)
        running.settle()

    def _refresh(self, step: Step, store: Store, minute: int) -> None:
        since = time.monotonic() - self._read_at
        if minute == self._read_minute and self._read_took > _CHEAP and since < _OFTEN * self._read_took:
            return
        began = time.monotonic()
        oldest = minute - int(self._horizon) // MINUTE - DAY if self._maturity.coverage is not None else minute - self._after()
        self._covering.refresh(step, store, oldest - self._longest, minute + 1)
        self._read_at = time.monotonic()
        self._read_took, self._read_minute = self._read_at - began, minute

    def _after(self) -> int:
        return -int(-(self._maturity.after or 0.0) // MINUTE)

    def _end(self, length: int, now: float) -> int | None:
        """Return the minute that the mature window of a length ends before."""
        latest = int((now - (self._maturity.after or 0.0)) // MINUTE)
        if self._maturity.coverage is None:
            return latest
        return self._covering.reached(self._maturity.coverage, length, latest)

    # Between steps

    def windows(self) -> Iterator[Window]:
        """Yield the windows that hold pairs, in the order of their keys."""
        found = [
            (self._minutes.key(code), place, code, name, kind, running)
            for place, ((name, kind), running) in enumerate(self._running.items())
            for code in running.totals
        ]
        for key, _, code, name, kind, running in sorted(found, key=lambda one: one[:2]):
            yield Window(key, name, kind, Performance(self._layout, running.totals[code]), running.changes[code])

    @property
    def classes(self) -> tuple[str, ...]:
        """The predicted classes that coverage is told by; one "" where numbers are predicted."""
        return self._covering.classes

    def coverage(self) -> Iterator[tuple[tuple[str, str], str, Kind, Numbers, Numbers]]:
        """Yield version and stage, window, kind, and predictions and labelled ones by class, int64 (C,) each."""
        for (name, kind), running in self._running.items():
            if running.first < running.last:
                for key, (predictions, labelled) in self._covering.of(running.first, running.last).items():
                    yield key, name, kind, predictions, labelled
