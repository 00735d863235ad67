"""Costs: what each model has cost by its rates, counted on from what was stored.

The accounts of all models are stored as one, as those of a model are, under a name that no model can have. What they counted
predictions up to is stored with them, and a report is of what its model has committed: so each prediction costs once, whenever
the process dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.config import Config
from prediction_exporter.cost.rates import Account, RateCosts
from prediction_exporter.cost.usage import Metered, Usage
from prediction_exporter.counting.state import State, StoredModel

#: What costs are stored under.
STORED_AS = "(cost)"


class CostMonitor:
    """Counts what models cost. One thread uses it at a time.

    Args:
        state: where the accounts are kept.
        reports: gives the last report of each model.
        metered: gives what is seen of a model that may have a price.
        clock: Unix time.
        monotonic: seconds of a clock that never jumps.

    Raises:
        StateError: what is stored is damaged.
    """

    def __init__(
        self,
        config: Config,
        *,
        state: State,
        reports: Callable[[], Mapping[str, ModelReport]],
        metered: Callable[[str], Metered],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._costs = {model.name: model.cost for model in config.models if model.cost is not None and model.cost.rates}
        self._state = state
        self._reports = reports
        self._metered = metered
        self._clock = clock
        self._monotonic = monotonic
        self._claim = state.claim(STORED_AS)
        stored = state.load(STORED_AS)
        accounts = {} if stored is None else stored.counters["models"]
        now, passed = clock(), monotonic()
        self._accounts = {
            name: Account.from_json(accounts[name], cost, now=now, monotonic=passed)
            if name in accounts
            else Account(now, passed)
            for name, cost in self._costs.items()
        }

    def read(self, *, until: Callable[[], bool]) -> bool:  # noqa: ARG002 - it never takes long
        """Count what was used since the last call, and store it; there is never more."""
        now, passed, reports = self._clock(), self._monotonic(), self._reports()
        for name, cost in self._costs.items():
            self._accounts[name].count(cost, self._usage(name, reports.get(name)), now=now, monotonic=passed)
        if self._accounts:
            counters = {"models": {name: account.to_json() for name, account in self._accounts.items()}}
            self._state.commit(STORED_AS, StoredModel("", None, counters), None, (), keep_from={}, claim=self._claim)
        return False

    def _usage(self, name: str, report: ModelReport | None) -> Usage:
        metered = self._metered(name)
        if report is None or report.requests is None:
            return Usage(metered=metered)
        return Usage(report.requests, report.source.newest, report.source.since, metered)

    def evaluate(self) -> dict[str, RateCosts]:
        """Return what was counted."""
        return {name: account.costs() for name, account in self._accounts.items()}

    def close(self) -> None:
        """Nothing is open."""
