"""Bills: charges as they were billed, added up by billing month, component and currency, whatever they were read from.

What is billed may fall, as a correction or a credit is a charge too. What goes on being used is told apart from what is charged
once, so that a projection takes the former alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from prediction_exporter.cost.money import EXACT, total
from prediction_exporter.cost.months import DAY, MEAN_DAYS, month_of, projected, span_of
from prediction_exporter.cost.rates import Share

#: Components of which a bill has series of their own; what others cost is that of ``other``.
MOST_COMPONENTS, OTHER = 14, "other"

#: Currencies of which there are series; charges in a further one are refused, for they cannot be added to another.
MOST_CURRENCIES = 3

#: Usage of longer than a day of 25 hours, as there is one each year in local time, is of no day.
LONGEST_DAY = 25 * 3600

#: Billing months that are shown: the one of now, and the one before, which may still be corrected.
PERIODS = 2

#: Why a charge is refused: its cost is no amount, its currency no code, its times are none, or there are too many currencies.
REFUSALS = ("amount", "currency", "time", "further_currency")


class Line(NamedTuple):
    """What an amount is billed for."""

    period: str
    component: str
    currency: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge.

    Attributes:
        period: the billing month, as ``2026-11``.
        begin, end: when what is charged was used, as Unix times.
        usage: whether it is for something that is used on, and neither a purchase, a credit, a tax nor a correction.
    """

    period: str
    begin: float
    end: float
    component: str
    currency: str
    amount: Decimal
    usage: bool


@dataclass(slots=True)
class Charges:
    """Charges, added up. ``a.add(b)`` is what would have been added up of both together.

    Attributes:
        billed: every amount by what it is billed for.
        daily: of usage that is charged by the day or finer, by the day and the share of the cost. It is the day that the middle
            of its time lies in: days of local time begin at another hour.
        ends: the latest end of that usage on each day.
        longer: the latest end of usage that is charged for longer, as by the month, as Unix time.
        count: charges that were used.
        refused: charges that were not, by reason.
    """

    billed: dict[Line, Decimal] = field(default_factory=dict)
    daily: dict[tuple[int, Share], Decimal] = field(default_factory=dict)
    ends: dict[int, float] = field(default_factory=dict)
    longer: float | None = None
    count: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def take(self, charge: Charge) -> None:
        """Add a charge."""
        self.count += 1
        line = Line(charge.period, charge.component, charge.currency)
        self.billed[line] = EXACT.add(self.billed.get(line, Decimal(0)), charge.amount)
        if charge.usage and charge.end - charge.begin <= LONGEST_DAY:
            day = int(charge.begin + charge.end) // (2 * DAY)
            key = day, Share(charge.component, charge.currency)
            self.daily[key] = EXACT.add(self.daily.get(key, Decimal(0)), charge.amount)
            self.ends[day] = max(self.ends.get(day, 0.0), charge.end)
        elif charge.usage:
            self.longer = max(self.longer or 0.0, charge.end)

    def refuse(self, reason: str, count: int = 1) -> None:
        """Note charges that are not used."""
        self.refused[reason] = self.refused.get(reason, 0) + count

    def add(self, other: Charges, *, periods: Iterable[str] | None = None) -> None:
        """Add another's charges; only those of some billing months where they are given."""
        wanted = None if periods is None else set(periods)
        for line, amount in other.billed.items():
            if wanted is None or line.period in wanted:
                self.billed[line] = EXACT.add(self.billed.get(line, Decimal(0)), amount)
        for key, amount in other.daily.items():
            if wanted is None or month_of(key[0] * DAY) in wanted:
                self.daily[key] = EXACT.add(self.daily.get(key, Decimal(0)), amount)
                self.ends[key[0]] = max(self.ends.get(key[0], 0.0), other.ends[key[0]])
        if other.longer is not None:
            self.longer = max(self.longer or 0.0, other.longer)
        self.count += other.count
        for reason, count in other.refused.items():
            self.refuse(reason, count)


@dataclass(frozen=True, slots=True)
class Bill:
    """A model's bill, as it is shown.

    Attributes:
        billed: by billing month, component and currency, of this month and the one before.
        per_hour: of the newest day that is billed as a whole.
        month_to_date: billed in this month, by currency.
        month_end: what the month will have cost at its end, by currency; absent where no whole day of the last
            week is billed.
        newest: until when usage is billed, as Unix time; None where no usage is.
        count, refused: of charges.
    """

    billed: Mapping[Line, Decimal]
    per_hour: Mapping[Share, Decimal]
    month_to_date: Mapping[str, Decimal]
    month_end: Mapping[str, Decimal]
    newest: float | None
    count: int
    refused: Mapping[str, int]


def bill_of(charges: Charges, *, now: float, since: float | None = None) -> Bill:
    """Return the bill that charges make.

    Args:
        charges: all that are known.
        now: Unix time.
        since: from when on they are known as a whole; from their first day on if absent. A month that began before is not
            shown.
    """
    charges = _with_few(charges, now)
    month = month_of(now)
    begin, end = span_of(month)
    months = {month, month_of(begin - 1)}
    if since is not None:
        months = {of for of in months if span_of(of)[0] >= since}
    billed = {line: amount for line, amount in charges.billed.items() if line.period in months}
    currencies = sorted({line.currency for line in charges.billed} | {share.currency for _, share in charges.daily})
    known = _known(charges, now, since)
    to_date, month_end = {}, {}
    for currency in currencies:
        spent = total(amount for line, amount in billed.items() if (line.period, line.currency) == (month, currency))
        to_date[currency] = spent
        if known is not None:
            daily = _daily(charges, currency)
            # A day that is billed in part is in the month's sum, and is projected as a whole: it must not count twice.
            partial = total(amount for day, amount in daily.items() if day * DAY >= max(known[1], begin))
            found = projected(EXACT.subtract(spent, partial), daily, known=known, month=(begin, end))
            if found is not None:
                month_end[currency] = found
    # A fee of the whole month does not make daily usage newer than it is.
    latest = max(charges.ends.values(), default=charges.longer)
    newest = None if latest is None else min(latest, now)
    per_hour = {} if known is None else _per_hour(charges, int(known[1]) // DAY - 1)
    return Bill(billed, per_hour, to_date, month_end, newest, charges.count, charges.refused)


def _known(charges: Charges, now: float, since: float | None) -> tuple[float, float] | None:
    """Return between which days everything is billed, as Unix times; None where no day is, or long ago."""
    # A day is whole where usage was billed to its end, or any of a later day: bills come in the order of time.
    ended = [day for day, until in charges.ends.items() if until >= (day + 1) * DAY and (day + 1) * DAY <= now]
    later = [day - 1 for day in charges.ends if day * DAY <= now and day - 1 >= min(charges.ends)]
    if not ended and not later:
        return None
    first = min(charges.ends) if since is None else int(since) // DAY
    until = (max(ended + later) + 1) * DAY
    return None if now - until > MEAN_DAYS * DAY else (float(first * DAY), float(until))


def _daily(charges: Charges, currency: str) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for (day, share), amount in charges.daily.items():
        if share.currency == currency:
            found[day] = EXACT.add(found.get(day, Decimal(0)), amount)
    return found


def _per_hour(charges: Charges, day: int) -> dict[Share, Decimal]:
    shares = {share for _, share in charges.daily}
    return {share: charges.daily.get((day, share), Decimal(0)) / 24 for share in shares}


def _with_few(charges: Charges, now: float) -> Charges:
    """Return the same with a bounded number of currencies and components: those that cost most keep their names."""
    recent = {month_of(now), month_of(span_of(month_of(now))[0] - 1)}
    weights: dict[str, Decimal] = {}
    currencies: dict[str, int] = {}
    for line, amount in charges.billed.items():
        currencies[line.currency] = currencies.get(line.currency, 0) + 1
        if line.period in recent:
            # Of different currencies: it is an order that is wanted, and no sum is shown.
            weights[line.component] = weights.get(line.component, Decimal(0)) + abs(amount)
    kept = set(sorted(currencies, key=lambda code: (-currencies[code], code))[:MOST_CURRENCIES])
    named = set(sorted(weights, key=lambda name: (-weights[name], name))[:MOST_COMPONENTS])
    few = Charges(count=charges.count, refused=dict(charges.refused), ends=dict(charges.ends), longer=charges.longer)
    for line, amount in charges.billed.items():
        if line.currency not in kept:
            few.refuse("further_currency")
            continue
        shown = line._replace(component=line.component if line.component in named else OTHER)
        few.billed[shown] = EXACT.add(few.billed.get(shown, Decimal(0)), amount)
    for (day, share), amount in charges.daily.items():
        if share.currency in kept:
            key = day, share._replace(component=share.component if share.component in named else OTHER)
            few.daily[key] = EXACT.add(few.daily.get(key, Decimal(0)), amount)
    return few
