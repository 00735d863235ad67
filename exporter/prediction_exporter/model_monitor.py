"""Model monitor: one model's way from its source to its report. One thread uses it at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from prediction_exporter import baseline as baseline_file
from prediction_exporter.baseline import Baseline
from prediction_exporter.categories import OTHER
from prediction_exporter.config import Config, Model
from prediction_exporter.errors import ConfigError, PredictionExporterError
from prediction_exporter.evaluation import evaluate
from prediction_exporter.events import Events
from prediction_exporter.layout import Kind, Role
from prediction_exporter.logs import Quiet
from prediction_exporter.profiler import ALL, MICROSECONDS, UNVERSIONED, Profiler, segment_column
from prediction_exporter.report import ModelReport, ModelSeries, SourceReport, WindowReport
from prediction_exporter.sources.base import Batch, Rejected, Source
from prediction_exporter.sources.log import LogSource, describe
from prediction_exporter.state import State, StoredBucket, StoredModel
from prediction_exporter.statistics import STATISTICS, Reference
from prediction_exporter.traffic import Traffic, VersionTraffic
from prediction_exporter.windows import Span, Windows

logger = logging.getLogger(__name__)

#: Seconds of reading after which what was read is committed, while a long log is caught up with.
COMMIT_SECONDS = 2.0

#: Longest version that becomes a label value.
MAX_VERSION_LENGTH = 64

MONTH_SECONDS = 30 * 86400
HIGHEST_ALPHA = 0.01


class ModelMonitor:
    """Reads a model's events, keeps its windows and counters, and evaluates them.

    Args:
        place: the model's place in the configuration, for messages: ``models[0]``.
        state: where positions and windows are kept.
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.model = model
        self._state = state
        self._clock = clock
        self._max_versions = max_versions
        self.spans = spans_of(config)
        self.baseline = load_baseline(model, place)
        layout = self.baseline.layout if self.baseline is not None else None
        self._references = references_of(config, model, self.baseline)
        self._windows = Windows(layout, self.spans) if layout is not None else None
        self._profiler = (
            Profiler(layout, bucket_seconds=self.spans[0].bucket, segments=model.segments) if layout is not None else None
        )
        slow_after = model.slo.latency.under.seconds if model.slo.latency is not None else None
        self._traffic = Traffic(layout, slow_after=slow_after)
        self._series = ModelSeries(config, model, self.baseline, self._references)
        self._source: Source = LogSource(model.predictions, layout, where=place, clock=clock)
        self._events = 0
        self._rejected: dict[str, int] = {}
        self._newest: float | None = None
        self._last_success: float | None = None
        self._problem: str | None = None
        self._quiet = Quiet()
        self._refused_untold: dict[str, int] = {}
        self._claim = state.claim(model.name)
        self._restore()

    # From and to the state file

    def _restore(self) -> None:
        stored = self._state.load(self.model.name)
        if stored is None:
            self._source.restore(None)
            return
        self._source.restore(stored.position if stored.source == self._source.name else None)
        counters = stored.counters
        self._events = counters["events"]
        self._rejected = dict(counters["rejected"])
        self._newest = counters["newest"]
        for version, content in counters["versions"].items():
            self._traffic.restore(version, VersionTraffic.from_json(content), counters["shape"])
        self._shed_versions()
        if self._windows is not None:
            now = self._clock()
            by_name = {span.name: span for span in self.spans}
            for bucket in self._state.buckets(self.model.name, self._windows.layout):
                span = by_name.get(bucket.window)
                if span is not None and self._is_restored(bucket):
                    self._windows.restore(bucket.version, bucket.segment, span, bucket.start, bucket.profile, now=now)

    def _is_restored(self, bucket: StoredBucket) -> bool:
        """Return whether a stored bucket's version and segment are still watched."""
        segments = tuple(f"{name}=" for name in self.model.segments)
        return bucket.version in self._traffic.versions and (bucket.segment == ALL or bucket.segment.startswith(segments))

    def _shed_versions(self) -> None:
        """Drop the versions longest silent where fewer have room than before: the limit of series counts."""
        versions = sorted(self._traffic.versions.keys() - {OTHER}, key=lambda v: self._traffic.versions[v].last_seen)
        beyond = versions[: max(len(versions) - self._max_versions, 0)]
        if beyond:
            logger.warning(
                "model %s: room for %d versions now; dropped the longest silent: %s",
                self.model.name,
                self._max_versions,
                beyond,
            )
        for version in beyond:
            self._forget(version)

    def commit(self) -> None:
        """Store what was read since the last commit, together with the position behind it."""
        now = self._clock()
        counters: dict[str, Any] = {
            "events": self._events,
            "rejected": self._rejected,
            "newest": self._newest,
            "shape": self._traffic.shape(),
            "versions": {version: counted.to_json() for version, counted in self._traffic.versions.items()},
        }
        changed = self._windows.changed() if self._windows is not None else ()
        buckets = [
            StoredBucket(version, segment, span.name, start, profile) for version, segment, span, start, profile in changed
        ]
        self._state.commit(
            self.model.name,
            StoredModel(self._source.name, self._source.position(), counters),
            self._windows.layout if self._windows is not None else None,
            buckets,
            keep_from={span.name: span.oldest(now) for span in self.spans},
            claim=self._claim,
        )

    # Reading

    def read(self, *, until: Callable[[], bool]) -> bool:
        """Read what the source has, until it has no more or ``until`` says so; return whether there is more.

        A source that fails is reported, not raised: it is tried again at the next call. What fails between a batch and its
        commit is raised, and this monitor is of no use any more: its counts may hold a part of the batch.
        """
        committed = time.monotonic()
        batches = self._source.poll()
        problem = None
        while True:
            try:
                batch = next(batches, None)
            except PredictionExporterError as error:
                batch, problem = None, str(error)
            if batch is None:
                break
            self._take(batch)
            if time.monotonic() - committed > COMMIT_SECONDS:
                self.commit()
                committed = time.monotonic()
            if until():
                break
        self._report_problem(problem)
        self.commit()
        return batch is not None

    def _report_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            if problem is None:
                logger.info("source of model %s is readable again", self.model.name)
            else:
                logger.error("source of model %s failed, it is tried again: %s", self.model.name, problem)
        self._problem = problem

    def _take(self, batch: Batch) -> None:
        now = self._clock()
        for events in batch.events:
            self._take_events(events, batch.rejected, now)
        for reason, count in batch.rejected.counts.items():
            self._rejected[reason] = self._rejected.get(reason, 0) + count
            self._complain(reason, count, batch.rejected.examples.get(reason, ""))

    def _take_events(self, events: Events, rejected: Rejected, now: float) -> None:
        tolerance = self.model.predictions.future_tolerance.seconds
        events = admit(events, rejected, oldest=self._oldest(now), now=now, tolerance=tolerance)
        if not len(events):
            return
        events = self._bound_versions(events, now)
        self._events += len(events)
        # No event is newer than now; a time that is comes from a clock that was put back since.
        self._newest = max(min(self._newest or 0.0, now), float(events.times.max()) / MICROSECONDS)
        schema = self._source.schema
        self._traffic.add(events, has_status=schema is None or schema.status is not None)
        if self._profiler is None or self._windows is None:
            return
        classes = self._traffic.class_column
        for key, profile in self._profiler.fold(events):
            self._windows.add(key, profile, now=now)
            if classes is not None and key.segment == ALL:
                self._traffic.add_classes(key.version, profile.column_values(classes.name))

    def _bound_versions(self, events: Events, now: float) -> Events:
        """Give events of versions beyond the bound the version ``other``: a new label value for each would have no end."""
        texts = events.versions.replace("", None).fill_null(UNVERSIONED).str.slice(0, MAX_VERSION_LENGTH)
        known = self._traffic.versions.keys() | {OTHER}
        unknown = [text for text in texts.unique(maintain_order=True).to_list() if text not in known]
        beyond = unknown[self._make_room(len(unknown), now) :]
        if beyond:
            if self._quiet.lets("versions"):
                logger.warning(
                    "model %s: more than %d versions; counted as other: %s", self.model.name, self._max_versions, beyond[:3]
                )
            texts = pl.select(pl.when(texts.is_in(beyond)).then(pl.lit(OTHER)).otherwise(texts)).to_series()
        return replace(events, versions=texts)

    def _make_room(self, wanted: int, now: float) -> int:
        """Return for how many more versions there is room, after dropping those without requests in the longest window."""

        def room() -> int:
            return max(self._max_versions - len(self._traffic.versions.keys() - {OTHER}), 0)

        stale = [] if wanted <= room() else self._traffic.stale(self._oldest(now), now=now)
        for version in stale:
            if wanted > room():
                self._forget(version)
        return room()

    def _forget(self, version: str) -> None:
        """Drop all that is known of a version."""
        del self._traffic.versions[version]
        self._series.forget(version)
        if self._windows is not None:
            self._windows.forget(version)

    def _oldest(self, now: float) -> int:
        """Return the start of the oldest time that any window still holds, in seconds."""
        return min(span.oldest(now) for span in self.spans)

    def _complain(self, reason: str, count: int, example: str) -> None:
        self._refused_untold[reason] = self._refused_untold.get(reason, 0) + count
        if self._quiet.lets(reason):
            untold = self._refused_untold.pop(reason)
            logger.warning("model %s: refused %d lines as %s, such as %r", self.model.name, untold, reason, example)

    # Evaluating

    def evaluate(self) -> ModelReport:
        """Return what is known of the model now."""
        now = self._clock()
        started = time.perf_counter()
        windows: list[WindowReport] = []
        if self._windows is not None:
            self._windows.forget_empty(now)
            for version, segment, span, profile in self._windows.totals(now):
                results = evaluate(self._references[span.name], profile, fixed=segment_column(segment))
                windows.append(WindowReport(version, segment, span.name, profile, results))
        seconds = time.perf_counter() - started
        if self._problem is None:
            self._last_success = now
        source = self._source_report()
        samples = self._series.render(windows, self._traffic, source, seconds=seconds)
        return ModelReport(self.model, self.baseline, source, tuple(windows), now, seconds, samples)

    def _source_report(self) -> SourceReport:
        schema = self._source.schema
        layout = self.baseline.layout if self.baseline is not None else None
        return SourceReport(
            name=self._source.name,
            up=self._problem is None,
            problem=self._problem,
            newest=self._newest,
            last_success=self._last_success,
            unread=self._source.lag_bytes(),
            events=self._events,
            rejected=dict(self._rejected),
            recognised=() if schema is None else tuple(describe(schema, layout)),
        )

    def close(self) -> None:
        """Release the source."""
        self._source.close()


def spans_of(config: Config) -> tuple[Span, ...]:
    """Return the configured windows, shortest first."""
    spans = [Span.of(str(window), window.seconds) for window in config.windows]
    return tuple(sorted(spans, key=lambda span: span.seconds))


def load_baseline(model: Model, place: str) -> Baseline | None:
    """Return a model's baseline, checked against what the configuration says of its columns."""
    if model.baseline is None or model.maturity == 0:
        return None
    baseline = baseline_file.load(model.baseline)
    columns = {column.name: column for column in baseline.layout.columns}
    problems = [
        f"{place}.thresholds.columns: the baseline has no column {name} (it has: {', '.join(columns)})"
        for name in model.thresholds.columns
        if name not in columns
    ]
    categorical = [
        column.name for column in columns.values() if column.kind is Kind.CATEGORICAL and column.role is Role.FEATURE
    ]
    problems += [
        f"{place}.segments: {name} is no categorical feature of the baseline (these are: {', '.join(categorical) or 'none'})"
        for name in model.segments
        if name not in categorical
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return baseline


def references_of(config: Config, model: Model, baseline: Baseline | None) -> Mapping[str, Reference]:
    """Return what each window is compared with, by the window's name.

    The chance of a false alarm for each column and look is what the monthly budget leaves when a window is looked at afresh
    each time it has passed once, in every column.
    """
    if baseline is None:
        return {}
    columns = baseline.layout.columns
    effects: dict[str, dict[str, float]] = {}
    for statistic in STATISTICS:
        if statistic.threshold is not None:
            chosen = {column.name: model.thresholds.of(statistic.key, column.name) for column in columns}
            effects[statistic.key] = {name: value for name, value in chosen.items() if value is not None}
    return {
        span.name: Reference(
            baseline.profile,
            alpha=min(model.false_alarms_per_month * span.seconds / MONTH_SECONDS / len(columns), HIGHEST_ALPHA),
            min_predictions=model.min_predictions,
            effects=effects,
        )
        for span in spans_of(config)
    }


def admit(events: Events, rejected: Rejected, *, oldest: float, now: float, tolerance: float) -> Events:
    """Return the events whose time lies between ``oldest`` and now, in seconds; count the others as refused.

    An event ahead of the clock by no more than the tolerance counts as one of now: windows end now, and a bucket ahead
    would take the place of one that they still hold.
    """
    early = events.times < int(oldest * MICROSECONDS)
    late = events.times > int((now + tolerance) * MICROSECONDS)
    for reason, refused in (("too_old", early), ("future", late)):
        if refused.any():
            at = int(events.times[int(np.argmax(refused))])
            rejected.add(reason, int(refused.sum()), str(np.datetime64(at, "us")) + "Z")
    kept = ~(early | late)
    admitted = events if kept.all() else events.take(np.flatnonzero(kept))
    latest = int(now * MICROSECONDS)
    if not len(admitted) or admitted.times.max() <= latest:
        return admitted
    return replace(admitted, times=np.minimum(admitted.times, latest))
