"""Series budget: how many series a configuration will expose, by family, and how many versions fit into its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prediction_exporter.baseline import Baseline
from prediction_exporter.config import Config, Model
from prediction_exporter.errors import ConfigError
from prediction_exporter.evaluation import evaluate
from prediction_exporter.exposition import Samples
from prediction_exporter.model_monitor import references_of, spans_of
from prediction_exporter.profiler import ALL
from prediction_exporter.report import ModelSeries, SourceReport, WindowReport
from prediction_exporter.traffic import SCORE_BOUNDS, Histogram, Traffic

#: Versions that a limit must hold: the one in use and its successor.
LEAST_VERSIONS = 2


@dataclass(frozen=True, slots=True)
class Budget:
    """Series by family.

    Attributes:
        fixed: of a model without any version.
        per_version: for each of its versions.
    """

    fixed: Mapping[str, int]
    per_version: Mapping[str, int]

    def series(self, versions: int) -> int:
        """Return the number of series with so many versions."""
        return sum(self.fixed.values()) + versions * sum(self.per_version.values())


def of_model(config: Config, model: Model, baseline: Baseline | None) -> Budget:
    """Count a model's series by rendering them, with the baseline in the place of every window."""
    references = references_of(config, model, baseline)
    series = ModelSeries(config, model, baseline, references)
    source = SourceReport("", True, None, 0.0, 0.0, 0, 0, {}, ())
    empty = Traffic(baseline.layout if baseline is not None else None)
    fixed = series.render((), empty, source, seconds=0.0, now=0.0)
    windows: list[WindowReport] = []
    if baseline is not None:
        for span in spans_of(config):
            results = evaluate(references[span.name], baseline.profile)
            windows += [
                WindowReport("1", segment, span.name, baseline.profile, results) for segment in _segments(model, baseline)
            ]
    full = series.render(windows, _full_traffic(model, baseline), source, seconds=0.0, now=0.0)
    before, after = _by_family(fixed), _by_family(full)
    return Budget(before, {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)})


def _segments(model: Model, baseline: Baseline) -> list[str]:
    columns = [column for column in baseline.layout.columns if column.name in model.segments]
    return [ALL, *(f"{column.name}={label}" for column in columns for label in column.drift_labels)]


def _full_traffic(model: Model, baseline: Baseline | None) -> Traffic:
    slow_after = model.slo.latency.under.seconds if model.slo.latency is not None else None
    traffic = Traffic(baseline.layout if baseline is not None else None, slow_after=slow_after)
    counted = traffic.versions["1"] = traffic.new_version(0.0)
    counted.durations = Histogram([0] * (len(traffic.duration_bounds) + 1))
    counted.scores = {column.name: Histogram([0] * (len(SCORE_BOUNDS) + 1)) for column in traffic.score_columns}
    if traffic.value_column is not None:
        counted.values = Histogram([0] * (len(traffic.value_bounds) + 1))
    return traffic


def _by_family(samples: Samples) -> dict[str, int]:
    return {name: len(lines) for name, lines in samples.lines.items()}


def total(budgets: Sequence[Budget], versions: int) -> dict[str, int]:
    """Return the series by family of several models with so many versions each."""
    counts: Counter[str] = Counter()
    for budget in budgets:
        counts.update(budget.fixed)
        for name, count in budget.per_version.items():
            counts[name] += versions * count
    return dict(counts)


def versions_that_fit(config: Config, budgets: Sequence[Budget]) -> int:
    """Return how many versions of each model get series of their own, one place being kept for ``other``.

    Raises:
        ConfigError: the limit does not hold two versions of each model; the message counts the largest families.
    """

    def needed(versions: int) -> int:
        return sum(budget.series(versions) for budget in budgets)

    if needed(LEAST_VERSIONS) > config.series_limit:
        counts = sorted(total(budgets, LEAST_VERSIONS).items(), key=lambda item: -item[1])
        largest = ", ".join(f"{name} {count}" for name, count in counts[:8])
        raise ConfigError(
            f"series_limit: {config.series_limit} series are allowed, and {needed(LEAST_VERSIONS)} are needed for two versions "
            f"of each model, the one in use and its successor ({largest}); raise series_limit, or have fewer windows, segments "
            "or columns"
        )
    fitting = [versions for versions in range(1, config.max_versions + 1) if needed(versions + 1) <= config.series_limit]
    return max(fitting)
