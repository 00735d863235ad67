"""Models whose records hold several predictions: what counts, what labels find, and what the commands say of them."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest

from counting import context_of, count
from databases import new_file
from prediction_exporter import config
from prediction_exporter.cli import main
from prediction_exporter.errors import ConfigError
from prediction_exporter.memory import ROOM
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.records import unfolding
from prediction_exporter.sources.registry import open_source
from watched import NOW, Watched, config_text, event, read, total

FIELDS = "{time: ts, id: id, version: version, prediction: prediction, score: score, latency: latency_ms, status: status}"
ROWS = "{features: request.instances, prediction: response.decision, score: response.score}"


def record(number: int, rows: int, chance: random.Random, *, now: float = NOW) -> dict[str, Any]:
    """Return a record of a request whose body is text, and of its response."""
    events = [event(NOW, chance) for _ in range(rows)]
    inputs = [{name: one[name] for name in ("amount", "color")} for one in events]
    outputs = {"decision": [one["decision"] for one in events], "score": [[one["score"]] for one in events]}
    common = {"ts": now - 60, "id": f"r{number}", "version": "1", "latency_ms": 5, "status": 200}
    return {**common, "request": json.dumps({"instances": inputs}), "response": outputs}


def lines(records: list[dict[str, Any]]) -> str:
    """Return records as lines of a log."""
    return "".join(json.dumps(one) + "\n" for one in records)


def model(rows: str = ROWS, *, fields: str = FIELDS, more: str = "") -> str:
    """Return a configuration."""
    text = f"""
  - name: m
    owner: me
    baseline: baseline.json
    predictions: {{log: {{path: app.log, start: beginning}}, rows: {rows}, fields: {fields}}}
"""
    return config_text(text + "".join(f"    {line}\n" for line in more.split("\n") if line))


LABELS = """performance: {positive: accept}
labels:
  log: {path: labels.log, start: beginning}
  fields: {id: id, row: row, label: label, time: ts}
  matures_after: {after: 0s, coverage: 0.5}"""


def test_labels_name_a_prediction_by_its_row(tmp_path: Path) -> None:
    """Each prediction of a record gets its own label, and predictions of a record are no duplicates of each other."""
    watched = Watched(tmp_path)
    chance = random.Random(2)
    records = [record(number, number % 4 + 1, chance) for number in range(20)]
    right = [[chance.random() < 0.7 for _ in one["response"]["decision"]] for one in records]
    other = {"accept": "refuse", "refuse": "accept"}
    labels = [
        {"id": one["id"], "row": row, "label": decision if hit else other[decision], "ts": NOW}
        for one, hits in zip(records, right, strict=True)
        for row, (decision, hit) in enumerate(zip(one["response"]["decision"], hits, strict=True))
    ]
    chance.shuffle(labels)
    labels += [{"id": "r1", "row": odd, "label": "accept", "ts": NOW} for odd in (-1, 0.5, "x", None, 7)]
    watched.write(lines(records[:10]))
    watched.write(lines(labels), to="labels.log")
    monitor = watched.start(watched.configure(model(more=LABELS)))
    read(monitor, watched.clock)
    watched.write(lines(records[10:]))  # whose labels came before
    _, series = read(monitor, watched.clock)
    hits = [hit for of_record in right for hit in of_record]
    assert len(hits) == 50  # 1 + 2 + 3 + 4 predictions, five times
    assert total(series, "model_requests_total") == 50
    assert total(series, "model_labels_total", outcome="joined") == 50
    accuracy = total(series, "model_accuracy_ratio", window="1h", labels="mature", version="1", segment="all")
    assert accuracy == pytest.approx(sum(hits) / 50)
    assert total(series, "model_duplicate_ratio", window="1h") == 0
    watched.write(lines(records[:2]))  # three predictions again
    _, series = read(monitor, watched.clock)
    assert total(series, "model_duplicate_ratio", window="1h") == pytest.approx(3 / 53)


def test_ids_of_single_predictions_need_no_row(tmp_path: Path) -> None:
    """Where each prediction has an id of its own, or an id is met once in its record, labels name that alone."""
    (tmp_path / "app.log").write_text(
        lines(
            [{"ts": NOW - 60, "ids": ["a", "b", "b", "c"], "in": [{"amount": 1}] * 4}, {"ts": NOW - 60, "id": "d", "in": [{}]}]
        )
    )
    predictions = {
        "log": {"path": "app.log", "start": "beginning"},
        "rows": {"features": "in", "id": "ids"},
        "fields": {"time": "ts", "id": "id"},
    }
    source = open_source(context_of(tmp_path, predictions, None, clock=lambda: NOW))
    source.restore(None)
    rows = [events.rows.tolist() for batch in source.poll() for events in batch.events if events.rows is not None]
    source.close()
    assert rows == [[0, 1, 2, 0, 0]]


def test_pieces_are_bounded_and_the_last_of_them_ends_the_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a record has once stands in each of its flat events: these are made and counted a piece at a time."""
    monkeypatch.setattr(unfolding, "PIECE_BYTES", 1 << 16)
    big = {"ts": NOW - 60, "id": "a", "note": "x" * 10_000, "in": [{"amount": 1}] * 1000}
    (tmp_path / "app.log").write_text(lines([big, {"ts": NOW - 60, "id": "b", "in": [1, 2], "out": [1]}, {**big, "in": [5]}]))
    predictions = {
        "log": {"path": "app.log", "start": "beginning"},
        "rows": {"features": "in", "prediction": "out"},
        "fields": {"time": "ts", "id": "id"},
    }
    source = open_source(context_of(tmp_path, predictions, None, clock=lambda: NOW))
    source.restore(None)
    batches: list[Batch] = list(source.poll())
    source.close()
    assert ROOM.step(1 << 16) <= 1 << 16
    most = max(len(events) for batch in batches for events in batch.events)
    assert most <= (1 << 16) // 10_000 + 1
    assert sum(len(events) for batch in batches for events in batch.events) == 1001
    assert [batch.is_last for batch in batches] == [False] * (len(batches) - 1) + [True]
    settings = context_of(tmp_path, predictions, None, clock=lambda: NOW).predictions
    sample = unfolding.Unfolding(settings, None, None, clock=lambda: NOW).unfold(lines([big]).encode(), Rejected())
    assert len(sample.data) <= (1 << 16) + 11_000
    assert batches[-1].rejected.counts == {"uneven_rows": 1}
    assert batches[-1].rejected.examples == {"uneven_rows": "lists are not in step: features 2, prediction 1"}


def test_roles_by_paths_into_what_rows_unfold(tmp_path: Path) -> None:
    """Time, id, entity, stage, version, status and latency may stand in a row's object, or in what belongs to all."""
    items = [
        {"meta": {"id": "a", "who": "u", "stage": "shadow", "v": "2", "ok": 200, "ms": 5}, "x": {"amount": 1}},
        {"meta": {"id": "b", "who": "u", "stage": "champion", "v": "2", "ok": 503, "ms": 7}, "x": {"amount": 2}},
    ]
    (tmp_path / "app.log").write_text(lines([{"at": {"ts": NOW - 60}, "batch": {"items": items}}]))
    fields: dict[str, Any] = {
        "time": "at.ts",
        "id": "meta.id",
        "entity": "meta.who",
        "stage": "meta.stage",
        "version": "meta.v",
    }
    fields |= {"status": "meta.ok", "latency": {"field": "meta.ms", "unit": "ms"}}
    predictions = {"log": {"path": "app.log", "start": "beginning"}, "rows": "batch.items", "fields": fields}
    source = open_source(context_of(tmp_path, predictions, None, clock=lambda: NOW))
    source.restore(None)
    [[events]] = [batch.events for batch in source.poll()]
    source.close()
    assert events.versions.to_list() == ["2", "2"]
    assert events.failed.tolist() == [False, True]
    assert events.ids is not None
    assert events.ids.to_list() == ["a", "b"]
    assert events.latencies is not None
    assert events.latencies.tolist() == pytest.approx([0.005, 0.007])
    assert events.entities is not None
    assert len(set(events.entities.tolist())) == 1
    assert events.stages is not None
    assert len(set(events.stages.tolist())) == 2


class Checked:
    """What ``check config`` says."""

    def __init__(self, watched: Watched, capsys: pytest.CaptureFixture[str], text: str) -> None:
        watched.configure(text)
        self.code = main(["check", "config", str(watched.file)])
        output, errors = capsys.readouterr()
        self.lines = [line.strip() for line in output.splitlines()]
        self.told = errors.replace(f"{watched.file}: ", "")


def test_check_config_says_what_records_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many predictions of how many records, what one has, and which configured fields are not there."""
    watched = Watched(tmp_path)
    watched.write(lines([record(number, 3, random.Random(1), now=time.time()) for number in range(4)]))
    found = Checked(watched, capsys, model())
    assert found.code == 0
    names = "ts, id, version, latency_ms, status, features.amount, features.color, prediction, score"
    assert f"sample: 12 predictions of {tmp_path}/app.log, all usable" in found.lines
    assert f"rows: 4 records have 12 predictions, one of them with {names}" in found.lines
    assert "prediction: prediction" in found.lines
    wrong = Checked(watched, capsys, model(fields=FIELDS.replace("score: score", "score: scores")))
    assert "predictions.fields.score: none of 12 records has scores" in wrong.told
    assert f"(they have: {names})" in wrong.told
    misplaced = Checked(watched, capsys, model(rows="{features: request.inputs, prediction: response.decision}"))
    assert "none of the baseline's features (amount, color) stands in the log's first lines" in misplaced.told


def test_check_config_asks_for_rows_that_labels_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where predictions share the id of their record, labels without a row would all be of the first."""
    watched = Watched(tmp_path)
    watched.write(lines([record(number, 3, random.Random(1), now=time.time()) for number in range(4)]))
    watched.write(lines([{"id": "r1", "row": 1, "label": "accept", "ts": time.time()}]), to="labels.log")
    assert Checked(watched, capsys, model(more=LABELS)).code == 0
    found = Checked(watched, capsys, model(more=LABELS.replace("row: row, ", "")))
    assert found.code == 1
    assert "models[0].labels.fields.row: predictions of a record share its id, and no field of labels says which" in found.told
    (tmp_path / "app.log").write_text(lines([record(number, 1, random.Random(1), now=time.time()) for number in range(4)]))
    found = Checked(watched, capsys, model(more=LABELS))
    assert found.code == 0
    assert "labels.fields.row: no sampled prediction shares its id with another of its record; leave it out" in found.told


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "csv"])
def test_a_baseline_of_records_is_that_of_their_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    """The same data as records and flat give the same columns; flat data need nothing."""
    import polars as pl

    watched = Watched(tmp_path)
    watched.configure(model())
    chance = random.Random(4)
    records = [record(number, 3, chance) for number in range(40)]
    flat = [
        {"features": features, "prediction": decision, "score": score[0]}
        for one in records
        for features, decision, score in zip(
            json.loads(one["request"])["instances"], one["response"]["decision"], one["response"]["score"], strict=True
        )
    ]
    data = tmp_path / f"records.{suffix}"
    texts = [{**one, "response": json.dumps(one["response"])} for one in records]
    if suffix == "jsonl":
        data.write_text(lines(records))
    elif suffix == "parquet":
        pl.DataFrame(texts).write_parquet(data)
    else:
        pl.DataFrame(texts).write_csv(data)
    (tmp_path / "flat.jsonl").write_text(lines(flat))
    shown = []
    for file in (data, tmp_path / "flat.jsonl"):
        command = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(file)]
        assert main([*command, "--output", str(tmp_path / "built.json")]) == 0
        output, _ = capsys.readouterr()
        shown.append([line for line in output.splitlines() if line.startswith(("amount", "color", "prediction", "score"))])
    assert shown[0] == shown[1]
    assert len(shown[0]) == 4


def test_a_baseline_cannot_have_the_names_of_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What to give is told; data that are flat have names."""
    watched = Watched(tmp_path)
    watched.configure(model(rows="{features: in, names: baseline}"))
    (tmp_path / "data.jsonl").write_text(lines([{"ts": NOW, "in": [[1, 2], [3, 4]]}]))
    command = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(tmp_path / "data.jsonl")]
    assert main(command) == 2
    assert "models[0].predictions.rows.names: are those of the baseline, which is being built of" in capsys.readouterr().err


def test_names_of_the_baseline(tmp_path: Path) -> None:
    """Lists without names have the features of the baseline, in its order."""
    watched = Watched(tmp_path)
    rows = [[10.0, "red"], [12.0, "blue"], [11.0, "green"]]
    watched.write(lines([{"ts": NOW - 60, "id": "a", "in": rows, "out": ["accept"] * 3}]))
    loaded = watched.configure(
        model(rows="{features: in, prediction: out, names: baseline}", fields="{time: ts, id: id, prediction: prediction}")
    )
    _, series = read(watched.start(loaded), watched.clock)
    assert total(series, "model_column_mean", column="amount", window="1h") == pytest.approx(11.0)


@pytest.mark.parametrize(
    ("predictions", "told"),
    [
        (
            {"table": {"url": "sqlite:///p.db", "name": "p", "mode": "aggregate"}, "rows": "items"},
            "counts rows in the database, which cannot read rows in them (allowed: rows, or auto)",
        ),
        (
            {
                "table": {"url": "sqlite:///p.db", "name": "p"},
                "join": {"id": "id", "request": "kind = 'a'", "response": "kind = 'b'"},
            },
            "has join beside table",
        ),
        ({"log": {"path": "app.log"}, "rows": {}}, "has rows that name no place"),
        ({"log": {"path": "app.log"}, "rows": {"each": "a", "features": "b"}}, "has rows.each beside other places"),
        ({"log": {"path": "app.log"}, "rows": {"features": "b", "max": 0}}, "predictions.rows.max"),
    ],
)
def test_what_cannot_be_configured(tmp_path: Path, predictions: dict[str, Any], told: str) -> None:
    """Is refused with what is allowed."""
    of_model = {"name": "m", "owner": "me", "maturity": 0, "predictions": predictions}
    text = json.dumps({"owners": {"me": {"slack": "#me"}}, "models": [of_model]})
    with pytest.raises(ConfigError, match=re.escape(told)):
        config.parse(text, name="exporter.yml", base=tmp_path, environ={})


def test_a_row_of_labels_needs_records(tmp_path: Path) -> None:
    """A model whose records are one prediction each has no rows that labels could name."""
    watched = Watched(tmp_path)
    with pytest.raises(ConfigError, match="is which prediction of a record a label is of, and each record is one prediction"):
        watched.configure(model(more=LABELS).replace(f"rows: {ROWS}, ", ""))


@pytest.mark.parametrize("kind", ["log", "files", "table"])
def test_records_that_cannot_be_read_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Not as lines without a wrapper, files without rows or a table without a time."""
    watched = Watched(tmp_path)
    bad = {"ts": time.time(), "request": json.dumps({"instances": [{"amount": 1}] * 2}), "response": '{"decision": ["accept"]}'}
    text = model(rows="{features: request.instances, prediction: response.decision}", fields="{time: ts}")
    if kind == "log":
        watched.write(lines([bad]))
    elif kind == "files":
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "p.jsonl").write_text(lines([bad]))
        text = text.replace("log: {path: app.log, start: beginning}", "files: {path: files, settle: 0s}")
    else:
        database = new_file("sqlite", tmp_path)
        database.execute("CREATE TABLE p (ts DOUBLE, request TEXT, response TEXT)")
        database.insert("p", [bad])
        text = text.replace("log: {path: app.log, start: beginning}", f'table: {{url: "{database.url()}", name: p}}')
    found = Checked(watched, capsys, text)
    assert found.code == 1
    refusal = "refused as uneven_rows, such as 'lists are not in step: features 2, prediction 1'"
    assert f"no sampled record can be read; {refusal}" in found.told


def test_inputs_in_csv_and_outputs_in_json(tmp_path: Path) -> None:
    """As captured of an endpoint that takes the one and gives the other; fields lead into the objects of outputs."""
    output = json.dumps({"predictions": [{"score": 0.25, "predicted_label": "no"}, {"score": 0.75, "predicted_label": "yes"}]})
    captured = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "0.5,red\n1.5,blue",
                "encoding": "CSV",
            },
            "endpointOutput": {"observedContentType": "application/json", "data": output, "encoding": "JSON"},
        },
        "eventMetadata": {"eventId": "e", "inferenceTime": "2027-01-15T23:59:00Z"},
    }
    watched = Watched(tmp_path)
    watched.write(lines([captured]))
    fields = "{time: eventMetadata.inferenceTime, prediction: prediction.predicted_label, score: prediction.score}"
    places = "features: captureData.endpointInput.data, prediction: captureData.endpointOutput.data"
    loaded = watched.configure(model(rows=f"{{{places}, names: [amount, color]}}", fields=fields))
    _, series = read(watched.start(loaded), watched.clock)
    assert total(series, "model_requests_total") == 2
    assert total(series, "model_column_mean", column="amount", window="1h") == pytest.approx(1.0)
    assert total(series, "model_column_mean", column="score", window="1h") == pytest.approx(0.5)


def test_a_log_that_begins_while_it_is_watched(tmp_path: Path) -> None:
    """Ids are told apart in the very first lines, too, by which the fields are recognised."""
    (tmp_path / "app.log").write_text("")
    predictions = {
        "log": {"path": "app.log", "start": "beginning"},
        "rows": {"features": "in", "id": "ids"},
        "fields": {"time": "ts", "id": "id"},
    }
    context = context_of(tmp_path, predictions, None, clock=lambda: NOW)
    source = open_source(context)
    source.restore(None)
    assert not [batch for batch in source.poll() if batch.events]
    (tmp_path / "app.log").write_text(lines([{"ts": NOW - 60, "ids": ["a", "b"], "in": [{"amount": 1}] * 2}]))
    [events] = [events for batch in source.poll() for events in batch.events]
    source.close()
    assert events.rows is not None
    assert events.rows.tolist() == [0, 0]
    assert count(context).tally.events == 2


def told_of_places(tmp_path: Path, records: list[dict[str, Any]], **more: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the shares of records that have the places of their predictions, and what is told of those that none has."""
    (tmp_path / "app.log").write_text(lines(records))
    rows = {"features": "in", "prediction": "out"}
    predictions = {"log": {"path": "app.log", "start": "beginning"}, "rows": rows, "fields": {"time": "ts"}} | more
    source = open_source(context_of(tmp_path, predictions, None, clock=lambda: NOW))
    source.restore(None)
    assert sum(len(events) for batch in source.poll() for events in batch.events)
    ratios = {key: ratio for key, ratio in source.seen.ratios().items() if key.startswith("rows.")}
    told = tuple(sentence for sentence in source.seen.unseen() if sentence.startswith("rows."))
    source.close()
    return ratios, told


SERVED = {"ts": NOW - 60, "status": 200, "in": [{"amount": 1}], "out": [1]}


@pytest.mark.parametrize(
    ("failed", "more"),
    [
        ({"ts": NOW - 60, "status": 503}, {}),
        ({"ts": NOW - 60, "status": 503, "in": [{"amount": 1}]}, {}),
        ({"ts": NOW - 60, "status": 422}, {}),
        (
            {"ts": NOW - 60, "answer": {"code": "late"}},
            {"fields": {"time": "ts", "status": {"field": "answer.code", "failed": ["late"]}}},
        ),
        ({"ts": NOW - 60, "code": 500}, {"rows": {"features": "in", "prediction": "out", "status": "code"}}),
    ],
    ids=["failed", "with its inputs", "refused", "by a stated status", "by a status of rows"],
)
def test_an_outage_is_no_mistake_of_places(tmp_path: Path, failed: dict[str, Any], more: dict[str, Any]) -> None:
    """Requests that failed need none of the places where predictions stand, and are not told as a place that is not there."""
    assert told_of_places(tmp_path, [failed] * 5, **more) == ({}, ())
    ratios, _ = told_of_places(tmp_path, [failed, SERVED, failed, SERVED], **more)
    assert (ratios["rows.features"], ratios["rows.prediction"]) == (1.0, 1.0)


def test_a_place_that_no_answer_has_is_told(tmp_path: Path) -> None:
    """Beside failures as without them; also where a refused request shows what was sent."""
    ratios, told = told_of_places(tmp_path, [{"ts": NOW - 60, "status": 200, "in": [{"amount": 1}]}] * 3)
    assert ratios == {"rows.features": 1.0, "rows.prediction": 0.0}
    assert told[0].startswith("rows.prediction: none of ")
    ratios, _ = told_of_places(tmp_path, [{"ts": NOW - 60, "status": 422, "in": [{"amount": 1}]}] * 3)
    assert ratios == {"rows.features": 1.0, "rows.prediction": 0.0}
