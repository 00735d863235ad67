"""Performance of a fleet: what replicas show adds up to what one that saw everything would say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from grafana import filled
from labelled import Pairs, binary, multiclass, ranking, regression
from measured import rendered, report, subject, window
from prediction_exporter.collectors.additive import shown_bins
from prediction_exporter.kit.boards.performance import worst_classes, worst_measures
from prediction_exporter.kit.cases import TARGET, series, shared
from prediction_exporter.kit.groups import RECORDING_GROUPS
from prediction_exporter.kit.performance import ALONE, FLEET, POOLED, SEVERAL_LABELLED, FleetMeasure
from prediction_exporter.kit.promql import select
from prediction_exporter.kit.rules import RECORDING_FILE
from prediction_exporter.performance import MEASURES, Measured, Performance, measure
from quick_yaml import dump as dump_yaml
from quick_yaml import load as load_yaml

Run = Callable[..., str]

A, B = TARGET, {**TARGET, "instance": "b:10900"}
#: Models by their task, each with the pairs of two unlike replicas, and of the baseline's data.
FLEETS: dict[str, tuple[Pairs, Pairs, Pairs]] = {
    "binary": (binary(400, 1, strange=0.02), binary(90, 2, rate=0.6, skill=0.3, unscored=0.1), binary(3000, 3)),
    "weighted": (binary(300, 4, weighted=True), binary(200, 5, rate=0.1, weighted=True), binary(3000, 6, weighted=True)),
    "multiclass": (multiclass(500, 7, strange=0.03), multiclass(60, 8, skill=0.2), multiclass(3000, 9)),
    "regression": (regression(400, 10), regression(70, 11, center=130.0, noise=20.0), regression(3000, 12)),
    "ranking": (ranking(200, 13), ranking(50, 14), ranking(1000, 15)),
}


@dataclass(frozen=True)
class Fleet:
    """What two replicas of a model show, and what one would that had read all pairs."""

    model: str
    lines: tuple[str, ...]
    whole: Performance
    found: dict[str, Measured]

    def expected(self, one: FleetMeasure) -> Iterator[tuple[dict[str, str], float]]:
        """Yield the labels and the value of each entry that has one."""
        of = self.found[one.measure.key]
        for entry, value in zip(of.entries, of.values.tolist(), strict=True):
            if not math.isnan(value):
                yield dict(zip(one.measure.labels, entry, strict=True)), value


def lines_of(folder: Path, model: str, pairs: Performance, baseline: Performance, target: dict[str, str]) -> list[str]:
    """Return what a replica shows, as promtool takes it."""
    of = subject(folder, pairs.layout, baseline, name=model)
    found = rendered(of, report(window(pairs, baseline))).lines
    labels = ",".join(f'{name}="{value}"' for name, value in target.items())
    return [
        f"{line.replace('{', '{' + labels + ',', 1).rpartition(' ')[0]} {line.rpartition(' ')[2]}x10"
        for lines in found.values()
        for line in lines
    ]


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> list[Fleet]:
    """Each model with both replicas."""
    found = []
    for model, (one, other, of_baseline) in FLEETS.items():
        a, b, baseline = (pairs.counted() for pairs in (one, other, of_baseline))
        # Counts that a layout of other data gives merge with nobody's: all three are drawn with the same.
        folder = tmp_path_factory.mktemp(model)
        lines = [*lines_of(folder, model, a, baseline, A), *lines_of(folder, model, b, baseline, B)]
        whole = a + b
        found.append(Fleet(model, tuple(lines), whole, measure(MEASURES, whole, baseline, alpha=0.001, min_labels=30)))
    return found


@pytest.fixture(scope="module")
def check(run: Run, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Check that expressions give 1, or nothing, at a time, from series of 10 minutes and what these are recorded as."""
    groups = {"model-replicas", "model-measures", "model-labels"}

    def checked(lines: list[str], ones: list[str], absent: list[str] | None = None, *, at: str = "8m") -> None:
        rules = load_yaml((folder / RECORDING_FILE).read_text())
        rules["groups"] = [group for group in rules["groups"] if group["name"] in groups]
        path = tmp_path_factory.mktemp("performance")
        (path / "rules.yml").write_text(dump_yaml(rules))
        parts = [line.rpartition("} ") for line in lines]
        given = [{"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": 1}]} for expr in ones]
        test = {
            "interval": "1m",
            "input_series": [{"series": f"{name}}}", "values": values} for name, _, values in parts],
            "promql_expr_test": [*given, *({"expr": expr, "eval_time": at} for expr in absent or ())],
        }
        order = [group.name for group in RECORDING_GROUPS if group.name in groups]
        content = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "group_eval_order": order, "tests": [test]}
        (path / "performance.test.yml").write_text(dump_yaml(content))
        run("promtool", "test", "rules", path / "performance.test.yml")

    return checked


def near(expr: str, value: float) -> str:
    """Return an expression that is 1 where another one's only series is near to a value."""
    return f"sum(abs({expr} - {value!r}) < bool {max(abs(value), 1) * 1e-9:g}) / count({expr})"


def test_replicas_together_read_what_one_would_that_saw_all(check: Callable[..., None], fleets: list[Fleet]) -> None:
    """Every measure that follows from what adds up, of every task; what does not is absent and no average of replicas."""
    ones, absent = [], []
    for fleet in fleets:
        for one in FLEET:
            if one.measure.key not in fleet.found:
                continue
            if one.measure.key in ALONE:
                absent.append(one.value.where(model=fleet.model))
                continue
            if one.measure.key == "roc_auc":
                continue  # of coarser bins
            entries = list(fleet.expected(one))
            assert entries
            ones += [near(one.value.where(model=fleet.model, **labels), value) for labels, value in entries]
            ones.append(f"count({one.value.where(model=fleet.model)}) == bool {len(entries)}")
    assert len(ones) > 80
    assert len(absent) > 8
    check([line for fleet in fleets for line in fleet.lines], ones, absent)


def test_the_area_under_the_curve_is_that_of_rounded_scores(check: Callable[..., None], fleets: list[Fleet]) -> None:
    """scikit-learn's of all pairs' scores, each replaced by the number of the bin that is shown; and near to the raw ones'."""
    [roc] = [one for one in FLEET if one.measure.key == "roc_auc"]
    ones = []
    for fleet in fleets:
        if fleet.model not in ("binary", "multiclass", "weighted"):
            continue
        pairs = FLEETS[fleet.model][:2]
        actual = np.concatenate([each.actual for each in pairs])
        scores = np.concatenate([each.scores for each in pairs if each.scores is not None])
        weights = np.concatenate([np.ones(len(each)) if each.weights is None else each.weights for each in pairs])
        scored = np.isfinite(scores).all(axis=1)
        areas = []
        for index, of_class in enumerate(fleet.whole.layout.scores):
            starts, texts = shown_bins(of_class, len(fleet.whole.layout.scores))
            assert len(texts) <= 64
            edges = np.array(of_class.edges)[starts[1:] - 1]
            is_positive = (actual == of_class.of_class)[scored]
            raw, weight = scores[scored, index], weights[scored]
            area = metrics.roc_auc_score(is_positive, np.searchsorted(edges, raw, side="right"), sample_weight=weight)
            assert area == pytest.approx(metrics.roc_auc_score(is_positive, raw, sample_weight=weight), abs=0.005)
            name = fleet.found["roc_auc"].entries[index][0]
            areas.append((area, float(weight[is_positive].sum())))
            ones.append(near(roc.value.where(model=fleet.model, **{"class": name}), area))
        if len(areas) > 1:
            values, positives = np.array(areas).T
            for average, value in (("macro", values.mean()), ("weighted", np.average(values, weights=positives))):
                ones.append(near(roc.value.where(model=fleet.model, average=average), float(value)))
        ones.append(f"count({roc.value.where(model=fleet.model)}) == bool {len(areas) + 2 * (len(areas) > 1)}")
    assert len(ones) == 2 + 2 + 6
    check([line for fleet in fleets for line in fleet.lines], ones)


def test_one_replica_and_one_shared_source_read_what_the_replica_says(check: Callable[..., None], fleets: list[Fleet]) -> None:
    """Its own value from finer bins, also of what cannot be added; a second one that reads the same changes nothing."""
    ones, lines = [], []
    for fleet in fleets:
        *replicas, of_baseline = (pairs.counted() for pairs in FLEETS[fleet.model])
        which = fleet.model in ("regression", "multiclass")  # of these the worse replica
        found = measure(MEASURES, replicas[which], of_baseline, alpha=0.001, min_labels=30)
        own = [line for line in fleet.lines if (A, B)[which]["instance"] in line]
        lines += [line.replace((A, B)[which]["instance"], target["instance"]) for line in own for target in (A, B)]
        lines += [shared(target, model=fleet.model) for target in (A, B)]
        lines += [series("prediction_exporter_source_up", "1x10", model=fleet.model, target=target) for target in (A, B)]
        alone = replace(fleet, found=found)
        for each in FLEET:
            if each.measure.key in found:
                ones += [near(each.value.where(model=fleet.model, **labels), value) for labels, value in alone.expected(each)]
                ones += list(badnesses(each, fleet.model, found[each.measure.key]))
    assert len(ones) > 150
    check(lines, ones, [str(SEVERAL_LABELLED)])


def badnesses(each: FleetMeasure, model: str, found: Measured) -> Iterator[str]:
    """Yield that the badness of each entry is 0 at the baseline, and above 1 just where it is worse than its threshold."""
    higher, zero = (each.measure.better == which for which in ("higher", "zero"))
    sizes = np.abs if each.measure.better == "zero" else np.asarray
    values, baseline, thresholds = (sizes(part) for part in (found.values, found.baseline, found.thresholds))
    for index, entry in enumerate(found.entries):
        bad = (values[index] - baseline[index]) / (thresholds[index] - baseline[index])
        if not math.isnan(bad):
            labels = dict(zip(each.measure.labels, entry, strict=True))
            yield near(each.badness.where(model=model, **labels), float(bad))
            value, least = found.values[index], found.thresholds[index]
            worse = value < least if higher else abs(value) > least if zero else value > least
            yield near(f"({each.badness.where(model=model, **labels)} > bool 1)", float(worse))


@pytest.mark.parametrize(("at", "answers"), [("8m", 1), ("25m", 0)])
def test_measures_and_classes_are_offered_when_nothing_answers(
    check: Callable[..., None], fleets: list[Fleet], at: str, answers: int
) -> None:
    """As those that were compared last: what is looked at while everything stands still is not nothing."""
    [fleet] = [each for each in fleets if each.model == "multiclass"]
    anything = dict.fromkeys(("cluster", "namespace", "version", "window"), ".*")
    values = {**anything, "model": fleet.model, "measure": "f1_score", "__range": "1h"}
    measures, classes = (filled(expr, values) for expr in (worst_measures(), worst_classes()))
    [f1] = [one for one in FLEET if one.measure.key == "f1_score"]
    offered = {one.measure.key for one in FLEET if one.measure.key in fleet.found} - ALONE.keys()
    named = {labels["class"] for labels, _ in fleet.expected(f1) if labels["class"]}
    assert len(named) > 1
    now = f"sum({f1.badness.where(model=fleet.model)} * 0 + 1) / count({f1.badness}) or vector(0)"
    ones = [f"count({measures}) == bool {len(offered)}", f"count({classes}) == bool {len(named)}", f"({now}) == bool {answers}"]
    check(list(fleet.lines), ones, at=at)


def test_every_measure_is_added_up_or_said_not_to_be() -> None:
    """A new measure has to be thought about."""
    compared = {one.measure.key for one in FLEET}
    assert compared == {one.key for one in MEASURES if one.effect is not None}
    assert POOLED.keys() | ALONE.keys() == compared
    assert not POOLED.keys() & ALONE.keys()


def test_a_matrix_of_strangers_is_no_class(check: Callable[..., None], fleets: list[Fleet]) -> None:
    """What is none of the classes is counted and is right for nobody."""
    [fleet] = [each for each in fleets if each.model == "multiclass"]
    cells = fleet.whole.weight("confusion")
    other = fleet.whole.layout.other
    assert cells[other].sum() > 0
    right = select("model_class:model_confusion_predictions:right", model="multiclass")
    ones = [
        near(f"sum({right})", float(np.trace(cells[:other, :other]))),
        near('sum(model:model_confusion_predictions:sum{model="multiclass"})', float(cells.sum())),
        f"count({right}) == bool {other}",
    ]
    check(list(fleet.lines), ones)
