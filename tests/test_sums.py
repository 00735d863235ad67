"""Sums of fields and further durations: what adds up, what does not, and over restarts, by logs, files and tables alike."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prediction_exporter import config
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.collectors.traffic import DURATION, FIELD_AMOUNT, FIELD_VALUES
from prediction_exporter.config.records import ROW_KEYS
from prediction_exporter.errors import ConfigError
from prediction_exporter.monitor import budget
from prediction_exporter.monitor.inspection import inspect, open_to_look
from watched import NOW, Series, Watched, close_all, config_text, model_text, read, total

#: What stands in the place of an amount and is none adds nothing.
EVENTS: list[dict[str, Any]] = [
    {"ts": NOW - 300, "v": "1", "tokens": 10, "cost": 0.5, "first_ms": 20, "began": NOW - 300.5, "status": 200},
    {"ts": NOW - 290, "v": "1", "tokens": 7, "cost": 0.25, "first_ms": 1500, "began": NOW - 292, "status": 500},
    {"ts": NOW - 280, "v": "1", "tokens": -3, "cost": None, "first_ms": -1, "began": NOW - 279, "status": 200},
    {"ts": NOW - 270, "v": "2", "tokens": None, "cost": 0.125, "first_ms": None, "began": None, "status": 200},
]

FIELDS = """{time: {field: ts, unit: s}, version: v, status: status, sums: {tokens: tokens, usd: cost},
      durations: {first_token: first_ms, whole: {from: began, to: ts, unit: s}}}"""

#: By version and name: the sum, and how many values were valid, missing and invalid.
SUMS = {
    ("1", "tokens"): (17, 2, 0, 1),
    ("1", "usd"): (0.75, 2, 1, 0),
    ("2", "tokens"): (0, 0, 1, 0),
    ("2", "usd"): (0.125, 1, 0, 0),
}

#: By version and name: how many durations, and their sum in seconds; negative ones and ends before the beginning are none.
DURATIONS = {("1", "first_token"): (2, 1.52), ("1", "whole"): (2, 2.5), ("2", "first_token"): (0, 0), ("2", "whole"): (0, 0)}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Yield an empty folder to watch."""
    yield Watched(tmp_path)
    close_all()


def sums(series: Series) -> dict[tuple[str, str], tuple[float | None, ...]]:
    """Return the sum of each version and name, and its values by state."""
    found = [dict(of) for name, of in series if name == "model_field_amount_total"]
    keys = [(of["version"], of["field"]) for of in found]
    return {
        key: (
            total(series, "model_field_amount_total", version=key[0], field=key[1]),
            *(
                total(series, "model_field_values_total", version=key[0], field=key[1], state=state)
                for state in ("valid", "missing", "invalid")
            ),
        )
        for key in keys
    }


def durations(series: Series) -> dict[tuple[str, str], tuple[float | None, Any]]:
    """Return of each version and name how many durations there were, and their sum."""
    found = [dict(of) for name, of in series if name == "model_duration_seconds_count"]
    return {
        (of["version"], of["duration"]): (
            total(series, "model_duration_seconds_count", version=of["version"], duration=of["duration"]),
            pytest.approx(total(series, "model_duration_seconds_sum", version=of["version"], duration=of["duration"])),
        )
        for of in found
    }


def in_a_log(folder: Path, events: Sequence[dict[str, Any]]) -> str:
    """Write events to a log; the last of them in a form that is read by itself."""
    lines = [json.dumps(event) for event in events]
    lines[-1] = lines[-1].replace('"status": 200', '"status": ["x"]')
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines))
    return "log: {path: app.log, start: beginning}"


def in_csv(folder: Path, events: Sequence[dict[str, Any]]) -> str:
    """Write events to a file of CSV."""
    (folder / "parts").mkdir()
    pl.DataFrame(list(events)).write_csv(folder / "parts" / "a.csv")
    os.utime(folder / "parts" / "a.csv", (NOW, NOW))
    return "files: {path: parts, format: csv, settle: 0s}"


def in_parquet(folder: Path, events: Sequence[dict[str, Any]]) -> str:
    """Write events to a file of Parquet, their times as such."""
    (folder / "parts").mkdir()
    at = {name: pl.from_epoch((pl.col(name) * 1e6).cast(pl.Int64), "us") for name in ("ts", "began")}
    pl.DataFrame(list(events)).with_columns(**at).write_parquet(folder / "parts" / "a.parquet")
    os.utime(folder / "parts" / "a.parquet", (NOW, NOW))
    return "files: {path: parts, settle: 0s}"


def in_a_table(folder: Path, events: Sequence[dict[str, Any]]) -> str:
    """Write events to a table."""
    with sqlite3.connect(folder / "events.db") as database:
        database.execute("CREATE TABLE events (ts, v, tokens, cost, first_ms, began, status)")
        database.executemany("INSERT INTO events VALUES (:ts, :v, :tokens, :cost, :first_ms, :began, :status)", events)
    database.close()
    return f"table: {{url: 'sqlite:///{folder / 'events.db'}', name: events, lateness: 1s}}"


def text_of(source: str, fields: str = FIELDS) -> str:
    """Return the configuration of a model that reads a source."""
    predictions = f"\n  - name: m\n    owner: me\n    maturity: 0\n    predictions:\n      {source}\n      fields: {fields}\n"
    return config_text(predictions)


@pytest.mark.parametrize("write", [in_a_log, in_csv, in_parquet, in_a_table], ids=["log", "csv", "parquet", "table"])
def test_what_adds_up_and_what_does_not(watched: Watched, write: Callable[[Path, Sequence[dict[str, Any]]], str]) -> None:
    """A counter grows by finite numbers from 0 on, of failed requests too; the rest is told by state. Every source agrees."""
    loaded = watched.configure(text_of(write(watched.folder, EVENTS)))
    series = read(watched.start(loaded), watched.clock)[1]
    if write is in_a_table:  # what happened before it was watched is in windows, and no counter of a table
        assert not sums(series)
        watched.clock.now = NOW + 60
        with sqlite3.connect(watched.folder / "events.db") as database:
            later = [{**event, "ts": event["ts"] + 320, "began": event["began"] and event["began"] + 320} for event in EVENTS]
            database.executemany("INSERT INTO events VALUES (:ts, :v, :tokens, :cost, :first_ms, :began, :status)", later)
        database.close()
        series = read(watched.monitors[-1], watched.clock)[1]
    assert sums(series) == SUMS
    assert durations(series) == DURATIONS


def test_a_database_that_counts_adds_up(watched: Watched) -> None:
    """The same counters, of rows that no wire has seen."""
    source = in_a_table(watched.folder, EVENTS).replace("lateness", "mode: aggregate, lateness")
    fields = "{time: {field: ts, unit: s}, version: v, status: status, sums: {tokens: tokens, usd: cost}}"
    monitor = watched.start(watched.configure(text_of(source, fields)))
    read(monitor, watched.clock)
    watched.clock.now = NOW + 60
    with sqlite3.connect(watched.folder / "events.db") as database:
        later = [{**event, "ts": event["ts"] + 320} for event in EVENTS]
        database.executemany("INSERT INTO events VALUES (:ts, :v, :tokens, :cost, :first_ms, :began, :status)", later)
    database.close()
    assert sums(read(monitor, watched.clock)[1]) == SUMS


def test_sums_go_on_after_a_restart(watched: Watched) -> None:
    """A field that is named anew begins at 0, beside those that go on; one that is left out is not shown."""
    source = in_a_log(watched.folder, EVENTS)
    read(watched.start(watched.configure(text_of(source))), watched.clock)
    watched.clock.now = NOW + 5
    watched.write(
        json.dumps({"ts": NOW, "v": "1", "tokens": 100, "cost": 1, "first_ms": 250, "calls": 3, "status": 200}) + "\n"
    )
    fields = (
        "{time: {field: ts, unit: s}, version: v, status: status, sums: [tokens, calls], durations: {first_token: first_ms}}"
    )
    series = read(watched.start(watched.configure(text_of(source, fields))), watched.clock)[1]
    assert sums(series) == {
        ("1", "tokens"): (117, 3, 0, 1),
        ("1", "calls"): (3, 1, 0, 0),
        ("2", "tokens"): SUMS["2", "tokens"],
    }
    assert durations(series) == {("1", "first_token"): (3, 1.77), ("2", "first_token"): (0, 0)}


def test_times_of_a_duration_in_any_form(watched: Watched) -> None:
    """Dates with and without a zone, nanoseconds in text and milliseconds: 1.5 seconds each; what is no time is none."""
    begin = datetime.fromtimestamp(NOW - 100, UTC)
    forms: list[tuple[Any, Any]] = [
        (begin.isoformat(), begin.replace(second=21, microsecond=500_000).isoformat()),
        (begin.strftime("%Y-%m-%d %H:%M:%S"), begin.strftime("%Y-%m-%d %H:%M:21.5")),
        (str(int((NOW - 100) * 1e9)), str(int((NOW - 98.5) * 1e9))),
        ((NOW - 100) * 1000, (NOW - 98.5) * 1000),
        ("yesterday", NOW),
        (None, NOW),
        ({}, NOW),
    ]
    assert begin.second == 20
    watched.write("".join(json.dumps({"ts": NOW, "a": a, "b": b}) + "\n" for a, b in forms))
    fields = "{time: ts, durations: {d: {from: a, to: b}}}"
    series = read(watched.start(watched.configure(text_of("log: {path: app.log, start: beginning}", fields))), watched.clock)[1]
    assert durations(series) == {("unknown", "d"): (4, 6.0)}


def test_a_cost_of_a_record_is_that_of_all_its_rows(watched: Watched) -> None:
    """What a record says once is added once; what each row says is added for each."""
    rows = [{"x": 1, "tokens": 5}, {"x": 2, "tokens": 6}, {"x": 3, "tokens": 7}]
    watched.write(json.dumps({"ts": NOW, "usage": {"cost": 0.5, "unit": "usd"}, "rows": rows}) + "\n")
    source = "log: {path: app.log, start: beginning}\n      rows: rows"
    fields = "{time: ts, sums: [usage.cost, tokens]}"
    series = read(watched.start(watched.configure(text_of(source, fields))), watched.clock)[1]
    assert sums(series) == {("unknown", "cost"): (0.5, 1, 2, 0), ("unknown", "tokens"): (18, 3, 0, 0)}
    assert total(series, "model_requests_total") == 3
    assert total(series, "prediction_exporter_field_seen_ratio", field="rows.each") == 1


def test_rows_that_no_record_has_are_told(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """Each record is one prediction then, which reads well: it is in the log, and in the series of the alert."""
    watched.write(json.dumps({"ts": NOW, "inputs": [{"x": 1}, {"x": 2}], "answers": [0, 1]}) + "\n")
    source = "log: {path: app.log, start: beginning}\n      rows: {features: inputs, prediction: answer}"
    loaded = watched.configure(text_of(source, "{time: ts}"))
    series = read(watched.start(loaded), watched.clock)[1]
    seen = {f"rows.{key}": total(series, "prediction_exporter_field_seen_ratio", field=f"rows.{key}") for key in ROW_KEYS}
    assert {key: ratio for key, ratio in seen.items() if ratio is not None} == {"rows.features": 1, "rows.prediction": 0}
    [told] = [record.getMessage() for record in caplog.records if "rows.prediction" in record.getMessage()]
    assert "rows.prediction: the one record lacks answer; did you mean answers" in told
    most = budget.total(budget.of_model(loaded, loaded.models[0], None, Switches()), 1)
    shown = sum(name == "prediction_exporter_field_seen_ratio" for name, _ in series)
    assert most["prediction_exporter_field_seen_ratio"] >= shown == 3


def test_a_field_that_is_nowhere_is_told(watched: Watched) -> None:
    """By its place in the configuration, and as the alert on misspelt fields sees it."""
    in_a_log(watched.folder, EVENTS[:2])
    fields = "{time: {field: ts, unit: s}, version: v, status: status, sums: [token], durations: {d: {from: begun, to: ts}}}"
    loaded = watched.configure(text_of("log: {path: app.log, start: beginning}", fields))
    monitor = watched.start(loaded)
    series = read(monitor, watched.clock)[1]
    seen = {dict(of)["field"]: value for (name, of), value in series.items() if name == "prediction_exporter_field_seen_ratio"}
    assert seen == {"time": 1, "version": 1, "status": 1, "sums.token": 0, "durations.d.from": 0, "durations.d.to": 1}
    assert durations(series) == {("1", "d"): (0, 0)}


@pytest.mark.parametrize("between", ["from: ts, to: began", "from: note, to: ts"])
def test_a_duration_that_no_record_has_is_told(watched: Watched, between: str) -> None:
    """Its end lies before its beginning, or is no time: its fields are there, and nothing is measured."""
    in_a_log(watched.folder, [{**event, "note": "soon"} for event in EVENTS[:2]])
    fields = f"{{time: {{field: ts, unit: s}}, durations: {{d: {{{between}}}}}}}"
    loaded = watched.configure(text_of("log: {path: app.log, start: beginning}", fields))
    with closing(open_to_look(loaded, 0, None)) as source:
        look = source.look()
    _, found = inspect(loaded.models[0], None, look, index=0, file=Path("exporter.yml"), now=NOW)
    [told] = found.errors
    assert told.startswith("models[0].predictions.fields.durations.d: no sampled prediction has it; ")


def test_the_budget_has_their_series(watched: Watched) -> None:
    """As many of each family as a version shows that has them all."""
    loaded = watched.configure(text_of(in_a_log(watched.folder, EVENTS[:3])))
    most = budget.total(budget.of_model(loaded, loaded.models[0], None, Switches()), 1)
    series = read(watched.start(loaded), watched.clock)[1]
    for family in (FIELD_AMOUNT, FIELD_VALUES, DURATION):
        shown = sum(
            name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") == family.name for name, _ in series
        )
        assert most[family.name] == shown > 0


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("{sums: [a.x, b.x]}", r"predictions\.fields\.sums: has two fields that are called x"),
        ("{sums: [1]}", r"predictions\.fields\.sums: does not tell what is added up"),
        ("{sums: {'a b': x}}", r"predictions\.fields\.sums.*is no name"),
        ("{durations: {a: x}}", r"predictions\.fields\.durations\.a: .*does not tell its unit"),
        ("{durations: {a: {form: x, to: y}}}", r"predictions\.fields\.durations\.a\.form: unknown key; did you mean from\?"),
        ("{durations: {a: {from: x}}}", r"predictions\.fields\.durations\.a: has one of from and to"),
    ],
)
def test_what_is_refused(tmp_path: Path, fields: str, told: str) -> None:
    """With the place in the file."""
    with pytest.raises(ConfigError, match=told):
        config.parse(config_text(model_text(fields=fields)), name="exporter.yml", base=tmp_path, environ={})


def test_databases_that_count_observe_no_durations(tmp_path: Path) -> None:
    """They are refused where the mode is told; sums are not."""
    table = "table: {{url: 'sqlite:////tmp/x.db', name: t, mode: {mode}}}"
    with pytest.raises(ConfigError, match=r"predictions\.table\.mode: .*does not count fields\.durations"):
        config.parse(text_of(table.format(mode="aggregate")), name="exporter.yml", base=tmp_path, environ={})
    alone = text_of(table.format(mode="aggregate"), "{time: ts, sums: [tokens]}")
    config.parse(alone, name="exporter.yml", base=tmp_path, environ={})
