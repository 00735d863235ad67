"""What the store of labels promises, one thing at a time."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prediction_exporter.counting.state import FILE_NAME
from prediction_exporter.counting.state_database import PAGE_BYTES
from prediction_exporter.counting.state_days import table_of, tables
from prediction_exporter.labels import Labels, Predictions, Shape, Store
from prediction_exporter.labels.filters import BITS_EACH, Filter, Probe
from prediction_exporter.labels.keys import hash_ids
from prediction_exporter.labels.rows import label_type, prediction_type, room
from prediction_exporter.labels.tallies import DELAY_BOUNDS
from waiting_labels import BEGIN, CLASSES, DAY, MODEL, NUMBERS, L, P, Pair, Stored, labels, predictions

NOW = BEGIN + 3600.0


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    """An empty store."""
    stored = Stored(tmp_path)
    yield stored
    stored.state.close()


def pair(row: P, actual: str = "yes", weight: float = 1.0) -> Pair:
    """Return the pair of a prediction."""
    assert row.predicted is not None
    return Pair(int(row.time // 60), row.version, row.part, row.segment, row.predicted, row.score, actual, weight)


def test_a_label_finds_every_prediction_of_its_id(stored: Stored) -> None:
    """Champion and shadow, and the rows of one record, share an id and are no duplicates; a label may mean one of them."""
    champion, shadow, second = P("a", part="champion"), P("a", part="shadow"), P("a", part="champion", row=1)
    stored.predict(champion, shadow, second, now=NOW)
    stored.label(L("a", "no"), now=NOW)
    assert stored.pairs == Counter([pair(champion, "no"), pair(shadow, "no")])
    stored.label(L("a", "yes", part="shadow"), L("a", "yes", part="champion", row=1), now=NOW + 1)
    assert stored.pairs == Counter([pair(champion, "no"), pair(shadow, "yes"), pair(second, "yes")])
    assert stored.store.tallies.duplicates == 0
    assert stored.store.tallies.corrected == 1


def test_scores_are_those_that_were_put(stored: Stored) -> None:
    """Rounded to 32 bits, 0.7 would fall below a threshold of 0.7."""
    rows = [P(str(number), score=number / 10) for number in range(10)]
    stored.predict(*rows, now=NOW)
    stored.label(*(L(row.id) for row in rows), now=NOW)
    assert stored.pairs == Counter(map(pair, rows))
    assert float(np.float32(0.7)) < 0.7


def test_numbers_several_scores_and_ids_that_are_no_text(tmp_path: Path) -> None:
    """Predictions and labels may be numbers, of any size, and ids too."""
    store = Store(Shape("number", scores=2, score_bits=32))
    stored = Stored(tmp_path, store)
    put = Predictions(
        ids=pl.Series([1, 2, 3, 4]),
        times=np.full(4, BEGIN * 1_000_000),
        versions=pl.Series([None, "1", "1", "1"], dtype=pl.String),
        predicted=pl.Series([0.1, 1e300, None, float("nan")]),
        scores=np.array([[0.25, 1e-3]] * 4),
    )
    given = Labels(ids=pl.Series([2, 1, 3]), actual=pl.Series([1.5, -0.3, float("inf")]))
    with stored.step() as step:
        assert not len(store.put_predictions(step, put, NOW).added)
        joined = store.put_labels(step, given, NOW)
    found = sorted(zip(joined.added.predicted, joined.added.actual, joined.added.versions, strict=True))
    assert found == [(0.1, -0.3, None), (1e300, 1.5, "1")]
    assert joined.added.scores == pytest.approx(np.array([[0.25, 1e-3]] * 2), rel=1e-7)
    assert store.tallies.given_up == {("prediction", "empty"): 2, ("label", "empty"): 1}
    with stored.step(commit=False) as step:
        covered = store.coverage(step, 0, 1 << 40)
    assert covered.predicted.null_count() == len(covered.predicted) == 2  # one for each version
    stored.state.close()


def test_what_lacks_something_is_given_up_by_reason(stored: Stored) -> None:
    """No id, no value, a weight that is none, and times that are too far."""
    stored.predict(P(None), P("b", predicted=None), P("c", BEGIN - 31 * DAY), P("d", BEGIN + 2 * DAY), now=NOW)
    stored.label(L(None), L("b", None), L("c", weight=0.0), L("d", weight=float("nan")), now=NOW)
    assert stored.store.tallies.given_up == {
        ("prediction", "empty"): 2,
        ("prediction", "old"): 1,
        ("prediction", "ahead"): 1,
        ("label", "empty"): 2,
        ("label", "weight"): 2,
    }
    with stored.step(commit=False) as step:
        assert stored.store.waiting(step) == (0, 0)


def test_delays_are_counted_by_class_once(stored: Stored) -> None:
    """From the prediction's second to when the label was known; corrections and labels that came before are no longer ones."""
    ids = [str(number) for number in range(len(DELAY_BOUNDS) + 1)]
    stored.predict(*(P(i) for i in ids), now=NOW)
    delays = [*DELAY_BOUNDS, DELAY_BOUNDS[-1] + 1]
    stored.label(*(L(i, "no", BEGIN + delay) for i, delay in zip(ids, delays, strict=True)), now=NOW)
    stored.label(L("0", "yes", BEGIN + 70.0), L("z", "perhaps", BEGIN - 5.0), now=NOW)
    stored.predict(P("z"), now=NOW)
    tallies = stored.store.tallies
    assert tallies.delays == {"no": [1] * (len(DELAY_BOUNDS) + 1), "perhaps": [1] + [0] * len(DELAY_BOUNDS)}
    assert tallies.delay_sums == {"no": sum(delays), "perhaps": 0.0}


def test_a_share_is_kept_by_hash_and_weighs_more(tmp_path: Path) -> None:
    """Prediction and label of an id are both kept or both not; weights make up for it, also after the share has changed."""
    rows = [P(f"id {number}") for number in range(4000)]
    stored = Stored(tmp_path, Store(CLASSES, sample=0.25))
    stored.predict(*rows[:2000], now=NOW)
    stored.label(*(L(row.id, weight=2.0) for row in rows[:1000]), now=NOW)
    kept = stored.pairs.total()
    assert 250 - 60 < kept < 250 + 60  # four standard deviations of a binomial count are 55
    assert set(stored.pairs) == {pair(P(None), weight=8.0)}
    assert stored.store.tallies.unmatched == 0
    stored.restart(Store(CLASSES, sample=0.05))
    stored.predict(*rows[2000:], now=NOW)
    stored.label(*(L(row.id, weight=2.0) for row in rows[1000:]), now=NOW)
    with stored.step(commit=False) as step:
        predicted, _ = stored.store.waiting(step)
    assert stored.pairs.total() == predicted, "labels of the larger share still find what was kept of it"
    assert set(stored.pairs) == {pair(P(None), weight=8.0), pair(P(None), weight=40.0)}
    stored.state.close()


def test_the_oldest_days_go_for_lack_of_room(tmp_path: Path) -> None:
    """Predictions of a day go together, are counted, and no later one of that day comes in their place."""
    each = room(prediction_type(CLASSES)) + room(label_type(CLASSES))
    stored = Stored(tmp_path, Store(CLASSES, max_size=250 * each))
    for day in range(3):
        stored.predict(*(P(f"{day} {number}", BEGIN + day * DAY) for number in range(100)), now=BEGIN + day * DAY + 60)
    now = BEGIN + 2 * DAY + 120
    tallies = stored.store.tallies
    assert tallies.given_up == {("prediction", "room"): 100}
    stored.label(L("0 5"), L("1 5"), L("2 5"), now=now)
    assert {row.minute for row in stored.pairs} == {BEGIN // 60 + day * 1440 for day in (1, 2)}
    stored.predict(P("0 5"), now=now)
    assert stored.store.tallies.given_up == {("prediction", "room"): 100, ("prediction", "gone"): 1}
    assert stored.pairs.total() == 2
    stored.predict(*(P(f"more {number}", now) for number in range(1000)), now=now)
    with stored.step(commit=False) as step:
        assert 100 <= stored.store.waiting(step)[0] <= 250
        assert stored.store.put_labels(step, labels([L("more 0")]), now).added.minutes.tolist() == [now // 60]
    stored.state.close()


def test_labels_of_what_is_never_predicted_take_half_of_the_room(tmp_path: Path) -> None:
    """Beyond that they are given up; those that find a prediction are not."""
    most = 1000 * room(label_type(CLASSES))
    stored = Stored(tmp_path, Store(CLASSES, max_size=most))
    stored.predict(P("a"), now=NOW)
    stored.label(*(L(f"unknown {number}") for number in range(800)), now=NOW)
    stored.label(L("a"), now=NOW)
    assert stored.store.tallies.given_up == {("label", "room"): 300}
    assert stored.pairs == Counter([pair(P("a"))])
    stored.state.close()


def test_another_shape_gives_up_what_was_stored_in_the_former_one(stored: Stored) -> None:
    """What its bytes would mean is not guessed; counters go on."""
    stored.predict(P("a"), now=NOW)
    stored.label(L("b"), now=NOW)
    stored.restart(Store(NUMBERS))
    with stored.step() as step:
        assert stored.store.waiting(step) == (0, 0)
    assert stored.store.tallies.given_up == {("prediction", "shape"): 1, ("label", "shape"): 1}
    assert stored.store.tallies.predictions == 1


def test_a_new_layout_and_a_refilled_source_keep_what_waits(stored: Stored) -> None:
    """They concern windows."""
    stored.predict(P("a"), now=NOW)
    stored.state.drop_buckets(MODEL)
    stored.restart(Store(CLASSES))
    stored.label(L("a"), now=NOW)
    assert stored.pairs.total() == 1


def test_a_model_that_is_not_configured_leaves_no_table(stored: Stored) -> None:
    """Its predictions are deleted with all the rest."""
    stored.predict(P("a"), now=NOW)
    stored.state.keep(["another"])
    with closing(sqlite3.connect(stored.folder / FILE_NAME)) as connection:
        stored.state.close()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    assert not {name for name in tables if name.startswith("day_")}


def test_a_filter_misses_nothing_and_seldom_errs() -> None:
    """Over its growth; about two in a hundred, and as many bits as it says."""
    rng = np.random.default_rng(5)
    keys = rng.integers(0, 2**64, 60_000, dtype=np.uint64)
    small = Filter(1000)
    for part in np.split(keys[:50_000], 50):
        small.add(Probe(part))
    assert small.may_have(Probe(keys[:50_000])).all()
    full = Filter(50_000)
    full.add(Probe(keys[:50_000]))
    assert full.may_have(Probe(keys[50_000:])).mean() < 0.03
    assert full.nbytes == pytest.approx(50_000 * BITS_EACH / 8, rel=0.01)


def test_ids_are_their_texts() -> None:
    """As numbers, as texts, and as floats that pandas made of them."""
    whole = hash_ids(pl.Series(["7", "-3", "9007199254740992"]))
    assert (hash_ids(pl.Series([7.0, -3.0, 2.0**53])).keys == whole.keys).all()
    assert (hash_ids(pl.Series([7, -3, 2**53])).keys == whole.keys).all()
    assert len(np.unique(hash_ids(pl.Series([7.0, 7.5, 1e300, float("nan")])).keys)) == 4


def test_a_batch_of_another_shape_is_refused(stored: Stored) -> None:
    """Codes instead of classes, and scores or segments that are too few: never taken for something else."""
    put, given = predictions([P("a")]), labels([L("a")])
    wrong = [replace(put, predicted=pl.Series([1])), replace(put, scores=None), replace(put, segments=())]
    with stored.step(commit=False) as step:
        for batch in wrong:
            with pytest.raises(ValueError, match=r"values are String|a prediction has 1 scores and 1 segments"):
                stored.store.put_predictions(step, batch, NOW)
        with pytest.raises(ValueError, match="values are String where a class is predicted, not Float64"):
            stored.store.put_labels(step, replace(given, actual=pl.Series([1.0])), NOW)


def test_nothing_is_left_of_labels_that_nobody_wants_any_more(stored: Stored) -> None:
    """The tables are gone, and the file is whole."""
    stored.predict(P("a"), now=NOW)
    stored.label(L("b"), now=NOW)
    with stored.step() as step:
        step.drop_parts()
    with stored.step(commit=False) as step:
        assert step.parts() == []
        assert not tables(step.connection)
    stored.restart(Store(CLASSES))
    assert not stored.told


@pytest.mark.parametrize("kind", ["predictions", "labels", "coverage"])
def test_damage_while_it_runs_costs_the_day(stored: Stored, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A row that is not what was put is told when it is read; other days go on."""
    first, second = P("a"), P("b", BEGIN - DAY)
    stored.predict(first, second, now=NOW)
    stored.label(L("a", "no"), now=NOW)
    table = table_of(MODEL, kind, BEGIN // DAY)
    with stored.step() as step:
        assert step.connection.execute(f"UPDATE {table} SET body = zeroblob(length(body))").rowcount == 1
        joined = stored.store.put_labels(step, labels([L("a", "yes"), L("b", "yes")]), NOW + 1)
        stored.store.put_predictions(step, predictions([P("c")]), NOW + 1)
    stored.add(joined)
    # A correction needs what it replaces, and no coverage.
    assert stored.pairs == Counter([pair(first, "yes" if kind == "coverage" else "no"), pair(second)])
    assert stored.store.tallies.given_up["prediction", "damaged"] == 1 + (kind == "coverage")
    assert f"the table of {kind} of 2024-10-04 in the state file is damaged and dropped" in caplog.text
    stored.restart(Store(CLASSES))
    with stored.step(commit=False) as step:
        assert stored.store.waiting(step)[0] == 1
    assert stored.store.tallies.joined == 2


def damaged(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield files with a page each that is damaged: one bit of it, or all."""
    for begin in range(0, len(data), PAGE_BYTES):
        at = begin + chance.randrange(PAGE_BYTES)
        yield data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        yield data[:begin] + bytes(PAGE_BYTES) + data[begin + PAGE_BYTES :]


def test_damage_costs_a_day_and_is_told(tmp_path: Path) -> None:
    """In any page: every pair that comes is right and comes once, and what does not come is counted.

    Where it is not known any more which predictions a damaged table of labels had joined, they are given up: joined once more
    they would be wrong. The file's first page tells where the tables are.
    """
    stored = Stored(tmp_path / "state")
    rows = [P(f"{day} {n}", BEGIN + day * DAY + n, score=day * 150 + n) for day in range(4) for n in range(150)]
    stored.predict(*rows, now=BEGIN + 4 * DAY)
    first = {row.id: row for row in rows[::3]}
    stored.label(*(L(i, "no") for i in first), now=BEGIN + 4 * DAY)
    before = stored.pairs
    stored.state.close()
    whole = (stored.folder / FILE_NAME).read_bytes()
    lost: Counter[int] = Counter()
    for data in damaged(whole, random.Random(7)):
        shutil.rmtree(stored.folder)
        stored.folder.mkdir()
        (stored.folder / FILE_NAME).write_bytes(data)
        stored.pairs, stored.store = before.copy(), Store(CLASSES)
        stored.open()
        stored.label(*(L(row.id, "no") for row in rows), now=BEGIN + 4 * DAY + 60)
        tallies = stored.store.tallies
        with stored.step(commit=False) as step:
            there, _ = stored.store.waiting(step)
        stored.state.close()
        assert set(stored.pairs.values()) == {1}
        # All is lost with the page on which it is told what there is, which the state tells then.
        assert tallies.given_up["prediction", "damaged"] == len(rows) - there or (there == 0 and stored.told["window"])
        lost[len(rows) - there] += 1
        assert there % 150 == 0, "whole days"
        assert stored.pairs.total() == len(first) + there // 150 * 100, "those that were labelled before, and all that wait"
    assert lost[150] > 10
    assert lost[0] > 10


def test_coverage_outlives_predictions_for_as_long_as_it_is_asked_for(tmp_path: Path) -> None:
    """Windows may hold pairs of predictions that wait no more; these are counted as expired once."""
    stored = Stored(tmp_path, Store(CLASSES, horizon=DAY, covered=2 * DAY))
    stored.predict(P("a"), P("b"), now=NOW)
    stored.label(L("a"), now=NOW)
    seen = []
    for day in range(6):
        stored.expire(NOW + day * DAY)
        with stored.step(commit=False) as step:
            seen.append((stored.store.waiting(step)[0], len(stored.store.coverage(step, 0, 1 << 40).minutes)))
    assert seen == [(2, 1), (2, 1), (0, 1), (0, 1), (0, 0), (0, 0)]
    assert stored.store.tallies.expired == {"yes": 1}
    stored.state.close()
