"""Scores on another scale than the baseline's: what would be measured of them is absent, with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.performance import MEASURES, Performance, PerformanceLayout, measure, performance_layout
from prediction_exporter.performance.curves import NO_SCORES
from prediction_exporter.performance.scale import MOSTLY_UNSCORED, OFF_SCALE, scale_problem

FEWEST = 30
RANDOM = np.random.default_rng(4)
SCORES = RANDOM.beta(0.7, 0.9, 2000)
ACTUAL = (RANDOM.random(2000) < SCORES).astype(np.intp)


def layout_of(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> PerformanceLayout:
    """Return the layout of a baseline whose scores are these."""
    column = numeric_column("score", Role.SCORE, scores)
    decision = Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("no", "yes"))
    return performance_layout(Layout([decision, column]), "binary", positive="yes")


@pytest.mark.parametrize(
    ("of_baseline", "of_window", "why"), [(1, 100, MOSTLY_UNSCORED), (100, 1, OFF_SCALE), (1, 1, None), (100, 100, None)]
)
def test_percent_beside_shares(of_baseline: int, of_window: int, why: str | None) -> None:
    """Either way round; whatever needs no score is measured as ever."""
    layout = layout_of(of_baseline * SCORES)
    predicted = (SCORES >= 0.5).astype(np.intp)
    baseline = Performance.of(layout, predicted, ACTUAL, of_baseline * SCORES[:, None])
    window = Performance.of(layout, predicted, ACTUAL, of_window * SCORES[:, None])
    if why == MOSTLY_UNSCORED:
        assert 0 < window.rows - window.unscored < 0.1 * window.rows, "those below one percent are taken for scores"
    assert scale_problem(window, baseline, min_labels=FEWEST) == why
    found = measure(MEASURES, window, baseline, alpha=0.001, min_labels=FEWEST, off_scale=why)
    for one in MEASURES:
        if one.key in found:
            needs = NO_SCORES in one.reasons
            told = set(found[one.key].statuses)
            assert (why in told) == (why is not None and needs)
            assert bool(np.isnan(found[one.key].thresholds).all()) <= (needs or one.effect is None), one.key
    assert found["accuracy_ratio"].values[0] == np.mean(predicted == ACTUAL)
    assert found["roc_auc"].baseline[0] == measure(MEASURES, baseline, None, alpha=0.5, min_labels=1)["roc_auc"].values[0]


def test_what_does_not_tell_of_a_scale() -> None:
    """Few pairs, no baseline, scores that a baseline lacks as well, and low scores beside higher ones."""
    layout = layout_of(SCORES)
    none = np.full((len(SCORES), 1), np.nan)
    lacking = Performance.of(layout, ACTUAL, ACTUAL, none)
    whole = Performance.of(layout, ACTUAL, ACTUAL, SCORES[:, None])
    assert scale_problem(lacking, whole, min_labels=FEWEST) == MOSTLY_UNSCORED
    assert scale_problem(lacking, lacking, min_labels=FEWEST) is None
    assert scale_problem(lacking, None, min_labels=FEWEST) is None
    few = Performance.of(layout, ACTUAL[:29], ACTUAL[:29], none[:29])
    assert scale_problem(few, whole, min_labels=FEWEST) is None
    percent = layout_of(100 * SCORES)
    baseline = Performance.of(percent, ACTUAL, ACTUAL, 100 * SCORES[:, None])
    low = Performance.of(percent, ACTUAL, ACTUAL, 2 * SCORES[:, None])
    assert scale_problem(low, baseline, min_labels=FEWEST) is None
