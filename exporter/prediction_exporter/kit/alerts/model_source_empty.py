"""A source that can be read and never gave a row."""

from __future__ import annotations

from prediction_exporter.collectors.source import EVENTS_REJECTED, SOURCE_UNREAD, SOURCE_UP
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration

_B = {**TARGET, "instance": "b:10900"}


def _empty(scale: Scale) -> str:
    readable = f"max {by(MODEL_KEY)} ({latest(SOURCE_UP.name, scale)}) == 1"
    return f"{readable}\nunless {on(MODEL_KEY)}\n{latest(VERSION_FIRST_SEEN.name, scale)}"


MODEL_SOURCE_EMPTY = Alert(
    name="ModelSourceEmpty",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_empty, hold=duration("1h"), keep=duration("5m")),),
    summary="A model's source can be read, and has never given a prediction.",
    description=lambda _: "No prediction of {{ $labels.model }} has been read for an hour, though its source is up.",
    worst=None,
    action="Compare the configured path, table and filters with where the model writes, and see whether it writes at all.",
    meaning="The last read succeeded, and no version of the model has been seen since its state began, on any replica.",
    impact="Nothing of the model is watched, and nothing else says so: there is no window that an alert could be about.",
    diagnosis=(
        Diagnosis(question="Are lines refused?", query=f"increase({EVENTS_REJECTED.where(model='MODEL')}[1h])"),
        Diagnosis(question="Is there something to read?", query=SOURCE_UNREAD.where(model="MODEL")),
    ),
    mitigation=(
        "1. `prediction-exporter check config` says which files or rows it finds, and what it recognises in them.\n"
        "2. Is the model asked at all, and does it log? A new one may not have traffic yet: silence the alert until then.\n"
        "3. Does it write elsewhere, as to another path, table or partition? Correct the configuration, and reload."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    tests=(
        Case(
            name="nothing for an hour, also over a restart",
            series=(
                series(SOURCE_UP, "1x30 _x2 1x100", model="credit-risk"),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="59m", firing=()),
                Check(
                    at="70m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description="No prediction of credit-risk has been read for an hour, though its source is up.",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a replica that has had nothing beside one that has, and rows that come at last",
            series=(
                series(SOURCE_UP, "1x200", model="credit-risk"),
                series(SOURCE_UP, "1x200", target=_B, model="credit-risk"),
                series(VERSION_FIRST_SEEN, "_x50 1x150", target=_B, model="credit-risk", version="1"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="55m", firing=()), Check(at="100m", firing=())),
        ),
    ),
)
