"""The exporter runs, but does not see what the model does now."""

from __future__ import annotations

from prediction_exporter.collectors.source import LAST_SUCCESS, SOURCE_LAG, SOURCE_UNREAD, SOURCE_UP
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity, figure, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series, shared
from prediction_exporter.kit.fleet import FRESH_REPLICAS, STALE_REPLICA
from prediction_exporter.kit.promql import MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import SECONDS_STALE, Scale, duration
from prediction_exporter.kit.wording import COUNT, DURATION

_STALE = f"count {by(MODEL_KEY)} ({STALE_REPLICA})"


def _description(scale: Scale) -> str:
    others = query(own(FRESH_REPLICAS.name, MODEL_KEY), MODEL_KEY)
    return (
        "{{ $value }} of "
        + figure(f"count({latest(own(SOURCE_UP.name, MODEL_KEY), scale)})", MODEL_KEY, COUNT)
        + " replicas that watch {{ $labels.model }} do not see its predictions of now; the newest event read is "
        + figure(f"max({latest(own(SOURCE_LAG.name, MODEL_KEY), scale)})", MODEL_KEY, DURATION)
        + f" old. Stale means: the last read failed, none succeeded for {SECONDS_STALE // 60} minutes, "
        "or there is always more to read."
        f"{{{{ with {others} }}}} The source is shared and still read by {COUNT.of('(. | first | value)')}, "
        "so that no figure suffers.{{ end }}"
    )


_REPLICA_B = {**TARGET, "instance": "b:10900"}
_FRESH = (
    series(SOURCE_LAG, "5x60", model="credit-risk"),
    series(SOURCE_UNREAD, "0x60", model="credit-risk"),
    series(LAST_SUCCESS, "0+60x60", model="credit-risk"),
)


def _firing(severity: Severity, replicas: str, age: str, more: str = "") -> Firing:
    return Firing(
        severity=severity,
        labels={**MODEL_LABELS, "owner": "ml-ops"},
        description=(
            f"{replicas} replicas that watch credit-risk do not see its predictions of now; the newest event read is {age} "
            f"old. Stale means: the last read failed, none succeeded for 10 minutes, or there is always more to read.{more}"
        ),
    )


SOURCE_STALE = Alert(
    name="ModelSourceStale",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda _: f"{_STALE}\nunless {on(MODEL_KEY)}\n{FRESH_REPLICAS}",
            hold=duration("10m"),
            keep=duration("5m"),
        ),
        # Of a shared source, one replica that reads it suffices: what is lost is the spare one.
        Condition(
            severity="info",
            expr=lambda _: f"{_STALE}\nand {on(MODEL_KEY)}\n{FRESH_REPLICAS}",
            hold=duration("10m"),
            keep=duration("5m"),
        ),
    ),
    summary="The exporter does not see what a model does now: its source fails, or reading falls behind.",
    description=_description,
    worst=None,
    action=(
        "Read the reason on the exporter's landing page or in its log; then check path, permissions and disk, or the database "
        "and the account that reads it."
    ),
    meaning=(
        "The exporter answers, but its last read of the model's source failed, or no evaluation has succeeded for "
        f"{SECONDS_STALE // 60} minutes, or the source grows faster than it is read. Where several replicas share one source "
        "and at least one of them reads it, the figures are those of that one: the alert is information, and mutes nothing."
    ),
    impact=(
        "Figures of data quality and drift describe the past or a part of the traffic. Alerts on them are muted meanwhile. "
        "Nothing is lost while the predictions are kept: reading goes on from where it stopped."
    ),
    diagnosis=(
        Diagnosis(question="Which replicas fail to read?", query=f"{SOURCE_UP.where(model='MODEL')} == 0"),
        Diagnosis(question="How old is the newest event?", query=SOURCE_LAG.where(model="MODEL")),
        Diagnosis(question="How much is left to read?", query=SOURCE_UNREAD.where(model="MODEL")),
        Diagnosis(question="When did it last work?", query=f"time() - {LAST_SUCCESS.where(model='MODEL')}"),
    ),
    mitigation=(
        "1. The read fails: the exporter's landing page (`/`) gives the reason beside the model, and its log has it at the "
        "time it began. The exporter tries again by itself, at every evaluation.\n"
        "2. A log or files: permissions, a volume that is not mounted, a path that has changed; a bucket's credentials.\n"
        "3. A database that is away: can the exporter's machine resolve and reach it? After maintenance or a failover reading "
        "goes on by itself.\n"
        "4. A database that is slow: a statement took longer than `predictions.table.timeout`. Index the time column, read a "
        "view that is cheaper, or allow more time.\n"
        "5. Access is denied: a password or certificate that has changed or expired, or the right to `SELECT` that was taken "
        "away. A `password_file` is read at every connect.\n"
        "6. It falls behind: give it a whole CPU, or write fewer fields; one core reads more than 100,000 lines of a log a "
        "second.\n"
        "7. Evaluations fail: the exporter's log has the error. It goes on from its last commit by itself."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="one of two replicas cannot read",
            series=(
                series(SOURCE_UP, "1x10 0x50", model="credit-risk"),
                *_FRESH,
                series(SOURCE_UP, "1x60", target=_REPLICA_B, model="credit-risk"),
                series(LAST_SUCCESS, "0+60x60", target=_REPLICA_B, model="credit-risk"),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="19m", firing=()),
                Check(
                    at="25m",
                    firing=(_firing("warning", "1 of 2", "5s"),),
                ),
            ),
        ),
        Case(
            name="one of two replicas of a shared source cannot read, then neither can: the database is away",
            series=(
                series(SOURCE_UP, "1x10 0x50", model="credit-risk"),
                *_FRESH,
                series(SOURCE_UP, "1x30 0x30", target=_REPLICA_B, model="credit-risk"),
                series(LAST_SUCCESS, "0+60x60", target=_REPLICA_B, model="credit-risk"),
                *(shared(target) for target in (TARGET, _REPLICA_B)),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="19m", firing=()),
                Check(
                    at="25m",
                    firing=(
                        _firing(
                            "info", "1 of 2", "5s", " The source is shared and still read by 1, so that no figure suffers."
                        ),
                    ),
                ),
                Check(at="45m", firing=(_firing("warning", "2 of 2", "5s"),)),
            ),
        ),
        Case(
            name="the only replica of a source that could be shared cannot read",
            series=(
                series(SOURCE_UP, "1x10 0x50", model="credit-risk"),
                *_FRESH,
                shared(),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="25m", firing=(_firing("warning", "1 of 1", "5s"),)),),
        ),
        Case(
            name="a replica of a shared source that hangs beside one whose exporter is gone",
            series=(
                series(SOURCE_UP, "1x60", model="credit-risk"),
                series(SOURCE_LAG, "5+60x60", model="credit-risk"),
                series(LAST_SUCCESS, "0x60", model="credit-risk"),
                series(SOURCE_UP, "1x5", target=_REPLICA_B, model="credit-risk"),
                series(LAST_SUCCESS, "0+60x5", target=_REPLICA_B, model="credit-risk"),
                shared(),
                shared(_REPLICA_B, values="1x5"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="20m", firing=()), Check(at="25m", firing=(_firing("warning", "1 of 1", "25m 5s"),))),
        ),
        Case(
            name="a log that grows faster than it is read",
            series=(
                series(SOURCE_UP, "1x60", model="credit-risk"),
                series(SOURCE_LAG, "0+60x60", model="credit-risk"),
                series(SOURCE_UNREAD, "1000+1000x60", model="credit-risk"),
                series(LAST_SUCCESS, "0+60x60", model="credit-risk"),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(
                    at="25m",
                    firing=(_firing("warning", "1 of 1", "25m"),),
                ),
            ),
        ),
        Case(
            name="a fresh source, and a model without traffic whose log is read to its end",
            series=(
                series(SOURCE_UP, "1x60", model="credit-risk"),
                series(SOURCE_LAG, "0+60x60", model="credit-risk"),
                series(SOURCE_UNREAD, "0x60", model="credit-risk"),
                series(LAST_SUCCESS, "0+60x60", model="credit-risk"),
                owner("service"),
            ),
            checks=(Check(at="40m", firing=()),),
        ),
    ),
)
