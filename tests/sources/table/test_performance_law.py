"""The law of sources for labels: predictions and labels come to the same performance, wherever both are written."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import watched
from databases import Database
from labelled_model import Of, key_of, more_of
from watched_table import COLUMNS, time_of

Row = dict[str, Any]

MINUTES, LATER = 4, 3600.0
FIELDS = "{time: ts, version: version, prediction: decision, score: score, id: id}"
LABEL_FIELDS = "{id: id, label: label, time: ts, weight: weight}"
LABEL_COLUMNS = {"id": COLUMNS["version"], "label": COLUMNS["version"], "ts": COLUMNS["ts"], "weight": COLUMNS["score"]}
PREDICTION_COLUMNS = {"id": COLUMNS["version"], **COLUMNS}


@dataclass
class Found:
    """What a model shows of its labels.

    Attributes:
        windows: the counts of pairs, by the minute and what the window is of.
        coverage: predictions and labelled ones by class, by the minute, version, window and kind.
        tallies: what became of labels and predictions.
    """

    windows: dict[tuple[int, Of], list[int]]
    coverage: dict[tuple[int, str, str, str], tuple[list[int], list[int]]]
    tallies: dict[str, Any]


def drawn() -> tuple[list[Row], list[Row]]:
    """Draw predictions of some minutes and labels of the hour after, in the order of time."""
    chance = random.Random(12)
    predictions: list[Row] = []
    for number in range(240):
        at = watched.NOW + MINUTES * 60 * number / 240
        missing = {name: None for name in ("score", "color", "decision") if chance.random() < 0.05}
        event = watched.event(at, chance, id=f"p{number}", version=chance.choice(["1", "2"]), **missing)
        predictions.append({name: event.get(name) for name in PREDICTION_COLUMNS})
    predictions += [{**row, "ts": watched.NOW + 90 + n} for n, row in enumerate(predictions[:10])]  # duplicates
    labels: list[Row] = []
    for number in range(300):  # some match nothing, some are corrected or come again
        name = f"p{chance.randrange(280)}"
        label = chance.choice(["accept", "accept", "refuse", "stranger", None])
        at = watched.NOW + MINUTES * 60 + number
        labels.append({"id": name, "label": label, "ts": at, "weight": chance.choice([1.0, 2.5])})
    labels += [{**row, "ts": row["ts"] + 500} for row in labels[::10]]
    return sorted(predictions, key=lambda row: row["ts"]), labels


PREDICTIONS, LABELS = drawn()


def found(folder: Path, predictions: str, labels: str) -> Found:
    """Return what a model comes to with these sources: minute by minute, and by segment."""
    model = watched.Watched(folder)
    more = more_of(source=labels, fields=LABEL_FIELDS, model="segments: [color]")
    text = watched.config_text(watched.model_text(fields=FIELDS, more=more), more="windows: [1m, 24h]")
    loaded = model.configure(text.replace("log: {path: app.log, start: beginning}", predictions))
    model.clock.now += LATER - 60
    monitor = model.start(loaded)
    result = Found({}, {}, {})
    for minute in range(MINUTES + 1):  # the mature minute is the one an hour ago
        model.clock.now += 60
        report = watched.read(monitor, model.clock)[0]
        assert report.source.up, report.source.problem
        assert report.labels is not None
        assert report.labels.source.up, report.labels.source.problem
        for window in report.labels.windows:
            result.windows[minute, key_of(window)] = window.pairs.counts.tolist()
        for each in report.labels.coverage:
            of = (minute, each.version, each.window, each.labels)
            result.coverage[of] = (each.predictions.tolist(), each.labelled.tolist())
        tallies = report.labels.tallies
        result.tallies = {
            name: getattr(tallies, name) for name in ("predictions", "duplicates", "joined", "repeated", "corrected")
        }
    monitor.close()
    return result


def lines(rows: Sequence[Row]) -> str:
    """Return rows as a log has them."""
    return "".join(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n" for row in rows)


def in_logs(folder: Path) -> tuple[str, str]:
    """Write both as logs, and return the sources."""
    (folder / "app.log").write_text(lines(PREDICTIONS))
    (folder / "labels.log").write_text(lines(LABELS))
    return "log: {path: app.log, start: beginning}", "log: {path: labels.log, start: beginning}"


def in_files(ending: str) -> Callable[[Path], tuple[str, str]]:
    """Return what writes both as files, two of each."""

    def write(folder: Path) -> tuple[str, str]:
        for name, rows in (("app", PREDICTIONS), ("labels", LABELS)):
            (folder / name).mkdir()
            frame = pl.DataFrame(rows, infer_schema_length=None)
            for number, part in enumerate((frame[: len(rows) // 3], frame[len(rows) // 3 :])):
                path = folder / name / f"{number}.{ending}"
                part.write_csv(path) if ending == "csv" else part.write_parquet(path)
                os.utime(path, (watched.NOW + number, watched.NOW + number))
        return tuple(
            f'files: {{path: "{name}/*.{ending}", format: {ending}, start: beginning, settle: 0s}}'
            for name in ("app", "labels")
        )  # type: ignore[return-value]  # of two

    return write


def in_tables(database: Database) -> tuple[str, str]:
    """Write both into tables of one database, and return the sources; the mode is what suits the database."""
    for table, columns, rows in (("p", PREDICTION_COLUMNS, PREDICTIONS), ("l", LABEL_COLUMNS, LABELS)):
        types = ", ".join(f"{name} {of.get(database.kind, of.get(''))}" for name, of in columns.items())
        database.execute(f"CREATE TABLE {table} ({types})")
        database.insert(table, [{**row, "ts": time_of(database.kind, row["ts"])} for row in rows])
    url = json.dumps(database.url())
    of_labels = f"table: {{url: {url}, name: l, lateness: 1m}}\n  join: state"  # a join in the database has a law of its own
    return f"table: {{url: {url}, name: p, lateness: 1m}}", of_labels


@pytest.fixture(scope="module")
def of_logs(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What is found in logs."""
    folder = tmp_path_factory.mktemp("logs")
    return found(folder, *in_logs(folder))


def test_there_is_something_to_compare(of_logs: Found) -> None:
    """Of every minute, in both versions, with corrections, repetitions, duplicates and strangers."""
    of_minutes = {(minute, of[0]) for minute, of in of_logs.windows if of[2:] == ("all", "1m", "mature")}
    assert of_minutes == {(minute, version) for minute in range(1, MINUTES + 1) for version in "12"}
    assert {of[2] for _, of in of_logs.windows} == {"all", "color=red", "color=blue"}
    usable = [row["id"] for row in PREDICTIONS if row["decision"] is not None]
    assert of_logs.tallies["duplicates"] == len(usable) - len(set(usable)) > 5
    assert all(of_logs.tallies[name] > 20 for name in ("joined", "repeated", "corrected"))
    assert len(of_logs.coverage) > 2 * MINUTES


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_come_to_what_logs_do(of_logs: Found, tmp_path: Path, ending: str) -> None:
    """Every count of pairs of every minute, and coverage by class."""
    assert found(tmp_path, *in_files(ending)(tmp_path)) == of_logs


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "duckdb"])
def test_tables_come_to_what_logs_do(of_logs: Found, tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Also where a database would count its predictions itself, were there no labels."""
    database: Database = request.getfixturevalue(kind)
    assert found(tmp_path, *in_tables(database)) == of_logs
