"""Traffic: counters of a model's requests and predictions, by version. They only grow, over restarts too."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.answers import served
from prediction_exporter.counting.breakdowns import CLASSES, STAGES
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.events import Amounts, Events
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profiler import MICROSECONDS, UNVERSIONED

DURATION_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SCORE_BOUNDS = tuple(round(0.1 * step, 1) for step in range(1, 11))


@dataclass(slots=True)
class Histogram:
    """A Prometheus histogram: counts by bucket, the last one to +Inf, and the sum of the values."""

    counts: list[int]
    total: float = 0.0

    @classmethod
    def empty(cls, bounds: Sequence[float]) -> Histogram:
        """Return the histogram of nothing."""
        return cls([0] * (len(bounds) + 1))

    def observe(self, values: NDArray[np.float64], bounds: Sequence[float]) -> None:
        """Count finite values; a bucket holds the values up to its bound, the bound included."""
        places = np.searchsorted(np.asarray(bounds), values, side="left")
        for place, count in enumerate(np.bincount(places, minlength=len(bounds) + 1).tolist()):
            self.counts[place] += count
        with np.errstate(over="ignore", invalid="ignore"):  # a sum that overflows stays so, and rates of it are NaN
            self.total += float(values.sum())

    def merge(self, other: Histogram, of_counts: Callable[[int, int], int], of_totals: Callable[[float, float], float]) -> None:
        """Take over another histogram's counts and sum, each by a function of both."""
        self.counts = [of_counts(mine, others) for mine, others in zip(self.counts, other.counts, strict=True)]
        self.total = of_totals(self.total, other.total)


@dataclass(slots=True)
class Sum:
    """What was added up of a field.

    Attributes:
        total: of the values.
        valid: how many values were added.
        missing, invalid: how many events had none there, and how many had something that is no finite number from 0 on.
    """

    total: float = 0.0
    valid: int = 0
    missing: int = 0
    invalid: int = 0

    def add(self, amounts: Amounts) -> None:
        """Add what some events have."""
        added = np.isfinite(amounts.values)
        valid, missing = int(added.sum()), int(amounts.missing.sum())
        self.valid += valid
        self.missing += missing
        self.invalid += len(added) - valid - missing
        with np.errstate(over="ignore"):  # a sum that overflows stays so, and rates of it are NaN
            self.total += float(amounts.values[added].sum())

    def merge(self, other: Sum, of_counts: Callable[[int, int], int], of_totals: Callable[[float, float], float]) -> None:
        """Take over another sum, each number by a function of both."""
        self.total = of_totals(self.total, other.total)
        self.valid = of_counts(self.valid, other.valid)
        self.missing = of_counts(self.missing, other.missing)
        self.invalid = of_counts(self.invalid, other.invalid)


@dataclass(slots=True)
class VersionTraffic:
    """Counters of one version.

    What the log does not tell is None, for a count of 0 would say that there was none: failures without a status field,
    durations and slow requests without a latency, statuses without a status field, stages without a field for them.

    Attributes:
        first_seen, last_seen: event times of its earliest request in the first batch, and of its latest ever.
        statuses: requests by class of their status, those that were counted.
        stages: requests by stage, those that were counted.
        sums: what is added up, by its name.
        attributions: how large the contributions of features to predictions are, by feature.
        timings: further durations, by their names.
    """

    first_seen: float
    last_seen: float
    requests: int = 0
    failed: int | None = None
    slow: int | None = None
    durations: Histogram | None = None
    classes: dict[str, int] = field(default_factory=dict)
    scores: dict[str, Histogram] = field(default_factory=dict)
    values: Histogram | None = None
    statuses: dict[str, int] | None = None
    stages: dict[str, int] | None = None
    sums: dict[str, Sum] = field(default_factory=dict)
    attributions: dict[str, Sum] = field(default_factory=dict)
    timings: dict[str, Histogram] = field(default_factory=dict)

    def copy(self) -> VersionTraffic:
        """Return counters of their own with the same values."""
        return VersionTraffic.from_json(asdict(self))

    def merge(self, other: VersionTraffic) -> None:
        """Add another's counters to these; they have the same shape."""
        self._combine(other, operator.add, operator.add)

    def raise_to(self, other: VersionTraffic) -> None:
        """Raise every counter that is below another's to that: what was shown once does not fall."""
        self._combine(other, max, max)

    def _combine(
        self, other: VersionTraffic, of_counts: Callable[[int, int], int], of_totals: Callable[[float, float], float]
    ) -> None:
        def both(mine: int | None, others: int | None) -> int | None:
            return mine if others is None else others if mine is None else of_counts(mine, others)

        def histograms(mine: Histogram | None, others: Histogram | None) -> Histogram | None:
            if mine is None or others is None:
                return mine or (None if others is None else Histogram([*others.counts], others.total))
            mine.merge(others, of_counts, of_totals)
            return mine

        def counts(mine: dict[str, int] | None, others: dict[str, int] | None) -> dict[str, int] | None:
            if mine is None or others is None:
                return mine if others is None else {**others}
            return {name: of_counts(mine.get(name, 0), others.get(name, 0)) for name in mine | others}

        self.last_seen = max(self.last_seen, other.last_seen)
        self.requests = of_counts(self.requests, other.requests)
        self.failed = both(self.failed, other.failed)
        self.slow = both(self.slow, other.slow)
        self.durations = histograms(self.durations, other.durations)
        self.classes = {label: of_counts(count, other.classes[label]) for label, count in self.classes.items()}
        for name, histogram in self.scores.items():
            histogram.merge(other.scores[name], of_counts, of_totals)
        self.values = histograms(self.values, other.values)
        self.statuses = counts(self.statuses, other.statuses)
        self.stages = counts(self.stages, other.stages)
        for mine, others in ((self.sums, other.sums), (self.attributions, other.attributions)):
            for name, of in others.items():
                mine.setdefault(name, Sum()).merge(of, of_counts, of_totals)
        for name, histogram in other.timings.items():
            self.timings.setdefault(name, Histogram([0] * len(histogram.counts))).merge(histogram, of_counts, of_totals)

    def add_classes(self, counts: NDArray[np.int64]) -> None:
        """Count predictions by class, from the value bins of the prediction column."""
        for label, count in zip(self.classes, counts.tolist(), strict=True):
            self.classes[label] += count

    def to_json(self) -> dict[str, Any]:
        """Return the counters as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> VersionTraffic:
        """Return the counters that ``to_json`` gave."""

        def histogram(value: Mapping[str, Any] | None) -> Histogram | None:
            return None if value is None else Histogram(**value)

        return cls(
            **{
                **content,
                "durations": histogram(content["durations"]),
                "values": histogram(content["values"]),
                "scores": {name: Histogram(**value) for name, value in content["scores"].items()},
                **{
                    key: {name: Sum(**value) for name, value in content.get(key, {}).items()}
                    for key in ("sums", "attributions")
                },
                "timings": {name: Histogram(**value) for name, value in content.get("timings", {}).items()},
            }
        )


class Traffic:
    """Counters of one model.

    Args:
        layout: the model's columns; None for a model that only its service is watched of.
        slow_after: seconds from which on a request counts as slow, where there is an objective. It becomes a bucket bound.
    """

    def __init__(self, layout: Layout | None, *, slow_after: float | None = None) -> None:
        self.versions: dict[str, VersionTraffic] = {}
        self._layout = layout
        self.slow_after = slow_after
        self.duration_bounds = tuple(sorted({*DURATION_BOUNDS, *([slow_after] if slow_after is not None else [])}))
        columns = layout.columns if layout is not None else ()
        self.score_columns = [column for column in columns if column.role is Role.SCORE and column.kind is Kind.NUMERIC]
        outputs = [column for column in columns if column.role is Role.PREDICTION and not column.is_derived]
        self.class_column: Column | None = next((c for c in outputs if c.kind is Kind.CATEGORICAL), None)
        self.value_column: Column | None = next((c for c in outputs if c.kind is Kind.NUMERIC), None)
        self.value_bounds = self.value_column.drift_edges if self.value_column is not None else ()

    def add(self, events: Events, *, has_status: bool = True) -> None:
        """Count a batch of requests for good, see :meth:`count`."""
        self.merge(self.count(events, has_status=has_status))

    def count(self, events: Events, *, has_status: bool = True) -> dict[str, VersionTraffic]:
        """Return what a batch of requests counts, by version. Classes are counted from profiles, by :meth:`class_counts`.

        ``has_status`` is whether the source tells which requests failed.
        """
        counted: dict[str, VersionTraffic] = {}
        names = events.versions.fill_null(UNVERSIONED)
        made = served(events, self._layout)
        for version in names.unique(maintain_order=True).to_list():
            rows = np.flatnonzero((names == version).to_numpy())
            times = events.times[rows]
            of_version = counted[version] = self.new_version(float(times.min()) / MICROSECONDS)
            of_version.last_seen = float(times.max()) / MICROSECONDS
            self._add(of_version, events, rows, made, has_status=has_status)
        return counted

    def merge(self, counted: Mapping[str, VersionTraffic]) -> None:
        """Add counters by version, for good."""
        for version, of_version in counted.items():
            if version in self.versions:
                self.versions[version].merge(of_version)
            else:
                self.versions[version] = of_version.copy()

    def new_version(self, first_seen: float) -> VersionTraffic:
        """Return the counters of a version that nothing was counted of; its classes are there from the beginning."""
        classes = dict.fromkeys(self.class_column.value_labels, 0) if self.class_column is not None else {}
        scores = {column.name: Histogram.empty(SCORE_BOUNDS) for column in self.score_columns}
        values = Histogram.empty(self.value_bounds) if self.value_column is not None else None
        return VersionTraffic(first_seen=first_seen, last_seen=first_seen, classes=classes, scores=scores, values=values)

    def showing(self, versions: dict[str, VersionTraffic]) -> Traffic:
        """Return the same with other counters."""
        shown = copy.copy(self)
        shown.versions = versions
        return shown

    def uncounted(self, counted: VersionTraffic) -> VersionTraffic:
        """Return a version that was seen at the same times, of which nothing is counted."""
        version = self.new_version(counted.first_seen)
        version.last_seen = counted.last_seen
        return version

    def shape(self) -> dict[str, Any]:
        """Return what each group of counters counts, as JSON holds it; counters of different shapes do not add up."""
        return {
            "durations": list(self.duration_bounds),
            "slow": self.slow_after,
            "classes": [self.class_column.name, *sorted(self.class_column.value_labels)]
            if self.class_column is not None
            else None,
            "scores": [list(SCORE_BOUNDS), *(column.name for column in self.score_columns)],
            "values": [self.value_column.name, *self.value_bounds] if self.value_column is not None else None,
            "timings": list(self.duration_bounds),
        }

    def restored(self, counted: VersionTraffic, shape: Mapping[str, Any]) -> VersionTraffic:
        """Return stored counters that had this shape, in the shape of now; what has another shape begins anew."""
        fresh = self.new_version(counted.first_seen)
        for group, now in self.shape().items():
            if shape.get(group) != now:
                setattr(counted, group, getattr(fresh, group))
        counted.classes = {label: counted.classes[label] for label in fresh.classes}  # the table's order may have changed
        return counted

    def restore(self, version: str, counted: VersionTraffic, shape: Mapping[str, Any]) -> None:
        """Put back the counters of a version that had this shape."""
        self.versions[version] = self.restored(counted, shape)

    def _add(
        self,
        of_version: VersionTraffic,
        events: Events,
        rows: NDArray[np.intp],
        made: NDArray[np.bool_],
        *,
        has_status: bool,
    ) -> None:
        of_version.requests += len(rows)
        if has_status:
            of_version.failed = (of_version.failed or 0) + int(events.failed[rows].sum())
        if events.classes is not None:
            of_version.statuses = _by_name(events.classes[rows], CLASSES)
        if events.stages is not None:
            of_version.stages = _by_name(events.stages[rows], STAGES)
        if events.latencies is not None:
            self._add_latencies(of_version, events.latencies[rows])
        for name, amounts in events.sums.items():
            of_version.sums.setdefault(name, Sum()).add(amounts.take(rows))
        for name, seconds in events.durations.items():
            histogram = of_version.timings.setdefault(name, Histogram.empty(self.duration_bounds))
            histogram.observe(seconds[rows][np.isfinite(seconds[rows])], self.duration_bounds)
        answered = rows[made[rows]]
        for name, amounts in events.attributions.items():
            of_version.attributions.setdefault(name, Sum()).add(amounts.take(answered))
        for column in self.score_columns:
            of_version.scores[column.name].observe(_finite(events, column.name, answered), SCORE_BOUNDS)
        if self.value_column is not None and of_version.values is not None:
            of_version.values.observe(_finite(events, self.value_column.name, answered), self.value_bounds)

    def _add_latencies(self, of_version: VersionTraffic, seconds: NDArray[np.float64]) -> None:
        seconds = seconds[np.isfinite(seconds) & (seconds >= 0)]  # no duration is negative, and a sum must not fall
        if of_version.durations is None:
            of_version.durations = Histogram.empty(self.duration_bounds)
        of_version.durations.observe(seconds, self.duration_bounds)
        if self.slow_after is not None:
            of_version.slow = (of_version.slow or 0) + int((seconds > self.slow_after).sum())

    def add_classes(self, version: str, counts: NDArray[np.int64]) -> None:
        """Count predictions by class for good, from the value bins of the prediction column."""
        self.versions[version].add_classes(counts)

    def previous(self, version: str) -> str | None:
        """Return the version that was seen first before this one was, the last such; None where none is known.

        What is counted together as ``other`` comes before none and after none.
        """
        seen = sorted((counted.first_seen, name) for name, counted in self.versions.items() if name != OTHER)
        order = [name for _, name in seen]
        place = order.index(version) if version in order else 0
        return order[place - 1] if place else None

    def stale(self, since: float, *, now: float) -> list[str]:
        """Return the versions without requests since a time, the longest silent first."""
        # A time later than now comes from a clock that was put back since.
        seen = {version: counted.last_seen for version, counted in self.versions.items()}
        return sorted((v for v, last in seen.items() if not since <= last <= now + (now - since)), key=lambda v: seen[v])


def _by_name(positions: NDArray[np.uint8], names: Sequence[str]) -> dict[str, int]:
    """Return how often each name stands at some positions, without those that never do."""
    counts = np.bincount(positions, minlength=len(names)).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def _finite(events: Events, name: str, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = events.columns[name].to_numpy()[rows]
    return values[np.isfinite(values)]
