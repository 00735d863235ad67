"""The volume that a model's predictions are written to is nearly full, or soon will be."""

from __future__ import annotations

from prediction_exporter.collectors.volume import VOLUME_FREE, VOLUME_SIZE, WRITTEN
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity, figure, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.fleet import REPLICA_KEY
from prediction_exporter.kit.promql import by, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.volume import GROWTH, free_share
from prediction_exporter.kit.wording import BYTES, DURATION, PERCENT

#: Over which it is seen how fast a volume fills, and how far that is followed.
_SPAN, _AHEAD = duration("6h"), duration("1d")
#: A volume with more room than this has time: what fills it may be taken away again, as a rotated log is.
_ROOMY = 0.4
#: With less than this, whatever comes next is the last.
_NEARLY_FULL = 0.03


def _filling(scale: Scale) -> str:
    seconds = scale.seconds(_AHEAD)
    ahead = f"max {by(REPLICA_KEY)} (predict_linear({VOLUME_FREE}[{scale(_SPAN)}], {seconds:g}))"
    return f"{free_share(scale)}\n< {_ROOMY}\nand {on(REPLICA_KEY)}\n{ahead} < 0"


def _description(scale: Scale) -> str:
    free = own(VOLUME_FREE.name, REPLICA_KEY)
    left = query(f"max({free} / -(deriv({free}[{scale(_SPAN)}]) < 0))", REPLICA_KEY)
    room = figure(f"max({free})", REPLICA_KEY, BYTES)
    return (
        f"{PERCENT.of_unscaled('$value')} ({room}) of the volume that {{{{ $labels.model }}}} writes its predictions to is "
        f"free, as {{{{ $labels.instance }}}} sees it.{{{{ with {left} }}}} As it went in the last {_SPAN}, it is full in "
        f"{DURATION.of('(. | first | value)')}.{{{{ end }}}} The alert fires below {_NEARLY_FULL * 100:g} %, or below "
        f"{_ROOMY * 100:g} % where it is full within a day."
    )


_MODEL = {"model": "credit-risk"}
_SIZE = 100_000_000_000


def _volume(free: str, *, minutes: int = 160, instance: str = TARGET["instance"]) -> tuple[str, ...]:
    target = {**TARGET, "instance": instance}
    return (
        series(VOLUME_FREE, free, _MODEL, target=target),
        series(VOLUME_SIZE, f"{_SIZE}x{minutes}", _MODEL, target=target),
    )


def _firing(severity: Severity, free: str, until: str = "") -> Firing:
    return Firing(
        severity=severity,
        labels={**MODEL_LABELS, "instance": TARGET["instance"], "owner": "ml-ops"},
        description=(
            f"{free} of the volume that credit-risk writes its predictions to is free, as a:10900 sees it."
            + (f" As it went in the last 6h, it is full in {until}." if until else "")
            + " The alert fires below 3 %, or below 40 % where it is full within a day."
        ),
    )


MODEL_LOG_VOLUME_FILLING = Alert(
    name="ModelLogVolumeFilling",
    area="service",
    key=REPLICA_KEY,
    window=None,
    conditions=(
        Condition(
            severity="critical",
            expr=lambda scale: f"{free_share(scale)}\n< {_NEARLY_FULL}",
            hold=duration("10m"),
            keep=duration("10m"),
        ),
        Condition(severity="warning", expr=_filling, hold=duration("1h"), keep=duration("15m")),
    ),
    summary="The volume that a model's predictions are written to is nearly full, or is full within a day.",
    description=_description,
    worst=None,
    action="Make room: delete old logs, rotate more often, or enlarge the volume. Is it the predictions that fill it?",
    meaning=(
        f"Critical: for ten minutes less than {_NEARLY_FULL * 100:g} % of the volume was free. Warning: for an hour less than "
        f"{_ROOMY * 100:g} % was, and a straight line through the last {_SPAN} reaches 0 within a day. The volume is that of "
        "the newest file of the log or files, as the exporter beside it sees it."
    ),
    impact=(
        "On a full volume no prediction is written, so that none is watched, and a server that cannot write its log may "
        "stop answering. Where the exporter's state is on the same volume, it cannot be stored."
    ),
    diagnosis=(
        Diagnosis(question="How much is free?", query=VOLUME_FREE.where(model="MODEL")),
        Diagnosis(question="How much do the predictions grow by in a day?", query=GROWTH.where(model="MODEL")),
        Diagnosis(
            question="Is it they that fill it? Bytes a second that are written, and that the room shrinks by:",
            query=f"rate({WRITTEN.where(model='MODEL')}[6h]) or -deriv({VOLUME_FREE.where(model='MODEL')}[6h])",
        ),
    ),
    mitigation=(
        "1. It is the predictions: rotate more often, keep fewer files, compress them. What the exporter has read it does not "
        "need any more; what it has not is in `prediction_exporter_source_unread_bytes`.\n"
        "2. It is something else on the same volume: find it (`du -xh -d 2`), and give the predictions a volume of "
        "their own.\n"
        "3. A deleted file whose writer still has it open takes room until that is restarted (`lsof +L1`).\n"
        "4. Traffic has grown for good: enlarge the volume.\n"
        "5. Writes fail though there is room: the volume has no inode left for another file (`df -i`), of which this alert "
        "knows nothing. Remove small files; `node_filesystem_files_free` of the node exporter tells them."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    graphed=(),
    tests=(
        Case(
            name="a fifth of a volume is free, and a minute takes a thousandth of that",
            # 20 GB at 20 MB a minute are full in 1,000 minutes; after 120 of them 17.6 GB are left, for 880.
            series=(*_volume("20000000000-20000000x160"), owner("service", "ml-ops")),
            checks=(Check(at="50m", firing=()), Check(at="2h", firing=(_firing("warning", "17.6 % (16.39 GiB)", "14h 40m"),))),
        ),
        Case(
            name="a fiftieth is free, and stays so",
            series=(*_volume("2000000000x60"), owner("service", "ml-ops")),
            checks=(Check(at="8m", firing=()), Check(at="30m", firing=(_firing("critical", "2 % (1.863 GiB)"),))),
        ),
        Case(
            name="most is free and shrinks fast, on one replica; little is free for years, on another",
            series=(
                *_volume("80000000000-200000000x120 80000000000x40"),
                *_volume("10000000000-2000x160", instance="b:10900"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="150m", firing=()),),
        ),
        Case(
            name="a big file that is written in twenty minutes and deleted again",
            series=(*_volume("30000000000x40 30000000000-500000000x20 30000000000x100"), owner("service", "ml-ops")),
            checks=(Check(at="150m", firing=()),),
        ),
    ),
)
