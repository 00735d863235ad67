"""Windows that say little: what cannot be computed is absent, with its reason, and the rest is there."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from labelled import Pairs, baseline_layout, binary, multiclass, regression
from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.performance import MEASURES, Measured, Performance, PerformanceLayout, measure, performance_layout

BINARY = performance_layout(baseline_layout("binary"), "binary", positive="yes", threshold=0.35)
NUMBERS = performance_layout(baseline_layout("regression"), "regression", quantile=0.5)

NO, YES, OTHER = 0, 1, 2


def read(counted: Performance) -> dict[str, Measured]:
    """Return what all measures read."""
    return measure(MEASURES, counted, None, alpha=0.001, min_labels=1)


def of_binary(predicted: Sequence[int], actual: Sequence[int], scores: Sequence[float] | None) -> dict[str, Measured]:
    """Return what is read of a few pairs of classes."""
    columns = None if scores is None else np.array(scores)[:, None]
    return read(Performance.of(BINARY, np.array(predicted), np.array(actual), columns))


def of_numbers(predicted: Sequence[float], actual: Sequence[float]) -> dict[str, Measured]:
    """Return what is read of a few pairs of numbers."""
    return read(Performance.of(NUMBERS, np.array(predicted), np.array(actual)))


def absent(found: dict[str, Measured]) -> dict[str, list[str]]:
    """Return the statuses of all measures that are absent in part or as a whole."""
    for one in found.values():
        assert [status == "ok" for status in one.statuses] == [not math.isnan(value) for value in one.values.tolist()]
    return {key: list(one.statuses) for key, one in found.items() if set(one.statuses) != {"ok"}}


@pytest.mark.parametrize("layout", [BINARY, NUMBERS], ids=["binary", "regression"])
def test_no_pairs(layout: PerformanceLayout) -> None:
    """Nothing has a value, counts neither: there is no label."""
    found = read(Performance.empty(layout))
    assert found
    assert {status for one in found.values() for status in one.statuses} == {"no_labels"}
    assert absent(found).keys() == found.keys()


def test_one_class_alone() -> None:
    """All labels are no, and so are all predictions: nothing tells of yes."""
    found = absent(of_binary([NO] * 40, [NO] * 40, [0.01, 0.2] * 20))
    assert found == {
        "precision_ratio": ["ok", "class_never_predicted", "ok", "ok"],
        "recall_ratio": ["ok", "class_without_labels", "ok", "ok"],
        "specificity_ratio": ["every_label_of_class", "ok", "ok", "every_label_of_class"],
        "f1_score": ["ok", "class_in_no_pair", "ok", "ok"],
        "matthews_correlation": ["one_class"],
        "roc_auc": ["one_class"],
        "average_precision": ["no_positives"],
        "top_decile_lift": ["no_positives"],
        "precision_at_threshold_ratio": ["none_at_threshold"],
        "recall_at_threshold_ratio": ["no_positives"],
    }


def test_no_positives_with_false_ones() -> None:
    """Predictions of yes and no labels of it: precision is 0, and recall is absent."""
    found = of_binary([NO, YES, NO, YES], [NO] * 4, [0.1, 0.8, 0.2, 0.9])
    assert found["precision_ratio"].values[YES] == 0.0
    assert found["precision_at_threshold_ratio"].values == 0.0
    assert found["f1_score"].values[YES] == 0.0
    assert absent(found).keys() == {
        "recall_ratio", "specificity_ratio", "matthews_correlation", "roc_auc", "average_precision", "top_decile_lift",
        "recall_at_threshold_ratio",
    }  # fmt: skip


@pytest.mark.parametrize("actual", [NO, YES])
def test_one_row(actual: int) -> None:
    """Losses and accuracy are there; errors of means need two."""
    found = of_binary([YES], [actual], [0.75])
    assert found["accuracy_ratio"].values == actual
    assert found["brier_score"].values == (0.75 - actual) ** 2
    assert math.isnan(found["brier_score"].errors[0])
    assert 0 < found["accuracy_ratio"].errors[0] < 1
    assert absent(found)["roc_auc"] == ["one_class"]


def test_nothing_is_scored() -> None:
    """Classes are counted, and what needs scores says that there are none: also where they are no probabilities."""
    for scores in (None, [math.nan] * 4, [1.5, 2.0, -3.0, 7.0]):
        counted = of_binary([NO, YES, NO, YES], [NO, YES, YES, NO], scores)
        assert counted["accuracy_ratio"].values == 0.5
        assert set(absent(counted)) == {
            "roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "top_decile_lift",
            "precision_at_threshold_ratio", "recall_at_threshold_ratio",
        }  # fmt: skip
        assert {status for statuses in absent(counted).values() for status in statuses} == {"no_scores"}


def test_no_label_is_of_a_class() -> None:
    """Labels of something else make every prediction wrong, and never right where that, too, was of something else."""
    found = of_binary([NO, YES, OTHER], [OTHER] * 3, None)
    assert found["accuracy_ratio"].values == 0.0
    assert absent(found)["balanced_accuracy_ratio"] == ["classes_without_labels"]
    assert absent(found)["recall_ratio"] == ["class_without_labels"] * 4


def test_constant_actual_values() -> None:
    """R2 says nothing where there is no variance, near the baseline's center or far from it."""
    for value in (100.0, 0.1, 1 / 3, 1e5 + 0.1, -5e5):
        found = of_numbers([value + 1, value - 2, value, value + 0.5], [value] * 4)
        assert absent(found) == {"r2_score": ["constant_actuals"], "adjusted_r2_score": ["constant_actuals"]}
    nearly = of_numbers([1.0, 2.0, 3.0, 4.0], [1e5, 1e5 + 1e-4, 1e5, 1e5])
    assert not absent(nearly)
    assert nearly["r2_score"].values[0] < -1e12


def test_values_that_are_all_too_far_out() -> None:
    """Where labels are of another unit than predictions were, R2 says so instead of calling them constant."""
    found = of_numbers([1e9, 2e9, 3e9, 4e9], [1e9, 2.1e9, 3e9, 4e9])
    assert absent(found) == {"r2_score": ["values_out_of_range"], "adjusted_r2_score": ["values_out_of_range"]}


def test_scores_that_are_no_probabilities() -> None:
    """Margins rank; what needs probabilities says that there are none, also where one of three classes has no score."""
    random = np.random.default_rng(1)
    margins = numeric_column("score", Role.SCORE, np.sort(random.normal(size=1000)))
    decision = Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("no", "yes"))
    layout = performance_layout(Layout([decision, margins]), "binary", positive="yes")
    actual = np.arange(40) % 2
    found = absent(read(Performance.of(layout, actual, actual, random.normal(size=(40, 1)))))
    needing = {"log_loss", "brier_score", "calibration_error"}
    assert found == {key: ["no_probabilities"] for key in needing}
    several = multiclass(40, 1)
    assert several.scores is not None
    partly = dataclasses.replace(several.layout, scores=several.layout.scores[:2])
    counted = Performance.of(partly, several.predicted, several.actual, several.scores[:, :2])
    assert absent(read(counted)).keys() == needing - {"calibration_error"}


def test_zero_actual_values() -> None:
    """A percentage of nothing is none, also where the other values have one."""
    found = of_numbers([1.0, 2.0, 3.0, 4.0], [0.0, 2.5, 3.0, 4.0])
    assert absent(found) == {"mape_ratio": ["zero_actuals"]}


def test_one_number() -> None:
    """Errors are there, what compares pairs with each other is not."""
    found = of_numbers([102.0], [100.0])
    assert found["rmse"].values == found["mae"].values == found["mean_error"].values == 2.0
    assert math.isnan(found["mae"].errors[0])
    assert absent(found) == {"r2_score": ["constant_actuals"], "adjusted_r2_score": ["constant_actuals"]}


def test_fewer_pairs_than_features() -> None:
    """Adjusted R2 of a model with two features needs four pairs."""
    assert absent(of_numbers([1.0, 2.0, 3.5], [1.0, 2.0, 3.0])) == {"adjusted_r2_score": ["fewer_pairs_than_features"]}
    assert not absent(of_numbers([1.0, 2.0, 3.5, 4.0], [1.0, 2.0, 3.0, 4.0]))


def test_an_absurd_value_is_seen() -> None:
    """It is told, and the error is no less than what fits into the sums."""
    counted = Performance.of(NUMBERS, np.array([100.0] * 999 + [1e300]), np.array([100.0] * 1000))
    assert counted.clipped == 1
    assert read(counted)["rmse"].values[0] >= 2**16 * NUMBERS.unit / math.sqrt(1000)


def test_what_was_never_added_cannot_be_taken_out() -> None:
    """A window that lost more than it had says so, and shows nothing."""
    pairs = binary(50, 1)
    broken = pairs.rows(slice(0, 10)).counted() - pairs.rows(slice(20, 30)).counted()
    assert {status for one in read(broken).values() for status in one.statuses} == {"inconsistent_counts"}


@pytest.mark.parametrize("pairs", [binary(60, 1, strange=0.2), multiclass(60, 1, strange=0.2), regression(60, 1)])
def test_every_absence_of_small_windows_has_a_reason(pairs: Pairs) -> None:
    """Any three pairs: what is absent is so for a declared reason."""
    for first in range(0, 57, 3):
        found = read(pairs.rows(slice(first, first + 3)).counted())
        declared = {one.key: {reason.name for reason in one.reasons} for one in MEASURES}
        for key, statuses in absent(found).items():
            assert set(statuses) - {"ok"} <= declared[key]


def test_a_measure_that_fails_takes_nothing_down(caplog: pytest.LogCaptureFixture) -> None:
    """It says so in its status, and the others are there."""

    def fail(_: Performance) -> np.ndarray:
        raise ZeroDivisionError

    broken, *others = (one for one in MEASURES if one.applies(BINARY))
    failing = dataclasses.replace(broken, compute=fail)
    found = measure([failing, *others], binary(50, 1).counted(), None, alpha=0.01, min_labels=1)
    assert found[broken.key].statuses == ("error",)
    assert all("error" not in found[one.key].statuses for one in others)
    assert f"measure {broken.key} failed" in caplog.text
