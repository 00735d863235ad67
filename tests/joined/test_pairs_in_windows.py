"""Windows of performance are what their minutes' pairs are, counted anew, whatever came and went in between."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from labelled import regression
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.state_days import table_of
from prediction_exporter.counting.windows import Span
from prediction_exporter.joined import JoinedCounts, Maturity
from prediction_exporter.labels import Joined, Labels, Predictions, Store
from prediction_exporter.performance import Performance, PerformanceLayout, performance_layout
from waiting_labels import BEGIN, CLASSES, DAY, MODEL, NUMBERS, L, P, Pair, Stored, labels, predictions

HOUR = 3600
SPANS = (Span.of("1h", HOUR), Span.of("24h", DAY))
AREA = Column(name="area", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north", "south"))
PREDICTED, ACTUAL = Pair._fields.index("predicted"), Pair._fields.index("actual")
ROW = ("1h", "mature", "1", "", "all")


def layout(threshold: float | None = None) -> PerformanceLayout:
    """Return what is counted of a model of two classes."""
    decision = Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("no", "yes"))
    score = Column(name="score", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.0, 0.25, 0.5, 0.75, 1.0))
    return performance_layout(Layout([AREA, decision, score]), "binary", positive="yes", threshold=threshold, weighted=True)


class Counted(Stored):
    """A store whose pairs are counted, in windows that begin again as often as wanted."""

    def __init__(self, folder: Path, maturity: Maturity, *, staged: bool = False) -> None:
        super().__init__(folder, self.new_store())
        self.maturity, self.staged = maturity, staged
        self.begin()

    @staticmethod
    def new_store() -> Store:
        """Return a store that waits for three days."""
        return Store(CLASSES, horizon=3 * DAY, covered=DAY)

    def begin(self, threshold: float | None = None) -> None:
        """Count in new windows."""
        self.counts = JoinedCounts(
            layout(threshold), [AREA], SPANS, maturity=self.maturity, staged=self.staged, horizon=3 * DAY
        )
        self.loaded = False

    def again(self, threshold: float | None = None) -> None:
        """Start anew from the file."""
        self.restart(self.new_store())
        self.begin(threshold)

    def put(self, put: Iterable[P], given: Iterable[L], now: float) -> None:
        """Do all that a monitor does in a step."""
        with self.step() as step:
            if not self.loaded:
                self.counts.load(step, self.store)
                self.loaded = True
            joined: list[Joined] = [
                self.store.put_predictions(step, predictions(put), now),
                self.store.put_labels(step, labels(given), now),
            ]
            self.counts.put(step, self.store, joined)
            self.counts.recount(step, self.store)
            self.store.expire(step, now)
            self.counts.advance(step, self.store, now, believed=now)
        for one in joined:
            self.add(one)

    def windows(self) -> dict[tuple[str, ...], list[int]]:
        """Return the counts of all windows."""
        found: dict[tuple[str, ...], list[int]] = {}
        for window in self.counts.windows():
            found[window.span, window.kind, *window.key] = window.pairs.counts.tolist()
        return found

    def rows(self, *key: str) -> int:
        """Return how many pairs a window has."""
        return next((w.pairs.rows for w in self.counts.windows() if (w.span, w.kind, *w.key) == (key or ROW)), 0)


def recounted(counted: Counted, now: float, *, used: PerformanceLayout | None = None) -> dict[tuple[str, ...], list[int]]:
    """Return the counts that windows must have by all pairs there are, each window counted as a whole."""
    used = used or layout()
    encoder = used.encoder()
    found = {}
    for span in SPANS:
        ends = {"preliminary": int(now // 60) + 1}
        if span.name in counted.counts.ends:
            ends["mature"] = int(counted.counts.ends[span.name] // 60)
        for kind, end in ends.items():
            inside = [
                pair
                for pair, many in counted.pairs.items()
                for _ in range(many)
                if end - span.seconds // 60 <= pair.minute < end
            ]
            by_key: dict[tuple[str, ...], list[Pair]] = {}
            for pair in inside:
                stage = (pair.part or "none") if counted.staged else ""
                area = pair.segment if pair.segment in AREA.categories else "other"
                segments = ["all"] if pair.segment is None else ["all", f"area={area}"]
                for segment in segments:
                    by_key.setdefault((pair.version, stage, segment), []).append(pair)
            for key, pairs in by_key.items():
                predicted, actual = (np.array([encoder.code(str(pair[at])) for pair in pairs]) for at in (PREDICTED, ACTUAL))
                scores, weights = np.array([[p.score] for p in pairs]), np.array([p.weight for p in pairs])
                found[span.name, kind, *key] = Performance.of(used, predicted, actual, scores, weights).counts.tolist()
    return found


MATURITIES = {
    "after": Maturity(after=2 * HOUR),
    "coverage": Maturity(coverage=0.4),
    "both": Maturity(after=HOUR, coverage=0.3),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", MATURITIES)
def test_windows_are_what_their_pairs_are(tmp_path: Path, name: str, seed: int) -> None:
    """Late, early, repeated and corrected labels, of versions, stages and segments; starts anew and clocks that go back."""
    chance = random.Random(f"{name} {seed}")
    counted = Counted(tmp_path, MATURITIES[name], staged=bool(seed % 2))
    now, number, seen = BEGIN + 5.0, 0, Counter[str]()
    for _ in range(36):
        now += chance.choice([20, 700, 5000, 40_000, -3000])
        many = chance.randrange(12)
        put = [
            P(
                f"{number + k}",
                now - chance.choice([0, 100, 3000, 20_000]),
                chance.choice(["yes", "no"]),
                chance.choice([None, "shadow"]),
                chance.choice(["1", "2"]),
                chance.choice(["north", "south", "east", None]),
                chance.random(),
            )
            for k in range(many)
        ]
        number += many
        ids = [max(number - chance.randrange(-4, 40), 0) for _ in range(chance.randrange(15))]
        given = [L(f"{k}", chance.choice(["yes", "no", "maybe"]), now, weight=chance.choice([1.0, 2.5])) for k in ids]
        counted.put(put, given, now)
        windows = counted.windows()
        assert windows == recounted(counted, now)
        seen.update(kind for _, kind, *_ in windows)
        if chance.random() < 0.2:
            counted.again()
    assert min(seen["mature"], seen["preliminary"]) > 20


def test_a_corrected_label_moves_within_every_window(tmp_path: Path) -> None:
    """The pair's minute stays that of the prediction; the number of pairs too."""
    counted = Counted(tmp_path, Maturity(after=0.0))
    counted.put([P("a", BEGIN, score=0.7)], [L("a", "no")], BEGIN + 90)
    before = counted.windows()
    counted.put([], [L("a", "yes")], BEGIN + 120)
    after = counted.windows()
    assert before.keys() == after.keys()
    assert len(after) == len(SPANS) * len(("mature", "preliminary")) * len(("all", "area=north"))
    for window in counted.counts.windows():
        assert window.pairs.weight("confusion").tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_mature_windows_end_after_the_time_that_labels_take(tmp_path: Path) -> None:
    """A pair enters the mature window when its minute is complete, and leaves it a span later."""
    counted = Counted(tmp_path, Maturity(after=2 * HOUR))
    counted.put([P("a", BEGIN + 30)], [L("a")], BEGIN + 60)
    seen = []
    for minute in range(200):
        now = BEGIN + minute * 60
        counted.put([], [], max(now, BEGIN + 60))
        if counted.rows():
            seen.append(minute)
        assert counted.counts.ends["1h"] <= max(now, BEGIN + 60) - 2 * HOUR
    assert (seen[0], seen[-1]) == (121, 180)


def test_mature_windows_end_where_enough_labels_have_come(tmp_path: Path) -> None:
    """The newest end counts before which a window's share is reached; with a time as well, none later than that."""
    ends = {}
    for name, maturity in {"coverage": Maturity(coverage=0.5), "both": Maturity(after=HOUR, coverage=0.5)}.items():
        folder = tmp_path / name
        folder.mkdir()
        counted = Counted(folder, maturity)
        put = [P(f"{minute}", BEGIN + minute * 60) for minute in range(240)]
        counted.put(put, [], BEGIN + 240 * 60)
        assert "1h" not in counted.counts.ends
        assert not counted.rows()
        counted.put([], [L(f"{minute}") for minute in range(200)], BEGIN + 240 * 60)
        ends[name] = (counted.counts.ends["1h"] - BEGIN) / 60
        assert counted.rows() == min(200, ends[name]) - (ends[name] - 60)
    assert ends == {"coverage": 230, "both": 180}


def test_coverage_tells_classes_apart(tmp_path: Path) -> None:
    """Of the predictions of a window, those of each class and how many of them have a label."""
    counted = Counted(tmp_path, Maturity(after=HOUR), staged=True)
    put = [P(f"{k}", BEGIN + 60.0 * k, "yes" if k < 3 else "no", "champion") for k in range(8)]
    counted.put(put, [L("0"), L("1"), L("7")], BEGIN + 2 * HOUR)
    found = {(key, span, kind): (p.tolist(), n.tolist()) for key, span, kind, p, n in counted.counts.coverage()}
    assert counted.counts.classes == ("no", "yes", "other")
    assert found[("1", "champion"), "1h", "mature"] == ([5, 3, 0], [1, 2, 0])
    assert (("1", "champion"), "1h", "preliminary") not in found
    assert found[("1", "champion"), "24h", "preliminary"] == ([5, 3, 0], [1, 2, 0])


def damage(counted: Counted, day: int) -> None:
    """Turn a byte of a row of a day's counts."""
    table = table_of(MODEL, "performance", day)
    with counted.step() as step:
        (key, body) = step.connection.execute(f"SELECT key, body FROM {table}").fetchone()
        turned = body[:13] + bytes([body[13] ^ 1]) + body[14:]
        step.connection.execute(f"UPDATE {table} SET body = ? WHERE key = ?", (turned, key))


@pytest.mark.parametrize("when", ["running", "start"])
def test_a_damaged_day_is_counted_anew(tmp_path: Path, when: str, caplog: pytest.LogCaptureFixture) -> None:
    """From the predictions and labels that are kept; it is told, and later corrections find what they replace."""
    counted = Counted(tmp_path, Maturity(after=0.0))
    now = BEGIN + 3000.0
    counted.put([P(f"{k}", BEGIN + 60.0 * k, score=k / 40) for k in range(40)], [L(f"{k}") for k in range(30)], now)
    damage(counted, int(BEGIN // DAY))
    if when == "start":
        counted.again()
    counted.put([], [L("0", "no")], now)
    counted.put([], [L("4", "no")], now)
    assert counted.windows() == recounted(counted, now)
    assert counted.rows() == 30
    assert counted.counts.damaged == 1
    assert "were damaged and are counted anew" in caplog.text


def test_another_layout_counts_anew_what_waits(tmp_path: Path) -> None:
    """A threshold, or a baseline with other bins, does not make performance blind for a month."""
    counted = Counted(tmp_path, Maturity(after=0.0))
    put = [P(f"{k}", BEGIN + 3600.0 * k, score=k / 60) for k in range(50)]
    now = BEGIN + 50 * HOUR
    counted.put(put, [L(f"{k}", "no" if k % 3 else "yes") for k in range(50)], now)
    counted.again(threshold=0.3)
    for _ in range(3):
        counted.put([], [L("49", "yes", now)], now)
    assert counted.windows() == recounted(counted, now, used=layout(0.3))
    assert counted.rows("24h", "mature", "1", "", "all") == 24


def test_what_no_window_holds_is_dropped(tmp_path: Path) -> None:
    """Days go when labels cannot come any more and the longest window has passed them."""
    counted = Counted(tmp_path, Maturity(after=0.0))
    days = []
    for day in range(8):
        now = BEGIN + day * DAY + 30.0
        counted.put([P(f"{day}", now)], [L(f"{day}")], now)
        with counted.step(commit=False) as step:
            names = step.connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'day%performance%'").fetchall()
        days.append(len(names))
    assert days == [1, 2, 3, 4, 5, 5, 5, 5]


def test_removing_labels_leaves_nothing(tmp_path: Path) -> None:
    """What was joined goes apart from what waits, and both go."""
    counted = Counted(tmp_path, Maturity(after=0.0))
    counted.put([P("a")], [L("a")], BEGIN + 60)
    with counted.step() as step:
        step.drop_parts("performance")
    counted.again()
    counted.put([], [], BEGIN + 120)
    assert counted.rows() == 1, "counted anew from what waits"
    with counted.step() as step:
        step.drop_parts("performance")
        step.drop_parts()
    counted.again()
    counted.put([], [], BEGIN + 120)
    assert not counted.windows()


def test_numbers(tmp_path: Path) -> None:
    """Predicted numbers are counted as such, and coverage tells no classes apart."""
    pairs = regression(300, 1)
    stored = Stored(tmp_path, Store(NUMBERS))
    counts = JoinedCounts(pairs.layout, (), SPANS, maturity=Maturity(after=0.0), staged=False, horizon=30 * DAY)
    ids = pl.Series([f"{number}" for number in range(len(pairs))])
    put = Predictions(
        ids, np.full(len(pairs), int(BEGIN * 1e6)), pl.repeat("1", len(pairs), eager=True), pl.Series(pairs.predicted)
    )
    with stored.step() as step:
        counts.load(step, stored.store)
        joined = [
            stored.store.put_predictions(step, put, BEGIN + 90),
            stored.store.put_labels(step, Labels(ids, pl.Series(pairs.actual)), BEGIN + 90),
        ]
        counts.put(step, stored.store, joined)
        counts.advance(step, stored.store, BEGIN + 90, believed=BEGIN + 90)
    assert {(w.span, w.kind) for w in counts.windows()} == {(s.name, k) for s in SPANS for k in ("mature", "preliminary")}
    assert all((window.pairs.counts == pairs.counted().counts).all() for window in counts.windows())
    ((_, _, _, predictions_of, labelled),) = [one for one in counts.coverage() if one[1:3] == ("1h", "mature")]
    assert (counts.classes, predictions_of.tolist(), labelled.tolist()) == (("",), [300], [300])
    stored.state.close()
