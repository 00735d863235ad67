"""What runs a model and what it costs, as the page shows it: figures of the last poll and of the last count.

Rates over time and sums over replicas are Prometheus': nothing of them is reckoned here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from prediction_exporter.collectors import bill as billed
from prediction_exporter.collectors import model_process as process
from prediction_exporter.collectors.report import Collected
from prediction_exporter.config import Cost, Model
from prediction_exporter.cost.rates import RateCosts
from prediction_exporter.exposition import Samples
from prediction_exporter.families import Family
from prediction_exporter.process.look import OK, UNLIMITED, Part
from prediction_exporter.web.landing.topics import Remark, Topic
from prediction_exporter.web.landing.words import age, ago, count, counted, money, number, percent, size

#: What the polls of a model gave last, by collector; None before the first has ended.
Polled = Mapping[str, Collected | None]

#: What is said of a process that is down, by the reason.
_DOWN = {
    "not_found": "It is not found; the log says what was looked for.",
    "zombie": "It has ended, and its parent does not wait for it: a zombie is left.",
    "denied": "The exporter may not see it; the log says which right it lacks.",
}

NOT_ASKED = "not asked yet"


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its title and what stands below it, or why there is none; ``over`` is more than was allowed."""

    title: str
    text: str
    notes: tuple[str, ...] = ()
    absent: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A section of a model: its figures, and what is wrong with it where something is."""

    title: str
    facts: tuple[Fact, ...]
    problem: Remark | None = None


def blocks_of(
    model: Model, polled: Polled, costs: Mapping[str, RateCosts] | None, *, counts_costs: bool, now: float
) -> list[Block]:
    """Return the sections of what is configured of a model and runs; none of them waits for anything.

    Args:
        model: the model.
        polled: what its polls gave last.
        costs: what models cost by their rates; None where that cannot be counted.
        counts_costs: whether costs of rates are counted at all.
        now: Unix time, which ages are reckoned from.
    """
    found: list[Block] = []
    if process.COLLECTOR.name in polled:
        found.append(_process(polled[process.COLLECTOR.name], now))
    if model.cost is not None:
        if model.cost.rates and counts_costs:
            found.append(_rates(model.cost, model.name, costs))
        if billed.COLLECTOR.name in polled:
            found.append(_bill(model.cost, polled[billed.COLLECTOR.name], now))
    return found


def is_down(polled: Polled) -> bool:
    """Whether the model server's process was looked for and not found."""
    outcome = polled.get(process.COLLECTOR.name)
    return outcome is not None and _one(outcome.samples, process.UP) == 0


# The process


def _process(outcome: Collected | None, now: float) -> Block:
    if outcome is None:
        return Block("Process", (Fact("State", NOT_ASKED, absent=True),))
    if not outcome.success:
        return Block("Process", (), Remark("It could not be looked at; the log has why.", Topic.PROCESS))
    samples = outcome.samples
    reasons = {labels["part"]: labels["reason"] for labels, _ in samples.read(process.STATUS)}
    if is_down({process.COLLECTOR.name: outcome}):
        words = _DOWN.get(reasons.get(Part.PROCESS, ""), _DOWN["not_found"])
        return Block("Process", _restarts(samples), Remark(words, Topic.PROCESS))
    return Block("Process", (_state(samples, now), _cpu(samples), _memory(samples, reasons), *_restarts(samples)))


def _state(samples: Samples, now: float) -> Fact:
    running, started = _one(samples, process.PROCESSES), _one(samples, process.START_TIME)
    notes = () if started is None else (f"started {ago(started, now)}",)
    return Fact("State", "up" if running is None else f"up, {counted(int(running), 'process', 'processes')}", notes)


def _cpu(samples: Samples) -> Fact:
    seconds, quota = _one(samples, process.CPU), _one(samples, process.CPU_QUOTA)
    notes = () if quota is None else (f"quota {number(quota)} {'core' if quota == 1 else 'cores'}",)
    return _fact("CPU time", None if seconds is None else age(seconds), notes, "not told")


def _memory(samples: Samples, reasons: Mapping[str, str]) -> Fact:
    resident, limit = _one(samples, process.RESIDENT), _one(samples, process.MEMORY_LIMIT)
    used = _one(samples, process.WORKING_SET)
    if limit is not None and used is not None:
        notes: tuple[str, ...] = (f"{percent(used / limit)} of the limit of {size(int(limit))}",)
    elif reasons.get(Part.MEMORY_LIMIT, OK) != OK:
        reason = reasons[Part.MEMORY_LIMIT]
        notes = ("no limit" if reason == UNLIMITED else f"limit: {reason.replace('_', ' ')}",)
    else:
        notes = ()
    return _fact("Memory", None if resident is None else size(int(resident)), notes, "not told")


def _restarts(samples: Samples) -> tuple[Fact, ...]:
    restarts = _one(samples, process.RESTARTS)
    return () if restarts is None else (Fact("Restarts seen", count(int(restarts))),)


# Costs


def _rates(cost: Cost, model: str, counts: Mapping[str, RateCosts] | None) -> Block:
    title = "Cost of this replica, by its rates"
    if counts is None:
        return Block(title, _budget(cost), Remark("It cannot be counted; the log has why.", Topic.COST))
    costs = counts.get(model)
    if costs is None:
        return Block(title, (Fact("Month to date", "nothing counted yet", absent=True), *_budget(cost)))
    dearest = max(costs.per_hour.items(), key=lambda item: item[1], default=None)
    hourly = [money(amount, currency) for currency, amount in _by_currency(costs).items()]
    notes = () if dearest is None or len(costs.per_hour) == 1 else (f"most of it {dearest[0].component}",)
    return Block(
        title,
        (
            _amounts("Month to date", costs.month_to_date, cost, (costs.period,)),
            _amounts("Projected month's end", costs.month_end, cost, (), compared=True),
            _fact("An hour", " + ".join(hourly) or None, notes, "known after half a minute"),
            *_budget(cost),
        ),
    )


def _by_currency(costs: RateCosts) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for share, amount in costs.per_hour.items():
        found[share.currency] = found.get(share.currency, Decimal(0)) + amount
    return found


def _bill(cost: Cost, outcome: Collected | None, now: float) -> Block:
    title = "Cost as billed"
    own = () if cost.rates else _budget(cost)  # stands beside the rates, where there are any
    if outcome is None:
        return Block(title, (Fact("Month to date", NOT_ASKED, absent=True), *own))
    if not outcome.success:
        return Block(title, own, Remark("The bill cannot be read; the log has why.", Topic.BILL))
    samples = outcome.samples
    newest, used = _one(samples, billed.BILL_NEWEST), _one(samples, billed.BILL_CHARGES)
    refused = int(sum(value for _, value in samples.read(billed.BILL_REJECTED)))
    if newest is None:
        return Block(title, own, Remark("No usage in the bill is the model's; the log names some that it has.", Topic.BILL))
    problem = (
        Remark(f"{counted(refused, 'charge')} cannot be used, and the sums are too small.", Topic.BILL) if refused else None
    )
    spent, projected = (
        {labels["currency"]: Decimal(value) for labels, value in samples.read(family)}
        for family in (billed.BILLED_MONTH_TO_DATE, billed.BILLED_MONTH_END)
    )
    return Block(
        title,
        (
            _amounts("Month to date", spent, cost, (counted(int(used or 0), "charge"),)),
            _amounts("Projected month's end", projected, cost, (), compared=True),
            Fact("Billed until", ago(newest, now)),
            *own,
        ),
        problem,
    )


def _amounts(title: str, amounts: Mapping[str, Decimal], cost: Cost, notes: Sequence[str], *, compared: bool = False) -> Fact:
    """Return amounts of several currencies, which are never added up; ``compared`` with the budget in its own."""
    over = compared and cost.budget_per_month is not None and amounts.get(cost.currency, Decimal(0)) > cost.budget_per_month
    text = " + ".join(money(amount, currency) for currency, amount in amounts.items()) or None
    return _fact(title, text, (*notes, "above the budget") if over else tuple(notes), "too little is known yet", over=over)


def _budget(cost: Cost) -> tuple[Fact, ...]:
    if cost.budget_per_month is None:
        return ()
    return (Fact("Budget of a month", money(cost.budget_per_month, cost.currency), ("all replicas together",)),)


def _fact(title: str, text: str | None, notes: tuple[str, ...], absent: str, *, over: bool = False) -> Fact:
    return Fact(title, absent, absent=True) if text is None else Fact(title, text, notes, over=over)


def _one(samples: Samples, family: Family) -> float | None:
    """Return the value of a family that has one series."""
    return next((value for _, value in samples.read(family)), None)
