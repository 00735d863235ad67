"""Cost: what a model costs by the rates of its configuration, kept over restarts, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from prediction_exporter.collectors.base import LiveCollector, LiveSeries, Most, Published
from prediction_exporter.config import Config, Cost, Model
from prediction_exporter.cost.months import METHOD
from prediction_exporter.cost.rates import RATES, RateCosts, Share
from prediction_exporter.errors import StateError
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family

COST = Family(
    name="model_cost_total",
    type="counter",
    labels=("model", "component", "currency"),
    group="cost",
    help="What the model has cost by the configured rates. What was billed is no counter: see model_cost_billed.",
)
COST_RATE = Family(
    name="model_cost_rate_per_hour",
    type="gauge",
    labels=("model", "component", "currency"),
    group="cost",
    help="What the model costs in an hour by the configured rates, as in the last hour.",
)
COST_MONTH_TO_DATE = Family(
    name="model_cost_month_to_date",
    type="gauge",
    labels=("model", "currency", "period"),
    group="cost",
    help="What the model has cost by the configured rates since the calendar month began, in UTC.",
)
COST_MONTH_END = Family(
    name="model_cost_month_end",
    type="gauge",
    labels=("model", "currency", "method"),
    group="cost",
    help="What the month will have cost at its end by the configured rates; the method says how the rest of it is projected.",
)
COST_BUDGET = Family(
    name="model_cost_budget_per_month",
    type="gauge",
    labels=("model", "currency"),
    group="cost",
    help="What the model may cost in a calendar month, all replicas together.",
)


class CostSeries(LiveSeries):
    """The costs of one model."""

    def __init__(self, model: Model, cost: Cost) -> None:
        self._model = model.name
        self._cost = cost

    def render(self, published: Published) -> Samples:
        """Return the series; those of rates when something was counted, as counters that began at 0 again would count anew."""
        samples, model, cost = Samples(), self._model, self._cost
        if cost.budget_per_month is not None:
            samples.add(COST_BUDGET, label_text(COST_BUDGET.labels, (model, cost.currency)), float(cost.budget_per_month))
        if cost.rates and published.costs is None:
            raise StateError("what rates cost cannot be counted; the log has why")
        costs = (published.costs or {}).get(model)
        if costs is not None:
            self._render(samples, costs)
        return samples

    def _render(self, samples: Samples, costs: RateCosts) -> None:
        for share, amount in costs.totals.items():
            samples.add(COST, label_text(COST.labels, (self._model, *share)), float(amount), created=costs.since)
        for share, amount in costs.per_hour.items():
            samples.add(COST_RATE, label_text(COST_RATE.labels, (self._model, *share)), float(amount))
        for currency, amount in costs.month_to_date.items():
            labels = label_text(COST_MONTH_TO_DATE.labels, (self._model, currency, costs.period))
            samples.add(COST_MONTH_TO_DATE, labels, float(amount))
        for currency, amount in costs.month_end.items():
            samples.add(COST_MONTH_END, label_text(COST_MONTH_END.labels, (self._model, currency, METHOD)), float(amount))

    def most(self) -> Most:
        """Count a component for each rate. A currency that was changed adds those of the former one, which are few."""
        currency, zero = self._cost.currency, Decimal(0)
        shares = {Share(RATES[rate].component, currency): zero for rate in self._cost.rates}
        of_month = {currency: zero} if shares else {}
        costs = {self._model: RateCosts(shares, shares, "", of_month, of_month, 0.0)}
        published = Published(reports={}, reload_succeeded=True, loaded=0.0, others=0, now=0.0, costs=costs)
        return Most.of(self.render(published))


def _open(config: Config) -> Mapping[str, LiveSeries]:
    return {model.name: CostSeries(model, model.cost) for model in config.models if model.cost is not None}


COLLECTOR = LiveCollector(
    name="cost",
    summary="What a model costs by its rates, and its budget.",
    families=(COST, COST_RATE, COST_MONTH_TO_DATE, COST_MONTH_END, COST_BUDGET),
    maturity=0,
    open=_open,
)
