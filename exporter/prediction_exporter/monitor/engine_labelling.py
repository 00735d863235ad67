"""Engine labelling: labels of a model whose database joins them with its predictions, so that nothing waits in the state file.

What the database says of some minutes replaces what was counted of them, in the transaction of the position up to which it was
asked: a process that dies in between asks again, and counts the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from prediction_exporter.config import Model
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.state import Step
from prediction_exporter.counting.state_days import LABELS
from prediction_exporter.joined.covered import Covered
from prediction_exporter.joined.recounting import Recount, recount
from prediction_exporter.labels.batches import all_labels, all_predictions
from prediction_exporter.labels.keys import codes_of
from prediction_exporter.labels.tallies import Tallies
from prediction_exporter.monitor.eligible import Eligible
from prediction_exporter.monitor.labelling import Labelling
from prediction_exporter.sources.base import Batch, Source
from prediction_exporter.sources.labels import open_joining
from prediction_exporter.sources.table.joining import Joining

logger = logging.getLogger(__name__)

DAY = 86_400


class EngineLabelling(Labelling):
    """The labels of one model whose predictions and labels are tables of one database. One thread uses it at a time."""

    #: Labels are not read but where they find a prediction, and none of them waits.
    UNTOLD: ClassVar[frozenset[str]] = frozenset({"repeated", "outdated", "unmatched", "label"})

    def _open(self, model: Model, place: str) -> Source:
        """Return what asks the database."""
        self._covered = Covered(self._performance)
        self._staged: list[tuple[Recount, bool]] = []
        self._passing: list[Recount] = []
        self._counted = Tallies()
        self._resumed = False
        self._told_to = 0  # the minute up to which predictions are in the tallies
        source = open_joining(model, self._layout, self._performance, where=place, clock=self._clock)
        self._eligible = Eligible(source.eligible)
        return source

    # From and to the state file

    def restore(self, stored: Mapping[str, Any] | None, *, resumed: bool) -> None:
        """Continue from what :meth:`counters` gave, or begin; of other tables, or where pairs are others, all is read anew."""
        if not stored or stored.get("join") != "engine":
            self.source.restore(None)
            return
        self._resumed = resumed and stored["source"] == self.source.name
        same = self._resumed and stored["pairs_of"] == self._pairs_of()
        self.source.restore(stored["position"] if same else None)
        self._events, self._newest = stored["events"], stored["newest"]
        self._duplicates.restore(stored["duplicates"])
        self._counted = Tallies.from_json(stored["tallies"])
        self._covered.expired_to(stored["expired_to"])
        self._told_to = stored["told_to"] if self._resumed else 0

    def counters(self) -> dict[str, Any]:
        """Return the position and what is counted beside the windows, as JSON holds them."""
        return {
            "join": "engine",
            "source": self.source.name,
            "position": self.source.position(),
            "pairs_of": self._pairs_of(),
            "events": self._events,
            "newest": self._newest,
            "duplicates": self._duplicates.to_json(),
            "tallies": self._counted.to_json(),
            "expired_to": self._covered.expired_to(),
            "told_to": self._told_to,
        }

    def _pairs_of(self) -> list[Any]:
        """Return what of the configuration says which pairs there are; what is counted of them is told by its layout."""
        section = self._section
        of_fields = section.fields.model_dump(mode="json")
        said = [
            of_fields,
            float(section.sample),
            section.only_for_records or [*section.only_for_classes],
            dict(section.values),
            self._parts,
            [*self._segments],
        ]
        return said if self._first_rank is None else [*said, self._first_rank]

    # Reading

    @property
    def is_full(self) -> bool:
        """Whether anything is to be put: each part is as much as should be kept in memory."""
        return bool(self._staged)

    def begin(self) -> None:
        """Do nothing: what was read counts, whatever failed after it."""

    def take_predictions(self, events: Events, reading: Reading | None, now: float) -> None:
        """Take none: the database has them."""

    def close_span(self, reading: Reading) -> None:
        """Take none."""

    def take(self, batch: Batch) -> None:
        """Take what the database says of some minutes."""
        assert isinstance(batch, Joining)  # noqa: S101 - its source gives no other
        self._note_labels(*batch.counted)
        if batch.spans:
            found = recount(
                all_predictions([self._predictions_of(events) for events in batch.predictions], self._shape),
                all_labels([self._labels_of(events) for events in batch.labels], self._shape),
                spans=batch.spans,
                horizon=self._horizon,
                share=float(self._section.sample),
                since=batch.since,
                adds_up=self._shape.adds_up,
            )
            self._staged.append((found, batch.ends))

    # Counting

    def put(self, step: Step, now: float, *, believed: float) -> int:
        """Put what was read since the last commit; return how many days of counts were damaged."""
        if not self._loaded:
            step.drop_parts(LABELS)  # of an earlier configuration
            is_whole = self._counts.load(step, self._covered)
            self._covered.load(step)
            if self._resumed and not (is_whole and self._covered.is_whole):
                self._again()
            self._loaded = self._covered.is_whole = True
        for found, ends in self._staged:
            self._counts.replace(step, self._covered, found.spans, found.pairs)
            self._covered.replace(step, found)
            self._passing.append(found)
            if ends:  # before, it may be read again, and counters take nothing back
                for one in self._passing:
                    self._tell(one, now)
                self._passing = []
        self._staged = []
        until = min(now, believed)
        oldest = int(until - self._horizon) // DAY
        self._counted.expired.update(self._covered.expire(step, oldest, int(until - self._horizon - self._longest) // DAY))
        self._counts.advance(step, self._covered, now, believed=until)
        self._covered.save(step)
        damaged, self._counts.damaged = self._counts.damaged, 0
        if damaged or not self._covered.is_whole:
            self._again()
        return damaged

    def _again(self) -> None:
        """Read all predictions that may get a label anew: nothing else knows what they were."""
        logger.info("model %s: performance is counted anew, of all predictions that may get a label", self._name)
        self.source.restore(None)
        self._passing = []
        self._covered.is_whole = True

    def _tell(self, found: Recount, now: float) -> None:
        """Count what became of predictions and labels."""
        tallies, last = self._counted, found.spans[-1][1]
        if found.is_whole:
            if last <= self._told_to:  # it is read anew
                return
            self._told_to = last
            tallies.predictions += len(found.followed)
            tallies.duplicates += found.repeated
            tallies.give_up("prediction", "empty", found.empty)
            self._duplicates.add(now, found.repeated, found.repeated + len(found.followed))
        tallies.joined += len(found.actual)
        tallies.corrected += found.corrected
        if self._performance.has_classes:
            names = found.actual.unique().to_list()
            tallies.delayed(names, codes_of(found.actual, names), found.delays)
        elif len(found.delays):
            tallies.delayed([""], np.zeros(len(found.delays), np.intp), found.delays)

    # Telling

    @property
    def _tallies(self) -> Tallies:
        return self._counted
