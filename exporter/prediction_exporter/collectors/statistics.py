"""Statistics: the series of every statistic, and why one is absent."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.collectors.prefixes import Place, Prefixes
from prediction_exporter.collectors.report import WindowReport
from prediction_exporter.collectors.windows import segments_of
from prediction_exporter.counting.layout import Column, Layout
from prediction_exporter.counting.profiler import segment_column
from prediction_exporter.exposition import Samples
from prediction_exporter.families import WINDOW, Family
from prediction_exporter.statistics import STATISTICS, Reference, Statistic
from prediction_exporter.statistics.base import Constant
from prediction_exporter.statistics.evaluation import Result, full_result

logger = logging.getLogger(__name__)

STATISTIC_STATUS = Family(
    name="model_statistic_status",
    type="gauge",
    labels=(*WINDOW, "statistic", "reason"),
    group="window",
    help="Columns for which the statistic has this status: ok, or the reason why its value is absent.",
)


class StatisticSeries(ModelSeries):
    """The statistics of one model's windows. Without a baseline there are none."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._prefixes = Prefixes(subject.model.name)
        self._constants = Samples()
        self._columns: tuple[Column, ...] = ()
        self._applies: dict[str, NDArray[np.intp]] = {}
        if subject.baseline is not None:
            layout = subject.baseline.layout
            self._columns = tuple(layout.columns)
            self._applies = {s.key: np.flatnonzero(s.applies(layout)) for s in STATISTICS if s.scope == "column"}
            for constant in (constant for statistic in STATISTICS for constant in statistic.constants):
                self._render_constant(constant, layout, subject.references)

    def _render_constant(self, constant: Constant, layout: Layout, references: Mapping[str, Reference]) -> None:
        by_window = "window" in constant.family.labels
        for window, reference in references.items() if by_window else [*references.items()][:1]:
            values = _constant_values(constant, reference)
            at = (window,) if by_window else ()
            for end, value in zip(_ends(layout.columns, constant.extra), values.reshape(-1).tolist(), strict=True):
                if np.isfinite(value):
                    self._constants.add(constant.family, self._subject.labels(constant.family, *at, *end), value)

    def render(self, moment: Moment) -> Samples:
        """Return values, noise floors, thresholds and statuses of every window; what cannot be computed is absent."""
        samples = self._constants.copy()
        for window in moment.windows:
            self._render_window(samples, window)
        return samples

    def most(self) -> Most:
        """Count the statistics of all windows and segments as if none were absent, with as many statuses as there may be."""
        baseline = self._subject.baseline
        if baseline is None:
            return Most({}, {})
        samples = Samples()
        for window, reference in self._subject.references.items():
            for segment in segments_of(self._subject, baseline):
                results = {s.key: full_result(s, reference, fixed=segment_column(segment)) for s in STATISTICS}
                self._render_window(samples, WindowReport("1", segment, window, baseline.profile, results))
        self.forget("1")
        return Most.of(self._constants, samples)

    def forget(self, version: str) -> None:
        """Drop the version's prefixes."""
        self._prefixes.forget(version)

    def _render_window(self, samples: Samples, report: WindowReport) -> None:
        at = (report.version, report.segment, report.window)
        for statistic in STATISTICS:
            result = report.results[statistic.key]
            for reason, count in result.statuses.items():
                samples.add(STATISTIC_STATUS, self._subject.labels(STATISTIC_STATUS, *at, statistic.key, reason), count)
            if statistic.scope == "window":
                samples.extend(statistic.family, self._prefixes.of(statistic.family, at, lambda: [()]), result.values[None])
            else:
                self._render_columns(samples, statistic, result, at)

    def _render_columns(self, samples: Samples, statistic: Statistic, result: Result, at: Place) -> None:
        applies = self._applies[statistic.key]
        columns = [self._columns[index] for index in applies]
        extra = statistic.extra[1] if statistic.extra is not None else ()
        prefixes = self._prefixes.of(statistic.family, at, lambda: _ends(columns, extra))
        samples.extend(statistic.family, prefixes, result.values[applies].reshape(-1))
        companion = statistic.companion.family if statistic.companion is not None else statistic.family
        for family, beside in (
            (statistic.noise_floor_family, result.noise_floor),
            (statistic.threshold_family, result.threshold),
            (companion, result.companion),
        ):
            if beside is not None:
                samples.extend(family, self._prefixes.of(family, at, lambda: _ends(columns)), beside[applies])


def _ends(columns: Iterable[Column], extra: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the last label values of a statistic's series: column, role, and the extra label where there is one."""
    ends: list[tuple[str, ...]] = [(value,) for value in extra] or [()]
    return [(column.name, column.role, *end) for column in columns for end in ends]


def _constant_values(constant: Constant, reference: Reference) -> NDArray[np.float64]:
    """Return a constant's values, of the shape that it declares; one that fails is absent and takes nothing beside it down."""
    try:
        return constant.compute(reference)
    except Exception:  # whatever it is, as for statistics
        logger.exception("%s failed", constant.family)
        return np.full((len(reference.layout.columns), len(constant.extra) or 1), np.nan)


COLLECTOR = ModelCollector(
    name="statistics",
    summary="Data quality and drift of every column, with noise floors and thresholds, and why a value is absent.",
    families=(STATISTIC_STATUS, *(family for statistic in STATISTICS for family in statistic.families)),
    maturity=1,
    of_predictions=True,
    open=StatisticSeries,
)
