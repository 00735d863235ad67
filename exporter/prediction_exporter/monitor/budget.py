"""Budget: how many series a configuration will expose, and how much memory its windows take, before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors.base import NO_MODEL, Most, Subject
from prediction_exporter.collectors.performance import KINDS, stages_of
from prediction_exporter.collectors.running import Countable, ModelCollectors, closed, most_of
from prediction_exporter.collectors.switches import Switches, excluded_families
from prediction_exporter.collectors.windows import segments_of
from prediction_exporter.config import Config, Model
from prediction_exporter.counting import history
from prediction_exporter.counting.history import is_compared
from prediction_exporter.counting.windows import ring_bytes
from prediction_exporter.errors import ConfigError
from prediction_exporter.labels.filters import BITS_EACH
from prediction_exporter.labels.rows import most_rows
from prediction_exporter.monitor.comparing import WEEK
from prediction_exporter.monitor.references import detector_of, references_of, spans_of, subject_of
from prediction_exporter.sources.labels import shape_of

#: Versions that a limit must hold: the one in use and its successor.
LEAST_VERSIONS = 2

#: Families that the message about too many series counts one by one.
LARGEST = 12

#: Counts of a bucket that take the least memory, and those that take as much as any that there are.
_LARGEST = (2**8 - 1, 2**32 - 1)


def of_exporter(config: Config, switches: Switches) -> list[Most]:
    """Count the series that belong to no model."""
    return _beside(config, NO_MODEL, switches)


def of_model(config: Config, model: Model, baseline: Baseline | None, switches: Switches) -> list[Most]:
    """Count a model's series as if every window had every value.

    Raises:
        ConfigError: a file that the configuration names cannot be read, or what it says does not fit the baseline.
    """
    references, detector = references_of(config, model, baseline), detector_of(model, baseline)
    subject = subject_of(config, model, baseline, references, detector)
    collectors = ModelCollectors(subject, switches.model_collectors(config, model), without=excluded_families(config))
    return [*collectors.most(), *_beside(config, model.name, switches)]


def _beside(config: Config, model: str, switches: Switches) -> list[Most]:
    """Count what is collected beside the model's thread."""
    without = excluded_families(config)
    polls = switches.polls(config)
    found: dict[tuple[str, str], Countable] = {**switches.live(config), **polls}
    most = [most_of(name, of, series, without=without) for (name, of), series in found.items() if of == model]
    for (name, _), poll in polls.items():  # they were opened to be counted alone
        closed(name, poll)
    return most


def windows_bytes(config: Config, model: Model, baseline: Baseline, versions: int) -> tuple[int, int]:
    """Return what the windows of a model take when all are full, with few predictions and with any number of them.

    Few are up to 255 in a bucket, any number are up to four thousand million. ``other`` takes as much as a version.
    """
    subject = Subject(config, model, baseline, references_of(config, model, baseline))
    groups = (versions + 1) * len(segments_of(subject, baseline))
    few, any_number = (
        groups * sum(ring_bytes(baseline.layout, span, largest) for span in spans_of(config)) for largest in _LARGEST
    )
    return few, any_number


def history_bytes(config: Config, model: Model, baseline: Baseline, versions: int) -> tuple[int, int]:
    """Return what a model's comparison with last week takes, as :func:`windows_bytes` does; nothing where there is none."""
    spans = [span for span in spans_of(config) if is_compared(span)]
    if WEEK not in model.references or not spans:
        return 0, 0
    few, any_number = (history.history_bytes(baseline.layout, spans, largest, versions + 1) for largest in _LARGEST)
    return few, any_number


def performance_bytes(config: Config, model: Model, baseline: Baseline, versions: int) -> tuple[int, int]:
    """Return what labels take of memory, nothing where there are none.

    Returns:
        that of the windows, mature and preliminary, when all have pairs, with the counts that were shown last; and about that
        of the filters, by which it is known without a look at the disk what waits, when labels.max_size is reached.
    """
    subject = subject_of(config, model, baseline, references_of(config, model, baseline), None)
    if subject.performance is None or model.labels is None:
        return 0, 0
    places = len(stages_of(subject)) * len(segments_of(subject, baseline)) * len(spans_of(config)) * len(KINDS)
    windows = 2 * (versions + 1) * places * subject.performance.width * np.dtype(np.int64).itemsize
    rows = 2 * most_rows(shape_of(subject.performance, model.segments), int(model.labels.max_size))
    return windows, rows * BITS_EACH // 8


def total(budgets: Sequence[Most], versions: int) -> dict[str, int]:
    """Return the series by family with so many versions of each model."""
    counts: Counter[str] = Counter()
    for budget in budgets:
        counts.update(budget.fixed)
        for name, count in budget.per_version.items():
            counts[name] += versions * count
    return dict(counts)


def versions_that_fit(config: Config, budgets: Sequence[Most]) -> int:
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
            f"of each model, the one in use and its successor ({largest}); raise series_limit, exclude families with "
            "series.exclude, or have fewer windows, segments or columns"
        )
    fitting = [versions for versions in range(1, config.max_versions + 1) if needed(versions + 1) <= config.series_limit]
    return max(fitting)
