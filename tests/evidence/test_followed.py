"""The evidence of a model, from its source to its series: over restarts, repeated readings, and events that are late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import new_file
from prediction_exporter.evidence.bets import BETS
from watched import NOW, Series, Watched, config_text, model_text, read, save_baseline, total
from watched_table import Table

EVIDENCE = "model_column_drift_evidence"
AT_ONCE = config_text(model_text(more="baseline: baseline.json\nlearning: 0s"))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A model to watch."""
    return Watched(tmp_path)


def of_evidence(series: Series) -> Series:
    """Return the series that the evidence makes."""
    return {key: value for key, value in series.items() if key[0].startswith((EVIDENCE, "model_moved", "model_drift_"))}


def value(series: Series, name: str, **labels: str) -> float:
    """Return the value of what there is."""
    found = total(series, name, **labels)
    assert found is not None
    return found


def hours(watched: Watched, count: int, *, each: int = 30) -> Iterator[int]:
    """Log events of two versions in uneven minutes, some of them a little late, and yield each step."""
    for step in range(count * 4):
        watched.clock.now += 900
        for minute in range(each // 3):
            watched.log(2, at=watched.clock() - 60 * minute, amount=10 + 2.0 * watched.chance.gauss(0, 1) + (step > count * 2))
        watched.log(each // 3, at=watched.clock() - 1800, version="2")
        yield step


def test_restarts_change_nothing(tmp_path: Path) -> None:
    """An exporter that is stopped at every step says to the last digit what one says that never was."""
    one, other = Watched(tmp_path / "one"), Watched(tmp_path / "other")
    for watched in (one, other):
        watched.folder.mkdir()
    staying = one.start(one.configure(AT_ONCE))
    loaded = other.configure(AT_ONCE)
    for _ in zip(hours(one, 5), hours(other, 5), strict=True):
        expected = of_evidence(read(staying, one.clock)[1])
        found = of_evidence(read(other.start(loaded), other.clock)[1])
        assert found == expected
        other.close()
        other.monitors.clear()
    assert value(expected, EVIDENCE, column="amount", version="1") > value(expected, EVIDENCE, column="amount", version="2") > 0


def test_a_table_that_is_read_again_says_what_a_log_says(tmp_path: Path) -> None:
    """Its newest rows are read at every look, and counted once; after a restart it reads its windows anew."""
    (tmp_path / "log").mkdir()
    watched = Watched(tmp_path / "log")
    log = watched.start(watched.configure(AT_ONCE))
    (tmp_path / "table").mkdir()
    table = Table(new_file("sqlite", tmp_path / "table"), tmp_path / "table")
    table.configure()
    text = table.model.file.read_text().replace("baseline: baseline.json", "baseline: baseline.json\n    learning: 0s")
    loaded = table.model.configure(text)
    monitor = table.start(loaded)
    for step in range(12):
        for each in (watched, table.model):
            each.clock.now += 600
        watched.log(20, amount=12.0)
        table.insert(20, amount=12.0)
        expected, found = read(log, watched.clock)[1], read(monitor, table.clock)[1]
        if step == 7:
            monitor = table.start(loaded)
            found = read(monitor, table.clock)[1]
        assert of_evidence(found) == of_evidence(expected)
    assert value(found, EVIDENCE, column="amount") > value(found, f"{EVIDENCE}_threshold", column="amount")


def test_a_small_change_is_sure_before_it_is_large(watched: Watched) -> None:
    """A third of a standard deviation: evidence is above its threshold, and the distance is below its own, in every window."""
    monitor = watched.start(watched.configure(AT_ONCE))
    for _ in range(20):
        watched.clock.now += 600
        for _ in range(60):
            watched.log(amount=watched.chance.gauss(10.7, 2))
        series = read(monitor, watched.clock)[1]
    limit = value(series, f"{EVIDENCE}_threshold", column="amount")
    assert value(series, EVIDENCE, column="amount") > limit
    assert all(value(series, EVIDENCE, column=name) < limit for name in ("color", "score", "decision"))
    assert total(series, "model_moved_columns") == 1
    for window in ("1h", "24h"):
        of_column = {"column": "amount", "window": window}
        assert value(series, "model_column_psi", **of_column) < value(series, "model_column_psi_threshold", **of_column)


def test_nothing_is_said_while_it_is_learnt_how_much_hours_differ(watched: Watched) -> None:
    """A day by default; how much of it is left is told."""
    monitor = watched.start(watched.configure(config_text()))
    watched.log(20, color="blue")
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_drift_learning_seconds") == 86_400
    assert total(series, EVIDENCE) is None
    assert total(series, "model_moved_columns") is None
    for _ in range(25):
        watched.clock.now += 3600
        watched.log(20, color="blue")
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_drift_learning_seconds") == 0
    assert value(series, EVIDENCE, column="color") > 0
    assert total(series, "model_moved_columns") is not None


def test_a_request_that_tries_a_model_out_is_no_day_of_it(watched: Watched) -> None:
    """Sessions of ten alike, two days after it: how they come is learnt first, and they are no drift then."""
    monitor = watched.start(watched.configure(config_text()))
    watched.log()
    read(monitor, watched.clock)
    watched.clock.now += 2 * 86_400
    for hour in range(24):
        watched.clock.now += 3600
        for _ in range(15):
            at, amount = watched.clock() - 3600 * watched.chance.random(), watched.chance.gauss(10, 2)
            watched.log(10, at=at, amount=amount, color=watched.chance.choice(["red", "blue"]))
        series = read(monitor, watched.clock)[1]
        assert bool(value(series, "model_drift_learning_seconds")) == (hour < 13)
        assert not total(series, "model_moved_columns")
    assert total(series, "model_moved_columns") == 0


@pytest.mark.parametrize(("at", "told"), [(NOW - 7200, 0), (NOW - 9300, 5)])
def test_what_comes_too_late_is_told(watched: Watched, at: float, told: int) -> None:
    """Rows from before what has been closed for an hour are in the windows, and their number is a series."""
    monitor = watched.start(watched.configure(AT_ONCE))
    watched.log(5, at=NOW - 9000)
    watched.log(5)
    read(monitor, watched.clock)
    watched.clock.now += 3600
    watched.log(5)
    read(monitor, watched.clock)
    watched.log(5, at=at)
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_drift_late_predictions_total") == told
    assert total(series, "model_window_predictions", window="24h", segment="all") == 20


def by_hour(watched: Watched, *, days: int, to: str) -> list[str]:
    """Log events of some days, and return their lines."""
    for hour in range(24 * days):
        at = NOW - 86_400 * days + 3600 * hour
        for _ in range(10):
            watched.log(at=at + 3600 * watched.chance.random(), to=to, amount=watched.chance.gauss(11, 2))
    return (watched.folder / to).read_text().splitlines()


def test_files_of_the_same_time_are_read_as_one(tmp_path: Path) -> None:
    """Replicas' files are read one after the other: none is late for the one before, nor after a restart."""
    replicas, together = Watched(tmp_path / "replicas"), Watched(tmp_path / "together")
    for each in (replicas, together):
        each.folder.mkdir()
    text = AT_ONCE.replace("path: app.log", 'path: "*.log"')
    lines = [line for name in ("a.log", "b.log") for line in by_hour(replicas, days=1, to=name)]
    (replicas.folder / "b.log").rename(replicas.folder / "b.later")
    together.write("".join(line + "\n" for line in sorted(lines, key=lambda line: float(json.loads(line)["ts"]))))
    expected = read(together.start(together.configure(text)), together.clock)[1]
    read(replicas.start(replicas.configure(text)), replicas.clock)
    (replicas.folder / "b.later").rename(replicas.folder / "b.log")
    found = read(replicas.start(replicas.configure(text)), replicas.clock)[1]
    assert total(found, "model_drift_late_predictions_total") == 0
    assert of_evidence(found) == of_evidence(expected)
    assert value(found, EVIDENCE, column="amount") > 0


def test_long_windows_do_not_blur_the_hours(tmp_path: Path) -> None:
    """What is usual may differ by the hour: events of days ago are told apart by it, however wide a window's buckets are."""
    found = []
    for name, windows in (("week", "1h, 7d"), ("month", "1h, 31d")):
        watched = Watched(tmp_path / name)
        watched.folder.mkdir()
        by_hour(watched, days=2, to="app.log")
        loaded = watched.configure(f"windows: [{windows}]\n{AT_ONCE}")
        found.append(of_evidence(read(watched.start(loaded), watched.clock)[1]))
    assert found[0] == found[1]
    assert value(found[0], EVIDENCE, column="amount") > 0


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_was_ahead_ends_no_evidence(watched: Watched, *, restarted: bool) -> None:
    """What came while it was wrong does not make late what comes when it is right again."""
    monitor = watched.start(watched.configure(AT_ONCE))
    watched.log(20)
    read(monitor, watched.clock)
    watched.clock.now += 30 * 86_400
    for _ in range(2):
        watched.clock.now += 7200
        watched.log(3)
        read(monitor, watched.clock)
    watched.clock.now = NOW
    monitor = watched.start(watched.configure(AT_ONCE)) if restarted else monitor
    for _ in range(12):
        watched.clock.now += 600
        watched.log(30, color="blue")
        series = read(monitor, watched.clock)[1]
    assert total(series, "model_drift_late_predictions_total") == 0
    assert value(series, EVIDENCE, column="color") > value(series, f"{EVIDENCE}_threshold", column="color")


@pytest.mark.parametrize(("names", "other"), [(["tracker.FORM"], 0), (["bets.BETS", "detector.BETS"], BETS[1:])])
def test_evidence_of_another_release_begins_anew(
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    names: list[str],
    other: object,
) -> None:
    """What is stored in another form, or of another number of bets, is told and left."""
    monitor = watched.start(watched.configure(AT_ONCE))
    for _ in range(3):  # the first slice is closed by the last
        watched.clock.now += 7200
        watched.log(50, color="blue")
        before = read(monitor, watched.clock)[1]
    assert value(before, EVIDENCE, column="color") > 0
    for name in names:
        monkeypatch.setattr(f"prediction_exporter.evidence.{name}", other)
    after = read(watched.start(watched.configure(AT_ONCE)), watched.clock)[1]
    assert total(after, EVIDENCE, column="color") is None
    assert "model m: what is stored of the evidence was gathered by the rule of another release" in caplog.text


def test_a_baseline_of_other_columns_begins_anew(watched: Watched) -> None:
    """What is stored is of other bets then."""
    read(watched.start(watched.configure(AT_ONCE)), watched.clock)
    watched.log(50, color="blue")
    before = read(watched.start(watched.configure(AT_ONCE)), watched.clock)[1]
    assert value(before, EVIDENCE, column="color") > 0
    (watched.folder / "baseline.json").unlink()
    save_baseline(watched.folder / "baseline.json", colors=("red", "blue", "green"))
    after = read(watched.start(watched.configure(AT_ONCE)), watched.clock)[1]
    assert total(after, EVIDENCE, column="color") is None


def test_a_version_that_is_served_no_more_raises_nothing(watched: Watched) -> None:
    """What it moved by when it was is no news, though it stays known for as long as its counters are shown."""
    monitor = watched.start(watched.configure(AT_ONCE))
    watched.log(200, color="blue", version="old")
    assert value(read(monitor, watched.clock)[1], "model_moved_columns", version="old") == 1
    watched.clock.now += 2 * 86_400
    watched.log(50, version="new")
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_moved_columns", version="old") is None
    assert value(series, "model_moved_columns", version="new") == 0
