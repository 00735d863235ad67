"""OpenCost: what Kubernetes workloads cost, by its allocation API, as charges.

Its amounts are floats without a currency; each stands for the digits that were sent. What it corrects later are adjustments
beside the costs, which belong to them.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from prediction_exporter.config import OpenCost
from prediction_exporter.cost.bill import OTHER, Bill, Charge, Charges, bill_of
from prediction_exporter.cost.focus import time_of
from prediction_exporter.cost.http import ask
from prediction_exporter.cost.money import EXACT, amount_of, total
from prediction_exporter.cost.months import DAY, MEAN_DAYS, month_of, span_of
from prediction_exporter.errors import ServerError
from prediction_exporter.logs import Quiet

logger = logging.getLogger(__name__)

#: Costs of an allocation by what they are called here, and what corrects each.
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("cpuCost", "cpuCostAdjustment"),
    "gpu": ("gpuCost", "gpuCostAdjustment"),
    "memory": ("ramCost", "ramCostAdjustment"),
    "storage": ("pvCost", "pvCostAdjustment"),
    "network": ("networkCost", "networkCostAdjustment"),
    "load_balancer": ("loadBalancerCost", "loadBalancerCostAdjustment"),
    "shared": ("sharedCost",),
    "external": ("externalCost",),
}

#: Sums of floats are off by less than this part of them.
ROUNDING = Decimal("1e-9")

#: What OpenCost calls the cost of what nobody uses: it is no model's.
IDLE = "__idle__"


class Allocations:
    """A model's costs as an OpenCost tells them. One thread uses it at a time.

    Args:
        model: its name, for messages.
        server: the OpenCost.
        currency: of its amounts.
    """

    def __init__(self, model: str, server: OpenCost, currency: str) -> None:
        self._model = model
        self._server = server
        self._currency = currency
        self._quiet = Quiet()

    def bill(self, now: float) -> Bill:
        """Return the bill of this month, from what OpenCost tells of it and of the last days.

        Raises:
            ServerError: it does not answer, or not with what was asked for.
        """
        since = min(span_of(month_of(now))[0], (int(now) // DAY - MEAN_DAYS) * DAY)
        parameters = {
            "window": f"{_written(since)},{_written(int(now))}",
            "step": "1d",
            "aggregate": self._server.aggregate,
            "accumulate": "false",
            "includeIdle": "false",
            "idle": "false",  # as Kubecost calls it
        }
        if self._server.filter is not None:
            parameters["filter"] = self._server.filter
        steps = self._steps(ask(self._server, "/allocation", parameters))
        expected = math.ceil((now - since) / DAY)
        if not expected - 1 <= len(steps) <= expected + 1:
            raise ServerError(f"{self._server.url} tells {len(steps)} days of the {expected} that were asked for")
        found = Charges()
        names: set[str] = set()
        for step in steps:
            for name, allocation in step.items():
                names.add(name)
                if name != IDLE and self._is_the_models(name):
                    self._take(found, allocation)
        if not found.count and self._quiet.lets("nothing"):
            hint = f"; it names {', '.join(sorted(names)[:10])}" if names else ""
            logger.warning("model %s: OpenCost knows no cost that is the model's%s", self._model, hint)
        return bill_of(found, now=now, since=since)

    def _steps(self, body: bytes) -> list[Mapping[str, Any]]:
        problem = ServerError(f"{self._server.url} answers with what is no allocation of OpenCost")
        try:
            answer = json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)
        except (ValueError, RecursionError) as error:
            raise problem from error
        if not isinstance(answer, dict) or answer.get("code") != 200 or not isinstance(answer.get("data"), list):  # noqa: PLR2004 - HTTP's OK
            raise problem
        steps = [step or {} for step in answer["data"]]
        if not all(isinstance(step, dict) for step in steps):
            raise problem
        return steps

    def _is_the_models(self, name: str) -> bool:
        names = self._server.names
        return names is None or any(fnmatchcase(name, pattern) for pattern in names)

    def _take(self, charges: Charges, allocation: Any) -> None:
        if not isinstance(allocation, dict):
            charges.refuse("amount")
            return
        window = allocation.get("window")
        times = [time_of(window.get(key)) for key in ("start", "end")] if isinstance(window, dict) else [None, None]
        begin, end = times
        if begin is None or end is None or end <= begin:
            charges.refuse("time")
            return
        # OpenCost multiplies rates by the time between, which must not be below zero (its issues 3574 and 4057).
        began, ended = (time_of(allocation.get(key)) for key in ("start", "end"))
        backwards = began is not None and ended is not None and ended < began
        for component, amount in _amounts(allocation):
            if amount is None:
                charges.refuse("amount")
            else:
                cost = Decimal(0) if backwards else amount
                charges.take(Charge(month_of(begin), begin, end, component, self._currency, cost, usage=True))


def _amounts(allocation: Mapping[str, Any]) -> Iterator[tuple[str, Decimal | None]]:
    """Yield what each component costs, None where that is no amount; what the total has beside them is of a later release."""
    found: dict[str, Decimal | None] = {}
    for component, keys in COMPONENTS.items():
        told = [allocation[key] for key in keys if key in allocation]
        if told:
            amounts = [amount_of(value) for value in told]
            known = [amount for amount in amounts if amount is not None]
            found[component] = total(known) if len(known) == len(amounts) else None
    yield from found.items()
    whole, parts = amount_of(allocation.get("totalCost")), [amount for amount in found.values() if amount is not None]
    if whole is not None and len(parts) == len(found):
        rest = EXACT.subtract(whole, total(parts))
        if abs(rest) > ROUNDING * max(abs(whole), Decimal(1)):
            yield OTHER, rest


def _written(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
