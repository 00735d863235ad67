"""Pairs: rows of predictions and labels, as what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.labels.batches import Pairs, Shape
from prediction_exporter.labels.groups import Groups, series
from prediction_exporter.labels.rows import Records

_MINUTE = 60


def values_of(shape: Shape, groups: Groups, stored: NDArray[Any]) -> pl.Series:
    """Return predictions or labels of rows: classes by their codes, or numbers."""
    if shape.kind != "class":
        return pl.Series(stored.astype(np.float64))
    present, places = np.unique(stored, return_inverse=True)
    texts = groups.classes.texts()
    return series([texts[code] for code in present.tolist()], places)


def pairs_of(shape: Shape, groups: Groups, predictions: Records, labels: Records) -> Pairs:
    """Return pairs of predictions (n,) and their labels (n,)."""
    known, places = groups.decoded(predictions["group"])
    shares = np.array([group.share for group in known], np.float64)
    return Pairs(
        minutes=predictions["time"].astype(np.int64) // _MINUTE,
        versions=series([group.version for group in known], places),
        parts=series([group.part for group in known], places),
        segments=tuple(series([group.segments[column] for group in known], places) for column in range(shape.segments)),
        predicted=values_of(shape, groups, predictions["predicted"]),
        scores=predictions["scores"].astype(np.float64) if shape.scores else np.empty((len(predictions), 0)),
        actual=values_of(shape, groups, labels["actual"]),
        weights=labels["weight"] / shares[places],
    )


def joined_together(parts: Sequence[Pairs]) -> Pairs:
    """Return pairs one after another; there is at least one part."""
    return Pairs(
        minutes=np.concatenate([part.minutes for part in parts]),
        versions=pl.concat([part.versions for part in parts]),
        parts=pl.concat([part.parts for part in parts]),
        segments=tuple(pl.concat(list(columns)) for columns in zip(*(part.segments for part in parts), strict=True)),
        predicted=pl.concat([part.predicted for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        actual=pl.concat([part.actual for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
    )
