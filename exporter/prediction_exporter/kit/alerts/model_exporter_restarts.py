"""An exporter is restarted again and again."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import BUILD_INFO
from prediction_exporter.collectors.process import PROCESS_FAMILIES
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.cases import SCOPE_LABELS, TARGET, owner, series
from prediction_exporter.kit.fleet import of_models
from prediction_exporter.kit.promql import INSTANCE_KEY, MEMORY, bracketed, latest, on
from prediction_exporter.kit.scale import Scale, duration

(_STARTED,) = (family for family in PROCESS_FAMILIES if family.name == "process_start_time_seconds")
#: Starts within an hour that are no rollout any more.
STARTS = 3
_BUILD = dict.fromkeys(BUILD_INFO.labels, "x")


def _restarts(scale: Scale) -> str:
    own = f"and {on(INSTANCE_KEY)} {latest(BUILD_INFO.name, scale, MEMORY)}"
    hour, quarter = (scale(duration(text)) for text in ("1h", "15m"))
    # The second span ends the alert soon after the last restart.
    counted = f"changes({_STARTED}[{hour}]) >= {STARTS} {own} and {on(INSTANCE_KEY)} changes({_STARTED}[{quarter}]) > 0"
    return bracketed(of_models(counted, scale))


MODEL_EXPORTER_RESTARTS = Alert(
    name="ModelExporterRestarts",
    area="service",
    key=(*INSTANCE_KEY, "model"),
    window=None,
    conditions=(Condition(severity="warning", expr=_restarts, hold=duration("2m"), keep=duration("10m")),),
    summary="An exporter is restarted again and again, and does not watch its models meanwhile.",
    description=lambda _: (
        "{{ $labels.instance }} was started again {{ $value }} times within an hour"
        "{{ with $labels.model }}; it watches {{ . }}{{ end }}."
    ),
    worst=None,
    action="Look how the exporter's last run ended: killed for its memory, by a probe, or with an error in its log?",
    meaning=(
        f"The time of its start has changed at least {STARTS} times within an hour, the last time within a quarter of one. "
        "Between two starts it may answer, so that it is never down for long enough to be told of."
    ),
    impact="What it watches has gaps. Each start reads on from where the last one ended, so that no prediction is lost.",
    diagnosis=(
        Diagnosis(question="When was it started?", query=_STARTED.where(instance="INSTANCE")),
        Diagnosis(question="Was it growing before?", query="process_resident_memory_bytes{instance='INSTANCE'}"),
        Diagnosis(question="How much of the time does it answer?", query="avg_over_time(up{instance='INSTANCE'}[1h])"),
    ),
    mitigation=(
        "1. `kubectl describe pod` or `docker inspect` says why it ended: out of memory, a probe, an exit status.\n"
        "2. Killed for its memory: raise the limit, or watch fewer columns or windows.\n"
        "3. An error: the log of the run before (`kubectl logs --previous`) ends with it. Go back to the former version."
    ),
    muted_by=(),
    without_model=True,
    tests=(
        Case(
            name="a start every ten minutes, and then none any more",
            series=(
                series(_STARTED, "0x9 600x9 1200x9 1800x120"),
                series(BUILD_INFO, "1x150", _BUILD),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="25m", firing=()),
                Check(
                    at="35m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**SCOPE_LABELS, "instance": "a:10900", "model": "credit-risk", "owner": "ml-ops"},
                            description="a:10900 was started again 3 times within an hour; it watches credit-risk.",
                        ),
                    ),
                ),
                Check(at="65m", firing=()),
            ),
        ),
        Case(
            name="a rollout of two versions within the hour, and another program that restarts",
            begun_by="the third start within the hour",
            series=(
                series(_STARTED, "0x9 600x9 1200x100"),
                series(BUILD_INFO, "1x150", _BUILD),
                series(_STARTED, "0x9 600x9 1200x9 1800x9 2400x80", target={**TARGET, "job": "node"}),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="25m", firing=()), Check(at="45m", firing=())),
        ),
    ),
)
