"""References: what the windows of a model are compared with, from its baseline and its configuration."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter import baseline as baseline_file
from prediction_exporter.baseline import Baseline
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.layout import Kind, Role
from prediction_exporter.counting.windows import Span
from prediction_exporter.errors import ConfigError
from prediction_exporter.evidence.bets import Bets
from prediction_exporter.evidence.detector import Detector
from prediction_exporter.evidence.learnt import scores_of
from prediction_exporter.statistics import STATISTICS, Reference
from prediction_exporter.statistics.seasons import seasons_of

MONTH_SECONDS = 30 * 86400
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
    if problems:
        raise ConfigError("\n".join(problems))
    return baseline


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
    return Detector(bets, model.false_alarms_per_month, timezone=baseline.timezone, learning=model.learning.seconds)


def references_of(config: Config, model: Model, baseline: Baseline | None) -> Mapping[str, Reference]:
    """Return what each window is compared with, by the window's name.

    The chance of a false alarm for each column and look is what the monthly budget leaves when a window is looked at afresh
    each time it has passed once, in every column.
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
    return {
        span.name: Reference(
            baseline.profile,
            alpha=min(model.false_alarms_per_month * span.seconds / MONTH_SECONDS / len(columns), HIGHEST_ALPHA),
            min_predictions=model.min_predictions,
            effects=effects,
            outside=baseline.outside,
            seasons=seasons,
        )
        for span in spans_of(config)
    }
