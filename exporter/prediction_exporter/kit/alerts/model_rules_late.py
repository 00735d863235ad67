"""The rules themselves are late, fail, or are not there."""

from __future__ import annotations

from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own, query
from prediction_exporter.kit.cases import owner, series, window
from prediction_exporter.kit.promql import INSTANCE_KEY, MODEL_KEY, by, latest, on
from prediction_exporter.kit.recording import WINDOW_COUNT
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, DURATION

#: Evaluations that a group may miss, and the part of its interval that one may take.
MISSED, BUSY = 3, 0.8
_KEY = (*INSTANCE_KEY, "rule_group")
_OURS = '{rule_group=~".*prediction-exporter.*"}'
#: What Prometheus says of each group of rules.
GROUP_DURATION = "prometheus_rule_group_last_duration_seconds"
GROUP_INTERVAL = "prometheus_rule_group_interval_seconds"
_GROUP_LAST = "prometheus_rule_group_last_evaluation_timestamp_seconds"
_RULES_FAILED = "prometheus_rule_evaluation_failures_total"
_DURATION = f"{GROUP_DURATION}{_OURS}"
_INTERVAL = f"{GROUP_INTERVAL}{_OURS}"
_LAST = f"{_GROUP_LAST}{_OURS}"
_FAILED = f"{_RULES_FAILED}{_OURS}"


def _late(scale: Scale) -> str:
    # A group that never was evaluated has no time of it.
    late = f"time() - ({_LAST} > 0) > {MISSED} * {_INTERVAL}"
    failing = f"increase({_FAILED}[{scale(duration('10m'))}]) > 0"
    unrecorded = f"{WINDOW_PREDICTIONS.where(segment='all')} unless {on(MODEL_KEY)} {latest(WINDOW_COUNT.name, scale)}"
    return (
        f"count {by(_KEY)} ({late} or {_DURATION} > {BUSY:g} * {_INTERVAL} or {failing})\n"
        f"or\ncount {by(MODEL_KEY)} ({unrecorded})"
    )


def _description(scale: Scale) -> str:
    ago = figure(f"time() - max({own(_GROUP_LAST, _KEY)})", _KEY, DURATION)
    took, interval = (figure(f"max({own(name, _KEY)})", _KEY, DURATION) for name in (GROUP_DURATION, GROUP_INTERVAL))
    failed = query(f"max(increase({own(_RULES_FAILED, _KEY)}[{scale(duration('10m'))}])) > 0", _KEY)
    return (
        "{{ with $labels.rule_group }}The rule group {{ . | reReplaceAll `.*;` `` }} is late, takes most of its interval or "
        f"fails: last evaluated {ago} ago, it took {took} of its interval of {interval}{{{{ with {failed} }}}}, and rules "
        f"failed {COUNT.of('(. | first | value)')} times in 10 minutes{{{{ end }}}}.{{{{ else }}}}No recorded series of "
        "{{ $labels.model }} is there, though an exporter shows windows: the recording rules are not loaded, or not evaluated."
        "{{ end }}"
    )


_PROMETHEUS = {"job": "prometheus", "instance": "p:9090"}
_GROUP = {"rule_group": "/rules/prediction-exporter-recording.rules.yml;model-psi"}


def _group(last: str, took: str, interval: int = 120) -> tuple[str, ...]:
    return tuple(
        series(name.partition("{")[0], values, _GROUP, target=_PROMETHEUS)
        for name, values in ((_LAST, last), (_DURATION, took), (_INTERVAL, f"{interval}x100"))
    )


def _firing(ago: str, took: str) -> Firing:
    told = f"last evaluated {ago} ago, it took {took} of its interval of 2m"
    return Firing(
        severity="warning",
        labels={**_PROMETHEUS, **_GROUP},
        description=f"The rule group model-psi is late, takes most of its interval or fails: {told}.",
    )


MODEL_RULES_LATE = Alert(
    name="ModelRulesLate",
    area="service",
    key=(*INSTANCE_KEY, "model", "rule_group"),
    window=None,
    conditions=(Condition(severity="warning", expr=_late, hold=duration("10m"), keep=duration("5m")),),
    summary="Rules on models are late, fail or are missing, so that alerts may end or never begin.",
    description=_description,
    worst=None,
    action="Look at the status page of rules in Prometheus: which group has an error, and which takes how long?",
    meaning=(
        f"A group of these rules was not evaluated for {MISSED} of its intervals, its last evaluation took more than "
        f"{BUSY * 100:g} % of one, or a rule failed within ten minutes; or a model has windows, of which nothing is recorded. "
        "The first three need a Prometheus that scrapes itself, and rule files with prediction-exporter in their names."
    ),
    impact="What is recorded goes stale after five minutes, and alerts on it end in silence. New ones do not begin.",
    diagnosis=(
        Diagnosis(question="How much of its interval does each group take?", query=f"{_DURATION} / {_INTERVAL}"),
        Diagnosis(question="How long ago was each evaluated?", query=f"time() - {_LAST}"),
        Diagnosis(question="Of which models is something recorded?", query=f"count by (model) ({WINDOW_COUNT})"),
    ),
    mitigation=(
        "1. An error on the status page: a rule of another version of the kit? Render and load both files again.\n"
        "2. Late: give Prometheus more of a core, or watch fewer columns, windows or versions.\n"
        "3. Nothing recorded: load the file of recording rules beside that of alerts."
    ),
    muted_by=(),
    without_model=True,
    tests=(
        Case(
            name="a group that is not evaluated any more, beside one that is",
            series=_group("0+60x10 600x90", "1x100"),
            checks=(Check(at="20m", firing=()), Check(at="30m", firing=(_firing("20m", "1s"),))),
        ),
        Case(
            name="a group that takes most of its interval",
            series=_group("0+60x100", "100x100"),
            checks=(Check(at="9m", firing=()), Check(at="15m", firing=(_firing("0s", "1m 40s"),))),
        ),
        Case(
            name="a group in time, and one slow evaluation",
            series=_group("0+60x100", "10x20 110x1 10x60"),
            checks=(Check(at="35m", firing=()), Check(at="60m", firing=())),
        ),
        Case(
            name="a model whose windows are recorded, before and after a restart of its exporter",
            series=(*window(100, values="x30 _x8 100x60"), owner("service")),
            checks=(Check(at="25m", firing=()), Check(at="60m", firing=())),
        ),
    ),
)
