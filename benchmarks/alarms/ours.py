"""Ours: the detector of the package on drawn streams; several models of the same world are folded side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alarms.streams import MONDAY, Ints, Watched
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.evidence.bets import Bets
from prediction_exporter.evidence.detector import Detector
from prediction_exporter.evidence.learnt import Learnt, scores_of
from prediction_exporter.evidence.replay import Replay
from prediction_exporter.evidence.scores import Floats, column_scores

#: A column is watched where a change of its mean by so much, in standard deviations, is larger than what is tolerated.
SEEN = 0.5


class Baseline(Protocol):
    """What the rule learns from."""

    @property
    def watched(self) -> Sequence[Watched]:
        """The columns."""

    @property
    def hourly(self) -> Ints:
        """Rows in the cells of all columns in each hour since a Monday."""


@dataclass(frozen=True)
class Rule:
    """The detector of some models of one world.

    Attributes:
        detector: of all their columns.
        models: how many models they are.
        limit: what the mean capital of a column is compared with.
    """

    detector: Detector
    models: int

    @classmethod
    def of(cls, streams: Sequence[Baseline], replay: Sequence[bool]) -> Rule:
        """Learn from the baseline of each model, with a replay or without."""
        columns, scores, learnt = [], [], []
        for stream, wanted in zip(streams, replay, strict=True):
            first = 0
            replayed = Replay(np.flatnonzero(stream.hourly.any(axis=1)))
            for watched in stream.watched:
                counts = stream.hourly[replayed.hours, first : first + watched.count]
                first += watched.count
                whole = counts.sum(axis=0)
                if wanted:
                    taught = replayed.learn(watched.column, counts, watched.outside)
                else:
                    taught = Learnt.nothing(column_scores(watched.column, whole[None], watched.outside))
                columns.append(watched.column)
                scores.append(scores_of(watched.column, whole, taught, watched.outside))
                learnt.append(taught)
        unique = [replace(column, name=f"c{number}") for number, column in enumerate(columns)]
        bets = Bets(Cells(Layout(unique)), scores, learnt)
        return cls(Detector(bets, budget=float(len(streams))), len(streams))

    @cached_property
    def tolerance(self) -> Floats:
        """The largest tolerance of a shift of each column's values, in standard deviations of the score."""
        bets = self.detector.bets
        tolerance = bets.tolerance / bets.deviation
        shifts = [
            [n for n, name in enumerate(of.names) if name in ("higher", "lower") or "category" in name] for of in bets.columns
        ]
        return np.array([np.median(tolerance[row][at]) if at else np.nan for row, at in enumerate(shifts)])



@dataclass
class Found:
    """What the rule said.

    Attributes:
        onsets: slices at which an alarm of a column began, (slice, column).
        broad: slices at which columns began to have moved, all of them together, (slice, model).
        alarmed: int64 (C,), slices in alarm.
        peak: float64 (C,), largest evidence as a share of the limit.
        exponent: float64 (C,), what a row is worth at the end.
    """

    onsets: list[tuple[int, int]] = field(default_factory=list)
    broad: list[tuple[int, int]] = field(default_factory=list)
    alarmed: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    peak: Floats = field(default_factory=lambda: np.zeros(0))
    exponent: Floats = field(default_factory=lambda: np.zeros(0))


def run(rule: Rule, live: Sequence[NDArray[np.int32]], begin: int = MONDAY) -> Found:
    """Fold the slices of each replica, of all models' columns side by side; the fleet's evidence is the mean of theirs."""
    detector = rule.detector
    columns = len(detector.watched)
    walks = [detector.begin() for _ in live]
    variations = [detector.variation() for _ in live]
    found = Found(alarmed=np.zeros(columns, np.int64), peak=np.zeros(columns))
    alarmed, broad = np.zeros(columns, np.bool_), np.zeros(rule.models, np.bool_)
    some = [counts.any(axis=1) for counts in live]
    for at in range(len(live[0])):
        for walk, variation, counts, there in zip(walks, variations, live, some, strict=True):
            if there[at]:
                detector.fold(walk, variation, begin + at * SLICE_SECONDS, counts[at].astype(np.int64))
        if not any(there[at] for there in some):
            found.alarmed += alarmed
            continue
        mean = np.mean([detector.mean_capital(walk) for walk in walks], axis=0)
        latched = np.logical_or.reduce([walk.alarmed for walk in walks])
        now = (mean >= detector.limit) | (alarmed & latched) if len(live) > 1 else walks[0].alarmed
        found.onsets += [(at, int(column)) for column in np.flatnonzero(now & ~alarmed)]
        alarmed = now.copy()
        found.alarmed += alarmed
        np.maximum(found.peak, mean / detector.limit, out=found.peak)
        moved = _moved(mean.reshape(rule.models, -1), detector.limit) | alarmed.reshape(rule.models, -1).any(axis=1)
        found.broad += [(at, int(model)) for model in np.flatnonzero(moved & ~broad)]
        broad = moved
    found.exponent = np.median(detector._worth(variations[0]), axis=1)
    return found


def _moved(mean: Floats, limit: float) -> NDArray[np.bool_]:
    """Return whether columns of each model surely moved, all of them together (e-BH)."""
    ordered = -np.sort(-mean, axis=1)
    enough: NDArray[np.bool_] = (ordered * np.arange(1, mean.shape[1] + 1) >= limit).any(axis=1)
    return enough


def side_by_side(streams: Sequence[list[NDArray[np.int32]]]) -> list[NDArray[np.int32]]:
    """Return the counts of several models' replicas next to each other."""
    return [np.concatenate(replica, axis=1) for replica in zip(*streams, strict=True)]
