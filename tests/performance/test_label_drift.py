"""Drift of labels is the PSI of what the pairs' labels were, with the statistics' noise floor and threshold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import labelled
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.performance.label_drift import LabelDrift, label_drift
from prediction_exporter.statistics.comparison import Comparison, Reference
from prediction_exporter.statistics.psi import PSI

CLASSES = PerformanceLayout(task="multiclass", classes=("a", "b", "c", "d"))
SHARES = (0.5, 0.3, 0.15, 0.05)
NUMBERS = PerformanceLayout(task="regression", edges=(-1.0, 0.0, 2.0))


def of_labels(labels: Sequence[int] | NDArray[Any], weights: NDArray[np.float64] | None = None) -> Performance:
    """Return the performance of pairs with these labels; predictions are of the first class alone."""
    actual = np.asarray(labels)
    layout = CLASSES if weights is None else replace(CLASSES, weighted=True)
    return Performance.of(layout, np.zeros(len(actual), int), actual, None, weights)


def drawn(random: np.random.Generator, rows: int, shares: Sequence[float] = SHARES) -> Performance:
    """Draw labels."""
    return of_labels(random.choice(4, rows, p=shares))


def drift(window: Performance, baseline: Performance, **more: Any) -> LabelDrift:
    """Return the drift with usual settings."""
    return label_drift(window, baseline, **{"alpha": 0.01, "min_labels": 30, **more})


def formula(window: Sequence[float], baseline: Sequence[float]) -> float:
    """PSI from counts, written out."""
    bins = len(window)
    p, q = ([(count + 0.5) / (sum(of) + 0.5 * bins) for count in of] for of in (window, baseline))
    return sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_of_classes_it_is_the_formula_of_the_labels() -> None:
    """Labels that are no class are a bin of their own; predictions do not matter."""
    window, baseline = [0] * 40 + [1] * 30 + [3] * 20 + [4] * 10, [0] * 500 + [1] * 300 + [2] * 150 + [3] * 50
    found = drift(of_labels(window), of_labels(baseline))
    assert found.bins == ("a", "b", "c", "d", "other")
    assert found.counts.tolist() == [40, 30, 0, 20, 10]
    assert found.ratios.tolist() == pytest.approx([count / 1002.5 for count in (500.5, 300.5, 150.5, 50.5, 0.5)])
    assert found.psi == pytest.approx(formula([40, 30, 0, 20, 10], [500, 300, 150, 50, 0]), rel=1e-12)
    assert found.status == "ok"
    assert found.psi > found.threshold > found.noise_floor > 0


def test_of_numbers_it_is_the_formula_of_actual_values() -> None:
    """Bins are closed on the left, as those of columns are."""
    random = np.random.default_rng(3)
    actual = [random.normal(size=rows) for rows in (80, 900)]
    window, baseline = (Performance.of(NUMBERS, np.zeros(len(one)), one) for one in actual)
    found = drift(window, baseline)
    counts = [[Counter(np.searchsorted(NUMBERS.edges, one, side="right").tolist())[k] for k in range(4)] for one in actual]
    assert found.counts.tolist() == counts[0]
    assert found.psi == pytest.approx(formula(*counts), rel=1e-12)
    assert found.bins == ("0 [-Inf, -1)", "1 [-1, 0)", "2 [0, 2)", "3 [2, +Inf)")


@pytest.mark.parametrize("effect", [None, 0.05])
def test_it_is_the_statistic_of_a_column_with_these_values(effect: float | None) -> None:
    """PSI, noise floor and threshold are those of a column of the same counts."""
    random = np.random.default_rng(4)
    window, baseline = drawn(random, 60), drawn(random, 800)
    layout = Layout([Column(name="y", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=CLASSES.classes)])
    profiles = [Profile.empty(layout) for _ in range(2)]
    for profile, performance in zip(profiles, (window, baseline), strict=True):
        profile.values[:] = performance.counted("confusion").sum(axis=0)
        profile.counts[layout.rows_slot] = performance.rows
    effects = {} if effect is None else {"psi": {"y": effect}}
    comparison = Comparison(Reference(profiles[1], alpha=0.01, min_predictions=30, effects=effects), profiles[0])
    assert PSI.noise is not None
    assert PSI.threshold is not None
    found = drift(window, baseline, effect=effect)
    of_column = (PSI.compute(comparison), PSI.noise.floor(comparison), PSI.threshold.of(PSI, comparison))
    assert [found.psi, found.noise_floor, found.threshold] == [float(one[0]) for one in of_column]
    assert drift(drawn(random, 60_000), baseline, effect=effect).threshold == pytest.approx(
        0.2 if effect is None else 0.05, abs=0.01
    )


def test_false_alarms_are_as_rare_as_they_shall_be() -> None:
    """Without drift the margin is exceeded by at most alpha of the windows, and not by none; the floor is the mean."""
    random = np.random.default_rng(5)
    baseline = drawn(random, 3000)
    found = [drift(drawn(random, 200), baseline, alpha=0.05, effect=1e-9) for _ in range(500)]
    alarms = sum(one.psi > one.threshold for one in found)
    assert 2 <= alarms <= 500 * 0.05 + 3 * math.sqrt(500 * 0.05 * 0.95)
    values = np.array([one.psi for one in found])
    assert values.mean() == pytest.approx(found[0].noise_floor, abs=4 * values.std() / math.sqrt(len(values)))
    moved = [drift(drawn(random, 200, (0.3, 0.3, 0.2, 0.2)), baseline) for _ in range(20)]
    assert all(one.psi > one.threshold for one in moved)


def test_a_sample_counts_as_the_labels_that_it_has() -> None:
    """With a weight of ten each it is known as well as without, and as badly; unequal weights tell less."""
    random = np.random.default_rng(6)
    labels, others = random.choice(4, 90, p=SHARES), random.choice(4, 700, p=SHARES)
    plain = drift(of_labels(labels), of_labels(others))
    sampled = drift(of_labels(labels, np.full(90, 10.0)), of_labels(others, np.ones(700)))
    assert (sampled.psi, sampled.threshold) == (plain.psi, plain.threshold)
    assert sampled.counts.tolist() == (10 * plain.counts).tolist()
    uneven = of_labels(labels, np.where(np.arange(90) % 9 == 0, 40.0, 1.0))
    assert uneven.effective < 20
    assert drift(uneven, of_labels(others, np.ones(700))).status == "too_few_labels"


def test_degenerate_windows_say_why_there_is_no_value() -> None:
    """And never raise."""
    random = np.random.default_rng(7)
    full, none, few = drawn(random, 200), of_labels(np.zeros(0, int)), drawn(random, 29)
    constant = Performance.of(PerformanceLayout(task="regression"), np.zeros(50), np.zeros(50))
    taken_out = none - few
    cases = {
        "no_labels": (none, full),
        "no_baseline_labels": (full, none),
        "too_few_labels": (few, full),
        "one_bin": (constant, constant),
        "inconsistent_counts": (taken_out, full),
    }
    for status, (window, baseline) in cases.items():
        found = drift(window, baseline)
        assert found.status == status
        assert np.isnan([found.psi, found.noise_floor, found.threshold]).all()
    assert drift(full, few).status == "too_few_labels"
    one_class = of_labels([0] * 100)
    assert drift(one_class, one_class).psi == 0


def test_what_cannot_be_compared_is_refused() -> None:
    """Other layouts, and rankings."""
    with pytest.raises(ValueError, match="different layouts"):
        drift(of_labels([0] * 50), labelled.binary(50, 1).counted())
    lists = labelled.ranking(50, 1).counted()
    with pytest.raises(ValueError, match="ranking"):
        drift(lists, lists)
