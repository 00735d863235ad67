"""``check config`` where a model has labels: with a source of each kind."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from databases import new_file
from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.cli import main
from watched import FIELDS, Watched, config_text, event, model_text

WITH_ID = FIELDS.replace("{", "{id: order, ", 1)

STRANGE = "sampled labels are none of the model's classes, which are accept, refuse"
REMEDY = "write to labels.values which class each of them means, or, where they are classes, all classes to performance.classes"
WRITE_ID = "write which field is the id to fields.id"

#: What is told of this baseline, and is none of the source.
OF_BASELINE = "models[0].baseline: has no labels"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder with the predictions of a model that have an id."""
    found = Watched(tmp_path)
    lines = [{**event(time.time(), found.chance), "order": number} for number in range(20)]
    found.write("".join(json.dumps(line) + "\n" for line in lines))
    return found


class Check:
    """Runs the command, in this process."""

    def __init__(self, watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
        self.watched = watched
        self._capsys = capsys

    def __call__(self, labels: str, *, fields: str = WITH_ID, source: str | None = None) -> tuple[int, list[str], list[str]]:
        """Return its exit code, the lines on the source of labels, and what is told of it."""
        more = (
            f"baseline: baseline.json\ntask: binary\nperformance: {{positive: accept}}\nlabels: {{{labels}, matures_after: 1d}}"
        )
        text = config_text(model_text(fields=fields, more=more))
        self.watched.configure(text if source is None else text.replace("log: {path: app.log, start: beginning}", source))
        code = main(["check", "config", str(self.watched.file)])
        output, errors = self._capsys.readouterr()
        lines = output.split("  labels: ", 1)[-1].split("  performance measured", 1)[0].splitlines()
        told = [message.removeprefix(f"{self.watched.file}: ") for message in errors.splitlines()]
        return code, [line.strip() for line in lines], [message for message in told if OF_BASELINE not in message]


@pytest.fixture
def check(watched: Watched, capsys: pytest.CaptureFixture[str]) -> Check:
    """The command."""
    return Check(watched, capsys)


def write(watched: Watched, truths: Sequence[Any], **more: Any) -> None:
    """Append labels to their log."""
    lines = [{"order": number, "truth": truth, **more} for number, truth in enumerate(truths)]
    watched.write("".join(json.dumps(line) + "\n" for line in lines), to="labels.log")


def test_what_is_recognised_of_labels_is_shown(watched: Watched, check: Check) -> None:
    """With the share that is of the baseline's classes, and others by name."""
    write(watched, ["accept", "refuse", "accept", "maybe", None, "later", "maybe"], role="live")
    code, lines, told = check("log: {path: labels.log}, fields: {id: order, label: truth, stage: role}")
    assert lines == [
        f"reads {watched.folder}/labels.log",
        "joined in the state file, as predictions are in a log and labels in a log",
        f"sample: 7 lines of {watched.folder}/labels.log, all usable",
        "labels: 3 of 6 are of the classes accept, refuse",
        "time: that of reading",
        "id: order",
        "label: truth",
        "stage: role",
    ]
    assert told == [
        "warning: models[0].labels.fields.label: 1 of 7 sampled labels have no usable label; they do not count",
        f"warning: models[0].labels.fields.label: 3 of 6 {STRANGE}: maybe, later; {REMEDY}",
    ]
    assert code == 0


def test_labels_that_would_join_nothing_are_errors(watched: Watched, check: Check) -> None:
    """Names that no record has, and predictions without an id."""
    write(watched, ["accept", "refuse"])
    fields = "{id: odrer, label: truth, weight: share}"
    code, _, told = check(f"log: {{path: labels.log}}, fields: {fields}", fields=FIELDS)
    has = "(they have: order, truth)"
    assert told == [
        "models[0].predictions.fields.id: labels are joined by it, and no field is recognised as the id; write which one it is",
        f"models[0].labels.fields.id: none of 2 records has odrer; did you mean order? {has}",
        f"models[0].labels.fields.weight: none of 2 records has share {has}",
        f"models[0].labels: every sampled line is refused as missing_id (no prediction id), such as 'no odrer'; {WRITE_ID}",
    ]
    assert code == 1


def test_labels_none_of_which_is_usable_are_errors(watched: Watched, check: Check) -> None:
    """Of no class at all, or objects."""
    write(watched, ["ja", "nein"])
    _, _, told = check("log: {path: labels.log}, fields: {id: order, label: truth}")
    assert told == [
        f"models[0].labels.fields.label: 2 of 2 {STRANGE}: ja, nein; {REMEDY}",
    ]
    (watched.folder / "labels.log").unlink()
    write(watched, [{"value": "accept"}])
    code, _, told = check("log: {path: labels.log}, fields: {id: order, label: truth}")
    assert told == [
        'models[0].labels.fields.label: none of the 1 sampled labels has a usable label, such as \'{"value": "accept"}\''
    ]
    assert code == 1


def test_places_that_are_not_there(watched: Watched, check: Check) -> None:
    """They may come later, but for a password."""
    code, lines, told = check("log: {path: truth/labels.log}, fields: {id: order, label: truth}")
    assert (lines[0], lines[2]) == (f"reads {watched.folder}/truth/labels.log", "no label to look at yet")
    assert told[0] == f"warning: models[0].labels.log.path: there is no folder {watched.folder}/truth yet"
    assert code == 0
    table = 'table: {url: "sqlite:////nowhere/t.db", name: truth, password_file: secret}'
    code, _, told = check(f"{table}, fields: {{id: order, label: truth, time: at}}")
    assert any(message.startswith("warning: models[0].labels: the source cannot be looked at now: ") for message in told)
    assert f"models[0].labels.table.password_file: there is no readable file {watched.folder}/secret" in told
    assert code == 1


def test_a_table_of_labels_is_sampled(watched: Watched, check: Check) -> None:
    """As its rows would be read."""
    database = new_file("duckdb", watched.folder)
    database.execute("CREATE TABLE truth (order_id UUID, truth VARCHAR, known TIMESTAMP)")
    database.execute("INSERT INTO truth SELECT uuid(), CASE WHEN i > 0 THEN 'accept' END, now() FROM range(4) rows(i)")
    table = f'table: {{url: "{database.url()}", name: truth}}'
    code, lines, told = check(f"{table}, fields: {{id: order_id, label: truth, time: known}}")
    assert lines[1:4] == [
        "joined in the state file, as predictions are in a log and labels in a table",
        f"sample: 4 lines of duckdb:///{database.name} truth, all usable",
        "labels: 3 of 3 are of the classes accept, refuse",
    ]
    assert (code, len(told)) == (0, 1)
    assert "1 of 4 sampled labels have no usable label" in told[0]


def test_what_a_filter_leaves_out_is_told(watched: Watched, check: Check) -> None:
    """A filter that no line passes is an error with its place."""
    write(watched, ["accept", "refuse"], kind="outcome")
    write(watched, [[1], None, "accept"], kind="guess")
    section = "log: {path: labels.log}, fields: {id: order, label: truth}, where: kind = '%s'"
    code, lines, told = check(section % "outcome")
    assert lines[2:4] == [
        f"sample: 5 lines of {watched.folder}/labels.log, 3 left out by where, 0 refused, 2 usable",
        "labels: 2 of 2 are of the classes accept, refuse",
    ]
    assert (code, told) == (0, [])
    code, _, told = check(section % "outcom")
    assert code == 1
    start = "models[0].labels.where: none of 5 records passes the filter (they have: order, kind, truth"
    assert [message.startswith(start) for message in told] == [True], told


def test_labels_may_be_called_otherwise_than_the_classes(watched: Watched, check: Check) -> None:
    """A class of the predictions for each value of the labels; what is none of these is taken as it is."""
    write(watched, [1, 0, "1.0", "accept", True, None])
    section = "log: {path: labels.log}, fields: {id: order, label: truth}"
    code, lines, told = check(f'{section}, values: {{"1": accept, "0": refuse}}')
    assert code == 0
    assert "labels: 4 of 5 are of the classes accept, refuse" in lines
    assert any(STRANGE in sentence and "true" in sentence for sentence in told)
    _, lines, told = check(f'{section}, values: {{"1": accept, "0": refuse, "true": accept}}')
    assert "labels: 5 of 5 are of the classes accept, refuse" in lines
    assert not any(STRANGE in sentence for sentence in told)


def test_ids_that_are_written_differently_are_told(watched: Watched, check: Check) -> None:
    """Samples seldom have an id in common; that labels pad theirs, and predictions do not, is seen without one."""
    lines = [{**event(time.time(), watched.chance), "order": number} for number in range(100, 160)]
    watched.write("".join(json.dumps(line) + "\n" for line in lines))
    watched.write("".join(json.dumps({"order": f"{n:05}", "truth": "accept"}) + "\n" for n in range(60)), to="labels.log")
    section = "log: {path: labels.log}, fields: {id: order, label: truth}"
    _, _, told = check(section)
    why = "ids of labels are such as '00000', those of predictions such as '0'; those of labels are padded with zeros"
    assert f"warning: models[0].labels.fields.id: labels find no prediction, as long as {why}" in told
    watched.write('{"order": 7, "truth": "accept"}\n', to="labels.log")
    _, _, told = check(section)
    assert not told


IDS = {
    "numbers and texts with a prefix": (lambda n: f"req_{n}", lambda n: n, "those of predictions begin with 'req_'"),
    "letters before the number": (lambda n: n, lambda n: f"ORD{n}", "those of labels begin with 'ORD'"),
    "upper and lower case": (
        lambda n: str(uuid.UUID(int=n * 7**40 % 2**128)).upper(),
        lambda n: str(uuid.UUID(int=n * 7**41 % 2**128)),
        "they differ in the case of letters",
    ),
    "with hyphens and without": (
        lambda n: str(uuid.UUID(int=n * 7**40 % 2**128)),
        lambda n: uuid.UUID(int=n * 7**41 % 2**128).hex,
        "they differ in -",
    ),
    "other ids altogether": (lambda n: n, lambda n: uuid.UUID(int=n * 7**40 % 2**128).hex, ""),
}


@pytest.mark.parametrize("forms", IDS.values(), ids=IDS)
@pytest.mark.parametrize("place", ["log", "engine", "state"])
def test_ids_that_never_meet_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, forms: Any) -> None:
    """With a hint, wherever they are joined, which is told as well."""
    of_prediction, of_label, hint = forms
    watched = Watched(tmp_path)
    rows = [{**event(time.time() - 300, watched.chance), "order": of_prediction(n)} for n in range(1, 31)]
    labels = [{"order": of_label(n), "truth": "accept", "known": time.time() - 300} for n in range(31, 61)]
    source, at = "log: {path: labels.log}", "joined in the state file, as predictions are in a log and labels in a log"
    if place == "log":
        watched.write("".join(json.dumps(row) + "\n" for row in rows))
        watched.write("".join(json.dumps(row) + "\n" for row in labels), to="labels.log")
    else:
        database = new_file("sqlite", tmp_path)
        database.execute('CREATE TABLE p ("order", ts, version, amount, color, decision, score, latency_ms, status)')
        database.execute('CREATE TABLE l ("order", truth, known)')
        database.insert("p", rows)
        database.insert("l", labels)
        source = f'table: {{url: "{database.url()}", name: l}}, join: {place}'
        at = "joined in the database, as predictions and labels are tables of one"
        at = at if place == "engine" else "joined in the state file, as labels.join says so"
    check = Check(watched, capsys)
    table = None if place == "log" else f'table: {{url: "{database.url()}", name: p}}'
    _, lines, told = check(f"{source}, fields: {{id: order, label: truth, time: known}}", source=table)
    assert lines[1] == at
    shown = f"ids of labels are such as {str(of_label(31))!r}, those of predictions such as {str(of_prediction(1))!r}"
    why = f"{shown}; {hint}" if hint else shown
    assert f"warning: models[0].labels.fields.id: labels find no prediction, as long as {why}" in told


def test_scores_in_percent_are_told(watched: Watched, check: Check) -> None:
    """Beside a baseline of shares; and those that are shares beside one of percentages."""
    write(watched, ["accept", "refuse"])
    section = "log: {path: labels.log}, fields: {id: order, label: truth}"
    assert not check(section)[2]
    table = pl.read_parquet(watched.folder / "baseline.parquet").with_columns(pl.col("score") * 100)
    table.write_parquet(watched.folder / "percent.parquet")
    fields = config.Fields.model_validate({"prediction": "decision", "score": "score"})
    built = build(read_table(watched.folder / "percent.parquet"), fields, kinds={}, task=None, where="models[0]")
    shares = (watched.folder / "baseline.json").read_bytes()
    baseline.save(built.record, watched.folder / "baseline.json")
    start = "warning: models[0].predictions.fields.score: sampled values of score lie from 0.0"
    told = [one for one in check(section)[2] if ".fields.score" in one]
    assert [one.startswith(start) and "logged as percentages" in one for one in told] == [True]
    (watched.folder / "baseline.json").write_bytes(shares)
    lines = [json.loads(line) for line in (watched.folder / "app.log").read_text().splitlines()]
    (watched.folder / "app.log").unlink()
    watched.write("".join(json.dumps(line | {"score": 100 * line["score"]}) + "\n" for line in lines))
    told = [one for one in check(section)[2] if ".fields.score" in one]
    assert ["logged as shares of 1" in one for one in told] == [True]


def test_which_predictions_can_get_a_label_is_shown(watched: Watched, check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the sample; a field that no prediction has is an error, and that none passes a warning."""
    write(watched, ["accept", "refuse"])
    section = "log: {path: labels.log}, fields: {id: order, label: truth}, only_for: %s"
    assert check(section % "order < 5")[::2] == (0, [])
    main(["check", "config", str(watched.file)])
    assert "  labels: 5 of 20 sampled predictions can get one\n" in capsys.readouterr().out
    code, _, told = check(section % "order < 5 AND chanel = 'web'")
    start = "models[0].labels.only_for: none of 20 records passes the filter, and none has chanel"
    assert (code, [one.startswith(start) for one in told]) == (1, [True])
    code, _, told = check(section % "order > 500")
    assert code == 0
    assert [one.startswith("warning: models[0].labels.only_for: none of 20 records passes") for one in told] == [True]


def test_ids_that_begin_anew_are_told(watched: Watched, check: Check) -> None:
    """A number of the day is no id: the labels of each day would be joined with the first day's predictions."""
    write(watched, ["accept", "refuse"])
    section = "log: {path: labels.log}, fields: {id: order, label: truth}"
    assert not check(section)[2]
    lines = [{**event(time.time(), watched.chance), "order": number} for number in range(5)]
    watched.write("".join(json.dumps(line) + "\n" for line in lines))
    _, _, told = check(section)
    what = "5 of 25 sampled predictions have the id of an earlier one, such as '0'"
    assert told == [f"warning: models[0].predictions.fields.id: {what}; labels are joined with the first alone"]


def test_labels_that_lie_ahead_are_told(watched: Watched, check: Check) -> None:
    """As local times do that are read as UTC."""
    write(watched, ["accept", "refuse"], known=time.time() + 7200)
    _, _, told = check("log: {path: labels.log}, fields: {id: order, label: truth, time: known}")
    what = "the newest sampled label lies 2.0 hours ahead of the clock"
    assert told == [
        f"warning: models[0].labels.fields.time: {what}; where times carry no zone, write theirs to labels.timezone"
    ]


def test_blanks_around_labels_are_none_of_them(watched: Watched, check: Check) -> None:
    """As columns of type CHAR have, and CSV with a blank behind each comma."""
    write(watched, ["accept  ", " refuse", " "])
    _, lines, told = check("log: {path: labels.log}, fields: {id: order, label: truth}")
    assert "labels: 2 of 2 are of the classes accept, refuse" in lines
    assert [sentence.split(": ", 2)[2] for sentence in told] == [
        "1 of 3 sampled labels have no usable label; they do not count"
    ]
