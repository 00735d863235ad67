"""A model is worse than on the data of its baseline, and enough labels say so."""

from __future__ import annotations

from dataclasses import replace

from prediction_exporter.collectors.report import MATURE
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, given, query
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import TARGET, VERSION_LABELS, owner, shared
from prediction_exporter.kit.label_cases import areas, at, labelled, measured, sums
from prediction_exporter.kit.labels import COVERAGE_OF_CLASS
from prediction_exporter.kit.performance import BADNESSES, BESIDE, CONFUSION, LABELLED, WORST
from prediction_exporter.kit.promql import MODEL_KEY, STAGE_KEY, Expression, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, FIGURE, NAME, NUMBER
from prediction_exporter.performance.f1_score import F1_SCORE
from prediction_exporter.performance.mean_error import MEAN_ERROR
from prediction_exporter.performance.mean_reciprocal_rank import MEAN_RECIPROCAL_RANK
from prediction_exporter.performance.ndcg import NDCG
from prediction_exporter.performance.rmse import RMSE
from prediction_exporter.performance.roc_auc import ROC_AUC

#: So many times as far from the baseline as its threshold is, a measure of what is answered wakes somebody.
_FAR = 2.0
#: Measures and segments that a message names.
_LISTED, _SEGMENTS = 5, 3

_OWN = given(STAGE_KEY)
_WINDOW, _CLASS, _AVERAGE, _NAME = (f"%[{len(STAGE_KEY) + i}]q" for i in range(1, 5))
_ENTRY = f"class={_CLASS}, average={_AVERAGE}"


def _worse(least: float, *matchers: str) -> Expression:
    return lambda scale: f"max {by(STAGE_KEY)} ({latest(WORST.where(*matchers), scale)}) > {least:g}"


def _badnesses(scale: Scale) -> str:
    return latest(f"{{{BADNESSES}, {_OWN}}}", scale)


def _window(scale: Scale) -> str:
    return query(f"topk(1, {_badnesses(scale)})", STAGE_KEY)


def _entry(labels: str) -> str:
    """Return a template of the class or the average that a value is of, from what has labels."""
    of_class = f"{{{{ with {labels}.class }}}} of class {{{{ . }}}}{{{{ end }}}}"
    return f"{of_class}{{{{ with {labels}.average }}}} ({{{{ . }}}}){{{{ end }}}}"


def _measure(name: str) -> str:
    return f'reReplaceAll "^model:model_(.*):badness$" "$1" {name}'


def _description(scale: Scale) -> str:
    def shown(name: str) -> str:
        series = f"{{__name__={_NAME}, window={_WINDOW}, {_ENTRY}, {_OWN}}}"
        return figure(f"max({latest(series, scale)})", STAGE_KEY, FIGURE, "$window", "$class", "$average", name)

    baseline = figure(
        f"max({latest(f'{{__name__={_NAME}, {_ENTRY}, {given(MODEL_KEY)}}}', scale)})",
        STAGE_KEY,
        FIGURE,
        "$window",
        "$class",
        "$average",
        '(printf "model_%s_baseline" $measure)',
    )
    count = figure(f"max({latest(f'{LABELLED}{{window={_WINDOW}, {_OWN}}}', scale)})", STAGE_KEY, COUNT, "$window")
    return (
        '{{ $measure := "" }}{{ $window := "" }}{{ $class := "" }}{{ $average := "" }}{{ $of := "" }}'
        f"{{{{ range {_window(scale)} }}}}"
        f"{{{{ $measure = {_measure('.Labels.__name__')} }}}}{{{{ $window = .Labels.window }}}}"
        "{{ $class = .Labels.class }}{{ $average = .Labels.average }}{{ end }}"
        + NAME.of("$measure")
        + "{{ with $class }} of class {{ . }}{{ end }}{{ with $average }} ({{ . }}){{ end }} of "
        "{{ $labels.model }} version {{ $labels.version }}{{ with $labels.stage }} as {{ . }}{{ end }} is "
        + shown('(printf "model:model_%s:fleet" $measure)')
        + ", against "
        + baseline
        + " in the baseline and a threshold of "
        + shown('(printf "model:model_%s:threshold" $measure)')
        + ", over "
        + count
        + " labelled predictions in the mature {{ $window }}."
        + _of_segments(scale)
    )


def _of_segments(scale: Scale) -> str:
    """Return a template that names the segments whose own value has passed their own threshold, by the replicas' figures."""
    key = (*MODEL_KEY, "class", "average")
    names = [f"%[{len(STAGE_KEY) + i}]q" for i in (4, 5, 6)]
    place = f'window={_WINDOW}, {_ENTRY}, segment!="all", labels="{MATURE}", {_OWN}'
    value, threshold = (latest(f"{{__name__={name}, {place}}}", scale) for name in names[:2])
    baseline = f"max {by(key)} ({latest(f'{{__name__={names[2]}, {_ENTRY}, model=%[4]q}}', scale)})"
    less = f"- {on(key)} group_left () {baseline}"
    bad = f"({value} {less}) / (({threshold} {less}) != 0)"
    more = ("$window", "$class", "$average", *(f'(printf "model_%s{end}" $measure)' for end in ("", "_threshold", "_baseline")))
    listed = query(f"sort_desc(topk({_SEGMENTS}, max by (segment) ({bad}) > 1))", STAGE_KEY, *more)
    each = f"{{{{ $each.Labels.segment }}}} {NUMBER.of('$each.Value')} times"
    return (
        f"{{{{ with {listed} }}}} Segments farthest beyond their thresholds: "
        f"{{{{ range $i, $each := . }}}}{{{{ if $i }}}}, {{{{ end }}}}{each}"
        "{{ end }}.{{ end }}"
    )


def _worst(scale: Scale) -> str:
    passed = f"max by (__name__, class, average) ({_badnesses(scale)}) > 1"
    listed = query(f"sort_desc(topk({_LISTED}, {passed}))", STAGE_KEY)
    key = _measure("$each.Labels.__name__")
    return (
        f"{{{{ range $i, $each := {listed} }}}}{{{{ if $i }}}}, {{{{ end }}}}"
        f"{NAME.of(f'({key})')}{_entry('$each.Labels')} {NUMBER.of('$each.Value')} times"
        "{{ if not $i }} its margin{{ end }}{{ end }}"
    )


_B = {**TARGET, "instance": "b:10900"}
_LABELS = {**VERSION_LABELS, "owner": "risk-ds"}
_AUC = measured(ROC_AUC, 0.72, (0.85, 0.75), "yes", "")
_DROP = Firing(
    severity="warning",
    labels=_LABELS,
    description=(
        "ROC AUC of class yes of credit-risk version 2 is 0.72, against 0.85 in the baseline and a threshold of 0.75, over "
        "1,200 labelled predictions in the mature 24h."
    ),
    worst="ROC AUC of class yes 1.30 times its margin",
    window="24h",
)
_FAR_DROP = replace(
    _DROP,
    severity="critical",
    description=(
        "ROC AUC of class yes of credit-risk version 2 is 0.6, against 0.85 in the baseline and a threshold of 0.75, over "
        "1,200 labelled predictions in the mature 24h."
    ),
    worst="ROC AUC of class yes 2.50 times its margin",
)

PERFORMANCE_DROP = Alert(
    name="ModelPerformanceDrop",
    area="performance",
    key=STAGE_KEY,
    window=_window,
    conditions=(
        Condition(severity="critical", expr=_worse(_FAR, f'stage!~"{BESIDE}"'), hold=duration("15m"), keep=duration("15m")),
        Condition(severity="warning", expr=_worse(1.0, f'stage!~"{BESIDE}"'), hold=duration("15m"), keep=duration("15m")),
        Condition(severity="info", expr=_worse(1.0, f'stage=~"{BESIDE}"'), hold=duration("15m"), keep=duration("15m")),
    ),
    summary="A model is surely worse than on the data that it was validated on.",
    description=_description,
    worst=_worst,
    action="See which class and segment it is, and since when. Roll back if a release did it; else plan a retraining.",
    meaning=(
        "A measure of mature windows, whose labels are complete, has passed its threshold for 15 minutes. The threshold is as "
        "far from the baseline's value as the effect that matters, or as chance allows for so few labels, whichever is more. "
        f"Critical: it is more than {_FAR:g} times as far from the baseline as the threshold. Info: it is a challenger or a "
        "shadow, whose answers nobody gets. Preliminary windows never fire. The window ends where labels are complete, so "
        "what happened lies back by as much as labels take."
    ),
    impact="Decisions are worse than was promised when the model was released, and have been for as long as labels take.",
    diagnosis=(
        Diagnosis(
            question="Which measures and classes, in which windows? 1 is the threshold, 0 the baseline.",
            query=f'sort_desc({{{BADNESSES}, model="MODEL"}})',
        ),
        Diagnosis(
            question="What is taken for what?",
            query=f"sort_desc({CONFUSION.where(model='MODEL', window='WINDOW')})",
        ),
        Diagnosis(
            question="Do all classes have their labels? If those of one are missing, every measure is of a wrong mixture.",
            query=COVERAGE_OF_CLASS.where(model="MODEL"),
        ),
        Diagnosis(
            question="Only in a segment?",
            query=f"bottomk(10, {F1_SCORE.family.where(model='MODEL', labels=MATURE, average='macro')})",
        ),
        Diagnosis(
            question="Of a model that ranks: in which segment, and has it gone on since?",
            query=f"sort({NDCG.family.where(model='MODEL')})",
        ),
        Diagnosis(
            question="Has it gone on since? Of labels that have come by now; it may be too good or too bad.",
            query=F1_SCORE.family.where(model="MODEL", segment="all", labels="preliminary"),
        ),
    ),
    mitigation=(
        "1. Coverage of classes differs: the labels are at fault, see ModelLabelCoverageLow.\n"
        "2. It began with a version: compare with the version before, and roll back.\n"
        "3. It began with drift or missing values in a column, see the alerts of that time: mend the column upstream.\n"
        "4. One segment or class alone: who or what is new there?\n"
        "5. A slow decline: retrain, and build the baseline of the new validation data.\n"
        "6. The baseline's value is of data that was too easy, as training data is: build the baseline from validation data."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE, BASELINE_MISMATCH),
    without_model=False,
    graphed=(WORST,),
    tests=(
        Case(
            name="an area under the curve below its threshold, and a segment that is worse",
            series=(
                *_AUC,
                *areas(0.72),
                labelled(1200),
                # (0.85 - 0.61) / (0.85 - 0.69) = 1.5; (0.85 - 0.8) / (0.85 - 0.69) is below 1
                *measured(ROC_AUC, 0.61, (0.85, 0.69), "yes", "", of=at(segment="region=north")),
                *measured(ROC_AUC, 0.8, (0.85, 0.69), "yes", "", of=at(segment="region=south")),
                owner("performance"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="25m",
                    firing=(
                        replace(
                            _DROP,
                            description=(
                                f"{_DROP.description} Segments farthest beyond their thresholds: region=north 1.50 times."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="far below it",
            series=(*measured(ROC_AUC, 0.6, (0.85, 0.75), "yes", ""), *areas(0.6), labelled(1200), owner("performance")),
            checks=(Check(at="25m", firing=(_FAR_DROP, replace(_FAR_DROP, severity="warning"))),),
        ),
        Case(
            name="a challenger with larger errors, most of them on one side, and that not the baseline's",
            series=(
                *measured(RMSE, 26_000, (20_000, 24_000), of=at(stage="challenger")),
                # (10 - 2) / (8 - 2) = 1.33 of sizes
                *measured(MEAN_ERROR, -10_000, (2_000, 8_000), of=at(stage="challenger")),
                *sums(-10_000, 26_000**2, of=at(stage="challenger")),
                labelled(900, of=at(stage="challenger")),
                owner("performance"),
            ),
            checks=(
                Check(
                    at="25m",
                    firing=(
                        Firing(
                            severity="info",
                            labels={**_LABELS, "stage": "challenger"},
                            description=(
                                "RMSE of credit-risk version 2 as challenger is 26,000, against 20,000 in the baseline and "
                                "a threshold of 24,000, over 900 labelled predictions in the mature 24h."
                            ),
                            worst="RMSE 1.50 times its margin, mean error 1.33 times",
                            window="24h",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="what searches show first is chosen less often",
            series=(
                *measured(NDCG, 0.42, (0.5, 0.45)),
                # (0.42 - 0.36) / (0.42 - 0.38) = 1.5
                *measured(MEAN_RECIPROCAL_RANK, 0.36, (0.42, 0.38)),
                labelled(900),
                owner("performance"),
            ),
            checks=(
                Check(
                    at="25m",
                    firing=(
                        replace(
                            _DROP,
                            description=(
                                "NDCG of credit-risk version 2 is 0.42, against 0.5 in the baseline and a threshold of 0.45, "
                                "over 900 labelled predictions in the mature 24h."
                            ),
                            worst="NDCG 1.60 times its margin, mean reciprocal rank 1.50 times",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="two replicas of one source: an average below its threshold is told once, over its labels once",
            series=(
                *(
                    line
                    for target in (TARGET, _B)
                    for line in (
                        *measured(F1_SCORE, 0.5, (0.8, 0.6), "", "macro", target=target),
                        labelled(1200, target=target),
                        shared(target),
                    )
                ),
                owner("performance"),
            ),
            checks=(
                Check(
                    at="25m",
                    firing=(
                        replace(
                            _DROP,
                            description=(
                                "F1 score (macro) of credit-risk version 2 is 0.5, against 0.8 in the baseline and a "
                                "threshold of 0.6, over 1,200 labelled predictions in the mature 24h."
                            ),
                            worst="F1 score (macro) 1.50 times its margin",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="just above the threshold; better than the baseline; far below it, but preliminary, or without a threshold",
            series=(
                *measured(ROC_AUC, 0.76, (0.85, 0.75), "yes", ""),
                *measured(RMSE, 5, (10, 12)),
                *measured(ROC_AUC, 0.3, (0.85, 0.75), "yes", "", of=at(labels="preliminary")),
                *measured(F1_SCORE, 0.1, (0.8, 0.6), "", "macro")[:2],
                labelled(1200),
                labelled(1200, of=at(labels="preliminary")),
                owner("performance"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
