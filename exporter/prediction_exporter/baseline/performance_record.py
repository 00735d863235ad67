"""How good a model was on the baseline's data, as it stands in a baseline file: the layout, and the counts that are not 0."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from prediction_exporter.counting.held import Held
from prediction_exporter.errors import BaselineError
from prediction_exporter.performance import Performance, PerformanceLayout, ScoreBins
from prediction_exporter.performance.layout import WEIGHT

#: Where a count stands in its part of the counts, and the count.
Cell = tuple[Annotated[int, Field(ge=0)], int]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoreRecord(_Strict):
    """A score and its bins, as :class:`ScoreBins`."""

    column: str
    of_class: int
    is_probability: bool
    edges: tuple[FiniteFloat, ...]


class PerformanceRecord(_Strict):
    """Counts of pairs of predictions and labels, and what they were counted by, as :class:`PerformanceLayout`.

    Attributes:
        label: the column of the data that held the truth.
        only_for: predicted classes, or an expression over records, that pairs were counted of alone; empty for all.
        counts: by part of the counts, those that are not 0, in their order.
    """

    label: str
    only_for: tuple[str, ...] | str = ()
    task: Literal["binary", "multiclass", "regression", "ranking"]
    classes: tuple[str, ...] = ()
    held: Held = Held.ANY
    positive: int | None = None
    threshold: FiniteFloat | None = None
    center: FiniteFloat = 0.0
    scale: FiniteFloat = 1.0
    edges: tuple[FiniteFloat, ...] = ()
    features: int = Field(0, ge=0)
    quantile: FiniteFloat | None = None
    cutoff: int | None = Field(None, ge=1)
    weighted: bool = False
    scores: tuple[ScoreRecord, ...] = ()
    counts: dict[str, tuple[Cell, ...]]

    @classmethod
    def of(cls, performance: Performance, *, label: str, only_for: tuple[str, ...] | str) -> Self:
        """Return the file's form of counts."""
        layout = performance.layout
        counts: dict[str, tuple[Cell, ...]] = {}
        for block in layout.blocks:
            flat = performance.counted(block).ravel()
            found = np.flatnonzero(flat)
            counts[block] = tuple(zip(found.tolist(), flat[found].tolist(), strict=True))
        return cls(
            label=label,
            only_for=only_for,
            task=layout.task,
            classes=layout.classes,
            held=layout.held,
            positive=layout.positive,
            threshold=layout.threshold,
            center=layout.center,
            scale=layout.scale,
            edges=layout.edges,
            features=layout.features,
            quantile=layout.quantile,
            cutoff=layout.cutoff if layout.task == "ranking" else None,
            weighted=layout.weighted,
            scores=tuple(
                ScoreRecord(column=one.column, of_class=one.of_class, is_probability=one.is_probability, edges=one.edges)
                for one in layout.scores
            ),
            counts=counts,
        )

    def to_performance(self) -> Performance:
        """Return the counts.

        Raises:
            BaselineError: they are not what was counted.
            ValueError: the layout is none.
        """
        layout = PerformanceLayout(
            task=self.task,
            classes=self.classes,
            held=self.held,
            positive=self.positive,
            scores=tuple(ScoreBins(**score.model_dump()) for score in self.scores),
            threshold=self.threshold,
            center=self.center,
            scale=self.scale,
            edges=self.edges,
            features=self.features,
            quantile=self.quantile,
            weighted=self.weighted,
            **({} if self.cutoff is None else {"cutoff": self.cutoff}),
        )
        if self.positive is not None and not 0 <= self.positive < len(self.classes):
            raise BaselineError("performance: the positive class is none of the classes")
        performance = Performance.empty(layout)
        if set(self.counts) != set(layout.blocks):
            raise BaselineError(f"performance: counts are of {', '.join(self.counts)} and not of {', '.join(layout.blocks)}")
        for block, cells in self.counts.items():
            place, _ = layout.blocks[block]
            positions = [position for position, _ in cells]
            if any(a >= b for a, b in pairwise(positions)) or (positions and positions[-1] >= place.stop - place.start):
                raise BaselineError(f"performance: counts of {block} are not at places of theirs, one after the other")
            performance.counts[place][positions] = [count for _, count in cells]
        main = ("errors", "table") if layout.is_regression else ("confusion",) if layout.has_classes else ()
        totals = [int(performance.counted(block).sum()) for block in main] or [performance.rows]
        if not performance.is_consistent or any(total != performance.counter(WEIGHT) for total in totals):
            raise BaselineError("performance: counts do not add up")
        return performance
