"""Predictions are too old so often that the freshness budget will not last."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_FRESHNESS, SLO_OBJECTIVE
from prediction_exporter.collectors.source import SOURCE_LAG, SOURCE_UP
from prediction_exporter.config.units import Duration
from prediction_exporter.kit.alert import Alert, Case, Check, Diagnosis, Firing, figure, own
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.burn import BudgetBurn
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.error_budget import LONGEST_SPAN, STALE, STALE_SHARES, many_counted
from prediction_exporter.kit.promql import MODEL_KEY, latest
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.wording import DURATION

#: Evaluations of a minute in which predictions were stale, at least.
LEAST = 5


def _enough(span: Duration, scale: Scale) -> str:
    if span >= LONGEST_SPAN:
        return many_counted("freshness", span, scale, 1)
    return f"sum_over_time({STALE}[{scale(span)}]) >= {LEAST}"


_BURN = BudgetBurn(slo="freshness", shares=STALE_SHARES, enough=_enough)


def _description(scale: Scale) -> str:
    bound = figure(f"max({latest(own(SLO_FRESHNESS.name, MODEL_KEY), scale)})", MODEL_KEY, DURATION)
    age = figure(f"min({latest(own(SOURCE_LAG.name, MODEL_KEY), scale)})", MODEL_KEY, DURATION)
    return (
        f"The newest prediction of {{{{ $labels.model }}}} is {age} old; too old is more than {bound}. It was so for "
        f"{_BURN.over('1h')} of the last hour and {_BURN.over('1d')} of the last day: {_BURN.speed(scale)}."
    )


_B = {**TARGET, "instance": "b:10900"}
_OBJECTIVE = (
    series(SLO_OBJECTIVE, "0.99x200", model="credit-risk", slo="freshness"),
    series(SLO_FRESHNESS, "900x200", model="credit-risk"),
    series(SOURCE_UP, "1x200", model="credit-risk"),
    owner("service", "ml-ops", "1x200"),
)


FRESHNESS_BUDGET_BURN = Alert(
    name="ModelFreshnessBudgetBurn",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=_BURN.conditions(),
    summary="A model's predictions are too old for so long that its freshness budget will be used up early.",
    description=_description,
    worst=None,
    action="Is the job that predicts late, or failed? Run it again. If it has run, look at what writes its predictions down.",
    meaning=(
        "The share of the time in which no prediction was as new as the objective asks is many times what it allows: 14.4 "
        "times over an hour and still over 5 minutes, or 6 times over 6 hours and 30 minutes (critical), or 3 times over a day "
        "and 2 hours, or more than it allows over 3 days and 6 hours (warning). Time in which no exporter answers is not "
        "counted."
    ),
    impact="Who reads the predictions decides by old ones. An objective of 93 % or less cannot burn 14.4 times as fast.",
    diagnosis=(
        Diagnosis(question="How old is what each replica saw last?", query=SOURCE_LAG.where(model="MODEL")),
        Diagnosis(question="Since when are they too old?", query=STALE.where(model="MODEL")),
        Diagnosis(question="What is the bound?", query=SLO_FRESHNESS.where(model="MODEL")),
    ),
    mitigation=(
        "1. The job failed: mend it and run it again for the time that it left out.\n"
        "2. It ran late: look at what it waits for, such as the table that it reads.\n"
        "3. It ran, and nothing new is seen: compare the path or table in `predictions` with where it writes."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    graphed=_BURN.series,
    tests=(
        Case(
            name="no prediction for an hour, where a quarter of an hour is fresh",
            # From the minute 15 on it is older than the bound: in 46 of the 61 evaluations until 1h.
            series=(series(SOURCE_LAG, "60+60x120", model="credit-risk"), *_OBJECTIVE),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="1h",
                    firing=tuple(
                        Firing(
                            severity=severity,
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "The newest prediction of credit-risk is 1h 1m old; too old is more than 15m. It was so for "
                                "75.4 % of the last hour and 75.4 % of the last day: its freshness budget is used up 75.4 "
                                "times as fast as the objective of 99 % allows."
                            ),
                        )
                        for severity in ("critical", "warning")
                    ),
                ),
            ),
        ),
        Case(
            name="one of two replicas sees new predictions",
            series=(
                series(SOURCE_LAG, "60+60x120", model="credit-risk"),
                series(SOURCE_LAG, "30x120", target=_B, model="credit-risk"),
                *_OBJECTIVE,
            ),
            checks=(Check(at="1h", firing=()),),
        ),
        Case(
            name="old predictions of a model without an objective",
            series=(series(SOURCE_LAG, "60+60x120", model="other"), *_OBJECTIVE),
            checks=(Check(at="1h", firing=()),),
        ),
        Case(
            name="a new prediction every ten minutes",
            series=(
                series(SOURCE_LAG, f"{' '.join(str(60 * (minute % 10)) for minute in range(120))}", model="credit-risk"),
                *_OBJECTIVE,
            ),
            checks=(Check(at="100m", firing=()),),
        ),
    ),
)
