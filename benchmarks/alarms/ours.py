"""Ours: the detector of the package on drawn streams; several models of the same world are folded side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alarms.streams import MONDAY, Counts, Ints, Watched
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.entities import Entities
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.evidence.bets import Bets
from prediction_exporter.evidence.detector import Detector
from prediction_exporter.evidence.learnt import Learnt, scores_of
from prediction_exporter.evidence.recent import Recent
from prediction_exporter.evidence.replay import Replay
from prediction_exporter.evidence.scores import Floats, column_scores

Flags = NDArray[np.bool_]

#: A column is watched where a change of its mean by so much, in standard deviations, is larger than what is tolerated.
SEEN = 0.5

#: The version that entities are counted of.
MODEL = "1"


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
    """

    onsets: list[tuple[int, int]] = field(default_factory=list)
    broad: list[tuple[int, int]] = field(default_factory=list)
    alarmed: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    peak: Floats = field(default_factory=lambda: np.zeros(0))


def run(rule: Rule, live: Sequence[Counts], begin: int = MONDAY, *, entities: Sequence[Entities] = ()) -> Found:
    """Fold the slices of each replica, of all models' columns side by side; the fleet's evidence is the mean of theirs.

    Args:
        rule: the rule.
        live: the counts by slice of each replica.
        begin: of the first slice, in seconds.
        entities: how many rows entities have in each slice, of one model and replica; none where it has no such field.
    """
    detector = rule.detector
    columns = len(detector.watched)
    walks = [detector.begin() for _ in live]
    variations = [detector.variation() for _ in live]
    found = Found(alarmed=np.zeros(columns, np.int64), peak=np.zeros(columns))
    alarmed: Flags = np.zeros(columns, np.bool_)
    broad: Flags = np.zeros(rule.models, np.bool_)
    recent = Recent()
    some: list[Flags] = [np.asarray(counts.any(axis=1)) for counts in live]
    for at in range(len(live[0])):
        for walk, variation, counts, there in zip(walks, variations, live, some, strict=True):
            if there[at]:
                start = begin + at * SLICE_SECONDS
                detector.fold(walk, variation, start, counts[at].astype(np.int64), recent.dependence(MODEL))
                if entities:
                    recent.add(start, {MODEL: entities[at]})
        if not any(there[at] for there in some):
            found.alarmed += alarmed
            continue
        mean = np.mean([detector.mean_capital(walk) for walk in walks], axis=0)
        latched: Flags = np.asarray(np.any([walk.alarmed for walk in walks], axis=0))
        now: Flags = (mean >= detector.limit) | (alarmed & latched) if len(live) > 1 else walks[0].alarmed
        found.onsets += [(at, int(column)) for column in np.flatnonzero(now & ~alarmed)]
        alarmed = now.copy()
        found.alarmed += alarmed
        np.maximum(found.peak, mean / detector.limit, out=found.peak)
        by_model = alarmed.reshape(rule.models, -1)
        moved: Flags = _moved(mean.reshape(rule.models, -1), detector.limit) | np.asarray(by_model.any(axis=1))
        found.broad += [(at, int(model)) for model in np.flatnonzero(moved & ~broad)]
        broad = moved.copy()
    return found


def _moved(mean: Floats, limit: float) -> Flags:
    """Return whether columns of each model surely moved, all of them together (e-BH)."""
    ordered = -np.sort(-mean, axis=1)
    enough: Flags = np.asarray((ordered * np.arange(1, mean.shape[1] + 1) >= limit).any(axis=1))
    return enough


def side_by_side(streams: Sequence[list[Counts]]) -> list[Counts]:
    """Return the counts of several models' replicas next to each other."""
    return [np.concatenate(replica, axis=1) for replica in zip(*streams, strict=True)]
