"""Folding: pairs into counts of performance, one row for each minute, version, stage and segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.breakdowns import NONE
from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.layout import Column
from prediction_exporter.counting.profiler import ALL, UNVERSIONED
from prediction_exporter.labels import Pairs
from prediction_exporter.labels.keys import codes_of
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.performance.grouping import at_a_time

Counts = NDArray[np.int64]


class Key(NamedTuple):
    """What performance is told apart by.

    Attributes:
        version: the model's version.
        stage: "" where no field says so.
        segment: ``all`` or ``column=value``.
    """

    version: str
    stage: str
    segment: str


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Counts of some minutes and keys.

    Attributes:
        minutes: int64 (n,), since the epoch.
        keys: int64 (n,), places in ``names``.
        names: the keys.
        counts: int64 (n, width).
    """

    minutes: NDArray[np.int64]
    keys: NDArray[np.int64]
    names: Sequence[Key]
    counts: Counts

    def negative(self) -> Block:
        """Return what takes out what this one adds."""
        return Block(self.minutes, self.keys, self.names, -self.counts)


class Folding:
    """Folds pairs into counts.

    Args:
        layout: what is counted.
        columns: the segmenting columns, in the order of the pairs' segments.
        staged: whether what names a prediction beside its id is its stage.
    """

    def __init__(self, layout: PerformanceLayout, columns: Sequence[Column], *, staged: bool) -> None:
        self.layout = layout
        self._staged = staged
        self._encoder = layout.encoder() if layout.has_classes else None
        # Predictions wait with the label value of each segment, so that a baseline with other categories does not rename them.
        self._segments = [(column.name, dict.fromkeys(column.value_labels)) for column in columns]

    def fold(self, pairs: Pairs) -> Iterator[Block]:
        """Yield the counts of pairs, in blocks of bounded size; no minute of a key is in two of them."""
        if not len(pairs):
            return
        names, of_row = self._names(pairs)
        rows, keys, segmented = self._segmented(pairs, names, of_row)
        first = int(pairs.minutes.min())
        groups = (pairs.minutes[rows] - first) * len(segmented) + keys
        order = np.argsort(groups, kind="stable")
        rows = rows[order]
        present, starts, of_group = np.unique(groups[order], return_index=True, return_inverse=True)
        predicted, actual = self._coded(pairs.predicted), self._coded(pairs.actual)
        is_ranking = self.layout.task == "ranking"
        scores = pairs.scores if self.layout.scores else None
        weights = pairs.weights if self.layout.weighted else None
        bounds = np.append(starts, len(rows))
        step = at_a_time(self.layout)
        for begin in range(0, len(present), step):
            chosen = present[begin : begin + step]
            inside = slice(int(bounds[begin]), int(bounds[begin + len(chosen)]))
            mine = rows[inside]
            groups, size = of_group[inside] - begin, len(chosen)
            if is_ranking:
                counts = Performance.of_sets(self.layout, actual[mine], groups=groups, size=size)
            else:
                counts = Performance.of_groups(
                    self.layout,
                    predicted[mine],
                    actual[mine],
                    None if scores is None else scores[mine],
                    None if weights is None else weights[mine],
                    groups=groups,
                    size=size,
                )
            yield Block(chosen // len(segmented) + first, chosen % len(segmented), segmented, counts)

    def _coded(self, values: pl.Series) -> NDArray[np.int32] | NDArray[np.float64]:
        return values.to_numpy() if self._encoder is None else self._encoder.encode(values)

    def _names(self, pairs: Pairs) -> tuple[list[Key], NDArray[np.int64]]:
        """Return the keys of all pairs without segments, and which of them each pair is of."""
        versions = pairs.versions.fill_null(UNVERSIONED)
        stages = pairs.parts.fill_null(NONE) if self._staged else pl.Series([""], dtype=pl.String).new_from_index(0, len(pairs))
        of_version, of_stage = (series.unique().to_list() for series in (versions, stages))
        codes = codes_of(versions, of_version).astype(np.int64) * len(of_stage) + codes_of(stages, of_stage)
        return [Key(version, stage, ALL) for version in of_version for stage in of_stage], codes

    def _segmented(
        self, pairs: Pairs, names: list[Key], of_row: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.int64], list[Key]]:
        """Return rows of pairs, once for all and once more for each segment that they are in, with their keys."""
        rows, keys, segmented = [np.arange(len(pairs))], [of_row], list(names)
        for (name, labels), column in zip(self._segments, pairs.segments, strict=True):
            inside = np.flatnonzero(column.is_not_null().to_numpy())
            texts = column.gather(inside)
            distinct = texts.unique().to_list()
            segment_of = [text if text in labels else OTHER for text in distinct]
            segments = list(dict.fromkeys(segment_of))
            places = np.array([segments.index(segment) for segment in segment_of], np.int64)
            rows.append(inside)
            keys.append(len(segmented) + of_row[inside] * len(segments) + places[codes_of(texts, distinct)])
            segmented += [key._replace(segment=f"{name}={segment}") for key in names for segment in segments]
        return np.concatenate(rows), np.concatenate(keys), segmented
