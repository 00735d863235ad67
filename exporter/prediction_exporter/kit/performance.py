"""Performance of the fleet: each measure of all replicas together, its threshold, and how bad it is between the two.

A measure cannot be averaged over replicas. Where one replica counts, its own value is the fleet's. Where several do, most
measures follow from counts that add up: the confusion matrix, bins of scores, sums of errors. The others (:data:`ALONE`) are
absent then.

A pooled value has a smaller error than any replica's, so that its threshold could be nearer to the baseline than any of theirs.
The most lenient of the replicas' own is taken: the safe choice, as with shares of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prediction_exporter.collectors.additive import (
    ABSOLUTE_ERRORS,
    ACTUALS,
    ERRORS,
    LABELLED_PREDICTIONS,
    LABELLED_WEIGHT,
    SCORE_NEGATIVES,
    SCORE_POSITIVES,
    SCORE_POSITIVES_ABOVE,
    SCORED_WEIGHT,
    SQUARED_ACTUALS,
    SQUARED_ERRORS,
)
from prediction_exporter.collectors.report import MATURE
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.families import PERFORMANCE, Family
from prediction_exporter.kit.fleet import counting
from prediction_exporter.kit.promql import MODEL_KEY, SCOPE, Recorded, by, on
from prediction_exporter.performance import MEASURES, Measure
from prediction_exporter.performance.confusion_predictions import CONFUSION_PREDICTIONS

#: A window of a version and stage. What is recorded is of mature windows of all traffic.
PERFORMANCE_KEY = (*SCOPE, *(label for label in PERFORMANCE if label != "labels"))
_CLASS_KEY = (*PERFORMANCE_KEY, "class")
_BIN_KEY = (*_CLASS_KEY, "bin")
_CELL_KEY = (*PERFORMANCE_KEY, "predicted", "actual")


def mature(family: Family) -> str:
    """Return a family's series of mature windows of all traffic, of the replicas that count."""
    return counting(family.where(segment="all", labels=MATURE))


def _sum(family: Family, key: tuple[str, ...] = PERFORMANCE_KEY) -> str:
    return f"sum {by(key)} {mature(family)}"


LABELLED = Recorded(
    name="model:model_window_labelled_predictions:sum",
    labels=PERFORMANCE_KEY,
    help="Predictions of the mature window that have a label and are measured, all replicas together.",
    expr=lambda _: _sum(LABELLED_PREDICTIONS),
)
SEVERAL_LABELLED = Recorded(
    name="model:model_window_labelled_predictions:replicas",
    labels=MODEL_KEY,
    help="Replicas whose labelled predictions are added up, of models that have more than one.",
    expr=lambda _: f"count {by(MODEL_KEY)} (count {by((*MODEL_KEY, 'instance'))} {mature(LABELLED_PREDICTIONS)}) > 1",
)


def _pooled(family: Family, key: tuple[str, ...] = PERFORMANCE_KEY) -> str:
    """Return the sums over replicas of models that have several; of all others nothing is read but this."""
    several = f"{family.where(segment='all', labels=MATURE)} and {on(MODEL_KEY)} {SEVERAL_LABELLED}"
    return f"sum {by(key)} {counting(several)}"


# The confusion matrix.
CONFUSION = Recorded(
    name="model:model_confusion_predictions:sum",
    labels=_CELL_KEY,
    help="Pairs of the mature window by what was predicted and what is true, all replicas together.",
    expr=lambda _: _sum(CONFUSION_PREDICTIONS.family, _CELL_KEY),
)


def _renamed(expr: str, source: str, target: str) -> str:
    return f'label_replace({expr}, "{target}", "$1", "{source}", "(.*)")'


def _of_class(label: str) -> str:
    """Return the pairs by the class of one side, without those of strangers."""
    cells = CONFUSION.where(f'{label}!="{OTHER}"')
    return f"sum {by(_CLASS_KEY)} ({_renamed(cells, label, 'class')})"


def _right() -> str:
    """Return the cells whose prediction is their label; which these are, only a join can tell."""
    predictions = f"sum {by((*PERFORMANCE_KEY, 'predicted'))} ({CONFUSION})"
    known = CONFUSION.where(f'predicted!="{OTHER}"')
    cells = f"{known} and {on(_CELL_KEY)} {_renamed(predictions, 'predicted', 'actual')}"
    return f"sum {by(_CLASS_KEY)} ({_renamed(f'({cells})', 'predicted', 'class')})"


def _of_classes(name: str, help_: str, expr: Callable[[], str]) -> Recorded:
    return Recorded(
        name=f"model_class:model_confusion_predictions:{name}",
        labels=_CLASS_KEY,
        help=f"{help_} in the mature window, all replicas together; of models that have several.",
        expr=lambda _: f"({expr()}) and {on(MODEL_KEY)} {SEVERAL_LABELLED}",
    )


RIGHT = _of_classes("right", "Right predictions of the class", _right)
PREDICTED = _of_classes("predicted", "Predictions of the class", lambda: _of_class("predicted"))
ACTUAL = _of_classes("actual", "Labels of the class", lambda: _of_class("actual"))

_PAIRS = f"sum {by(PERFORMANCE_KEY)} ({CONFUSION})"
_BY_CLASS = on(_CLASS_KEY)
_BY_WINDOW = on(PERFORMANCE_KEY)


def _with_averages(values: str, weights: str, scores: str | None = None) -> str:
    """Return values by class, their mean and that weighted by labels, both of the classes that have a value.

    Args:
        values: by class.
        weights: labels by class.
        scores: of measures of scores, what is there once for each: of a single one there are no averages.
    """
    macro = f"avg {by(PERFORMANCE_KEY)} ({values})"
    known = f"({weights} and {_BY_CLASS} {values})"
    weighted = f"(sum {by(PERFORMANCE_KEY)} ({known} * {_BY_CLASS} {values}) / (sum {by(PERFORMANCE_KEY)} {known} > 0))"
    averages = (_named_average(macro, "macro"), _named_average(weighted, "weighted"))
    if scores is not None:
        several = f"and {_BY_WINDOW} count {by(PERFORMANCE_KEY)} ({scores}) > 1"
        averages = (f"({averages[0]} {several})", f"({averages[1]} {several})")
    return f"{values}\nor\n{averages[0]}\nor\n{averages[1]}"


def _named_average(expr: str, name: str) -> str:
    return f'label_replace({expr}, "average", "{name}", "", "")'


def _ratios(parts: str, wholes: str) -> str:
    return _with_averages(f"({parts} / {_BY_CLASS} ({wholes} > 0))", str(ACTUAL))


def _specificity() -> str:
    spread = f"({PREDICTED} * 0 + {_BY_WINDOW} group_left () {_PAIRS})"
    not_of = f"{spread} - {_BY_CLASS} {ACTUAL}"
    return _ratios(f"({not_of} - {_BY_CLASS} {PREDICTED} + {_BY_CLASS} {RIGHT})", f"({not_of})")


def _matthews() -> str:
    def squares(side: str) -> str:
        of_side = f"sum {by((*PERFORMANCE_KEY, side))} ({CONFUSION})"
        return f"({_PAIRS} ^ 2 - {_BY_WINDOW} sum {by(PERFORMANCE_KEY)} (({of_side}) ^ 2))"

    chance = f"sum {by(PERFORMANCE_KEY)} ({PREDICTED} * {_BY_CLASS} {ACTUAL})"
    above = f"({_PAIRS} * {_BY_WINDOW} sum {by(PERFORMANCE_KEY)} ({RIGHT}) - {_BY_WINDOW} {chance})"
    return f"{above}\n/ {_BY_WINDOW}\n(sqrt({squares('predicted')} * {_BY_WINDOW} {squares('actual')}) > 0)"


# Scores.
def _areas() -> str:
    negatives, positives = _pooled(SCORE_NEGATIVES, _CLASS_KEY), _pooled(SCORE_POSITIVES, _CLASS_KEY)
    above = f"{_pooled(SCORE_NEGATIVES, _BIN_KEY)} * {on(_BIN_KEY)} {_pooled(SCORE_POSITIVES_ABOVE, _BIN_KEY)}"
    return f"sum {by(_CLASS_KEY)} ({above}) / {_BY_CLASS} (({positives} * {_BY_CLASS} {negatives}) > 0)"


AREAS = Recorded(
    name="model_class:model_roc_auc:pooled",
    labels=_CLASS_KEY,
    help="ROC AUC of the class in the mature window, all replicas together; of models that have several.",
    expr=lambda _: _areas(),
)


def _roc_auc() -> str:
    positives = _pooled(SCORE_POSITIVES, _CLASS_KEY)
    return _with_averages(str(AREAS), f"({positives})", positives)


# Means.
def _mean(sums: Family) -> str:
    return f"{_pooled(sums)} / {_BY_WINDOW} ({_pooled(LABELLED_WEIGHT)} > 0)"


def _weighed(one: Measure, weight: Family) -> str:
    """Return the mean over pairs of a measure that is one, from the replicas' means."""
    key = (*PERFORMANCE_KEY, "instance")
    weights = f"max {by(key)} {mature(weight)}"
    parts = f"max {by(key)} {mature(one.family)} * {on(key)} {weights}"
    return f"sum {by(PERFORMANCE_KEY)} ({parts}) / {_BY_WINDOW} (sum {by(PERFORMANCE_KEY)} ({weights}) > 0)"


def _r2() -> str:
    pairs = f"({_pooled(LABELLED_WEIGHT)} > 0)"
    variance = f"{_pooled(SQUARED_ACTUALS)} - {_BY_WINDOW} ({_pooled(ACTUALS)}) ^ 2 / {_BY_WINDOW} {pairs}"
    return f"1 - {_pooled(SQUARED_ERRORS)} / {_BY_WINDOW} (({variance}) > 0)"


#: How the value of replicas together follows from what adds up, by measure.
POOLED: Mapping[str, Callable[[Measure], str]] = {
    "accuracy_ratio": lambda _: f"sum {by(PERFORMANCE_KEY)} ({RIGHT}) / {_BY_WINDOW} ({_PAIRS} > 0)",
    "balanced_accuracy_ratio": lambda _: f"avg {by(PERFORMANCE_KEY)} ({RIGHT} / {_BY_CLASS} ({ACTUAL} > 0))",
    "precision_ratio": lambda _: _ratios(str(RIGHT), str(PREDICTED)),
    "recall_ratio": lambda _: _ratios(str(RIGHT), str(ACTUAL)),
    "specificity_ratio": lambda _: _specificity(),
    "f1_score": lambda _: _ratios(f"2 * {RIGHT}", f"({PREDICTED} + {_BY_CLASS} {ACTUAL})"),
    "matthews_correlation": lambda _: _matthews(),
    "roc_auc": lambda _: _roc_auc(),
    "log_loss": lambda one: _weighed(one, SCORED_WEIGHT),
    "brier_score": lambda one: _weighed(one, SCORED_WEIGHT),
    "rmse": lambda _: f"sqrt({_mean(SQUARED_ERRORS)})",
    "mae": lambda _: _mean(ABSOLUTE_ERRORS),
    "r2_score": lambda _: _r2(),
    "mean_error": lambda _: _mean(ERRORS),
    "quantile_loss": lambda one: _weighed(one, LABELLED_WEIGHT),
    "ndcg": lambda one: _weighed(one, LABELLED_WEIGHT),
    "mean_reciprocal_rank": lambda one: _weighed(one, LABELLED_WEIGHT),
}
#: Measures that nothing which is exported for a fleet gives the value of, and why: with several replicas they are absent.
ALONE: Mapping[str, str] = {
    "average_precision": "it needs positives by bin beside those above, a third more series for what the ROC curve tells too",
    "calibration_error": "it needs the sum of scores in each of its bins",
    "top_decile_lift": "its tenth may end within a bin",
    "precision_at_threshold_ratio": "which bins lie above the threshold is not in their names",
    "recall_at_threshold_ratio": "as above",
    "median_absolute_error": "it needs 769 bins of errors",
    "mape_ratio": "it is absent where one actual value is 0, also where that is another replica's",
    "adjusted_r2_score": "the number of features is no series",
}


@dataclass(frozen=True, kw_only=True)
class FleetMeasure:
    """A measure of the fleet; all are recorded, of mature windows of all traffic.

    Attributes:
        measure: what each replica exports.
        value: what all replicas together read.
        threshold: what that is compared with.
        badness: how far the value is on its way from the baseline's to the threshold: at 1 it is there.
    """

    measure: Measure
    value: Recorded
    threshold: Recorded
    badness: Recorded

    @property
    def series(self) -> tuple[Recorded, ...]:
        """The recorded series, each after those that it needs."""
        return self.value, self.threshold, self.badness


def _fleet(one: Measure) -> FleetMeasure:
    key = (*PERFORMANCE_KEY, *one.labels)
    of_baseline = (*MODEL_KEY, *one.labels)

    def recorded(operation: str, text: str, expr: Callable[[], str]) -> Recorded:
        return Recorded(name=f"model:{one.family}:{operation}", labels=key, help=text, expr=lambda _: expr())

    def value() -> str:
        own = f"max {by(key)} ({mature(one.family)} unless {on(MODEL_KEY)} {SEVERAL_LABELLED})"
        pooled = POOLED.get(one.key)
        return own if pooled is None else f"{own}\nor\n(\n{pooled(one)}\n) and {on(MODEL_KEY)} {SEVERAL_LABELLED}"

    found = recorded(
        "fleet",
        f"{one.title} of all replicas together"
        + ("; absent where several are added up, as it cannot be." if one.key in ALONE else ", from what adds up."),
        value,
    )
    operation = "min" if one.better == "higher" else "max"
    threshold = recorded(
        "threshold",
        f"The most lenient of the replicas' thresholds of {one.title}.",
        lambda: f"{operation} {by(key)} {mature(one.threshold_family)}",
    )

    def badness() -> str:
        baseline, value = f"(max {by(of_baseline)} ({one.baseline_family}))", str(found)
        if one.better == "zero":
            baseline, value = f"abs{baseline}", f"abs({value})"
        less = f"- {on(of_baseline)} group_left () {baseline}"
        return f"({value} {less})\n/ {on(key)}\n(({threshold} {less}) != 0)"

    bad = recorded(
        "badness",
        f"How far {one.title} is on its way from the baseline to its threshold: 1 at that, below 0 where it is better.",
        badness,
    )
    return FleetMeasure(measure=one, value=found, threshold=threshold, badness=bad)


#: Every measure that is compared, in the order of the measures.
FLEET = tuple(_fleet(one) for one in MEASURES if one.effect is not None)
#: Selects all badnesses, and all values; their whole names stand in it, so that it is seen what they are made of.
BADNESSES, VALUES = (
    f'__name__=~"{"|".join(series.name for series in of_all)}"'
    for of_all in ([one.badness for one in FLEET], [one.value for one in FLEET])
)
#: Stages whose answers nobody gets, as a regular expression.
BESIDE = "challenger|shadow|other"

WORST = Recorded(
    name="model:model_performance_badness:max",
    labels=PERFORMANCE_KEY,
    help="The worst of the badnesses of all measures: above 1 one has passed its threshold.",
    expr=lambda _: f"max {by(PERFORMANCE_KEY)} ({{{BADNESSES}}})",
)

PERFORMANCE_SERIES = (
    LABELLED,
    CONFUSION,
    RIGHT,
    PREDICTED,
    ACTUAL,
    AREAS,
    *(series for one in FLEET for series in one.series),
    WORST,
)
