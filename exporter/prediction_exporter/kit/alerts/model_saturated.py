"""A service is asked for nearly all that it can bear."""

from __future__ import annotations

from prediction_exporter.collectors.identity import CAPACITY_CONCURRENT, CAPACITY_REQUESTS
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.capacity import USED
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import PERCENT

#: Share of the capacity from which little more can be borne.
NEARLY_ALL = 0.9
_KEY = (*MODEL_KEY, "resource")
_VERSION = {"model": "credit-risk", "version": "2"}
_B = {**TARGET, "instance": "b:10900"}
_BOTH = (TARGET, _B)
_OWNER = owner("service", "ml-ops")


def _firing(resource: str, told: str, share: str) -> Firing:
    return Firing(
        severity="warning",
        labels={**MODEL_LABELS, "resource": resource, "owner": "ml-ops"},
        description=(
            f"credit-risk is asked for {share} of the requests that it can bear {told}, over the last 5 minutes; the alert "
            "fires from 90 % on."
        ),
    )


MODEL_SATURATED = Alert(
    name="ModelSaturated",
    area="service",
    key=_KEY,
    window=None,
    conditions=(
        Condition(severity="warning", expr=lambda _: f"{USED} > {NEARLY_ALL}", hold=duration("10m"), keep=duration("10m")),
    ),
    summary="A model's service is asked for nearly all that it can bear.",
    description=lambda _: (
        f"{{{{ $labels.model }}}} is asked for {PERCENT.of_unscaled('$value')} of the requests that it can bear "
        '{{ if eq $labels.resource "concurrency" }}at the same time{{ else }}in a second{{ end }}, over the last 5 minutes; '
        f"the alert fires from {NEARLY_ALL * 100:g} % on."
    ),
    worst=None,
    action="Add replicas, or shed load. Is the traffic what it should be, or is a client sending everything twice?",
    meaning=(
        f"For ten minutes, more than {NEARLY_ALL * 100:g} % of the configured capacity was used: of requests a second, or of "
        "requests at the same time, whose mean is the time that the requests of a second take together."
    ),
    impact="Requests begin to wait for each other; soon they are slow, and then they fail.",
    diagnosis=(
        Diagnosis(question="How much of which capacity is used?", query=USED.where(model="MODEL")),
        Diagnosis(question="Has the load grown?", query=f"sum by (version) (rate({REQUESTS.where(model='MODEL')}[5m]))"),
        Diagnosis(
            question="Has a request come to take longer?",
            query=(
                f'sum by (version) (rate({REQUEST_DURATION}_sum{{model="MODEL"}}[5m]))'
                f' / sum by (version) (rate({REQUEST_DURATION}_count{{model="MODEL"}}[5m]))'
            ),
        ),
    ),
    mitigation=(
        "1. The load has grown: add replicas, and raise `capacity` with them.\n"
        "2. Requests take longer: see `ModelLatencyBudgetBurn`; a new version may be slower.\n"
        "3. The capacity is more than what is configured: measure it, and correct `capacity`."
    ),
    muted_by=(),
    without_model=False,
    graphed=(USED,),
    tests=(
        Case(
            name="two replicas that bear 20 requests a second together are asked for 19",
            series=(
                # 570 a minute are 9.5 a second, on each of two.
                *(series(REQUESTS, "0+570x60", _VERSION, target=target) for target in _BOTH),
                *(series(CAPACITY_REQUESTS, "20x60", target=target, model="credit-risk") for target in _BOTH),
                _OWNER,
            ),
            checks=(
                Check(at="8m", firing=()),
                Check(at="30m", firing=(_firing("requests_per_second", "in a second", "95 %"),)),
            ),
        ),
        Case(
            name="requests of a second take 7.6 seconds together, of 8",
            series=(
                series(f"{REQUEST_DURATION}_sum", "0+456x60", _VERSION),
                series(CAPACITY_CONCURRENT, "8x60", model="credit-risk"),
                _OWNER,
            ),
            checks=(Check(at="30m", firing=(_firing("concurrency", "at the same time", "95 %"),)),),
        ),
        Case(
            name="half of the capacity is used, and another model says nothing of its own",
            series=(
                series(REQUESTS, "0+600x60", _VERSION),
                series(f"{REQUEST_DURATION}_sum", "0+240x60", _VERSION),
                series(CAPACITY_REQUESTS, "20x60", model="credit-risk"),
                series(CAPACITY_CONCURRENT, "8x60", model="credit-risk"),
                series(REQUESTS, "0+60000x60", model="other", version="1"),
                _OWNER,
            ),
            checks=(Check(at="30m", firing=()),),
        ),
    ),
)
