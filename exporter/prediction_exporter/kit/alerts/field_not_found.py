"""A field that the configuration names stands in no record."""

from __future__ import annotations

from prediction_exporter.collectors.source import FIELD_SEEN
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest
from prediction_exporter.kit.scale import duration

_KEY = (*MODEL_KEY, "field")
_STATUS = {"model": "credit-risk", "field": "status"}
_B = {**TARGET, "instance": "b:10900"}

FIELD_NOT_FOUND = Alert(
    name="ModelFieldNotFound",
    area="data",
    key=_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: f"max {by(_KEY)} ({latest(FIELD_SEEN.name, scale)}) == 0",
            hold=duration("15m"),
            keep=duration("5m"),
        ),
    ),
    summary="A field that the configuration names stands in no record: what it tells reads as if all were well.",
    description=lambda _: (
        "No sampled record of {{ $labels.model }} has {{ if eq $labels.field `latency` }}a latency that can be read"
        "{{ else if match `^(where|only_for)$` $labels.field }}passed, or has, what `{{ $labels.field }}` asks for"
        "{{ else }}the field that the configuration names as {{ $labels.field }}{{ end }}."
    ),
    worst=None,
    action="See what the records have, on the exporter's page or by check config, and mend the name in `predictions.fields`.",
    meaning=(
        "The name is written in `predictions.fields`, and none of the newest records of requests that did not fail has it; "
        "or no value of the latency is a duration. Fields that are written on failure alone, as `error`, are not looked for. "
        "Of `rows` and a key, no record since the start has anything at that place of `predictions.rows`, and each counts as "
        "one prediction. Of `where`, no record has passed the filter in `predictions.where` since the start; of `only_for`, "
        "none has a field of `labels.only_for`, or none of 1,000 predictions can get a label by it."
    ),
    impact=(
        "Without its status no request counts as failed, without its latency none is slow, without its version all are "
        "`unknown`, and features and outputs count as missing; without what `only_for` names no prediction waits for a label. "
        "Alerts on them cannot fire, or fire for the wrong reason."
    ),
    diagnosis=(
        Diagnosis(question="Which fields, and where?", query=f"{FIELD_SEEN} == 0"),
        Diagnosis(question="Are others there?", query=FIELD_SEEN.where(model="MODEL")),
    ),
    mitigation=(
        "1. `prediction-exporter check config` names what the records have, and what may be meant.\n"
        "2. The service renamed the field: write the new name, or roll back.\n"
        "3. A filter that nothing passes (`where`, `only_for`): compare it with what the records have.\n"
        '4. A latency with a unit in its text, as `"12.5ms"`: have it written as a number.'
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    tests=(
        Case(
            name="a status that no record of either replica has",
            series=(
                series(FIELD_SEEN, "0x60", _STATUS),
                series(FIELD_SEEN, "0x60", _STATUS, target=_B),
                series(FIELD_SEEN, "0.5x60", model="credit-risk", field="version"),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "field": "status", "owner": "data-eng"},
                            description=(
                                "No sampled record of credit-risk has the field that the configuration names as status."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a replica whose records have it",
            series=(
                series(FIELD_SEEN, "0x60", _STATUS),
                series(FIELD_SEEN, "0.01x60", _STATUS, target=_B),
                owner("data"),
            ),
            checks=(Check(at="50m", firing=()),),
        ),
    ),
)
