"""The exporter cannot be scraped."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import BUILD_INFO
from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity
from prediction_exporter.kit.cases import SCOPE_LABELS, TARGET, owner, series, shared
from prediction_exporter.kit.fleet import FRESH_REPLICAS, of_models
from prediction_exporter.kit.promql import INSTANCE_KEY, JOBS, MEMORY, MODEL_KEY, bracketed, latest, on, select
from prediction_exporter.kit.scale import Scale, duration

_A = {"instance": "a:10900"}
_B = {**TARGET, "instance": "b:10900"}


def _firing(severity: Severity, instance: str) -> Firing:
    return Firing(
        severity=severity,
        labels={**SCOPE_LABELS, "instance": instance, "model": "credit-risk", "owner": "ml-ops"},
        description=f"Prometheus has had no answer from {instance} for 5 minutes; it watches credit-risk.",
    )


def _down(scale: Scale) -> str:
    # By what the exporter itself showed within a day, whatever its job is called; by the name where it never answered.
    known = f"up == 0 and {on(INSTANCE_KEY)} {latest(BUILD_INFO.name, scale, MEMORY)}"
    return bracketed(of_models(f"({known}) or {select('up', JOBS)} == 0", scale))


EXPORTER_DOWN = Alert(
    name="ModelExporterDown",
    area="service",
    key=(*INSTANCE_KEY, "model"),
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: f"{_down(scale)}\nunless {on(MODEL_KEY)}\n{FRESH_REPLICAS}",
            hold=duration("5m"),
            keep=duration("5m"),
        ),
        # Another exporter reads the same source: the model is watched, and nothing may be muted.
        Condition(
            severity="info",
            expr=lambda scale: f"{_down(scale)}\nand {on(MODEL_KEY)}\n{FRESH_REPLICAS}",
            hold=duration("5m"),
            keep=duration("5m"),
        ),
    ),
    summary="An exporter cannot be scraped: it does not watch its models.",
    description=lambda _: (
        "Prometheus has had no answer from {{ $labels.instance }} for 5 minutes"
        "{{ with $labels.model }}; it watches {{ . }}{{ end }}."
    ),
    worst=None,
    action="Look at the exporter's container: is it running, and does its log end with an error? It goes on where it stopped.",
    meaning="Prometheus scrapes the exporter and gets no answer, or not in time.",
    impact=(
        "No alert about this model's data, drift or service can fire, and its dashboards stand still. The model itself is not "
        "affected. Nothing is lost while the predictions are kept: the exporter reads on from where it stopped. Where another "
        "exporter reads the same shared source, nothing is missing meanwhile: the alert is only information, and mutes nothing."
    ),
    diagnosis=(
        Diagnosis(question="Which exporters are down?", query=f"{select('up', JOBS)} == 0"),
        Diagnosis(
            question="What did they watch?",
            query=f"last_over_time({MODEL_OWNER_INFO.where(instance='INSTANCE')}[{MEMORY}])",
        ),
        Diagnosis(question="Was it growing before?", query="process_resident_memory_bytes{instance='INSTANCE'}"),
    ),
    mitigation=(
        "1. `kubectl logs` or `docker logs` of the exporter: a wrong configuration is told with its place in the file.\n"
        "2. Killed for its memory: raise the limit, or watch fewer columns or windows.\n"
        "3. Running, but not reachable: compare its listen address with the target in Prometheus, and check network policies.\n"
        "4. Restart it. Positions and windows are kept in `state_dir`."
    ),
    muted_by=(),
    without_model=True,
    exporter_answers=False,
    tests=(
        Case(
            name="an exporter that stops answering, and whose owner is remembered",
            series=(
                series("up", "1x10 0x20", target={**SCOPE_LABELS, **_A}),
                owner("service", "ml-ops", "1x10"),
                owner("drift", "risk-ds", "1x10"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="17m",
                    firing=(_firing("warning", "a:10900"),),
                ),
            ),
        ),
        Case(
            name="two exporters of a shared source: one stops answering, then the other",
            series=(
                series("up", "1x10 0x50", target={**SCOPE_LABELS, **_A}),
                series("up", "1x30 0x30", target=_B),
                owner("service", "ml-ops", "1x10"),
                owner("service", "ml-ops", "1x30", target=_B),
                shared(values="1x10 _x50"),
                shared(_B, values="1x30 _x30"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(at="20m", firing=(_firing("info", "a:10900"),)),
                Check(at="45m", firing=tuple(_firing("warning", f"{name}:10900") for name in "ab")),
            ),
        ),
        Case(
            name="an exporter that never answered: the alert comes without model and owner",
            series=(series("up", "0x20", target={**SCOPE_LABELS, **_A}),),
            checks=(
                Check(
                    at="6m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**SCOPE_LABELS, **_A},
                            description="Prometheus has had no answer from a:10900 for 5 minutes.",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="an exporter of a job with another name, which was there before",
            series=(
                series("up", "1x10 0x20", target={"job": "scoring", **_A}),
                series(BUILD_INFO, "1x10", dict.fromkeys(BUILD_INFO.labels, "x"), target={"job": "scoring", **_A}),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="17m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={"job": "scoring", **_A},
                            description="Prometheus has had no answer from a:10900 for 5 minutes.",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="one failed scrape, and another job that is down",
            series=(
                series("up", "1x10 0x0 1x20", target={**SCOPE_LABELS, **_A}),
                series("up", "0x30", target={"job": "node", **_A}),
                owner("service"),
            ),
            checks=(Check(at="12m", firing=()), Check(at="20m", firing=())),
        ),
    ),
)
