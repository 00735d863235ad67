"""The binner gives what a binary search gives, for whatever edges and values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from prediction_exporter.counting.binning import Binner

Floats = NDArray[np.float64]

finite = st.floats(allow_nan=False, allow_infinity=False)


def around(edges: Floats) -> Floats:
    """Return the edges, their neighbours in floating point, and values far from all."""
    far = np.array([0.0, -0.0, 5e-324, -5e-324, 1.0, 1e308, -1e308, 1.7976931348623157e308, -1.7976931348623157e308])
    with np.errstate(over="ignore"):
        near = np.concatenate((edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), (edges[1:] + edges[:-1]) / 2))
    values = np.concatenate((near, far))
    kept: Floats = values[np.isfinite(values)]
    return kept


def check(edges: Floats, values: Floats) -> None:
    """Compare with the definition."""
    bins = Binner(edges).bin(values)
    assert bins.dtype == np.int32
    np.testing.assert_array_equal(bins, np.searchsorted(edges, values, side="right"))


@given(st.lists(finite, unique=True, max_size=60), st.lists(finite, max_size=60))
def test_any_edges_and_values(edges: list[float], values: list[float]) -> None:
    """Among them subnormal, huge and clustered ones."""
    ordered = np.unique(np.array(edges, dtype=float))
    check(ordered, np.concatenate((np.array(values, dtype=float), around(ordered))))


RANDOM = np.random.default_rng(1)
EDGES: dict[str, Floats] = {
    "none": np.array([]),
    "one": np.array([0.5]),
    "one_low": np.array([-1.7e308]),
    "widest": np.array([-1.7e308, 0.0, 1.7e308]),
    "two_neighbours": np.array([1.0, math.nextafter(1.0, 2.0)]),
    "uniform": np.linspace(-1, 1, 257),
    "normal": np.sort(RANDOM.normal(size=100)),
    "skewed": np.sort(RANDOM.lognormal(0, 4, 100)),
    "clustered": np.unique(np.concatenate((1 + RANDOM.random(50) * 1e-12, RANDOM.random(20) * 1e9))),
    "subnormal": np.arange(1.0, 40.0) * 5e-324,
    "tiny": np.sort(RANDOM.normal(0, 1e-300, 100)),
    "huge": np.sort(RANDOM.uniform(-1.7, 1.7, 100)) * 1e308,
    "offset": np.unique(1e9 + RANDOM.normal(0, 1e-3, 100)),
    "powers": np.array([-(10.0**power) for power in range(300, -300, -7)] + [10.0**power for power in range(-300, 300, 7)]),
    "own_bins": np.unique([0.0, math.nextafter(0.0, 1.0), 1.0, math.nextafter(1.0, 2.0), 2.0]),
}


@pytest.mark.parametrize("edges", EDGES.values(), ids=EDGES.keys())
def test_values_on_the_edges_and_beside_them(edges: Floats) -> None:
    """A bin holds its left edge and not its right one, to the last bit."""
    spread = np.quantile(edges, RANDOM.random(5000)) if len(edges) else RANDOM.normal(size=5000)
    check(edges, np.concatenate((around(edges), spread)))


@pytest.mark.parametrize("edges", [[1.0, 1.0], [2.0, 1.0], [math.nan], [math.inf], [-math.inf, 0.0]])
def test_edges_that_are_none_are_refused(edges: list[float]) -> None:
    """They must be finite and strictly increasing."""
    with pytest.raises(ValueError, match="finite and strictly increasing"):
        Binner(np.array(edges))


def test_values_are_not_changed() -> None:
    """They may be a read-only view of a column."""
    values = RANDOM.normal(size=100)
    values.flags.writeable = False
    check(EDGES["normal"], values)
    assert Binner(EDGES["normal"]).bin(values[:0]).shape == (0,)
