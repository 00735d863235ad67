"""A window as the page shows it: its figures, and a row for each of its columns, worst first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors.report import ReferenceReport, WindowReport
from prediction_exporter.counting.layout import Column, Kind, Role
from prediction_exporter.statistics import Statistic
from prediction_exporter.statistics.drifted_columns import DRIFTED_COLUMNS
from prediction_exporter.statistics.evaluation import ERROR, NO_BASELINE, NO_PREDICTIONS, NOT_WATCHED, OK, TOO_FEW, Result
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.mean import MEAN
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO
from prediction_exporter.web.landing.figures import bins_of, histogram, meter
from prediction_exporter.web.landing.topics import Remark, Topic
from prediction_exporter.web.landing.words import NOT_COMPARED, NOTHING, PRESENCE_ALONE, isolated, reason

#: What is said of a column whose statistic is above its threshold, in the order of the table.
ALARMS: dict[Statistic, Remark] = {
    PSI: Remark("drifted", Topic.FEATURE_DRIFT),
    MISSING_RATIO: Remark("missing", Topic.MISSING),
    INVALID_RATIO: Remark("invalid", Topic.INVALID),
    NON_FINITE_RATIO: Remark("not finite", Topic.INVALID),
    OUT_OF_RANGE_RATIO: Remark("out of range", Topic.OUT_OF_RANGE),
    UNSEEN_RATIO: Remark("unseen values", Topic.UNSEEN),
}


#: How the page calls what a window is seen from beside the baseline.
REFERENCES = {"week": "last week", "version": "the version before"}


@dataclass(frozen=True, slots=True)
class Value:
    """A statistic of a column with what stands beside it; None is absent."""

    value: float | None
    threshold: float | None
    floor: float | None

    @property
    def over(self) -> bool:
        """Whether it is above its threshold."""
        return self.value is not None and self.threshold is not None and self.value > self.threshold

    @property
    def relative(self) -> float:
        """The value in units of its threshold, to sort by; -1 where it has none."""
        if self.value is None or self.threshold is None:
            return -1.0
        return self.value / self.threshold if self.threshold > 0 else float(self.value > 0)


@dataclass(frozen=True, slots=True)
class Figure:
    """A statistic of a whole window, or why it has none."""

    title: str
    value: float | None
    absent: Remark


@dataclass(frozen=True, slots=True)
class Share:
    """A cell of the table: a share of the window's values, or why there is none; ``not_finite`` are those beside it."""

    label: str
    found: Value
    absent: Remark | None
    not_finite: Value | None = None

    @property
    def over(self) -> bool:
        """Whether any of it is above its threshold."""
        return self.found.over or (self.not_finite is not None and self.not_finite.over)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        importance: the part of the model's output that it carries, 0 to 1; None where that is not known.
        means: those of baseline and window, where both exist.
        of_hours: whether the baseline's distribution is that of the window's hours.
        usual: whether the threshold of its PSI is what windows of this length read without a change.
        others: what the PSI is seen from beside the baseline, where there is anything to compare.
    """

    column: Column
    importance: float | None
    alarms: list[Remark]
    figure: Markup
    means: tuple[float, float] | None
    of_hours: bool
    psi: Value
    usual: bool
    meter: Markup | None
    absent: Remark | None
    shares: tuple[Share, ...]
    others: tuple[tuple[str, Value], ...] = ()


class Window:
    """A window and the baseline side by side, to be asked column by column."""

    def __init__(
        self,
        report: WindowReport,
        baseline: Baseline,
        fewest: int,
        references: Sequence[ReferenceReport] = (),
        *,
        hours: float,
        importance: Sequence[float] | None = None,
    ) -> None:
        self.report = report
        self.name = report.window
        self.rows = report.profile.rows
        self.columns = baseline.layout.columns
        self._importance = importance
        self._fewest = max(fewest, 1)
        self._usual = [inflation.level(PSI.key, hours) for inflation in baseline.inflation] or [0.0] * len(self.columns)
        self._values = {statistic.key: self._read(report.results[statistic.key]) for statistic in (*ALARMS, MEAN)}
        self._others = {REFERENCES[of.reference]: self._read(of.results[PSI.key]) for of in references}
        self._baseline_means = _means(baseline)
        self._offsets = baseline.layout.drift_offsets.tolist()
        self._then: list[float] = baseline.profile.drift_counts.tolist()
        self._of_hours: set[int] = set()
        if report.expected is not None and report.expected.season is not None:
            self._then = report.expected.counts.tolist()
            self._of_hours = set(report.expected.season.columns.tolist())
        self._now = report.profile.drift_counts.tolist()
        self._valid_then = baseline.profile.valid.tolist()
        self._valid = report.profile.valid.tolist()
        self._alarms = [self._alarms_of(index) for index in range(len(self.columns))]

    def _read(self, result: Result) -> list[Value]:
        nothing: list[float | None] = [None] * len(self.columns)
        lists = [
            nothing if array is None else [None if np.isnan(entry) else entry for entry in array.tolist()]
            for array in (result.values, result.threshold, result.noise_floor)
        ]
        return [Value(*entry) for entry in zip(*lists, strict=True)]

    def _alarms_of(self, index: int) -> list[Remark]:
        drift = Topic.FEATURE_DRIFT if self.columns[index].role is Role.FEATURE else Topic.PREDICTION_DRIFT
        found = [remark for statistic, remark in ALARMS.items() if self.of(statistic, index).over]
        return [replace(remark, topic=drift) if remark.topic is Topic.FEATURE_DRIFT else remark for remark in found]

    def of(self, statistic: Statistic, index: int) -> Value:
        """Return a statistic of a column."""
        return self._values[statistic.key][index]

    @property
    def alarmed(self) -> list[int]:
        """The columns with anything above its threshold."""
        return [index for index, alarms in enumerate(self._alarms) if alarms]

    @property
    def worst_first(self) -> list[int]:
        """The columns: first those with an alarm, and by the largest multiple of a threshold among these and the others."""

        def worst(index: int) -> float:
            return max(self.of(statistic, index).relative for statistic in ALARMS)

        return sorted(range(len(self.columns)), key=lambda index: (not self._alarms[index], -worst(index), index))

    @property
    def drifted(self) -> Figure:
        """How many features have drifted."""
        return Figure(DRIFTED_COLUMNS.title, drifted(self.report), self._no_figure(DRIFTED_COLUMNS))

    @property
    def compared(self) -> int:
        """How many features could be compared."""
        return sum(
            self.of(PSI, index).value is not None for index, column in enumerate(self.columns) if column.role is Role.FEATURE
        )

    @property
    def compares_nothing(self) -> bool:
        """Whether the baseline has no column that could ever be compared."""
        return not any(column.kind in PSI.kinds for column in self.columns)

    @property
    def is_compared(self) -> bool:
        """Whether any column could be compared."""
        return any(value.value is not None for value in self._values[PSI.key])

    @property
    def outliers(self) -> Figure:
        """The share of predictions with an outlier."""
        value = float(self.report.results[OUTLIER_RATIO.key].values)
        return Figure(OUTLIER_RATIO.title, None if math.isnan(value) else value, self._no_figure(OUTLIER_RATIO))

    def _no_figure(self, statistic: Statistic) -> Remark:
        statuses = [status for status in self.report.results[statistic.key].statuses if status != OK]
        return self._remark(statuses[0]) if statuses else Remark(NOTHING)

    def row(self, index: int) -> Row:
        """Return the row of a column."""
        column, psi = self.columns[index], self.of(PSI, index)
        outside = OUT_OF_RANGE_RATIO if column.kind is Kind.NUMERIC else UNSEEN_RATIO
        return Row(
            column=column,
            importance=self._importance_of(index),
            alarms=self._alarms[index],
            figure=self._distribution(index),
            means=self._means(index),
            of_hours=index in self._of_hours,
            psi=psi,
            usual=psi.threshold is not None and psi.threshold == self._usual[index],
            meter=meter(psi.value, psi.threshold, psi.floor) if psi.value is not None and psi.threshold else None,
            absent=self._why_absent(PSI, index) if psi.value is None else None,
            shares=(
                self._share("Missing", MISSING_RATIO, index),
                replace(self._share("Invalid", INVALID_RATIO, index), not_finite=self.of(NON_FINITE_RATIO, index)),
                self._share("Outside", outside, index),
            ),
            others=tuple((name, values[index]) for name, values in self._others.items() if values[index].value is not None),
        )

    def _importance_of(self, index: int) -> float | None:
        known = None if self._importance is None else self._importance[index]
        return None if known is None or math.isnan(known) else known

    def _share(self, label: str, statistic: Statistic, index: int) -> Share:
        found = self.of(statistic, index)
        return Share(label, found, self._why_absent(statistic, index) if found.value is None else None)

    def _distribution(self, index: int) -> Markup:
        column = self.columns[index]
        bins = slice(*self._offsets[index : index + 2])
        merge = column.kind is Kind.CATEGORICAL
        bars = bins_of(column.drift_labels, self._then[bins], self._now[bins], merge=merge)
        return histogram(bars, title=f"{isolated(column.name)}, baseline and now")

    def _means(self, index: int) -> tuple[float, float] | None:
        if index in self._of_hours:
            return None  # the baseline's is of all hours: of those that are compared, shares are all that is known
        now, then = self.of(MEAN, index).value, self._baseline_means.get(index)
        return None if now is None or then is None else (then, now)

    def _why_absent(self, statistic: Statistic, index: int) -> Remark:
        """Return why a column has no value of a statistic: as the evaluation decides, but for this column."""
        if self.columns[index].kind not in statistic.kinds:
            made = [column.name for column in self.columns if column.of == self.columns[index].name]
            if made and statistic is PSI:
                return Remark(f"see {' and '.join(made)}")
            return self._remark(PRESENCE_ALONE if statistic is PSI else NOT_COMPARED)
        statuses = self.report.results[statistic.key].statuses
        others = [status for status in statuses if status not in (OK, NO_PREDICTIONS, NO_BASELINE, TOO_FEW, ERROR)]
        then, rows, now = self._valid_then[index], self.rows, self._valid[index]
        holds = {
            NOT_WATCHED: NOT_WATCHED in statuses,
            "derived": not statistic.applies_to(self.columns[index]) and self.columns[index].is_derived,
            ERROR: ERROR in statuses,
            NO_PREDICTIONS: not rows,
            NO_BASELINE: statistic.compares and not then,
            TOO_FEW: statistic.compares and rows < self._fewest,
            "no_values": not now,
            "too_few_values": statistic.compares and now < self._fewest,
            "too_few_baseline_values": statistic.compares and then < self._fewest,
        }
        return self._remark(next((status for status, held in holds.items() if held), others[0] if others else "no_values"))

    def _remark(self, status: str) -> Remark:
        return Remark(reason(status, fewest=self._fewest), Topic.FAILED if status == ERROR else None)


def drifted(window: WindowReport) -> int | None:
    """Return the number of a window's drifted features, None where none could be compared.

    The column that a segment is cut by is left out: within the segment it has one value, which is no drift.
    """
    psi = window.results[PSI.key]
    if psi.threshold is None:
        return None
    columns = window.profile.layout.columns
    features = np.array([c.role is Role.FEATURE and not window.segment.startswith(f"{c.name}=") for c in columns])
    compared = features & np.isfinite(psi.values)
    return int((psi.values > psi.threshold)[compared].sum()) if compared.any() else None


def _means(baseline: Baseline) -> dict[int, float]:
    """Return the baseline's mean of each numeric column that has one."""
    layout, profile = baseline.layout, baseline.profile
    with np.errstate(all="ignore"):
        means = layout.centers + layout.scales * (profile.sums[0] / profile.valid[layout.numeric])
    pairs = zip(layout.numeric.tolist(), means.tolist(), strict=True)
    return {index: mean for index, mean in pairs if np.isfinite(mean)}
