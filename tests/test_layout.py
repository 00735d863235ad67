"""Layouts place the columns' counts, and refuse what has no place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.events import STATES
from prediction_exporter.counting.layout import Column, Kind, Layout, Role


def numeric(name: str, edges: tuple[float, ...] = (0.0, 1.0, 2.0), drift: tuple[float, ...] = (1.0,), **more: Any) -> Column:
    """Return a numeric column."""
    return Column(name=name, role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges, drift_edges=drift, **more)


def categorical(name: str, *categories: str) -> Column:
    """Return a categorical column."""
    return Column(name=name, role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=categories)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"edges": (0.0, 0.0)}, "strictly increasing"),
        ({"edges": (1.0, 0.0)}, "strictly increasing"),
        ({"edges": (0.0, math.inf)}, "finite"),
        ({"edges": (math.nan,)}, "finite"),
        ({"edges": (0.0, 1.0), "drift_edges": (1.0, 0.0)}, "strictly increasing"),
        ({"edges": (0.0, 1.0), "drift_edges": (0.5,)}, "no subset"),
        ({"categories": ("a", "b", "a")}, "not unique"),
        ({"scale": 0.0}, "positive"),
        ({"scale": math.inf}, "positive"),
        ({"scale": math.nan}, "positive"),
        ({"center": math.nan}, "positive"),
    ],
)
def test_columns_that_cannot_be_counted(arguments: dict[str, Any], message: str) -> None:
    """Each mistake says what it is, and of which column."""
    with pytest.raises(ValueError, match=rf"of x .*{message}"):
        Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, **arguments)


def test_column_names_are_unique() -> None:
    """They are labels."""
    with pytest.raises(ValueError, match="not unique"):
        Layout([numeric("x"), categorical("x")])


def test_offsets() -> None:
    """Value bins of each column, then three states of each, then rows and outliers."""
    layout = Layout([numeric("a"), categorical("b", "x", "y"), numeric("c", (), ())])
    assert layout.value_offsets.tolist() == [0, 4, 7, 8]
    assert layout.drift_starts.tolist() == [0, 2, 4, 5, 6, 7]
    assert layout.drift_offsets.tolist() == [0, 2, 5, 6]
    assert layout.numeric.tolist() == [0, 2]
    assert layout.rows_slot == 8 + 3 * len(STATES)
    assert layout.width == layout.rows_slot + 2
    assert [layout.index(name) for name in layout.names] == [0, 1, 2]
    assert layout.centers.tolist() == [0.0, 0.0]
    assert layout.scales.tolist() == [1.0, 1.0]


@given(st.lists(st.one_of(st.integers(0, 5), st.lists(st.floats(-9, 9), unique=True, max_size=8)), max_size=6), st.randoms())
def test_drift_bins_partition_the_value_bins(shapes: list[int | list[float]], random: Any) -> None:
    """Every value bin belongs to one drift bin, of the same column, and the drift bins' labels are as many."""
    columns = []
    for index, shape in enumerate(shapes):
        if isinstance(shape, int):
            columns.append(categorical(str(index), *"abcde"[:shape]))
        else:
            edges = tuple(np.unique(shape).tolist())
            columns.append(numeric(str(index), edges, tuple(edge for edge in edges if random.random() < 0.5)))
    layout = Layout(columns)
    assert set(layout.value_offsets[:-1].tolist()) <= set(layout.drift_starts.tolist())
    assert np.all(np.diff(layout.drift_starts) > 0)
    assert np.diff(layout.drift_offsets).tolist() == [len(column.drift_labels) for column in columns]
    counts = np.arange(layout.values)
    if columns:
        assert np.add.reduceat(counts, layout.drift_starts).sum() == counts.sum()


@given(st.lists(st.one_of(st.text(max_size=4), st.sampled_from(["", "=", "==", "other", "=other", "==other"])), unique=True))
def test_labels_of_categories_are_unique_and_not_empty(texts: list[str]) -> None:
    """A category called like the bin of unseen values is not merged with it, and none is an absent label to Prometheus."""
    labels = categorical("x", *texts).drift_labels
    assert len(set(labels)) == len(texts) + 1
    assert labels[-1] == OTHER
    assert all(labels)


def test_labels_of_bins_are_unique_and_sort_as_the_bins() -> None:
    """Edges that are equal to six digits have different labels."""
    edges = tuple(1.0 + np.arange(12) * 1e-12)
    labels = numeric("x", edges, edges).drift_labels
    assert len(set(labels)) == 13
    assert sorted(labels) == labels
    assert labels[0] == "00 [-Inf, 1)"
    assert labels[-1] == "12 [1, +Inf)"


def test_the_digest_is_that_of_the_meaning() -> None:
    """Equal columns have equal digests, integers for floats included; any change of a column gives another."""
    base = numeric("x", center=1.0)
    assert Layout([base]).digest == Layout([numeric("x", (0, 1, 2), (1,), center=1)]).digest
    others = [
        numeric("y", center=1.0),
        numeric("x"),
        numeric("x", center=1.0, scale=2.0),
        numeric("x", (0.0, 1.0, 2.5), center=1.0),
        numeric("x", drift=(2.0,), center=1.0),
        Column(name="x", role=Role.SCORE, kind=Kind.NUMERIC, edges=base.edges, drift_edges=base.drift_edges, center=1.0),
        categorical("x", "a", "b"),
        categorical("x", "b", "a"),
    ]
    assert len({Layout([column]).digest for column in [base, *others]}) == len(others) + 1
    assert Layout([base, categorical("y")]).digest != Layout([categorical("y"), base]).digest


def test_a_range_needs_two_edges() -> None:
    """Without values in the baseline nothing is outside its range."""
    assert numeric("x").ranged
    assert not numeric("x", (), ()).ranged
    assert not categorical("x", "a").ranged
