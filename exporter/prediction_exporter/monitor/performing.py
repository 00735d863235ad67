"""Performing: the measures of windows whose counts have changed, and thresholds that keep false alarms rare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.collectors.base import Subject
from prediction_exporter.collectors.report import CoverageReport, PerformanceReport
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.counting.windows import Span
from prediction_exporter.joined import JoinedCounts, Key, Kind, Window
from prediction_exporter.monitor.references import HIGHEST_ALPHA, MONTH_SECONDS
from prediction_exporter.performance import MEASURES, Performance, PerformanceLayout, measure
from prediction_exporter.performance.label_drift import LABEL_DRIFT, drifts, label_drift
from prediction_exporter.performance.scale import scale_problem

_Of = tuple[Key, str, Kind]

#: As rare as that is no chance.
_CHANCE = 0.001

#: Names of the collectors that show what windows hold of pairs: their measures, and how labels drift.
PERFORMANCE, LABELS = SHOWING = ("performance", "labels")


def compared_values(layout: PerformanceLayout) -> int:
    """Return how many values of a window are compared with a threshold, the drift of its labels among them."""
    chosen = [one for one in MEASURES if one.effect is not None and one.applies(layout)]
    return sum(len(one.entries(layout)) for one in chosen) + drifts(layout)


def always_chosen(pairs: Performance, baseline: Performance | None) -> str | None:
    """Return that lists of which nothing was chosen seem to have no label, a clause; None where they do not.

    Args:
        pairs: of a model that ranks, or any other.
        baseline: how good it was on the baseline's data.
    """
    if baseline is None or not baseline.nothing_chosen or pairs.nothing_chosen or not pairs.rows:
        return None
    share = baseline.nothing_chosen / baseline.rows
    if (1 - share) ** pairs.rows > _CHANCE:
        return None
    return (
        f"something was chosen of each of {pairs.rows:,} labelled lists, and of {share:.0%} of the baseline's nothing was; "
        "where labels are clicks alone, write performance.without_label: nothing_chosen"
    )


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
        if layout is None:
            raise ValueError("nothing is counted of the model's performance")
        self._layout = layout
        self._is_shown = any(name in shown for name in SHOWING)
        self._measures = MEASURES if PERFORMANCE in shown else ()
        self._baseline = subject.labelled
        self._effects = model.performance.effects
        self._min_labels = model.performance.min_labels
        self._adds_unlabelled = model.performance.without_label is not None
        values = compared_values(layout) * len(spans)
        each = model.false_alarms_per_month / values
        self._alphas = {span.name: min(each * span.seconds / MONTH_SECONDS, HIGHEST_ALPHA) for span in spans}
        self._last: dict[_Of, tuple[tuple[int, ...], PerformanceReport]] = {}

    def windows(self, counts: JoinedCounts, known: Collection[str]) -> tuple[PerformanceReport, ...]:
        """Return the windows with their measures; those that have not changed are the same as before.

        Args:
            counts: what is counted of pairs.
            known: versions that have series of their own; all others are ``other`` together.
        """
        if not self._is_shown:
            return ()
        followed = self._followed(counts, known) if self._adds_unlabelled else {}
        together: dict[_Of, list[Window]] = {of: [] for of in followed}
        for window in counts.windows():
            key = window.key if window.key.version in known else window.key._replace(version=OTHER)
            if not self._adds_unlabelled or key.segment == ALL:
                together.setdefault((key, window.span, window.kind), []).append(window)
        self._last = {of: self._measured(of, windows, followed.get(of)) for of, windows in together.items()}
        return tuple(report for _, report in self._last.values())

    def always_chosen(self) -> str | None:
        """Return what :func:`always_chosen` says of the windows that have all of their labels."""
        mature = [report for (key, _, kind), (_, report) in self._last.items() if kind == "mature" and key.segment == ALL]
        found = () if self._adds_unlabelled else (always_chosen(report.pairs, self._baseline) for report in mature)
        return next((told for told in found if told is not None), None)

    def _followed(self, counts: JoinedCounts, known: Collection[str]) -> dict[_Of, int]:
        """Return how many predictions windows without segments have, labelled or not."""
        found: Counter[_Of] = Counter()
        for (version, stage), span, kind, predictions, _ in counts.coverage():
            found[Key(version if version in known else OTHER, stage, ALL), span, kind] += int(predictions.sum())
        return dict(+found)

    def _measured(self, of: _Of, windows: Sequence[Window], followed: int | None) -> tuple[tuple[int, ...], PerformanceReport]:
        changes = (*(window.change for window in windows), -1 if followed is None else followed)
        last = self._last.get(of)
        if last is not None and last[0] == changes:
            return last
        (version, stage, segment), span, kind = of
        pairs = Performance.empty(self._layout)
        for window in windows:
            pairs.add(window.pairs)
        if followed is not None:
            pairs = pairs.with_lists_without_choice(max(followed - pairs.rows, 0))
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
        if baseline is not None and drifts(pairs.layout):
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
