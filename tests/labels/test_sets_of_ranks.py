"""Labels of a ranking add up: whatever comes first, twice, or is put again, a list has all ranks that were chosen."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prediction_exporter.counting.ranks import set_of
from prediction_exporter.labels import Joined, Labels, Predictions, Shape, Store
from waiting_labels import BEGIN, Stored

SHAPE = Shape("ranks")

#: An id, and what was chosen.
Row = tuple[str, float]


def shown(names: list[str]) -> Predictions:
    """Return a batch of lists."""
    texts, size = pl.Series(names, dtype=pl.String), len(names)
    return Predictions(texts, np.full(size, BEGIN * 1_000_000), texts, pl.repeat(0.0, size, dtype=pl.Float64, eager=True))


def chosen(rows: list[tuple[str, set[int]]], at: float = BEGIN) -> Labels:
    """Return a batch of labels."""
    sets = pl.Series([set_of(ranks) for _, ranks in rows], dtype=pl.Float64)
    return Labels(pl.Series([name for name, _ in rows], dtype=pl.String), sets, np.full(len(rows), int(at * 1e6)))


def rows_of(joined: list[Joined]) -> Counter[Row]:
    """Return the pairs that are there after all, with their versions, which are their ids."""
    found: Counter[Row] = Counter()
    for one in joined:
        found.update(zip(one.added.versions, one.added.actual, strict=True))
        found.subtract(zip(one.removed.versions, one.removed.actual, strict=True))
    assert min(found.values(), default=0) >= 0
    return +found


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_a_list_add_up_in_any_order(tmp_path: Path, seed: int) -> None:
    """In batches of any size, before and after their lists, over starts and over steps that were not committed."""
    chance = random.Random(seed)
    stored = Stored(tmp_path, Store(SHAPE))
    names = [f"s{number}" for number in range(30)]
    clicks = [(name, {chance.choice([1, 2, 5, 52, 53])} if chance.random() < 0.8 else set()) for name in names * 4]
    chance.shuffle(clicks)
    clicks = [(name, ranks) for name, ranks in clicks if name != "s0"]
    truth: dict[str, set[int]] = {}
    joined: list[Joined] = []
    waiting, told = list(names), list(clicks)
    while waiting or told:
        some, waiting = waiting[: (many := chance.randrange(12))], waiting[many:]
        said, told = told[: (many := chance.randrange(40))], told[many:]
        before = rows_of(joined)
        if chance.random() < 0.3:
            with stored.step(commit=False) as step:
                stored.store.put_labels(step, chosen(said), BEGIN + 60)
        with stored.step() as step:
            joined.append(stored.store.put_predictions(step, shown(some), BEGIN + 60))
            joined.append(stored.store.put_labels(step, chosen(said, BEGIN + chance.randrange(60)), BEGIN + 60))
        for name, ranks in said:
            truth.setdefault(name, set()).update(ranks)
        there = set(names) - set(waiting)
        assert rows_of(joined) == Counter((name, set_of(ranks)) for name, ranks in truth.items() if name in there), before
        if chance.random() < 0.3:
            stored.restart(Store(SHAPE))
    with stored.step() as step:
        [again] = [Counter(zip(one.versions, one.actual, strict=True)) for one in stored.store.pairs(step, BEGIN // 86_400)]
    assert again == rows_of(joined)
    tallies = stored.store.tallies
    assert tallies.joined == len(truth)
    assert tallies.labels + tallies.repeated == len(clicks)
    stored.state.close()


def test_many_clicks_on_one_list_take_a_turn_each_at_most(tmp_path: Path) -> None:
    """A robot clicks ten thousand times: what it chose again is told as repeated."""
    stored = Stored(tmp_path, Store(SHAPE))
    with stored.step() as step:
        stored.store.put_predictions(step, shown(["a"]), BEGIN)
        joined = stored.store.put_labels(step, chosen([("a", {number % 3 + 1}) for number in range(10_000)]), BEGIN)
    assert joined.added.actual.to_list()[-1] == set_of([1, 2, 3])
    assert stored.store.tallies.repeated == 9_997
    stored.state.close()
