"""Labels of the fleet: how complete they are by predicted class, how old the newest is, and how they drift."""

from __future__ import annotations

from collections.abc import Callable

from prediction_exporter.collectors.labels import (
    BASELINE_LABELS,
    COVERAGE_LABELLED,
    COVERAGE_PREDICTIONS,
    LABEL_PSI,
    LABEL_THRESHOLD,
    MATURE_END,
    REQUIRED_COVERAGE,
    SOURCE_NEWEST,
    WINDOW_LABELS,
)
from prediction_exporter.collectors.report import MATURE
from prediction_exporter.config.units import Duration
from prediction_exporter.families import COVERAGE, Family
from prediction_exporter.kit.fleet import LEFT_OUT, REPLICA_KEY, counting
from prediction_exporter.kit.performance import PERFORMANCE_KEY, SEVERAL_LABELLED, mature
from prediction_exporter.kit.promql import MODEL_KEY, SCOPE, Recorded, by, latest, on
from prediction_exporter.kit.scale import Scale, duration

#: A window of a version and stage of all traffic.
COVERAGE_KEY = (*SCOPE, *(label for label in COVERAGE if label != "labels"))
COVERAGE_CLASS_KEY = (*COVERAGE_KEY, "class")
LABEL_BIN_KEY = (*PERFORMANCE_KEY, "bin")
BASELINE_LABEL_KEY = (*MODEL_KEY, "bin")

#: Over which it is seen what coverage is usual; and how much of that must be left.
USUAL_SPAN, USUAL_PART = duration("7d"), 0.8
#: Over which it is seen how old the newest label usually is: labels of a whole week may come on one day.
AGE_SPAN: Duration = duration("14d")
#: A quarter of the time it is no older than the lower quartile: of labels that come every so often, a quarter of that.
AGE_QUANTILE = 0.25


def _sum(family: Family) -> str:
    return f"sum {by(COVERAGE_CLASS_KEY)} {counting(family.where(labels=MATURE))}"


FOLLOWED = Recorded(
    name="model_class:model_coverage_predictions:sum",
    labels=COVERAGE_CLASS_KEY,
    help="Predictions of the mature window whose label is followed, by predicted class, all replicas together.",
    expr=lambda _: _sum(COVERAGE_PREDICTIONS),
)
COVERAGE_OF_CLASS = Recorded(
    name="model_class:model_label_coverage:ratio",
    labels=COVERAGE_CLASS_KEY,
    help="Share of the mature window's predictions of the class that have their label, all replicas together.",
    expr=lambda _: f"{_sum(COVERAGE_LABELLED)}\n/ {on(COVERAGE_CLASS_KEY)}\n({FOLLOWED} > 0)",
)
COVERAGE_OF_ALL = Recorded(
    name="model:model_label_coverage:ratio",
    labels=COVERAGE_KEY,
    help="Share of the mature window's predictions that have their label, all classes and replicas together.",
    expr=lambda _: (
        f"sum {by(COVERAGE_KEY)} {counting(COVERAGE_LABELLED.where(labels=MATURE))}\n"
        f"/ {on(COVERAGE_KEY)}\n(sum {by(COVERAGE_KEY)} ({FOLLOWED}) > 0)"
    ),
)


def _required(scale: Scale) -> str:
    configured = f"max {by(MODEL_KEY)} ({REQUIRED_COVERAGE})"
    usual = f"quantile_over_time(0.5, {COVERAGE_OF_CLASS}[{scale(USUAL_SPAN)}])"
    return (
        f"{COVERAGE_OF_CLASS} * 0 + {on(MODEL_KEY)} group_left () {configured}\n"
        f"or {on(COVERAGE_CLASS_KEY)}\n"
        f"{USUAL_PART} * {usual} and {on(COVERAGE_CLASS_KEY)} {COVERAGE_OF_CLASS}"
    )


COVERAGE_REQUIRED = Recorded(
    name="model_class:model_label_coverage:required",
    labels=COVERAGE_CLASS_KEY,
    help=(
        "Coverage that is asked of the class: what matures_after says, and where that is only a duration, "
        f"{USUAL_PART * 100:g} % of the class's own median of {USUAL_SPAN}."
    ),
    expr=_required,
)


def _of_age(seconds: Callable[[Scale], str]) -> Callable[[Scale], str]:
    return lambda scale: f"time() - {seconds(scale)}"


NEWEST_AGE = Recorded(
    name="model:model_label_newest:age_seconds",
    labels=MODEL_KEY,
    help="Time since the newest label became known that any replica has read.",
    expr=_of_age(lambda scale: f"max {by(MODEL_KEY)} ({latest(SOURCE_NEWEST.name, scale)})"),
)
USUAL_AGE = Recorded(
    name="model:model_label_newest:usual_age_seconds",
    labels=MODEL_KEY,
    help=f"The age that the newest label is below for a quarter of the time, over {AGE_SPAN}.",
    expr=lambda scale: f"quantile_over_time({AGE_QUANTILE}, {NEWEST_AGE}[{scale(AGE_SPAN)}]) and {on(MODEL_KEY)} {NEWEST_AGE}",
)
MATURE_AGE = Recorded(
    name="model:model_label_mature:age_seconds",
    labels=MODEL_KEY,
    help="Time since the end of the mature window, of the replica that is farthest behind.",
    expr=_of_age(lambda scale: f"min {by(MODEL_KEY)} ({latest(MATURE_END.name, scale)} unless {on(REPLICA_KEY)} {LEFT_OUT})"),
)


# Drift.
LABEL_COUNT = Recorded(
    name="model_bin:model_window_label_predictions:sum",
    labels=LABEL_BIN_KEY,
    help="What labelled predictions of the mature window weigh, by label, all replicas together.",
    expr=lambda _: f"sum {by(LABEL_BIN_KEY)} {mature(WINDOW_LABELS)}",
)


def _psi() -> str:
    own = f"max {by(PERFORMANCE_KEY)} ({mature(LABEL_PSI)} unless {on(MODEL_KEY)} {SEVERAL_LABELLED})"
    baseline = f"max {by(BASELINE_LABEL_KEY)} ({BASELINE_LABELS})"
    halves = f"0.5 * count {by(MODEL_KEY)} ({baseline})"
    total = f"(sum {by(PERFORMANCE_KEY)} ({LABEL_COUNT}) + {on(MODEL_KEY)} group_left () {halves})"
    shares = f"(({LABEL_COUNT} + 0.5) / {on(PERFORMANCE_KEY)} group_left () {total})"
    less, by_ = (f"({shares} {operator} {on(BASELINE_LABEL_KEY)} group_left () {baseline})" for operator in "-/")
    pooled = f"sum {by(PERFORMANCE_KEY)} ({less} * {on(LABEL_BIN_KEY)} ln{by_})"
    return f"{own}\nor\n({pooled}) and {on(MODEL_KEY)} {SEVERAL_LABELLED}"


LABEL_PSI_OF_FLEET = Recorded(
    name="model:model_label_psi:fleet",
    labels=PERFORMANCE_KEY,
    help="PSI of the labels of the mature window against the baseline's, of all replicas together.",
    expr=lambda _: _psi(),
)
LABEL_BADNESS = Recorded(
    name="model:model_label_psi:over_threshold",
    labels=PERFORMANCE_KEY,
    help="PSI of the labels of the fleet's mature window as a multiple of its threshold, the largest of the replicas'.",
    expr=lambda _: f"{LABEL_PSI_OF_FLEET} / {on(PERFORMANCE_KEY)} max {by(PERFORMANCE_KEY)} {mature(LABEL_THRESHOLD)}",
)

LABEL_SERIES = (
    FOLLOWED,
    COVERAGE_OF_CLASS,
    COVERAGE_OF_ALL,
    COVERAGE_REQUIRED,
    NEWEST_AGE,
    USUAL_AGE,
    MATURE_AGE,
    LABEL_COUNT,
    LABEL_PSI_OF_FLEET,
    LABEL_BADNESS,
)
