"""``labels.only_for`` as an expression: coverage and performance are of the predictions whose record it is true of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import watched
from databases import new_file
from labelled_model import FIELDS, LabelledModel, more_of
from prediction_exporter.collectors.report import LabelsReport

ONLY_FOR = "only_for: decision = 'accept' AND amount > 10"
PLACES = ["log", "files", "state", "engine"]


class Placed:
    """A model whose predictions are in a log, in files or in a table, with its labels."""

    def __init__(self, folder: Path, place: str, only_for: str = ONLY_FOR) -> None:
        self.place, self.folder = place, folder
        self.model = LabelledModel(folder)
        more = more_of(labels=only_for)
        sources = {"log": "log: {path: app.log, start: beginning}", "files": "files: {path: p/*.jsonl, settle: 0s}"}
        if place in ("state", "engine"):
            self.database = new_file("sqlite", folder)
            self.database.execute(
                "CREATE TABLE p (id TEXT, ts DOUBLE, version TEXT, amount DOUBLE, color TEXT, decision TEXT, score DOUBLE)"
            )
            self.database.execute("CREATE TABLE l (id TEXT, label TEXT, ts DOUBLE)")
            url = json.dumps(self.database.url())
            sources[place] = f"table: {{url: {url}, name: p, lateness: 1m}}"
            more = more_of(source=f"table: {{url: {url}, name: l, lateness: 1m}}\n  join: {place}", labels=only_for)
        text = watched.config_text(watched.model_text(fields=FIELDS, more=more), more="windows: [1h, 24h]")
        self.model.again(self.model.model.configure(text.replace(sources["log"], sources[place])))

    def write(self, predictions: list[dict[str, object]], labels: dict[str, str]) -> LabelsReport:
        """Write predictions and labels of some minutes ago, and return what is known of labels."""
        at = watched.NOW - 300
        rows = [watched.event(at, self.model.chance, **row, latency_ms=None, status=None) for row in predictions]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        if self.place == "log":
            self.model.model.write(lines)
        elif self.place == "files":
            (self.folder / "p").mkdir(exist_ok=True)
            (self.folder / "p" / "a.jsonl").write_text(lines)
            os.utime(self.folder / "p" / "a.jsonl", (at, at))
        else:
            self.database.insert("p", [{"amount": None, **row} for row in rows])
            self.database.insert("l", [{"id": name, "label": label, "ts": at} for name, label in labels.items()])
        if self.place in ("log", "files"):
            self.model.label(labels, at=at)
        return self.model.labels()


@pytest.mark.parametrize("place", PLACES)
def test_the_same_population_wherever_predictions_are(tmp_path: Path, place: str) -> None:
    """Of 40 predictions, 20 accept, every second of these is of an amount above 10; and one has no amount at all."""
    placed = Placed(tmp_path, place)
    predictions: list[dict[str, object]] = [
        {"id": f"p{n}", "decision": "accept" if n % 2 else "refuse", "amount": 20.0 if n % 4 == 1 else 5.0} for n in range(40)
    ]
    predictions.append({"id": "p40", "decision": "accept", "amount": None})
    # Of the 10 that can get a label, p1, p5, ..., p37, the first six get one, and half of these is right.
    labels = {f"p{n}": "accept" if n < 12 else "refuse" for n in range(24)} | {"p40": "accept"}
    report = placed.write(predictions, labels)
    (window,) = [one for one in report.windows if (one.window, one.labels) == ("1h", "preliminary")]
    assert window.pairs.rows == 6
    assert window.measured["accuracy_ratio"].values == 0.5
    (coverage,) = [one for one in report.coverage if (one.window, one.labels) == ("1h", "preliminary")]
    by_class = {
        name: (int(n), int(of)) for name, n, of in zip(coverage.classes, coverage.predictions, coverage.labelled, strict=True)
    }
    assert by_class == {"accept": (10, 6), "refuse": (0, 0), "other": (0, 0)}
    found = placed.model.read()
    assert found.source.fields_seen["only_for"] == pytest.approx(10 / 41)
    assert (found.source.events, sum(found.source.rejected.values())) == (41, 0)


@pytest.mark.parametrize("place", PLACES)
def test_a_field_that_no_record_has_is_told(tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing waits for a label, and that is no coverage of all."""
    placed = Placed(tmp_path, place, "only_for: amout > 10")
    report = placed.write([{"id": f"p{n}"} for n in range(40)], {"p1": "accept"})
    assert not report.windows
    found = placed.model.read()
    if place in ("state", "engine"):
        told = found.source.problem if place == "state" else report.source.problem
        assert told is not None
        assert told.startswith("models[0].labels.only_for: the table has no column amout; did you mean amount?")
        return
    assert found.source.fields_seen["only_for"] == 0
    said = "only_for: none of 40 records passes the filter, and none has amout"
    assert said in report.source.unseen
    assert f"model m: labels.{said}" in caplog.text
