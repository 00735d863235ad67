"""What turns out to be true is spread in another way than in the baseline's data."""

from __future__ import annotations

from prediction_exporter.collectors.labels import BASELINE_LABELS, LABEL_PSI
from prediction_exporter.collectors.report import MATURE
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, given, query
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import TARGET, VERSION_LABELS, owner
from prediction_exporter.kit.label_cases import label_drift, psi, several
from prediction_exporter.kit.labels import LABEL_BADNESS, LABEL_COUNT, LABEL_PSI_OF_FLEET
from prediction_exporter.kit.promql import MODEL_KEY, STAGE_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, NUMBER, SHARE

#: Labels that a message names: those whose share moved farthest.
_LISTED = 5
_OWN, _OF_MODEL = given(STAGE_KEY), given(MODEL_KEY)
_PLACE = given((*STAGE_KEY, "window"))
_BIN = f"bin=%[{len(STAGE_KEY) + 2}]q"


def _over(scale: Scale) -> str:
    return f"max {by(STAGE_KEY)} ({latest(LABEL_BADNESS.name, scale)}) > 1"


def _window(scale: Scale) -> str:
    return query(f"topk(1, {latest(f'{LABEL_BADNESS}{{{_OWN}}}', scale)})", STAGE_KEY)


def _named_window(scale: Scale) -> str:
    return f'{{{{ $window := "" }}}}{{{{ range {_window(scale)} }}}}{{{{ $window = .Labels.window }}}}{{{{ end }}}}'


def _description(scale: Scale) -> str:
    over, value, count = (latest(f"{each}{{{_PLACE}}}", scale) for each in (LABEL_BADNESS, LABEL_PSI_OF_FLEET, LABEL_COUNT))
    return (
        _named_window(scale)
        + "The labels of {{ $labels.model }} version {{ $labels.version }}{{ with $labels.stage }} as {{ . }}{{ end }} are "
        "spread in another way than those of the baseline: PSI "
        + figure(f"max({value})", STAGE_KEY, NUMBER, "$window")
        + " against a threshold of "
        + figure(f"max({value}) / max({over})", STAGE_KEY, NUMBER, "$window")
        + ", over "
        + figure(f"sum({count})", STAGE_KEY, COUNT, "$window")
        + " labels in the mature {{ $window }}."
    )


def _worst(scale: Scale) -> str:
    counts = latest(f"{LABEL_COUNT}{{{_PLACE}}}", scale)
    shares = f"(sum by (bin) ({counts}) / on () group_left () sum({counts}))"
    baseline = f"max by (bin) ({latest(f'{BASELINE_LABELS}{{{_OF_MODEL}}}', scale)})"
    moved = query(f"sort_desc(topk({_LISTED}, abs({shares} - {on(('bin',))} {baseline})))", STAGE_KEY, "$window")
    one = latest(f"{LABEL_COUNT}{{{_PLACE}, {_BIN}}}", scale)
    before = latest(f"{BASELINE_LABELS}{{{_OF_MODEL}, {_BIN}}}", scale)
    more = ("$window", "$each.Labels.bin")
    return (
        _named_window(scale)
        + f"{{{{ range $i, $each := {moved} }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $each.Labels.bin }}}} "
        + figure(f"max({before})", STAGE_KEY, SHARE, *more)
        + " -> "
        + figure(f"sum({one}) / scalar(sum({counts}))", STAGE_KEY, SHARE, *more)
        + "{{ end }}"
    )


_B = {**TARGET, "instance": "b:10900"}
_MOVED = {"yes": 400, "no": 540, "late": 60}
_FIRING = Firing(
    severity="warning",
    labels={**VERSION_LABELS, "owner": "risk-ds"},
    description=(
        "The labels of credit-risk version 2 are spread in another way than those of the baseline: PSI "
        f"{psi((400, 540, 60)):.2f} against a threshold of 0.15, over 1,000 labels in the mature 24h."
    ),
    worst="yes 20 % -> 40 %, no 70 % -> 54 %, late 10 % -> 6 %",
    window="24h",
)

LABEL_DRIFT = Alert(
    name="ModelLabelDrift",
    area="performance",
    key=STAGE_KEY,
    window=_window,
    conditions=(Condition(severity="warning", expr=_over, hold=duration("30m"), keep=duration("15m")),),
    summary="What turns out to be true of a model's predictions is spread otherwise than in its baseline.",
    description=_description,
    worst=_worst,
    action="Ask those who provide the labels what has changed; if it is the world, plan to retrain or to move the threshold.",
    meaning=(
        "The PSI of the labels of mature windows against those of the baseline's data, of all replicas together, has been "
        "above its threshold for 30 minutes. Only windows whose labels are complete are compared: while labels still come, "
        "those that come fast are too many of all."
    ),
    impact=(
        "Either labels are produced in another way, and every measure of performance with them, or what the model predicts "
        "has become more or less frequent: then its probabilities are wrong, and a threshold that was right is no more."
    ),
    diagnosis=(
        Diagnosis(
            question="Which labels have become more frequent?",
            query=f"sum by (window, bin) ({LABEL_COUNT.where(model='MODEL')})",
        ),
        Diagnosis(question="What were they in the baseline?", query=f"max by (bin) ({BASELINE_LABELS.where(model='MODEL')})"),
        Diagnosis(question="Since when, in each window?", query=LABEL_BADNESS.where(model="MODEL")),
        Diagnosis(question="Only in a segment?", query=f"topk(10, {LABEL_PSI.where(model='MODEL', labels=MATURE)})"),
    ),
    mitigation=(
        "1. A step at one point in time: how are labels made, and by whom, since then? Codes and defaults may change.\n"
        "2. One class alone has grown: do the others still come? See ModelLabelCoverageLow.\n"
        "3. The world has changed, and inputs with it: expect drift of features; retrain on newer data.\n"
        "4. The world has changed and inputs have not: what the model learnt is no longer so. Retrain soon, and move the "
        "threshold until then."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE, BASELINE_MISMATCH),
    without_model=False,
    graphed=(LABEL_BADNESS,),
    tests=(
        Case(
            name="twice as many positives",
            series=(*label_drift(_MOVED), owner("performance")),
            checks=(Check(at="29m", firing=()), Check(at="40m", firing=(_FIRING,))),
        ),
        Case(
            name="of two replicas together, each of which is some way from the baseline",
            series=(
                *label_drift({"yes": 350, "no": 390, "late": 60}),
                *label_drift({"yes": 50, "no": 150, "late": 0}, target=_B),
                *several(),
                owner("performance"),
            ),
            checks=(Check(at="40m", firing=(_FIRING,)),),
        ),
        Case(
            name="two replicas, each far from the baseline on another side",
            series=(
                *label_drift({"yes": 200, "no": 100, "late": 100}),
                *label_drift({"yes": 0, "no": 600, "late": 0}, target=_B),
                *several(),
                owner("performance"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="a little more positives",
            series=(*label_drift({"yes": 220, "no": 690, "late": 90}), owner("performance")),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
