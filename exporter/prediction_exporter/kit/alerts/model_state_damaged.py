"""Something of the stored state was damaged and dropped."""

from __future__ import annotations

from prediction_exporter.collectors.source import STATE_DAMAGED
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import INSTANCE_KEY, by
from prediction_exporter.kit.scale import duration

_KEY = (*INSTANCE_KEY, "model", "part")
_SPAN = duration("1h")
_WINDOW = {"model": "credit-risk", "part": "window"}

MODEL_STATE_DAMAGED = Alert(
    name="ModelStateDamaged",
    area="service",
    key=_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: f"max {by(_KEY)} (increase({STATE_DAMAGED}[{scale(_SPAN)}])) > 0",
            hold=duration("2m"),
            keep=None,
        ),
    ),
    summary="A part of what the exporter had stored was damaged and is dropped.",
    description=lambda _: (
        'What {{ $labels.instance }} had stored of {{ $labels.model }} was damaged: {{ if eq $labels.part "position" }}'
        "where it was in its source, its counters and its windows; it begins as if it were new."
        "{{ else }}a part of its windows, which lack these predictions until they have passed.{{ end }}"
    ),
    worst=None,
    action="Check the disk that holds the exporter's `state_dir`, and whether anything else writes there.",
    meaning=(
        "Every stored row has a checksum. Rows that do not fit theirs are dropped when the exporter starts or meets them: a "
        "wrong figure is never served. This is told for an hour."
    ),
    impact=(
        "Windows lack the predictions that were dropped until they have passed. Where the position is damaged too, counters "
        "begin at 0 again, and `start` in the configuration of the log says where reading begins."
    ),
    diagnosis=(
        Diagnosis(question="Where, and how many parts?", query=f"{STATE_DAMAGED} > 0"),
        Diagnosis(question="When?", query=f"changes({STATE_DAMAGED}[1d]) > 0"),
    ),
    mitigation=(
        "1. The exporter's log names what was dropped and when.\n"
        "2. Look for errors of the disk or volume (`dmesg`, the provider's events), and for a second writer of `state_dir`.\n"
        "3. Move `state_dir` to a sound volume. Where windows must be whole at once, restore a backup: docs/operations.md.\n"
        "4. The damaged file stands beside the new one as `prediction-exporter.db.damaged`; delete it when it is not needed."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="damage that was found and dropped",
            series=(series(STATE_DAMAGED, "0x10 3x80", _WINDOW), owner("service", "ml-ops")),
            checks=(
                Check(at="10m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "instance": TARGET["instance"], "part": "window", "owner": "ml-ops"},
                            description=(
                                "What a:10900 had stored of credit-risk was damaged: a part of its windows, which lack these "
                                "predictions until they have passed."
                            ),
                        ),
                    ),
                ),
                Check(at="80m", firing=()),
            ),
        ),
        Case(
            name="damage of a week ago",
            series=(series(STATE_DAMAGED, "3x60", _WINDOW), owner("service")),
            checks=(Check(at="30m", firing=()),),
        ),
    ),
)
