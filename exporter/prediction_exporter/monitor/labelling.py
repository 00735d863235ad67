"""Labelling: predictions of a model put to wait, its labels read and joined with them, all in the transaction of its positions.

What is read between two commits is kept in memory and put at the commit: so the state file, which other models use as well, is
taken for a short time and not for as long as sources are read.
"""

from __future__ import annotations

import copy
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import polars as pl

from prediction_exporter.collectors.base import Subject
from prediction_exporter.collectors.report import PRELIMINARY, LabelsReport, PerformanceReport, SourceReport
from prediction_exporter.config import Model
from prediction_exporter.config.labels import Labels as Section
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profiler import UNVERSIONED
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.state import Step
from prediction_exporter.counting.state_days import COVERED
from prediction_exporter.counting.windows import Span
from prediction_exporter.joined import JoinedCounts, Maturity
from prediction_exporter.labels import Joined, Labels, Predictions, Store
from prediction_exporter.labels.batches import all_labels, all_predictions
from prediction_exporter.labels.tallies import WHY, Tallies
from prediction_exporter.logs import Quiet
from prediction_exporter.monitor.admitting import future_at_now
from prediction_exporter.monitor.duplicates import Duplicates
from prediction_exporter.monitor.eligible import Eligible
from prediction_exporter.monitor.newest_ids import SELDOM, NewestIds
from prediction_exporter.monitor.pace import Pace
from prediction_exporter.monitor.performing import Performing
from prediction_exporter.monitor.refusals import Refusals
from prediction_exporter.monitor.start import tell_labels
from prediction_exporter.monitor.unlabelled import Unlabelled
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.sources.base import Batch, Source
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.labels import (
    describe_labels,
    kind_of,
    labels_of,
    open_labels,
    parts_of,
    predictions_of,
    shape_of,
)

logger = logging.getLogger(__name__)

MICROSECONDS = 1_000_000

VersionsOf = Callable[[Sequence[str | None]], Mapping[str | None, str]]


class Labelling(Unlabelled):
    """The labels of one model, and its performance by them. One thread uses it at a time.

    Whatever fails between two commits, it is of no use any more, as the monitor that it belongs to: both are made anew.

    Args:
        subject: the model.
        section: its labels in the configuration.
        layout: the baseline's columns.
        performance: what is counted of pairs.
        spans: the windows.
        shown: collectors that run. Whatever they are, all is read and joined: it could not be made up for later.
        place: the model's place in the configuration, for messages.
        clock: Unix time.
        versions_of: gives the versions that predictions are counted under, see ``Ledger.labels_of``.

    """

    #: What of the tallies nothing tells.
    UNTOLD: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        subject: Subject,
        section: Section,
        layout: Layout,
        performance: PerformanceLayout,
        spans: Sequence[Span],
        *,
        shown: Collection[str],
        place: str,
        clock: Callable[[], float],
        versions_of: VersionsOf,
    ) -> None:
        super().__init__()
        model = subject.model
        self._name = model.name
        self._section = section
        self._layout = layout
        self._performance = performance
        self._segments = model.segments
        self._first_rank = model.performance.first_rank
        self._parts = parts_of(model)
        self._tolerance = model.predictions.future_tolerance.seconds
        self._versions_of = versions_of
        self._clock = clock
        self.source = self._open(model, place)
        horizon = self._horizon = int(section.horizon.seconds)
        self._longest = max(span.seconds for span in spans)
        self._shape = shape_of(performance, model.segments)
        self._store = Store(
            self._shape,
            horizon=horizon,
            max_size=int(section.max_size),
            sample=float(section.sample),
            covered=self._longest,
        )
        after = section.matures_after.after
        self._counts = JoinedCounts(
            performance,
            [layout.columns[layout.index(name)] for name in model.segments],
            spans,
            maturity=Maturity(None if after is None else after.seconds, section.matures_after.coverage),
            staged=self._parts == "stage",
            horizon=horizon,
        )
        self._performing = Performing(subject, spans, shown=shown)
        self._duplicates = Duplicates(spans)
        self._loaded = False
        self._pace = Pace()
        self._waiting: list[Predictions] = []
        self._labels: list[Labels] = []
        self._parts_of_span: list[Predictions] = []
        self._labels_of_span: list[Labels] = []
        self._watermark = 0
        self._in_store = (0, 0)
        self._events = 0
        self._newest: float | None = None
        self._refusals = Refusals(f"labels of model {model.name}")
        self._skipped = 0
        self._given_up: Counter[Any] = Counter()
        self._problem: str | None = None
        self._last_success: float | None = None
        self._told: EventSchema | None = None
        self._unseen: frozenset[str] = frozenset()
        self._quiet, self._seldom = Quiet(), Quiet(SELDOM)
        self._told_immature = False
        self._ids = NewestIds(model.name)

    def _open(self, model: Model, place: str) -> Source:
        """Return where labels are read."""
        del model
        self.eligible = Filter.written(self._section.only_for_records, key="only_for")
        self._eligible = Eligible(self.eligible)
        kind = kind_of(self._performance)
        return open_labels(self._section, kind, where=place, clock=self._clock)

    # From and to the state file

    def restore(self, stored: Mapping[str, Any] | None, *, resumed: bool) -> None:
        """Continue from what :meth:`counters` gave, or begin."""
        if not stored or stored.get("join", "state") != "state":
            self.source.restore(None)
            return
        same = stored["source"] == self.source.name
        self.source.restore(stored["position"] if same else None)
        self._events, self._newest = stored["events"], stored["newest"]
        self._refusals.restore(stored["rejected"])
        self._skipped = stored.get("skipped", 0)
        self._duplicates.restore(stored["duplicates"])
        if resumed:
            self._watermark = stored["watermark"]

    def counters(self) -> dict[str, Any]:
        """Return the position in the labels and what is counted beside the store, as JSON holds them."""
        return {
            "source": self.source.name,
            "position": self.source.position(),
            "watermark": self._watermark,
            "events": self._events,
            "newest": self._newest,
            "rejected": dict(self._refusals.counts),
            "skipped": self._skipped,
            "duplicates": self._duplicates.to_json(),
        }

    # Reading

    @property
    def is_full(self) -> bool:
        """Whether as much was read as should be put at once."""
        return self._staged_rows() >= self._pace.rows

    def _staged_rows(self) -> int:
        return sum(map(len, self._waiting)) + sum(map(len, self._labels))

    def begin(self) -> None:
        """Forget parts of a span whose reading failed: it is read again whole."""
        self._parts_of_span, self._labels_of_span = [], []

    def take_predictions(self, events: Events, reading: Reading | None, now: float) -> None:
        """Take predictions, as their source gave them; of a span that is read again, only the last reading counts."""
        if reading is not None and (not reading.closed or reading.end <= self._watermark):
            return
        events = future_at_now(events, now=now, tolerance=self._tolerance)
        if reading is not None and reading.start < self._watermark:
            events = events.take((events.times >= self._watermark * MICROSECONDS).nonzero()[0])
        if not len(events):
            return
        if events.ids is None and self._quiet.lets("ids"):
            logger.warning("model %s: predictions have no id, by which labels find them: configure fields.id", self._name)
        (self._waiting if reading is None else self._parts_of_span).append(self._predictions_of(events))

    def _predictions_of(self, events: Events) -> Predictions:
        """Return the predictions of events that may get a label, under the versions that they are shown by."""
        waiting = predictions_of(
            events,
            layout=self._layout,
            performance=self._performance,
            segments=self._segments,
            parts=self._parts,
            only_for=self._section.only_for_classes,
        )
        shown = {
            version or UNVERSIONED: label for version, label in self._versions_of(events.versions.unique().to_list()).items()
        }
        versions = waiting.versions.replace_strict(list(shown), list(shown.values()), return_dtype=pl.String)
        return replace(waiting, versions=versions)

    def _labels_of(self, events: Events) -> Labels:
        return labels_of(events, self._performance, self._parts, meanings=self._section.values, first_rank=self._first_rank)

    def close_span(self, reading: Reading) -> None:
        """Take over the predictions of a span whose last part has come."""
        if reading.closed:
            self._waiting.append(all_predictions(self._parts_of_span, self._shape).in_order())
            self._watermark = max(self._watermark, reading.end)
        self._parts_of_span = []

    def take(self, batch: Batch) -> None:
        """Take labels."""
        final = batch.reading is None or batch.reading.closed
        if final:
            for events in batch.events:
                self._labels_of_span.append(self._labels_of(events))
                self._note_labels(len(events), float(events.times.max()) / MICROSECONDS if len(events) else None)
            self._skipped += batch.skipped
            self._refusals.add(batch.rejected)
        if batch.is_last:
            if batch.reading is None:
                self._labels += self._labels_of_span
            else:
                self._labels.append(all_labels(self._labels_of_span, self._shape).in_order())
            self._labels_of_span = []

    def _note_labels(self, many: int, newest: float | None) -> None:
        """Count labels that were read, the newest of which became known then."""
        self._events += many
        self._newest = max((one for one in (newest, self._newest) if one is not None), default=None)

    def ended(self, problem: str | None) -> None:
        """Take note of how reading labels ended: with a problem, for people, or without."""
        if problem != self._problem:
            if problem is None:
                logger.info("labels of model %s are readable again", self._name)
            else:
                logger.error("labels of model %s cannot be read, they are tried again: %s", self._name, problem)
        self._problem = problem
        if problem is None:
            self._last_success = self._clock()
        schema = self.source.schema
        if schema is not None and schema != self._told:
            tell_labels(self._name, describe_labels(schema))
            self._told = schema
        unseen = {sentence.partition(":")[0]: sentence for sentence in self._unseen_now()}
        for place in unseen.keys() - self._unseen:
            logger.warning("model %s: labels.%s", self._name, unseen[place])
        self._unseen = frozenset(unseen)

    # Joining

    def put(self, step: Step, now: float, *, believed: float) -> int:
        """Put and join what was read since the last commit; return how many days of counts were damaged."""
        if not self._loaded:
            step.drop_parts(COVERED)  # of an earlier configuration
            self._counts.load(step, self._store)
            self._loaded = True
            self._given_up = Counter(self._store.tallies.given_up)
        began, rows, tallies = time.monotonic(), self._staged_rows(), self._store.tallies
        there, known = tallies.duplicates, tallies.predictions
        self._ids.note("prediction", self._waiting)
        self._ids.note("label", self._labels)
        joined: list[Joined] = [self._store.put_predictions(step, waiting, now) for waiting in self._waiting]
        again, fresh = tallies.duplicates - there, tallies.predictions - known
        self._duplicates.add(now, again, again + fresh)
        self._ids.tell_duplicates(again, again + fresh)
        joined += [self._store.put_labels(step, labels, now) for labels in self._labels]
        self._pace.note(rows, time.monotonic() - began)
        self._waiting, self._labels = [], []
        self._counts.put(step, self._store, joined)
        self._counts.recount(step, self._store)
        until = min(now, believed)
        self._store.expire(step, until)
        self._counts.advance(step, self._store, now, believed=until)
        self._in_store = self._store.waiting(step)
        self._tell_given_up()
        if not tallies.joined:
            self._ids.tell_unlike()
        damaged, self._counts.damaged = self._counts.damaged, 0
        return damaged

    def _tell_given_up(self) -> None:
        for (what, reason), many in (self._store.tallies.given_up - self._given_up).items():
            if self._quiet.lets((what, reason)):
                logger.warning("labels of model %s: gave up %d %ss: %s", self._name, many, what, WHY[reason])
                self._given_up[what, reason] += many

    def _tell_immature(self, windows: Sequence[PerformanceReport]) -> None:
        """Say once why there is nothing to compare yet, where labels have come and no window has all of its own."""
        if windows and not self._told_immature and all(window.labels == PRELIMINARY for window in windows):
            logger.info(
                'model %s: no window has all of its labels yet, as matures_after is %s; labels="preliminary" has what came',
                self._name,
                self._section.matures_after.shown,
            )
            self._told_immature = True

    # Telling

    @property
    def _tallies(self) -> Tallies:
        return self._store.tallies

    def report(self, now: float, known: Collection[str]) -> LabelsReport:
        """Return what is known of labels and performance."""
        windows = self._performing.windows(self._counts, known)
        self._tell_immature(windows)
        told = self._performing.always_chosen()
        if told is not None and self._seldom.lets("always"):
            logger.warning("model %s: %s", self._name, told)
        return LabelsReport(
            source=self._source_report(),
            tallies=copy.deepcopy(self._tallies),
            waiting=self._in_store,
            untold=self.UNTOLD,
            windows=windows,
            coverage=self._performing.coverage(self._counts, known),
            ends=dict(self._counts.ends),
            duplicates=self._duplicates.of(now),
        )

    def _source_report(self) -> SourceReport:
        return SourceReport(
            name=self.source.name,
            up=self._problem is None,
            problem=self._problem,
            newest=self._newest,
            last_success=self._last_success,
            unread=self.source.lag_bytes(),
            events=self._events,
            rejected=dict(self._refusals.counts),
            skipped={"filtered": self._skipped},
            recognised=() if self._told is None else tuple(describe_labels(self._told)),
            fields_seen=self.source.seen.ratios(),
            unseen=self._unseen_now(),
        )

    def _unseen_now(self) -> tuple[str, ...]:
        """Return what is known of fields and is in no record, a sentence each, with the place in ``labels``."""
        return self.source.seen.unseen() + self._eligible.unseen()

    def fields_seen(self) -> dict[str, float]:
        """Return the share of predictions that can get a label, by the key that decides it; empty where it is not known."""
        return self._eligible.ratios()

    def close(self) -> None:
        """Release the source."""
        self.source.close()
