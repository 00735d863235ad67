"""Unlabelled: a model whose labels nobody has configured, as one that has some."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from prediction_exporter.collectors.report import LabelsReport
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.state import Step
from prediction_exporter.counting.state_days import OF_LABELS
from prediction_exporter.sources.base import Batch, Source
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.none import NoSource


class Unlabelled:
    """Reads no labels, and drops what an earlier configuration has left of them.

    Attributes:
        source: where labels are read.
        eligible: tells predictions that can get a label, where their source has to mark them.
    """

    eligible: Filter | None = None

    def __init__(self) -> None:
        self.source: Source = NoSource("none")
        self._dropped = False

    @property
    def is_full(self) -> bool:
        """Whether as much was read as may be kept in memory."""
        return False

    def restore(self, stored: Mapping[str, Any] | None, *, resumed: bool) -> None:
        """Continue from what :meth:`counters` gave, or begin.

        Args:
            stored: what it gave; None where nothing is stored.
            resumed: whether predictions are read on where they were: of another source, all are new.
        """

    def counters(self) -> dict[str, Any]:
        """Return the position in the labels and what is counted beside the store, as JSON holds them."""
        return {}

    def begin(self) -> None:
        """Forget parts of a span whose reading failed: it is read again whole."""

    def take_predictions(self, events: Events, reading: Reading | None, now: float) -> None:
        """Take predictions, as their source gave them; of a span that is read again, only the last reading counts.

        Args:
            events: the predictions.
            reading: the span that they are a part of; None where they come once and for good.
            now: the time, in seconds since the epoch.
        """

    def close_span(self, reading: Reading) -> None:
        """Take over the predictions of a span whose last part has come."""

    def take(self, batch: Batch) -> None:
        """Take labels."""

    def ended(self, problem: str | None) -> None:
        """Take note of how reading labels ended: with a problem, for people, or without."""

    def put(self, step: Step, now: float, *, believed: float) -> int:
        """Put and join what was read since the last commit, in the step that commits it.

        Args:
            step: the transaction.
            now: the time, in seconds since the epoch.
            believed: the same by a clock that does not jump ahead, for what cannot be taken back.

        Returns:
            How many days of what was counted were damaged, and are counted anew.
        """
        del now, believed
        if not self._dropped:
            for window in OF_LABELS & step.manifest.windows().keys():
                step.drop_parts(window)
            self._dropped = True
        return 0

    def report(self, now: float, known: Collection[str]) -> LabelsReport | None:
        """Return what is known of labels and performance; None where there are none.

        Args:
            now: the time, in seconds since the epoch.
            known: versions that have series of their own; what is of others is of version ``other``.
        """

    def fields_seen(self) -> dict[str, float]:
        """Return the share of predictions that can get a label, by the key that decides it; empty where it is not known."""
        return {}

    def close(self) -> None:
        """Release the source."""
