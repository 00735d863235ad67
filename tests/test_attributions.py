"""Attributions: how large the contributions of features to predictions are, from every source, beside those of the baseline."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prediction_exporter import config
from prediction_exporter.cli import main
from prediction_exporter.collectors.traffic import TrafficSeries
from prediction_exporter.errors import ConfigError
from prediction_exporter.monitor import budget
from prediction_exporter.monitor.references import load_baseline, subject_of
from watched import NOW, Series, Watched, close_all, config_text, read, total

MAGNITUDE, VALUES, OF_BASELINE = (
    "model_attribution_magnitude_total",
    "model_attribution_values_total",
    "model_baseline_attribution_ratio",
)

#: Attributions of age and income, and what else a request has. Of each sign they add up to what a person adds up by hand.
EVENTS: list[dict[str, Any]] = [
    {"v": "1", "status": 200, "age": 30.0, "income": 2.0, "why_age": 0.5, "why_income": -1.5},
    {"v": "1", "status": 200, "age": 40.0, "income": 3.0, "why_age": -0.25, "why_income": 0.0},
    {"v": "1", "status": 200, "age": 50.0, "income": None, "why_age": None, "why_income": 0.25},
    {"v": "1", "status": 500, "age": 50.0, "income": 1.0, "why_age": 64.0, "why_income": 64.0},  # made no prediction
    {"v": "1", "status": 422, "age": None, "income": None, "why_age": None, "why_income": None},  # nor did this one
    {"v": "2", "status": 200, "age": 20.0, "income": 9.0, "why_age": 2.0, "why_income": None},
]

#: By version and feature: the sum of magnitudes, and how many were valid, missing and invalid.
EXPECTED = {
    ("1", "age"): (0.75, 2, 1, 0),
    ("1", "income"): (1.75, 3, 0, 0),
    ("2", "age"): (2.0, 1, 0, 0),
    ("2", "income"): (0.0, 0, 1, 0),
}

FLAT = "{pattern: why_*}"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Yield an empty folder to watch."""
    yield Watched(tmp_path)
    close_all()


def events(at: float = NOW - 600) -> list[dict[str, Any]]:
    """Return the events with their times."""
    return [{"ts": at + place, **event} for place, event in enumerate(EVENTS)]


def text_of(source: str, attributions: str = FLAT, more: str = "") -> str:
    """Return the configuration of a model that reads a source."""
    fields = "time: {field: ts, unit: s}, version: v, status: status, features: [age, income]"
    return config_text(
        f"\n  - name: m\n    owner: me\n    maturity: 1\n    baseline: baseline.json\n    predictions:\n      {source}\n"
        f"      fields: {{{fields}, attributions: {attributions}}}\n{more}"
    )


LOG = "log: {path: app.log, start: beginning}"


def build(watched: Watched, text: str) -> config.Config:
    """Build the baseline by the command, of data with attributions where these are flat; return the configuration."""
    watched.file.write_text(text)
    data = watched.folder / "training.parquet"
    kept = [{"age": float(place), "income": place / 4} for place in range(60)]
    shares = {"why_age": 0.75, "why_income": -0.25} if FLAT in text else {}
    pl.DataFrame([{**row, **shares} for row in kept]).write_parquet(data)
    assert main(["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(data)]) == 0
    return config.load(watched.file)


def found(series: Series) -> dict[tuple[str, str], tuple[float | None, ...]]:
    """Return what is told of each version and feature."""
    keys = sorted({(dict(of)["version"], dict(of)["column"]) for name, of in series if name == MAGNITUDE})
    return {
        (version, column): (
            total(series, MAGNITUDE, version=version, column=column),
            *(total(series, VALUES, version=version, column=column, state=state) for state in ("valid", "missing", "invalid")),
        )
        for version, column in keys
    }


def in_a_log(folder: Path) -> str:
    """Write a log."""
    (folder / "app.log").write_text("".join(json.dumps(event) + "\n" for event in events()))
    return LOG


def line_by_line(folder: Path) -> str:
    """Write a log whose lines are read one by one, as none of them is JSON."""
    lines = (json.dumps({**event, "odd": float("nan")}) for event in events())
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines))
    return LOG


def in_files(folder: Path) -> str:
    """Write Parquet."""
    (folder / "parts").mkdir()
    pl.DataFrame(events()).write_parquet(folder / "parts" / "a.parquet")
    os.utime(folder / "parts" / "a.parquet", (NOW, NOW))
    return "files: {path: parts, settle: 0s}"


def in_a_table(folder: Path) -> str:
    """Write a table, of what is written later: counters of tables begin when they are watched."""
    with sqlite3.connect(folder / "events.db") as database:
        database.execute("CREATE TABLE events (ts, v, status, age, income, why_age, why_income)")
        database.executemany(INSERT, events())
    database.close()
    return f"table: {{url: 'sqlite:///{folder / 'events.db'}', name: events, lateness: 1s}}"


INSERT = "INSERT INTO events VALUES (:ts, :v, :status, :age, :income, :why_age, :why_income)"


@pytest.mark.parametrize("write", [in_a_log, line_by_line, in_files, in_a_table])
def test_sums_of_magnitudes(watched: Watched, write: Callable[[Path], str]) -> None:
    """Whatever the sign, of predictions that were made; what is missing is told; the baseline's shares stand beside."""
    loaded = build(watched, text_of(write(watched.folder)))
    monitor = watched.start(loaded)
    series = read(monitor, watched.clock)[1]
    if write is in_a_table:
        watched.clock.now = NOW + 60
        with sqlite3.connect(watched.folder / "events.db") as database:
            database.executemany(INSERT, events(NOW + 20))
        database.close()
        series = read(monitor, watched.clock)[1]
    assert found(series) == EXPECTED
    of_baseline = {dict(of)["column"]: value for (name, of), value in series.items() if name == OF_BASELINE}
    assert of_baseline == {"age": 0.75, "income": 0.25}
    columns = {dict(of).get("column") for name, of in series if name.startswith("model_column")}
    assert columns <= {"age", "income", None}  # attributions are no features


@pytest.mark.parametrize(
    ("attributions", "inside"),
    [
        ("why", lambda age, income: {"why": {"age": age, "income": income, "bias": 0.1}}),
        ("[why.age, why.income]", lambda age, income: {"why": {"age": age, "income": income}}),
        ("[a.age, b.income]", lambda age, income: {"a": {"age": age}, "b": {"income": income}}),
        ("{pattern: why.*.shap}", lambda age, income: {"why": {"age": {"shap": age}, "income": {"shap": income}}}),
        ("{age: 'shap[0]', income: 'shap[1]'}", lambda age, income: {"shap": [age, income]}),
    ],
)
def test_where_they_stand(watched: Watched, attributions: str, inside: Callable[[Any, Any], dict[str, Any]]) -> None:
    """In an object, in fields that are called like the features, by a pattern, or by the field of each."""
    loaded = build(watched, text_of(LOG, attributions))
    for event in events():
        age, income = event.pop("why_age"), event.pop("why_income")
        watched.write(json.dumps({**event, **inside(age, income)}) + "\n")
    series = read(watched.start(loaded), watched.clock)[1]
    assert found(series) == EXPECTED
    assert not any(name == OF_BASELINE for name, _ in series)  # the data have none there


def test_what_is_no_attribution(watched: Watched) -> None:
    """Texts of numbers are numbers; what is not finite or no number is invalid, and adds nothing."""
    loaded = build(watched, text_of(LOG))
    event = {"ts": NOW - 60, "v": "1", "status": 200, "age": 1.0, "income": 1.0}
    for value in (1, -1.5, "-2.5", "x", "inf", True, None):
        watched.write(json.dumps({**event, "why_age": value}) + "\n")
    watched.write(json.dumps({**event, "why_age": float("nan")}) + "\n")
    series = read(watched.start(loaded), watched.clock)[1]
    assert found(series) == {("1", "age"): (5.0, 3, 1, 4), ("1", "income"): (0.0, 0, 8, 0)}


def test_rows_have_their_own(watched: Watched) -> None:
    """Lists in step with those of the features, with and without names, and out of step they are refused."""
    source = LOG + "\n      rows: {features: x, attributions: why, names: [age, income]}"
    loaded = build(watched, text_of(source, "attributions").replace("features: [age, income]", "features: features"))
    for why in ([[0.5, -1.0], [0.25, 2.0]], [{"age": -0.25, "income": 1.0}, {"age": 1.0}], [[1.0, 1.0]]):
        record = {"ts": NOW - 60, "v": "1", "status": 200, "x": [[30.0, 2.0], [40.0, 3.0]], "why": why}
        watched.write(json.dumps(record) + "\n")
    series = read(watched.start(loaded), watched.clock)[1]
    assert found(series) == {("1", "age"): (2.0, 4, 0, 0), ("1", "income"): (4.0, 3, 1, 0)}
    assert total(series, "prediction_exporter_events_rejected_total", reason="uneven_rows") == 1


def test_they_go_on_after_a_restart(watched: Watched) -> None:
    """Counters go on, and a feature that is named no more is not shown; the budget holds as many series as there may be."""
    loaded = build(watched, text_of(in_a_log(watched.folder)))
    monitor = watched.start(loaded)
    read(monitor, watched.clock)
    monitor.commit()
    monitor.close()
    watched.write(json.dumps({**events()[0], "ts": NOW - 10}) + "\n")
    series = read(watched.start(loaded), watched.clock)[1]
    assert found(series) == EXPECTED | {("1", "age"): (1.25, 3, 1, 0), ("1", "income"): (3.25, 4, 0, 0)}
    watched.monitors[-1].commit()
    watched.monitors[-1].close()
    fewer = watched.configure(text_of(LOG, "{income: why_income}"))
    monitor = watched.start(fewer)
    assert set(found(read(monitor, watched.clock)[1])) == {("1", "income"), ("2", "income")}
    subject = subject_of(fewer, fewer.models[0], load_baseline(fewer.models[0], "models[0]"), {}, None)
    most = budget.total([TrafficSeries(subject).most()], 2)
    assert (most[MAGNITUDE], most[VALUES], most[OF_BASELINE]) == (2, 6, 1)


@pytest.mark.parametrize(
    ("attributions", "told"),
    [
        ("{salary: why}", r"predictions\.fields\.attributions: salary is no feature of the baseline \(it has: age, income\)"),
        ("[why.agee]", r"predictions\.fields\.attributions: agee is no feature of the baseline; did you mean age\?"),
        ("3", r"predictions\.fields\.attributions: 3 does not tell where the attributions are"),
        ("{pattern: why}", r"predictions\.fields\.attributions\.pattern: .*is no pattern"),
        ("{}", r"predictions\.fields\.attributions"),
    ],
)
def test_what_is_refused(watched: Watched, attributions: str, told: str) -> None:
    """With the place in the file."""
    build(watched, text_of(LOG))
    watched.file.write_text(text_of(LOG, attributions))
    with pytest.raises(ConfigError, match=told):
        load_baseline(config.load(watched.file).models[0], "models[0]")


WHY = {"age": 0.5, "income": -1.5}


@pytest.mark.parametrize(
    ("attributions", "inside", "told"),
    [
        ("shap", {"why": WHY}, "attributions: the one record lacks shap (they have"),
        ("whi", {"why": WHY}, "attributions: the one record lacks whi; did you mean why? (they have"),
        (FLAT, {"shap_age": 1, "shap_income": 1}, "attributions.pattern: the one record lacks a value of why_age, why_income"),
        (
            "why",
            {"why": {"age": 0.5, "bias": 2}},
            "lacks a value of why.income; where that is right, name the others",
        ),
        ("why", {"why": [0.5, -1.5]}, "why.income; they have no names there, so name each: {FEATURE: why[0]}"),
        ("why", {"why": {"age": [0.5, 1], "income": [2, 3]}}, "why.age, why.income are lists, such as [0.5, 1]; name one item"),
        (
            "why",
            {"why": {"age": 0.5, "income": "NaN"}},
            "no value of why.income is a number, such as 'NaN'; have it",
        ),
        ("why", {"why": {"age": 0.5, "income": None}}, "lacks a value of why.income; where that is right, name the others"),
        (
            "[a.age, b.income]",
            {"a": WHY, "b": {"income": True}},
            "[1]: no value of b.income is a number, such as True",
        ),
        ("{income: why}", {"why": "inf"}, "attributions.income: no value of why is a number, such as 'inf'"),
    ],
)
def test_what_is_not_there_is_told(
    watched: Watched, capsys: pytest.CaptureFixture[str], attributions: str, inside: dict[str, Any], told: str
) -> None:
    """What was said and no record has, or has in a form that is not read, adds nothing for ever: the check fails."""
    build(watched, text_of(LOG, attributions))
    watched.write(json.dumps({"ts": NOW - 60, "v": "1", "status": 200, "age": 1.0, "income": 1.0, **inside}) + "\n")
    assert main(["check", "config", str(watched.file)]) == 1
    assert told in capsys.readouterr().err


def test_what_does_not_fit(tmp_path: Path) -> None:
    """Without a baseline there are no features, a database does not count them, and rows name what fields do not."""
    for text, told in (
        (
            text_of(LOG).replace("maturity: 1\n    baseline: baseline.json", "maturity: 0"),
            r"fields\.attributions: is for features, of which maturity 0",
        ),
        (text_of("table: {url: 'sqlite:////tmp/x.db', name: t, mode: aggregate}"), r"does not count fields\.attributions"),
        (
            text_of(LOG + "\n      rows: {features: x, attributions: y}").replace(f", attributions: {FLAT}", ""),
            "fields do not say that they are such",
        ),
    ):
        with pytest.raises(ConfigError, match=told):
            config.parse(text, name="exporter.yml", base=tmp_path, environ={})
