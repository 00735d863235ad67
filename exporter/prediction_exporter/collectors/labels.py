"""Labels: what became of them and of the predictions that wait for them, how late they are, and how they are spread.

The source of the labels has families of its own: what is read of predictions and what is read of labels fail apart, and rules
on the one are not to see the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import get_args

import numpy as np

from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.collectors.performance import KINDS, stages_of
from prediction_exporter.collectors.prefixes import Prefixes
from prediction_exporter.collectors.report import CoverageReport, LabelsReport, PerformanceReport, SourceReport
from prediction_exporter.collectors.windows import segments_of
from prediction_exporter.config.labels import Labels
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.exposition import Samples
from prediction_exporter.families import COVERAGE, MODEL, PERFORMANCE, Family, FamilyType
from prediction_exporter.labels.tallies import DELAY_BOUNDS, Reason, Tallies, What
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.performance.base import class_label
from prediction_exporter.performance.label_drift import drifts
from prediction_exporter.sources.base import REASONS, SKIPPED

_ADDITIVE = "Additive over replicas with sources of their own."


def _family(name: str, help_: str, *labels: str, of: tuple[str, ...] = MODEL, type_: FamilyType = "gauge") -> Family:
    return Family(name=name, type=type_, help=help_, labels=(*of, *labels), group="labels")


# Their source.
SOURCE_UP = _family(
    "prediction_exporter_labels_up", "1 where the last read of the model's labels succeeded, 0 where it failed."
)
SOURCE_NEWEST = _family(
    "prediction_exporter_labels_newest_timestamp_seconds", "When the newest label read became known, as Unix time."
)
SOURCE_LAST_SUCCESS = _family(
    "prediction_exporter_labels_last_success_timestamp_seconds",
    "When the model's labels were last read without error, as Unix time.",
)
SOURCE_UNREAD = _family(
    "prediction_exporter_labels_unread_bytes", "Bytes of labels that are known and not yet read; a table tells none."
)
SOURCE_EVENTS = _family(
    "prediction_exporter_labels_events_total", "Lines or rows read as labels of the model and used.", type_="counter"
)
SOURCE_REJECTED = _family(
    "prediction_exporter_labels_rejected_total", "Lines or rows of labels refused, by reason.", "reason", type_="counter"
)
SOURCE_SKIPPED = _family(
    "prediction_exporter_labels_skipped_total",
    "Lines or rows of the source of labels that are in order and not used, as a filter leaves them out; a table tells none.",
    "reason",
    type_="counter",
)

# What became of them.
LABELS = _family(
    "model_labels_total",
    "Labels by outcome: joined to a prediction, corrected one that was joined, repeated, outdated where a later one was there "
    "already, unmatched for as long as they waited.",
    "outcome",
    type_="counter",
)
PREDICTIONS = _family(
    "model_label_predictions_total",
    "Predictions by outcome: followed until their label comes, or duplicate of one that is.",
    "outcome",
    type_="counter",
)
EXPIRED = _family(
    "model_label_expired_total",
    "Predictions that got no label within the horizon, by predicted class.",
    "class",
    type_="counter",
)
GIVEN_UP = _family(
    "model_label_given_up_total",
    "Predictions and labels given up, by what and why.",
    "what",
    "reason",
    type_="counter",
)
COLLISIONS = _family(
    "model_label_collisions_total", "Predictions and labels given up as another id has their key.", type_="counter"
)
DELAY = _family(
    "model_label_delay_seconds", "Time from a prediction to its first label, by the label's class.", "class", type_="histogram"
)
WAITING = _family(
    "model_label_waiting", "What is kept to be joined: predictions, labelled or not, and labels that have found none.", "what"
)

# How complete they are.
MATURE_END = _family(
    "model_label_mature_timestamp_seconds",
    "Where the mature window of this length ends, as Unix time: all labels of predictions before it are taken to be there.",
    "window",
)
LATE_AFTER = _family(
    "model_label_late_after_seconds",
    "Age from which the newest label, or the end of the mature window, is late: half more than matures_after and an hour, or "
    "half of the horizon where that names no duration.",
)
REQUIRED_COVERAGE = _family(
    "model_label_required_coverage_ratio", "Share of a window's predictions that must have their label, as matures_after says."
)
COVERAGE_RATIO = _family(
    "model_label_coverage_ratio", "Share of the window's followed predictions that have their label.", of=COVERAGE
)
COVERAGE_PREDICTIONS = _family(
    "model_coverage_predictions",
    f"Predictions of the window whose label is followed, by predicted class; labels.only_for may narrow them. {_ADDITIVE}",
    "class",
    of=COVERAGE,
)
COVERAGE_LABELLED = _family(
    "model_coverage_labelled_predictions",
    f"Those of them that have their label, by predicted class. {_ADDITIVE}",
    "class",
    of=COVERAGE,
)
DUPLICATES = _family(
    "model_duplicate_ratio", "Share of the predictions read in the last window that were there already.", "window"
)

# How they are spread.
LABEL_PSI = _family(
    "model_label_psi",
    "Population stability index of the labels of mature windows against those of the baseline's data.",
    of=PERFORMANCE,
)
LABEL_NOISE_FLOOR = _family(
    f"{LABEL_PSI}_noise_floor", f"What {LABEL_PSI} reads without any drift, from sampling alone.", of=PERFORMANCE
)
LABEL_THRESHOLD = _family(f"{LABEL_PSI}_threshold", f"What alerts compare {LABEL_PSI} with.", of=PERFORMANCE)
WINDOW_LABELS = _family(
    "model_window_label_predictions",
    f"What labelled predictions of mature windows weigh, by label: its class, or bin of actual values. {_ADDITIVE}",
    "bin",
    of=PERFORMANCE,
)
BASELINE_LABELS = _family(
    "model_baseline_label_ratio",
    "Share of the labels of the baseline's data in the bin, smoothed as bins of columns are.",
    "bin",
)

#: What is given up and why; predictions have no weight that could be wrong.
_GIVEN_UP: tuple[tuple[What, Reason], ...] = tuple(
    (what, reason) for what in get_args(What) for reason in get_args(Reason) if (what, reason) != ("prediction", "weight")
)

#: Half as much again as is allowed, and an hour for what is written and read in batches.
_LATE_FACTOR, _LATE_SECONDS = 1.5, 3600.0


def late_after(labels: Labels) -> float:
    """Return from which age on labels are late, in seconds.

    Where a coverage alone says when labels are complete, nothing says how long that may take: predictions wait for the horizon,
    and at half of it those who provide labels still have time.
    """
    after = labels.matures_after.after
    return labels.horizon.seconds / 2 if after is None else after.seconds * _LATE_FACTOR + _LATE_SECONDS


class LabelSeries(ModelSeries):
    """The labels of one model. Without a source of labels there are no series."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._prefixes = Prefixes(subject.model.name)
        self._fixed = Samples()
        self._classes: tuple[str, ...] = ()
        self._labels: dict[str, str] = {}
        self._is_filtered = False
        if subject.performance is not None:
            self._classes = classes_of(subject.performance)
            self._labels = {
                name: class_label(subject.performance, code) for code, name in enumerate(subject.performance.classes)
            }
        if subject.model.labels is not None:
            self._is_filtered = subject.model.labels.where is not None
            self._fixed.add(LATE_AFTER, subject.labels(LATE_AFTER), late_after(subject.model.labels))
            required = subject.model.labels.matures_after.coverage
            if required is not None:
                self._fixed.add(REQUIRED_COVERAGE, subject.labels(REQUIRED_COVERAGE), required)

    def render(self, moment: Moment) -> Samples:
        """Return the series of this moment; what is not known yet is absent."""
        samples = self._fixed.copy()
        if moment.labels is not None and self._classes:
            self._render(samples, moment.labels)
        return samples

    def _render(self, samples: Samples, report: LabelsReport) -> None:
        self._render_source(samples, report.source)
        self._render_tallies(samples, report.tallies, report.source.since, report.untold)
        for what, count in zip(("predictions", "labels"), report.waiting, strict=True):
            samples.add(WAITING, self._subject.labels(WAITING, what), count)
        for window, end in report.ends.items():
            samples.add(MATURE_END, self._subject.labels(MATURE_END, window), end)
        for window, (again, read) in report.duplicates.items():
            if read:
                samples.add(DUPLICATES, self._subject.labels(DUPLICATES, window), again / read)
        for coverage in report.coverage:
            self._render_coverage(samples, coverage)
        for performance in report.windows:
            self._render_drift(samples, performance)
        found = next((one.drift for one in report.windows if one.drift is not None), None)
        if found is not None:
            for name, ratio in zip(found.bins, found.ratios.tolist(), strict=True):
                samples.add(BASELINE_LABELS, self._subject.labels(BASELINE_LABELS, name), ratio)

    def _render_source(self, samples: Samples, source: SourceReport) -> None:
        labels, created = self._subject.labels(SOURCE_UP), source.since
        samples.add(SOURCE_UP, labels, source.up)
        for family, value in (
            (SOURCE_NEWEST, source.newest),
            (SOURCE_LAST_SUCCESS, source.last_success),
            (SOURCE_UNREAD, source.unread),
        ):
            if value is not None:
                samples.add(family, labels, value)
        samples.add(SOURCE_EVENTS, labels, source.events, created=created)
        for reason in REASONS:
            at = self._subject.labels(SOURCE_REJECTED, reason)
            samples.add(SOURCE_REJECTED, at, source.rejected.get(reason, 0), created=created)
        for reason in SKIPPED if self._is_filtered else ():
            at = self._subject.labels(SOURCE_SKIPPED, reason)
            samples.add(SOURCE_SKIPPED, at, source.skipped.get(reason, 0), created=created)

    def _render_tallies(self, samples: Samples, tallies: Tallies, created: float | None, untold: frozenset[str]) -> None:
        for outcome in ("joined", "corrected", "repeated", "outdated", "unmatched"):
            if outcome not in untold:
                at = self._subject.labels(LABELS, outcome)
                samples.add(LABELS, at, getattr(tallies, outcome), created=created)
        for outcome, count in (("followed", tallies.predictions), ("duplicate", tallies.duplicates)):
            samples.add(PREDICTIONS, self._subject.labels(PREDICTIONS, outcome), count, created=created)
        for name, expired in self._by_class(tallies.expired.items()).items():
            samples.add(EXPIRED, self._subject.labels(EXPIRED, name), expired, created=created)
        for what, reason in _GIVEN_UP:
            if what in untold:
                continue
            at = self._subject.labels(GIVEN_UP, what, reason)
            samples.add(GIVEN_UP, at, tallies.given_up.get((what, reason), 0), created=created)
        samples.add(COLLISIONS, self._subject.labels(COLLISIONS), tallies.collisions, created=created)
        none = np.zeros(len(DELAY_BOUNDS) + 1, np.int64)
        for name in self._classes:
            mine = [known for known in tallies.delays if self._shown(known) == name]
            counts = sum((np.array(tallies.delays[known], np.int64) for known in mine), none)
            total = float(sum(tallies.delay_sums.get(known, 0) for known in mine))
            labels = self._subject.labels(DELAY, name)
            samples.histogram(DELAY, labels, DELAY_BOUNDS, counts.tolist(), total, created=created)

    def _by_class(self, counts: Iterable[tuple[str, int]]) -> dict[str, int]:
        """Return counts by the classes that series have, each from the beginning; what is none of them is with the last."""
        found = dict.fromkeys(self._classes, 0)
        for name, count in counts:
            found[self._shown(name)] += count
        return found

    def _shown(self, name: str) -> str:
        """Return the label value of a class."""
        shown = self._labels.get(name, name)
        return shown if shown in self._classes else self._classes[-1]

    def _render_coverage(self, samples: Samples, report: CoverageReport) -> None:
        at = (report.version, report.stage, report.window, report.labels)
        total = int(report.predictions.sum())
        if total:
            ratio = int(report.labelled.sum()) / total
            samples.extend(COVERAGE_RATIO, self._prefixes.of(COVERAGE_RATIO, at, lambda: [()]), [ratio])
        ends = [(name,) for name in self._classes]
        for family, counts in ((COVERAGE_PREDICTIONS, report.predictions), (COVERAGE_LABELLED, report.labelled)):
            by_class = self._by_class(zip(report.classes, counts.tolist(), strict=True))
            samples.extend(family, self._prefixes.of(family, at, lambda: ends), list(by_class.values()))

    def _render_drift(self, samples: Samples, report: PerformanceReport) -> None:
        drift = report.drift
        if drift is None:
            return
        at = (report.version, report.stage, report.segment, report.window, report.labels)
        for family, value in (
            (LABEL_PSI, drift.psi),
            (LABEL_NOISE_FLOOR, drift.noise_floor),
            (LABEL_THRESHOLD, drift.threshold),
        ):
            samples.extend(family, self._prefixes.of(family, at, lambda: [()]), [value])
        if report.segment == ALL:
            ends = [(name,) for name in drift.bins]
            samples.extend(WINDOW_LABELS, self._prefixes.of(WINDOW_LABELS, at, lambda: ends), drift.counts)

    def most(self) -> Most:
        """Count the windows of all stages, segments and kinds as if nothing were absent."""
        subject = self._subject
        layout, baseline = subject.performance, subject.baseline
        if layout is None or baseline is None:
            return Most.of(self._fixed)
        fixed, per_version, windows = self._fixed.copy(), Samples(), list(subject.references)
        source = SourceReport.whole()
        ends, duplicates = dict.fromkeys(windows, 0.0), dict.fromkeys(windows, (0, 1))
        self._render(fixed, LabelsReport(source, Tallies(), (0, 0), ends=ends, duplicates=duplicates))
        places = list(product(stages_of(subject), windows))
        counts = np.ones(len(self._classes), np.int64)
        for (stage, window), kind in product(places, KINDS):
            self._render_coverage(per_version, CoverageReport("1", stage, window, kind, self._classes, counts, counts))
        self.forget("1")
        found = Most.of(fixed, per_version)
        if subject.labelled is None or not drifts(layout):
            return found
        bins, of_segments = _label_bins(layout), len(places) * len(segments_of(subject, baseline))
        drift = dict.fromkeys((LABEL_PSI.name, LABEL_NOISE_FLOOR.name, LABEL_THRESHOLD.name), of_segments)
        return Most(
            {**found.fixed, BASELINE_LABELS.name: bins},
            {**found.per_version, **drift, WINDOW_LABELS.name: len(places) * bins},
        )

    def forget(self, version: str) -> None:
        """Drop the version's prefixes."""
        self._prefixes.forget(version)


def classes_of(layout: PerformanceLayout) -> tuple[str, ...]:
    """Return the predicted classes as series write them, that of strangers last; an empty text where numbers are predicted."""
    return tuple(class_label(layout, code) for code in range(layout.other + 1)) if layout.has_classes else ("",)


def _label_bins(layout: PerformanceLayout) -> int:
    """Return how many bins the labels of a model have."""
    return layout.other + 1 if layout.has_classes else len(layout.edges) + 1


COLLECTOR = ModelCollector(
    name="labels",
    summary="What became of labels and of the predictions that wait for them, how late they are, and how they drift.",
    families=(
        SOURCE_UP,
        SOURCE_NEWEST,
        SOURCE_LAST_SUCCESS,
        SOURCE_UNREAD,
        SOURCE_EVENTS,
        SOURCE_REJECTED,
        SOURCE_SKIPPED,
        LABELS,
        PREDICTIONS,
        EXPIRED,
        GIVEN_UP,
        COLLISIONS,
        DELAY,
        WAITING,
        MATURE_END,
        LATE_AFTER,
        REQUIRED_COVERAGE,
        COVERAGE_RATIO,
        COVERAGE_PREDICTIONS,
        COVERAGE_LABELLED,
        DUPLICATES,
        LABEL_PSI,
        LABEL_NOISE_FLOOR,
        LABEL_THRESHOLD,
        WINDOW_LABELS,
        BASELINE_LABELS,
    ),
    maturity=2,
    of_predictions=True,
    open=LabelSeries,
)
