"""Model monitor: one model's way from its source to its report. One thread uses it at a time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from prediction_exporter.collectors.base import Moment
from prediction_exporter.collectors.references import COLLECTOR as REFERENCES_COLLECTOR
from prediction_exporter.collectors.report import ModelReport, SourceReport, WindowReport
from prediction_exporter.collectors.running import ModelCollectors
from prediction_exporter.collectors.statistics import COLLECTOR as STATISTICS_COLLECTOR
from prediction_exporter.collectors.switches import Switches, excluded_families
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.exemplars import Exemplars
from prediction_exporter.counting.hours import ByHour
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.ledger import Ledger
from prediction_exporter.counting.profiler import Profiler, segment_column
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.counting.state_days import HALVES
from prediction_exporter.counting.tally import Tally, tallies_of
from prediction_exporter.counting.windows import SLICE_SECONDS, Span, wider_buckets
from prediction_exporter.errors import PredictionExporterError, StateError
from prediction_exporter.evidence.tracker import Tracker
from prediction_exporter.monitor.admitting import admit
from prediction_exporter.monitor.clock import BelievedClock
from prediction_exporter.monitor.comparing import WEEK, Comparing
from prediction_exporter.monitor.label_joins import open_labelling
from prediction_exporter.monitor.references import detector_of, load_baseline, not_compared, references_of, spans_of, subject_of
from prediction_exporter.monitor.refusals import Refusals
from prediction_exporter.monitor.start import tell_fields, tell_start
from prediction_exporter.sources.base import Batch, Source
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.schema import EventSchema, describe
from prediction_exporter.sources.registry import open_source
from prediction_exporter.statistics.evaluation import evaluate, unwatched

logger = logging.getLogger(__name__)

#: Seconds of reading after which what was read is committed, while a long log is caught up with.
COMMIT_SECONDS = 2.0


class ModelMonitor:
    """Reads a model's events, keeps its windows and counters, and evaluates them.

    Args:
        place: the model's place in the configuration, for messages: ``models[0]``.
        state: where positions and windows are kept.
        switches: which collectors run, over the configuration.
        max_versions: versions that get series of their own; the events of any further one count as version ``other``.
        clock: Unix time.

    Raises:
        BaselineError: the baseline cannot be read.
        ConfigError: the configuration names columns that the baseline does not have.
    """

    def __init__(
        self,
        config: Config,
        model: Model,
        *,
        place: str,
        state: State,
        max_versions: int,
        switches: Switches | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.model = model
        self._state = state
        self._clock = clock
        self.spans = spans_of(config)
        self.baseline = load_baseline(model, place)
        layout = self.baseline.layout if self.baseline is not None else None
        self._references = references_of(config, model, self.baseline)
        self._profiler = (
            Profiler(layout, bucket_seconds=min(self.spans[0].bucket, SLICE_SECONDS), segments=model.segments)
            if layout is not None
            else None
        )
        switches = switches or Switches()
        detector = detector_of(model, self.baseline)
        subject = subject_of(config, model, self.baseline, self._references, detector)
        self._collectors = ModelCollectors(subject, switches.model_collectors(config, model), without=excluded_families(config))
        compares = model.references if switches.runs(REFERENCES_COLLECTOR.name, config, model) else ()
        self._comparing = Comparing(compares, self.spans, self._references)
        self._evaluates = switches.runs(STATISTICS_COLLECTOR.name, config, model)
        self._ledger = Ledger(
            model.name,
            layout,
            self.spans,
            segments=model.segments,
            slow_after=model.slo.latency.under.seconds if model.slo.latency is not None else None,
            max_versions=max_versions,
            with_history=WEEK in model.references,
            forgotten=self._forget,
        )
        slices = self._ledger.slices
        entity = model.predictions.fields.entity
        self._tracker = (
            Tracker(model.name, detector, slices, entity=entity) if detector is not None and slices is not None else None
        )
        self._exemplars = Exemplars(self._ledger.traffic.duration_bounds) if config.series.exemplars else None

        def shown_as(versions: Sequence[str | None]) -> Mapping[str | None, str]:
            return self._ledger.labels_of(versions, now=clock())

        shown = [one.name for one in switches.model_collectors(config, model)]
        self._labelling = open_labelling(subject, self.spans, shown=shown, place=place, clock=clock, versions_of=shown_as)
        context = SourceContext.of_model(
            model,
            layout,
            self._ledger.kept,
            self._ledger.traffic,
            shown_as,
            where=place,
            clock=clock,
            eligible=self._labelling.eligible,
            kept=state.kept(model.name, HALVES),
        )
        self._source = open_source(context)
        self._staged, self._skipped = Tally(), 0
        self._refusals = Refusals(f"model {model.name}", shown_as=model.predictions.example)
        self._last_success: float | None = None
        self._problem: str | None = None
        self._claim = state.claim(model.name)
        self._damaged: dict[str, int] = {}
        self._latest = clock()
        self._believed = BelievedClock(clock)
        self._told: EventSchema | None = None
        self._unseen: frozenset[str] = frozenset()
        for sentence in not_compared(config, model, self.baseline, place):
            logger.warning(sentence)
        tell_start(model.name, self._source, self.baseline, resumed=self._restore())

    def _forget(self, version: str) -> None:
        self._collectors.forget(version)
        if self._tracker is not None:
            self._tracker.forget(version)
        if self._exemplars is not None:
            self._exemplars.forget(version)

    # From and to the state file

    def _restore(self) -> bool:
        """Take over what is stored; return whether reading goes on where it stood."""
        stored = self._state.load(self.model.name)
        self._damaged = dict(self._state.damage(self.model.name))
        if stored is None:
            self._source.restore(None)
            self._labelling.restore(None, resumed=False)
            return False
        for part, count in stored.counters.get("damaged", {}).items():
            self._damaged[part] = self._damaged.get(part, 0) + count
        self._believed = BelievedClock(self._clock, last=stored.counters.get("clock"))
        resumed = stored.source == self._source.name
        self._source.restore(stored.position if resumed else None)
        self._labelling.restore(stored.counters.get("labels"), resumed=resumed)
        self._refusals.restore(stored.counters["rejected"])
        self._skipped = stored.counters.get("skipped", 0)
        layout = self._layout
        if layout is not None and self._tracker is not None:
            evidence = self._state.evidence(self.model.name, layout)
            if evidence is not None:
                now = self._clock()
                self._tracker.restore(evidence, refilled_from=self._ledger.oldest(now) if self._source.refills else math.inf)
                self._tracker.follow_clock(now)
        kept = self._state.buckets(self.model.name, layout) if layout is not None and not self._source.refills else ()
        self._ledger.restore(stored.counters, kept, now=self._clock())
        if self._source.refills:
            self._state.drop_buckets(self.model.name)
        return resumed

    @property
    def _layout(self) -> Layout | None:
        return self.baseline.layout if self.baseline is not None else None

    def commit(self) -> None:
        """Store what was read since the last commit, together with the position behind it.

        What no window holds any more is deleted. It is the events that tell this, and a clock that has been right for a while:
        one that jumps ahead and back would take all windows along.
        """
        believed = self._believed()
        newest = self._ledger.newest(self._clock())
        progress = believed if newest is None else min(newest, believed)
        with self._state.step(self.model.name, claim=self._claim) as step:
            damaged = self._labelling.put(step, self._clock(), believed=believed)
            if self._source.pending is not None:
                self._refusals.add(self._source.pending.put(step))
            self._damaged |= {"window": self._damaged.get("window", 0) + damaged} if damaged else {}
            counted = {"rejected": dict(self._refusals.counts), "skipped": self._skipped, "damaged": self._damaged}
            more = {**counted, "clock": believed, "labels": self._labelling.counters()}
            step.commit(
                StoredModel(self._source.name, self._source.position(), {**self._ledger.counters(), **more}),
                self._layout,
                self._ledger.changed(),
                keep_from={span.name: span.oldest(progress) for span in self._ledger.kept},
                evidence=self._tracker.news() if self._tracker is not None else None,
            )

    # Reading

    def read(self, *, until: Callable[[], bool]) -> bool:
        """Read what the source has, until it has no more or ``until`` says so; return whether there is more.

        A source that fails is reported, not raised: it is tried again at the next call. What fails between a batch and its
        commit is raised, and this monitor is of no use any more: its counts may hold a part of the batch.
        """
        self._follow_clock()
        self._staged = Tally()  # parts of a span whose reading failed: it is read again whole
        self._labelling.begin()
        more, problem = self._drain(self._source, self._take, until)
        self._report_problem(problem)
        self._tell_fields()
        began = time.monotonic()  # however much there is of predictions, labels have their turn
        more_labels, problem = self._drain(
            self._labelling.source, self._labelling.take, lambda: until() and time.monotonic() - began > COMMIT_SECONDS
        )
        self._labelling.ended(problem)
        self.commit()
        return more or more_labels

    def _drain(self, source: Source, take: Callable[[Batch], None], until: Callable[[], bool]) -> tuple[bool, str | None]:
        """Take what a source has, and commit now and then; return whether there is more, and what keeps it from being read."""
        committed = time.monotonic()
        batches = source.poll()
        while True:
            try:
                batch = next(batches, None)
            except StateError:
                raise  # of what waits for other records: some of these were read, and would not be read again
            except PredictionExporterError as error:
                return False, str(error)
            if batch is None:
                return False, None
            take(batch)
            if not batch.is_last:
                continue  # half of a span would be read again, and the rest of a chunk never
            is_full = self._labelling.is_full or (source.pending is not None and source.pending.is_full)
            if is_full or time.monotonic() - committed > COMMIT_SECONDS:
                self.commit()
                committed = time.monotonic()
            if until():
                return True, None

    def _follow_clock(self) -> None:
        """Take the windows from the state again where the clock was put back: it has what a clock ahead took out of them."""
        now = self._clock()
        finest = self.spans[0].bucket
        if now // finest < self._latest // finest:
            logger.warning(
                "model %s: the clock was put back by %.0f s; its windows are read from the state again",
                self.model.name,
                self._latest - now,
            )
            if self._layout is not None:
                self._ledger.restore_windows(self._state.buckets(self.model.name, self._layout), now=now)
            if self._tracker is not None:
                self._tracker.follow_clock(now)
        self._latest = now

    def _tell_fields(self) -> None:
        schema = self._source.schema
        if schema is not None and schema != self._told:
            tell_fields(self.model.name, schema, self._layout)
            self._told = schema
        unseen = {sentence.partition(":")[0]: sentence for sentence in self._source.seen.unseen()}
        for place in unseen.keys() - self._unseen:
            logger.warning("model %s: predictions.%s", self.model.name, unseen[place])
        self._unseen = frozenset(unseen)

    def _report_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            if problem is None:
                logger.info("source of model %s is readable again", self.model.name)
            else:
                logger.error("source of model %s failed, it is tried again: %s", self.model.name, problem)
        self._problem = problem

    def _take(self, batch: Batch) -> None:
        now = self._latest = max(self._clock(), self._latest)  # put back meanwhile: the next read takes that into account
        reading = batch.reading
        for events in batch.events:
            self._labelling.take_predictions(events, reading, now)
            for tally in self._tallies_of(events, batch, now):
                if reading is None:
                    self._ledger.add(tally, now=now)
                else:
                    self._staged.add(tally)
        if batch.tally is not None:
            self._staged.add(batch.tally)
        if reading is None or reading.closed:  # what is read again would be refused again
            self._skipped += batch.skipped
            self._refusals.add(batch.rejected)
        if reading is not None and batch.is_last:
            self._end(reading, now)
        if self._tracker is not None:
            self._tracker.follow(now)

    def _end(self, reading: Reading, now: float) -> None:
        """Count a span whose last part has come."""
        if reading.in_windows:
            self._ledger.replace(reading, self._staged, now=now)
        self._staged = Tally()
        self._labelling.close_span(reading)

    def _tallies_of(self, events: Events, batch: Batch, now: float) -> Iterable[Tally]:
        if batch.reading is not None and not batch.reading.in_windows:
            return ()
        if batch.reading is None:  # a span of time holds no other times
            tolerance = self.model.predictions.future_tolerance.seconds
            events = admit(events, batch.rejected, oldest=self._ledger.oldest(now), now=now, tolerance=tolerance)
        labels = self._ledger.labels_of(events.versions.unique(maintain_order=True).to_list(), now=now)
        versions = events.versions.replace_strict(list(labels), list(labels.values()), return_dtype=pl.String)
        schema = self._source.schema
        events = replace(events, versions=versions)
        if self._exemplars is not None:
            self._exemplars.add(events)
        return tallies_of(
            events,
            self._profiler,
            self._ledger.traffic,
            has_status=schema is None or schema.status is not None,
            wider=wider_buckets(self._ledger.kept, now) if batch.reading is None or batch.reading.closed else (),
        )

    # Evaluating

    def evaluate(self) -> ModelReport:
        """Return what is known of the model now."""
        now = self._clock()
        started = time.perf_counter()
        windows: list[WindowReport] = []
        for version, segment, span, profile in self._ledger.totals(now):
            reference = self._references[span.name]
            expected = reference.expected(self._hours(version, segment, span, now))
            fixed = segment_column(segment)
            results = evaluate(reference, profile, fixed=fixed, expected=expected) if self._evaluates else unwatched(reference)
            windows.append(WindowReport(version, segment, span.name, profile, results, expected))
        traffic = self._ledger.shown()
        compared = self._comparing.compare(windows, self._ledger, traffic, now=now)
        seconds = time.perf_counter() - started
        if self._problem is None:
            self._last_success = now
        source = self._source_report(now)
        served = {window.version for window in windows if window.profile.rows}  # what was moved last of another is no news
        evidence = self._tracker.look(served) if self._tracker is not None and self._evaluates else {}
        late = self._tracker.late if self._tracker is not None else 0
        requests = {version: (counted.requests, counted.failed or 0) for version, counted in traffic.versions.items()}
        labels = self._labelling.report(now, traffic.versions)
        moment = Moment(windows, traffic, self._exemplars, evidence, late, self._ledger.since, compared, labels)
        collected = self._collectors.collect(moment)
        return ModelReport(
            self.model, self.baseline, source, tuple(windows), now, seconds, collected, evidence, compared, requests, labels
        )

    def _hours(self, version: str, segment: str, span: Span, now: float) -> ByHour | None:
        """Return the hours that a window's rows are of, where a column has a season."""
        if self.baseline is None or self._references[span.name].seasons is None:
            return None
        return self._ledger.by_hour(version, segment, span, now, self.baseline.timezone)

    def _source_report(self, now: float) -> SourceReport:
        schema = self._source.schema
        return SourceReport(
            name=self._source.name,
            up=self._problem is None,
            problem=self._problem,
            newest=self._ledger.newest(now),
            last_success=self._last_success,
            unread=self._source.lag_bytes(),
            events=self._ledger.events,
            rejected=dict(self._refusals.counts),
            skipped={"filtered": self._skipped},
            waiting=None if self._source.pending is None else self._source.pending.waiting(),
            damaged=dict(self._damaged),
            recognised=() if schema is None else tuple(describe(schema, self._layout)),
            since=self._ledger.since,
            fields_seen=self._source.seen.ratios() | self._labelling.fields_seen(),
            unseen=self._source.seen.unseen(),
        )

    def close(self) -> None:
        """Release the source."""
        self._source.close()
        self._labelling.close()
