"""Performance: every measure of a model's predictions and their labels, what it is compared with, and counts that add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Literal

import numpy as np

from prediction_exporter.collectors.additive import ADDITIVE_FAMILIES, Additive
from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.collectors.prefixes import Place, Prefixes
from prediction_exporter.collectors.report import MATURE, PRELIMINARY, PerformanceReport
from prediction_exporter.collectors.windows import segments_of
from prediction_exporter.counting.breakdowns import STAGES
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.exposition import Samples, sample_prefix
from prediction_exporter.families import PERFORMANCE, Family
from prediction_exporter.performance import MEASURES, Measure, Measured, PerformanceLayout, measure
from prediction_exporter.performance.base import Floats

PERFORMANCE_STATUS = Family(
    name="model_performance_status",
    type="gauge",
    labels=(*PERFORMANCE, "measure", "reason"),
    group="performance",
    help="Values of the measure with this status: ok, or why there is none; of mature windows also why there is no threshold.",
)

#: Reasons that are not a measure's own and can hold for some of its entries beside ``ok``: undefined here, in the baseline, or
#: without a threshold.
_OF_ENTRIES = 3

#: Of windows, by what is known of their labels.
KINDS: tuple[Literal["mature", "preliminary"], ...] = (MATURE, PRELIMINARY)


class PerformanceSeries(ModelSeries):
    """The performance of one model. Without labels there is none."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._prefixes = Prefixes(subject.model.name)
        self._fixed = Samples()
        self._layout = subject.performance
        self._measures: tuple[Measure, ...] = ()
        self._additive: Additive | None = None
        if self._layout is not None:
            self._measures = tuple(one for one in MEASURES if one.applies(self._layout))
            self._additive = Additive(self._layout, self._prefixes)
            self._render_baseline()

    def _render_baseline(self) -> None:
        if self._subject.labelled is None:
            return
        found = measure(self._measures, self._subject.labelled, None, alpha=0.01, min_labels=1)
        for one in self._measures:
            if one.effect is not None:
                labels = [self._subject.labels(one.baseline_family, *entry) for entry in found[one.key].entries]
                prefixes = [sample_prefix(one.baseline_family.name, text) for text in labels]
                self._fixed.extend(one.baseline_family, prefixes, found[one.key].values)

    def render(self, moment: Moment) -> Samples:
        """Return values, and of mature windows errors, thresholds and counts that add up; what cannot be computed is absent."""
        samples = self._fixed.copy()
        for report in moment.labels.windows if moment.labels is not None else ():
            self._render(samples, report)
        return samples

    def _render(self, samples: Samples, report: PerformanceReport) -> None:
        at = (report.version, report.stage, report.segment, report.window, report.labels)
        is_mature, is_all = report.labels == MATURE, report.segment == ALL
        for one in self._measures:
            found = report.measured.get(one.key)
            if found is None or (one.effect is None and not is_all):
                continue
            self._extend(samples, one.family, at, found.entries, found.values)
            compared = is_mature and one.effect is not None
            self._render_statuses(samples, one, at, found.compared if compared else found.statuses)
            if compared:
                self._extend(samples, one.error_family, at, found.entries, found.errors)
                self._extend(samples, one.threshold_family, at, found.entries, found.thresholds)
            if one.bound is not None and is_mature and is_all:
                bounds = np.where(found.bounds > 0, found.bounds, np.nan)
                self._extend(samples, one.bound_family, at, found.entries, bounds)
        if self._additive is not None:
            self._additive.render(samples, report.pairs, at, is_mature=is_mature, is_all=is_all)

    def _extend(self, samples: Samples, family: Family, at: Place, entries: Iterable[tuple[str, ...]], values: Floats) -> None:
        samples.extend(family, self._prefixes.of(family, at, lambda: entries), values)

    def _render_statuses(self, samples: Samples, one: Measure, at: Place, statuses: Sequence[str]) -> None:
        for reason in dict.fromkeys(statuses):
            labels = self._subject.labels(PERFORMANCE_STATUS, *at, one.key, reason)
            samples.add(PERFORMANCE_STATUS, labels, statuses.count(reason))

    def most(self) -> Most:
        """Count the windows of all stages, segments and kinds as if nothing were absent."""
        layout, baseline = self._layout, self._subject.baseline
        if layout is None or baseline is None or self._additive is None:
            return Most({}, {})
        samples, statuses = Samples(), 0
        measured = {one.key: _full(one, layout) for one in self._measures}
        segments = segments_of(self._subject, baseline)
        for stage, window, segment, kind in product(stages_of(self._subject), self._subject.references, segments, KINDS):
            self._render(samples, PerformanceReport("1", stage, segment, window, kind, self._additive.full, measured))
            shown = (one for one in self._measures if one.effect is not None or segment == ALL)
            statuses += sum(_most_statuses(one, layout) for one in shown)
        self.forget("1")
        per_version = dict(Most.of(per_version=samples).per_version)
        return Most(Most.of(self._fixed).fixed, {**per_version, PERFORMANCE_STATUS.name: statuses})

    def forget(self, version: str) -> None:
        """Drop the version's prefixes."""
        self._prefixes.forget(version)


def stages_of(subject: Subject) -> tuple[str, ...]:
    """Return the stages that a model's predictions may have, as the label shows them."""
    return STAGES if subject.model.predictions.fields.stage is not None else ("",)


def _full(one: Measure, layout: PerformanceLayout) -> Measured:
    """Return a measure with nothing absent."""
    entries = one.entries(layout)
    values = np.ones(len(entries))
    statuses = ("ok",) * len(entries)
    return Measured(entries, values, values, values, values, values, statuses, statuses)


def _most_statuses(one: Measure, layout: PerformanceLayout) -> int:
    """Return how many statuses the entries of a measure may have at a time: what holds for all of them leaves no other."""
    return min(len(one.entries(layout)), 1 + len(one.reasons) + _OF_ENTRIES)


COLLECTOR = ModelCollector(
    name="performance",
    summary="How good predictions were, where their labels are known, beside the baseline.",
    families=(
        PERFORMANCE_STATUS,
        *(family for one in MEASURES for family in one.families),
        *ADDITIVE_FAMILIES,
    ),
    maturity=2,
    of_predictions=True,
    open=PerformanceSeries,
)
