"""Recorded series of what models cost: by their rates, where replicas are added up, and by their bills, each counted once.

Both are told apart by the label ``basis``, and never added to each other: a bill is what rates estimate. Nor are currencies.
"""

from __future__ import annotations

from prediction_exporter.collectors.bill import BILL_SHARED, BILLED_MONTH_END, BILLED_MONTH_TO_DATE, BILLED_RATE
from prediction_exporter.collectors.cost import COST, COST_BUDGET, COST_MONTH_END, COST_MONTH_TO_DATE, COST_RATE
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.config.units import Duration
from prediction_exporter.families import Family
from prediction_exporter.kit.fleet import REPLICA_KEY, SHARED, counted_once, counting
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, bracketed, by, joined, largest_of, latest, on
from prediction_exporter.kit.scale import Scale, duration

CURRENCY_KEY = (*MODEL_KEY, "currency")
#: A cost of rates, or one that was billed.
BASIS_KEY = (*MODEL_KEY, "basis", "currency")
_COMPONENT_KEY = (*MODEL_KEY, "component", "currency")

_HOUR, _DAY, _MONTH = duration("1h"), duration("1d"), duration("31d")

#: Other days whose same hour a cost is compared with, and how many of them must be known.
OTHER_DAYS, LEAST_DAYS = 7, 4


def _by_rates(family: Family, key: tuple[str, ...], scale: Scale) -> str:
    """Return a gauge of rates, replicas added up; one replica's where they read one source."""
    each = f"max {by((*key, 'instance'))} ({latest(family.name, scale)})"
    return f"sum {by(key)} {counting(each)}"


def billed(family: Family, key: tuple[str, ...], scale: Scale) -> str:
    """Return a gauge of bills: that of one replica where all read the same bill, and their sum where each reads its own."""
    each = f"max {by((*key, 'instance'))} ({latest(family.name, scale)})"
    sharing = f"(max {by(REPLICA_KEY)} ({latest(BILL_SHARED.name, scale)}) == 1)"
    return (
        f"max {by(key)} ({each} and {on(REPLICA_KEY)} {sharing})\nor\nsum {by(key)} ({each} unless {on(REPLICA_KEY)} {sharing})"
    )


def _of_both(rates: str, bills: str) -> str:
    """Return both, told apart by their basis."""
    named = [
        f'label_replace(\n{bracketed(expr)}, "basis", "{basis}", "", ""\n)'
        for basis, expr in (("rates", rates), ("billed", bills))
    ]
    return joined(named[0], "or", named[1])


HOURLY = Recorded(
    name="model:model_cost:increase1h",
    labels=_COMPONENT_KEY,
    help="What the last hour cost by the rates, all replicas together.",
    expr=lambda scale: counted_once(_COMPONENT_KEY, f"increase({COST}[{scale(_HOUR)}])", SHARED),
)
RATE = Recorded(
    name="model:model_cost_rate_per_hour:sum",
    labels=(*BASIS_KEY, "component"),
    help="What a model costs in an hour, all replicas together, a shared bill counted once.",
    expr=lambda scale: _of_both(_by_rates(COST_RATE, _COMPONENT_KEY, scale), billed(BILLED_RATE, _COMPONENT_KEY, scale)),
)
LARGEST = Recorded(
    name="model:model_cost_rate_per_hour:largest",
    labels=(*BASIS_KEY, "component"),
    help="The component that costs most, and what it costs in an hour.",
    expr=lambda _: f"topk {by(BASIS_KEY)} (1, {RATE} > 0)",
)


def _answered(span: str) -> str:
    """Return the requests that were answered, as the windows count predictions; where no status is told, all of them."""
    made, failed = (counted_once(MODEL_KEY, f"increase({family}[{span}])") for family in (REQUESTS, REQUESTS_FAILED))
    return f"(({made} - ({failed} or {on(MODEL_KEY)} {made} * 0)) > 0)"


def _per_1000(scale: Scale) -> str:
    rates = f"1000 * sum {by(CURRENCY_KEY)} ({HOURLY})\n/ {on(MODEL_KEY)} group_left ()\n{_answered(scale(_HOUR))}"
    of_day = RATE.where(basis="billed")
    bills = f"1000 * 24 * sum {by(CURRENCY_KEY)} ({of_day})\n/ {on(MODEL_KEY)} group_left ()\n{_answered(scale(_DAY))}"
    return _of_both(rates, bills)


PER_1000 = Recorded(
    name="model:model_cost_per_1000_predictions:ratio",
    labels=BASIS_KEY,
    help=(
        "What 1,000 predictions cost: by the rates, of the last hour; by the bill, the newest billed day over the predictions "
        "of the last day."
    ),
    expr=_per_1000,
)


def _month_to_date(scale: Scale) -> str:
    # What replicas remember lacks those that are gone, and what Prometheus saw lacks what it no longer keeps or never got:
    # neither is ever too much.
    remembered = _by_rates(COST_MONTH_TO_DATE, CURRENCY_KEY, scale)
    month = 'count_values("month", month(vector(time() - 1)))'
    hours = f"sum {by(CURRENCY_KEY)} ({HOURLY}) * {on(())} group_left (month) {month}"
    seen = f"sum {by(CURRENCY_KEY)} (sum_over_time(({hours})[{scale(_MONTH)}:{scale(_HOUR)}]) and on (month) {month})"
    return _of_both(
        largest_of(CURRENCY_KEY, [f"({remembered})", f"({seen})"]), billed(BILLED_MONTH_TO_DATE, CURRENCY_KEY, scale)
    )


MONTH_TO_DATE = Recorded(
    name="model:model_cost_month_to_date:sum",
    labels=BASIS_KEY,
    help="What a model has cost in this month in UTC, all replicas together, those that are gone included.",
    expr=_month_to_date,
)


def _month_end(scale: Scale) -> str:
    key = (*CURRENCY_KEY, "method")
    to_come = (
        f"{_by_rates(COST_MONTH_END, key, scale)}\n"
        f"- {on(CURRENCY_KEY)} group_left ()\n{_by_rates(COST_MONTH_TO_DATE, CURRENCY_KEY, scale)}\n"
        f"+ {on(CURRENCY_KEY)} group_left ()\nsum {by(CURRENCY_KEY)} ({MONTH_TO_DATE.where(basis='rates')})"
    )
    return _of_both(to_come, billed(BILLED_MONTH_END, key, scale))


MONTH_END = Recorded(
    name="model:model_cost_month_end:projection",
    labels=(*BASIS_KEY, "method"),
    help="What the month will have cost at its end: what it has cost, and for the rest what each replica projects.",
    expr=_month_end,
)


def _anomaly(scale: Scale) -> str:
    now = f"sum {by(BASIS_KEY)} ({RATE})"
    others = [f"sum {by(BASIS_KEY)} ({RATE} offset {scale(_days(n))})" for n in range(1, OTHER_DAYS + 1)]
    apart = "\nor\n".join(f'label_replace({other}, "day", "{n}", "", "")' for n, other in enumerate(others, start=1))
    # Of the days before: a cost that has risen for hours is not to be measured against itself.
    mean = f"sum {by(BASIS_KEY)} (avg_over_time({RATE}[{scale(_days(OTHER_DAYS))}] offset {scale(_DAY)}))"
    return (
        f"{now}\n/\n({largest_of(BASIS_KEY, [*others, mean])} > 0)\n"
        f"and {on(BASIS_KEY)}\ncount {by(BASIS_KEY)} {bracketed(apart)} >= {LEAST_DAYS}"
    )


ANOMALY = Recorded(
    name="model:model_cost_rate_per_hour:multiple",
    labels=BASIS_KEY,
    help=(
        f"What a model costs in an hour, as a multiple of the most that it cost in the same hour of the {OTHER_DAYS} days "
        f"before, or of their mean where that is more; absent where fewer than {LEAST_DAYS} of them are known."
    ),
    expr=_anomaly,
)


def _days(count: int) -> Duration:
    return duration(f"{count}d")


def budget(scale: Scale) -> str:
    """Return the budgets of models; the largest while replicas disagree during a rollout."""
    return f"max {by(CURRENCY_KEY)} ({latest(COST_BUDGET.name, scale)})"


def projection() -> str:
    """Return what the month will cost: as it is billed, or by the rates where nothing is billed in that currency."""
    bills, rates = (f"max {by(CURRENCY_KEY)} ({MONTH_END.where(basis=basis)})" for basis in ("billed", "rates"))
    return f"({bills} or {on(CURRENCY_KEY)} {rates})"


#: In the order in which each needs the former ones; the anomaly apart, which reads a week.
COST_SERIES = (HOURLY, RATE, LARGEST, PER_1000, MONTH_TO_DATE, MONTH_END)
