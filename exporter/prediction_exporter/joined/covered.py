"""Covered: of how many predictions of each minute the label has come, where a database joins them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from prediction_exporter.counting.profiler import ALL, UNVERSIONED
from prediction_exporter.counting.state_days import COVERED
from prediction_exporter.counting.state_step import Step
from prediction_exporter.joined.folding import Block, Key
from prediction_exporter.joined.minutes import DAY, DamagedMinutesError, Minutes
from prediction_exporter.joined.recounting import MINUTE, Recount
from prediction_exporter.labels import Coverage, Pairs
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.performance.base import class_label


class Covered:
    """Counts of predictions by minute, version, part and class on disk: all of them, and those that have a label.

    It is what windows of performance ask for coverage. Pairs it cannot tell again: what is damaged is read again.

    Args:
        layout: whose classes predictions are told apart by.

    Attributes:
        is_whole: whether all that was stored was there; nothing of what was not can be told.
    """

    def __init__(self, layout: PerformanceLayout) -> None:
        self._encoder = layout.encoder() if layout.has_classes else None
        self._classes = tuple(class_label(layout, code) for code in range(layout.other + 1)) if layout.has_classes else ("",)
        #: What coverage is read with; what is none of the classes is null, which no class is called.
        self._texts = [*layout.classes, None] if layout.has_classes else [None]
        size = len(self._classes)
        self._minutes = Minutes(f"coverage of {layout.classes}", 2 * size, COVERED)
        self._turns: Counter[int] = Counter()
        self._expired_to: int | None = None
        self.is_whole = True

    # In a step

    def load(self, step: Step) -> None:
        """Take over what is stored."""
        self.is_whole = self._minutes.load(step) == []

    def replace(self, step: Step, found: Recount) -> None:
        """Let what was found take the place of what was counted of its minutes."""
        size = len(self._classes)
        former, now = self._held(step, found.spans), self._counted(found)
        if not found.is_whole:  # predictions that have no label were not asked for: they are as many as before
            known = {(minute, former.names[key]): at for at, (minute, key) in enumerate(_cells(former))}
            places = [known.get((minute, now.names[key]), -1) for minute, key in _cells(now)]
            there = np.array(places, np.int64) >= 0
            before = former.counts[np.array(places, np.int64)[there], :size].copy()
            former.counts[:, :size] = 0
            # Some may have been written when their minute was closed, and are only seen by their label.
            now.counts[:, :size] = now.counts[:, size:]
            now.counts[there, :size] = np.maximum(now.counts[there, size:] - before, 0)
        for block in (former.negative(), now):
            if len(block.minutes):
                self._minutes.add(step, block)
                for day in np.unique(block.minutes // DAY).tolist():
                    self._turns[day] += 1

    def _held(self, step: Step, spans: Sequence[tuple[int, int]]) -> Block:
        while True:
            try:
                return self._minutes.held(step, spans)
            except DamagedMinutesError as error:
                self._lost(step, error.day)

    def _lost(self, step: Step, day: int) -> None:
        self._minutes.drop(step, day)
        self._turns[day] += 1
        self.is_whole = False

    def _counted(self, found: Recount) -> Block:
        predictions, size = found.followed, len(self._classes)
        none = pl.repeat(None, len(predictions), dtype=pl.String, eager=True)
        parts = none if predictions.parts is None else predictions.parts
        classes = np.zeros(len(predictions), np.int64)
        if self._encoder is not None:
            classes = np.minimum(self._encoder.encode(predictions.predicted), size - 1).astype(np.int64)
        rows = pl.DataFrame(
            {
                "minute": predictions.times // MINUTE,
                "version": predictions.versions.fill_null(UNVERSIONED),
                "part": parts.fill_null(""),
                "class": classes,
                "labelled": found.labelled.astype(np.int64),
            }
        )
        cells = rows.group_by("minute", "version", "part", "class").agg(pl.len().alias("all"), pl.col("labelled").sum())
        names: dict[Key, int] = {}
        places: dict[tuple[int, int], int] = {}
        counts = np.zeros((len(cells), 2 * size), np.int64)
        for minute, version, part, of_class, many, labelled in cells.iter_rows():
            key = names.setdefault(Key(version, part, ALL), len(names))
            place = places.setdefault((minute, key), len(places))
            counts[place, of_class], counts[place, size + of_class] = many, labelled
        at = np.array(list(places), np.int64).reshape(-1, 2)
        return Block(at[:, 0], at[:, 1], list(names), counts[: len(places)])

    def expire(self, step: Step, oldest: int, kept: int) -> Counter[str]:
        """Drop what no window can hold any more.

        Args:
            step: the transaction.
            oldest: the first day that predictions still wait of.
            kept: the first day that a window can hold.

        Returns:
            How many predictions got no label for as long as they waited, by class, of the days that are beyond since last time.
        """
        expired: Counter[str] = Counter()
        size = len(self._classes)
        since = self._expired_to
        if since is not None:
            for day in range(since, oldest):
                held = self._held(step, [(day * DAY, (day + 1) * DAY)]).counts.sum(axis=0)
                expired.update(dict(zip(self._classes, (held[:size] - held[size:]).tolist(), strict=True)))
        self._expired_to = oldest if since is None else max(oldest, since)
        self._minutes.expire(step, kept)
        return +expired

    def expired_to(self, day: int | None = None) -> int | None:
        """Return the first day whose predictions were not yet told to have expired; set it where one is given."""
        if day is not None:
            self._expired_to = day
        return self._expired_to

    def save(self, step: Step) -> None:
        """Put what is beside the tables, before the commit."""
        self._minutes.save(step)

    # Of windows of performance

    def days(self, step: Step) -> list[int]:
        """Return no day: pairs are in the database."""
        del step
        return []

    def pairs(self, step: Step, day: int) -> Iterator[Pairs]:
        """Yield no pairs."""
        del step, day
        return iter(())

    def covered(self, step: Step) -> dict[int, int]:
        """Return the days that there is coverage of, each with a number that is another one after each change of it."""
        del step
        return {day: self._turns[day] for day in self._minutes.days()}

    def coverage(self, step: Step, first: int, last: int) -> Coverage:
        """Return how many predictions of the minutes ``[first, last)`` since the epoch there are, and are labelled."""
        held, size = self._held(step, [(first, last)]), len(self._classes)
        rows, classes = np.nonzero(held.counts[:, :size])
        order = np.argsort(held.minutes[rows], kind="stable")
        rows, classes = rows[order], classes[order]
        names = [held.names[key] for key in held.keys[rows].tolist()]
        return Coverage(
            minutes=held.minutes[rows],
            versions=pl.Series([name.version for name in names], dtype=pl.String),
            parts=pl.Series([name.stage or None for name in names], dtype=pl.String),
            predicted=pl.Series([self._texts[code] for code in classes.tolist()], dtype=pl.String),
            predictions=held.counts[rows, classes],
            labelled=held.counts[rows, size + classes],
        )


def _cells(block: Block) -> Iterator[tuple[int, int]]:
    """Yield the minute and the key of each row."""
    return zip(block.minutes.tolist(), block.keys.tolist(), strict=True)
