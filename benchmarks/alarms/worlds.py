"""Worlds: what traffic is like in each cell of the table, and what may change in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Tails = Literal["normal", "lognormal", "cauchy"]


@dataclass(frozen=True, kw_only=True)
class World:
    """Traffic of one model without drift.

    Attributes:
        key: its name in results.
        title: what it is, for the table.
        rate: events an hour, on average.
        columns: how many.
        session: mean rows of a session; all of its rows have the same values.
        minutes: within how many minutes the rows of a session come.
        daily, weekly: amplitude, in standard deviations, of the cycles of every fifth column; traffic has them too.
        calendar: columns that are the hour of the day, or the day of the week.
        wander, wander_days: standard deviation of a slow wander of every column, and the days that it remembers.
        days: of the baseline.
        rows: of the baseline, at most; None for all of its days.
        sampled: share of the rows that the baseline has.
        tails: of the values' distribution.
        categories: of every column, 0 for numbers.
        missing: share of the rows without a value, and of sessions where there are any.
        common: correlation of any two columns.
        retries: chance that an event is repeated within seconds, and the repetition again.
        replicas: that share the traffic.
        hours: of a day that have traffic.
        crowded: whether sessions are of very different sizes, a few of them of thousands of rows.
    """

    key: str
    title: str
    rate: float
    columns: int = 10
    session: float = 1.0
    minutes: int = 30
    daily: float = 0.0
    weekly: float = 0.0
    calendar: int = 0
    wander: float = 0.0
    wander_days: float = 3.0
    days: int = 28
    rows: int | None = None
    sampled: float = 1.0
    tails: Tails = "normal"
    categories: int = 0
    missing: float = 0.0
    common: float = 0.0
    retries: float = 0.0
    replicas: int = 1
    hours: int = 24
    crowded: bool = False

    @property
    def is_independent(self) -> bool:
        """Whether rows are, given the time, so that counts can be drawn instead of rows."""
        is_bound = self.session > 1 or self.retries or self.common or self.crowded
        return not is_bound and self.replicas == 1 and not self.calendar

    @property
    def has_many_rows(self) -> bool:
        """Whether it takes minutes to draw."""
        return self.rate >= 5_000 and (self.wander > 0 or not self.is_independent)

    @property
    def design_effect(self) -> float:
        """Rows that stand for one independent row, if nothing but sessions and retries binds them."""
        repeated = 1 + 2 * self.retries / (1 - self.retries) if self.retries else 1.0
        return (2 * self.session - 1) * repeated

    def has_cycle(self, column: int) -> bool:
        """Whether a column follows the cycles."""
        return bool(self.daily or self.weekly) and column % 5 == 0


@dataclass(frozen=True, kw_only=True)
class Change:
    """What changes in every column at once, each column being one trial.

    Attributes:
        key: its name in results.
        title: what it is, for the table.
        shift: of the mean, in standard deviations.
        spread: factor of the standard deviation.
        missing: share of the rows that lose their value.
        category: rows, as a share, that take the most frequent category's or the median's value.
        ramp_days: days in which it comes to be whole.
    """

    key: str
    title: str
    shift: float = 0.0
    spread: float = 1.0
    missing: float = 0.0
    category: float = 0.0
    ramp_days: float = 0.0


NONE = Change(key="none", title="none")

CHANGES = (
    Change(key="mean-0.25", title="mean by 0.25 sd", shift=0.25),
    Change(key="mean-0.5", title="mean by 0.5 sd", shift=0.5),
    Change(key="mean-1", title="mean by 1 sd", shift=1.0),
    Change(key="spread-1.5", title="spread x 1.5", spread=1.5),
    Change(key="category", title="a value in 10 % more rows", category=0.1),
    Change(key="missing-5", title="missing in 5 % more rows", missing=0.05),
    Change(key="ramp", title="mean by 1 sd, slowly over a week", shift=1.0, ramp_days=7.0),
)


def _independent() -> list[World]:
    sizes = {10: (20, 50, 500, 5_000, 100_000), 50: (20, 500, 100_000), 200: (50, 500, 5_000)}
    return [
        World(key=f"independent-{rate}-{columns}", title=f"independent, {columns} columns", rate=rate, columns=columns)
        for columns, rates in sizes.items()
        for rate in rates
    ]


def _sessions() -> list[World]:
    found = [
        World(
            key=f"sessions-{size}-{rate}-{columns}",
            title=f"sessions of {size}, {columns} columns",
            rate=rate,
            session=size,
            columns=columns,
        )
        for size, rate, columns in (
            (3, 50, 10),
            (3, 500, 10),
            (3, 5_000, 10),
            (3, 500, 50),
            (3, 500, 200),
            (10, 50, 10),
            (10, 500, 10),
            (10, 5_000, 10),
            (10, 500, 50),
        )
    ]
    return found + [
        World(key=f"sessions-50-{rate}", title="sessions of 50 within a day", rate=rate, session=50, minutes=1440)
        for rate in (50, 500, 5_000)
    ]


def _cycles() -> list[World]:
    daily = [World(key=f"daily-{rate}", title="daily cycle", rate=rate, daily=0.5) for rate in (50, 500, 5_000, 100_000)]
    weekly = [World(key=f"weekly-{rate}", title="weekly cycle", rate=rate, weekly=0.5) for rate in (50, 500, 5_000)]
    both = [
        World(key=f"both-{rate}", title="daily and weekly cycle", rate=rate, daily=0.5, weekly=0.5) for rate in (500, 5_000)
    ]
    bound = [
        World(key=f"daily-sessions-{size}-{rate}", title=f"daily cycle, sessions of {size}", rate=rate, daily=0.5, session=size)
        for size, rate in ((3, 500), (10, 500), (10, 5_000))
    ]
    cycles = World(key="", title="", rate=500, daily=0.5, weekly=0.5)
    all_of_it = replace(cycles, key="both-sessions-10-500", title="both cycles, sessions of 10", session=10)
    wide = replace(cycles, key="both-500-50", title="daily and weekly cycle, 50 columns", columns=50)
    calendar = [
        World(key=f"calendar-{rate}", title="2 of 10 columns are the calendar's", rate=rate, calendar=2)
        for rate in (50, 500, 5_000)
    ]
    return [*daily, *weekly, *both, wide, *bound, all_of_it, *calendar]


def _wander() -> list[World]:
    found = [
        World(
            key=f"wander-{sd}-{days}-{rate}",
            title=f"wander of {sd} sd over {days} days",
            rate=rate,
            wander=sd,
            wander_days=days,
        )
        for sd, days, rate in ((0.1, 3, 500), (0.2, 3, 500), (0.2, 3, 5_000), (0.2, 5, 500))
    ]
    title = "wander of 0.2 sd over 3 days, baseline of 12 weeks"
    long = World(key="wander-0.2-3-500-84", title=title, rate=500, wander=0.2, days=84)
    return [*found, long]


def _baselines() -> list[World]:
    sampled = [
        World(
            key=f"sampled-{size}-{rate}",
            title=f"baseline a sample of 4 %, sessions of {size}",
            rate=rate,
            session=size,
            sampled=0.04,
        )
        for size, rate in ((3, 50), (3, 500), (10, 500), (10, 5_000))
    ]
    sampled.append(
        World(key="sampled-daily-500", title="baseline a sample of 4 %, daily cycle", rate=500, daily=0.5, sampled=0.04)
    )
    small = [
        World(key=f"rows-{rows}-{rate}", title=f"baseline of {rows:,} rows", rate=rate, rows=rows)
        for rows in (300, 1_000)
        for rate in (50, 500, 5_000)
    ]
    small.append(World(key="rows-300-500-50", title="baseline of 300 rows, 50 columns", rate=500, rows=300, columns=50))
    short = [
        World(key="short-500", title="baseline of 2 weeks", rate=500, days=14),
        World(key="short-sessions-10-500", title="baseline of 2 weeks, sessions of 10", rate=500, session=10, days=14),
        World(key="short-both-500", title="baseline of 2 weeks, both cycles", rate=500, daily=0.5, weekly=0.5, days=14),
        World(key="short-wander-500", title="baseline of 2 weeks, wander of 0.2 sd", rate=500, wander=0.2, days=14),
    ]
    return [*sampled, *small, *short]


def _values() -> list[World]:
    usual = World(key="", title="", rate=500)
    named: list[tuple[str, str, dict[str, Any]]] = [
        ("lognormal-500", "lognormal values", {"tails": "lognormal"}),
        ("cauchy-500", "Cauchy values", {"tails": "cauchy"}),
        ("cauchy-sessions-10-500", "Cauchy values, sessions of 10", {"tails": "cauchy", "session": 10}),
        ("categories-8-500", "8 categories", {"categories": 8}),
        ("categories-200-50", "200 categories, most rare", {"categories": 200, "rate": 50}),
        ("categories-200-500", "200 categories, most rare", {"categories": 200}),
        ("categories-200-5000", "200 categories, most rare", {"categories": 200, "rate": 5_000}),
        ("categories-2000-500", "2,000 categories, most rare", {"categories": 2_000}),
        ("categories-sessions-10-500", "200 categories, sessions of 10", {"categories": 200, "session": 10}),
        ("categories-rows-1000-500", "200 categories, baseline of 1,000 rows", {"categories": 200, "rows": 1_000}),
        ("missing-1-500", "1 % missing", {"missing": 0.01}),
        ("missing-30-500", "30 % missing", {"missing": 0.3}),
        ("missing-1-sessions-10-500", "1 % missing, sessions of 10", {"missing": 0.01, "session": 10}),
        ("common-0.9-500", "correlated columns (0.9)", {"common": 0.9}),
        ("common-0.9-500-50", "correlated columns (0.9), 50 columns", {"common": 0.9, "columns": 50}),
        ("common-sessions-10-500", "correlated columns (0.9), sessions of 10", {"common": 0.9, "session": 10}),
        ("retries-50", "retries: one event in 5 comes again", {"retries": 0.2, "rate": 50}),
        ("retries-500", "retries: one event in 5 comes again", {"retries": 0.2}),
    ]
    return [replace(usual, key=key, title=title, **of) for key, title, of in named]


def _replicas() -> list[World]:
    found = [
        World(key=f"replicas-{replicas}-{rate}", title=f"{replicas} replicas", rate=rate, replicas=replicas)
        for replicas in (3, 10)
        for rate in (500, 5_000)
    ]
    sessions = [
        replace(world, key=f"{world.key}-sessions-10", title=f"{world.title}, sessions of 10", session=10.0)
        for world in found
        if world.rate == 500
    ]
    cycle = World(key="replicas-10-5000-daily", title="10 replicas, daily cycle", rate=5_000, replicas=10, daily=0.5)
    return [*found, *sessions, cycle]


def _odd() -> list[World]:
    return [
        World(key="hours-2-500", title="2 hours a day", rate=500, hours=2),
        World(key="hours-2-50", title="2 hours a day", rate=50, hours=2),
        World(key="hours-2-sessions-10-500", title="2 hours a day, sessions of 10", rate=500, hours=2, session=10),
        World(key="crowded-500", title="sessions of 1 to 2,000 (a power law)", rate=500, crowded=True),
    ]


WORLDS = (*_independent(), *_sessions(), *_cycles(), *_wander(), *_baselines(), *_values(), *_replicas(), *_odd())

#: Worlds of the quick run.
QUICK = ("independent-50-10", "independent-500-10", "sessions-3-500-10", "daily-500")
