"""Layout of performance: the classes, score bins and error bins of a model, and where their counts lie in one flat array.

::

    classes: [ rows, weight, unusable, unscored | predicted x actual | negatives, positives by score bin | exact sums ]
    numbers: [ rows, weight, unusable, clipped, zero actuals | error bins | predicted x actual bins | exact sums ]
    lists:   [ rows, weight, unusable, clipped, nothing chosen | exact sums ]
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.performance.exact import DIGITS

Task = Literal["binary", "multiclass", "regression", "ranking"]

#: Classes that are told apart; the rarer ones are ``other``.
MOST_CLASSES = 50

#: Score bins of one score, and of all scores of a model together, about.
MOST_BINS, MOST_BINS_TOGETHER, FEWEST_BINS = 512, 4096, 32

#: Bins of equal width that calibration is told in.
CALIBRATION_BINS = 10
TENTHS = tuple(step / CALIBRATION_BINS for step in range(1, CALIBRATION_BINS))

#: A probability may lie outside of [0, 1] by so much; then it is 0 or 1.
ROUNDING = 1e-6

#: Weights are multiples of this where there are any.
WEIGHT_UNIT = 1 / 1024
MOST_WEIGHT = 2.0**14

#: Octaves of the sizes of errors that have bins, in units of the scale, and bins of an octave: 4.4 % wide.
_OCTAVES, _IN_OCTAVE = (-14, 10), 16

#: Errors and actual values beyond so many scales count as these: their fourth powers still have room.
FARTHEST = 2.0**16

#: Counters in front.
ROWS, WEIGHT, UNUSABLE, UNSCORED = range(4)
CLIPPED, ZERO_ACTUALS = 3, 4
NOTHING_CHOSEN = 4
_COUNTERS = 5

#: Sums over the pairs of a regression: e = (predicted - actual) / scale, a = (actual - center) / scale, p = abs(e / actual).
#: The rest of a2 is what rounding takes from the squares.
MOMENTS = ("e", "|e|", "e2", "e|e|", "e4", "a", "a2", "a2 rest", "a3", "a4", "e2a", "e2a2", "p", "p2")

#: Sums over lists.
GAINS = ("ndcg", "ndcg2", "rr", "rr2")

#: Sums over the scored pairs of classes.
LOSSES = ("log_loss", "log_loss2", "brier", "brier2")


@dataclass(frozen=True, kw_only=True)
class ScoreBins:
    """A score and its bins.

    Attributes:
        column: name of the column that holds it.
        of_class: index of the class that it speaks of.
        edges: between its bins, which are closed on the left; the first and the last are open.
        is_probability: whether it is one; tenths are among its edges then.
    """

    column: str
    of_class: int
    edges: tuple[float, ...]
    is_probability: bool

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1


@dataclass(frozen=True, kw_only=True)
class PerformanceLayout:
    """What is counted of predictions and their labels.

    Attributes:
        task: what the model does.
        classes: of a classification, its classes; one more stands for all others, on both sides.
        held: what the values of the baseline's prediction column were: decides which spellings mean a class.
        positive: of a binary one, the index of the class that the score speaks of; None where there is no score.
        scores: the scores, in the order of the columns that are counted.
        threshold: of a binary one, the score from which on something is done; None where it is not configured.
        center, scale: of a regression, what values are taken about and in units of; the scale is rounded up to a power of two.
        edges: of a regression, between the bins of predicted and actual values.
        features: columns that the model sees, for adjusted R2.
        quantile: of a regression that predicts one, which; None for all others.
        cutoff: of a ranking, how many of the first ranks NDCG looks at.
        weighted: whether pairs have weights; else each counts 1. Lists have none.
    """

    task: Task
    classes: tuple[str, ...] = ()
    held: Held = Held.ANY
    positive: int | None = None
    scores: tuple[ScoreBins, ...] = ()
    threshold: float | None = None
    center: float = 0.0
    scale: float = 1.0
    edges: tuple[float, ...] = ()
    features: int = 0
    quantile: float | None = None
    cutoff: int = 10
    weighted: bool = False

    def __post_init__(self) -> None:
        wrong = next((what for what, holds in self._faults() if holds), None)
        if wrong is not None:
            raise ValueError(wrong)

    def _faults(self) -> Iterator[tuple[str, bool]]:
        """Yield what may be wrong, and whether it is."""
        yield "classes: what predicts classes has some, and all others none", self.has_classes != bool(self.classes)
        yield "cutoff: must be at least 1", self.cutoff < 1
        yield "weighted: lists have no weights", self.weighted and self.task == "ranking"
        is_list = len(self.classes) <= MOST_CLASSES and len(set(self.classes)) == len(self.classes)
        yield f"classes: must be unique and at most {MOST_CLASSES}", not is_list
        of_classes = [score.of_class for score in self.scores]
        is_each = all(0 <= code < len(self.classes) for code in of_classes) and len(set(of_classes)) == len(of_classes)
        yield "scores: each belongs to a class, and no two to the same", not is_each
        yield (
            "scores: of a binary model, that of the positive class",
            self.task == "binary" and of_classes not in ([], [self.positive]),
        )
        is_edge = self.threshold is None or (bool(self.scores) and self.threshold in self.scores[0].edges)
        yield "threshold: must be an edge of the score's bins", not is_edge
        yield "quantile: must lie between 0 and 1", self.quantile is not None and not 0 < self.quantile < 1
        is_scale = math.isfinite(self.center) and math.isfinite(self.scale) and self.scale > 0
        yield "center and scale: must be finite, and the scale positive", not is_scale
        for edges in (self.edges, *(score.edges for score in self.scores)):
            is_sorted = all(map(math.isfinite, edges)) and all(a < b for a, b in pairwise(edges))
            yield "edges: must be finite and strictly increasing", not is_sorted
        has_tenths = all(set(TENTHS) <= set(score.edges) for score in self.scores if score.is_probability)
        yield "edges: tenths are among those of a probability", not has_tenths

    @property
    def is_regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.task == "regression"

    @property
    def has_classes(self) -> bool:
        """Whether classes are predicted."""
        return self.task in ("binary", "multiclass")

    @property
    def other(self) -> int:
        """The code of what is none of the classes."""
        return len(self.classes)

    @cached_property
    def unit(self) -> float:
        """The scale, rounded up to a power of two: dividing by it is exact."""
        return 2.0 ** math.ceil(math.log2(self.scale))

    @property
    def weight_unit(self) -> float:
        """What a count of one weighs."""
        return WEIGHT_UNIT if self.weighted else 1.0

    @property
    def has_losses(self) -> bool:
        """Whether the scores give each class a probability, so that a pair has a log loss and a Brier score."""
        if not self.scores or not all(score.is_probability for score in self.scores):
            return False
        return self.task == "binary" or {score.of_class for score in self.scores} == set(range(len(self.classes)))

    @cached_property
    def sums(self) -> tuple[str, ...]:
        """The names of the exact sums, in their order."""
        names = ["weight2"] if self.weighted else []
        if self.is_regression:
            return (*names, *MOMENTS)
        if self.task == "ranking":
            return GAINS
        names += LOSSES if self.has_losses else ()
        for index, score in enumerate(self.scores):
            names += [f"score {index} {tenth}" for tenth in range(CALIBRATION_BINS)] if score.is_probability else []
        return tuple(names)

    @cached_property
    def blocks(self) -> Mapping[str, tuple[slice, tuple[int, ...]]]:
        """Where each part of the counts lies, and its shape."""
        shapes: dict[str, tuple[int, ...]] = {"counters": (_COUNTERS,)}
        if self.is_regression:
            shapes |= {"errors": (len(error_edges()) + 1,), "table": (len(self.edges) + 1, len(self.edges) + 1)}
        elif self.has_classes:
            shapes["confusion"] = (self.other + 1, self.other + 1)
            shapes |= {f"score {index}": (2, score.bins) for index, score in enumerate(self.scores)}
        shapes["sums"] = (len(self.sums), DIGITS)
        ends = np.cumsum([math.prod(shape) for shape in shapes.values()]).tolist()
        return {
            name: (slice(end - math.prod(shape), end), shape) for (name, shape), end in zip(shapes.items(), ends, strict=True)
        }

    @property
    def width(self) -> int:
        """Length of the counts."""
        return int(self.blocks["sums"][0].stop)

    @cached_property
    def digest(self) -> str:
        """A hash of everything that decides where a pair is counted: equal digests, mergeable counts."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()

    def encoder(self) -> CategoryEncoder:
        """Return what gives predicted and actual classes their codes: the index in the classes, or ``other``."""
        return CategoryEncoder(self.classes, self.held)


@cache
def error_edges() -> NDArray[np.float64]:
    """Return the edges between the bins of errors, in units of the scale, (2 m,), on both sides of 0."""
    first, last = _OCTAVES
    sizes = 2.0 ** (np.arange(first * _IN_OCTAVE, last * _IN_OCTAVE + 1) / _IN_OCTAVE)
    return np.concatenate((-sizes[::-1], sizes))


def performance_layout(
    layout: Layout,
    task: Task,
    *,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    score_classes: Mapping[str, str] | None = None,
    threshold: float | None = None,
    quantile: float | None = None,
    cutoff: int | None = None,
    weighted: bool = False,
) -> PerformanceLayout:
    """Return what is counted of the performance of a model.

    Args:
        layout: the baseline's, with the columns of the prediction and of the scores.
        task: what the model does.
        classes: the names of the classes, of which the first 50 are told apart; by default the categories of the baseline's
            prediction, most frequent first. Labels of a class that was never predicted there are ``other``: name it then.
        positive: of a binary model, the class that the score speaks of; by default 1 of 0 and 1, true of true and false.
        score_classes: the class of each score column; by default the one that the column is called like.
        threshold: of a binary model, the score from which on something is done.
        quantile: of a regression, the quantile that is predicted.
        cutoff: of a ranking, how many of the first ranks NDCG looks at; by default 10.
        weighted: whether labels have weights.

    Raises:
        ValueError: classes, the positive class or bins cannot be told; the message names the argument and what is allowed.
    """
    prediction = next((c for c in layout.columns if c.role is Role.PREDICTION and not c.is_derived), None)
    features = sum(column.role is Role.FEATURE and not column.is_derived for column in layout.columns)
    if task in ("regression", "ranking"):
        _refuse(task, classes=classes, positive=positive, score_classes=score_classes, threshold=threshold)
    if task != "regression":
        _refuse(task, quantile=quantile)
    if task == "ranking":
        return PerformanceLayout(task=task, cutoff=10 if cutoff is None else cutoff, weighted=weighted)
    _refuse(task, cutoff=cutoff)
    if task == "regression":
        if prediction is None or prediction.kind is not Kind.NUMERIC:
            raise ValueError("task: a regression needs a baseline with a numeric prediction")
        return PerformanceLayout(
            task=task,
            center=prediction.center,
            scale=prediction.scale,
            edges=prediction.drift_edges,
            features=features,
            quantile=quantile,
            weighted=weighted,
        )
    if task == "multiclass":
        _refuse(task, positive=positive, threshold=threshold)
    names = tuple(classes if classes is not None else prediction.categories if prediction is not None else ())
    if not names:
        raise ValueError("classes: must be given, as the baseline has no categorical prediction")
    columns = [column for column in layout.columns if column.role is Role.SCORE and column.kind is Kind.NUMERIC]
    named = _positive(names, positive) if task == "binary" and (columns or positive is not None) else None
    chosen = _classes_of(columns, score_classes or {}, names, named)
    if threshold is not None and not chosen:
        raise ValueError("threshold: the baseline has no score that could reach it")
    names = names[:MOST_CLASSES]
    chosen = [(column, name) for column, name in chosen if name in names]
    most = min(MOST_BINS, max(FEWEST_BINS, MOST_BINS_TOGETHER // max(len(chosen), 1)))
    return PerformanceLayout(
        task=task,
        classes=names,
        held=prediction.held if prediction is not None else Held.ANY,
        positive=None if named is None else names.index(named),
        scores=tuple(_score_bins(column, names.index(name), threshold, most) for column, name in chosen),
        threshold=threshold,
        features=features,
        weighted=weighted,
    )


def _refuse(task: Task, **given: object) -> None:
    """Refuse what means nothing for a task."""
    wrong = next((name for name, value in given.items() if value is not None), None)
    if wrong is not None:
        raise ValueError(f"{wrong}: means nothing for task {task}")


def _classes_of(
    columns: Sequence[Column], score_classes: Mapping[str, str], names: Sequence[str], positive: str | None
) -> list[tuple[Column, str]]:
    """Return the score columns that are counted, and their classes."""
    unknown = next((name for name in score_classes if name not in {column.name for column in columns}), None)
    if unknown is not None:
        raise ValueError(f"score_classes: the baseline has no score {unknown}; they are {', '.join(c.name for c in columns)}")
    of_class = {column.name: score_classes.get(column.name, column.name) for column in columns}
    if positive is None:
        lost = [name for name in of_class.values() if name not in names]
        if lost:
            raise ValueError(f"score_classes: {', '.join(lost)} are no classes; they are {', '.join(names)}")
        return [(column, of_class[column.name]) for column in columns]
    if len(columns) == 1 and not score_classes:
        return [(columns[0], positive)]
    chosen = [(column, positive) for column in columns if of_class[column.name] == positive]
    if columns and not chosen:
        raise ValueError(f"positive: none of the scores is of the class {positive}; they are of {', '.join(of_class.values())}")
    return chosen


def _positive(classes: Sequence[str], named: str | None) -> str:
    if named is not None:
        if named not in classes:
            raise ValueError(f"positive: {named} is no class; they are {', '.join(classes)}")
        return named
    usual = [name for name in ("1", "true") if name in classes and set(classes) <= {"0", "1", "true", "false"}]
    if len(usual) != 1:
        raise ValueError(f"positive: is not told; write which of the classes {', '.join(classes)} the score speaks of")
    return usual[0]


#: Edges of probabilities beside those of the baseline: hundredths, and steps towards 0 and 1.
_TAILS = [step * 10.0**-power for power in (6, 5, 4, 3) for step in (1, 2, 5)]
_GRID = sorted({*(k / 100 for k in range(1, 100)), *_TAILS, *(1 - tail for tail in _TAILS)})


def _score_bins(column: Column, of_class: int, threshold: float | None, most: int) -> ScoreBins:
    # The last edge lies just above the largest score.
    is_probability = not column.edges or (column.edges[0] >= -ROUNDING and column.edges[-1] <= 1.0 + 2 * ROUNDING)
    wanted = set() if threshold is None else {threshold}
    if not is_probability:
        return ScoreBins(
            column=column.name, of_class=of_class, edges=tuple(sorted({*column.edges, *wanted})), is_probability=False
        )
    wanted |= set(TENTHS)
    finer = sorted({*(edge for edge in column.edges if 0.0 < edge < 1.0), *_GRID} - wanted)
    step = math.ceil(len(finer) / max(most - len(wanted) - 1, 1))
    return ScoreBins(column=column.name, of_class=of_class, edges=tuple(sorted({*finer[::step], *wanted})), is_probability=True)
