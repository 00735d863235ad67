"""Fewer replicas of a service run than are expected."""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_INFO, REPLICAS_EXPECTED
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.capacity import REPLICAS
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT

_INFO = {"model": "credit-risk", "task": "binary", "framework": "", "training_data": ""}


def _expected(scale: Scale) -> str:
    return f"max {by(MODEL_KEY)} ({latest(REPLICAS_EXPECTED.name, scale)})"


def _description(scale: Scale) -> str:
    expected = figure(f"max({latest(own(REPLICAS_EXPECTED.name, MODEL_KEY), scale)})", MODEL_KEY, COUNT)
    return f"{{{{ $value }}}} of {expected} replicas of {{{{ $labels.model }}}} run."


def _replicas(names: str, values: str = "x60") -> tuple[str, ...]:
    return tuple(
        line
        for name in names
        for line in (
            series(MODEL_INFO, f"1{values}", _INFO, target={**TARGET, "instance": f"{name}:10900"}),
            series(REPLICAS_EXPECTED, f"5{values}", target={**TARGET, "instance": f"{name}:10900"}, model="credit-risk"),
        )
    )


MODEL_REPLICAS_MISSING = Alert(
    name="ModelReplicasMissing",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: f"{REPLICAS} < {on(MODEL_KEY)} {_expected(scale)}",
            hold=duration("10m"),
            keep=duration("5m"),
        ),
    ),
    summary="Fewer replicas of a model's service run than are expected.",
    description=_description,
    worst=None,
    action="Look why the others do not run: pods that are pending or crash, a node that is gone, a deployment scaled down.",
    meaning=(
        "For ten minutes fewer exporters beside the model's servers have answered than `replicas.expected` says. A replica is "
        "counted by its exporter, so one whose exporter alone is down is missing here as well."
    ),
    impact="Those that are left bear the load of all. With none left there is no service: see `ModelGone`.",
    diagnosis=(
        Diagnosis(question="Which replicas run?", query=MODEL_INFO.where(model="MODEL")),
        Diagnosis(question="Which targets do not answer?", query="up{job='JOB'} == 0"),
        Diagnosis(question="Since when?", query=REPLICAS.where(model="MODEL")),
    ),
    mitigation=(
        "1. Pods pending: is there room on the nodes, or a quota?\n"
        "2. Pods crash: the log of the run before says why (`kubectl logs --previous`).\n"
        "3. Scaled down on purpose: correct `replicas.expected`, or leave it out where an autoscaler decides."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    graphed=(REPLICAS,),
    tests=(
        Case(
            name="two of five run",
            series=(*_replicas("ab"), owner("service", "ml-ops")),
            checks=(
                Check(at="8m", firing=()),
                Check(
                    at="30m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description="2 of 5 replicas of credit-risk run.",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="all five run",
            series=(*_replicas("abcde"), owner("service", "ml-ops")),
            checks=(Check(at="50m", firing=()),),
        ),
        Case(
            name="nobody said how many",
            series=(series(MODEL_INFO, "1x60", _INFO), owner("service", "ml-ops")),
            checks=(Check(at="50m", firing=()),),
        ),
    ),
)
