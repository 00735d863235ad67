"""How far a measure is on its way from the baseline to its threshold, for every measure that is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labelled import Pairs, binary, multiclass, ranking, regression
from prediction_exporter.performance import MEASURES, Measured, measure
from prediction_exporter.performance.evaluation import badness

TASKS: dict[str, tuple[Pairs, Pairs]] = {
    "binary": (binary(600, 1), binary(600, 2)),
    "multiclass": (multiclass(600, 1), multiclass(600, 2)),
    "regression": (regression(600, 1), regression(600, 2)),
    "ranking": (ranking(300, 1), ranking(300, 2)),
}


@pytest.mark.parametrize("task", TASKS)
def test_it_is_one_at_the_threshold_and_nothing_at_the_baseline(task: str) -> None:
    """Between the two it is in between, beyond it more, on the better side negative, and without a threshold absent."""
    window, before = (pairs.counted() for pairs in TASKS[task])
    compared = measure(MEASURES, window, before, alpha=0.01, min_labels=1)
    alone = measure(MEASURES, window, None, alpha=0.01, min_labels=1)
    for one in MEASURES:
        if one.effect is None or one.key not in compared:
            continue
        found = compared[one.key]
        assert not np.isnan(found.thresholds).any(), one.key
        # A measure that is best near to 0 goes from the size of the baseline's value to a larger one, on either side.
        start = np.abs(found.baseline) if one.better == "zero" else found.baseline
        way = found.thresholds - start

        def at(part: float, found: Measured = found, start: np.ndarray = start, way: np.ndarray = way) -> Measured:
            return replace(found, values=start + part * way)

        for part in (0.0, 0.5, 1.0, 2.0):
            np.testing.assert_allclose(badness(one, at(part)), part, atol=1e-9, err_msg=one.key)
        if one.better == "zero":
            other_side = replace(found, values=-found.thresholds)
            np.testing.assert_allclose(badness(one, other_side), 1.0, err_msg=one.key)
        else:
            assert (badness(one, at(-1.0)) < 0).all()
        assert np.isnan(badness(one, alone[one.key])).all()
