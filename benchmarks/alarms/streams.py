"""Streams: counts of a model's cells by slice, drawn for a world, and the baseline that is built of earlier rows of it.

Each value is a function of a standard normal number, which sessions share, which cycles and wander move. Where rows depend
on nothing but the time, counts are drawn from the shares of the cells and no row is, so much traffic is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from alarms.worlds import NONE, Change, World
from prediction_exporter.baseline.expected import outside_range, outside_table, own_bins
from prediction_exporter.baseline.kinds import MAX_CATEGORIES
from prediction_exporter.baseline.numbers import numeric_column
from prediction_exporter.counting.cells import STATE_CELLS, cell_starts
from prediction_exporter.counting.entities import Entities
from prediction_exporter.counting.layout import Column, Kind, Role
from prediction_exporter.counting.slices import SLICE_SECONDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = NDArray[np.int32]
Numbers = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]

HOUR, DAY, WEEK = 3_600, 86_400, 604_800

#: A Monday, 00:00 UTC: where production begins, after whole weeks of baseline.
MONDAY = 4 * DAY

#: Rows of a baseline at most; those of more traffic are a sample, unless sessions bind them or their mean wanders.
MOST_ROWS = 100_000

#: How much a day's traffic goes up and down in worlds with cycles.
BUSY = 0.8

#: What a lognormal value's logarithm varies by.
LOGNORMAL = 0.75

#: Sizes of sessions where they are very different, and their shares: a power law.
CROWD = np.arange(1, 2_001)
CROWD_SHARES = CROWD**-2.0 / (CROWD**-2.0).sum()


def value_of(world: World, latent: Floats) -> Floats:
    """Return the values of standard normal numbers."""
    found: Floats = latent
    if world.tails == "lognormal":
        found = np.asarray(np.exp(LOGNORMAL * latent))
    if world.tails == "cauchy":
        found = np.asarray(np.tan(np.pi * (ndtr(latent) - 0.5)), np.float64)
    return found


def latent_of(world: World, value: Floats) -> Floats:
    """Return the standard normal numbers of values."""
    found: Floats = value
    if world.tails == "lognormal":
        with np.errstate(divide="ignore"):
            found = np.asarray(np.log(np.maximum(value, 0.0)) / LOGNORMAL)
    if world.tails == "cauchy":
        found = np.asarray(ndtri(np.arctan(value) / np.pi + 0.5), np.float64)
    return found


#: The standard deviation of values; Cauchy's, which have none, in units of half of the distance between their quartiles.
UNITS = {"normal": 1.0, "lognormal": float(np.sqrt((np.exp(LOGNORMAL**2) - 1) * np.exp(LOGNORMAL**2))), "cauchy": 1.0}


@dataclass(frozen=True, eq=False)
class Watched:
    """A column of the baseline.

    Attributes:
        column: as the product would bin it.
        thresholds: values, or latent numbers of categories, at which the next of the intervals begins, increasing.
        cells: the cell of each interval.
        count: how many cells there are.
        outside: what is expected outside of the baseline.
    """

    column: Column
    thresholds: Floats
    cells: Ints
    count: int
    outside: tuple[float, float]

    @classmethod
    def of_numbers(cls, name: str, values: Floats) -> Watched:
        """Return a column of numbers."""
        values = np.sort(values)
        column = numeric_column(name, Role.FEATURE, values)
        starts = cell_starts(column)
        outside = outside_range(int((values == values[0]).sum()), int((values == values[-1]).sum()))
        thresholds = np.array(column.edges)[np.array(starts[1:], np.intp) - 1]
        return cls(column, thresholds, np.arange(len(starts)), len(starts) + STATE_CELLS, (outside.rows, outside.variance))

    @classmethod
    def of_categories(cls, name: str, counts: Ints, thresholds: Floats) -> Watched:
        """Return a column of categories, which begin at thresholds, by how often each of them was seen."""
        ranked = np.argsort(-counts, kind="stable")
        frequent = [int(counts[category]) for category in ranked if counts[category]]
        table = ranked[: min(MAX_CATEGORIES, len(frequent))]
        own = own_bins(frequent, len(table))
        column = Column(
            name=name,
            role=Role.FEATURE,
            kind=Kind.CATEGORICAL,
            categories=tuple(map(str, table)),
            own_bins=own if 0 < own < len(table) else None,
        )
        starts = cell_starts(column)
        cells = np.full(len(counts), len(starts) - 1)
        cells[table] = np.searchsorted(starts, np.arange(len(table)), side="right") - 1
        outside = outside_table(frequent, len(table))
        return cls(column, thresholds, cells, len(starts) + STATE_CELLS, (outside.rows, outside.variance))

    def places(self, values: Floats, absent: NDArray[np.bool_]) -> Ints:
        """Return the cell of each row."""
        cells = self.cells[np.searchsorted(self.thresholds, values, side="right")]
        return np.where(absent, self.count - STATE_CELLS, cells)


@dataclass(eq=False)
class Times:
    """Rows of a stretch of time.

    Attributes:
        seconds: int64 (N,), of each row.
        session: int64 (N,), which session it is of.
        sessions: how many there are.
    """

    seconds: Ints
    session: Ints
    sessions: int


class Stream:
    """One model's traffic.

    Args:
        world: what it is like.
        seed: of the random numbers.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = np.random.default_rng([seed, *map(ord, world.key)])
        self.hourly: Ints
        self.drawn: Times | None = None  # the last rows of production, where rows were drawn
        self.watched = self._build()

    # The baseline

    def _build(self) -> list[Watched]:
        world = self.world
        self._phases = self.rng.random(world.columns)
        begin, seconds = MONDAY - world.days * DAY, world.days * DAY
        expected = world.rate * seconds / HOUR
        # What is independent may be thinned without changing anything but the baseline's size.
        thin = min(1.0, MOST_ROWS / expected) if world.is_independent and not world.wander else 1.0
        times = self._times(begin, seconds, world.rate * thin)
        kept = np.flatnonzero(self.rng.random(len(times.seconds)) < world.sampled)
        if world.rows is not None:
            kept = np.sort(self.rng.choice(len(times.seconds), min(world.rows, len(times.seconds)), replace=False))
        hours = (times.seconds[kept] - begin) // HOUR
        common = self._common(times)
        found, counted = [], []
        for number in range(world.columns):
            latent = self._latent(number, times, common, begin, seconds)[kept]
            absent = self._absent(times, world.missing)[kept]
            watched = self._watched(number, latent[~absent])
            cells = watched.places(self._values(latent, number), absent)
            counted.append(np.bincount(hours * watched.count + cells, minlength=world.days * 24 * watched.count))
            found.append(watched)
        self.hourly = np.concatenate(
            [counts.reshape(-1, watched.count) for counts, watched in zip(counted, found, strict=True)], axis=1
        )
        return found

    def _is_number(self, number: int) -> bool:
        return not self.world.categories or number < self.world.calendar

    def _values(self, latent: Floats, number: int) -> Floats:
        if number < self.world.calendar or self.world.categories:
            return latent
        return value_of(self.world, latent)

    def _watched(self, number: int, latent: Floats) -> Watched:
        if self._is_number(number):
            return Watched.of_numbers(f"c{number}", self._values(latent, number))
        shares = self._shares_of_categories
        thresholds = ndtri(np.cumsum(shares)[:-1])
        counts = np.bincount(np.searchsorted(thresholds, latent, side="right"), minlength=len(shares))
        return Watched.of_categories(f"c{number}", counts, thresholds)

    @cached_property
    def _shares_of_categories(self) -> Floats:
        ranks = np.arange(1.0, self.world.categories + 1)
        steepness = 1.0 if self.world.categories < 20 else 1.5
        shares = np.asarray(ranks**-steepness, np.float64)
        return shares / float(shares.sum())

    # What moves without drift

    def _load(self, seconds: Numbers) -> Floats:
        """Return the traffic at a time, over its mean."""
        if self.world.hours < 24:
            is_open = np.asarray(seconds) % DAY < self.world.hours * HOUR
            return np.where(is_open, 24.0 / self.world.hours, 0.0)
        if not (self.world.daily or self.world.weekly):
            return np.ones(len(seconds))
        load: Floats = 1.0 + BUSY * np.sin(2 * np.pi * np.asarray(seconds) / DAY)
        return load

    def _mean(self, number: int, seconds: Numbers) -> Floats:
        """Return the mean of a column's latent number at a time, but for its wander."""
        world, at = self.world, np.asarray(seconds)
        mean = np.zeros(len(at))
        if world.has_cycle(number):
            mean += world.daily * np.sin(2 * np.pi * (at / DAY + self._phases[number]))
            mean += world.weekly * np.sin(2 * np.pi * (at - MONDAY) / WEEK)
        return mean

    def _wander(self, seconds: int) -> Floats:
        """Return the wander of each hour and one more."""
        hours = seconds // HOUR + 2
        kept = np.exp(-1 / (24 * self.world.wander_days))
        steps = self.rng.standard_normal(hours) * np.sqrt(1 - kept**2)
        found = np.empty(hours)
        found[0] = self.rng.standard_normal()
        for hour in range(1, hours):
            found[hour] = kept * found[hour - 1] + steps[hour]
        return self.world.wander * found

    # Rows

    def _times(self, begin: int, seconds: int, rate: float) -> Times:
        world, rng = self.world, self.rng
        minutes = np.arange(seconds // 60)
        load = self._load(begin + minutes * 60)
        repeated = 1 / (1 - world.retries) if world.retries else 1.0
        mean = float((CROWD * CROWD_SHARES).sum()) if world.crowded else world.session
        sessions = rng.poisson(rate / 60 / mean / repeated * load)
        start = np.repeat(minutes, sessions) * 60.0
        total = len(start)
        start += rng.random(total) * 60
        size = rng.geometric(1 / world.session, total) if world.session > 1 else np.ones(total, np.int64)
        if world.crowded:
            size = rng.choice(CROWD, total, p=CROWD_SHARES)
        session = np.repeat(np.arange(total), size)
        at = start[session]
        if world.session > 1 or world.crowded:
            at = at + rng.random(len(at)) * world.minutes * 60
        if world.retries:
            again = rng.geometric(1 - world.retries, len(at))
            session, at = np.repeat(session, again), np.repeat(at, again)
            first = np.concatenate(([0], np.cumsum(again)[:-1]))
            is_first = np.zeros(len(at), np.bool_)
            is_first[first] = True
            at = at + np.where(is_first, 0.0, rng.random(len(at)) * 20)
        inside = at < seconds
        return Times(begin + at[inside].astype(np.int64), session[inside], total)

    def _common(self, times: Times) -> Floats | None:
        return self.rng.standard_normal(times.sessions) if self.world.common else None

    def _latent(self, number: int, times: Times, common: Floats | None, begin: int, seconds: int) -> Floats:
        world = self.world
        if number < world.calendar:
            since = times.seconds - MONDAY
            return (since % DAY // HOUR if number % 2 == 0 else since % WEEK // DAY).astype(np.float64)
        own = self.rng.standard_normal(times.sessions)
        if common is not None:
            own = np.sqrt(world.common) * common + np.sqrt(1 - world.common) * own
        latent = own[times.session]
        if world.has_cycle(number):
            latent = latent + self._mean(number, times.seconds)
        if world.wander:
            latent = latent + self._wander(seconds)[(times.seconds - begin) // HOUR]
        return latent

    def _absent(self, times: Times, share: float) -> NDArray[np.bool_]:
        if not share:
            return np.zeros(len(times.seconds), np.bool_)
        absent: NDArray[np.bool_] = (self.rng.random(times.sessions) < share)[times.session]
        return absent

    # Production

    def live(self, days: int, change: Change = NONE, after_days: float = 0.0) -> list[Counts]:
        """Return the counts of production by slice, (T, cells), of each replica.

        Args:
            days: how long.
            change: what changes.
            after_days: when.
        """
        if self.world.is_independent:
            return [self._drawn(days, change, after_days)]
        return self._counted(days, change, after_days)

    def sketches(self, days: int) -> list[Entities]:
        """Return how many rows each session has in each slice of what was drawn last: sessions are the entities."""
        times = self.drawn
        if times is None:
            raise ValueError("no rows were drawn: nothing binds them")
        slices = (times.seconds - MONDAY) // SLICE_SECONDS
        order = np.argsort(slices, kind="stable")
        bounds = np.searchsorted(slices[order], np.arange(days * DAY // SLICE_SECONDS + 1))
        hashes = self.rng.integers(1, np.iinfo(np.uint64).max, times.sessions, np.uint64)[times.session[order]]
        return [Entities.of(hashes[begin:end]) for begin, end in pairwise(bounds.tolist())]

    def rows(self, days: int, change: Change = NONE) -> tuple[Ints, list[Floats]]:
        """Return rows of numbers without counting them: their times, and the values of each column."""
        times = self._times(MONDAY, days * DAY, self.world.rate)
        order = np.argsort(times.seconds, kind="stable")
        strength, common = self._strength(change, times.seconds, 0.0), self._common(times)
        found = []
        for number in range(self.world.columns):
            values = self._values(self._latent(number, times, common, MONDAY, days * DAY), number)
            found.append((values * (1 + (change.spread - 1) * strength) + change.shift * strength)[order])
        return times.seconds[order], found

    def _strength(self, change: Change, seconds: Numbers, after_days: float) -> Floats:
        """Return how much of a change there is at a time, 0 to 1."""
        since = (np.asarray(seconds) - MONDAY) / DAY - after_days
        if change.ramp_days:
            return np.clip(since / change.ramp_days, 0.0, 1.0)
        return (since >= 0).astype(np.float64)

    def _drawn(self, days: int, change: Change, after_days: float) -> Counts:
        """Draw counts: rows are independent, given the time."""
        world, rng = self.world, self.rng
        slices = days * DAY // SLICE_SECONDS
        start = MONDAY + np.arange(slices) * SLICE_SECONDS
        rows = rng.poisson(world.rate * SLICE_SECONDS / HOUR * self._load(start + SLICE_SECONDS / 2))
        strength = self._strength(change, start, after_days)
        found = []
        for number, watched in enumerate(self.watched):
            mean = self._mean(number, start + SLICE_SECONDS / 2)
            if world.wander:
                mean = mean + self._wander(days * DAY)[(start - MONDAY) // HOUR]
            distinct, which = np.unique(np.stack([mean, strength]), axis=1, return_inverse=True)
            shares = np.stack([self._shares(watched, at, much, change) for at, much in distinct.T])
            found.append(rng.multinomial(rows, shares[which.reshape(-1)]).astype(np.int32))
        return np.concatenate(found, axis=1)

    def _shares(self, watched: Watched, mean: float, strength: float, change: Change) -> Floats:
        """Return the share of each cell of a column whose latent number has this mean."""
        world = self.world
        spread = 1 + (change.spread - 1) * strength
        if world.categories:
            at = (watched.thresholds - change.shift * strength) / spread - mean
        else:
            moved = watched.thresholds - change.shift * strength * UNITS[world.tails]
            at = latent_of(world, moved / spread) - mean
        shares = np.diff(np.concatenate(([0.0], ndtr(at), [1.0])))
        cells = np.bincount(watched.cells, np.maximum(shares, 0.0), minlength=watched.count).astype(np.float64)
        category = change.category * strength
        cells = cells * (1 - category)
        cells[self._favoured(watched)] += category
        absent = world.missing + (1 - world.missing) * change.missing * strength
        cells = cells * (1 - absent)
        cells[watched.count - STATE_CELLS] += absent
        cells /= cells.sum()
        return cells

    def _favoured(self, watched: Watched) -> int:
        return 0 if watched.column.kind is Kind.CATEGORICAL else (watched.count - STATE_CELLS) // 2

    def _counted(self, days: int, change: Change, after_days: float) -> list[Counts]:
        """Draw rows and count them."""
        world, rng = self.world, self.rng
        times = self.drawn = self._times(MONDAY, days * DAY, world.rate)
        slices = (times.seconds - MONDAY) // SLICE_SECONDS
        strength = self._strength(change, times.seconds, after_days)
        replica = rng.integers(0, world.replicas, len(slices)) if world.replicas > 1 else np.zeros(len(slices), np.int64)
        total = days * DAY // SLICE_SECONDS
        common = self._common(times)
        found = []
        for number, watched in enumerate(self.watched):
            latent = self._latent(number, times, common, MONDAY, days * DAY)
            values = self._values(latent, number)
            is_calendar = number < world.calendar
            if (change.shift or change.spread != 1) and not is_calendar:
                unit = 1.0 if world.categories else UNITS[world.tails]
                values = values * (1 + (change.spread - 1) * strength) + change.shift * unit * strength
            absent = self._absent(times, world.missing)
            if change.missing:
                absent = absent | (rng.random(times.sessions)[times.session] < change.missing * strength)
            cells = watched.places(values, np.zeros(len(values), np.bool_))
            if change.category:
                taken = rng.random(times.sessions)[times.session] < change.category * strength
                cells = np.where(taken, self._favoured(watched), cells)
            cells = np.where(absent, watched.count - STATE_CELLS, cells)
            places = (replica * total + slices) * watched.count + cells
            counts = np.bincount(places, minlength=world.replicas * total * watched.count)
            found.append(counts.reshape(world.replicas, total, watched.count).astype(np.int32))
        return list(np.concatenate(found, axis=2))
