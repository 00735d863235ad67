"""Alerts on an error budget: how many times faster than the objective allows it is used up, over two spans at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prediction_exporter.collectors.identity import SLO_OBJECTIVE
from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.config.units import Duration
from prediction_exporter.families import Family
from prediction_exporter.kit.alert import Condition, Template, figure, own
from prediction_exporter.kit.fleet import counted_once, total
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by, indented, latest
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, EXACT_PERCENT, PERCENT

#: A budget for 30 days: 2 % of it in an hour, 5 % in 6 hours, 10 % in a day.
PAGES = ((14.4, duration("1h"), duration("5m")), (6, duration("6h"), duration("30m")))
TICKETS = ((3, duration("1d"), duration("2h")),)
#: Fewer bad requests than this in the longer span are no alert, however few requests there were.
LEAST = 5


@dataclass(frozen=True, kw_only=True)
class BudgetBurn:
    """The use of a service level objective's error budget.

    Attributes:
        slo: the objective's label.
        shares: the share of bad requests by span.
        bad: counts bad requests.
    """

    slo: str
    shares: Mapping[Duration, Recorded]
    bad: Family

    @property
    def series(self) -> tuple[Recorded, ...]:
        """The shares, for a graph."""
        return tuple(self.shares.values())

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
            f"  and\n{indented(counted_once(MODEL_KEY, f'increase({self.bad}[{scale(long)}])'))} >= {LEAST}\n)"
            for factor, long, short in spans
        )

    def _rate(self, span: Duration, scale: Scale) -> str:
        allowed = f"(1 - max {by(MODEL_KEY)} ({latest(SLO_OBJECTIVE.where(slo=self.slo), scale)}))"
        return f"{self.shares[span]} / {allowed}"

    def description(self, what: str) -> Template:
        """Return the description; ``what`` says what bad requests did."""

        def template(scale: Scale) -> str:
            def share(span: str) -> str:
                return figure(own(self.shares[duration(span)].name, MODEL_KEY), MODEL_KEY, PERCENT)

            objective = figure(
                f"max({latest(own(SLO_OBJECTIVE.name, MODEL_KEY, slo=self.slo), scale)})", MODEL_KEY, EXACT_PERCENT
            )
            hour = scale(duration("1h"))
            requests = figure(total(MODEL_KEY, f"increase({own(REQUESTS.name, MODEL_KEY)}[{hour}])"), MODEL_KEY, COUNT)
            return (
                "The error budget of {{ $labels.model }} is used up "
                f'{{{{ $value | printf "%.1f" }}}} times as fast as the objective of {objective} allows: '
                f"{share('5m')} of requests {what} in the last 5 minutes, {share('1h')} in the last hour "
                f"({requests} requests) and {share('1d')} in the last day."
            )

        return template
