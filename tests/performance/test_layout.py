"""Layouts of performance follow from the baseline's, and what they cannot tell is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from labelled import COLOURS, baseline_layout
from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.performance import Performance, PerformanceLayout, ScoreBins, performance_layout
from prediction_exporter.performance.layout import FEWEST_BINS, MOST_BINS, MOST_BINS_TOGETHER, MOST_CLASSES, TENTHS


def categorical(*names: str, held: Held = Held.TEXT) -> Column:
    """Return a column of predicted classes."""
    return Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=names, held=held)


def score(name: str = "score", *, shift: float = 0.0) -> Column:
    """Return a column of scores."""
    values = np.sort(np.random.default_rng(1).beta(2, 5, 3000)) + shift
    return numeric_column(name, Role.SCORE, values)


def test_of_two_classes() -> None:
    """The score is of the positive class; the threshold and all tenths are edges, so what they cut is exact."""
    layout = performance_layout(baseline_layout("binary"), "binary", positive="yes", threshold=0.1234)
    assert layout.classes == ("no", "yes")
    assert layout.positive == 1
    [only] = layout.scores
    assert (only.column, only.of_class, only.is_probability) == ("score", 1, True)
    assert {0.1234, *TENTHS} <= set(only.edges)
    assert 100 < only.bins <= MOST_BINS
    assert layout.features == 2


@pytest.mark.parametrize(
    ("names", "positive"), [(("0", "1"), "1"), (("1", "0"), "1"), (("false", "true"), "true"), (("1",), "1")]
)
def test_the_positive_class_of_bits_is_known(names: tuple[str, ...], positive: str) -> None:
    """1 of 0 and 1, true of false and true, in any order."""
    layout = performance_layout(Layout([categorical(*names), score()]), "binary")
    assert layout.positive is not None
    assert layout.classes[layout.positive] == positive


def test_of_several_scores_the_positive_one_is_taken() -> None:
    """As a list of both probabilities is logged."""
    both = Layout([categorical("no", "yes"), score("no"), score("yes")])
    assert [one.column for one in performance_layout(both, "binary", positive="yes").scores] == ["yes"]
    named = performance_layout(
        Layout([categorical("no", "yes"), score("p0"), score("p1")]),
        "binary",
        positive="yes",
        score_classes={"p0": "no", "p1": "yes"},
    )
    assert [one.column for one in named.scores] == ["p1"]


def test_of_several_classes() -> None:
    """Each score is of the class that it is called like; all of them together keep to a number of bins."""
    layout = performance_layout(baseline_layout("multiclass"), "multiclass")
    assert [(one.column, layout.classes[one.of_class]) for one in layout.scores] == [(name, name) for name in COLOURS]
    assert layout.has_losses
    partly = performance_layout(Layout([categorical(*COLOURS), score("red"), score("blue")]), "multiclass")
    assert [one.of_class for one in partly.scores] == [0, 2]
    assert not partly.has_losses
    names = [f"class {i}" for i in range(60)]
    many = performance_layout(Layout([categorical(*names), *map(score, names)]), "multiclass")
    assert len(many.classes) == len(many.scores) == MOST_CLASSES
    assert all(FEWEST_BINS // 2 < one.bins <= MOST_BINS_TOGETHER // MOST_CLASSES for one in many.scores)


def test_margins_are_no_probabilities() -> None:
    """Scores outside of [0, 1] rank, and have no losses; they are not squeezed into probabilities batch by batch."""
    layout = performance_layout(Layout([categorical("no", "yes"), score(shift=-0.2)]), "binary", positive="yes")
    assert not layout.scores[0].is_probability
    assert not layout.has_losses
    counted = Performance.of(layout, np.array([0, 1]), np.array([0, 1]), np.array([[-3.0], [7.0]]))
    assert counted.unscored == 0
    assert counted.weight("score 0").sum() == 2


def test_rounding_beyond_one_is_a_probability_still() -> None:
    """As an average of many trees' probabilities may be."""
    values = np.sort(np.append(np.random.default_rng(1).beta(2, 5, 3000), [1.0000000000000002] * 300))
    columns = [categorical("no", "yes"), numeric_column("score", Role.SCORE, values)]
    assert performance_layout(Layout(columns), "binary", positive="yes").has_losses


def test_of_numbers() -> None:
    """Center and scale are the prediction's; the scale is rounded up to a power of two."""
    layout = performance_layout(baseline_layout("regression"), "regression")
    prediction = baseline_layout("regression").columns[-1]
    assert (layout.center, layout.scale, layout.edges) == (prediction.center, prediction.scale, prediction.drift_edges)
    assert layout.unit / 2 < layout.scale <= layout.unit == 16


def test_classes_are_encoded_as_the_column_is() -> None:
    """What spells a class is decided by what the baseline held; what is none is other, and what is no text is unusable."""
    layout = performance_layout(Layout([categorical("0", "1", held=Held.NUMBER), score()]), "binary")
    codes = layout.encoder().encode(pl.Series(["1.0", "0", "true", "2", "NaN", '{"a": 1}']))
    assert codes[:4].tolist() == [1, 0, 1, 2]
    counted = Performance.of(layout, codes, codes)
    assert (counted.rows, counted.unusable) == (4, 2)


@pytest.mark.parametrize(
    ("columns", "task", "options", "message"),
    [
        ([score()], "binary", {}, "classes: must be given, as the baseline has no categorical prediction"),
        (
            [categorical("a", "b"), score()],
            "binary",
            {},
            "positive: is not told; write which of the classes a, b the score speaks of",
        ),
        ([categorical("a", "b"), score()], "binary", {"positive": "c"}, "positive: c is no class; they are a, b"),
        (
            [categorical("a", "b"), score("p"), score("q")],
            "binary",
            {"positive": "b"},
            "positive: none of the scores is of the class b; they are of p, q",
        ),
        (
            [categorical("a", "b", "c"), score("p")],
            "multiclass",
            {},
            "score_classes: p are no classes; they are a, b, c",
        ),
        (
            [categorical("a", "b", "c"), score("a")],
            "multiclass",
            {"threshold": 0.5},
            "threshold: means nothing for task multiclass",
        ),
        (
            [categorical("a", "b", "c"), score("a")],
            "multiclass",
            {"positive": "a"},
            "positive: means nothing for task multiclass",
        ),
        (
            [categorical("a", "b"), score()],
            "binary",
            {"positive": "a", "quantile": 0.5},
            "quantile: means nothing for task binary",
        ),
        (
            [categorical("a", "b")],
            "binary",
            {"positive": "a", "threshold": 0.5},
            "threshold: the baseline has no score that could reach it",
        ),
        (
            [categorical("a", "b"), score("p")],
            "binary",
            {"positive": "a", "score_classes": {"q": "a"}},
            "score_classes: the baseline has no score q; they are p",
        ),
        (
            [categorical("a", "b"), score("p")],
            "binary",
            {"positive": "a", "score_classes": {"p": "b"}},
            "positive: none of the scores is of the class a; they are of b",
        ),
        (
            [numeric_column("y", Role.PREDICTION, np.arange(100.0))],
            "regression",
            {"threshold": 1.0},
            "threshold: means nothing for task regression",
        ),
        ([categorical("a", "b")], "regression", {}, "task: a regression needs a baseline with a numeric prediction"),
        (
            [numeric_column("y", Role.PREDICTION, np.arange(100.0))],
            "regression",
            {"quantile": 1.0},
            "quantile: must lie between 0 and 1",
        ),
        ([categorical("a", "b")], "binary", {"classes": ["a", "a"]}, "classes: must be unique and at most 50"),
    ],
)
def test_what_cannot_be_told_is_asked_for(columns: list[Column], task: Any, options: dict[str, Any], message: str) -> None:
    """The message names the argument and what is allowed."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        performance_layout(Layout(columns), task, **options)


def test_layouts_that_are_none() -> None:
    """What is built by hand is checked, too."""
    bins = ScoreBins(column="s", of_class=1, edges=TENTHS, is_probability=True)
    for options, message in (
        ({"scores": (bins,), "positive": 0}, "that of the positive class"),
        ({"scores": (bins,), "positive": 1, "threshold": 0.55}, "must be an edge"),
        (
            {"scores": (ScoreBins(column="s", of_class=1, edges=(0.5,), is_probability=True),), "positive": 1},
            "tenths are among",
        ),
        ({"scores": (ScoreBins(column="s", of_class=1, edges=(2.0, 1.0), is_probability=False),), "positive": 1}, "increasing"),
        ({"scores": (ScoreBins(column="s", of_class=7, edges=(), is_probability=False),), "positive": 1}, "belongs to a class"),
        ({"scale": 0.0}, "the scale positive"),
    ):
        with pytest.raises(ValueError, match=message):
            PerformanceLayout(task="binary", classes=("no", "yes"), **options)
    with pytest.raises(ValueError, match="all others none"):
        PerformanceLayout(task="regression", classes=("no",))


def test_the_digest_is_of_all_that_decides() -> None:
    """Another threshold, another class or other bins do not merge; the same does, whoever made it."""
    layouts = [
        performance_layout(baseline_layout("binary", seed=seed), "binary", positive=positive, threshold=threshold)
        for seed, positive, threshold in (
            (0, "yes", None),
            (0, "yes", 0.3),
            (0, "no", None),
            (1, "yes", None),
            (0, "yes", None),
        )
    ]
    assert len({one.digest for one in layouts}) == 4
    assert layouts[0].digest == layouts[4].digest
