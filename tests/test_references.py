"""References beside the baseline: last week and the version before, through the model's monitor, with a clock to turn."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from databases import new_file
from oracles import COLUMN_ORACLES, Interval
from prediction_exporter import cli
from prediction_exporter.collectors.references import COLLECTOR
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.kit.readers import readers
from prediction_exporter.monitor import budget
from prediction_exporter.monitor.clock import BelievedClock
from prediction_exporter.monitor.model_monitor import ModelMonitor
from prediction_exporter.statistics import DISTANCES, Reference
from prediction_exporter.statistics.evaluation import evaluate
from prediction_exporter.web.landing import render_page
from samples import Sample
from watched import NOW, Series, Watched, config_text, event, model_text, read, total
from watched_table import Table

QUARTER = 900
HOUR = 3600
DAY = 86_400
WEEK = 7 * DAY

#: Of a replay: one day is more than the week that is compared with, and a quarter begins what is whole.
BEGIN = NOW - WEEK - DAY - QUARTER

Events = list[dict[str, Any]]


def more(references: str = "[week, version]", rest: str = "") -> str:
    """Return the lines of a model that compares with these."""
    return f"baseline: baseline.json\nmin_predictions: 10\nreferences: {references}{rest}"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model."""
    return Watched(tmp_path)


def start(watched: Watched, references: str = "[week, version]", windows: str = "[1h, 24h]", **of: Any) -> ModelMonitor:
    """Return a monitor of a model that compares its windows with these."""
    text = config_text(model_text(more=more(references)), more=f"windows: {windows}")
    return watched.start(watched.configure(text), **of)


def write(watched: Watched, events: Events) -> None:
    """Append events to the log."""
    watched.write("".join(json.dumps(one) + "\n" for one in events))


def weekly(begin: float, end: float, *, version: str = "1", seed: int = 3, rows: int = 6, **changed: Any) -> Events:
    """Return so many events a quarter of an hour; what they hold depends on the seed and the time of the week alone."""
    found = []
    for quarter in range(int(begin) // QUARTER, int(end) // QUARTER):
        chance = random.Random(f"{seed} {quarter % (WEEK // QUARTER)}")
        mean = 8 + 4 * (quarter % (DAY // QUARTER)) / (DAY // QUARTER)  # a season of the day
        times = sorted(chance.randrange(QUARTER * 1000) / 1000 for _ in range(rows))
        for at in times:
            values = {"version": version, "amount": chance.gauss(mean, 2), **changed}
            found.append(event(quarter * QUARTER + at, chance, **values))
    return found


def distances(series: Series, reference: str, **labels: str) -> dict[tuple[str, str], float]:
    """Return a reference's distances by key and column."""
    found = {}
    for statistic in DISTANCES:
        for (name, of), value in series.items():
            at = dict(of)
            if name == statistic.reference_family.name and {"reference": reference, **labels}.items() <= at.items():
                found[statistic.key, at["column"]] = value
    return found


def reasons(series: Series, reference: str, **labels: str) -> set[str]:
    """Return why a reference's distances are absent, or ok."""
    wanted = {"reference": reference, **labels}.items()
    return {
        dict(of)["reason"]
        for (name, of), _ in series.items()
        if name == "model_reference_status" and wanted <= dict(of).items()
    }


def referenced(series: Series) -> Series:
    """Return all series of references."""
    return {key: value for key, value in series.items() if key[0].startswith("model_reference_")}


# Last week


def test_what_repeats_from_week_to_week_is_no_change(watched: Watched) -> None:
    """Every distance is 0, whatever the season of the day, which version serves, and where in a quarter one looks."""
    monitor = start(watched, "[week]")
    left = [*weekly(BEGIN, NOW - 2 * DAY), *weekly(NOW - 2 * DAY, NOW + HOUR, version="2")]
    for later in (0, 61, 899, 900, 2700):
        watched.clock.now = NOW + later
        write(watched, [one for one in left if one["ts"] <= watched.clock.now])
        left = [one for one in left if one["ts"] > watched.clock.now]
        series = read(monitor, watched.clock)[1]
        for window, rows in (("1h", 24), ("24h", 576)):
            assert reasons(series, "week", version="2", window=window) == {"ok"}
            assert total(series, "model_reference_predictions", version="2", window=window) == rows
            found = distances(series, "week", version="2", window=window)
            assert len(found) == 4 * 5 + 2 * 2  # two of the columns are numbers
            assert set(found.values()) == {0.0}
    assert max(value for (name, _), value in series.items() if name == "model_column_psi") > 0.05  # the season is drift


@pytest.mark.parametrize("window", ["1h", "24h"])
def test_distances_are_those_of_the_raw_values(watched: Watched, window: str) -> None:
    """By SciPy and the formulas, from the values of both windows in the whole quarters; all versions of last week together."""
    monitor = start(watched)
    length = {"1h": HOUR, "24h": DAY}[window]
    before = weekly(BEGIN + HOUR, NOW - WEEK, seed=4) + weekly(BEGIN, NOW - WEEK, seed=5, version="0", rows=2)
    after = weekly(NOW - WEEK, NOW - 2 * HOUR, seed=6, color="blue") + weekly(
        NOW - DAY, NOW + HOUR, seed=7, version="2", rows=11
    )
    watched.clock.now = now = NOW + 1000
    after = [one for one in after if one["ts"] <= now]
    write(watched, sorted([*before, *after], key=lambda one: one["ts"]))
    series = read(monitor, watched.clock)[1]
    end = now // QUARTER * QUARTER
    new = [one for one in after if one["version"] == "2" and end - length <= one["ts"] < end]
    old = [one for one in [*before, *after] if end - length - WEEK <= one["ts"] < end - WEEK]
    assert {one["version"] for one in old} >= {"0", "1"}
    check(monitor, distances(series, "week", window=window, version="2"), new, old)
    assert total(series, "model_reference_predictions", reference="week", window=window, version="2") == len(old)
    if window == "1h":
        assert reasons(series, "version", window=window, version="2") == {"no_reference_predictions"}
        return
    new, old = ([one for one in after if one["version"] == version and one["ts"] >= first_of(now)] for version in ("2", "1"))
    check(monitor, distances(series, "version", window=window, version="2"), new, old)


def first_of(now: float) -> float:
    """Return the begin of the day's oldest bucket, of 96 quarters of an hour with the one that is running."""
    return (now // QUARTER - 95) * QUARTER


def check(monitor: ModelMonitor, found: Mapping[tuple[str, str], float], new: Events, old: Events) -> None:
    """Check distances of each column against what is computed from the events' values."""
    assert monitor.baseline is not None
    columns = {column.name: column for column in monitor.baseline.layout.columns}
    assert {column for _, column in found} == set(columns)
    for (key, name), value in found.items():
        sample = Sample(columns[name], [one[name] for one in old], [one[name] for one in new])
        interval = COLUMN_ORACLES[key](sample)
        assert isinstance(interval, Interval)
        assert interval.holds(value), (key, name, value, interval)
        assert value > 0
        assert key not in {"ks_statistic", "wasserstein_distance"} or columns[name].kind is Kind.NUMERIC


def test_eight_days_in_steps_with_restarts_say_the_same(watched: Watched, tmp_path: Path) -> None:
    """As reading all at once does, whenever the exporter is started anew, and its state keeps no more than it must."""
    events = [*weekly(BEGIN, NOW - DAY, seed=4, rows=4), *weekly(NOW - DAY, NOW, seed=5, version="2", rows=4)]
    watched.clock.now = BEGIN
    monitor = start(watched)
    left = events
    while left:
        watched.clock.now = min(watched.clock.now + 31_300, NOW + 10)
        write(watched, [one for one in left if one["ts"] < watched.clock.now])
        left = [one for one in left if one["ts"] >= watched.clock.now]
        series = read(monitor, watched.clock)[1]
        if len(left) % 3 == 0:
            monitor = start(watched)
            assert referenced(read(monitor, watched.clock)[1]) == referenced(series)
    watched.clock.now = NOW + 10
    series = read(monitor, watched.clock)[1]
    assert reasons(series, "week", version="2") == {"ok"}
    other = Watched(tmp_path / "once")
    other.folder.mkdir()
    at_once = start(other)
    write(other, events)
    other.clock.now = NOW + 10
    assert referenced(series) == referenced(read(at_once, other.clock)[1])
    monitor._believed = BelievedClock(watched.clock)
    monitor.commit()
    assert watched.state is not None
    assert monitor.baseline is not None
    kept = Counter(bucket.window for bucket in watched.state.buckets("m", monitor.baseline.layout))
    assert kept["history"] <= (WEEK + DAY) // QUARTER + 2
    assert kept["history of versions"] <= 2 * (DAY // QUARTER + 1)


def test_a_table_and_files_say_what_a_log_says(tmp_path: Path) -> None:
    """To the last digit; the table is read again after a change of its newest rows."""
    events = [*weekly(BEGIN, NOW - WEEK, seed=4, rows=9), *weekly(NOW - DAY, NOW, seed=5, version="2", rows=9)]
    log = Watched(tmp_path / "log")
    log.folder.mkdir()
    log.clock.now = NOW + 20
    of_log = start(log)
    write(log, events)
    expected = referenced(read(of_log, log.clock)[1])
    assert reasons(expected, "week", version="2", window="24h") == {"ok"}
    files = Watched(tmp_path / "files")
    (files.folder / "days").mkdir(parents=True)
    files.clock.now = NOW + 20
    for day in range(9):
        part = [one for one in events if (one["ts"] - BEGIN) // DAY == day]
        files.write("".join(json.dumps(one) + "\n" for one in part), to=f"days/{day}.jsonl")
        os.utime(files.folder / "days" / f"{day}.jsonl", (NOW - 60, NOW - 60))
    text = model_text(more=more()).replace(
        "log: {path: app.log, start: beginning}", "files: {path: days, settle: 1s, start: beginning}"
    )
    monitor = files.start(files.configure(config_text(text, more="windows: [1h, 24h]")))
    assert referenced(read(monitor, files.clock)[1]) == expected
    for mode in ("rows", "aggregate"):
        table(tmp_path / mode, mode, events, expected)


def table(folder: Path, mode: str, events: Events, expected: Series) -> None:
    """Check that a table of these events says what is expected, whatever stood in it and whenever it is configured."""
    folder.mkdir()
    database = new_file("sqlite", folder)
    kept = Table(database, folder)
    rows = [
        {name: one.get(name) for name in ("version", "amount", "color", "decision", "score", "latency_ms", "status")}
        for one in events
    ]
    times = [kept.time(one["ts"]) for one in events]
    recent = [one["ts"] >= NOW - 450 for one in events]
    wrong = [{**row, "color": "green"} if new else row for row, new in zip(rows, recent, strict=True)]
    database.insert("p", [{"ts": time, **row} for time, row in zip(times, wrong, strict=True)])
    kept.clock.now = NOW + 20
    off = kept.configure(more="windows: [1h, 24h]", mode=mode, lateness="15m")
    assert not referenced(read(kept.start(off), kept.clock)[1])
    text = kept.model.file.read_text().replace("baseline: baseline.json", more().replace("\n", "\n    "))
    loaded = kept.model.configure(text)
    monitor = kept.start(loaded)
    first = referenced(read(monitor, kept.clock)[1])
    assert first != expected
    database.execute("DELETE FROM p WHERE color = 'green'")
    read(monitor, kept.clock)
    right = [{"ts": time, **row} for time, row, new in zip(times, rows, recent, strict=True) if new]
    database.insert("p", right)
    assert referenced(read(monitor, kept.clock)[1]) == expected
    again = kept.start(loaded)
    assert referenced(read(again, kept.clock)[1]) == expected


def test_why_there_is_no_last_week(watched: Watched) -> None:
    """Not seen yet, silent then, nothing now, a window of no whole quarters; each is told, and no figure is there."""
    monitor = start(watched, "[week]", windows="[5m, 1h, 24h]")
    watched.clock.now = NOW - WEEK
    write(watched, weekly(NOW - WEEK - 2 * HOUR, NOW - WEEK))
    series = read(monitor, watched.clock)[1]
    assert [reasons(series, "week", window=window) for window in ("5m", "1h", "24h")] == [
        {"window_length"},
        {"week_not_seen"},
        {"week_not_seen"},
    ]
    assert referenced(series).keys() == {key for key in series if key[0] == "model_reference_status"}
    watched.clock.now = NOW
    write(watched, weekly(NOW - DAY, NOW))
    series = read(monitor, watched.clock)[1]
    assert reasons(series, "week", window="1h") == {"ok"}
    assert reasons(series, "week", window="24h") == {"week_not_seen"}  # two hours of the day were seen
    watched.clock.now = NOW + 2 * HOUR
    series = read(monitor, watched.clock)[1]
    assert reasons(series, "week", window="1h") == {"no_predictions"}
    write(watched, weekly(NOW + HOUR, NOW + 2 * HOUR))
    series = read(monitor, watched.clock)[1]
    assert reasons(series, "week", window="1h") == {"no_reference_predictions"}
    assert total(series, "model_reference_predictions", window="1h") == 0
    assert not distances(series, "week", window="1h")


def test_a_column_without_values_last_week(watched: Watched) -> None:
    """It alone is absent, and why; too few values on either side are told, too."""
    monitor = start(watched, "[week]")
    write(watched, weekly(BEGIN, BEGIN + DAY + HOUR, amount=None) + weekly(NOW - HOUR, NOW))
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_reference_status", window="1h", statistic="psi", reason="no_reference_values") == 1
    assert total(series, "model_reference_status", window="1h", statistic="psi", reason="ok") == 3
    assert {column for _, column in distances(series, "week", window="1h")} == {"color", "decision", "score"}


def test_last_week_begins_when_it_is_configured_and_with_another_baseline(watched: Watched) -> None:
    """What was not kept is not compared, though the exporter has run for long."""
    write(watched, weekly(NOW - DAY, NOW))
    read(watched.start(watched.configure(config_text(model_text(more="baseline: baseline.json")))), watched.clock)
    monitor = start(watched, "[week]")
    watched.clock.now = NOW + WEEK - 6 * HOUR
    write(watched, weekly(NOW + HOUR, watched.clock.now))
    assert reasons(read(monitor, watched.clock)[1], "week") == {"week_not_seen"}
    watched.clock.now = NOW + WEEK + 3 * HOUR
    write(watched, weekly(NOW + WEEK - 6 * HOUR, watched.clock.now))
    assert reasons(read(monitor, watched.clock)[1], "week", window="1h") == {"ok"}


def test_a_clock_that_jumps_ahead_and_back_costs_no_history(watched: Watched) -> None:
    """What it took out is taken from the state again."""
    monitor = start(watched, "[week]")
    write(watched, weekly(BEGIN, NOW))
    before = referenced(read(monitor, watched.clock)[1])
    assert reasons(before, "week") == {"ok"}
    watched.clock.now += 40 * DAY
    watched.log(30)
    read(monitor, watched.clock)
    watched.clock.now = NOW
    assert referenced(read(monitor, watched.clock)[1]) == before
    assert referenced(read(start(watched, "[week]"), watched.clock)[1]) == before


def test_a_version_that_is_dropped_stays_part_of_last_week(watched: Watched) -> None:
    """And what is counted as other is compared as a version is, with all of last week; it is before no version."""
    monitor = start(watched, max_versions=1)
    write(watched, weekly(BEGIN, NOW - 2 * DAY, version="1"))
    watched.clock.now = NOW - 2 * DAY
    read(monitor, watched.clock)
    write(watched, weekly(NOW - HOUR, NOW, version="2") + weekly(NOW - HOUR, NOW, version="3"))
    watched.clock.now = NOW
    series = read(monitor, watched.clock)[1]
    assert {dict(of)["version"] for (name, of), _ in series.items() if name == "model_reference_predictions"} == {"2", "other"}
    for version in ("2", "other"):
        assert reasons(series, "week", version=version) == {"ok"}
        assert total(series, "model_reference_predictions", version=version, window="1h") == 24
        assert reasons(series, "version", version=version) == {"no_previous_version"}


# The version before


def test_the_version_before_is_that_which_was_seen_last_before(watched: Watched) -> None:
    """Over the same hours: where it served none of them there is nothing to compare. Going back to it changes no order."""
    monitor = start(watched, "[version]")
    write(watched, weekly(NOW - 20 * HOUR, NOW, version="a"))
    watched.clock.now = NOW
    series = read(monitor, watched.clock)[1]
    assert reasons(series, "version", version="a") == {"no_previous_version"}
    write(watched, weekly(NOW - HOUR, NOW, version="b", seed=9) + weekly(NOW, NOW + HOUR, version="b"))
    watched.clock.now = NOW + HOUR
    series = read(monitor, watched.clock)[1]
    assert reasons(series, "version", version="b", window="1h") == {"no_reference_predictions"}
    assert reasons(series, "version", version="b", window="24h") == {"ok"}
    assert reasons(series, "version", version="a", window="24h") == {"no_previous_version"}
    assert reasons(series, "version", version="a", window="1h") == {"no_predictions"}
    write(watched, weekly(NOW + HOUR, NOW + 2 * HOUR, version="a") + weekly(NOW + HOUR, NOW + 2 * HOUR, version="b"))
    watched.clock.now = NOW + 2 * HOUR
    series = read(monitor, watched.clock)[1]
    assert set(distances(series, "version", version="b", window="1h").values()) == {0.0}
    assert reasons(series, "version", version="a", window="1h") == {"no_previous_version"}
    again = read(start(watched, "[version]"), watched.clock)[1]
    assert referenced(again) == referenced(series)


# Beside the baseline


@pytest.mark.parametrize(("rows", "of_window"), [(100, 100), (100, 1000), (1000, 30)])
def test_thresholds_know_how_few_rows_the_other_window_has(rows: int, of_window: int) -> None:
    """Windows of the same distribution exceed them in 0.6 % at most, at a nominal 0.1 %, whichever of both is small."""
    columns = 2000
    chances = np.array([0.0, *[0.1] * 10, 0.0])
    edges = tuple(range(len(chances) - 1))
    layout = Layout(
        [
            Column(name=str(i), role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges, drift_edges=edges[1:-1])
            for i in range(columns)
        ]
    )
    random_ = np.random.default_rng(11)

    def draw(size: int) -> Profile:
        profile = Profile.empty(layout)
        profile.values[:] = random_.multinomial(size, np.tile(chances, (columns, 1))).ravel()
        profile.counts[layout.rows_slot] = size
        return profile

    effects = {statistic.key: dict.fromkeys(layout.names, 0.0) for statistic in DISTANCES}
    other = Reference(draw(rows), alpha=0.001, min_predictions=30, effects=effects)
    for key, result in evaluate(other, draw(of_window), statistics=DISTANCES).items():
        assert result.threshold is not None
        assert result.statuses == {"ok": columns}
        share = float(np.mean(result.values > result.threshold))
        assert share < 0.006 + 4 * np.sqrt(0.006 / columns), key


def test_off_there_is_nothing_and_on_the_baseline_s_series_stay_as_they_are(watched: Watched) -> None:
    """No other series changes by a digit, and no alert, recorded series or panel reads the new ones."""
    events = [*weekly(NOW - DAY + QUARTER, NOW - HOUR), *weekly(NOW - HOUR, NOW, version="2")]
    write(watched, events)
    found = []
    for references in ("[]", "[week, version]"):
        found.append(read(start(watched, references), watched.clock)[1])
        watched.close()
        watched.state = None
        shutil.rmtree(watched.folder / "state")
    off, on = found
    assert not referenced(off)
    taken = "prediction_exporter_evaluation_duration_seconds"
    assert {key: value for key, value in on.items() if key not in referenced(on) and key[0] != taken} == {
        key: value for key, value in off.items() if key[0] != taken
    }
    assert not {family.name for family in COLLECTOR.families} & readers().keys()


def test_a_slow_drift_is_seen_from_the_baseline_and_not_from_last_week(watched: Watched) -> None:
    """Which is why nothing that is renewed by itself takes the baseline's place."""
    monitor = start(watched, "[week]")
    events = []
    for day in range(9):
        events += weekly(BEGIN + day * DAY, BEGIN + (day + 1) * DAY, seed=day, rows=20, amount=None)
    chance = random.Random(1)
    for one in events:
        one["amount"] = chance.gauss(14 + 0.02 * (one["ts"] - NOW) / DAY, 2)
    write(watched, [one for one in events if one["ts"] < NOW])
    series = read(monitor, watched.clock)[1]
    at = {"window": "24h", "column": "amount"}
    fixed, limit, moving, moving_limit = (
        total(series, f"model_{name}", **at)
        for name in ("column_psi", "column_psi_threshold", "reference_column_psi", "reference_column_psi_threshold")
    )
    assert (fixed or 0) > 5 * (limit or 1)
    assert (1 if moving is None else moving) < (moving_limit or 0) / 5


@pytest.mark.parametrize("windows", ["[1h, 24h]", "[5m, 1h, 7d, 14d]"])
@pytest.mark.parametrize("references", ["[week]", "[version]", "[week, version]"])
def test_the_budget_is_what_is_shown(watched: Watched, references: str, windows: str) -> None:
    """To the series, where nothing is absent; of the statuses it is what there may be at most."""
    text = config_text(model_text(more=more(references)), more=f"windows: {windows}")
    loaded = watched.configure(text)
    monitor = watched.start(loaded)
    write(watched, weekly(NOW - 15 * DAY, NOW, rows=3) + weekly(NOW - HOUR, NOW, rows=80))
    write(watched, weekly(NOW - HOUR, NOW, version="2", rows=80))
    report, series = read(monitor, watched.clock)
    most = budget.total(budget.of_model(loaded, loaded.models[0], monitor.baseline, Switches()), 1)
    shown = Counter(name for name, of in series if dict(of).get("version") == "2" and name.startswith("model_reference_"))
    names = {family.name for family in COLLECTOR.families}
    assert shown.keys() == {name for name in most if name in names}
    compared = set(windows.strip("[]").split(", ")) if references == "[version]" else {"1h", "24h", "7d"}
    assert shown["model_reference_status"] <= most["model_reference_status"]
    if references == "[version]" or windows == "[1h, 24h]":
        assert {name: shown[name] for name in names if "status" not in name} == {
            name: most[name] for name in names if "status" not in name
        }
    else:  # windows that are not compared are counted all the same
        assert all(shown[name] <= most[name] for name in names)
        assert compared & {dict(of).get("window") for name, of in series if name == "model_reference_column_psi"}
    assert report.collected["references"].success


def test_the_page_shows_both_beside_the_baseline(watched: Watched) -> None:
    """In the cell of the PSI, and what is above its threshold says so; where nothing is compared there is no line."""
    text = config_text(model_text(more=more()), more="windows: [1h, 24h]")
    loaded = watched.configure(text)
    monitor = watched.start(loaded)
    write(watched, weekly(BEGIN, NOW, rows=40) + weekly(NOW - HOUR, NOW, version="2", rows=40, amount=99.0, color="green"))
    report, series = read(monitor, watched.clock)
    page = render_page([report], loaded, now=watched.clock(), telemetry_path="/metrics").decode()
    at = {"version": "2", "window": "1h", "column": "amount"}
    assert (total(series, "model_reference_column_psi", reference="week", **at) or 0) > 1
    assert len(re.findall("from last week [0-9.]+, above [0-9.]+<", page)) >= 2
    assert len(re.findall("from the version before [0-9.]+, above [0-9.]+<", page)) >= 2
    assert re.search("from last week 0(.0+)?<", page)  # of version 1
    read_off = watched.start(watched.configure(config_text()))
    report, _ = read(read_off, watched.clock)
    assert "last week" not in render_page([report], loaded, now=watched.clock(), telemetry_path="/metrics").decode()


def test_check_config_says_what_last_week_takes(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, and which windows are not compared; without it there is no such line."""
    for references, windows, lines in (("[week]", "[5m, 24h]", 1), ("[version]", "[5m, 24h]", 0), ("[week]", "[5m]", 0)):
        watched.configure(config_text(model_text(more=more(references)), more=f"windows: {windows}"))
        watched.log(40, at=time.time())
        assert cli.main(["check", "config", str(watched.file)]) == 0
        told = capsys.readouterr()
        assert len(re.findall(r"^m: [0-9.]+ MiB more to compare with last week", told.out, re.MULTILINE)) == lines
        assert ("window 5m is not compared with last week" in told.err) == (references == "[week]")


def test_windows_that_are_not_compared_are_told_at_the_start(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """With what would be."""
    start(watched, "[week]", windows="[5m, 1h, 14d]")
    told = "models[0].references: windows 5m, 14d are not compared with last week"
    assert f"{told}; windows of whole quarters of an hour up to 7d are" in caplog.messages
