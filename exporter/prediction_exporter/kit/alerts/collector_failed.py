"""A group of series is withdrawn."""

from __future__ import annotations

from prediction_exporter.collectors.running import COLLECTOR_DURATION, COLLECTOR_SUCCESS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, SCOPE_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest
from prediction_exporter.kit.scale import duration

_KEY = (*MODEL_KEY, "collector")
_STATISTICS = {"model": "credit-risk", "collector": "statistics"}

COLLECTOR_FAILED = Alert(
    name="ModelCollectorFailed",
    area="service",
    key=_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            # The largest of replicas: where one still collects, something is watched.
            expr=lambda scale: f"max {by(_KEY)} ({latest(COLLECTOR_SUCCESS.name, scale)}) == 0",
            hold=duration("10m"),
            keep=duration("5m"),
        ),
    ),
    summary="A collector fails, so that its series are gone and alerts on them cannot fire.",
    description=lambda _: (
        "The collector {{ $labels.collector }}{{ with $labels.model }} of {{ . }}{{ end }} fails on every replica, "
        "and its series are withdrawn."
    ),
    worst=None,
    action="Find the error in the exporter's log, under the collector's name, and mend what it asks for or report it.",
    meaning=(
        "A collector is a group of series. Its last run raised an error, or gave no answer in its time, and what it said "
        "before is not shown any more: it would pass for what is so now."
    ),
    impact="What the collector watches is not watched. All other series go on.",
    diagnosis=(
        Diagnosis(question="Which collectors fail, and where?", query=f"{COLLECTOR_SUCCESS} == 0"),
        Diagnosis(question="How long do they take?", query=COLLECTOR_DURATION.where(model="MODEL")),
    ),
    mitigation=(
        "1. The exporter's log has the error, or the time-out, with the collector's name.\n"
        "2. Where the collector asks something of its own, such as a process or another server, see whether that answers.\n"
        "3. Did it begin with a new version of the exporter? Go back to the former one, and report it.\n"
        "4. What is not needed is switched off with `--no-collector.NAME`, which the exporter's page then says."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=True,
    tests=(
        Case(
            name="a collector of a model that fails",
            series=(series(COLLECTOR_SUCCESS, "1x10 0x40", _STATISTICS), owner("service", "ml-ops")),
            checks=(
                Check(at="20m", firing=()),
                Check(
                    at="25m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "collector": "statistics", "owner": "ml-ops"},
                            description=(
                                "The collector statistics of credit-risk fails on every replica, and its series are withdrawn."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a collector of no model that fails",
            series=(
                'prediction_exporter_collector_success{namespace="ml", job="prediction-exporter", collector="exporter"} 0x40',
            ),
            checks=(
                Check(
                    at="15m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**SCOPE_LABELS, "collector": "exporter"},
                            description="The collector exporter fails on every replica, and its series are withdrawn.",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a collector that fails on one of two replicas",
            series=(
                series(COLLECTOR_SUCCESS, "0x40", _STATISTICS),
                series(COLLECTOR_SUCCESS, "1x40", _STATISTICS, target={**TARGET, "instance": "b:10900"}),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="30m", firing=()),),
        ),
    ),
)
