"""The process of a model server is not there."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import PROCESSES, RESTARTS, STATUS, UP
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity, figure, own, query
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MEMORY, MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT

_B = {**TARGET, "instance": "b:10900"}
_MODEL = {"model": "credit-risk"}
#: Replicas that a message names.
_NAMED = 3


def _down(scale: Scale) -> str:
    return f"count {by(MODEL_KEY)} ({latest(UP.name, scale)} == 0)"


def _all_down(scale: Scale) -> str:
    """Return the models that no exporter finds, and one did within a day: what was never found is a mistake at the start."""
    return (
        f"{_down(scale)}\n"
        f"unless {on(MODEL_KEY)}\nmax {by(MODEL_KEY)} ({latest(UP.name, scale)}) > 0\n"
        f"and {on(MODEL_KEY)}\nmax {by(MODEL_KEY)} (max_over_time({UP}[{scale(MEMORY)}])) > 0"
    )


def _description(scale: Scale) -> str:
    reasons = latest(own(STATUS.name, MODEL_KEY, 'part="process"', 'reason!="ok"'), scale)
    asked = query(f"topk({_NAMED}, {reasons})", MODEL_KEY)
    return (
        "The process of {{ $labels.model }} is missing at {{ $value }} of "
        + figure(f"count({latest(own(UP.name, MODEL_KEY), scale)})", MODEL_KEY, COUNT)
        + f" exporters beside it{{{{ range $i, $each := {asked} }}}}{{{{ if $i }}}}, {{{{ else }}}}: {{{{ end }}}}"
        '{{ $each.Labels.reason | reReplaceAll "_" " " }} at {{ $each.Labels.instance }}{{ end }}'
        f"{{{{ if gt $value {_NAMED}.0 }}}} and others{{{{ end }}}}."
    )


def _states(values: str, down: str, target: dict[str, str] = TARGET) -> tuple[str, ...]:
    """Return what an exporter shows: whether it finds the process, and with which reason it does not from a minute on."""
    return (
        series(UP, values, _MODEL, target=target),
        series(STATUS, down, _MODEL, target=target, part="process", reason="not_found"),
    )


def _firing(severity: Severity, replicas: str) -> Firing:
    return Firing(
        severity=severity,
        labels={**MODEL_LABELS, "owner": "ml-ops"},
        description=f"The process of credit-risk is missing at {replicas} exporters beside it: not found at a:10900.",
    )


MODEL_PROCESS_DOWN = Alert(
    name="ModelProcessDown",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(severity="critical", expr=_all_down, hold=duration("2m"), keep=duration("5m")),
        Condition(severity="warning", expr=_down, hold=duration("5m"), keep=duration("5m")),
    ),
    summary="The process of a model server is not there.",
    description=_description,
    worst=None,
    action="See whether the model server runs, and start it; where it runs, the exporter's log says why it is not found.",
    meaning=(
        "An exporter does not find the process that `process` of its configuration describes, or only a zombie of it is left. "
        "Critical: none finds it, and one did within a day. A warning: one replica's is missing, or it was never found, which "
        "is rather a mistake in the configuration, or a right that the exporter lacks."
    ),
    impact="A model server that does not run answers nobody. What its processes use is not watched.",
    diagnosis=(
        Diagnosis(question="Which exporters do not find it?", query=f"{UP.where(model='MODEL')} == 0"),
        Diagnosis(question="Why not?", query=STATUS.where(model="MODEL", part="process")),
        Diagnosis(question="Was it restarted before?", query=f"increase({RESTARTS.where(model='MODEL')}[6h])"),
        Diagnosis(question="How many processes had it?", query=f"max_over_time({PROCESSES.where(model='MODEL')}[6h])"),
    ),
    mitigation=(
        "1. `not_found`: does it run? Its own log, or `systemctl status`, `kubectl describe pod` and `dmesg` say why it ended: "
        "out of memory, an error, a deployment.\n"
        "2. `zombie`: it has ended, and its parent does not wait for it. Restart the parent.\n"
        "3. `denied`: it is another user's, and the exporter may not see whose port it is. Run the exporter as the model "
        "server's user, with `CAP_SYS_PTRACE`, or find it by its unit or command.\n"
        "4. It runs and is not found: the exporter's log names the pid file, port, command, unit or cgroup that it looked for. "
        "In Kubernetes, `shareProcessNamespace: true` is needed, or the cgroup."
    ),
    muted_by=(),
    without_model=False,
    tests=(
        Case(
            name="the only server ends",
            series=(*_states("1x10 0x40", "_x10 1x40"), owner("service", "ml-ops")),
            checks=(
                Check(at="12m", firing=()),
                Check(at="15m", firing=(_firing("critical", "1 of 1"),)),
                Check(at="20m", firing=(_firing("critical", "1 of 1"), _firing("warning", "1 of 1"))),
            ),
        ),
        Case(
            name="one of two servers ends, and one is never found",
            series=(
                *_states("1x10 0x40", "_x10 1x40"),
                series(UP, "1x50", _MODEL, target=_B),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="15m", firing=()), Check(at="20m", firing=(_firing("warning", "1 of 2"),))),
        ),
        Case(
            name="a server that was never found, as where the configuration is wrong",
            series=(*_states("0x50", "1x50"), owner("service", "ml-ops")),
            checks=(Check(at="20m", firing=(_firing("warning", "1 of 1"),)),),
        ),
        Case(
            name="a server that is restarted in less than two minutes",
            series=(*_states("1x10 0 1x40", "_x10 1 _x40"), owner("service", "ml-ops")),
            checks=(Check(at="12m", firing=()), Check(at="20m", firing=())),
        ),
    ),
)
