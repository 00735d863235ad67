"""The dashboard of how good a model is, by labels that have come: all of mature windows, of what is answered.

Measures and classes are not alike from model to model. Two variables name one of each, the worst ones first; queries find the
series by the measure's name, which stands in the names of all that belongs to it.
"""

from __future__ import annotations

from prediction_exporter.collectors.labels import BASELINE_LABELS, DELAY, LATE_AFTER
from prediction_exporter.collectors.report import MATURE
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit import variables as v
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.selectors import FEATURE, MODEL, VERSION, WINDOW, chosen
from prediction_exporter.kit.figures import PSI
from prediction_exporter.kit.labels import (
    COVERAGE_CLASS_KEY,
    COVERAGE_OF_ALL,
    COVERAGE_OF_CLASS,
    COVERAGE_REQUIRED,
    LABEL_BADNESS,
    LABEL_COUNT,
    MATURE_AGE,
    NEWEST_AGE,
)
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.performance import BADNESSES, BESIDE, CONFUSION, FLEET, VALUES
from prediction_exporter.kit.promql import Recorded, on, select
from prediction_exporter.performance.calibration_error import CALIBRATION_ERROR

_ANSWERED = f'stage!~"{BESIDE}"'
_PLACE = (*WINDOW, _ANSWERED)
#: Coverage is of all traffic: it has no segment.
_COVERED = (*VERSION, chosen("window"), _ANSWERED)
#: One class, or what is of no class; never an average.
_ENTRY = (f"{chosen('class').removesuffix('`')}|`", 'average=""')
_BEST_AT_ZERO = f'__name__=~"{"|".join(one.threshold.name for one in FLEET if one.measure.better == "zero")}"'
#: Standard errors on both sides of a value between which 95 % of samples would lie.
_ERRORS = 2

#: Classes whose coverage is drawn: those that are farthest below what is asked of them.
_LEAST_COVERED = 4

_UNSAID = "no mature window of labels yet, or none declared: labels"
_NOT_COMPARED = "no mature window with enough labels, none in the baseline, or none declared: labels"


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="performance",
        title="Performance",
        question="How good is the model, by the labels that have come?",
        variables=[*choices.places(), choices.model(), choices.version(), choices.window(), *_choices()],
        annotations=happened(),
        rows=[
            Row(title="Verdict", panels=[*_figures(), _cause()]),
            Row(title="Over time", panels=_measures()),
            Row(title="Labels", panels=[_coverage(), *_labels()]),
            Row(title="Classes", panels=[_confusion()], collapsed=True),
        ],
    )


def _choices() -> list[Json]:
    """Return the measure that is looked at, and its class."""
    return [
        v.of_name(
            "measure",
            "Measure",
            "Measure of performance that is shown in detail; the worst first.",
            worst_measures(),
            "model:model_(.*):[a-z]+",
        ),
        v.of_result("class", "Class", "Class that the measure is of; the worst first.", worst_classes()),
    ]


def worst_measures() -> str:
    """Return the measures, the worst first; as they come where nothing is compared."""
    return _worst_first("__name__", BADNESSES, VALUES, _PLACE)


def worst_classes() -> str:
    """Return the classes of the chosen measure, the worst first."""
    of_measure, matchers = (_of_measure("badness"), _of_measure("fleet")), (*_PLACE, 'class!=""')
    return _worst_first("class", *of_measure, matchers)


def _worst_first(key: str, badnesses: str, values: str, matchers: tuple[str, ...]) -> str:
    """Return what there is now, compared before not compared; where no exporter answers, what was there last."""
    selectors = [f"{{{', '.join((names, *matchers))}}}" for names in (badnesses, values)]
    selectors += [f"last_over_time({selector}[$__range])" for selector in selectors]
    return f"sort_desc({' or on () '.join(f'max by ({key}) ({selector})' for selector in selectors)})"


def _of_measure(what: str) -> str:
    """Return what selects a recorded series of the chosen measure."""
    return f"__name__=~`model:model_${{measure:regex}}:{what}`"


def _measures() -> list[Panel]:
    return [
        p.renamed(
            p.free_scale(
                p.multiples(
                    p.timeseries(
                        "Measures",
                        "How far each measure is from the baseline, as a multiple of what its threshold allows, of its worst "
                        "class: at 0 it is as good, above 1 it is surely worse. Beside them the drift of the labels.",
                        Query(expr=f"max by (__name__) ({{{', '.join((BADNESSES, *_PLACE))}}})", legend="{{__name__}}"),
                        Query(expr=f"max({LABEL_BADNESS.where(*_PLACE)})", legend="labels themselves"),
                        unit="",
                        width=24,
                        height=12,
                        no_data=_NOT_COMPARED,
                    )
                )
            ),
            _NAMED,
        ),
        _chosen_measure(),
        _calibration(),
    ]


def _cause() -> Panel:
    """Return what is worse over time: what comes in, what is made of it, or both."""
    worse = f"(max({{{', '.join((BADNESSES, *_PLACE))}}}) > bool 1)"
    drifted = f"(max({PSI.over.where(*WINDOW, FEATURE)}) > bool 1 or on () {worse} * 0)"
    words = {"0": "neither", "1": "input drift", "2": "concept drift", "3": "both"}
    return p.states(
        "Input or concept drift",
        "Whether features drift, and whether the model is surely worse than in the baseline: worse without drift of the "
        "features means that what they tell has changed. Features are those of now; how good the model is shows later.",
        Query(expr=f"{drifted} + 2 * {worse}", legend="cause"),
        colors=dict(zip(words, (looks.GOOD, looks.PLAIN, looks.BAD, looks.BAD), strict=True)),
        texts=words,
        width=24,
        height=5,
        no_data=_NOT_COMPARED,
    )


#: What is left of the name of a badness, and the class or average that follows it.
_NAMED = ("^model:model_(.*):badness ?(.*)$", "$1 $2")


def _figures() -> list[Panel]:
    late = p.now(f"max({LATE_AFTER.where(*MODEL)})", "late")
    return [
        p.renamed(
            p.named(
                p.stat(
                    "Worst measure",
                    "How far it is from the baseline, as a multiple of what its threshold allows: above 1 it is surely worse.",
                    p.now(f"topk(1, {{{', '.join((BADNESSES, *_PLACE))}}})", "{{__name__}} {{class}}{{average}}"),
                    unit=looks.MULTIPLE_UNIT,
                    steps=looks.MULTIPLE_STEPS,
                    decimals=1,
                    width=8,
                )
            ),
            _NAMED,
        ),
        p.limited(
            p.stat(
                "Age of the mature window",
                "How long ago the mature window ends, where all labels are taken to be there; red where labels are late.",
                p.now(f"max({MATURE_AGE.where(*MODEL)})", "age"),
                unit="s",
                decimals=1,
                width=8,
            ),
            late,
        ),
        p.limited(
            p.stat(
                "Age of the newest label",
                "How long ago the newest label became known that was read; red where labels are late.",
                p.now(f"max({NEWEST_AGE.where(*MODEL)})", "age"),
                unit="s",
                decimals=1,
                width=8,
            ),
            late,
        ),
    ]


def _chosen_measure() -> Panel:
    fleet, threshold = (f"max({{{', '.join((_of_measure(what), *_PLACE, *_ENTRY))}}})" for what in ("fleet", "threshold"))
    error, baseline = (
        f"max({{{', '.join((f'__name__=~`model_${{measure:regex}}_{end}`', *place, *_ENTRY))}}})"
        for end, place in (("standard_error", (*_PLACE, f'labels="{MATURE}"')), ("baseline", MODEL))
    )
    # Of a measure that is best at 0 the threshold is one of sizes: it has another side.
    other_side = f"-max({{{', '.join((_of_measure('threshold'), _BEST_AT_ZERO, *_PLACE, *_ENTRY))}}})"
    upper, lower = (f"{_ERRORS} standard errors {side}" for side in ("above", "below"))
    return p.band(
        p.free_scale(
            p.timeseries(
                "Measure $measure $class",
                f"The chosen measure, of the chosen class where it is of one, with {_ERRORS} standard errors on both "
                "sides (of several replicas the largest, which is too wide), what it was in the baseline, and what an "
                "alert compares it with.",
                Query(expr=f"{fleet} + {_ERRORS} * {error}", legend=upper, role=looks.WINDOW),
                Query(expr=f"{fleet} - {_ERRORS} * {error}", legend=lower, role=looks.WINDOW),
                Query(expr=fleet, legend="$measure", role=looks.WINDOW),
                Query(expr=baseline, legend="baseline", role=looks.BASELINE),
                Query(expr=threshold, legend="threshold", role=looks.THRESHOLD),
                Query(expr=other_side, legend="threshold below 0", role=looks.THRESHOLD),
                unit="short",
                no_data=_NOT_COMPARED,
            )
        ),
        upper=upper,
        lower=lower,
    )


def _calibration() -> Panel:
    (one,) = [each for each in FLEET if each.measure is CALIBRATION_ERROR]
    family = CALIBRATION_ERROR.baseline_family

    def of_all(name: str, *matchers: str) -> str:
        """Return the mean over classes; of one score there is none, and its own is meant."""
        return f"max({select(name, *matchers, average='macro')}) or max({select(name, *matchers, average='')})"

    def beside(name: str, *matchers: str) -> str:
        """Return what the value is compared with, where there is a value: of several replicas there is none."""
        return f"({of_all(name, *matchers)}) and on () ({value})"

    value = of_all(one.value.name, *_PLACE)
    return p.timeseries(
        "Calibration",
        "How far probabilities are from what came true, on average (expected calibration error; of several classes the mean), "
        "what that was in the baseline, and what an alert compares it with.",
        Query(expr=value, legend="off by", role=looks.WINDOW),
        Query(expr=beside(family.name, *MODEL), legend="baseline", role=looks.BASELINE),
        Query(expr=beside(one.threshold.name, *_PLACE), legend="threshold", role=looks.THRESHOLD),
        unit="percentunit",
        no_data="no mature window of labels yet, no probabilities, or several replicas, of which it cannot be told",
    )


def _confusion() -> Panel:
    def empty(side: str) -> str:
        """Return the cells of strangers of one side, where there was none."""
        pairs = CONFUSION.where(*_PLACE, f'{side}="{OTHER}"')
        return f"on ({side}) (sum by ({side}) ({pairs}) == 0)"

    return t.matrix(
        "Confusion",
        "What was predicted, by rows, and what turned out to be true, by columns: pairs of the mature window.",
        p.now(
            f"sum by (predicted, actual) ({CONFUSION.where(*_PLACE)}) unless {empty('predicted')} unless {empty('actual')}",
            "pairs",
            table=True,
        ),
        row="predicted",
        column="actual",
        unit="locale",
        first=240,
        width=24,
        height=8,
        no_data="no mature window of labels yet, or no classes are predicted",
    )


def _coverage() -> Panel:
    last_ratio, last_required = (
        f"last_over_time({each.where(*_COVERED)}[$__range] @ end())" for each in (COVERAGE_OF_CLASS, COVERAGE_REQUIRED)
    )
    # Chosen once for the range, or the lines of a graph would change places in it.
    least = f"bottomk({_LEAST_COVERED}, min by (class) ({last_ratio} / {on(COVERAGE_CLASS_KEY)} {last_required}))"

    def of_these(series: Recorded, *matchers: str) -> str:
        return f"max by (class) ({series.where(*_COVERED, *matchers)}) and on (class) {least}"

    # What predicts no classes has none: all are one.
    required = f'label_replace({of_these(COVERAGE_REQUIRED)}, "class", "all", "class", "")'

    return p.least_first(
        p.timeseries(
            "Coverage by predicted class",
            "Share of the mature window's predictions that have their label, of all and of the "
            f"{_LEAST_COVERED} predicted classes that are farthest below what is asked of them. Labels that come for one class "
            "and not for another make every measure wrong.",
            Query(expr=f"max({COVERAGE_OF_ALL.where(*_COVERED)})", legend="all", role=looks.WINDOW),
            Query(expr=of_these(COVERAGE_OF_CLASS, 'class!=""'), legend="of {{class}}"),
            Query(expr=required, legend="least of {{class}}", role=looks.THRESHOLD),
            unit="percentunit",
            width=24,
            maximum=1,
            no_data=_UNSAID,
        )
    )


def _labels() -> list[Panel]:
    def delay(quantile: float) -> str:
        # Of the whole time range, as labels may come in a batch a day; of a class without any there is no quantile.
        counts = f"sum by (le, class) (increase({select(f'{DELAY}_bucket', *MODEL)}[$__range] @ end()))"
        # What predicts no classes has none, and bars need one to stand over.
        named = f'label_replace({counts}, "class", "all", "class", "")'
        return f"histogram_quantile({quantile}, {named}) >= 0"

    return [
        t.histogram(
            "Delay of labels",
            "Time from predictions to their labels, by the class that turned out true: half of them, and 95 %, took no longer. "
            "Of the labels of the time range; interpolated within the buckets, of which the first ends at a minute.",
            *(
                p.now(delay(q), f"p{q * 100:.0f}", table=True, role=role)
                for q, role in zip((0.5, 0.95), looks.APART, strict=False)
            ),
            over="class",
            unit="s",
            width=12,
            height=8,
            no_data="no labels came in the time range, or none declared: labels",
        ),
        t.histogram(
            "Labels against the baseline",
            "Share of each class, or bin of actual values, among the labels of the mature window and of the baseline's data.",
            p.now(f"max by (bin) ({BASELINE_LABELS.where(*MODEL)})", "baseline", table=True, role=looks.BASELINE),
            p.now(
                f"sum by (bin) ({LABEL_COUNT.where(*_PLACE)}) / on () group_left () sum({LABEL_COUNT.where(*_PLACE)})",
                "window",
                table=True,
                role=looks.WINDOW,
            ),
            over="bin",
            unit="percentunit",
            width=12,
            height=8,
            no_data="no mature window of labels yet, none in the baseline, or none declared: labels",
        ),
    ]
