"""Series budget: how many series a configuration will expose, by family, and how many versions fit into its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors.report import (
    ModelReport,
    ModelSeries,
    SourceReport,
    WindowReport,
    exporter_samples,
    source_samples,
)
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.profiler import ALL, segment_column
from prediction_exporter.counting.traffic import Histogram, Traffic
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import Samples
from prediction_exporter.monitor.references import references_of, spans_of
from prediction_exporter.statistics import STATISTICS, Reference, Statistic
from prediction_exporter.statistics.evaluation import Result, most_statuses, shape_of

#: Versions that a limit must hold: the one in use and its successor.
LEAST_VERSIONS = 2

#: Families that the message about too many series counts one by one.
LARGEST = 12


@dataclass(frozen=True, slots=True)
class Budget:
    """Series by family.

    Attributes:
        fixed: of a model without any version, or of the exporter itself.
        per_version: for each of its versions, at most: what cannot be computed is absent.
    """

    fixed: Mapping[str, int]
    per_version: Mapping[str, int]

    def series(self, versions: int) -> int:
        """Return the number of series with so many versions."""
        return sum(self.fixed.values()) + versions * sum(self.per_version.values())


def of_exporter(config: Config) -> Budget:
    """Count the series of the exporter itself."""
    return Budget(_by_family(exporter_samples(config, reload_succeeded=True, loaded=0.0, others=0)), {})


def of_model(config: Config, model: Model, baseline: Baseline | None) -> Budget:
    """Count a model's series by rendering them, as if every window had every value.

    Raises:
        ConfigError: a file that the configuration names cannot be read.
    """
    references = references_of(config, model, baseline)
    series = ModelSeries(config, model, baseline, references)
    source = SourceReport("", True, None, 0.0, 0.0, 0, 0, {}, ())
    windows: list[WindowReport] = []
    if baseline is not None:
        for span in spans_of(config):
            reference = references[span.name]
            for segment in _segments(model, baseline):
                fixed = segment_column(segment)
                results = {statistic.key: _full_result(statistic, reference, fixed) for statistic in STATISTICS}
                windows.append(WindowReport("1", segment, span.name, baseline.profile, results))
    empty = Traffic(baseline.layout if baseline is not None else None)
    before = _by_family(series.render((), empty, source, seconds=0.0))
    after = _by_family(series.render(windows, _full_traffic(model, baseline), source, seconds=0.0))
    per_version = {name: count - before.get(name, 0) for name, count in after.items()}
    live = _by_family(source_samples([ModelReport(model, baseline, source, (), 0.0, 0.0, Samples())], now=0.0))
    return Budget({**before, **live}, {name: count for name, count in per_version.items() if count})


def _full_result(statistic: Statistic, reference: Reference, fixed: str | None) -> Result:
    """Return a result in which nothing is absent but what compares the column whose segment the window is."""
    columns = np.zeros(len(reference.layout.columns))
    values = np.zeros(shape_of(statistic, reference.layout))
    if fixed is not None and statistic.compares and statistic.scope == "column":
        index = reference.layout.index(fixed)
        columns[index] = values[index] = np.nan
    return Result(
        values=values,
        noise_floor=columns if statistic.noise is not None else None,
        threshold=columns if statistic.threshold is not None else None,
        companion=np.zeros(len(columns)) if statistic.companion is not None else None,
        statuses={str(number): 0 for number in range(most_statuses(statistic, reference))},
    )


def _segments(model: Model, baseline: Baseline) -> list[str]:
    columns = [column for column in baseline.layout.columns if column.name in model.segments]
    return [ALL, *(f"{column.name}={label}" for column in columns for label in column.drift_labels)]


def _full_traffic(model: Model, baseline: Baseline | None) -> Traffic:
    slow_after = model.slo.latency.under.seconds if model.slo.latency is not None else None
    traffic = Traffic(baseline.layout if baseline is not None else None, slow_after=slow_after)
    counted = traffic.versions["1"] = traffic.new_version(0.0)
    counted.failed = 0
    counted.slow = 0 if slow_after is not None else None
    counted.durations = Histogram.empty(traffic.duration_bounds)
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
        largest = ", ".join(f"{name} {count}" for name, count in counts[:LARGEST])
        rest = counts[LARGEST:]
        if rest:
            largest += f", and {sum(count for _, count in rest)} of {len(rest)} other families"
        raise ConfigError(
            f"series_limit: {config.series_limit} series are allowed, and {needed(LEAST_VERSIONS)} are needed for two versions "
            f"of each model, the one in use and its successor ({largest}); raise series_limit, or have fewer windows, segments "
            "or columns"
        )
    fitting = [versions for versions in range(1, config.max_versions + 1) if needed(versions + 1) <= config.series_limit]
    return max(fitting)
