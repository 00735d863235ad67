"""The store of one model: what a monitor calls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.batches import Coverage, Joined, Labels, Pairs, Predictions, Shape
from prediction_exporter.labels.contents import DAY, Contents
from prediction_exporter.labels.covering import coverage_of
from prediction_exporter.labels.labelling import put_labels_of
from prediction_exporter.labels.pairs import pairs_of
from prediction_exporter.labels.predicting import put_predictions
from prediction_exporter.labels.recounting import pairs_of_day
from prediction_exporter.labels.tallies import Tallies


class Store:
    """Predictions and labels of one model that wait for each other.

    Everything is done within a :class:`~prediction_exporter.counting.state_step.Step` and is committed with it. Where a step is
    not committed, the next one finds everything as it was before; what came of the batches must be thrown away then, and the
    batches be put again. Not safe to use from several threads.

    Args:
        shape: what is kept of each prediction.
        horizon: for how long predictions wait, in seconds; those of a day go together.
        max_size: bytes that all may take in the state file, as far as they follow from the number of rows; a label is reckoned
            with for each prediction.
        sample: the share of ids that is kept, in (0, 1].
        covered: for how long coverage is told beyond the horizon, in seconds.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        horizon: int = 30 * DAY,
        max_size: int = 2**30,
        sample: float = 1.0,
        covered: int = 0,
    ) -> None:
        self._max_size = max_size
        self._sample = sample
        self._held = Contents(shape, horizon, covered)

    @property
    def tallies(self) -> Tallies:
        """What became of everything so far; the part of a step counts when that is committed."""
        return self._held.tallies

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes, mostly."""
        return sum(days.nbytes for days in self._held.kinds)

    def waiting(self, step: Step) -> tuple[int, int]:
        """Return how many predictions are kept, labelled or not, and how many labels that have found none."""
        self._held.enter(step)
        return self._held.predictions.total(), sum(arrived.waiting for arrived in self._held.arrived.values())

    def put_predictions(self, step: Step, batch: Predictions, now: float) -> Joined:
        """Put predictions; return the pairs of those whose label came before them.

        Args:
            step: the transaction.
            batch: the predictions.
            now: the time, in seconds since the epoch.

        Raises:
            ValueError: the batch is of another shape.
        """
        self._held.shape.check(batch)
        held = self._held
        held.enter(step)
        added = put_predictions(held, step, batch, now=now, sample=self._sample, most=self._max_size)
        none = pairs_of(held.shape, held.groups, np.empty(0, held.predictions.record), np.empty(0, held.labels.record))
        return Joined(added, none)

    def put_labels(self, step: Step, batch: Labels, now: float) -> Joined:
        """Put labels; return the pairs that they make, and those that they replace.

        Args:
            step: the transaction.
            batch: the labels, in the order in which they came.
            now: the time, in seconds since the epoch.

        Raises:
            ValueError: the batch is of another shape.
        """
        self._held.shape.check(batch)
        self._held.enter(step)
        return put_labels_of(self._held, step, batch, now=now, sample=self._sample, most=self._max_size)

    def expire(self, step: Step, now: float) -> None:
        """Drop the days that are beyond the horizon, and count what they still wait for."""
        self._held.enter(step)
        self._held.expire(step, now)

    def days(self, step: Step) -> list[int]:
        """Return the days since the epoch that predictions are kept of, ascending."""
        self._held.enter(step)
        return self._held.predictions.days()

    def pairs(self, step: Step, day: int) -> Iterator[Pairs]:
        """Yield all pairs that the predictions of a day make now; those of a damaged one are given up, as far as they go."""
        self._held.enter(step)
        yield from self._held.mended(step, lambda: list(pairs_of_day(self._held, step, day)))

    def covered(self, step: Step) -> dict[int, int]:
        """Return the days that there is coverage of, each with a number that is another one after each change of it."""
        self._held.enter(step)
        return self._held.coverage.turns()

    def coverage(self, step: Step, first: int, last: int) -> Coverage:
        """Return how many predictions of the minutes ``[first, last)`` since the epoch there are, and are labelled.

        Those that were given up after they were put stay among the predictions: without a label they are not covered.
        """
        self._held.enter(step)
        return self._held.mended(step, lambda: coverage_of(self._held, step, first, last))
