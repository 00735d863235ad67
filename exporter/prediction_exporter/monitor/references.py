"""References: what the windows of a model are compared with, from its baseline and its configuration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from prediction_exporter import baseline as baseline_file
from prediction_exporter.baseline import Baseline, importance, performance
from prediction_exporter.collectors.base import Subject
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.history import is_compared
from prediction_exporter.counting.layout import Kind, Role
from prediction_exporter.counting.windows import Span
from prediction_exporter.errors import ConfigError
from prediction_exporter.evidence.bets import Bets
from prediction_exporter.evidence.detector import Detector
from prediction_exporter.evidence.learnt import scores_of
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.sources.fields.attributed import attribution_problems
from prediction_exporter.statistics import ALERTED, STATISTICS, Reference
from prediction_exporter.statistics.comparison import Floats
from prediction_exporter.statistics.seasons import seasons_of

MONTH_SECONDS = 30 * 86400
HOUR = 3600
HIGHEST_ALPHA = 0.01


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
    fields = model.predictions.fields
    problems += [f"{place}.predictions.fields.attributions: {told}" for told in attribution_problems(fields, baseline.layout)]
    problems += [f"{place}.importance: {problem}" for problem in importance.problems(model.importance, baseline.layout)]
    if model.labels is not None:
        try:
            performance.performance_of(model, baseline, place)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return baseline


def subject_of(
    config: Config, model: Model, baseline: Baseline | None, references: Mapping[str, Reference], detector: Detector | None
) -> Subject:
    """Return a model as collectors see it.

    Raises:
        ConfigError: what the configuration says of performance does not fit the baseline.
    """
    measured: tuple[PerformanceLayout | None, Performance | None] = (None, None)
    if model.labels is not None and baseline is not None:
        place = f"models[{[one.name for one in config.models].index(model.name)}]"
        measured = performance.performance_of(model, baseline, place)
    return Subject(config, model, baseline, references, detector, *measured)


def not_compared(
    config: Config, model: Model, baseline: Baseline | None, place: str, command: str = performance.COMMAND
) -> list[str]:
    """Return which comparisons that are configured cannot be made, and why.

    Args:
        config: the configuration.
        model: a model of it.
        baseline: the model's baseline.
        place: where the model stands in the configuration.
        command: what builds the baseline anew.
    """
    of_labels = performance.not_compared(model, baseline, place, command) if baseline is not None else []
    return [*_not_compared_with_last_week(config, model, place), *of_labels]


def _not_compared_with_last_week(config: Config, model: Model, place: str) -> list[str]:
    names = [span.name for span in spans_of(config) if not is_compared(span)]
    if "week" not in model.references or not names:
        return []
    which = f"window {names[0]} is" if len(names) == 1 else f"windows {', '.join(names)} are"
    allowed = "windows of whole quarters of an hour up to 7d are"
    return [f"{place}.references: {which} not compared with last week; {allowed}"]


def detector_of(model: Model, baseline: Baseline | None) -> Detector | None:
    """Return the rule that decides which columns of a model moved; None without a baseline."""
    if baseline is None:
        return None
    cells = Cells(baseline.layout)
    whole = cells.of(baseline.profile)
    scores = []
    for index, (column, learnt) in enumerate(zip(baseline.layout.columns, baseline.learnt, strict=True)):
        rows, variance = baseline.outside[:, index].tolist()
        scores.append(scores_of(column, whole[cells.offsets[index] : cells.offsets[index + 1]], learnt, (rows, variance)))
    bets = Bets(cells, scores, baseline.learnt)
    watched: NDArray[np.bool_] = np.any(bets.exists, axis=1)
    return Detector(
        bets,
        model.false_alarms_per_month,
        timezone=baseline.timezone,
        learning=model.learning.seconds,
        shares=importance.shares_of(importance.importance_of(model.importance, baseline), watched),
    )


def references_of(config: Config, model: Model, baseline: Baseline | None) -> Mapping[str, Reference]:
    """Return what each window is compared with, by the window's name.

    The chance of a false alarm for each figure and look is such that the figures of all columns and windows that alerts read
    use up the monthly budget, when a window is looked at afresh each time it has passed once.
    """
    if baseline is None:
        return {}
    columns = baseline.layout.columns
    seasons = seasons_of(baseline.profile, [learnt.by_slot for learnt in baseline.learnt])
    effects: dict[str, dict[str, float]] = {}
    for statistic in STATISTICS:
        if statistic.threshold is not None:
            chosen = {column.name: model.thresholds.of(statistic.key, column.name) for column in columns}
            effects[statistic.key] = {name: value for name, value in chosen.items() if value is not None}
    spans = spans_of(config)
    of_columns = model.false_alarms_per_month / len(spans) * figure_parts(model, baseline)
    return {
        span.name: Reference(
            baseline.profile,
            alpha=np.minimum(of_columns * span.seconds / MONTH_SECONDS, HIGHEST_ALPHA),
            min_predictions=model.min_predictions,
            effects=effects,
            outside=baseline.outside,
            usual=_usual(baseline, span.seconds / HOUR),
            seasons=seasons,
        )
        for span in spans
    }


def _usual(baseline: Baseline, hours: float) -> Mapping[str, Floats]:
    """Return what windows of a length read without any change, (C,) by statistic; those of which none is known are left out."""
    keys = {key for inflation in baseline.inflation for key in inflation.levels}
    return {key: np.array([inflation.level(key, hours) for inflation in baseline.inflation]) for key in sorted(keys)}


def figure_parts(model: Model, baseline: Baseline) -> Floats:
    """Return what part of the model's budget each of a column's figures has that alerts compare with a threshold, (C,)."""
    layout = baseline.layout
    figures = np.sum([statistic.applies(layout) for statistic in ALERTED], axis=0)
    compared = figures > 0
    shares = importance.shares_of(importance.importance_of(model.importance, baseline), compared)
    parts: Floats = shares / np.maximum(figures, 1) / max(int(compared.sum()), 1)
    return parts
