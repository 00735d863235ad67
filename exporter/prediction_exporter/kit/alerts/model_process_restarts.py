"""A model server is restarted again and again."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import RESIDENT, RESTARTS, START_TIME
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, at_worst, own
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT

#: Restarts within an hour that are no rollout any more.
LEAST = 3
_B = {**TARGET, "instance": "b:10900"}


def _restarts(scale: Scale) -> str:
    hour, quarter = (scale(duration(text)) for text in ("1h", "15m"))
    # Half a restart less: increase() extrapolates. The second span ends the alert soon after the last restart.
    return (
        f"max {by(MODEL_KEY)} (increase({RESTARTS}[{hour}])) > {LEAST - 0.5}\n"
        f"and {on(MODEL_KEY)}\nmax {by(MODEL_KEY)} (increase({RESTARTS}[{quarter}])) > 0"
    )


def _description(scale: Scale) -> str:
    where = at_worst(f"increase({own(RESTARTS.name, MODEL_KEY)}[{scale(duration('1h'))}])", MODEL_KEY)
    return (
        f"The server of {{{{ $labels.model }}}}{where} was restarted {COUNT.of('$value')} times within an hour; the alert "
        f"fires from {LEAST} on."
    )


MODEL_PROCESS_RESTARTS = Alert(
    name="ModelProcessRestarts",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_restarts, hold=duration("2m"), keep=duration("10m")),),
    summary="A model server is restarted again and again.",
    description=_description,
    worst=None,
    action="Look how its last run ended: killed for its memory, by a probe, or with an error in its log?",
    meaning=(
        f"Other processes took the place of the model server's at least {LEAST} times within an hour, the last time within a "
        "quarter of one. A worker that a server replaces is no restart."
    ),
    impact="While it starts, requests fail or wait, and each start loads the model again.",
    diagnosis=(
        Diagnosis(question="When was it started?", query=START_TIME.where(model="MODEL")),
        Diagnosis(question="Where?", query=f"increase({RESTARTS.where(model='MODEL')}[1h]) > 0"),
        Diagnosis(question="Was it growing before?", query=RESIDENT.where(model="MODEL")),
    ),
    mitigation=(
        "1. `kubectl describe pod`, `systemctl status` or `dmesg` says why it ended: out of memory, a probe, an exit status.\n"
        "2. Killed for its memory: raise the limit, or run fewer workers.\n"
        "3. An error: the log of the run before ends with it. Did it begin with a new version? Go back to the former one."
    ),
    muted_by=(),
    without_model=False,
    tests=(
        Case(
            name="four restarts within an hour, and then none any more",
            series=(
                series(RESTARTS, "0x9 1x9 2x9 3x4 4x120", model="credit-risk"),
                series(RESTARTS, "7x150", model="credit-risk", target=_B),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="25m", firing=()),
                Check(
                    at="35m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "The server of credit-risk at a:10900 was restarted 4 times within an hour; the alert fires "
                                "from 3 on."
                            ),
                        ),
                    ),
                ),
                Check(at="75m", firing=()),
            ),
        ),
        Case(
            name="one restart on each of three machines, as where a version is rolled out, and two on one of them",
            series=(
                series(RESTARTS, "0x9 1x9 2x100", model="credit-risk"),
                series(RESTARTS, "0x10 1x110", model="credit-risk", target=_B),
                series(RESTARTS, "0x12 1x110", model="credit-risk", target={**TARGET, "instance": "c:10900"}),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="30m", firing=()),),
        ),
    ),
)
