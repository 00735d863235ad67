"""Error budgets: what of 30 days is left, and what breaks objectives by the hour, for requests and for time alike.

A budget is counted on shares and traffic that are recorded: an hour with many requests weighs more than one at night, a counter
that begins anew costs nothing, and 30 days are some thousand values of each model instead of all that was scraped.
"""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_FRESHNESS, SLO_OBJECTIVE
from prediction_exporter.collectors.source import SOURCE_LAG
from prediction_exporter.config.units import Duration
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by, latest, on
from prediction_exporter.kit.recording import BURN_SPANS, FAILED_SHARES, HALF_HOUR, SLOW_SHARES, TRAFFIC
from prediction_exporter.kit.scale import Scale, duration

_SLO_KEY = (*MODEL_KEY, "slo")
#: The span of a budget, and the longest one over which its use is measured; as counted here, and not by the counters.
BUDGET_SPAN, LONGEST_SPAN = duration("30d"), duration("3d")
#: How often counts are taken for the budget; each is of half an hour.
COUNT_INTERVAL = duration("3m")
#: How many counts a request is in.
_TIMES_COUNTED = HALF_HOUR.seconds / COUNT_INTERVAL.seconds

STALE = Recorded(
    name="model:model_predictions:stale",
    labels=MODEL_KEY,
    help="Whether the newest prediction that any replica has seen is older than the freshness objective allows.",
    expr=lambda scale: (
        f"min {by(MODEL_KEY)} ({latest(SOURCE_LAG.name, scale)})\n"
        f"> bool {on(MODEL_KEY)}\n"
        f"max {by(MODEL_KEY)} ({latest(SLO_FRESHNESS.name, scale)})"
    ),
)


def _stale_share(span: Duration) -> Recorded:
    return Recorded(
        name=f"model:model_predictions_stale:ratio_rate{span}",
        labels=MODEL_KEY,
        help=f"Share of the time, over {span}, in which the newest prediction was too old.",
        expr=lambda scale: f"avg_over_time({STALE}[{scale(span)}])",
    )


#: Share of the time in which predictions were stale, by span.
STALE_SHARES = {span: _stale_share(span) for span in BURN_SPANS}


def _of_objectives(requests: str, moments: str) -> str:
    """Return what each objective counts, with its name as label; ``<share>`` stands for the share of requests."""
    parts = [(slo, requests.replace("<share>", f"{shares[HALF_HOUR]}")) for slo, shares in _OF_REQUESTS.items()]
    parts.append(("freshness", moments))
    return "\nor\n".join(f'label_replace({expr}, "slo", "{slo}", "", "")' for slo, expr in parts)


_OF_REQUESTS = {"availability": FAILED_SHARES, "latency": SLOW_SHARES}
#: What breaks each objective, as a share of what it judges, by span.
SHARES = {**_OF_REQUESTS, "freshness": STALE_SHARES}
COUNTED = Recorded(
    name="model_slo:model_requests:increase30m",
    labels=_SLO_KEY,
    help="What an objective judges: requests of the last half hour, and for freshness one moment.",
    expr=lambda _: _of_objectives(f"{TRAFFIC} and {on(MODEL_KEY)} <share>", f"{STALE} >= bool 0"),
)
BAD = Recorded(
    name="model_slo:model_requests_bad:increase30m",
    labels=_SLO_KEY,
    help="Of what an objective judges, what breaks it.",
    expr=lambda _: _of_objectives(f"{TRAFFIC} * {on(MODEL_KEY)} <share>", STALE.name),
)


def _share_over(span: Duration, scale: Scale, **slo: str) -> str:
    bad, counted = (f"sum_over_time({series.where(**slo)}[{scale(span)}])" for series in (BAD, COUNTED))
    return f"{bad}\n/\n({counted} > 0)"


def _long_share(slo: str, like: Recorded, span: Duration = LONGEST_SPAN) -> Recorded:
    stem = like.name.rpartition("ratio_rate")[0]
    return Recorded(
        name=f"{stem}ratio_rate{span}",
        labels=MODEL_KEY,
        help=f"The same share over {span}, on what was counted by the half hour.",
        expr=lambda scale: f"sum {by(MODEL_KEY)} (\n  {_share_over(span, scale, slo=slo)}\n)".replace("\n/\n", "\n  /\n  "),
    )


#: The shares of all objectives over the longest span.
LONG_SHARES = {slo: _long_share(slo, shares[HALF_HOUR]) for slo, shares in SHARES.items()}


def many_counted(slo: str, span: Duration, scale: Scale, least: int) -> str:
    """Return the condition that at least so many requests broke an objective over a long span."""
    times = _TIMES_COUNTED if slo in _OF_REQUESTS else 1
    return f"sum {by(MODEL_KEY)} (sum_over_time({BAD.where(slo=slo)}[{scale(span)}])) >= {least * times:g}"


REMAINING = Recorded(
    name="model_slo:model_error_budget:remaining_ratio",
    labels=_SLO_KEY,
    help=(
        f"What is left of an objective's error budget of {BUDGET_SPAN}, or of the time since it is recorded: 1 is all of it, "
        "0 none, below 0 the objective is missed."
    ),
    expr=lambda scale: (
        f"1 - (\n  {_share_over(BUDGET_SPAN, scale)}\n)\n"
        f"/ {on(_SLO_KEY)}\n"
        f"(1 - max {by(_SLO_KEY)} ({latest(SLO_OBJECTIVE.name, scale)}))"
    ).replace("\n/\n", "\n  /\n  "),
)
