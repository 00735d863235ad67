"""Bill: what was billed for a model, from a FOCUS export or an OpenCost.

Billed amounts are gauges of a billing month: a correction or a credit lowers them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from prediction_exporter.collectors.base import Most, Poll, PollingCollector
from prediction_exporter.config import Config, Cost, Focus, Model, OpenCost
from prediction_exporter.cost.bill import MOST_COMPONENTS, MOST_CURRENCIES, PERIODS, REFUSALS, Bill, bill_of
from prediction_exporter.cost.exports import Exports
from prediction_exporter.cost.months import METHOD
from prediction_exporter.errors import ServerError
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import MODEL, Family

BILLED = Family(
    name="model_cost_billed",
    type="gauge",
    labels=("model", "component", "currency", "period"),
    group="cost",
    help="What was billed for the model in a billing month, corrections and credits included; what costs least is other.",
)
BILLED_RATE = Family(
    name="model_cost_billed_rate_per_hour",
    type="gauge",
    labels=("model", "component", "currency"),
    group="cost",
    help="Usage billed for an hour of the newest day that is billed as a whole, without purchases, credits and corrections.",
)
BILLED_MONTH_TO_DATE = Family(
    name="model_cost_billed_month_to_date",
    type="gauge",
    labels=("model", "currency"),
    group="cost",
    help="What was billed for the model in this billing month so far.",
)
BILLED_MONTH_END = Family(
    name="model_cost_billed_month_end",
    type="gauge",
    labels=("model", "currency", "method"),
    group="cost",
    help="What will be billed for this month; the method says how what is not billed yet is projected.",
)
BILL_NEWEST = Family(
    name="model_cost_bill_newest_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="cost",
    help="Until when usage is billed, as Unix time; absent where none of the bill is the model's.",
)
BILL_CHARGES = Family(
    name="model_cost_bill_charges",
    type="gauge",
    labels=MODEL,
    group="cost",
    help="Charges of the bill that are the model's and were used.",
)
BILL_REJECTED = Family(
    name="model_cost_bill_charges_rejected",
    type="gauge",
    labels=("model", "reason"),
    group="cost",
    help="Charges of the bill that are the model's and cannot be used, by reason: the sums are without them.",
)
BILL_SHARED = Family(
    name="model_cost_bill_shared",
    type="gauge",
    labels=MODEL,
    group="cost",
    help="Whether every replica reads the same bill, which fleet rules then count once.",
)

#: The first wait after a failure; it doubles with each one until it is the interval.
FIRST_WAIT = 15.0

#: A poll that is not back after this many times its time-out hangs: what it waits for may take it twice, connect and answer.
_PATIENCE = 2.5


class BillPoll(Poll):
    """The bill of one model.

    After a failure it is asked again soon, then later and later; a server that says when is asked then.
    """

    def __init__(self, model: Model, cost: Cost, bill: Focus | OpenCost, clock: Callable[[], float] = time.time) -> None:
        self._model = model.name
        self._cost = cost
        self._clock = clock
        self._usual = bill.interval.seconds
        self._failures = 0
        self.interval = self._usual
        self.timeout = bill.timeout.seconds * _PATIENCE
        if isinstance(bill, Focus):
            exports = Exports(model.name, bill)
            self._read: Callable[[float], Bill] = lambda now: bill_of(exports.charges(), now=now)
        else:
            # Imported here: who asks no server loads nothing that could.
            from prediction_exporter.cost.opencost import Allocations

            allocations = Allocations(model.name, bill, cost.currency)
            self._read = allocations.bill

    def poll(self) -> Samples:
        """Read the bill."""
        try:
            bill = self._read(self._clock())
        except Exception as error:
            asked = error.retry_after if isinstance(error, ServerError) else None
            self.interval = min(max(FIRST_WAIT * 2**self._failures, asked or 0.0), max(self._usual, asked or 0.0))
            self._failures = min(self._failures + 1, 20)
            raise
        self._failures, self.interval = 0, self._usual
        return self._render(bill)

    def _render(self, bill: Bill) -> Samples:
        samples, model = Samples(), self._model
        of_model = label_text(MODEL, (model,))
        for line, amount in sorted(bill.billed.items()):
            labels = label_text(BILLED.labels, (model, line.component, line.currency, line.period))
            samples.add(BILLED, labels, float(amount))
        for share, amount in sorted(bill.per_hour.items()):
            samples.add(BILLED_RATE, label_text(BILLED_RATE.labels, (model, *share)), float(amount))
        for currency, amount in bill.month_to_date.items():
            samples.add(BILLED_MONTH_TO_DATE, label_text(BILLED_MONTH_TO_DATE.labels, (model, currency)), float(amount))
        for currency, amount in bill.month_end.items():
            samples.add(BILLED_MONTH_END, label_text(BILLED_MONTH_END.labels, (model, currency, METHOD)), float(amount))
        if bill.newest is not None:
            samples.add(BILL_NEWEST, of_model, bill.newest)
        samples.add(BILL_CHARGES, of_model, bill.count)
        for reason in REFUSALS:
            samples.add(BILL_REJECTED, label_text(BILL_REJECTED.labels, (model, reason)), bill.refused.get(reason, 0))
        samples.add(BILL_SHARED, of_model, self._cost.shared)
        return samples

    def most(self) -> Most:
        """Count a bill with as many components, currencies and months as are shown at most."""
        shares = MOST_CURRENCIES * (MOST_COMPONENTS + 1)
        counts = {
            BILLED: shares * PERIODS,
            BILLED_RATE: shares,
            BILLED_MONTH_TO_DATE: MOST_CURRENCIES,
            BILLED_MONTH_END: MOST_CURRENCIES,
            BILL_NEWEST: 1,
            BILL_CHARGES: 1,
            BILL_REJECTED: len(REFUSALS),
            BILL_SHARED: 1,
        }
        return Most({family.name: count for family, count in counts.items()}, {})


def _open(config: Config) -> Mapping[str, Poll]:
    found = {model.name: (model, model.cost) for model in config.models if model.cost is not None}
    return {name: BillPoll(model, cost, bill) for name, (model, cost) in found.items() if (bill := cost.bill) is not None}


COLLECTOR = PollingCollector(
    name="bill",
    summary="What was billed for a model, from a FOCUS export or an OpenCost.",
    families=(
        BILLED,
        BILLED_RATE,
        BILLED_MONTH_TO_DATE,
        BILLED_MONTH_END,
        BILL_NEWEST,
        BILL_CHARGES,
        BILL_REJECTED,
        BILL_SHARED,
    ),
    maturity=0,
    open=_open,
)
