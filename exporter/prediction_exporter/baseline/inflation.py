"""Inflation: what a column's distances read in windows of the baseline, where that is more than sampling alone gives.

A column that wanders, or comes in sessions, is far from the whole of its baseline in many a window, although nothing is wrong.
The default effects of thresholds follow it, so that dashboards do not call that drift. Evidence and its budget of false alarms
know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.layout import Column, Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.evidence.replay import ENOUGH_WINDOWS, Windows
from prediction_exporter.statistics import STATISTICS, Comparison, Reference, Statistic
from prediction_exporter.statistics.base import Floats
from prediction_exporter.statistics.psi import PSI

Counts = NDArray[np.int64]

#: The share of windows without a change that are to be below the threshold.
USUAL = 0.95

#: A level counts where it is above what samples exceed so rarely: thresholds demand at least that of any window.
CHANCE = 0.01

#: The fewest values of a window that is compared, as by default in production.
FEWEST = 30

#: Windows of a length that are compared, evenly chosen of more, and how many at a time.
MOST, AT_A_TIME = 512, 256

#: Sizes of windows for which the noise is computed; it is a smooth function of them.
SIZES = 8

#: The statistics that are measured: distances that say what sampling alone reads, and whose threshold has a default.
MEASURED: tuple[Statistic, ...] = tuple(s for s in STATISTICS if s.noise is not None and s.threshold is not None)

#: How lengths of window are called.
LENGTH_WORDS = {1: "an hour", 6: "6 hours", 24: "a day", 72: "3 days", 168: "a week"}

#: Times its default effect, what the PSI of a normal column reads whose mean moved by a standard deviation: 0.93 of 0.2.
LARGE = 4.65


@dataclass(frozen=True, slots=True)
class Inflation:
    """What windows of a column read without any change.

    Attributes:
        hours: the lengths of window of which there were enough, increasing.
        levels: by statistic, for each length what 95 % of its windows were below, in the statistic's unit; 0 where sampling
            alone explains it, and no entry where no length is above the default effect.
    """

    hours: tuple[int, ...] = ()
    levels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def level(self, key: str, hours: float) -> float:
        """Return the level of a statistic in windows of any length.

        Between two lengths it is read off a line over the logarithm of the length. Shorter windows than the shortest have its
        level. In longer ones than the longest it falls with the length, as the variance of a mean does: what is not known is
        not to blind.

        >>> wander = Inflation((1, 24), {"psi": (0.1, 0.5)})
        >>> [round(wander.level("psi", hours), 3) for hours in (0.25, 1, 24**0.5, 24, 48)]
        [0.1, 0.1, 0.3, 0.5, 0.25]
        >>> wander.level("ks_statistic", 24)
        0.0
        """
        levels = self.levels.get(key)
        if levels is None:
            return 0.0
        inside = float(np.interp(np.log(hours), np.log(self.hours), levels))
        return inside * min(self.hours[-1] / hours, 1.0)


def measured(profile: Profile, lengths: Iterable[Windows]) -> Inflation:
    """Return what windows of a column read.

    Args:
        profile: of the whole baseline, of this column alone.
        lengths: the windows of each length, of the column's value bins.
    """
    [column] = profile.layout.columns
    hours: list[int] = []
    found: dict[str, list[float]] = {statistic.key: [] for statistic in MEASURED if statistic.applies_to(column)}
    for windows in lengths:
        enough = np.flatnonzero(np.minimum(windows.rows.sum(axis=1), windows.others.sum(axis=1)) >= FEWEST)
        apart = len(np.unique(windows.hours[enough] // windows.length))
        if not found or apart < ENOUGH_WINDOWS:
            continue
        hours.append(windows.length)
        if len(enough) > MOST:
            enough = enough[np.linspace(0, len(enough) - 1, MOST).round().astype(np.intp)]
        for key, level in _levels(column, windows.rows[enough], windows.others[enough], found).items():
            found[key].append(level)
    effects = _default_effects(profile)
    above = {key: tuple(levels) for key, levels in found.items() if max(levels, default=0.0) > effects[key]}
    return Inflation(tuple(hours), above)


def _default_effects(profile: Profile) -> dict[str, float]:
    """Return the effect that matters where nothing is configured, by statistic."""
    reference = Reference(profile, alpha=CHANCE, min_predictions=1)
    return {statistic.key: float(statistic.effect(reference)[0]) for statistic in MEASURED}


def _levels(column: Column, windows: Counts, against: Counts, keys: Iterable[str]) -> dict[str, float]:
    """Return what 95 % of windows are below, by statistic; 0 where samples of their sizes would be as well.

    Args:
        column: the column.
        windows: int64 (W, V), rows of each in the column's value bins.
        against: int64 (W, V), those that each is compared with: whatever stands for its baseline.
        keys: of the statistics.
    """
    statistics = [statistic for statistic in MEASURED if statistic.key in keys]
    values: dict[str, list[Floats]] = {statistic.key: [] for statistic in statistics}
    for begin in range(0, len(windows), AT_A_TIME):
        seen = _comparison(column, windows[begin : begin + AT_A_TIME], against[begin : begin + AT_A_TIME])
        for statistic in statistics:
            values[statistic.key].append(statistic.compute(seen))
    rows = windows.sum(axis=1)
    sizes = np.unique(np.geomspace(rows.min(), rows.max(), SIZES).round().astype(np.int64))
    typical = np.tile(against.sum(axis=0) // len(against), (len(sizes), 1))
    of_size = np.zeros_like(typical)
    of_size[:, 0] = sizes  # the noise is that of any window of so many values
    samples = _comparison(column, of_size, typical)
    levels = {}
    for statistic in statistics:
        assert statistic.noise is not None  # noqa: S101 - those that are measured have it
        read = np.concatenate(values[statistic.key])
        noise = statistic.noise.quantile(samples)
        with np.errstate(divide="ignore", invalid="ignore"):
            explained = np.exp(np.interp(np.log(rows), np.log(sizes), np.log(noise)))
        is_more = np.quantile(read - explained, USUAL) > 0  # NaN, where there is no noise or value, is not more
        levels[statistic.key] = float(f"{np.quantile(read, USUAL):.4g}") if is_more else 0.0
    return levels


def _comparison(column: Column, windows: Counts, against: Counts) -> Comparison:
    """Return windows seen each from its own baseline: as many columns alike, so that the statistics are those of production."""
    layout = _copies(column, len(windows))
    return Comparison(Reference(_profile(layout, against), alpha=CHANCE, min_predictions=1), _profile(layout, windows))


@lru_cache(maxsize=4)
def _copies(column: Column, number: int) -> Layout:
    return Layout([replace(column, name=str(place)) for place in range(number)])


def _profile(layout: Layout, counts: Counts) -> Profile:
    profile = Profile.empty(layout)
    profile.values[:] = counts.reshape(-1)
    return profile


def said(profile: Profile, inflation: Inflation) -> Iterator[str]:
    """Yield what a person should know of a column's PSI: how high it is without any change, and where it hardly tells one."""
    effect = _default_effects(profile)[PSI.key]
    levels = dict(zip(inflation.hours, inflation.levels.get(PSI.key, ()), strict=False))
    above = {hours: level for hours, level in levels.items() if level > effect}
    if not above:
        return
    read = " and ".join(f"{above[hours]:.2g} in windows of {_words(hours)}" for hours in _ends(above))
    yield f"PSI reads up to {read} without any change: thresholds of windows of such a length follow"
    blind = [hours for hours, level in above.items() if level >= LARGE * effect]
    if blind:
        names = " and ".join(map(_words, _ends(blind)))
        yield f"in windows of {names} not even a shift by 1 sd is above that: hardly any drift shows there on dashboards"


def _words(hours: int) -> str:
    return LENGTH_WORDS.get(hours, f"{hours} hours")


def _ends(hours: Iterable[int]) -> list[int]:
    """Return the shortest and the longest length, once where it is one."""
    found = list(hours)
    return sorted({found[0], found[-1]})
