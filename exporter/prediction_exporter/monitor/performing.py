"""Performing: the measures of windows whose counts have changed, and thresholds that keep false alarms rare."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.collectors.base import Subject
from prediction_exporter.collectors.report import CoverageReport, PerformanceReport
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.windows import Span
from prediction_exporter.joined import JoinedCounts, Key, Kind, Window
from prediction_exporter.monitor.references import HIGHEST_ALPHA, MONTH_SECONDS
from prediction_exporter.performance import MEASURES, Performance, PerformanceLayout, measure
from prediction_exporter.performance.label_drift import LABEL_DRIFT, label_drift
from prediction_exporter.performance.scale import scale_problem

_Of = tuple[Key, str, Kind]

#: Names of the collectors that show what windows hold of pairs: their measures, and how labels drift.
PERFORMANCE, LABELS = SHOWING = ("performance", "labels")


def compared_values(layout: PerformanceLayout) -> int:
    """Return how many values of a window are compared with a threshold, the drift of its labels among them."""
    chosen = [one for one in MEASURES if one.effect is not None and one.applies(layout)]
    return sum(len(one.entries(layout)) for one in chosen) + 1


class Performing:
    """Measures the windows of one model.

    The chance of a false alarm for each value and look is such that all values and windows of all predictions use up the
    monthly budget, when a window is looked at afresh each time it has passed once.

    Args:
        subject: the model, with what is counted of its performance.
        spans: the windows.
        shown: collectors that run. Measures take nearly all of the time, and are only made for the one that shows them.
    """

    def __init__(self, subject: Subject, spans: Sequence[Span], *, shown: Collection[str] = SHOWING) -> None:
        model, layout = subject.model, subject.performance
        self._is_shown = any(name in shown for name in SHOWING)
        self._measures = MEASURES if PERFORMANCE in shown else ()
        self._baseline = subject.labelled
        self._effects = model.performance.effects
        self._min_labels = model.performance.min_labels
        values = compared_values(layout) * len(spans) if layout is not None else 1
        each = model.false_alarms_per_month / values
        self._alphas = {span.name: min(each * span.seconds / MONTH_SECONDS, HIGHEST_ALPHA) for span in spans}
        self._last: dict[_Of, tuple[tuple[int, ...], PerformanceReport]] = {}

    def windows(self, found: Iterable[Window], known: Collection[str]) -> tuple[PerformanceReport, ...]:
        """Return the windows with their measures; those that have not changed are the same as before.

        Args:
            found: the windows.
            known: versions that have series of their own; all others are ``other`` together.
        """
        if not self._is_shown:
            return ()
        together: dict[_Of, list[Window]] = {}
        for window in found:
            key = window.key if window.key.version in known else window.key._replace(version=OTHER)
            together.setdefault((key, window.span, window.kind), []).append(window)
        self._last = {of: self._measured(of, windows) for of, windows in together.items()}
        return tuple(report for _, report in self._last.values())

    def _measured(self, of: _Of, windows: Sequence[Window]) -> tuple[tuple[int, ...], PerformanceReport]:
        changes = tuple(window.change for window in windows)
        last = self._last.get(of)
        if last is not None and last[0] == changes:
            return last
        (version, stage, segment), span, kind = of
        pairs = Performance(windows[0].pairs.layout, np.sum([window.pairs.counts for window in windows], axis=0))
        baseline = self._baseline if kind == "mature" else None
        alpha = self._alphas[span]
        measured = measure(
            self._measures,
            pairs,
            baseline,
            alpha=alpha,
            min_labels=self._min_labels,
            effects=self._effects,
            off_scale=scale_problem(pairs, self._baseline, min_labels=self._min_labels),
        )
        drift = None
        if baseline is not None:
            effect = self._effects.get(LABEL_DRIFT)
            drift = label_drift(pairs, baseline, alpha=alpha, min_labels=self._min_labels, effect=effect)
        return changes, PerformanceReport(version, stage, segment, span, kind, pairs, measured, drift)

    def coverage(self, counts: JoinedCounts, known: Collection[str]) -> tuple[CoverageReport, ...]:
        """Return how many predictions of each window have their label."""
        totals: dict[tuple[str, str, str, Kind], NDArray[np.int64]] = {}
        for (version, stage), span, kind, predictions, labelled in counts.coverage():
            of = (version if version in known else OTHER, stage, span, kind)
            totals[of] = totals.get(of, 0) + np.stack((predictions, labelled))
        return tuple(CoverageReport(*of, counts.classes, *total) for of, total in sorted(totals.items()))
