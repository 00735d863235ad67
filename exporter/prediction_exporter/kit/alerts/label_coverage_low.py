"""Too few of the predictions of a class get their label."""

from __future__ import annotations

from dataclasses import replace

from prediction_exporter.collectors.labels import DELAY, EXPIRED, GIVEN_UP, LABELS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, given, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import TARGET, VERSION_LABELS, owner, shared
from prediction_exporter.kit.label_cases import covered, required
from prediction_exporter.kit.labels import (
    COVERAGE_CLASS_KEY,
    COVERAGE_OF_ALL,
    COVERAGE_OF_CLASS,
    COVERAGE_REQUIRED,
    FOLLOWED,
    USUAL_PART,
    USUAL_SPAN,
)
from prediction_exporter.kit.promql import STAGE_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, PERCENT

#: Fewest predictions of a class, and how many standard deviations chance is allowed.
_LEAST, _DEVIATIONS = 30, 3
_LISTED = 5
_OWN = given(STAGE_KEY)
_PLACE = f"{{{given((*STAGE_KEY, 'window', 'class'))}}}"


def _low(scale: Scale, own: str = "") -> str:
    """Return by how much of what is asked for the coverage of classes falls short beyond chance."""
    ratio, asked, count = (latest(f"{each}{own}", scale) for each in (COVERAGE_OF_CLASS, COVERAGE_REQUIRED, FOLLOWED))
    on_class = on(COVERAGE_CLASS_KEY)
    chance = f"{_DEVIATIONS} * sqrt({asked} * (1 - {asked}) / {on_class} ({count} >= {_LEAST}))"
    return f"(({asked} - {on_class} {ratio} > {on_class} {chance}) / {on_class} {asked})"


def _expr(scale: Scale) -> str:
    return f"max {by(STAGE_KEY)} ({_low(scale)})"


def _window(scale: Scale) -> str:
    return query(f"topk(1, {_low(scale, f'{{{_OWN}}}')})", STAGE_KEY)


def _description(scale: Scale) -> str:
    def shown(series: object, show: object = PERCENT) -> str:
        return figure(f"max({latest(f'{series}{_PLACE}', scale)})", STAGE_KEY, show, "$window", "$class")  # type: ignore[arg-type]  # formats alone

    return (
        '{{ $window := "" }}{{ $class := "" }}'
        f"{{{{ range {_window(scale)} }}}}{{{{ $window = .Labels.window }}}}{{{{ $class = .Labels.class }}}}{{{{ end }}}}"
        + shown(COVERAGE_OF_CLASS)
        + " of "
        + shown(FOLLOWED, COUNT)
        + " predictions {{ with $class }}of class {{ . }} {{ end }}of {{ $labels.model }} version {{ $labels.version }}"
        "{{ with $labels.stage }} as {{ . }}{{ end }} in the mature {{ $window }} have their label, and "
        + shown(COVERAGE_REQUIRED)
        + " are asked for."
    )


def _worst(scale: Scale) -> str:
    own = f"{{{_OWN}}}"
    low = f"{latest(f'{COVERAGE_OF_CLASS}{own}', scale)} and {on(COVERAGE_CLASS_KEY)} {_low(scale, own)}"
    listed = query(PERCENT.scaled(f"sort(bottomk({_LISTED}, min by (class) ({low})))"), STAGE_KEY)
    return (
        f"{{{{ range $i, $each := {listed} }}}}{{{{ if $i }}}}, {{{{ end }}}}"
        f"{{{{ with $each.Labels.class }}}}{{{{ . }}}}{{{{ else }}}}all{{{{ end }}}} {PERCENT.of('$each.Value')}{{{{ end }}}}"
    )


_B = {**TARGET, "instance": "b:10900"}


def _firing(share: str, asked: str, count: str = "200", class_: str = "yes") -> Firing:
    of_class = f"of class {class_} " if class_ else ""
    return Firing(
        severity="warning",
        labels={**VERSION_LABELS, "owner": "risk-ds"},
        description=(
            f"{share} of {count} predictions {of_class}of credit-risk version 2 in the mature 24h have their label, and "
            f"{asked} are asked for."
        ),
        worst=f"{class_ or 'all'} {share}",
        window="24h",
    )


LABEL_COVERAGE_LOW = Alert(
    name="ModelLabelCoverageLow",
    area="performance",
    key=STAGE_KEY,
    window=_window,
    conditions=(Condition(severity="warning", expr=_expr, hold=duration("30m"), keep=duration("15m")),),
    summary="Too few predictions have their label where labels should be complete.",
    description=_description,
    worst=_worst,
    action="Find out where these labels stay; until then take no measure of the model's performance for granted.",
    meaning=(
        "In a mature window, the share of predictions of a class that have their label is below what is asked for, by more "
        "than chance explains, for 30 minutes. Asked for is `matures_after.coverage`; where that is a duration alone, it is "
        f"{USUAL_PART * 100:g} % of the class's own median of {USUAL_SPAN}: what share can get a label at all nobody knows. "
        "It is looked at by predicted class, for a window may have enough labels in all and those of one class may be missing."
    ),
    impact=(
        "Labels that do not come are not missing by chance: often those of one outcome come later or never. Precision, recall, "
        "areas and errors are then of another mixture than the model's predictions, and look better or worse than the model is."
    ),
    diagnosis=(
        Diagnosis(question="Of which classes, and how many?", query=COVERAGE_OF_CLASS.where(model="MODEL")),
        Diagnosis(question="Of all together?", query=COVERAGE_OF_ALL.where(model="MODEL")),
        Diagnosis(
            question="Do labels take longer than they did? The time within which nine of ten came:",
            query=f'histogram_quantile(0.9, sum by (le, class) (increase({DELAY}_bucket{{model="MODEL"}}[1d])))',
        ),
        Diagnosis(
            question="What became of labels and predictions of the last day?",
            query=(
                f"increase({LABELS.where(model='MODEL')}[1d]) or increase({EXPIRED.where(model='MODEL')}[1d]) "
                f"or increase({GIVEN_UP.where(model='MODEL')}[1d]) > 0"
            ),
        ),
    ),
    mitigation=(
        "1. Labels come later than `matures_after` allows: make it longer, so that windows wait for them.\n"
        "2. Many labels are unmatched: ids have changed on one side, or labels come before the horizon's predictions.\n"
        "3. Predictions or labels are given up for lack of room: raise `labels.max_size`, or follow fewer by `labels.sample`.\n"
        "4. The decision decides whether a label can come, as with declined loans: say which can in `labels.only_for`.\n"
        "5. The process that makes the labels has stopped for one kind of case: tell those who run it."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    graphed=(COVERAGE_OF_ALL,),
    tests=(
        Case(
            # Of both together 93 % have one, more than the 90 % that are asked for; chance is 3 * sqrt(0.9 * 0.1 / 200) = 6 %.
            name="enough in all, too few of one class",
            series=(*covered({"yes": (200, "80x400"), "no": (1800, "1780x400")}), required(0.9), owner("performance")),
            checks=(Check(at="29m", firing=()), Check(at="45m", firing=(_firing("40 %", "90 %"),))),
        ),
        Case(
            # The median of the time until then is 50 %, of which 80 % are 40 %.
            name="a duration alone: half of them always got one, then a tenth",
            series=(*covered({"": (200, "100x200 20x200")}), owner("performance")),
            checks=(
                Check(at="3h10m", firing=()),
                Check(at="4h30m", firing=(_firing("10 %", "40 %", class_=""),)),
            ),
        ),
        Case(
            name="two replicas of one source: predictions are counted once",
            series=(
                *(
                    line
                    for target in (TARGET, _B)
                    for line in (*covered({"yes": (200, "80x400")}, target=target), required(0.9, target), shared(target))
                ),
                owner("performance"),
            ),
            checks=(Check(at="45m", firing=(replace(_firing("40 %", "90 %")),)),),
        ),
        Case(
            name="less than is asked for by chance; too few predictions; less than before by chance; labels that still come",
            series=(
                *covered({"yes": (200, "172x400"), "no": (29, "0x400")}),
                *covered({"yes": (200, "20x400")}, labels="preliminary"),
                required(0.9),
                owner("performance"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="a duration alone: as few as always",
            series=(*covered({"yes": (200, "20x400"), "no": (1800, "1700x400")}), owner("performance")),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
