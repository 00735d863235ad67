"""Predictions and labels for tests of their store, row by row, and the pairs that come of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from prediction_exporter.counting.state import State, Step, StoredModel
from prediction_exporter.labels import Joined, Labels, Pairs, Predictions, Shape, Store

DAY = 86_400
MODEL = "m"

#: The first second of a day.
BEGIN = 20_000 * DAY

CLASSES = Shape("class", scores=1, segments=1)
NUMBERS = Shape("number")


class P(NamedTuple):
    """A prediction."""

    id: str | None
    time: float = BEGIN
    predicted: str | None = "yes"
    part: str | None = None
    version: str = "1"
    segment: str | None = "north"
    score: float = 0.5
    row: int = 0


class L(NamedTuple):
    """A label."""

    id: str | None
    actual: str | None = "yes"
    time: float | None = None
    part: str | None = None
    weight: float = 1.0
    row: int = 0


class Pair(NamedTuple):
    """A pair, as it comes out."""

    minute: int
    version: str
    part: str | None
    segment: str | None
    predicted: str
    score: float
    actual: str
    weight: float


def predictions(rows: Iterable[P]) -> Predictions:
    """Return a batch."""
    columns = list(rows)
    return Predictions(
        ids=pl.Series([row.id for row in columns], dtype=pl.String),
        times=np.array([row.time * 1e6 for row in columns], np.int64),
        versions=pl.Series([row.version for row in columns], dtype=pl.String),
        predicted=pl.Series([row.predicted for row in columns], dtype=pl.String),
        parts=pl.Series([row.part for row in columns], dtype=pl.String),
        rows=np.array([row.row for row in columns], np.int64),
        segments=(pl.Series([row.segment for row in columns], dtype=pl.String),),
        scores=np.array([[row.score] for row in columns], np.float64).reshape(-1, 1),
    )


def labels(rows: Iterable[L]) -> Labels:
    """Return a batch."""
    columns = list(rows)
    return Labels(
        ids=pl.Series([row.id for row in columns], dtype=pl.String),
        actual=pl.Series([row.actual for row in columns], dtype=pl.String),
        times=np.array([-1 if row.time is None else row.time * 1e6 for row in columns], np.int64),
        parts=pl.Series([row.part for row in columns], dtype=pl.String),
        rows=np.array([row.row for row in columns], np.int64),
        weights=np.array([row.weight for row in columns], np.float64),
    )


def rows_of(pairs: Pairs) -> Counter[Pair]:
    """Return pairs row by row, with one segment and one score."""
    columns = (
        pairs.minutes.tolist(),
        pairs.versions,
        pairs.parts,
        pairs.segments[0],
        pairs.predicted,
        pairs.scores[:, 0].tolist(),
        pairs.actual,
        pairs.weights.tolist(),
    )
    return Counter(Pair(*row) for row in zip(*columns, strict=True))


class Stored:
    """A store in a state file, and the pairs that it has given so far."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        self.folder = folder
        self.store = store or Store(CLASSES)
        self.pairs: Counter[Pair] = Counter()
        self.open()

    def open(self) -> None:
        """Open the state file."""
        self.state = State(self.folder, models=[MODEL])
        self.claim = self.state.claim(MODEL)
        self.told = dict(self.state.damage(MODEL))

    def restart(self, store: Store) -> None:
        """Begin again with another store on the same file."""
        self.state.close()
        self.store = store
        self.open()

    @contextmanager
    def step(self, *, commit: bool = True) -> Iterator[Step]:
        """One transaction, which is committed in the end or not."""
        with self.state.step(MODEL, claim=self.claim) as step:
            yield step
            if commit:
                step.commit(StoredModel("s", None, {}), None, (), keep_from={})

    def add(self, joined: Joined) -> None:
        """Count pairs."""
        self.pairs.update(rows_of(joined.added))
        removed = rows_of(joined.removed)
        assert removed <= self.pairs, "only what was added is removed"
        self.pairs -= removed

    def predict(self, *rows: P, now: float) -> None:
        """Put predictions."""
        with self.step() as step:
            joined = self.store.put_predictions(step, predictions(rows), now)
        self.add(joined)

    def label(self, *rows: L, now: float) -> None:
        """Put labels."""
        with self.step() as step:
            joined = self.store.put_labels(step, labels(rows), now)
        self.add(joined)

    def expire(self, now: float) -> None:
        """Drop what is old."""
        with self.step() as step:
            self.store.expire(step, now)

    def coverage(self) -> dict[tuple[int, str, str | None, str], tuple[int, int]]:
        """Return predictions and labelled ones by minute, version, part and class."""
        with self.step(commit=False) as step:
            found = self.store.coverage(step, 0, 1 << 40)
        keys = zip(found.minutes.tolist(), found.versions, found.parts, found.predicted, strict=True)
        counts = zip(found.predictions.tolist(), found.labelled.tolist(), strict=True)
        return dict(zip(keys, counts, strict=True))
