"""Performance: mergeable counts of predictions and their labels.

Everything is an integer, exact sums among it: the order does not matter, counts of parts add up to those of the whole, nothing
changes nothing, and a pair that is taken out leaves no trace. Its size depends on the layout alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.performance.classes import count_classes
from prediction_exporter.performance.exact import sum_of, value_of
from prediction_exporter.performance.layout import (
    CLIPPED,
    NOTHING_CHOSEN,
    ROWS,
    UNSCORED,
    UNUSABLE,
    WEIGHT,
    WEIGHT_UNIT,
    ZERO_ACTUALS,
    PerformanceLayout,
)
from prediction_exporter.performance.lists import count_lists, count_sets
from prediction_exporter.performance.numbers import count_numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """Counts of pairs of a prediction and its label.

    Attributes:
        layout: what the positions mean.
        counts: int64 (layout.width,), which is all there is: what is stored, exported and added up.
    """

    layout: PerformanceLayout
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, layout: PerformanceLayout) -> Performance:
        """Return the performance of no pairs."""
        return cls(layout, np.zeros(layout.width, np.int64))

    @classmethod
    def of(
        cls,
        layout: PerformanceLayout,
        predicted: NDArray[Any] | None,
        actual: NDArray[Any],
        scores: Floats | None = None,
        weights: Floats | None = None,
    ) -> Performance:
        """Return the performance of a batch of n pairs, each the prediction and the label at the same position.

        Args:
            layout: what is counted.
            predicted: of classes their codes, (n,), or None where the scores decide: the threshold, or 0.5, of a binary model,
                else the class of the largest; of a regression numbers. Codes are those of ``layout.encoder()``.
            actual: the labels, likewise.
            scores: (n, S), NaN where there is none, in the order of ``layout.scores``; None where there are none at all.
            weights: (n,), more than 0 and at most 16384, in steps of 1/1024; None for 1.

        Raises:
            ValueError: shapes or types do not fit, or the layout knows no weights.
        """
        return cls(layout, cls.of_groups(layout, predicted, actual, scores, weights)[0])

    @staticmethod
    def of_groups(
        layout: PerformanceLayout,
        predicted: NDArray[Any] | None,
        actual: NDArray[Any],
        scores: Floats | None = None,
        weights: Floats | None = None,
        *,
        groups: NDArray[np.intp] | None = None,
        size: int = 1,
    ) -> NDArray[np.int64]:
        """Return the counts of groups of pairs, int64 (size, layout.width); each row is what :meth:`of` counts of one group.

        Args:
            layout: what is counted.
            predicted: as for :meth:`of`.
            actual: as for :meth:`of`.
            scores: as for :meth:`of`.
            weights: as for :meth:`of`.
            groups: the group of each pair, (n,), from 0; None where there is one alone.
            size: how many groups there are.

        Raises:
            ValueError: as :meth:`of` does.
        """
        if layout.task == "ranking":
            raise ValueError("task: of a ranking whole lists are counted, see of_sets")
        for name, part in (("predicted", predicted), ("actual", actual)):
            kinds = "iubf" if layout.is_regression else "iub"
            if part is not None and part.dtype.kind not in kinds:
                raise ValueError(f"{name}: {part.dtype} are no {'numbers' if layout.is_regression else 'codes of classes'}")
        rows = len(actual)
        if any(part is not None and len(part) != rows for part in (predicted, scores, weights, groups)):
            raise ValueError("predictions, labels, scores, weights and groups are not of the same length")
        if weights is not None and not layout.weighted:
            raise ValueError("weights: the layout knows none")
        if layout.is_regression:
            if predicted is None:
                raise ValueError("predicted: a regression needs it")
            return count_numbers(layout, predicted, actual, weights, groups, size)
        if scores is not None and scores.shape != (rows, len(layout.scores)):
            raise ValueError(f"scores: must be of shape ({rows}, {len(layout.scores)}), and are {scores.shape}")
        if predicted is None and not layout.scores:
            raise ValueError("predicted: needed where there are no scores")
        return count_classes(layout, predicted, actual, scores, weights, groups, size)

    @classmethod
    def of_lists(cls, layout: PerformanceLayout, lists: NDArray[Any], ranks: NDArray[Any], gains: NDArray[Any]) -> Performance:
        """Return the performance of whole lists of ranked items, n items together.

        Args:
            layout: that of a ranking.
            lists: which list each item is of, (n,), of any type that sorts.
            ranks: where it stood in it, (n,), from 1.
            gains: what it was worth, (n,), 0 or more: 1 for a click. A list whose gains change is taken out as a whole.

        Raises:
            ValueError: shapes do not fit, or the layout is of another task.
        """
        if layout.task != "ranking":
            raise ValueError(f"task: {layout.task} has no lists")
        if not len(lists) == len(ranks) == len(gains):
            raise ValueError("lists, ranks and gains are not of the same length")
        return cls(layout, count_lists(layout, lists, ranks.astype(np.float64), gains.astype(np.float64)))

    @staticmethod
    def of_sets(
        layout: PerformanceLayout, sets: NDArray[Any], *, groups: NDArray[np.intp] | None = None, size: int = 1
    ) -> NDArray[np.int64]:
        """Return the counts of groups of lists, int64 (size, layout.width), by which of their items were chosen.

        It is what :meth:`of_lists` counts where each item that was chosen is worth 1, but for ranks beyond 52: whatever was
        chosen there is one item, and no reciprocal rank.

        Args:
            layout: that of a ranking.
            sets: the ranks of each list that were chosen, (n,), as :mod:`prediction_exporter.counting.ranks` writes them.
            groups: the group of each list, (n,), from 0; None where there is one alone.
            size: how many groups there are.

        Raises:
            ValueError: shapes do not fit, or the layout is of another task.
        """
        if layout.task != "ranking":
            raise ValueError(f"task: {layout.task} has no lists")
        if groups is not None and len(groups) != len(sets):
            raise ValueError("sets and groups are not of the same length")
        return count_sets(layout, sets, groups, size)

    def with_lists_without_choice(self, many: int) -> Performance:
        """Return the same and so many lists more of which nothing was chosen.

        Raises:
            ValueError: the layout is of another task.
        """
        if self.layout.task != "ranking":
            raise ValueError(f"task: {self.layout.task} has no lists")
        found = Performance(self.layout, self.counts.copy())
        found.counts[[ROWS, WEIGHT, NOTHING_CHOSEN]] += many
        return found

    def __add__(self, other: Performance) -> Performance:
        return Performance(self.layout, self.counts + self._same(other))

    def __sub__(self, other: Performance) -> Performance:
        return Performance(self.layout, self.counts - self._same(other))

    def add(self, other: Performance) -> None:
        """Merge another one of the same layout into this one, in place."""
        np.add(self.counts, self._same(other), out=self.counts)

    def take_out(self, other: Performance) -> None:
        """Take pairs out that were added, in place: those of labels that were corrected, or of minutes that left the window."""
        np.subtract(self.counts, self._same(other), out=self.counts)

    def _same(self, other: Performance) -> NDArray[np.int64]:
        if other.layout is not self.layout and other.layout.digest != self.layout.digest:
            raise ValueError("performances of different layouts do not merge")
        return other.counts

    def weighted(self) -> Performance:
        """Return the same pairs with weights, of 1 each: exactly what counting them so would give.

        Raises:
            ValueError: they are lists, which have no weights.
        """
        if self.layout.weighted:
            return self
        found = Performance.empty(replace(self.layout, weighted=True))
        for block in self.layout.blocks:
            into, counts = found.counted(block), self.counted(block)
            if block == "counters":
                into[:] = counts
                into[WEIGHT] = counts[WEIGHT] * round(1 / WEIGHT_UNIT)
            elif block == "sums":
                into[0] = self.rows * sum_of(np.ones(1))
                into[1:] = counts
            else:
                np.multiply(counts, round(1 / WEIGHT_UNIT), out=into)
        return found

    def counted(self, block: str) -> NDArray[np.int64]:
        """Return a part of the counts, a view in the shape of the layout's block."""
        place, shape = self.layout.blocks[block]
        return self.counts[place].reshape(shape)

    def weight(self, block: str) -> Floats:
        """Return what the pairs in a part of the counts weigh; where there are no weights, how many they are."""
        weights: Floats = self.counted(block).astype(np.float64) * self.layout.weight_unit
        return weights

    def counter(self, index: int) -> int:
        """Return one of the counters in front."""
        return int(self.counts[index])

    @property
    def rows(self) -> int:
        """Number of pairs."""
        return self.counter(ROWS)

    @property
    def unusable(self) -> int:
        """Pairs that are not counted: what was predicted, or the label, is no value, or the weight is none."""
        return self.counter(UNUSABLE)

    @property
    def unscored(self) -> int:
        """Of a classification with scores, pairs that are counted without any: one is missing, or no probability."""
        return self.counter(UNSCORED) if self.layout.has_classes else 0

    @property
    def clipped(self) -> int:
        """Pairs that lie so far out that sums have them as nearer.

        Of a regression squares are then larger than they say; of a ranking, lists of which something was chosen beyond rank 52.
        """
        return 0 if self.layout.has_classes else self.counter(CLIPPED)

    @property
    def zero_actuals(self) -> int:
        """Of a regression, pairs whose actual value is 0."""
        return self.counter(ZERO_ACTUALS) if self.layout.is_regression else 0

    @property
    def nothing_chosen(self) -> int:
        """Of a ranking, lists of which no item was worth anything."""
        return self.counter(NOTHING_CHOSEN) if self.layout.task == "ranking" else 0

    @property
    def total(self) -> float:
        """What all pairs weigh."""
        return self.counter(WEIGHT) * self.layout.weight_unit

    @property
    def is_consistent(self) -> bool:
        """Whether nothing was taken out that had not been added, as far as counts can tell."""
        ends = self.layout.blocks["sums"][0].start
        return bool((self.counts[:ends] >= 0).all())

    def exact(self, name: str) -> Fraction:
        """Return one of the exact sums; 0 where the layout has none of this name."""
        sums = self.layout.sums
        return value_of(self.counted("sums")[sums.index(name)]) if name in sums else Fraction(0)

    def sum(self, name: str) -> float:
        """Return one of the exact sums, rounded."""
        return float(self.exact(name))

    @property
    def factor(self) -> float:
        """How many unweighted pairs a weight of 1 is worth, after Kish: the sum of weights by the sum of their squares."""
        squares = self.sum("weight2")
        return self.total / squares if squares else 1.0

    @property
    def effective(self) -> float:
        """How many unweighted pairs tell as much, after Kish."""
        return self.total * self.factor
