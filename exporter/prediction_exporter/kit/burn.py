"""Alerts on an error budget: how many times faster than the objective allows it is used up, over two spans at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prediction_exporter.collectors.identity import SLO_OBJECTIVE
from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.config.units import Duration
from prediction_exporter.families import Family
from prediction_exporter.kit.alert import Condition, Template, figure, own
from prediction_exporter.kit.error_budget import LONG_SHARES, LONGEST_SPAN, many_counted
from prediction_exporter.kit.fleet import counted_once, total
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by, indented, latest
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, EXACT_PERCENT, FIGURE, PERCENT

#: A budget for 30 days: 2 % of it in an hour, 5 % in 6 hours, 10 % in a day, 10 % in 3 days (SRE workbook).
PAGES = ((14.4, duration("1h"), duration("5m")), (6, duration("6h"), duration("30m")))
TICKETS = ((3, duration("1d"), duration("2h")), (1, LONGEST_SPAN, duration("6h")))
#: Fewer bad requests than this in the longer span are no alert, however few requests there were.
LEAST = 5
#: What a message calls the budget of an objective that has another name.
_BUDGETS = {"availability": "error"}
#: Says, of a span, that enough is bad for an alert.
Enough = Callable[[Duration, Scale], str]


def enough_requests(slo: str, bad: Family) -> Enough:
    """Return the condition that at least a few requests were bad; ``bad`` counts them."""

    def condition(span: Duration, scale: Scale) -> str:
        if span >= LONGEST_SPAN:
            return many_counted(slo, span, scale, LEAST)
        return f"{counted_once(MODEL_KEY, f'increase({bad}[{scale(span)}])')} >= {LEAST}"

    return condition


@dataclass(frozen=True, kw_only=True)
class BudgetBurn:
    """The use of a service level objective's error budget.

    Attributes:
        slo: the objective's label.
        shares: the share of what is bad, by span.
        enough: the condition that enough was bad.
    """

    slo: str
    shares: Mapping[Duration, Recorded]
    enough: Enough

    @property
    def series(self) -> tuple[Recorded, ...]:
        """The shares, for a graph."""
        return (*self.shares.values(), LONG_SHARES[self.slo])

    def share(self, span: Duration) -> Recorded:
        """Return the share of what was bad over a span."""
        return LONG_SHARES[self.slo] if span == LONGEST_SPAN else self.shares[span]

    def conditions(self) -> tuple[Condition, ...]:
        """Return the rules: a page for a fast burn, a ticket for a slow one."""
        return (
            Condition(
                severity="critical", expr=lambda scale: self._burns(PAGES, scale), hold=duration("2m"), keep=duration("5m")
            ),
            Condition(
                severity="warning", expr=lambda scale: self._burns(TICKETS, scale), hold=duration("15m"), keep=duration("15m")
            ),
        )

    def _burns(self, spans: tuple[tuple[float, Duration, Duration], ...], scale: Scale) -> str:
        return "\nor\n".join(
            f"(\n  {self._rate(long, scale)} > {factor}\n"
            f"  and {self._rate(short, scale)} > {factor}\n"
            f"  and\n{indented(self.enough(long, scale))}\n)"
            for factor, long, short in spans
        )

    def _rate(self, span: Duration, scale: Scale) -> str:
        allowed = f"(1 - max {by(MODEL_KEY)} ({latest(SLO_OBJECTIVE.where(slo=self.slo), scale)}))"
        return f"{self.share(span)} / {allowed}"

    def requests(self, what: str) -> Template:
        """Return the description of an objective on requests; ``what`` says what bad ones did."""

        def template(scale: Scale) -> str:
            hour = scale(duration("1h"))
            requests = figure(total(MODEL_KEY, f"increase({own(REQUESTS.name, MODEL_KEY)}[{hour}])"), MODEL_KEY, COUNT)
            return (
                f"Of requests to {{{{ $labels.model }}}}, {self.over('5m')} {what} in the last 5 minutes, {self.over('1h')} in "
                f"the last hour ({requests} requests) and {self.over('1d')} in the last day: {self.speed(scale)}."
            )

        return template

    def speed(self, scale: Scale) -> str:
        """Return a template that says how fast the budget is used up."""
        objective = figure(f"max({latest(own(SLO_OBJECTIVE.name, MODEL_KEY, slo=self.slo), scale)})", MODEL_KEY, EXACT_PERCENT)
        budget = _BUDGETS.get(self.slo, self.slo)
        return f"its {budget} budget is used up {FIGURE.of('$value')} times as fast as the objective of {objective} allows"

    def over(self, span: str) -> str:
        """Return a template of the share of what was bad over a span."""
        return figure(own(self.share(duration(span)).name, MODEL_KEY), MODEL_KEY, PERCENT)
