"""A model costs much more than in the same hours of other days."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity, figure, own
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.cost import ANOMALY, BASIS_KEY, LEAST_DAYS, OTHER_DAYS, PER_1000, RATE
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import NUMBER

#: Multiples of the most that the same hour of other days cost.
TOLD_FROM, WARNED_FROM = 1.5, 3


def _firing(severity: Severity, now: str, multiple: str, usual: str) -> Firing:
    return Firing(
        severity=severity,
        labels={**MODEL_LABELS, "basis": "rates", "currency": "USD", "owner": "finance"},
        description=(
            f"credit-risk costs {now} USD in an hour by its rates, {multiple} times the {usual} USD that it cost at most in "
            "the same hour of the 7 days before."
        ),
    )


def _description(_: Scale) -> str:
    now = f"sum({own(RATE.name, BASIS_KEY)})"
    return (
        "{{ $labels.model }} costs "
        + figure(now, BASIS_KEY, NUMBER)
        + ' {{ $labels.currency }} in an hour by its {{ if eq $labels.basis "billed" }}bill{{ else }}rates{{ end }}, '
        + NUMBER.of("$value")
        + " times the "
        + figure(f"{now} / max({own(ANOMALY.name, BASIS_KEY)})", BASIS_KEY, NUMBER)
        + f" {{{{ $labels.currency }}}} that it cost at most in the same hour of the {OTHER_DAYS} days before."
    )


def _multiple(values: str, model: str = "credit-risk") -> str:
    """Return the recorded multiple: what it is recorded from is a week, which a test of its own goes through in long steps."""
    of = {"job": "prediction-exporter", "namespace": "ml"}
    return series(str(ANOMALY), values, target=of, model=model, basis="rates", currency="USD")


def _hourly(cost: float) -> str:
    of = {"job": "prediction-exporter", "namespace": "ml", "basis": "rates", "currency": "USD", "component": "replicas"}
    return series(str(RATE), f"{cost:g}x300", target=of, model="credit-risk")


MODEL_COST_ANOMALY = Alert(
    name="ModelCostAnomaly",
    area="cost",
    key=BASIS_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda _: f"{ANOMALY} > {WARNED_FROM}",
            hold=duration("1h"),
            keep=duration("30m"),
        ),
        Condition(
            severity="info",
            expr=lambda _: f"{ANOMALY} > {TOLD_FROM}",
            hold=duration("1h"),
            keep=duration("30m"),
        ),
    ),
    summary="A model costs much more than in the same hours of other days.",
    description=_description,
    worst=None,
    action="See which component costs more, and whether the model answers more requests for it.",
    meaning=(
        f"What the model costs in an hour is more than {TOLD_FROM} times the most that the same hour cost on any of the "
        f"{OTHER_DAYS} days before, and than their mean; from {WARNED_FROM} times on it is a warning. At least {LEAST_DAYS} of "
        "these days must be known. Of a bill it is the newest day that is billed as a whole."
    ),
    impact="Nothing breaks. What costs more for a few hours unnoticed may do so for a month.",
    diagnosis=(
        Diagnosis(question="Which component costs how much in an hour?", query=f"sort_desc({RATE.where(model='MODEL')})"),
        Diagnosis(question="Do 1,000 predictions cost more than before?", query=PER_1000.where(model="MODEL")),
        Diagnosis(question="Are there more requests?", query=f"sum by (version) (rate({REQUESTS.where(model='MODEL')}[1h]))"),
    ),
    mitigation=(
        "1. More requests cost more: who sends them, and is that wanted?\n"
        "2. As many requests as before: were replicas added that are not needed, or does a version use more of something?\n"
        "3. It was meant, as a backfill or a load test: it ends by itself, and other days are compared with it from then on."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    graphed=(ANOMALY,),
    tests=(
        Case(
            name="four times as much as on other days",
            series=(_multiple("1x10 4x300"), _hourly(12), owner("cost", "finance", "1x300")),
            checks=(
                Check(at="60m", firing=()),
                Check(at="80m", firing=(_firing("warning", "12.00", "4.00", "3.00"), _firing("info", "12.00", "4.00", "3.00"))),
            ),
        ),
        Case(
            name="twice as much as on other days",
            series=(_multiple("2x300"), _hourly(0.05), owner("cost", "finance", "1x300")),
            checks=(Check(at="80m", firing=(_firing("info", "0.05", "2.00", "0.025"),)),),
        ),
        Case(
            name="a third more than on other days, and a model of another name",
            series=(_multiple("1.3x300"), _multiple("1.4x300", "other"), owner("cost", "finance", "1x300")),
            checks=(Check(at="200m", firing=()),),
        ),
    ),
)
