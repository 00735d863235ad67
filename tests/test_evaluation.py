"""Evaluation: each statistic stands alone, and every absent value has a reason."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.logs import Quiet
from prediction_exporter.statistics import STATISTICS, Comparison, Reference, evaluation
from prediction_exporter.statistics.base import Floats
from prediction_exporter.statistics.evaluation import (
    ERROR,
    NO_PREDICTIONS,
    OK,
    TOO_FEW,
    Result,
    evaluate,
    most_statuses,
    shape_of,
)
from samples import profile_of

LAYOUT = Layout(
    [
        Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0, 2.0, 3.0), drift_edges=(1.0, 2.0)),
        Column(name="same", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(5.0,)),
        Column(name="empty", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0), drift_edges=(1.0,)),
        Column(name="c", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a", "b")),
        Column(name="y", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes",)),
    ]
)
BASELINE = profile_of(
    LAYOUT, {"x": [0.5, 1.5, 2.5] * 20, "same": [5.0] * 60, "empty": [None] * 60, "c": ["a", "b"] * 30, "y": ["yes"] * 60}
)
REFERENCE = Reference(BASELINE, alpha=0.001, min_predictions=30)

NUMBER = st.one_of(st.none(), st.floats(-1, 4), st.just(()), st.sampled_from([1e308, -1e308]))
TEXT = st.one_of(st.none(), st.sampled_from(["a", "b", "yes", "new"]), st.just(()))
ROWS = st.lists(st.tuples(NUMBER, NUMBER, NUMBER, TEXT, TEXT), max_size=60)


def full(columns: int) -> Profile:
    """Return a window in which every column holds values."""
    return profile_of(
        LAYOUT,
        {"x": [0.6] * columns, "same": [5.0] * columns, "empty": [0.5] * columns, "c": ["a"] * columns, "y": ["yes"] * columns},
    )


def check(results: dict[str, Result]) -> None:
    """Statuses add up to the columns, and as many are ok as have all of their values."""
    for statistic in STATISTICS:
        result = results[statistic.key]
        columns = statistic.applies(LAYOUT) if statistic.scope == "column" else np.array([True])
        assert result.values.shape == shape_of(statistic, LAYOUT)
        assert sum(result.statuses.values()) == columns.sum()
        values = result.values.reshape(len(columns), -1)
        assert result.statuses.get(OK, 0) == np.isfinite(values[columns]).all(axis=1).sum()
        assert not np.isfinite(values[~columns]).any()
        assert not np.isinf(values).any()
        assert len(result.statuses) <= most_statuses(statistic, REFERENCE)
        for beside, declared in ((result.noise_floor, statistic.noise), (result.threshold, statistic.threshold)):
            assert beside is None or (declared is not None and beside.shape == columns.shape and not np.isinf(beside).any())


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_statuses_add_up_to_the_columns(rows: list[tuple[object, ...]]) -> None:
    """Whatever a window holds, each column of each statistic has a value or one reason."""
    names = [column.name for column in LAYOUT.columns]
    data = {name: [row[index] for row in rows] for index, name in enumerate(names)}
    check(evaluate(REFERENCE, profile_of(LAYOUT, data) if rows else Profile.empty(LAYOUT)))  # type: ignore[arg-type]  # any values


def test_an_empty_window_has_no_values() -> None:
    """Everything is absent for want of predictions."""
    results = evaluate(REFERENCE, Profile.empty(LAYOUT))
    for result in results.values():
        assert not np.isfinite(result.values).any()
        assert set(result.statuses) == {NO_PREDICTIONS}


def test_a_small_window_is_not_compared() -> None:
    """It has means and shares, and no distances."""
    results = evaluate(REFERENCE, full(29))
    assert results["psi"].statuses[TOO_FEW] == 4
    assert results["mean"].statuses[OK] == 3
    assert evaluate(REFERENCE, full(30))["psi"].statuses[OK] == 4


def _raise(_: Comparison) -> Floats:
    raise RuntimeError("a defect")


@pytest.mark.parametrize("key", [statistic.key for statistic in STATISTICS])
def test_a_statistic_that_fails_takes_nothing_down(
    key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are as without it; its status says error, and the log has it once a minute."""
    usual = evaluate(REFERENCE, full(40))
    broken = tuple(replace(s, compute=_raise) if s.key == key else s for s in STATISTICS)
    monkeypatch.setattr(evaluation, "STATISTICS", broken)
    monkeypatch.setattr(evaluation, "_complaints", Quiet())
    for _ in range(3):
        results = evaluate(REFERENCE, full(40))
    check(results)
    assert set(results[key].statuses) == {ERROR}
    assert (results[key].noise_floor, results[key].threshold) == (None, None)
    for other in results.keys() - {key}:
        np.testing.assert_array_equal(results[other].values, usual[other].values)
        assert results[other].statuses == usual[other].statuses
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in told] == [f"statistic {key} failed"]
    assert told[0].exc_info is not None


def test_the_column_of_a_segment_is_not_compared_in_it() -> None:
    """It differs from the baseline by definition; the other columns and the shares are as ever."""
    window = full(60)
    results, others = evaluate(REFERENCE, window, fixed="c"), evaluate(REFERENCE, window)
    index = LAYOUT.index("c")
    for statistic in STATISTICS:
        if statistic.scope == "column":
            expected = others[statistic.key].values.copy()
            if statistic.compares and statistic.applies(LAYOUT)[index]:
                expected[index] = np.nan
                assert results[statistic.key].statuses["fixed_by_segment"] == 1
            np.testing.assert_array_equal(results[statistic.key].values, expected)
    assert (float(others["drifted_columns"].values), float(results["drifted_columns"].values)) == (2.0, 1.0)
