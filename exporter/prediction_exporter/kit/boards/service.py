"""The dashboard of a model's service."""

from __future__ import annotations

from prediction_exporter.collectors.identity import REPLICAS_EXPECTED, SLO_LATENCY, SLO_OBJECTIVE
from prediction_exporter.collectors.traffic import (
    DURATION,
    REQUEST_DURATION,
    REQUESTS,
    RESPONSES,
    STAGE_REQUESTS,
    VERSION_LAST_REQUEST,
)
from prediction_exporter.config.units import Duration
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.alerts.model_saturated import NEARLY_ALL
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.process import process
from prediction_exporter.kit.boards.selectors import (
    MODEL,
    SERVED,
    VERSION,
    allowed,
    error_ratio,
    latency,
    rate,
)
from prediction_exporter.kit.burn import PAGES
from prediction_exporter.kit.capacity import REPLICAS, USED
from prediction_exporter.kit.error_budget import BUDGET_SPAN, LONG_SHARES, LONGEST_SPAN, REMAINING, SHARES
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY, VERSION_KEY, largest_of
from prediction_exporter.kit.recording import HALF_HOUR, TRAFFIC
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.tables import Cell, colored, table

#: How many times as fast as allowed the error budget is used where somebody is called at once.
FASTEST = PAGES[0][0]


#: What breaks each objective, in a word.
_OBJECTIVES = {"availability": "errors", "latency": "latency", "freshness": "freshness"}
_SPANS = (*(duration(text) for text in ("5m", "1h", "6h", "1d")), LONGEST_SPAN)
_NO_OBJECTIVE = "no objective declared, or nothing answers: slo"
_YEAR = 365 * 86_400
#: Words for how long a budget lasts where it is gone, and where that is so long that nobody counts it.
_LASTS = {"0": "used up", str(_YEAR): "over a year"}
#: The share of a budget from which it is enough for the rest of its span, and how fast it may be used at most.
_LEFT: looks.Steps = ((None, looks.BAD), (0, looks.NEAR), (0.3, looks.GOOD))
_BURN: looks.Steps = ((None, looks.GOOD), (1, looks.NEAR), (FASTEST, looks.BAD))


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="service",
        title="Service",
        question="Does it answer, fast enough, and for how long can it go on like this?",
        variables=[*choices.places(), choices.model(), choices.version()],
        annotations=happened(),
        rows=[
            Row(title="Error budget", panels=_budget()),
            Row(title="Requests, errors, latency", panels=_requests()),
            Row(title="Burn rates", panels=_burn_rates()),
            Row(title="Capacity", panels=_capacity()),
            Row(title="Process", panels=process(), collapsed=True),
        ],
    )


def _objectives() -> Panel:
    objective = f"max by (slo) ({SLO_OBJECTIVE.where(*MODEL)})"
    left = f"min by (slo) ({REMAINING.where(*MODEL)})"
    burn = " or ".join(f'label_replace({_burn(slo, duration("1h"))}, "slo", "{slo}", "", "")' for slo in _OBJECTIVES)
    # What is not used at all lasts for ever, of which a year is enough to say.
    lasts = f"clamp_max(clamp_min({left}, 0) * {BUDGET_SPAN.seconds:.0f} / on (slo) clamp_min({burn}, 1e-9), {_YEAR})"
    fields = (
        (objective, "target", {"unit": "percentunit"}),
        (f"1 - (1 - {left}) * on (slo) (1 - {objective})", f"kept in {BUDGET_SPAN}", {"unit": "percentunit", "decimals": 3}),
        (left, "budget left", colored(_LEFT, unit="percentunit", decimals=0)),
        (burn, "used, last hour", colored(_BURN, unit=looks.MULTIPLE_UNIT, decimals=1)),
        (lasts, "lasts at this rate", {"unit": "s", "decimals": 0, "mappings": looks.meanings(_LASTS)}),
    )
    return table(
        "Objectives",
        "What is kept of each objective, how much of its error budget is left, the least first, how many times as fast as "
        "allowed it was used in the last hour, and when it is used up if that goes on.",
        *(p.now(expr, name, table=True) for expr, name, _ in fields),
        cells=[Cell(name="objective", label="slo"), *(Cell(name=name, look=look, width=170) for _, name, look in fields)],
        sort_by=["budget left"],
        least_first=True,
        height=5,
        no_data=_NO_OBJECTIVE,
    )


def _budget() -> list[Panel]:
    return [
        _objectives(),
        p.free_scale(
            p.timeseries(
                "Error budget left",
                f"What is left of each objective's budget of {BUDGET_SPAN}; below 0 the objective is missed.",
                Query(expr=f"min by (slo) ({REMAINING.where(*MODEL)})", legend="{{slo}}"),
                unit="percentunit",
                width=24,
                no_data=_NO_OBJECTIVE,
            )
        ),
    ]


def _requests() -> list[Panel]:
    return [
        p.timeseries(
            "Requests by version",
            "Requests a second, all replicas together, and those of all versions at the same time a week before.",
            Query(expr=total(VERSION_KEY, rate(REQUESTS, MODEL), of="version"), legend="{{version}}"),
            Query(
                expr=f"sum({TRAFFIC.where(*MODEL)} offset 1w) / {HALF_HOUR.seconds:.0f}",
                legend="a week before",
                role=looks.NOISE,
            ),
            unit="reqps",
        ),
        p.timeseries(
            "Errors by version",
            "Share of requests that failed.",
            Query(expr=error_ratio(MODEL, "version"), legend="{{version}}"),
            Query(expr=allowed("availability"), legend="allowed", role=looks.THRESHOLD),
            unit="percentunit",
        ),
        p.timeseries(
            "Latency",
            "Quantiles of this version's durations, interpolated within the buckets, and the objective where there is one.",
            *(
                Query(expr=latency(q, rate(f"{REQUEST_DURATION}_bucket", SERVED)), legend=f"p{q * 100:.0f}", role=role)
                for q, role in zip((0.5, 0.95, 0.99), looks.APART, strict=False)
            ),
            Query(expr=f"max({SLO_LATENCY.where(*MODEL)})", legend="objective", role=looks.THRESHOLD),
            unit="s",
        ),
        _stacked(
            p.timeseries(
                "Requests by class of status",
                "Requests a second by what their status says: a class of HTTP, or whether it means success.",
                Query(expr=total((*MODEL_KEY, "class"), rate(RESPONSES, MODEL), of="class"), legend="{{class}}"),
                unit="reqps",
                no_data="no field with a status",
            )
        ),
        p.timeseries(
            "Time since the last request",
            "Of each version, by the time of its newest request: one that is served no more is no longer asked.",
            Query(expr=f"time() - max by (version) ({VERSION_LAST_REQUEST.where(*MODEL)})", legend="{{version}}"),
            unit="s",
        ),
        p.timeseries(
            "Requests by stage",
            "Requests a second by what they were for: to be answered, to be compared, or to be looked at alone.",
            Query(expr=total((*MODEL_KEY, "stage"), rate(STAGE_REQUESTS, MODEL), of="stage"), legend="{{stage}}"),
            unit="reqps",
            no_data="no stage in the predictions: predictions.fields.stage",
        ),
        _durations(),
    ]


def _durations() -> Panel:
    buckets = f"sum by (le, duration) ({rate(f'{DURATION}_bucket', VERSION)})"
    return p.timeseries(
        "Further durations",
        "Quantiles of this version's further durations, as the time to the first token, interpolated within the buckets.",
        *(
            Query(expr=f"histogram_quantile({q}, {buckets}) >= 0", legend=f"{{{{duration}}}} p{q * 100:.0f}")
            for q in (0.5, 0.95)
        ),
        unit="s",
        width=24,
        no_data="no further durations: predictions.fields.durations",
    )


def _burn_rates() -> list[Panel]:
    burns = [
        Query(expr=_burn(slo, duration("1h")), legend=name, role=role)
        for (slo, name), role in zip(_OBJECTIVES.items(), looks.APART, strict=False)
    ]
    return [
        p.timeseries(
            "Use of the error budget",
            "How many times as fast as the objectives allow there were errors, slow requests and old predictions in the last "
            f"hour. An hour above {FASTEST} uses 2 % of the budget of 30 days.",
            *burns,
            Query(expr=f"max({SLO_OBJECTIVE.where(*MODEL)}) * 0 + {FASTEST}", legend="alert at once", role=looks.THRESHOLD),
            unit=looks.MULTIPLE_UNIT,
            decimals=1,
            no_data=_NO_OBJECTIVE,
        ),
        p.timeseries(
            "Use of the error budget by span",
            "How many times as fast as the objectives allow, of the objective that is used up fastest, over short and long "
            "spans: a problem of now is in the short ones, one that goes on in all.",
            *(
                Query(expr=largest_of((), [_burn(slo, span) for slo in _OBJECTIVES]), legend=f"{span}", role=role)
                for span, role in zip(_SPANS, looks.APART, strict=False)
            ),
            unit=looks.MULTIPLE_UNIT,
            decimals=2,
            no_data=_NO_OBJECTIVE,
        ),
    ]


def _capacity() -> list[Panel]:
    return [
        p.timeseries(
            "Capacity used",
            "Share of what the service can bear that is used: of requests a second, and of requests at the same time.",
            *(
                Query(expr=f"max({USED.where(*MODEL, resource=resource)})", legend=words)
                for resource, words in (
                    ("requests_per_second", "requests a second"),
                    ("concurrency", "at the same time"),
                )
            ),
            Query(expr=f"max({USED.where(*MODEL)}) * 0 + {NEARLY_ALL}", legend="alert", role=looks.THRESHOLD),
            unit="percentunit",
            no_data="no capacity declared: capacity",
        ),
        p.counts(
            p.timeseries(
                "Replicas",
                "Replicas of the service whose exporter answers, and how many there are to be.",
                Query(expr=f"sum({REPLICAS.where(*MODEL)})", legend="up"),
                Query(expr=f"max({REPLICAS_EXPECTED.where(*MODEL)})", legend="expected", role=looks.THRESHOLD),
                unit="short",
            )
        ),
    ]


def _stacked(panel: Panel) -> Panel:
    """Show the series of a graph on top of each other: together they are all that there is."""
    panel.defaults["custom"] = {**panel.defaults["custom"], "fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}}
    return panel


def _burn(slo: str, span: Duration) -> str:
    """Return how many times as fast as it may an objective's budget is used up over a span."""
    share = LONG_SHARES[slo] if span == LONGEST_SPAN else SHARES[slo][span]
    return f"max({share.where(*MODEL)}) / {allowed(slo)}"
