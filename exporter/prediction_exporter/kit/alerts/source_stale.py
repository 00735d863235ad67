"""The exporter runs, but does not see what the model does now."""

from __future__ import annotations

from prediction_exporter.families import LAST_SUCCESS, SOURCE_LAG, SOURCE_UNREAD, SOURCE_UP
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import INSTANCE_KEY, MODEL_KEY, by, latest
from prediction_exporter.kit.scale import SECONDS_STALE, Scale, duration

_KEY = (*INSTANCE_KEY, "model")


def _stale(scale: Scale) -> str:
    """Return the replicas that fail to read, that no longer evaluate, or that cannot keep up with a growing log."""
    per_replica = f"max {by(_KEY)} "
    behind = (
        f"{per_replica}({latest(SOURCE_LAG.name, scale)}) > {SECONDS_STALE}\n"
        f"    and {per_replica}(min_over_time({SOURCE_UNREAD}[{scale(duration('10m'))}])) > 0"
    )
    return (
        f"count {by(MODEL_KEY)} (\n"
        f"    {per_replica}({latest(SOURCE_UP.name, scale)}) == 0\n"
        f"  or\n    time() - {per_replica}({latest(LAST_SUCCESS.name, scale)}) > {SECONDS_STALE}\n"
        f"  or\n    {behind}\n)"
    )


_REPLICA_B = {**TARGET, "instance": "b:10900"}
_FRESH = (
    series(SOURCE_LAG, "5x60", model="credit-risk"),
    series(SOURCE_UNREAD, "0x60", model="credit-risk"),
    series(LAST_SUCCESS, "0+60x60", model="credit-risk"),
)

SOURCE_STALE = Alert(
    name="ModelSourceStale",
    area="service",
    key=MODEL_KEY,
    conditions=(Condition(severity="warning", expr=_stale, hold=duration("10m"), keep=duration("5m")),),
    summary="The exporter does not see what a model does now: its source fails, or reading falls behind.",
    description=lambda scale: (
        "{{ $value }} of "
        + figure(f"count({latest(own(SOURCE_UP.name, MODEL_KEY), scale)})", MODEL_KEY, 'printf "%.0f"')
        + " replicas that watch {{ $labels.model }} do not see its predictions of now; the newest event read is "
        + figure(f"max({latest(own(SOURCE_LAG.name, MODEL_KEY), scale)})", MODEL_KEY, "humanizeDuration")
        + f" old. Stale means: the last read failed, none succeeded for {SECONDS_STALE // 60} minutes, "
        "or there is always more to read."
    ),
    worst=None,
    action="Look at the exporter's log for the error that reading the source gives; check path, permissions and disk.",
    meaning=(
        "The exporter answers, but its last read of the model's prediction log failed, or no evaluation has succeeded for "
        f"{SECONDS_STALE // 60} minutes, or the log grows faster than it is read."
    ),
    impact="Figures of data quality and drift describe the past or a part of the traffic. Alerts on them are muted meanwhile.",
    diagnosis=(
        Diagnosis(question="Which replicas fail to read?", query=f"{SOURCE_UP.where(model='MODEL')} == 0"),
        Diagnosis(question="How old is the newest event?", query=SOURCE_LAG.where(model="MODEL")),
        Diagnosis(question="How much is left to read?", query=SOURCE_UNREAD.where(model="MODEL")),
        Diagnosis(question="When did it last work?", query=f"time() - {LAST_SUCCESS.where(model='MODEL')}"),
    ),
    mitigation=(
        "1. The read fails: the exporter's log names the file and the reason (permissions, a volume that is not mounted, "
        "a path that has changed). It tries again by itself.\n"
        "2. It falls behind: give it a whole CPU, or log fewer fields; one core reads more than 100,000 lines a second.\n"
        "3. Evaluations fail: the exporter's log has the error; `ModelStatisticFailed` tells which statistic."
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
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "1 of 2 replicas that watch credit-risk do not see its predictions of now; the newest event "
                                "read is 5s old. Stale means: the last read failed, none succeeded for 10 minutes, "
                                "or there is always more to read."
                            ),
                        ),
                    ),
                ),
            ),
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
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "1 of 1 replicas that watch credit-risk do not see its predictions of now; the newest event "
                                "read is 25m 0s old. Stale means: the last read failed, none succeeded for 10 minutes, "
                                "or there is always more to read."
                            ),
                        ),
                    ),
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
