"""Report: what is known of one model after an evaluation, immutable; its series, and those of the exporter itself."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors import FAMILIES
from prediction_exporter.collectors.exporter import (
    BUILD_INFO,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIME,
    SERIES,
    SERIES_LIMIT,
)
from prediction_exporter.collectors.identity import (
    MODEL_DEPENDENCY_INFO,
    MODEL_INFO,
    MODEL_OWNER_INFO,
    SLO_LATENCY,
    SLO_OBJECTIVE,
)
from prediction_exporter.collectors.process import process_samples
from prediction_exporter.collectors.source import (
    EVENTS,
    EVENTS_REJECTED,
    LAST_SUCCESS,
    SOURCE_LAG,
    SOURCE_SHARED,
    SOURCE_UNREAD,
    SOURCE_UP,
)
from prediction_exporter.collectors.statistics import EVALUATION_DURATION, STATISTIC_STATUS
from prediction_exporter.collectors.traffic import (
    PREDICTION_SCORE,
    PREDICTION_VALUE,
    PREDICTIONS,
    REQUEST_DURATION,
    REQUESTS,
    REQUESTS_FAILED,
    REQUESTS_SLOW,
    VERSION_FIRST_SEEN,
)
from prediction_exporter.collectors.windows import (
    BASELINE_BIN_RATIO,
    BASELINE_CREATED,
    BASELINE_INFO,
    BASELINE_PREDICTIONS,
    MIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
    WINDOW_PREDICTIONS,
)
from prediction_exporter.config import Area, Config, Model
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.traffic import SCORE_BOUNDS, Traffic
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import Samples, label_text, sample_prefix
from prediction_exporter.families import Family
from prediction_exporter.sources.base import REASONS
from prediction_exporter.statistics import STATISTICS, Reference, Statistic
from prediction_exporter.statistics.base import Constant
from prediction_exporter.statistics.evaluation import Result
from prediction_exporter.version import this_build

logger = logging.getLogger(__name__)

AREAS = get_args(Area)


@dataclass(frozen=True, slots=True)
class WindowReport:
    """One window of one version and segment, evaluated."""

    version: str
    segment: str
    window: str
    profile: Profile
    results: Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How the source of a model is doing.

    Attributes:
        name: what is read.
        up: whether the last read succeeded.
        problem: why not, for people; None where it did.
        newest: the newest event time read, as Unix time; None before the first event.
        last_success: when everything last succeeded, as Unix time; None where it never did.
        unread: bytes known and not yet read; None where a source cannot tell.
        events: events used.
        rejected: lines refused, by reason.
        recognised: which field was taken for what, a line each.
    """

    name: str
    up: bool
    problem: str | None
    newest: float | None
    last_success: float | None
    unread: int | None
    events: int
    rejected: Mapping[str, int]
    recognised: Sequence[str]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model after an evaluation.

    Attributes:
        created: when it was made, as Unix time.
        evaluation_seconds: how long the statistics took.
        windows: the windows, by version, segment and length.
        samples: its series.
    """

    model: Model
    baseline: Baseline | None
    source: SourceReport
    windows: tuple[WindowReport, ...]
    created: float
    evaluation_seconds: float
    samples: Samples = field(repr=False)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name


def source_samples(reports: Iterable[ModelReport], *, now: float) -> Samples:
    """Return the series of all sources that are true only at the moment when they are published.

    The newest event gets older while nothing is read, also where the thread that should read hangs. The rest of a report
    stays as it is then, and its ``prediction_exporter_last_success_timestamp_seconds`` stands still: that is how a source
    that hangs shows.
    """
    samples = Samples()
    for report in reports:
        labels = label_text(SOURCE_UP.labels, (report.name,))
        samples.add(SOURCE_UP, labels, report.source.up)
        if report.source.newest is not None:
            samples.add(SOURCE_LAG, labels, max(now - report.source.newest, 0.0))
    return samples


def exporter_samples(config: Config, *, reload_succeeded: bool, loaded: float, others: int) -> Samples:
    """Return the series of the exporter itself; ``others`` is the number of series published beside them."""
    samples = process_samples()
    samples.add(CONFIG_RELOAD_SUCCESSFUL, "", reload_succeeded)
    samples.add(CONFIG_RELOAD_TIME, "", loaded)
    samples.add(SERIES_LIMIT, "", config.series_limit)
    samples.add(BUILD_INFO, label_text(BUILD_INFO.labels, this_build()), 1)
    samples.add(SERIES, "", others + samples.series + 1)
    return samples


def family_list() -> str:
    """Return every name that a scrape may show, with its type and labels, one a line: the names are API."""
    return "".join(f"{family.name} {family.type} {','.join(family.labels)}".rstrip() + "\n" for family in FAMILIES)


class ModelSeries:
    """Renders the series of one model. What never changes of a line is kept from one evaluation to the next."""

    def __init__(self, config: Config, model: Model, baseline: Baseline | None, references: Mapping[str, Reference]) -> None:
        self._config = config
        self._model = model
        self._baseline = baseline
        self._references = references
        self._prefixes: dict[tuple[str, ...], list[str]] = {}
        self._applies: dict[str, np.ndarray[tuple[int], np.dtype[np.intp]]] = {}
        self._static = Samples()
        self._render_identity()
        if baseline is not None:
            self._render_baseline(baseline)
            self._applies = {s.key: np.flatnonzero(s.applies(baseline.layout)) for s in STATISTICS if s.scope == "column"}

    def render(self, windows: Sequence[WindowReport], traffic: Traffic, source: SourceReport, *, seconds: float) -> Samples:
        """Return all series of the model but those of :func:`source_samples`; ``seconds`` is what the evaluation took."""
        samples = self.identity()
        self._render_source(samples, source, seconds)
        self._render_traffic(samples, traffic)
        for window in windows:
            self._render_window(samples, window)
        return samples

    def identity(self) -> Samples:
        """Return the series that configuration and baseline alone decide."""
        samples = Samples()
        samples.lines = {name: list(lines) for name, lines in self._static.lines.items()}
        return samples

    # What does not change

    def _labels(self, family: Family, *values: str) -> str:
        return label_text(family.labels, (self._model.name, *values))

    def _render_identity(self) -> None:
        model, add = self._model, self._static.add
        task = model.task or (self._baseline.task if self._baseline else None) or ""
        add(MODEL_INFO, self._labels(MODEL_INFO, task, model.info.framework or "", model.info.training_data or ""), 1)
        for area in AREAS:
            name = model.owner_of(area)
            owner = self._config.owners[name]
            add(MODEL_OWNER_INFO, self._labels(MODEL_OWNER_INFO, area, name, owner.slack or "", owner.email or ""), 1)
        for package, version in _dependencies(model):
            add(MODEL_DEPENDENCY_INFO, self._labels(MODEL_DEPENDENCY_INFO, package, version), 1)
        add(MIN_PREDICTIONS, self._labels(MIN_PREDICTIONS), model.min_predictions)
        add(SOURCE_SHARED, self._labels(SOURCE_SHARED), model.predictions.shared)
        if model.slo.availability is not None:
            add(SLO_OBJECTIVE, self._labels(SLO_OBJECTIVE, "availability"), model.slo.availability)
        if model.slo.latency is not None:
            add(SLO_OBJECTIVE, self._labels(SLO_OBJECTIVE, "latency"), model.slo.latency.ratio)
            add(SLO_LATENCY, self._labels(SLO_LATENCY), model.slo.latency.under.seconds)

    def _render_baseline(self, baseline: Baseline) -> None:
        add = self._static.add
        add(BASELINE_INFO, self._labels(BASELINE_INFO, baseline.short_hash), 1)
        add(BASELINE_CREATED, self._labels(BASELINE_CREATED), baseline.created)
        layout = baseline.layout
        reference = next(iter(self._references.values()))
        for index, column in enumerate(layout.columns):
            add(BASELINE_PREDICTIONS, self._labels(BASELINE_PREDICTIONS, column.name, column.role), reference.valid[index])
            first = int(layout.drift_offsets[index])
            for position, label in enumerate(column.drift_labels):
                labels = self._labels(BASELINE_BIN_RATIO, column.name, column.role, label)
                add(BASELINE_BIN_RATIO, labels, reference.smoothed[first + position])
        for statistic in STATISTICS:
            for constant in statistic.constants:
                values = _constant_values(constant, reference)
                for index in np.flatnonzero(np.isfinite(values)).tolist():
                    column = layout.columns[index]
                    add(constant.family, self._labels(constant.family, column.name, column.role), values[index])

    # What changes

    def _render_source(self, samples: Samples, source: SourceReport, seconds: float) -> None:
        labels = self._labels(SOURCE_UNREAD)
        if source.unread is not None:
            samples.add(SOURCE_UNREAD, labels, source.unread)
        samples.add(EVENTS, labels, source.events)
        samples.add(EVALUATION_DURATION, labels, seconds)
        if source.last_success is not None:
            samples.add(LAST_SUCCESS, labels, source.last_success)
        for reason in REASONS:
            samples.add(EVENTS_REJECTED, self._labels(EVENTS_REJECTED, reason), source.rejected.get(reason, 0))

    def _render_traffic(self, samples: Samples, traffic: Traffic) -> None:
        for version, counted in sorted(traffic.versions.items()):
            labels = self._labels(REQUESTS, version)
            samples.add(REQUESTS, labels, counted.requests)
            samples.add(VERSION_FIRST_SEEN, labels, counted.first_seen)
            if counted.failed is not None:
                samples.add(REQUESTS_FAILED, labels, counted.failed)
            if counted.slow is not None:
                samples.add(REQUESTS_SLOW, labels, counted.slow)
            if counted.durations is not None:
                histogram = counted.durations
                samples.histogram(REQUEST_DURATION, labels, traffic.duration_bounds, histogram.counts, histogram.total)
            for label, count in counted.classes.items():
                samples.add(PREDICTIONS, self._labels(PREDICTIONS, version, label), count)
            for column, histogram in counted.scores.items():
                at = self._labels(PREDICTION_SCORE, version, column)
                samples.histogram(PREDICTION_SCORE, at, SCORE_BOUNDS, histogram.counts, histogram.total)
            if counted.values is not None:
                histogram = counted.values
                samples.histogram(PREDICTION_VALUE, labels, traffic.value_bounds, histogram.counts, histogram.total)

    def _render_window(self, samples: Samples, report: WindowReport) -> None:
        at = (report.version, report.segment, report.window)
        samples.add(WINDOW_PREDICTIONS, self._labels(WINDOW_PREDICTIONS, *at), report.profile.rows)
        samples.extend(WINDOW_BIN_PREDICTIONS, self._bin_prefixes(at), report.profile.drift_counts)
        for statistic in STATISTICS:
            result = report.results[statistic.key]
            for reason, count in result.statuses.items():
                samples.add(STATISTIC_STATUS, self._labels(STATISTIC_STATUS, *at, statistic.key, reason), count)
            if statistic.scope == "window":
                samples.extend(statistic.family, self._window_prefixes(statistic, at), result.values[None])
            else:
                self._render_column_statistic(samples, statistic, result, at)

    def _render_column_statistic(
        self, samples: Samples, statistic: Statistic, result: Result, at: tuple[str, str, str]
    ) -> None:
        applies = self._applies[statistic.key]
        values = result.values[applies]
        samples.extend(statistic.family, self._column_prefixes(statistic, statistic.family, at), values.reshape(-1))
        companion = statistic.companion.family if statistic.companion is not None else statistic.family
        for family, beside in (
            (statistic.noise_floor_family, result.noise_floor),
            (statistic.threshold_family, result.threshold),
            (companion, result.companion),
        ):
            if beside is not None:
                samples.extend(family, self._column_prefixes(statistic, family, at), beside[applies])

    # Prefixes of lines

    def _bin_prefixes(self, at: tuple[str, str, str]) -> list[str]:
        def build() -> list[str]:
            family, layout = WINDOW_BIN_PREDICTIONS, self._layout
            return [
                sample_prefix(family.name, self._labels(family, *at, column.name, column.role, label))
                for column in layout.columns
                for label in column.drift_labels
            ]

        return self._kept((WINDOW_BIN_PREDICTIONS.name, *at), build)

    def _window_prefixes(self, statistic: Statistic, at: tuple[str, str, str]) -> list[str]:
        family = statistic.family
        return self._kept((family.name, *at), lambda: [sample_prefix(family.name, self._labels(family, *at))])

    def _column_prefixes(self, statistic: Statistic, family: Family, at: tuple[str, str, str]) -> list[str]:
        def build() -> list[str]:
            columns = [self._layout.columns[index] for index in self._applies[statistic.key]]
            extra = statistic.extra[1] if statistic.extra is not None and family is statistic.family else ()
            ends: list[tuple[str, ...]] = [(value,) for value in extra] or [()]
            return [
                sample_prefix(family.name, self._labels(family, *at, column.name, column.role, *end))
                for column in columns
                for end in ends
            ]

        return self._kept((family.name, *at), build)

    def _kept(self, key: tuple[str, ...], build: Callable[[], list[str]]) -> list[str]:
        found = self._prefixes.get(key)
        if found is None:
            found = self._prefixes[key] = build()
        return found

    def forget(self, version: str) -> None:
        """Drop what is kept for a version that has no series any more."""
        self._prefixes = {key: lines for key, lines in self._prefixes.items() if key[1] != version}

    @property
    def _layout(self) -> Layout:
        if self._baseline is None:
            raise AssertionError("a model without a baseline has no windows")
        return self._baseline.layout


def _constant_values(constant: Constant, reference: Reference) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a constant's value for each column; one that fails is absent and takes nothing beside it down."""
    try:
        return constant.compute(reference)
    except Exception:  # whatever it is, as for statistics
        logger.exception("%s failed", constant.family)
        return np.full(len(reference.layout.columns), np.nan)


def _dependencies(model: Model) -> list[tuple[str, str]]:
    """Return package and version of each pinned line of the model's requirements file."""
    if model.dependencies is None:
        return []
    try:
        lines = model.dependencies.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"dependencies of model {model.name}: {model.dependencies} cannot be read: {reason}") from error
    pinned = [re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;#]+)", line) for line in lines]
    return sorted({(found.group(1), found.group(2)) for found in pinned if found is not None})
