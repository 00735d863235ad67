"""The store against a model of it: dicts, and every pair computed anew from all that was put."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prediction_exporter.labels import Store, keys
from prediction_exporter.labels.keys import hash_ids
from waiting_labels import BEGIN, CLASSES, DAY, L, P, Pair, Stored, labels, predictions

HORIZON_DAYS = 2

Key = tuple[int, int, str | None]


@dataclass
class Truth:
    """A label that is there."""

    id: str
    known: float
    actual: str
    weight: float
    day: int
    joined: bool = False


@dataclass
class Model:
    """What a store should have."""

    predictions: dict[Key, P] = field(default_factory=dict)
    labels: dict[Key, Truth] = field(default_factory=dict)
    past: Counter[Pair] = field(default_factory=Counter)
    cover: dict[tuple[int, str, str | None, str], list[int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    expired: Counter[str] = field(default_factory=Counter)
    delay: float = 0.0

    def current(self, key: Key) -> Truth | None:
        """Return the label that counts of a prediction."""
        row = self.predictions[key]
        found = []
        for specific, of in ((True, key), (False, (*key[:2], None))):
            label = self.labels.get(of)
            if label is not None and label.id == row.id:
                found.append((label.known, specific, label))
        return max(found, key=lambda one: one[:2])[2] if found else None

    def pair(self, key: Key) -> Pair | None:
        """Return the pair of a prediction."""
        row, label = self.predictions[key], self.current(key)
        if label is None:
            return None
        assert row.predicted is not None
        return Pair(
            int(row.time // 60), row.version, row.part, row.segment, row.predicted, row.score, label.actual, label.weight
        )

    def pairs(self) -> Counter[Pair]:
        """Return all pairs, those of predictions that are gone too."""
        return self.past + Counter(pair for key in self.predictions if (pair := self.pair(key)) is not None)

    def of(self, row: P | L) -> Key:
        """Return the key of a row."""
        assert row.id is not None
        return int(hash_ids(pl.Series([row.id])).keys[0]), row.row, row.part

    def predict(self, row: P, now: float) -> None:
        """Put a prediction."""
        day, key = row.time // DAY, self.of(row)
        if day < (now - HORIZON_DAYS * DAY) // DAY:
            self.counts["old"] += 1
        elif key in self.predictions:
            self.counts["duplicates" if self.predictions[key].id == row.id else "collisions"] += 1
        else:
            self.predictions[key] = row
            self.counts["predictions"] += 1
            self.cover.setdefault(self.cell(row), [0, 0])[0] += 1
            label = self.current(key)
            if label is not None:
                label.joined, label.day = True, int(max(label.day, now // DAY))
                self.join(row, label)

    def join(self, row: P, label: Truth) -> None:
        """Count a prediction that has got its first label."""
        self.counts["joined"] += 1
        self.cover[self.cell(row)][1] += 1
        self.delay += max(label.known - row.time // 1, 0.0)

    def cell(self, row: P) -> tuple[int, str, str | None, str]:
        """Return what a prediction is covered by."""
        assert row.predicted is not None
        return int(row.time // 60), row.version, row.part, row.predicted

    def label(self, row: L, now: float) -> None:
        """Put a label."""
        key, known = self.of(row), now if row.time is None else row.time
        assert row.id is not None
        assert row.actual is not None
        there = self.labels.get(key)
        if there is not None and there.id != row.id:
            self.counts["collisions"] += 1
        elif there is not None and (there.actual, there.weight) == (row.actual, row.weight):
            self.counts["repeated"] += 1
        elif there is not None and known < there.known:
            self.counts["outdated"] += 1
        else:
            spoken = [
                of
                for of, prediction in self.predictions.items()
                if prediction.id == row.id and of[:2] == key[:2] and key[2] in {None, of[2]}
            ]
            before = {of: self.pair(of) for of in spoken}
            joined = bool(spoken) or (there is not None and there.joined)
            day = int(now // DAY) if there is None else max(there.day, int(now // DAY))
            self.labels[key] = new = Truth(row.id, known, row.actual, row.weight, day, joined)
            self.counts["labels"] += 1
            for of in spoken:
                if before[of] is None:
                    self.join(self.predictions[of], new)
                elif self.pair(of) != before[of]:
                    self.counts["corrected"] += 1

    def expire(self, now: float) -> None:
        """Drop what is old."""
        oldest = (now - HORIZON_DAYS * DAY) // DAY
        for key in [key for key, row in self.predictions.items() if row.time // DAY < oldest]:
            pair = self.pair(key)
            if pair is None:
                self.expired[self.predictions[key].predicted or ""] += 1
            else:
                self.past[pair] += 1
            del self.predictions[key]
        self.cover = {cell: counts for cell, counts in self.cover.items() if cell[0] // 1440 >= oldest}
        for of in [of for of, label in self.labels.items() if label.day < oldest - 2]:
            self.counts["unmatched"] += not self.labels.pop(of).joined


IDS = st.sampled_from("abcdefgh")
PARTS = st.sampled_from([None, "champion", "shadow"])
CLASS = st.sampled_from(["yes", "no", "perhaps"])
ROWS = st.sampled_from([0, 0, 0, 1])

#: Times before now, and a little after it.
AGES = st.sampled_from([-60.0, 0.0, 30.0, 3600.0, 0.9 * DAY, 1.5 * DAY, 2.2 * DAY, 4.0 * DAY])

PREDICTION = st.tuples(IDS, AGES, CLASS, PARTS, st.sampled_from("12"), st.sampled_from(["north", None]), ROWS)
LABEL = st.tuples(IDS, CLASS, st.none() | AGES, PARTS, st.sampled_from([1.0, 2.5]), ROWS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("predict"), st.lists(PREDICTION, max_size=8)),
        st.tuples(st.just("label"), st.lists(LABEL, max_size=8)),
        st.tuples(st.just("wait"), st.sampled_from([60.0, 3600.0, 0.6 * DAY, 1.7 * DAY, 4.0 * DAY])),
        st.tuples(st.sampled_from(["restart", "undo"]), st.none()),
    ),
    min_size=4,
    max_size=14,
)


def do(stored: Stored, model: Model, steps: list[tuple[str, Any]]) -> None:
    """Do the same to both, and compare after each step."""
    now = BEGIN + 0.25 * DAY
    for what, rows in steps:
        if what == "predict":
            put = [P(i, now - age, c, part, version, segment, row=row) for i, age, c, part, version, segment, row in rows]
            stored.predict(*put, now=now)
            for one in put:
                model.predict(one, now)
        elif what == "label":
            given = [L(i, c, None if age is None else now - age, part, w, row) for i, c, age, part, w, row in rows]
            stored.label(*given, now=now)
            for label in given:
                model.label(label, now)
        elif what == "wait":
            now += rows
            stored.expire(now)
            model.expire(now)
        elif what == "restart":
            stored.restart(Store(CLASSES, horizon=HORIZON_DAYS * DAY))
        else:
            undo(stored, now)
        compare(stored, model)


def undo(stored: Stored, now: float) -> None:
    """Do much, and commit nothing of it."""
    with stored.step(commit=False) as step:
        stored.store.expire(step, now + 9 * DAY)
        for part in (None, "champion", "other"):
            stored.store.put_predictions(step, predictions(P(i, now, "never", part) for i in "abcdefgh"), now)
            stored.store.put_labels(step, labels(L(i, "ever", part=part) for i in "abcdefgh"), now)


def compare(stored: Stored, model: Model) -> None:
    """Compare all that can be seen."""
    assert stored.pairs == model.pairs()
    assert stored.coverage() == {cell: tuple(counts) for cell, counts in model.cover.items()}
    with stored.step(commit=False) as step:
        waiting = sum(not label.joined for label in model.labels.values())
        assert stored.store.waiting(step) == (len(model.predictions), waiting)
    tallies = stored.store.tallies
    names = ("predictions", "labels", "joined", "corrected", "duplicates", "repeated", "outdated", "collisions", "unmatched")
    assert {name: getattr(tallies, name) for name in names} == {name: model.counts[name] for name in names}
    assert tallies.given_up["prediction", "old"] == model.counts["old"]
    assert tallies.expired == model.expired
    assert sum(map(sum, tallies.delays.values())) == model.counts["joined"]
    assert sum(tallies.delay_sums.values()) == pytest.approx(model.delay, abs=1e-3)


@pytest.mark.parametrize("bits", [64, 1], ids=["whole keys", "keys of one bit"])
@settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_store_is_its_model(bits: int, steps: list[tuple[str, Any]]) -> None:
    """Whatever comes in whatever order: pairs, coverage and counters; with keys of one bit most ids collide."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(keys, "KEY_BITS", bits):
        stored = Stored(Path(folder), Store(CLASSES, horizon=HORIZON_DAYS * DAY))
        try:
            do(stored, Model(), steps)
        finally:
            stored.state.close()
