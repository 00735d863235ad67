"""Baselines of data with times: their rows are counted by the local hour, and what these teach stands in the file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from prediction_exporter import baseline
from prediction_exporter.baseline import replayed
from prediction_exporter.baseline.builder import BuildResult, build
from prediction_exporter.baseline.record import BaselineRecord
from prediction_exporter.baseline.replayed import Clock, local_hours
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.config import Column, Fields
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.times import NO_TIME

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAYS = 28
TEXTS = ["", "short", "a longer text than that", "words, and more of them, and still more of them"]


def frame(rows: int = 20_000, seed: int = 7) -> pl.DataFrame:
    """Return four weeks of data with a column of each kind, some of it odd, in the order of time."""
    chance = np.random.default_rng(seed)
    seconds = np.sort(chance.integers(0, DAYS * 86_400, rows))
    times = [START + timedelta(seconds=int(second)) for second in seconds]
    cycle = np.sin(2 * np.pi * seconds / 86_400)
    amount = chance.normal(size=rows) + cycle
    amount[::97] = np.nan
    amount[5::501] = np.inf
    return pl.DataFrame(
        {
            "ts": times,
            "amount": amount,
            "plain": [*chance.normal(size=rows - 1).tolist(), None],
            "region": chance.choice(["north", "south", "west"], rows, p=[0.6, 0.3, 0.1]),
            "review": [f"{TEXTS[place]} {chance.integers(10**6, 10**7)}" for place in chance.integers(0, 4, rows)],
            "signup": [
                str(at - timedelta(hours=float(ago))) for at, ago in zip(times, chance.uniform(0, 9000, rows), strict=True)
            ],
            "vector": chance.normal(size=(rows, 3)).tolist(),
            "always": ["EUR"] * rows,
            "prediction": chance.choice(["yes", "no"], rows),
            "score": chance.random(rows),
        }
    )


def made(data: pl.DataFrame, folder: Path, timezone: str = "UTC", name: str = "train", **settings: Column) -> BuildResult:
    """Build a baseline of data."""
    path = folder / f"{name}.parquet"
    data.write_parquet(path)
    fields = Fields.model_validate({"time": "ts"} if "ts" in data.columns else {})
    where = "models[0].predictions.fields"
    return build(read_table(path), fields, kinds={}, task=None, where=where, settings=settings, timezone=timezone)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    """Return what is made of all four weeks."""
    return made(frame(), tmp_path_factory.mktemp("whole"))


def test_the_hours_of_a_column_add_up_to_its_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every kind of column, derived ones too: rows by hour are those of the profile, cell by cell."""
    counted: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
    count = Clock.counts_by_hour

    def spy(self: Clock, layout: Layout, events: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
        [column] = layout.columns
        counts = count(self, layout, events)
        counted[column.name] = Cells(layout).of_counts(counts)
        return counts

    monkeypatch.setattr(Clock, "counts_by_hour", spy)
    record = made(frame(), tmp_path).record
    profile = baseline.to_profile(record)
    cells = Cells(profile.layout)
    expected = np.split(cells.of(profile), cells.offsets[1:-1])
    assert {"length(review)", "age_days(signup)", "norm(vector)", "vector[0]"} < set(counted)
    assert list(counted) == list(profile.layout.names)
    for column, whole in zip(profile.layout.columns, expected, strict=True):
        by_hour = counted[column.name]
        assert by_hour.sum(axis=0).tolist() == whole.tolist(), column.name
        assert len(by_hour) == DAYS * 24
    hourly = frame().group_by(pl.col("ts").dt.truncate("1h")).agg(pl.col("region").eq("south").sum()).sort("ts")
    assert counted["region"][:, 1].tolist() == hourly["region"].to_list()


def test_what_is_taught_is_in_the_file(tmp_path: Path) -> None:
    """It comes back as it was, in four digits; the column with a cycle follows the hour of the day."""
    record = made(frame(), tmp_path, "Europe/Berlin").record
    assert record.replay is not None
    assert record.replay.model_dump() == {"days": DAYS + 1, "folds": 4, "unit": "hour", "timezone": "Europe/Berlin"}
    baseline.save(record, tmp_path / "b.json")
    loaded = baseline.load(tmp_path / "b.json")
    assert loaded.timezone == "Europe/Berlin"
    assert len(loaded.learnt) == len(loaded.layout.columns)
    learnt = dict(zip(loaded.layout.names, loaded.learnt, strict=True))
    assert {name for name, of in learnt.items() if of.hours > 1} == {"amount"}
    by_hour = learnt["amount"].counts
    assert by_hour is not None
    assert by_hour.shape[0] == 24
    data = frame().with_columns(local=pl.col("ts").dt.convert_time_zone("Europe/Berlin").dt.hour())
    assert by_hour.sum(axis=1).tolist() == data.group_by("local").len().sort("local")["len"].to_list()
    for of in loaded.learnt:
        assert of.replayed
        for values in (of.first, of.effect, of.tolerance):
            assert [float(f"{value:.4g}") for value in values] == values.tolist()


def test_the_same_rows_in_any_order_are_the_same_file(tmp_path: Path) -> None:
    """Nothing is learnt of where a row stands."""
    data = frame(6000)
    shuffled = data.sample(fraction=1.0, shuffle=True, seed=3)
    assert made(data, tmp_path).record.content_hash() == made(shuffled, tmp_path).record.content_hash()


def test_rows_without_a_time_are_in_no_hour(tmp_path: Path) -> None:
    """They are in the profile alone, and that is said."""
    data = frame(4000)
    some = data.with_columns(pl.when(pl.int_range(pl.len()) % 10 == 0).then(None).otherwise(pl.col("ts")).alias("ts"))
    result = made(some, tmp_path)
    assert "400 rows have no time" in result.taught
    [amount] = [column for column in result.record.columns if column.name == "amount"]
    assert amount.learnt is not None
    assert sum(amount.counts) + amount.missing + amount.invalid + amount.non_finite == 4000
    assert sum(map(sum, amount.learnt.counts)) == 3600


def test_what_is_said(whole: BuildResult, tmp_path: Path) -> None:
    """What each column sees, and how far all of it can be relied on."""
    result = whole
    said = {column.name: column.result for column in result.columns}
    assert "; follows the hour of the day; sees shifts above 0.1" in said["amount"]
    assert said["plain"].endswith("; sees shifts above 0.1 sd")
    assert said["region"].startswith("categorical, 3 values; sees changes above 0.1")
    assert "sees" not in said["review"]
    assert "sees" in said["length(review)"]
    assert result.taught == "replayed 28 days in 4 folds; if the data are a sample of the rows, sessions do not show"
    short = made(frame().filter(pl.col("ts") < START + timedelta(days=9)), tmp_path).taught
    assert short == (
        "replayed 9 days in 4 folds; what varies from week to week does not show in less than 4 weeks, and better in 12; "
        "if the data are a sample of the rows, sessions do not show"
    )


def test_data_without_times_teaches_nothing(tmp_path: Path) -> None:
    """The file is then what it was before there was a replay, and so is its hash."""
    result = made(frame(2000).drop("ts", "signup"), tmp_path)
    assert result.taught == replayed.NO_TIMES
    baseline.save(result.record, tmp_path / "b.json")
    text = (tmp_path / "b.json").read_text()
    assert "replay" not in text
    assert "learnt" not in text
    loaded = baseline.load(tmp_path / "b.json")
    assert not any(of.replayed for of in loaded.learnt)
    assert loaded.timezone == "UTC"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": (1.0,)}, "column amount: learnt: first has 1 numbers for 8 scores"),
        ({"counts": ()}, "column amount: learnt: counts are of 0 hours or days, and the season has 24"),
        ({"hours": 1}, "counts are of 24 hours or days, and the season has 0"),
        ({"counts": ((1, 2),) * 24}, "counts are not of the 14 cells of the column"),
        ({"counts": ((10**6,) * 14,) * 24}, "counts are more than the rows of the baseline"),
    ],
)
def test_what_was_learnt_must_fit(change: dict[str, Any], message: str, whole: BuildResult, tmp_path: Path) -> None:
    """A file whose hash is right but whose numbers are of other scores, hours or cells is refused with the place."""
    record = whole.record
    [at] = [place for place, column in enumerate(record.columns) if column.name == "amount"]
    column = record.columns[at]
    assert column.learnt is not None
    changed = column.model_copy(update={"learnt": column.learnt.model_copy(update=change)})
    refused(
        record.model_copy(update={"columns": (*record.columns[:at], changed, *record.columns[at + 1 :])}), message, tmp_path
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"effect": (0.5,) * 8}, "effect: Value error, is less than 1"),
        ({"tolerance": (0.05,) * 8}, "tolerance: Value error, is less than 0.1"),
        ({"first": (float("inf"),) * 8}, "first.0: "),
    ],
)
def test_what_was_learnt_has_bounds(change: dict[str, Any], message: str, whole: BuildResult, tmp_path: Path) -> None:
    """No row counts as more than one, and no less is looked for than what matters."""
    record = whole.record
    column = next(column for column in record.columns if column.learnt is not None)
    assert column.learnt is not None
    changed = column.model_copy(update={"learnt": column.learnt.model_copy(update=change)})
    refused(record.model_copy(update={"columns": (changed,)}), message, tmp_path)


def test_a_time_zone_must_be_known(whole: BuildResult, tmp_path: Path) -> None:
    """The hours of a zone that this machine lacks cannot be told."""
    record = whole.record
    assert record.replay is not None
    changed = record.replay.model_copy(update={"timezone": "Mars/Olympus"})
    refused(record.model_copy(update={"replay": changed}), "Mars/Olympus is no time zone that this machine knows", tmp_path)


def refused(record: BaselineRecord, message: str, folder: Path) -> None:
    """See that a record is refused as a file."""
    complete = record.model_copy(update={"hash": record.content_hash(), "created": "2026-03-01T00:00:00+00:00"})
    (folder / "b.json").write_text(complete.model_dump_json())
    with pytest.raises(BaselineError) as error:
        baseline.load(folder / "b.json")
    assert message in str(error.value)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_hours_are_local(zone: str) -> None:
    """As Python's own zones tell them, over both ends of summer time; 0 is a Monday's first hour."""
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    instants = first + 1800 * np.arange(2 * 24 * 365)
    local = [datetime.fromtimestamp(int(instant), ZoneInfo(zone)) for instant in instants]
    hours = local_hours(instants * MICROSECONDS, zone)
    assert (hours % 168).tolist() == [at.weekday() * 24 + at.hour for at in local]
    assert (hours // 24).tolist() == [at.date().toordinal() - date(1969, 12, 29).toordinal() for at in local]


@pytest.mark.parametrize("form", ["text", "naive", "utc", "date"])
def test_days_are_days_in_every_form(form: str, tmp_path: Path) -> None:
    """As text, as dates, and as midnights, also in UTC where the hours are those of New York: each row is of its own day."""
    chance = np.random.default_rng(2)
    days = [START + timedelta(days=int(day)) for day in np.sort(chance.integers(0, 70, 7000))]
    forms = {
        "text": [str(day.date()) for day in days],
        "naive": [day.replace(tzinfo=None) for day in days],
        "utc": days,
        "date": [day.date() for day in days],
    }
    data = pl.DataFrame({"ts": forms[form], "weekday": [f"{day:%a}" for day in days], "x": chance.normal(size=7000)})
    result = made(data, tmp_path, "America/New_York")
    assert (
        result.taught == "replayed 70 days in 6 folds, day by day; if the data are a sample of the rows, sessions do not show"
    )
    assert {column.name: column.result.split("; ")[1] for column in result.columns} == {
        "weekday": "follows the day of the week",
        "x": "sees shifts above 0.1 sd",
    }
    [weekday] = [column for column in result.record.columns if column.name == "weekday"]
    assert weekday.learnt is not None
    assert len(weekday.learnt.counts) == 7
    first = weekday.categories.index("Mon")
    assert weekday.learnt.counts[0][first] == sum(weekday.learnt.counts[0]) > 0


def test_times_that_cannot_be_read(tmp_path: Path) -> None:
    """That there is a column of times whose texts are none is said by its name."""
    data = frame(500).with_columns(ts=pl.lit("yesterday"))
    assert made(data, tmp_path).taught.startswith("no time in ts can be read, so nothing is replayed: ")


def test_times_that_no_calendar_has() -> None:
    """They are no times, and a table of none has no clock."""
    none = np.array([NO_TIME, 2**62])
    assert Clock.of(none, "UTC") is None
    clock = Clock.of(np.append(none, 0), "UTC")
    assert clock is not None
    assert clock.has_time.tolist() == [False, False, True]
    assert clock.replay.hours.tolist() == [72]
