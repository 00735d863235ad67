"""Replicas of one model compare with different baselines."""

from __future__ import annotations

from prediction_exporter.collectors.windows import BASELINE_CREATED, BASELINE_INFO
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest
from prediction_exporter.kit.scale import duration

_B = {**TARGET, "instance": "b:10900"}

BASELINE_MISMATCH = Alert(
    name="ModelBaselineMismatch",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: (
                f"count {by(MODEL_KEY)} (count {by((*MODEL_KEY, 'baseline'))} ({latest(BASELINE_INFO.name, scale)})) > 1"
            ),
            hold=duration("30m"),
            keep=duration("5m"),
        ),
    ),
    summary="Replicas of a model compare with different baselines, so that their counts cannot be added up.",
    description=lambda _: "{{ $value }} different baselines are in use for {{ $labels.model }}, for more than 30 minutes.",
    worst=None,
    action="Give every replica the same baseline file, and reload or restart those that have the old one.",
    meaning="The replicas' content hashes of the baseline differ, for longer than a rollout takes.",
    impact="Bins differ between replicas, so the fleet's drift figures mean nothing. Drift alerts are muted meanwhile.",
    diagnosis=(
        Diagnosis(question="Who uses which baseline?", query=BASELINE_INFO.where(model="MODEL")),
        Diagnosis(question="How old are they?", query=f"time() - {BASELINE_CREATED.where(model='MODEL')}"),
    ),
    mitigation=(
        "1. Find the replicas with the older baseline by the queries above.\n"
        "2. Finish the rollout, or mount the same file everywhere, and reload (`kill -HUP`).\n"
        "3. Two versions with different training data in one deployment need two models in the configuration."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="a replica with another baseline",
            series=(
                series(BASELINE_INFO, "1x60", model="credit-risk", baseline="aaa"),
                series(BASELINE_INFO, "1x60", target=_B, model="credit-risk", baseline="bbb"),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="29m", firing=()),
                Check(
                    at="35m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=("2 different baselines are in use for credit-risk, for more than 30 minutes."),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a rollout of a new baseline that takes ten minutes",
            series=(
                series(BASELINE_INFO, "1x20 _x40", model="credit-risk", baseline="aaa"),
                series(BASELINE_INFO, "_x10 1x50", target=_B, model="credit-risk", baseline="bbb"),
                owner("service"),
            ),
            checks=(Check(at="20m", firing=()), Check(at="50m", firing=())),
        ),
    ),
)
