"""Requests are slow so often that the latency budget will not last."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_LATENCY, SLO_OBJECTIVE
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_SLOW
from prediction_exporter.kit.alert import Alert, Case, Check, Diagnosis, Firing, figure, own
from prediction_exporter.kit.burn import BudgetBurn, enough_requests
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, latest
from prediction_exporter.kit.recording import SLOW_SHARES
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.wording import DURATION

_BURN = BudgetBurn(slo="latency", shares=SLOW_SHARES, enough=enough_requests("latency", REQUESTS_SLOW))
_VERSION = {"model": "credit-risk", "version": "2"}
_OBJECTIVE = (
    series(SLO_OBJECTIVE, "0.99x400", model="credit-risk", slo="latency"),
    series(SLO_LATENCY, "0.1x400", model="credit-risk"),
    owner("service", "ml-ops", "1x400"),
)


def _description(scale: Scale) -> str:
    bound = figure(f"max({latest(own(SLO_LATENCY.name, MODEL_KEY), scale)})", MODEL_KEY, DURATION)
    return _BURN.requests("were too slow")(scale) + f" Too slow is more than {bound}."


LATENCY_BUDGET_BURN = Alert(
    name="ModelLatencyBudgetBurn",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=_BURN.conditions(),
    summary="Requests to a model are too slow so often that its latency budget will be used up early.",
    description=_description,
    worst=None,
    action="Compare load and latency by version. Roll a slower version back, or add replicas where the load has grown.",
    meaning=(
        "The share of requests slower than the latency objective is many times what the objective allows: 14.4 times over an "
        "hour and still over 5 minutes, or 6 times over 6 hours and 30 minutes (critical), or 3 times over a day and 2 hours, "
        "or more than it allows over 3 days and 6 hours (warning)."
    ),
    impact="Callers wait, and may give up. An objective of 95 % or less cannot burn 20 times as fast: choose a higher one.",
    diagnosis=(
        Diagnosis(
            question="Which version is slow, at the 95th percentile?",
            query=(f'histogram_quantile(0.95, sum by (le, version) (rate({REQUEST_DURATION}_bucket{{model="MODEL"}}[5m])))'),
        ),
        Diagnosis(question="Has the load grown?", query=f"sum by (version) (rate({REQUESTS.where(model='MODEL')}[5m]))"),
        Diagnosis(question="What is the bound?", query=SLO_LATENCY.where(model="MODEL")),
    ),
    mitigation=(
        "1. One version is slower: roll it back.\n"
        "2. The load has grown: add replicas.\n"
        "3. Neither: look at CPU throttling, memory pressure, and at what the model asks, such as a feature store."
    ),
    muted_by=(),
    without_model=False,
    graphed=_BURN.series,
    tests=(
        Case(
            name="half of the requests are slow",
            series=(
                series(REQUESTS, "0+60x120", _VERSION),
                series(f"{REQUEST_DURATION}_count", "0+60x120", _VERSION),
                series(REQUESTS_SLOW, "0+30x120", _VERSION),
                *_OBJECTIVE,
            ),
            checks=(
                Check(
                    at="100m",
                    firing=tuple(
                        Firing(
                            severity=severity,
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "Of requests to credit-risk, 50 % were too slow in the last 5 minutes, 50 % in the last hour "
                                "(3,600 requests) and 50 % in the last day: its latency budget is used up 50 times as fast as "
                                "the objective of 99 % allows. Too slow is more than 100ms."
                            ),
                        )
                        for severity in ("critical", "warning")
                    ),
                ),
            ),
        ),
        Case(
            name="one in a hundred is slow, as the objective allows, and no duration is logged at all",
            series=(
                series(REQUESTS, "0+600x120", _VERSION),
                series(f"{REQUEST_DURATION}_count", "0+600x120", _VERSION),
                series(REQUESTS_SLOW, "0+6x120", _VERSION),
                series(f"{REQUEST_DURATION}_count", "0x120", model="silent", version="1"),
                series(REQUESTS_SLOW, "0x120", model="silent", version="1"),
                series(SLO_OBJECTIVE, "0.99x120", model="silent", slo="latency"),
                *_OBJECTIVE,
            ),
            checks=(Check(at="100m", firing=()),),
        ),
    ),
)
