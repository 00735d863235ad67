"""Every measure equals scikit-learn on the raw pairs, exactly or within the bound it states, at every prefix of streams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from labelled import Pairs, binary, multiclass, ranking, regression
from performance_oracles import ORACLES
from prediction_exporter.performance import MEASURES, Performance, measure

#: Of rounding, relative to the value or to 1.
ROUNDING = 1e-9

STREAMS: dict[str, Callable[[int], Pairs]] = {
    "binary": lambda seed: binary(700, seed),
    "rare": lambda seed: binary(700, seed, rate=0.01, skill=2.0),
    "rounded scores": lambda seed: binary(700, seed, digits=1),
    "binary with strangers, unscored": lambda seed: binary(700, seed, strange=0.1, unscored=0.1),
    "weighted": lambda seed: binary(700, seed, weighted=True, strange=0.05),
    "multiclass": lambda seed: multiclass(700, seed),
    "multiclass with strangers": lambda seed: multiclass(700, seed, strange=0.1),
    "multiclass weighted": lambda seed: multiclass(700, seed, weighted=True),
    "regression": lambda seed: regression(700, seed),
    "regression far from the baseline": lambda seed: regression(700, seed, center=1e5),
    "small errors": lambda seed: regression(700, seed, noise=1e-4),
    "ranking": lambda seed: ranking(700, seed),
    "regression weighted": lambda seed: regression(700, seed, weighted=True),
}

#: Medians of weighted values are of those alone that scikit-learn's convention chooses.
NO_ORACLE = {("regression weighted", "median_absolute_error")}

PREFIXES = [*range(1, 13), 40, 250, 700]


def check(name: str, counted: Performance, pairs: Pairs) -> None:
    """Compare every measure with its oracle, and report all that differ."""
    wrong = []
    for key, found in measure(MEASURES, counted, None, alpha=0.001, min_labels=1).items():
        if (name, key) in NO_ORACLE:
            continue
        expected = ORACLES[key](pairs)
        assert found.values.shape == expected.shape == (len(found.entries),), key
        assert "error" not in found.statuses
        assert "undefined" not in found.statuses
        far = np.abs(found.values - expected) > found.bounds + ROUNDING * np.maximum(1.0, np.abs(expected))
        far |= np.isnan(found.values) != np.isnan(expected)
        wrong += [(key, found.entries[i], found.values[i], expected[i], found.bounds[i]) for i in np.flatnonzero(far)]
    assert not wrong


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_of_a_stream(name: str) -> None:
    """Batches are merged one by one, and checked after each."""
    stream = STREAMS[name](1)
    merged = Performance.empty(stream.layout)
    before = 0
    for end in PREFIXES:
        merged.add(stream.rows(slice(before, end)).counted())
        check(name, merged, stream.rows(slice(0, end)))
        before = end


def test_every_measure_has_an_oracle() -> None:
    """A measure is added with a file, a line and an oracle."""
    assert list(ORACLES) == [one.key for one in MEASURES]


def test_bins_of_a_baseline_are_fine() -> None:
    """Where scores are about as the baseline's, areas and precisions are within half a hundredth whatever the pairs."""
    for rate in (0.3, 0.05):
        found = measure(MEASURES, binary(20_000, 3, rate=rate).counted(), None, alpha=0.001, min_labels=1)
        assert found["roc_auc"].bounds.max() < 0.005
        assert found["average_precision"].bounds.max() < 0.01
    sizes = measure(MEASURES, regression(20_000, 3).counted(), None, alpha=0.001, min_labels=1)["median_absolute_error"]
    assert (sizes.bounds / sizes.values).max() < 0.045


def test_scores_of_exactly_nothing_and_exactly_one() -> None:
    """They lie in the first and the last bin, and are clipped as scikit-learn clips them; rounding may go beyond both."""
    layout = binary(1, 1).layout
    actual = np.array([0, 1, 1, 0, 1])
    scores = np.array([0.0, 1.0, 0.0, 1.0, 0.95])
    pairs = Pairs(layout, (scores > 0.5).astype(np.intp), actual, scores[:, None])
    check("0 and 1", pairs.counted(), pairs)
    assert measure(MEASURES, pairs.counted(), None, alpha=0.01, min_labels=1)["calibration_error"].values == pytest.approx(0.39)
    beyond = np.array([-1e-9, 1 + 1e-9, 0.0, 1.0, 0.95])
    assert (Performance.of(layout, pairs.predicted, actual, beyond[:, None]).counts == pairs.counted().counts).all()


def test_areas_of_bins_are_those_of_rounded_scores() -> None:
    """Within a bin scores count as ties: the value, and not only its bound, is known."""
    pairs = binary(3000, 5)
    assert pairs.scores is not None
    [score] = pairs.layout.scores
    rounded = np.searchsorted(np.array(score.edges), pairs.scores, side="right").astype(np.float64)
    found = measure(MEASURES, pairs.counted(), None, alpha=0.001, min_labels=1)
    for key in ("roc_auc", "average_precision"):
        expected = ORACLES[key](Pairs(pairs.layout, pairs.predicted, pairs.actual, rounded))
        np.testing.assert_allclose(found[key].values, expected, rtol=1e-12)
