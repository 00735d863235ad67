"""The table of one window's columns, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors.report import WindowReport
from prediction_exporter.counting.layout import Kind
from prediction_exporter.statistics import Statistic
from prediction_exporter.statistics.evaluation import ERROR, NO_BASELINE, NO_PREDICTIONS, OK, TOO_FEW
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.mean import MEAN
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO
from prediction_exporter.web.landing.figures import bins_of, histogram, meter
from prediction_exporter.web.landing.words import NOTHING, counted, distance, isolated, number, outside, percent, reason

#: What a column is called whose statistic is above its threshold, in the order of the table.
ALARMS: dict[Statistic, str] = {
    PSI: "drifted",
    MISSING_RATIO: "missing",
    INVALID_RATIO: "invalid",
    NON_FINITE_RATIO: "not finite",
    OUT_OF_RANGE_RATIO: "out of range",
    UNSEEN_RATIO: "unseen values",
}


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


class Window:
    """A window and the baseline side by side, to be asked column by column."""

    def __init__(self, report: WindowReport, baseline: Baseline, fewest: int) -> None:
        self.report = report
        self.columns = baseline.layout.columns
        self._fewest = fewest
        self._values = {statistic: self._read(statistic) for statistic in (*ALARMS, MEAN)}
        self._baseline_means = _means(baseline)
        self._offsets = baseline.layout.drift_offsets.tolist()
        self._then = baseline.profile.drift_counts.tolist()
        self._now = report.profile.drift_counts.tolist()
        self._valid_then = baseline.profile.valid.tolist()
        self._valid = report.profile.valid.tolist()
        indices = range(len(self.columns))
        self._alarms = [[word for s, word in ALARMS.items() if self.of(s, index).over] for index in indices]

    def _read(self, statistic: Statistic) -> list[Value]:
        result = self.report.results[statistic.key]
        nothing: list[float | None] = [None] * len(self.columns)
        lists = [
            nothing if array is None else [None if np.isnan(entry) else entry for entry in array.tolist()]
            for array in (result.values, result.threshold, result.noise_floor)
        ]
        return [Value(*entry) for entry in zip(*lists, strict=True)]

    def of(self, statistic: Statistic, index: int) -> Value:
        """Return a statistic of a column."""
        return self._values[statistic][index]

    def alarms(self, index: int) -> list[str]:
        """Return what is above its threshold in a column, in words."""
        return self._alarms[index]

    @property
    def alarmed(self) -> list[int]:
        """The columns with anything above its threshold."""
        return [index for index, alarms in enumerate(self._alarms) if alarms]

    @property
    def worst_first(self) -> list[int]:
        """The columns: first those with an alarm, and by PSI relative to its threshold among these and the others."""
        return sorted(
            range(len(self.columns)), key=lambda index: (not self._alarms[index], -self.of(PSI, index).relative, index)
        )

    def drift_counts(self, index: int) -> tuple[list[int], list[int]]:
        """Return the counts of a column's drift bins, of baseline and window."""
        bins = slice(*self._offsets[index : index + 2])
        return self._then[bins], self._now[bins]

    def means(self, index: int) -> tuple[float, float] | None:
        """Return the means of baseline and window, where both exist."""
        now, then = self.of(MEAN, index).value, self._baseline_means.get(index)
        return None if now is None or then is None else (then, now)

    def why_absent(self, statistic: Statistic, index: int) -> str:
        """Return why a column has no value of a statistic: as the evaluation decides, but in words and for this column."""
        statuses = self.report.results[statistic.key].statuses
        others = [status for status in statuses if status not in (OK, NO_PREDICTIONS, NO_BASELINE, TOO_FEW, ERROR)]
        then, rows, now = self._valid_then[index], self.report.profile.rows, self._valid[index]
        fewest = max(self._fewest, 1)
        holds = {
            "error": ERROR in statuses,
            "no_predictions": not rows,
            "no_baseline_values": statistic.compares and not then,
            "too_few_predictions": statistic.compares and rows < fewest,
            "no_values": not now,
            "too_few_values": statistic.compares and now < fewest,
            "too_few_baseline_values": statistic.compares and then < fewest,
        }
        found = next((status for status, held in holds.items() if held), others[0] if others else "no_values")
        return reason(found, fewest=fewest)


def _means(baseline: Baseline) -> dict[int, float]:
    """Return the baseline's mean of each numeric column that has one."""
    layout, profile = baseline.layout, baseline.profile
    with np.errstate(all="ignore"):
        means = layout.centers + layout.scales * (profile.sums[0] / profile.valid[layout.numeric])
    pairs = zip(layout.numeric.tolist(), means.tolist(), strict=True)
    return {index: mean for index, mean in pairs if np.isfinite(mean)}


def table(window: Window, *, most: int) -> str:
    """Return the table of a window's columns, at most so many of them."""
    order = window.worst_first
    rows = "".join(_row(window, index) for index in order[:most])
    name = outside(window.report.window)
    return (
        '<table class="columns"><caption><span class="key then"></span>baseline<span class="key now"></span>'
        f'last {name}<span class="key limit"></span>threshold<span class="key floor"></span>expected without drift</caption>'
        '<thead><tr><th scope="col" class="c1">Column</th><th scope="col" class="c2">Distribution</th>'
        '<th scope="col" class="c3">PSI</th><th scope="col" class="r">Missing</th><th scope="col" class="r">Invalid</th>'
        '<th scope="col" class="r">Outside baseline</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{_rest(window, order[most:])}"
    )


def _rest(window: Window, left: list[int]) -> str:
    if not left:
        return ""
    alarmed = sum(bool(window.alarms(index)) for index in left)
    which = f"{counted(alarmed, 'column')} of them above a threshold" if alarmed else "none of them above a threshold"
    return f'<p class="soft">{counted(len(left), "more column")}, {which}: see the metrics.</p>'


def _row(window: Window, index: int) -> str:
    column = window.columns[index]
    alarms = window.alarms(index)
    tags = "".join(f'<span class="tag">{alarm}</span> ' for alarm in alarms)
    marked = ' class="bad"' if alarms else ""
    outliers = OUT_OF_RANGE_RATIO if column.kind is Kind.NUMERIC else UNSEEN_RATIO
    return (
        f'<tr{marked}><th scope="row">{outside(column.name)}<small>{column.role} · {column.kind}</small>{tags}</th>'
        f'<td class="h">{_distribution(window, index)}</td>{_psi(window, index)}'
        f"{_ratio(window, MISSING_RATIO, index, 'Missing')}{_ratio(window, INVALID_RATIO, index, 'Invalid')}"
        f"{_ratio(window, outliers, index, 'Outside')}</tr>"
    )


def _distribution(window: Window, index: int) -> str:
    column = window.columns[index]
    then, now = window.drift_counts(index)
    bins = bins_of(column.drift_labels, then, now, merge=column.kind is Kind.CATEGORICAL)
    figure = histogram(bins, title=f"{isolated(column.name)}, baseline and now")
    means = window.means(index)
    return figure if means is None else f"{figure}<small>mean {number(means[0])} → {number(means[1])}</small>"


def _psi(window: Window, index: int) -> str:
    found = window.of(PSI, index)
    if found.value is None:
        return f'<td class="p" data-l="PSI">{NOTHING}<small>{window.why_absent(PSI, index)}</small></td>'
    if found.threshold is None or found.threshold <= 0:
        return f'<td class="p" data-l="PSI"><b>{distance(found.value)}</b></td>'
    over = " over" if found.over else ""
    return (
        f'<td class="p{over}" data-l="PSI"><b>{distance(found.value)}</b>{meter(found.value, found.threshold, found.floor)}'
        f"<small>threshold {distance(found.threshold)}</small></td>"
    )


def _ratio(window: Window, statistic: Statistic, index: int, label: str) -> str:
    lines = list(_ratio_lines(window, statistic, index))
    over = window.of(statistic, index).over
    if statistic is INVALID_RATIO:
        finite = window.of(NON_FINITE_RATIO, index)
        if finite.value:
            lines.append(f"<small>NaN, ∞ {percent(finite.value)}</small>")
            over = over or finite.over
    return f'<td class="r{" over" if over else ""}" data-l="{label}">{"".join(lines)}</td>'


def _ratio_lines(window: Window, statistic: Statistic, index: int) -> Iterator[str]:
    found = window.of(statistic, index)
    if found.value is None:
        yield f"{NOTHING}<small>{window.why_absent(statistic, index)}</small>"
    elif found.over and found.threshold is not None:
        yield f"<b>{percent(found.value)}</b><small>threshold {percent(found.threshold)}</small>"
    else:
        yield percent(found.value) if found.value else f'<span class="zero">{percent(0.0)}</span>'
