"""What adds up: the counts and sums of pairs that a fleet's performance is computed from, beside the confusion matrix.

A replica's own measures come from finer counts. From these here those of replicas are added: of scores, each bin has its
negatives and, of the positives, those above it and half of its own. Both are sums over pairs: the area under the ROC curve of
all replicas together is ``sum(negatives * above) / (all negatives * all positives)``, that of the scores rounded to these bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.collectors.prefixes import Place, Prefixes
from prediction_exporter.counting.layout import interval_labels
from prediction_exporter.exposition import Samples
from prediction_exporter.families import PERFORMANCE, Family
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.performance.base import class_label
from prediction_exporter.performance.layout import ScoreBins

#: Bins of a score that are shown, and of all scores of a model together, about; and the fewest of one score.
MOST_BINS, MOST_TOGETHER, FEWEST_BINS = 64, 256, 8

_ADDITIVE = "Additive over replicas with sources of their own."


def _family(name: str, text: str, *labels: str) -> Family:
    return Family(
        name=f"model_window_{name}",
        type="gauge",
        help=f"{text} {_ADDITIVE}",
        labels=(*PERFORMANCE, *labels),
        group="performance",
    )


LABELLED_PREDICTIONS = _family(
    "labelled_predictions", "Predictions of the window that have a label and are measured; of a ranking, lists."
)
UNCOUNTED_PREDICTIONS = _family(
    "uncounted_predictions",
    "Predictions with a label that some measure leaves out: unusable by all, unscored by those of scores, zero_actuals by "
    "percentages; clipped count as nearer than they are, of a ranking lists with a choice beyond rank 52.",
    "reason",
)
LABELLED_WEIGHT = _family(
    "labelled_weight", "What the measured pairs weigh: as many as there are, where labels have no weight; mature, of all."
)
SCORED_WEIGHT = _family("scored_weight", "What those of them weigh that have scores; mature, of all.")
SCORE_NEGATIVES = _family(
    "score_negatives", "What pairs weigh that are not of the class, by bin of its score; mature, of all.", "class", "bin"
)
SCORE_POSITIVES_ABOVE = _family(
    "score_positives_above",
    "What pairs of the class weigh whose score lies above the bin, and half of those in it; mature, of all.",
    "class",
    "bin",
)
SCORE_POSITIVES = _family("score_positives", "What scored pairs of the class weigh; mature, of all.", "class")
ERRORS = _family("errors", "Sum of predicted less actual values; mature, of all.")
ABSOLUTE_ERRORS = _family("absolute_errors", "Sum of the sizes of errors; mature, of all.")
SQUARED_ERRORS = _family("squared_errors", "Sum of squared errors; mature, of all.")
ACTUALS = _family("actual_values", "Sum of actual values less the center of the baseline's predictions; mature, of all.")
SQUARED_ACTUALS = _family(
    "squared_actual_values", "Sum of squares of actual values less the center of the baseline's predictions; mature, of all."
)

#: Of a regression: the sum of the pairs' terms, and the power of the layout's unit that it is in.
_SUMS = (
    (ERRORS, "e", 1),
    (ABSOLUTE_ERRORS, "|e|", 1),
    (SQUARED_ERRORS, "e2", 2),
    (ACTUALS, "a", 1),
    (SQUARED_ACTUALS, "a2", 2),
)

ADDITIVE_FAMILIES = (
    LABELLED_PREDICTIONS,
    UNCOUNTED_PREDICTIONS,
    LABELLED_WEIGHT,
    SCORED_WEIGHT,
    SCORE_NEGATIVES,
    SCORE_POSITIVES_ABOVE,
    SCORE_POSITIVES,
    *(family for family, _, _ in _SUMS),
)


class Additive:
    """Renders the counts of windows that add up."""

    def __init__(self, layout: PerformanceLayout, prefixes: Prefixes) -> None:
        self._layout = layout
        self._prefixes = prefixes
        self._bins = [shown_bins(score, len(layout.scores)) for score in layout.scores]
        self._classes = [class_label(layout, score.of_class) for score in layout.scores]

    @property
    def full(self) -> Performance:
        """Counts that show every series."""
        return Performance.empty(self._layout)

    def render(self, samples: Samples, pairs: Performance, at: Place, *, is_mature: bool, is_all: bool) -> None:
        """Add the series of a window."""
        self._one(samples, LABELLED_PREDICTIONS, at, pairs.rows)
        if not is_all:
            return
        for reason, count in self._uncounted(pairs).items():
            prefixes = self._prefixes.of(UNCOUNTED_PREDICTIONS, (*at, reason), lambda: [()])
            samples.extend(UNCOUNTED_PREDICTIONS, prefixes, [count])
        if not is_mature:
            return
        self._one(samples, LABELLED_WEIGHT, at, pairs.total)
        if self._layout.is_regression:
            for family, name, power in _SUMS:
                self._one(samples, family, at, pairs.sum(name) * self._layout.unit**power)
        if self._layout.scores:
            self._one(samples, SCORED_WEIGHT, at, float(pairs.weight("score 0").sum()))
            self._scores(samples, pairs, at)

    def _one(self, samples: Samples, family: Family, at: Place, value: float) -> None:
        samples.extend(family, self._prefixes.of(family, at, lambda: [()]), [value])

    def _uncounted(self, pairs: Performance) -> dict[str, int]:
        found = {"unusable": pairs.unusable}
        if self._layout.is_regression:
            found |= {"clipped": pairs.clipped, "zero_actuals": pairs.zero_actuals}
        if self._layout.task == "ranking":
            found["clipped"] = pairs.clipped
        return {**found, "unscored": pairs.unscored} if self._layout.scores else found

    def _scores(self, samples: Samples, pairs: Performance, at: Place) -> None:
        negatives, above, positives = [], [], []
        for index, (starts, _) in enumerate(self._bins):
            of_score = np.add.reduceat(pairs.weight(f"score {index}"), starts, axis=1)
            negatives.append(of_score[0])
            above.append(positives_above(of_score[1]))
            positives.append(float(of_score[1].sum()))
        for family, values in ((SCORE_NEGATIVES, negatives), (SCORE_POSITIVES_ABOVE, above)):
            samples.extend(family, self._prefixes.of(family, at, self._ends), np.concatenate(values))
        classes = [(name,) for name in self._classes]
        samples.extend(SCORE_POSITIVES, self._prefixes.of(SCORE_POSITIVES, at, lambda: classes), positives)

    def _ends(self) -> list[tuple[str, str]]:
        return [(name, text) for name, (_, labels) in zip(self._classes, self._bins, strict=True) for text in labels]


def positives_above(positives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return of positives by bin, from the lowest, what lies above each bin, and half of what is in it.

    >>> positives_above(np.array([4.0, 2.0, 1.0]))
    array([5. , 2. , 0.5])
    """
    above: NDArray[np.float64] = positives.sum() - np.cumsum(positives) + positives / 2
    return above


def shown_bins(score: ScoreBins, scores: int) -> tuple[NDArray[np.intp], list[str]]:
    """Return where the bins begin that are shown among the score's own, and their texts.

    They follow from the layout alone, so that replicas have the same: neighbours are put together, about as many to each.
    """
    most = max(FEWEST_BINS, min(MOST_BINS, MOST_TOGETHER // scores))
    edges = np.unique(np.linspace(0, score.bins, min(most, score.bins) + 1).astype(np.intp))[:-1]
    return edges, interval_labels([score.edges[edge - 1] for edge in edges[1:]])
