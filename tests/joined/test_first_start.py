"""What was predicted before the exporter was there waits for its label: a table that is full says what a log has said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import watched
from databases import Database, new_file
from labelled_model import DAY, FIELDS, HOUR, LabelledModel, more_of
from prediction_exporter.collectors.report import LabelsReport, ModelReport

NOW = watched.NOW
DAYS = 6
LABELS = "horizon: 5d"


class Model:
    """A model whose predictions are in a log, in files or in a table, each of them with the same labels in a log."""

    def __init__(self, folder: Path, place: str, *, labels: str | None = LABELS) -> None:
        self.model = LabelledModel(folder)
        self.place = place
        self.database: Database | None = None
        self.source = {"log": "log: {path: app.log, start: beginning}", "files": "files: {path: p/*.jsonl, settle: 0s}"}.get(
            place
        )
        if place == "table":
            self.database = new_file("sqlite", folder)
            columns = "id TEXT, ts DOUBLE, version TEXT, amount DOUBLE, color TEXT, decision TEXT, score DOUBLE"
            self.database.execute(f"CREATE TABLE p ({columns})")
            self.source = f"table: {{url: {json.dumps(self.database.url())}, name: p, lateness: 1m}}"
        self.start(labels)

    def start(self, labels: str | None = LABELS, *, windows: str = "[1h, 24h]") -> None:
        """Start the exporter on its state, with labels or without."""
        more = "baseline: baseline.json" if labels is None else more_of(labels=labels, matures="2d")
        text = watched.config_text(watched.model_text(fields=FIELDS, more=more), more=f"windows: {windows}")
        assert self.source is not None
        self.model.again(self.model.model.configure(text.replace("log: {path: app.log, start: beginning}", self.source)))

    def write(self, rows: list[dict[str, Any]], *, day: int = 0) -> None:
        """Write predictions."""
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        if self.database is not None:
            self.database.insert("p", rows)
        elif self.place == "files":
            path = self.model.folder / "p" / f"{day}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text(lines)
            os.utime(path, (rows[-1]["ts"], rows[-1]["ts"]))
        else:
            self.model.model.write(lines)

    def at(self, now: float) -> ModelReport:
        """Turn the clock, read and evaluate."""
        self.model.clock.now = now
        return self.model.read()


def predictions(model: Model, day: int) -> list[dict[str, Any]]:
    """Return predictions of a day, one each half of an hour, of which one comes again the day after."""
    rows = []
    for half in range(48):
        at = NOW + DAY * day + 1800 * half + 7
        name = f"p{day}-{half}" if half or not day else f"p{day - 1}-40"
        rows.append(watched.event(at, model.model.chance, id=name, latency_ms=None, status=None))
    return rows


def labels_of(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return a label for every third prediction, as it was predicted for every second of these."""
    return {row["id"]: row["decision"] if at % 2 else "accept" for at, row in enumerate(rows[::3])}


def figures(report: LabelsReport | None) -> dict[str, Any]:
    """Return the counts of all windows of performance and of coverage, and where they end."""
    assert report is not None
    windows = {(one.version, one.window, one.labels): one.pairs.counts.tolist() for one in report.windows}
    assert any(kind == "mature" for _, _, kind in windows)
    coverage = {(one.window, one.labels): (one.predictions.tolist(), one.labelled.tolist()) for one in report.coverage}
    return {"windows": windows, "coverage": coverage, "ends": dict(report.ends)}


def counted(report: ModelReport) -> dict[str, Any]:
    """Return what windows and counters have of predictions."""
    rows = {(one.version, one.segment, one.window): int(one.profile.rows) for one in report.windows}
    return {"rows": rows, "requests": report.requests, "events": report.source.events}


def of_a_log(folder: Path) -> tuple[list[list[dict[str, Any]]], ModelReport, float]:
    """Return the predictions of days, what is known of them where the exporter was there all along, and when that is."""
    log = Model(folder, "log")
    days = [predictions(log, day) for day in range(DAYS)]
    for day, rows in enumerate(days):
        log.write(rows)
        log.at(NOW + DAY * (day + 1))
    end = NOW + DAY * DAYS + HOUR
    log.model.label(labels_of([row for rows in days for row in rows]), at=end - HOUR)
    return days, log.at(end), end


@pytest.mark.parametrize("place", ["table", "files"])
def test_a_table_that_is_full_at_the_first_start(tmp_path: Path, place: str) -> None:
    """Mature figures are of predictions that lie far behind the longest window; no window counts them."""
    days, of_log, end = of_a_log(tmp_path / "log")
    model, without = Model(tmp_path / place, place), Model(tmp_path / "without", place, labels=None)
    for one in (model, without):
        for day, rows in enumerate(days):
            one.write(rows, day=day)
    model.model.label(labels_of([row for rows in days for row in rows]), at=end - HOUR)
    report = model.at(end)
    expected = figures(of_log.labels)
    assert figures(report.labels) == expected
    mature = expected["coverage"]["24h", "mature"]
    assert sum(mature[0]) == 47, "a day of predictions but for the one that came again"
    assert counted(report) == counted(without.at(end))
    model.start()
    again = model.at(end + 60)
    assert again.labels is not None
    assert report.labels is not None
    assert again.labels.tallies.predictions == report.labels.tallies.predictions
    assert again.labels.tallies.duplicates == report.labels.tallies.duplicates


def test_labels_of_a_table_that_was_watched_without(tmp_path: Path) -> None:
    """What was counted is not counted again, and waits; neither is what waits read again for other windows."""
    days, of_log, end = of_a_log(tmp_path / "log")
    model = Model(tmp_path / "table", "table", labels=None)
    for rows in days:
        model.write(rows)
    before = model.at(end)
    model.start()
    model.model.label(labels_of([row for rows in days for row in rows]), at=end - HOUR)
    report = model.at(end)
    assert figures(report.labels) == figures(of_log.labels)
    assert counted(report) == counted(before)
    model.start(windows="[1h, 12h, 24h]")
    again = model.at(end)
    found = figures(again.labels)["windows"]
    assert found == found | figures(of_log.labels)["windows"]
    assert report.labels is not None
    assert again.labels is not None
    assert again.labels.tallies.duplicates == report.labels.tallies.duplicates


def test_an_exporter_that_was_away(tmp_path: Path) -> None:
    """For longer than the longest window: what it missed enters no window, which is told once, and waits for its label."""
    days, of_log, end = of_a_log(tmp_path / "log")
    model = Model(tmp_path / "table", "table")
    model.write(days[0])
    model.at(NOW + DAY)
    for rows in days[1:]:
        model.write(rows)
    model.model.label(labels_of([row for rows in days for row in rows]), at=end - HOUR)
    model.start()
    report = model.at(end)
    assert figures(report.labels) == figures(of_log.labels)
    missed = sum(NOW + DAY <= row["ts"] < end - DAY for rows in days for row in rows)
    assert report.source.rejected == {"too_old": pytest.approx(missed, abs=3)}  # the oldest bucket is whole
    assert model.at(end + 60).source.rejected == report.source.rejected
