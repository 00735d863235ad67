"""A gambler who bets row by row, written down plainly: what the detector's arithmetic on counts must come to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.evidence.bets import BETS, Bets
from prediction_exporter.evidence.detector import Detector
from prediction_exporter.evidence.learnt import Learnt, scores_of
from prediction_exporter.evidence.scores import ColumnScores, column_scores

HOUR = 3600
MONDAY = 4 * 86_400

NUMERIC = Column(
    name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0, 2.0, 4.0, 5.0), drift_edges=(1.0, 2.0, 4.0), scale=1.5
)
CATEGORICAL = Column(name="y", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=tuple("abc"))
PRESENCE = Column(name="z", role=Role.FEATURE, kind=Kind.PRESENCE)
COLUMNS = (NUMERIC, CATEGORICAL, PRESENCE)


@dataclass(frozen=True)
class Setting:
    """What a detector is made of."""

    columns: Sequence[Column]
    scores: Sequence[ColumnScores]
    learnt: Sequence[Learnt]

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, season: int = 1, rows: int = 5000, effect: float = 3.0) -> Setting:
        """Draw baselines, seasons, tolerances and what a row is worth."""
        cells = Cells(Layout(COLUMNS))
        scores, learnt = [], []
        for place, column in enumerate(COLUMNS):
            size = int(cells.offsets[place + 1] - cells.offsets[place])
            counts = rng.multinomial(rows // season, rng.dirichlet(np.ones(size)), size=season)
            whole = counts.sum(axis=0)
            names = len(column_scores(column, whole[None]).names)
            first = 1 + rng.random(names)
            learnt.append(
                Learnt(
                    season,
                    counts if season > 1 else None,
                    first,
                    first * (1 + (effect - 1) * rng.random(names)),
                    0.1 + 0.3 * rng.random(names) * (rng.random(names) < 0.5),
                    replayed=True,
                )
            )
            scores.append(scores_of(column, whole, learnt[-1]))
        return cls(COLUMNS, scores, learnt)

    def detector(self, *, budget: float = 1.0, learning: float = 0.0) -> Detector:
        """Return the detector under test."""
        return Detector(Bets(Cells(Layout(self.columns)), self.scores, self.learnt), budget, learning=learning)


@dataclass
class Gambler:
    """Bets on one score of one column, row by row.

    Attributes:
        values: of the score by hour of the season and cell.
        takes: whether a cell's rows say anything of it.
        tolerance: that of the score's mean.
        bets: how much is bet.
        capital: of each bet.
    """

    values: Sequence[Sequence[float]]
    takes: Sequence[bool]
    tolerance: float
    bets: Sequence[float]
    capital: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, scores: ColumnScores, learnt: Learnt, at: int) -> Gambler:
        """Return the gambler on a column's score by its place."""
        deviation, worst = float(scores.deviation[at]), float(scores.values[:, at].min())
        tolerance = max(float(learnt.tolerance[at]), 0.1) * deviation
        tolerance = max(tolerance, float(scores.error[at]) * math.sqrt(learnt.first[at]))
        bets = [min(bet / deviation, 0.9 / max(tolerance - worst, 1e-9)) for bet in BETS.tolist()]
        return cls(scores.values[:, at].tolist(), scores.takes[at].tolist(), tolerance, bets, [0.0] * len(bets))

    def play(self, hour: int, rows: Sequence[int], exponent: float, empty: int) -> None:
        """Play the rows of a slice, each given by its cell, after so many empty slices."""
        values = self.values[hour % len(self.values)]
        for place, bet in enumerate(self.bets):
            capital = 1.0 + self.capital[place] + empty
            for cell in rows:
                if self.takes[cell]:
                    capital *= (1.0 + bet * (values[cell] - self.tolerance)) ** exponent
            self.capital[place] = capital

    def sum_and_rows(self, hour: int, rows: Sequence[int]) -> tuple[float, int]:
        """Return the sum of the score over rows, and how many say anything of it."""
        values = self.values[hour % len(self.values)]
        taken = [cell for cell in rows if self.takes[cell]]
        return sum(values[cell] for cell in taken), len(taken)


def rows_of(rng: np.random.Generator, setting: Setting, most: int) -> list[list[int]]:
    """Draw the cells of the rows of a slice, by column."""
    total = int(rng.integers(0, most + 1))
    return [rng.integers(0, scores.values.shape[2], total).tolist() for scores in setting.scores]


def counted(setting: Setting, rows: Sequence[Sequence[int]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the counts of rows that are given by their cells."""
    sizes = [scores.values.shape[2] for scores in setting.scores]
    return np.concatenate([np.bincount(cells, minlength=size) for cells, size in zip(rows, sizes, strict=True)])


def hour_of_week(start: int) -> int:
    """Return the hour since a Monday, 00:00 UTC."""
    return (start - MONDAY) // HOUR % 168


def starts(hours: float, begin: int = MONDAY) -> Iterator[int]:
    """Yield the begins of the slices of some hours."""
    yield from range(begin, begin + int(hours * HOUR), SLICE_SECONDS)


Exponents = Mapping[tuple[int, int], float]
