"""A model costs much more than in the same hours of other days."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.cost import ANOMALY, BASIS_KEY, LEAST_DAYS, OTHER_DAYS, PER_1000, RATE
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import NUMBER

#: Multiples of the most that the same hour of other days cost.
TOLD_FROM, WARNED_FROM = 1.5, 3


def _firing(severity: Severity, multiple: str) -> Firing:
    return Firing(
        severity=severity,
        labels={**MODEL_LABELS, "basis": "rates", "currency": "USD", "owner": "finance"},
        description=(
            f"credit-risk costs {multiple} times as much USD in an hour, by its rates, as the same hour did on any of the 7 "
            "days before that are known."
        ),
    )


def _multiple(values: str, model: str = "credit-risk") -> str:
    """Return the recorded multiple: what it is recorded from is a week, which a test of its own goes through in long steps."""
    of = {"job": "prediction-exporter", "namespace": "ml"}
    return series(str(ANOMALY), values, target=of, model=model, basis="rates", currency="USD")


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
    description=lambda _: (
        "{{ $labels.model }} costs "
        + NUMBER.of("$value")
        + ' times as much {{ $labels.currency }} in an hour, by its {{ if eq $labels.basis "billed" }}bill{{ else }}rates'
        f"{{{{ end }}}}, as the same hour did on any of the {OTHER_DAYS} days before that are known."
    ),
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
            series=(_multiple("1x10 4x300"), owner("cost", "finance", "1x300")),
            checks=(
                Check(at="60m", firing=()),
                Check(at="80m", firing=(_firing("warning", "4.00"), _firing("info", "4.00"))),
            ),
        ),
        Case(
            name="twice as much as on other days",
            series=(_multiple("2x300"), owner("cost", "finance", "1x300")),
            checks=(Check(at="80m", firing=(_firing("info", "2.00"),)),),
        ),
        Case(
            name="a third more than on other days, and a model of another name",
            series=(_multiple("1.3x300"), _multiple("1.4x300", "other"), owner("cost", "finance", "1x300")),
            checks=(Check(at="200m", firing=()),),
        ),
    ),
)
