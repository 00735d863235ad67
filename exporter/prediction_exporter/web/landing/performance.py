"""How good a model is by its labels, as the page shows it: each measure of the mature window, worst first.

Everything is from the last report of the labels. What is no figure yet is said in words: what it waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_exporter.collectors.report import MATURE, PRELIMINARY, CoverageReport, LabelsReport, PerformanceReport
from prediction_exporter.config import Model
from prediction_exporter.config.labels import Labels
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.performance import MEASURES, Measure, Measured
from prediction_exporter.performance.evaluation import ERROR, NO_BASELINE, OK, badness
from prediction_exporter.web.landing.operation import Fact
from prediction_exporter.web.landing.topics import Remark, Topic
from prediction_exporter.web.landing.words import age, ago, count, counted, number, percent, reason

#: Stages whose answers nobody gets; how good they are is in the metrics.
_BESIDE = ("challenger", "shadow", "other")
#: A class has noticeably fewer labels than others below this part of the share that all predictions together have.
_NOTICEABLY_FEWER = 0.9
#: Classes with noticeably fewer labels that are named, those with the fewest.
_FEWEST = 3
_SHARE = "percentunit"
#: Measures that stand open; of those that have passed their thresholds, all do.
_OPEN = 6


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of the window, of its worst class.

    Attributes:
        title: its name, with the class or average.
        value: what the window reads, and ``error`` its standard error; empty where it is undefined.
        baseline: what the baseline reads; empty where that is not known.
        threshold: what an alert compares with; empty where there is none, for which ``absent`` has the reason.
        worse: what is said where the threshold is passed.
    """

    title: str
    value: str
    error: str
    baseline: str
    threshold: str
    absent: Remark | None
    worse: Remark | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of a model's performance.

    Attributes:
        of: the version and window that the rows are of; empty where nothing is mature.
        facts: on the labels.
        rows: the measures; those that have passed their thresholds first.
        problem: what is wrong with the labels' source.
        words: why there is no figure, or nothing is compared.
    """

    of: tuple[str, ...]
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]
    problem: Remark | None
    words: str

    @property
    def tables(self) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        """The rows that stand open, and the others."""
        at = max(self.worse, _OPEN)
        return self.rows[:at], self.rows[at:]

    @property
    def worse(self) -> int:
        """How many measures have passed their thresholds."""
        return sum(row.worse is not None for row in self.rows)


def performance_of(
    model: Model, report: LabelsReport | None, *, version: str | None, windows: Sequence[str], now: float
) -> Shown | None:
    """Return what is shown of a model's performance; None where it has no labels.

    Args:
        model: the model.
        report: what is known of its labels; None before they were first read.
        version: the version that the page shows first. Where none of its predictions has a mature label, that is shown which
            has most.
        windows: the names of the windows, the shortest first.
        now: Unix time, which ages are reckoned from.
    """
    if model.labels is None:
        return None
    if report is None:
        return Shown((), (), (), None, "Its labels have not been read yet.")
    window = _main(report.windows, version, windows)
    facts, problem = _source(report, now)
    if window is None:
        return Shown((), facts, (), problem, _waits_for(model.labels, report, now))
    coverage = _coverage(report.coverage, window)
    end = report.ends.get(window.window)
    own = (
        Fact("Labelled predictions", count(window.pairs.rows)),
        *(() if coverage is None else (_covered(coverage),)),
        *(() if end is None else (Fact("Complete until", ago(end, now)),)),
    )
    rows = _rows(window, model.performance.min_labels)
    return Shown(_place(window), (*own, *facts), rows, problem, _compared_with_nothing(window))


def _main(reports: Sequence[PerformanceReport], version: str | None, windows: Sequence[str]) -> PerformanceReport | None:
    """Return the shortest mature window that is compared, else the one with most pairs; of the version, where it has some."""
    found = [one for one in reports if one.labels == MATURE and one.segment == ALL and one.pairs.rows]
    found = [one for one in found if one.stage not in _BESIDE] or found
    found = [one for one in found if one.version == version] or found
    if not found:
        return None
    most = max(found, key=lambda one: one.pairs.rows)
    same = [one for one in found if (one.version, one.stage) == (most.version, most.stage)]
    compared = [one for one in same if any(OK in each.compared for each in one.measured.values())]
    order = {name: i for i, name in enumerate(windows)}
    return min(compared, key=lambda one: order.get(one.window, len(order)), default=most)


def _place(window: PerformanceReport) -> tuple[str, ...]:
    """Return the names of the version, the stage where there are some, and the window."""
    return tuple(part for part in (window.version, window.stage, window.window) if part)


# Labels


def _source(report: LabelsReport, now: float) -> tuple[tuple[Fact, ...], Remark | None]:
    source = report.source
    notes = () if source.newest is None else (f"newest label {ago(source.newest, now)}",)
    refused = sum(source.rejected.values())
    if refused:
        notes = (*notes, f"{counted(refused, 'line')} refused")
    fact = Fact("Source of labels", "up" if source.up else "down", notes, over=not source.up)
    problem = None if source.problem is None else Remark(f"Labels cannot be read: {source.problem}", Topic.LABELS)
    return (fact,), problem


def _coverage(reports: Sequence[CoverageReport], window: PerformanceReport) -> CoverageReport | None:
    of = (window.version, window.stage, window.window, window.labels)
    return next((one for one in reports if (one.version, one.stage, one.window, one.labels) == of), None)


def _covered(coverage: CoverageReport) -> Fact:
    """Return the share of predictions with a label, and the classes that have noticeably fewer."""
    predictions, labelled = int(coverage.predictions.sum()), int(coverage.labelled.sum())
    if not predictions:
        return Fact("With a label", "no predictions", absent=True)
    share = labelled / predictions
    classes = zip(coverage.classes, coverage.predictions.tolist(), coverage.labelled.tolist(), strict=True)
    shares = sorted((known / of, name) for name, of, known in classes if of and name)
    fewer = [f"{percent(each)} of those predicted {name}" for each, name in shares if each < _NOTICEABLY_FEWER * share]
    others = len(fewer) - _FEWEST
    notes = (*fewer[:_FEWEST], *((f"fewer of {counted(others, 'other class', 'other classes')}",) if others > 0 else ()))
    return Fact("With a label", f"{percent(share)} of {count(predictions)}", notes)


def _waits_for(labels: Labels, report: LabelsReport, now: float) -> str:
    """Return why nothing is mature."""
    after, least = labels.matures_after.after, labels.matures_after.coverage
    end = max(report.ends.values(), default=None)
    early = max((one.pairs.rows for one in report.windows if one.labels == PRELIMINARY and one.segment == ALL), default=0)
    if not early and not report.tallies.joined:
        words = "No label has found its prediction yet"
        return f"{words}; {counted(report.waiting[0], 'prediction')} and {counted(report.waiting[1], 'label')} wait."
    if end is not None and not early:
        return f"None of the predictions up to {ago(end, now)} has a label."
    waits = [] if after is None else [f"is {age(after.seconds)} old"]
    waits += [] if least is None else [f"has labels for {percent(least)} of its predictions"]
    subject = "No labelled prediction" if least is None else "No window"
    return (
        f"{subject} {' and '.join(waits)} yet. {counted(early, 'newer prediction')} {_have(early)} a label, which may mislead."
    )


def _have(number_of: int) -> str:
    return "has" if number_of == 1 else "have"


# Measures


def _compared_with_nothing(window: PerformanceReport) -> str:
    statuses = {status for found in window.measured.values() for status in found.compared}
    if NO_BASELINE in statuses and OK not in statuses:
        return "The baseline has no labels that could be compared, the log says why: measures are compared with nothing."
    return ""


def _rows(window: PerformanceReport, fewest: int) -> tuple[Row, ...]:
    """Return the measures that a model can be compared by, the worst first; those without a threshold last."""
    compared = [one for one in MEASURES if one.effect is not None and one.key in window.measured]
    rows = [_row(one, window.measured[one.key], fewest) for one in compared]
    return tuple(row for _, row in sorted(rows, key=lambda found: found[0], reverse=True))


def _row(one: Measure, found: Measured, fewest: int) -> tuple[float, Row]:
    """Return the worst entry of a measure with how bad it is; of one without a threshold, the first that has a value."""
    bad = np.nan_to_num(badness(one, found), nan=-np.inf)
    at = int(np.argmin(np.isnan(found.values)) if np.isneginf(bad).all() else np.argmax(bad))
    status = found.compared[at]
    # That the baseline has nothing is said of all measures together.
    absent = None if status in {OK, NO_BASELINE} else Remark(reason(status, fewest=fewest), _topic(status))
    return bad[at], Row(
        title=_title(one, found.entries[at]),
        value=_text(one, found.values[at]),
        error=_text(one, found.errors[at], digits=2),
        baseline=_text(one, found.baseline[at]),
        threshold=_threshold(one, found.thresholds[at]),
        absent=absent,
        worse=Remark("worse", Topic.PERFORMANCE) if bad[at] > 1 else None,
    )


def _threshold(one: Measure, value: float) -> str:
    """Return what an alert compares with; of a measure that is best at 0 it is passed on both sides."""
    text = _text(one, value)
    return f"±{text}" if text and one.better == "zero" else text


def _topic(status: str) -> Topic | None:
    return Topic.FAILED if status == ERROR else None


def _title(one: Measure, entry: Sequence[str]) -> str:
    """Return a measure's name, with its class or average."""
    own = dict(zip(one.labels, entry, strict=True))
    if own.get("class"):
        return f"{one.title} of {own['class']}"
    return f"{one.title} ({own['average']})" if own.get("average") else one.title


def _text(one: Measure, value: float, digits: int = 3) -> str:
    if np.isnan(value):
        return ""
    return percent(value) if one.unit == _SHARE else number(float(f"{value:.{digits}g}"))
