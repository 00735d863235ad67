"""Batches: what goes into the store, and what comes out of it, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: What labels are.
LabelKind = Literal["class", "number", "ranks"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is kept of each prediction; what was kept in another shape is given up.

    Attributes:
        kind: whether predictions and labels are texts of classes, or numbers, or labels are sets of ranks, see
            :mod:`prediction_exporter.counting.ranks`: what was chosen of a list. Those of one prediction add up.
        scores: how many scores a prediction has.
        segments: how many columns it is segmented by.
        score_bits: 64 keeps scores as they are, 32 takes half of the room and rounds them by 6e-8 of their size: one that is
            compared with a threshold may then fall on its other side.
    """

    kind: LabelKind
    scores: int = 0
    segments: int = 0
    score_bits: Literal[32, 64] = 64

    @property
    def value_type(self) -> pl.DataType:
        """Type of predictions and labels."""
        return pl.String() if self.kind == "class" else pl.Float64()

    @property
    def adds_up(self) -> bool:
        """Whether several labels of a prediction say something together, and none replaces another one."""
        return self.kind == "ranks"

    def check(self, batch: Predictions | Labels) -> None:
        """Check that a batch is of this shape.

        Raises:
            ValueError: it is not; nothing of it is taken.
        """
        values = batch.actual if isinstance(batch, Labels) else batch.predicted
        if values.dtype != self.value_type:
            raise ValueError(f"values are {self.value_type} where a {self.kind} is predicted, not {values.dtype}")
        if isinstance(batch, Labels):
            return
        scores = 0 if batch.scores is None else batch.scores.shape[1]
        if (scores, len(batch.segments)) != (self.scores, self.segments):
            raise ValueError(
                f"a prediction has {self.scores} scores and {self.segments} segments, not {scores} and {len(batch.segments)}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predictions that wait for their labels; all columns have the same length n.

    Attributes:
        ids: what names each, of any type; those without one are given up.
        times: event times in microseconds since the epoch, int64.
        versions: model versions, String.
        predicted: classes as String, or numbers as Float64, of a ranking any; those without one are given up.
        parts: what else names a prediction, String: its version or its stage, where several are made of one id; null, or None
            for all, where nothing does.
        rows: int64, the row in the record where a record has several.
        segments: String columns, what each is segmented by.
        scores: float64 (n, k); None where the shape has none.
    """

    ids: pl.Series
    times: NDArray[np.int64]
    versions: pl.Series
    predicted: pl.Series
    parts: pl.Series | None = None
    rows: NDArray[np.int64] | None = None
    segments: tuple[pl.Series, ...] = ()
    scores: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: NDArray[np.intp]) -> Predictions:
        """Return those at these positions, which ascend."""
        return self if len(rows) == len(self) else self._at(rows)

    def _at(self, rows: NDArray[np.intp]) -> Predictions:
        return Predictions(
            ids=self.ids.gather(rows),
            times=self.times[rows],
            versions=self.versions.gather(rows),
            predicted=self.predicted.gather(rows),
            parts=None if self.parts is None else self.parts.gather(rows),
            rows=None if self.rows is None else self.rows[rows],
            segments=tuple(column.gather(rows) for column in self.segments),
            scores=None if self.scores is None else self.scores[rows],
        )

    def in_order(self) -> Predictions:
        """Return them by time, and those of one time by what they say: in one order, however a database gave them."""
        scores = () if self.scores is None else self.scores.T
        says = [self.predicted, self.versions, *self.segments, *(pl.Series(of_class) for of_class in scores)]
        return self._at(_order(self.times, says))


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels, in the order in which they were read; all columns have the same length n.

    Attributes:
        ids: which prediction each is of, as its source names it.
        actual: classes as String, or numbers or sets of ranks as Float64.
        times: when each became known, microseconds since the epoch, int64, negative where that is not told: it is then now.
            A label that was known before the one that is there already changes nothing.
        parts: the version or stage that each speaks of; null, or None for all, where it speaks of every prediction of its id.
        rows: int64, as in :class:`Predictions`.
        weights: float64, positive and finite; None where each weighs 1.
    """

    ids: pl.Series
    actual: pl.Series
    times: NDArray[np.int64] | None = None
    parts: pl.Series | None = None
    rows: NDArray[np.int64] | None = None
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.actual)

    def take(self, rows: NDArray[np.intp]) -> Labels:
        """Return those at these positions, which ascend."""
        return self if len(rows) == len(self) else self._at(rows)

    def in_order(self) -> Labels:
        """Return them by time, and those of one time in the order in which they count, however a database gave them."""
        times = np.zeros(len(self), np.int64) if self.times is None else self.times
        says = [*([] if self.parts is None else [self.parts]), self.actual]  # null comes first, which speaks of all
        return self._at(_order(times, says if self.weights is None else [*says, pl.Series(self.weights)]))

    def _at(self, rows: NDArray[np.intp]) -> Labels:
        return Labels(
            ids=self.ids.gather(rows),
            actual=self.actual.gather(rows),
            times=None if self.times is None else self.times[rows],
            parts=None if self.parts is None else self.parts.gather(rows),
            rows=None if self.rows is None else self.rows[rows],
            weights=None if self.weights is None else self.weights[rows],
        )


def _order(times: NDArray[np.int64], says: Sequence[pl.Series]) -> NDArray[np.intp]:
    """Return the order by time and then by what is said, (n,)."""
    rows = pl.DataFrame([key.alias(str(place)) for place, key in enumerate([pl.Series(times), *says])])
    return rows.select(pl.arg_sort_by(rows.columns, maintain_order=True)).to_series().to_numpy().astype(np.intp)


def all_predictions(batches: Sequence[Predictions], shape: Shape) -> Predictions:
    """Return predictions of one shape one after another; there may be none."""
    empty = pl.Series(dtype=pl.String)
    if not batches:
        segments = (empty,) * shape.segments
        scores = np.empty((0, shape.scores)) if shape.scores else None
        return Predictions(empty, np.empty(0, np.int64), empty, pl.Series(dtype=shape.value_type), None, None, segments, scores)
    parts = [batch.parts for batch in batches if batch.parts is not None]
    scores_of = [batch.scores for batch in batches if batch.scores is not None]
    return Predictions(
        ids=pl.concat([batch.ids for batch in batches]),
        times=np.concatenate([batch.times for batch in batches]),
        versions=pl.concat([batch.versions for batch in batches]),
        predicted=pl.concat([batch.predicted for batch in batches]),
        parts=pl.concat(parts) if parts else None,
        segments=tuple(pl.concat(list(columns)) for columns in zip(*(batch.segments for batch in batches), strict=True)),
        scores=np.concatenate(scores_of) if scores_of else None,
    )


def all_labels(batches: Sequence[Labels], shape: Shape) -> Labels:
    """Return labels with times one after another; there may be none."""
    if not batches:
        return Labels(pl.Series(dtype=pl.String), pl.Series(dtype=shape.value_type), np.empty(0, np.int64))
    parts = [batch.parts for batch in batches if batch.parts is not None]
    weights = [batch.weights for batch in batches if batch.weights is not None]
    return Labels(
        ids=pl.concat([batch.ids for batch in batches]),
        actual=pl.concat([batch.actual for batch in batches]),
        times=np.concatenate([batch.times for batch in batches if batch.times is not None]),
        parts=pl.concat(parts) if parts else None,
        weights=np.concatenate(weights) if weights else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Predictions with their labels; all columns have the same length n.

    Attributes:
        minutes: of the predictions, int64, since the epoch.
        versions: String.
        parts: String, null where nothing but its id names a prediction.
        segments: String columns, as the predictions had them.
        predicted: as in :class:`Predictions`.
        scores: float64 (n, k).
        actual: as in :class:`Labels`.
        weights: float64, of the label, by the inverse of the share that was sampled.
    """

    minutes: NDArray[np.int64]
    versions: pl.Series
    parts: pl.Series
    segments: tuple[pl.Series, ...]
    predicted: pl.Series
    scores: NDArray[np.float64]
    actual: pl.Series
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.minutes)


@dataclass(frozen=True, slots=True)
class Joined:
    """What a batch changed.

    Attributes:
        added: pairs that are now.
        removed: pairs that were added before and are no more, because their label was corrected or grew. Each has a pair among
            the added ones in its place.
    """

    added: Pairs
    removed: Pairs


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How many predictions there are, and how many of them have a label; all columns have the same length n.

    Attributes:
        minutes: of the predictions, int64, since the epoch, ascending.
        versions: String.
        parts: String, null where nothing but its id names a prediction.
        predicted: the class, String; null where numbers are predicted.
        predictions: int64, those in the sample.
        labelled: int64, those of them whose label has come.
    """

    minutes: NDArray[np.int64]
    versions: pl.Series
    parts: pl.Series
    predicted: pl.Series
    predictions: NDArray[np.int64]
    labelled: NDArray[np.int64]
