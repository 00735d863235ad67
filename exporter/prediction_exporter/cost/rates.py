"""Costs from rates: what was used is counted in whole units at its price, and multiplied when it is asked for.

So no sum is ever rounded, and a price that changes holds from then on. What was counted is stored with what it was counted up
to: after a restart, counters of predictions go on from there, and each counts once. Time goes on from there too, where the
exporter was away for no longer than a restart takes: its model ran meanwhile. Over a longer time nobody knows whether it did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from prediction_exporter.config import Cost
from prediction_exporter.cost.money import FINE, total
from prediction_exporter.cost.months import DAY, month_of, projected, span_of
from prediction_exporter.cost.usage import Usage

#: An exporter that was away for longer than this may have been away with its replica.
GAP_SECONDS = 600

#: Over how long the present rate is taken, and the least that it is told of.
RATE_SECONDS, LEAST_RATE_SECONDS = 3600.0, 30.0

#: Events that are older than this when they are read are those of the past, which a log is caught up with.
LIVE_SECONDS = 3600

#: Days that are kept: those of a month and of the week before, and some to spare.
KEPT_DAYS = 45

_HOUR, _GB = 3_600_000, 1 << 30  # an hour in milliseconds, a GB in bytes


@dataclass(frozen=True, slots=True)
class Rate:
    """What a price is of.

    Attributes:
        component: what its costs are called.
        unit: how many of the counted units the price is for.
    """

    component: str
    unit: int


RATES: Mapping[str, Rate] = {
    "per_hour": Rate("replica", _HOUR),
    "per_1000_predictions": Rate("predictions", 1000),
    "per_cpu_second": Rate("cpu", 1_000_000),
    "per_gb_hour": Rate("memory", _GB * _HOUR),
    "per_gpu_hour": Rate("gpu", 1000 * _HOUR),
    "per_gb_stored": Rate("storage", 730 * _GB * _HOUR),
    "per_retraining_run": Rate("retraining", 1),
}
COMPONENTS = tuple(rate.component for rate in RATES.values())


class Priced(NamedTuple):
    """Units of a rate at a price."""

    rate: str
    price: str
    currency: str


class Share(NamedTuple):
    """A component of the costs in one currency."""

    component: str
    currency: str


#: Units by what they are priced at.
Units = dict[Priced, int]


@dataclass(frozen=True, slots=True)
class RateCosts:
    """What a model has cost by its rates.

    Attributes:
        totals: since counting began, by component and currency.
        per_hour: over the last hour; empty for the first half minute.
        period: the month, as ``2026-11``.
        month_to_date: in that month, by currency.
        month_end: what the month will have cost at its end, by currency.
        since: when counting began, as Unix time.
    """

    totals: Mapping[Share, Decimal]
    per_hour: Mapping[Share, Decimal]
    period: str
    month_to_date: Mapping[str, Decimal]
    month_end: Mapping[str, Decimal]
    since: float


def costs(units: Mapping[Priced, int]) -> dict[Share, Decimal]:
    """Return what units cost, each sum rounded once, at its 60th digit.

    >>> costs({Priced("per_1000_predictions", "0.02", "USD"): 1_234_567})
    {Share(component='predictions', currency='USD'): Decimal('24.69134')}
    """
    found: dict[Share, Decimal] = {}
    for priced, count in units.items():
        rate = RATES[priced.rate]
        share = Share(rate.component, priced.currency)
        cost = FINE.divide(FINE.multiply(Decimal(priced.price), Decimal(count)), Decimal(rate.unit))
        found[share] = FINE.add(found.get(share, Decimal(0)), cost)
    return found


class Account:
    """The units that one model has used.

    Args:
        now: Unix time, since when it counts where nothing is stored.
        monotonic: seconds of a clock that never jumps.
    """

    def __init__(self, now: float, monotonic: float) -> None:
        self.since = now
        self._first: float | None = None  # event time of the first predictions
        self._last = now
        self._ticks = int(monotonic * 1000)  # in whole milliseconds, whose differences add up to the whole
        self._total: Units = {}
        self._days: dict[int, Units] = {}
        self._counted: dict[str, int] = {}
        self._owed = 0  # answered requests that turned out to have failed, as a number below 0
        self._live: Units = {}  # of this process, without what it caught up with
        self._course: deque[tuple[float, Units]] = deque([(monotonic, {})])

    # Counting

    def count(self, cost: Cost, usage: Usage, *, now: float, monotonic: float) -> None:
        """Count what was used since the last call."""
        prices = {key: Priced(key, str(price), cost.currency) for key, price in cost.rates.items()}
        for priced in prices.values():
            self._total.setdefault(priced, 0)
        passed = int(monotonic * 1000) - self._ticks
        self._ticks += passed
        metered = usage.metered
        self._count_time(prices.get("per_hour"), 1, passed, now)
        self._count_time(prices.get("per_gb_hour"), metered.memory_bytes, passed, now)
        self._count_time(prices.get("per_gb_stored"), metered.stored_bytes, passed, now)
        self._count_time(prices.get("per_gpu_hour"), None if metered.gpus is None else 1000 * metered.gpus, passed, now)
        cpu = {name: round(seconds * 1e6) for name, seconds in metered.cpu_seconds.items()}
        for key, grown in (
            ("per_cpu_second", self._growth("cpu", cpu, from_first=False)),
            ("per_retraining_run", self._growth("runs", metered.retraining_runs, from_first=False)),
        ):
            if key in prices:
                self._add(prices[key], grown, int(now) // DAY, live=True)
        if usage.requests is not None:
            self._count_predictions(prices.get("per_1000_predictions"), usage, usage.requests, now)
        self._last = now
        self._forget()
        self._follow(monotonic)

    def _count_time(self, priced: Priced | None, size: float | None, milliseconds: int, now: float) -> None:
        """Count a size over the time that has passed until now, by day."""
        if priced is None or size is None:
            return
        end = int(now * 1000)
        begin = end - milliseconds
        while begin < end:
            day = begin // (DAY * 1000)
            until = min((day + 1) * DAY * 1000, end)
            self._add(priced, round(size) * (until - begin), day, live=True)
            begin = until

    def _count_predictions(
        self, priced: Priced | None, usage: Usage, requests: Mapping[str, tuple[int, int]], now: float
    ) -> None:
        """Count the requests that were answered since the last call, on the day of the newest of them."""
        made = self._growth("requests", {version: counts[0] for version, counts in requests.items()}, from_first=True)
        failed = self._growth("failed", {version: counts[1] for version, counts in requests.items()}, from_first=True)
        # Rows of a table may be changed to failed ones after they were counted: later ones make up for that, as no cost falls.
        answered = made - failed + self._owed
        self._owed = min(answered, 0)
        newest = now if usage.newest is None else min(usage.newest, now)
        if priced is not None and answered > 0:
            self._add(priced, answered, int(newest) // DAY, live=newest >= now - LIVE_SECONDS)
        if usage.first is not None:
            self._first = usage.first if self._first is None else min(self._first, usage.first)

    def _growth(self, kind: str, counters: Mapping[str, int], *, from_first: bool) -> int:
        """Return what counters grew by; one that fell began anew, and one that is seen first counts from 0 or from there."""
        grown = 0
        for name, count in counters.items():
            key = f"{kind}/{name}"
            before = self._counted.get(key, 0 if from_first else count)
            grown += count - before if count >= before else count
            self._counted[key] = count
        if counters:  # none at all: they were not seen now, and go on from where they were
            gone = [key for key in self._counted if key.startswith(f"{kind}/") and key.partition("/")[2] not in counters]
            for key in gone:
                del self._counted[key]
        return grown

    def _add(self, priced: Priced, units: int, day: int, *, live: bool) -> None:
        of_day = self._days.setdefault(day, {})
        for sums in (self._total, of_day, *([self._live] if live else [])):
            sums[priced] = sums.get(priced, 0) + units

    def _forget(self) -> None:
        """Drop the days that no figure needs any more, by their number: a clock that jumps ahead and back takes none along."""
        for day in sorted(self._days)[:-KEPT_DAYS]:
            del self._days[day]

    def _follow(self, monotonic: float) -> None:
        """Remember the course of the last hour, in steps of at least half a minute."""
        if monotonic - self._course[-1][0] >= LEAST_RATE_SECONDS:
            self._course.append((monotonic, dict(self._live)))
        while len(self._course) > 1 and self._course[1][0] <= monotonic - RATE_SECONDS:
            self._course.popleft()

    # What is known

    def costs(self) -> RateCosts:
        """Return what was counted, in money."""
        month = month_of(self._last)
        begin, end = span_of(month)
        shares: dict[int, dict[Share, Decimal]] = {day: costs(units) for day, units in self._days.items()}
        currencies = sorted({priced.currency for priced in self._total})
        to_date, month_end = {}, {}
        for currency in currencies:
            of_month = [of for day, of in shares.items() if begin // DAY <= day < end // DAY]
            to_date[currency] = _sum(of_month, currency)
            parts = [self._projected(shares, component, currency, begin, end) for component in COMPONENTS]
            if None not in parts:
                month_end[currency] = total(_rounded(part) for part in parts if part is not None)
        return RateCosts(costs(self._total), self._per_hour(), month, to_date, month_end, self.since)

    def _projected(
        self, shares: Mapping[int, Mapping[Share, Decimal]], component: str, currency: str, begin: int, end: int
    ) -> Decimal | None:
        daily = {day: _rounded(of[share]) for day, of in shares.items() if (share := Share(component, currency)) in of}
        spent = total(cost for day, cost in daily.items() if begin // DAY <= day < end // DAY)
        # Predictions of before the start were read from the log; the replica's time before it is not known.
        since = self.since if component != "predictions" or self._first is None else min(self.since, self._first)
        if self._last - since < LEAST_RATE_SECONDS:
            return None
        return projected(spent, daily, known=(since, self._last), month=(begin, end))

    def _per_hour(self) -> dict[Share, Decimal]:
        began, before = self._course[0]
        seconds = self._ticks / 1000 - began
        if seconds < LEAST_RATE_SECONDS:
            return {}
        grown = {priced: self._live.get(priced, 0) - before.get(priced, 0) for priced in self._total}
        return {share: cost * 3600 / Decimal(repr(seconds)) for share, cost in costs(grown).items()}

    # From and to the state file

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "since": self.since,
            "first": self._first,
            "last": self._last,
            "total": _listed(self._total),
            "days": {str(day): _listed(units) for day, units in self._days.items()},
            "counted": self._counted,
            "owed": self._owed,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], cost: Cost, *, now: float, monotonic: float) -> Account:
        """Return what :meth:`to_json` gave; the time since then counts, where that was no longer than a restart."""
        account = cls(stored["since"], monotonic)
        account._first = stored["first"]
        account._total = _units(stored["total"])
        account._days = {int(day): _units(units) for day, units in stored["days"].items()}
        account._counted = dict(stored["counted"])
        account._owed = stored["owed"]
        account._last = now
        away = now - stored["last"]
        if 0 < away <= GAP_SECONDS and "per_hour" in cost.rates:
            priced = Priced("per_hour", str(cost.rates["per_hour"]), cost.currency)
            account._count_time(priced, 1, int(away * 1000), now)
            account._live.clear()
        return account


def _sum(shares: list[dict[Share, Decimal]], currency: str) -> Decimal:
    return total(_rounded(cost) for of in shares for share, cost in of.items() if share.currency == currency)


def _rounded(cost: Decimal) -> Decimal:
    """Return a cost to the 12th decimal, so that sums of them are exact from there on."""
    return cost.quantize(Decimal("1e-12"), context=FINE)


def _listed(units: Units) -> list[list[str | int]]:
    return [[*priced, count] for priced, count in units.items()]


def _units(listed: list[list[Any]]) -> Units:
    return {Priced(rate, price, currency): count for rate, price, currency, count in listed if rate in RATES}
