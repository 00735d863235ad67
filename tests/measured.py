"""What is known of a model's labels, made of drawn pairs without anything that reads or joins, and its series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from prediction_exporter.collectors.base import Moment, Subject
from prediction_exporter.collectors.labels import LabelSeries
from prediction_exporter.collectors.performance import PerformanceSeries
from prediction_exporter.collectors.report import LabelsReport, PerformanceReport, SourceReport
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.exposition import Samples
from prediction_exporter.labels.tallies import Tallies
from prediction_exporter.monitor.references import load_baseline, references_of
from prediction_exporter.performance import MEASURES, Performance, PerformanceLayout, measure
from watched import FIELDS, Watched, config_text, model_text

LABELS = "performance: {positive: accept}\nlabels: {log: {path: labels.log}, fields: {id: id, label: label}, matures_after: %s}"
SOURCE = SourceReport(
    "labels.log",
    up=True,
    problem=None,
    newest=1000.0,
    last_success=2000.0,
    unread=7,
    events=90,
    rejected={"malformed": 3},
    skipped={"filtered": 40},
    recognised=(),
    since=500.0,
)


def subject(
    folder: Path,
    performance: PerformanceLayout | None,
    labelled: Performance | None = None,
    *,
    name: str = "m",
    matures_after: str = "7d",
    where: str = "",
    more: str = "",
    stages: bool = False,
) -> Subject:
    """Return a model with labels as a collector sees it."""
    filtered = f", where: {where}" if where else ""
    lines = f"baseline: baseline.json\n{LABELS % (matures_after + filtered)}{more}"
    fields = FIELDS.replace("{", "{id: id, stage: stage, " if stages else "{id: id, ")
    loaded = Watched(folder).configure(config_text(model_text(name, more=lines, fields=fields)))
    [model] = loaded.models
    baseline = load_baseline(model, "models[0]")
    return Subject(loaded, model, baseline, references_of(loaded, model, baseline), performance=performance, labelled=labelled)


def window(pairs: Performance, baseline: Performance | None = None, *, alpha: float = 0.001, **of: Any) -> PerformanceReport:
    """Return the report of a window, a mature one of all traffic where nothing else is said."""
    at = {"version": "1", "stage": "", "segment": "all", "window": "1h", "labels": "mature"} | of
    compared = baseline if at["labels"] == "mature" else None
    return PerformanceReport(**at, pairs=pairs, measured=measure(MEASURES, pairs, compared, alpha=alpha, min_labels=30))


def report(*windows: PerformanceReport, **of: Any) -> LabelsReport:
    """Return what is known of a model's labels."""
    return replace(LabelsReport(SOURCE, Tallies(), (0, 0), windows=windows), **of)


def moment_of(known: LabelsReport) -> Moment:
    """Return a moment in which nothing else is known of a model."""
    return Moment((), Traffic(None, slow_after=None), labels=known)


def rendered(of: Subject, known: LabelsReport) -> Samples:
    """Return the series of both collectors, that of performance first."""
    samples, more = (series(of).render(moment_of(known)) for series in (PerformanceSeries, LabelSeries))
    samples.lines |= more.lines
    return samples
