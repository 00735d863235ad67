"""Predictions or labels are given up before they could be joined."""

from __future__ import annotations

from prediction_exporter.collectors.labels import EXPIRED, GIVEN_UP, WAITING
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT

_KEY = (*MODEL_KEY, "what", "reason")
#: Days are given up as a whole: all of it may happen at one moment.
_SPAN = duration("1h")
#: What a larger store, or fewer names, would have kept; all else that is given up could not have been joined, or is told.
_AVOIDABLE = 'reason=~"room|names"'


def _given_up(selected: str, scale: Scale) -> str:
    return f"increase({selected}[{scale(_SPAN)}])"


def _description(scale: Scale) -> str:
    many = figure(f"max({_given_up(own(GIVEN_UP.name, _KEY), scale)})", _KEY, COUNT)
    return (
        f"{many} {{{{ $labels.what }}}}s of {{{{ $labels.model }}}} were given up within an hour, as "
        '{{ if eq $labels.reason "room" }}what waits has filled its room{{ else }}there are too many classes, versions '
        "or segments{{ end }}: they are joined with nothing any more."
    )


_B = {**TARGET, "instance": "b:10900"}


def _of(what: str, reason: str) -> dict[str, str]:
    return {"model": "credit-risk", "what": what, "reason": reason}


def _firing(many: str, what: str, reason: str, why: str) -> Firing:
    return Firing(
        severity="warning",
        labels={**MODEL_LABELS, "what": what, "reason": reason, "owner": "risk-ds"},
        description=(
            f"{many} {what}s of credit-risk were given up within an hour, as {why}: they are joined with nothing any more."
        ),
    )


_ROOM = "what waits has filled its room"

LABELS_GIVEN_UP = Alert(
    name="ModelLabelsGivenUp",
    area="performance",
    key=_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: f"max {by(_KEY)} ({_given_up(f'{GIVEN_UP}{{{_AVOIDABLE}}}', scale)}) > 0",
            hold=duration("5m"),
            keep=duration("15m"),
        ),
    ),
    summary="Predictions or labels are given up, as there is no room for all that wait for each other.",
    description=_description,
    worst=None,
    action="Raise `labels.max_size`, or follow a part of the predictions by `labels.sample`; what is given up is lost.",
    meaning=(
        "What waits in the state file has reached `labels.max_size` (`room`), or predictions have more classes, versions or "
        "segments than are told apart (`names`), and the oldest days are given up. This is told for an hour, as whole days go "
        "at once. What has no id, is too old, or was damaged is counted by `model_label_given_up_total`, too, and not meant."
    ),
    impact=(
        "Labels of these predictions find nothing, so that coverage falls, and performance is of what came soon enough: labels "
        "that take longest are missing, and they are seldom like the others. When this alert ends, the days that were given up "
        "lack their pairs until they have left the windows."
    ),
    diagnosis=(
        Diagnosis(question="How many, and why?", query=f"increase({GIVEN_UP.where(model='MODEL')}[1d]) > 0"),
        Diagnosis(question="How much waits?", query=WAITING.where(model="MODEL")),
        Diagnosis(question="How many get no label anyhow?", query=f"increase({EXPIRED.where(model='MODEL')}[1d]) > 0"),
    ),
    mitigation=(
        "1. Raise `labels.max_size`: a prediction takes some 50 bytes, and its label half as many. See that the disk has it.\n"
        "2. Follow fewer predictions: a tenth of them by `labels.sample: 0.1`, or `labels.only_for`, where most get no label.\n"
        "3. Shorten `labels.horizon`, where labels come sooner than that.\n"
        "4. Labels that find no prediction take up to half of the room: leave out those of others, by `labels.where`.\n"
        "5. Too many names: a field that is a class, version or segment holds free text or an id."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="a day of predictions is given up at once, on one of two replicas",
            series=(
                series(GIVEN_UP, "0x10 200x1590", _of("prediction", "room")),
                series(GIVEN_UP, "0x1600", _of("prediction", "room"), target=_B),
                series(GIVEN_UP, "0x1600", _of("label", "room")),
                owner("performance", values="1x1600"),
            ),
            checks=(
                Check(at="10m", firing=()),
                Check(at="20m", firing=(_firing("200", "prediction", "room", _ROOM),)),
                Check(at="60m", firing=(_firing("200", "prediction", "room", _ROOM),)),
                Check(at="25h", firing=()),
            ),
        ),
        Case(
            name="labels and names",
            series=(
                series(GIVEN_UP, "0x10 90x60", _of("label", "room")),
                series(GIVEN_UP, "0x10 7x60", _of("prediction", "names")),
                owner("performance"),
            ),
            checks=(
                Check(
                    at="30m",
                    firing=(
                        _firing("90", "label", "room", _ROOM),
                        _firing("7", "prediction", "names", "there are too many classes, versions or segments"),
                    ),
                ),
            ),
        ),
        Case(
            name="what could not have been joined, and what was given up days ago",
            series=(
                *(series(GIVEN_UP, "0+10x60", _of("prediction", reason)) for reason in ("empty", "old", "gone", "damaged")),
                series(GIVEN_UP, "500x60", _of("prediction", "room")),
                owner("performance"),
            ),
            checks=(Check(at="50m", firing=()),),
        ),
    ),
)
