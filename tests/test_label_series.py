"""The series of labels and of performance: what a report holds, no more than the budget, and sums that are of the whole."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelled import Pairs, binary, multiclass, ranking, regression
from measured import SOURCE, moment_of, rendered, report, subject, window
from prediction_exporter.collectors.base import Subject
from prediction_exporter.collectors.labels import COLLECTOR as LABELS
from prediction_exporter.collectors.labels import LabelSeries, late_after
from prediction_exporter.collectors.performance import COLLECTOR as PERFORMANCE
from prediction_exporter.collectors.performance import PerformanceSeries
from prediction_exporter.collectors.report import CoverageReport, LabelsReport
from prediction_exporter.counting.breakdowns import STAGES
from prediction_exporter.exposition import Samples
from prediction_exporter.labels.tallies import DELAY_BOUNDS, Tallies
from prediction_exporter.performance import MEASURES, Performance
from prediction_exporter.performance.base import class_label
from prediction_exporter.performance.label_drift import LabelDrift
from processes import samples

TASKS: dict[str, Pairs] = {
    "binary": binary(600, 1, strange=0.02, unscored=0.1),
    "multiclass": multiclass(600, 2, strange=0.02),
    "regression": regression(600, 3),
    "ranking": ranking(200, 4),
}
every_task = pytest.mark.parametrize("task", TASKS)


def values(found: Samples) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the labels and the value of each sample, by name."""
    text = "".join(f"{line}\n" for lines in found.lines.values() for line in lines)
    by_name: dict[str, list[tuple[dict[str, str], float]]] = {}
    for (name, labels), value in samples(text).items():
        by_name.setdefault(name, []).append((dict(labels), value))
    return by_name


def one(found: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """Return the value of the only series with these labels."""
    [value] = [value for own, value in found.get(name, []) if labels.items() <= own.items()]
    return value


def drift_of(of: Subject) -> LabelDrift:
    """Return a drift with a value in each bin that the model's labels have."""
    assert of.performance is not None
    layout = of.performance
    names = (
        tuple(class_label(layout, code) for code in range(layout.other + 1))
        if layout.has_classes
        else tuple(f"{index}" for index in range(len(layout.edges) + 1))
    )
    some = np.arange(1.0, len(names) + 1)
    return LabelDrift(names, some, some / some.sum(), 0.3, 0.01, 0.2, "ok")


def full(of: Subject, pairs: Performance, baseline: Performance, segments: list[str]) -> LabelsReport:
    """Return all that can be known of a model of one version, in every stage, window, segment and kind."""
    stages = STAGES if of.model.predictions.fields.stage is not None else ("",)
    places: list[dict[str, Any]] = [
        {"stage": stage, "window": name, "segment": segment, "labels": kind}
        for stage in stages
        for name in of.references
        for segment in segments
        for kind in ("mature", "preliminary")
    ]
    made = [window(pairs, baseline, **place) for place in places]
    drift = drift_of(of) if pairs.layout.task != "ranking" else None
    made = [
        type(each)(each.version, each.stage, each.segment, each.window, each.labels, each.pairs, each.measured, drift)
        if each.labels == "mature"
        else each
        for each in made
    ]
    classes = (*pairs.layout.classes, "stranger") if pairs.layout.has_classes else ("",)
    counts = np.arange(1, len(classes) + 1)
    coverage = [
        CoverageReport("1", place["stage"], place["window"], place["labels"], classes, counts, counts)
        for place in places
        if place["segment"] == "all"
    ]
    ends = dict.fromkeys(of.references, 900.0)
    return report(*made, coverage=coverage, ends=ends, duplicates=dict.fromkeys(ends, (1, 4)))


@every_task
@pytest.mark.parametrize("stages", [False, True])
def test_the_budget_is_what_a_model_with_labels_shows(tmp_path: Path, task: str, *, stages: bool) -> None:
    """To the series where nothing is absent; of statuses, and of values that a window lacks, it is what there may be."""
    pairs = TASKS[task].counted()
    of = subject(tmp_path, pairs.layout, pairs, more="\nsegments: [color]", stages=stages, where="final" if stages else "")
    segments = ["all", "color=red", "color=blue", "color=other"]
    found = rendered(of, full(of, pairs, pairs, segments))
    shown = Counter({name: len(lines) for name, lines in found.lines.items()})
    most: Counter[str] = Counter()
    for series in (PerformanceSeries(of), LabelSeries(of)):
        counted = series.most()
        most.update({**counted.fixed, **counted.per_version})
    uncertain = {"model_performance_status"} | {family.name for each in MEASURES for family in each.families}
    assert most.keys() >= shown.keys()
    assert {name: most[name] for name in shown if name not in uncertain} == {
        name: count for name, count in shown.items() if name not in uncertain
    }
    assert all(most[name] >= count for name, count in shown.items())
    exact = {each.family.name for each in MEASURES if each.key in ("accuracy_ratio", "rmse", "ndcg")}
    assert {name: most[name] for name in exact if name in shown} == {name: shown[name] for name in exact if name in shown}
    declared = {family.name for collector in (LABELS, PERFORMANCE) for family in collector.families}
    assert shown.keys() <= declared


@every_task
def test_a_mature_window_shows_each_measure_beside_the_baseline(tmp_path: Path, task: str) -> None:
    """Values, errors and thresholds are those that were measured; of a preliminary window there are values alone."""
    pairs = TASKS[task].counted()
    of = subject(tmp_path, pairs.layout, pairs)
    mature, early = window(pairs, pairs), window(pairs, labels="preliminary")
    found = values(rendered(of, report(mature, early)))
    seen = 0
    for each in MEASURES:
        if each.key not in mature.measured:
            continue
        measured = mature.measured[each.key]
        for index, entry in enumerate(measured.entries):
            labels = dict(zip(each.labels, entry, strict=True))
            for kind in ("mature", "preliminary"):
                for family, part in (
                    (each.family, measured.values),
                    (each.error_family, measured.errors),
                    (each.threshold_family, measured.thresholds),
                ):
                    here = [v for own, v in found.get(family.name, []) if {**labels, "labels": kind}.items() <= own.items()]
                    of_kind = kind == "mature" or family is each.family
                    expected = [] if math.isnan(part[index]) or not of_kind else [part[index]]
                    assert here == expected, (family.name, entry, kind)
                    seen += len(here)
            if each.effect is not None and not math.isnan(measured.baseline[index]):
                assert one(found, each.baseline_family.name, **labels) == measured.baseline[index]
                assert "version" not in found[each.baseline_family.name][0][0]
    assert seen > 5


def test_without_labels_in_the_baseline_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    """The values are there, and statuses say why thresholds are not."""
    pairs = TASKS["binary"].counted()
    found = values(rendered(subject(tmp_path, pairs.layout), report(window(pairs))))
    assert one(found, "model_accuracy_ratio") > 0.5
    assert not [name for name in found if name.endswith(("_threshold", "_baseline"))]
    assert one(found, "model_performance_status", measure="accuracy_ratio", reason="no_baseline_labels") == 1
    assert one(found, "model_performance_status", measure="confusion_predictions", reason="ok") == 9


def test_counts_of_parts_add_up_to_those_of_the_whole(tmp_path: Path) -> None:
    """Every series that says it is additive is; and none of them ends as a counter's series would."""
    for task, pairs in TASKS.items():
        parts = [pairs.rows(slice(0, 80)), pairs.rows(slice(80, None))]
        of = subject(tmp_path, pairs.layout, pairs.counted())
        shown = [rendered(of, report(window(part.counted()))).lines for part in (*parts, pairs)]
        names = {family.name for family in PERFORMANCE.families if "Additive" in family.help} | {"model_confusion_predictions"}
        seen = 0
        for name in names & shown[2].keys():
            assert not name.endswith(("_sum", "_count", "_total", "_bucket"))
            a, b, whole = ([float(line.rpartition(" ")[2]) for line in lines[name]] for lines in shown)
            assert np.add(a, b) == pytest.approx(whole, rel=1e-12, abs=1e-9)
            assert [line.rpartition(" ")[0] for line in shown[0][name]] == [line.rpartition(" ")[0] for line in shown[2][name]]
            seen += sum(whole) != 0
        assert seen >= 2, task


def test_sums_of_errors_are_those_of_the_pairs(tmp_path: Path) -> None:
    """In the unit of what is predicted, whatever power of two they are counted in."""
    pairs = TASKS["regression"]
    found = values(rendered(subject(tmp_path, pairs.layout), report(window(pairs.counted()))))
    errors, actual = pairs.predicted - pairs.actual, pairs.actual - pairs.layout.center
    for name, expected in (
        ("errors", errors),
        ("absolute_errors", np.abs(errors)),
        ("squared_errors", errors**2),
        ("actual_values", actual),
        ("squared_actual_values", actual**2),
        ("labelled_weight", np.ones(len(errors))),
    ):
        assert one(found, f"model_window_{name}") == pytest.approx(expected.sum(), rel=1e-9)


def test_what_pairs_are_not_counted_for_is_told(tmp_path: Path) -> None:
    """A score that is missing, a class that is no code, an actual value of 0."""
    pairs = TASKS["binary"]
    assert pairs.scores is not None
    missing = int(np.isnan(pairs.scores).sum())
    wrong = Pairs(
        pairs.layout, np.append(pairs.predicted, -1), np.append(pairs.actual, 0), np.append(pairs.scores, [[0.5]], axis=0)
    )
    found = values(rendered(subject(tmp_path, pairs.layout), report(window(wrong.counted()))))
    told = {labels["reason"]: value for labels, value in found["model_window_uncounted_predictions"]}
    assert told == {"unusable": 1, "unscored": missing}
    assert one(found, "model_window_labelled_predictions") == len(pairs)
    numbers = regression(50, 1)
    numbers.actual[:3] = 0.0
    found = values(rendered(subject(tmp_path, numbers.layout), report(window(numbers.counted()))))
    told = {labels["reason"]: value for labels, value in found["model_window_uncounted_predictions"]}
    assert told == {"unusable": 0, "clipped": 0, "zero_actuals": 3}


def test_what_became_of_labels_is_counted(tmp_path: Path) -> None:
    """Each outcome from the beginning, classes that nobody knows with those of strangers, and delays by class."""
    tallies = Tallies(predictions=90, joined=50, corrected=4, duplicates=3, repeated=2, outdated=1, collisions=7, unmatched=8)
    tallies.expired.update({"yes": 5, "never seen": 6})
    tallies.give_up("label", "room", 9)
    tallies.delayed(["no", "yes"], np.array([0, 1, 1]), np.array([30.0, 61.0, 90_000.0]))
    layout = TASKS["binary"].layout
    of = subject(tmp_path, layout, matures_after="{after: 2d, coverage: 0.9}", where="final")
    found = values(
        rendered(of, report(tallies=tallies, waiting=(40, 8), ends={"1h": 700.0}, duplicates={"1h": (3, 12), "24h": (0, 0)}))
    )
    outcomes = {labels["outcome"]: value for labels, value in found["model_labels_total"]}
    assert outcomes == {"joined": 50, "corrected": 4, "repeated": 2, "outdated": 1, "unmatched": 8}
    assert {labels["outcome"]: value for labels, value in found["model_label_predictions_total"]} == {
        "followed": 90,
        "duplicate": 3,
    }
    assert {labels["class"]: value for labels, value in found["model_label_expired_total"]} == {"no": 0, "yes": 5, "other": 6}
    assert sum(value for _, value in found["model_label_given_up_total"]) == 9
    assert one(found, "model_label_given_up_total", what="label", reason="room") == 9
    assert {labels["what"]: value for labels, value in found["model_label_waiting"]} == {"predictions": 40, "labels": 8}
    assert one(found, "model_label_delay_seconds_bucket", **{"class": "yes", "le": "60.0"}) == 0
    assert one(found, "model_label_delay_seconds_bucket", **{"class": "yes", "le": "300.0"}) == 1
    assert one(found, "model_label_delay_seconds_count", **{"class": "yes"}) == 2
    assert one(found, "model_label_delay_seconds_sum", **{"class": "yes"}) == 90_061
    assert one(found, "model_label_delay_seconds_count", **{"class": "other"}) == 0
    assert len(found["model_label_delay_seconds_bucket"]) == 3 * (len(DELAY_BOUNDS) + 1)
    assert found["model_duplicate_ratio"] == [({"model": "m", "window": "1h"}, 0.25)]
    assert one(found, "model_label_mature_timestamp_seconds", window="1h") == 700
    assert one(found, "model_label_required_coverage_ratio") == 0.9
    assert one(found, "model_label_late_after_seconds") == 2 * 86400 * 1.5 + 3600
    for name, value in (
        ("up", 1),
        ("newest_timestamp_seconds", 1000),
        ("last_success_timestamp_seconds", 2000),
        ("unread_bytes", 7),
    ):
        assert one(found, f"prediction_exporter_labels_{name}") == value
    assert one(found, "prediction_exporter_labels_events_total") == SOURCE.events
    assert one(found, "prediction_exporter_labels_rejected_total", reason="malformed") == 3
    assert one(found, "prediction_exporter_labels_skipped_total", reason="filtered") == 40
    assert "prediction_exporter_labels_skipped_total" not in values(rendered(subject(tmp_path, layout), report()))


def test_coverage_is_told_by_class_and_as_a_whole(tmp_path: Path) -> None:
    """In families of their own: parts and their total in one would be added up twice."""
    of = subject(tmp_path, TASKS["binary"].layout)
    known = CoverageReport("1", "", "1h", "mature", ("yes", "no"), np.array([10, 90]), np.array([1, 81]))
    none = CoverageReport("1", "", "24h", "mature", ("yes",), np.array([0]), np.array([0]))
    found = values(rendered(of, report(coverage=(known, none))))
    ratios = [(labels["window"], value) for labels, value in found["model_label_coverage_ratio"]]
    assert ratios == [("1h", 0.82)]
    assert one(found, "model_coverage_predictions", window="1h", **{"class": "yes"}) == 10
    assert one(found, "model_coverage_labelled_predictions", window="1h", **{"class": "yes"}) == 1
    assert one(found, "model_coverage_labelled_predictions", window="1h", **{"class": "other"}) == 0


@pytest.mark.parametrize(
    ("matures_after", "seconds"), [("20d", 20 * 86400 * 1.5 + 3600), ("{coverage: 0.8}", 15 * 86400), ("0s", 3600)]
)
def test_from_when_on_labels_are_late(tmp_path: Path, matures_after: str, seconds: float) -> None:
    """By what is said of their maturity, or half of the horizon of 30 days."""
    labels = subject(tmp_path, None, matures_after=matures_after).model.labels
    assert labels is not None
    assert late_after(labels) == seconds


def test_a_model_without_labels_has_none_of_these_series(tmp_path: Path) -> None:
    """Nor places in the budget."""
    of = subject(tmp_path, None)
    bare = Subject(of.config, of.model.model_copy(update={"labels": None}), of.baseline, of.references)
    assert rendered(bare, report()).lines == {}
    assert [series(bare).most().series(3) for series in (PerformanceSeries, LabelSeries)] == [0, 0]


def test_a_version_that_is_forgotten_comes_back_whole(tmp_path: Path) -> None:
    """What is kept of it is made anew; what belongs to no version stays."""
    pairs = TASKS["binary"].counted()
    of = subject(tmp_path, pairs.layout, pairs)
    moment = moment_of(full(of, pairs, pairs, ["all"]))
    for series in (PerformanceSeries(of), LabelSeries(of)):
        before = series.render(moment).lines
        series.forget("1")
        assert series.render(moment).lines == before
