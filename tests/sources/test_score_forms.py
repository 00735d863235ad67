"""Scores of classes as servers write them: lists of label and score, batches of one, fields of one pattern; in every source."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from counting import Counted, assert_equal, context_of, count
from prediction_exporter.config import Fields
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.sources.fields import memory
from prediction_exporter.sources.fields.recognise import log_schema
from prediction_exporter.sources.fields.schema import EventSchema, path_text

NOW = 1_800_057_600.0
CLASSES = ("neutral", "POSITIVE", "1.5")
Row = dict[str, Any]


def scores(number: int) -> dict[str, float]:
    """Return a score of each class in quarters; the best class changes from row to row."""
    return {name: (number + 2 * place) % 5 / 4 for place, name in enumerate(CLASSES)}


def ranked(number: int, label: str = "label", score: str = "score") -> list[Row]:
    """Return label and score, the best first, as a pipeline of transformers does."""
    return [{label: name, score: value} for name, value in sorted(scores(number).items(), key=lambda item: -item[1])]


#: How a row's scores are written, and what the configuration says of them.
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "object": (lambda n: {"scores": scores(n)}, {}),
    "labelled": (lambda n: {"scores": ranked(n)}, {}),
    "labelled_in_a_batch_of_one": (lambda n: {"outputs": [ranked(n)]}, {"score": "outputs"}),
    "class_and_probability": (lambda n: {"result": {"top": ranked(n, "className", "probability")}}, {"score": "result.top"}),
    "pattern": (lambda n: {f"p_{name}_raw": value for name, value in scores(n).items()}, {"score": {"pattern": "p_*_raw"}}),
    "pattern_in_an_object": (lambda n: {"out": {f"p {k}": v for k, v in scores(n).items()}}, {"score": {"pattern": "out.p *"}}),
    "by_class": (
        lambda n: {"scores": ranked(n)},
        {"score": {name: f"scores.{name}" for name in CLASSES}},
    ),
}


def layout_of(column: str = "scores.{}") -> Layout:
    """Return a layout of a score for each class."""
    named = [column.format(name) for name in CLASSES]
    return Layout([Column(name=name, role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.3, 0.6, 0.9)) for name in named])


def rows_of(form: str) -> list[Row]:
    """Return rows with the scores in a form; one of them has none."""
    when = datetime.fromtimestamp(NOW - 600, UTC).isoformat()
    return [{"ts": when, **(FORMS[form][0](n) if n != 7 else {})} for n in range(40)]


def counted(folder: Path, source: Mapping[str, Any], form: str) -> Counted:
    """Count what a source gives."""
    fields = FORMS[form][1]
    by_class = isinstance(fields.get("score"), Mapping)
    of = layout_of("score.{}" if by_class else "scores.{}")
    return count(context_of(folder, {"fields": fields, **source}, of, clock=lambda: NOW))


def of_log(folder: Path, rows: Sequence[Row], form: str) -> Counted:
    """Count rows in a log."""
    (folder / "app.log").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return counted(folder, {"log": {"path": "app.log", "start": "beginning"}}, form)


def total_of(found: Counted) -> Profile:
    """Return all that was counted of the columns."""
    profiles = list(found.tally.profiles.values())
    total = Profile.empty(profiles[0].layout)
    for profile in profiles:
        total.add(profile)
    return total


@pytest.mark.parametrize("form", FORMS)
def test_scores_of_classes_count_by_class(tmp_path: Path, form: str) -> None:
    """Whatever order and shape they are written in, each class has its own scores; a row without them lacks all of them."""
    found = of_log(tmp_path, rows_of(form), form)
    total = total_of(found)
    assert found.rejected.total() == 0
    for number, name in enumerate(CLASSES):
        column = total.layout.columns[number].name
        values = [scores(n)[name] for n in range(40) if n != 7]
        expected = np.bincount(np.digitize(values, (0.3, 0.6, 0.9)), minlength=4).tolist()
        assert total.column_values(column).tolist() == expected, column
        assert total.states[number].tolist() == [1, 0, 0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["parquet", "jsonl", "table"])
def test_every_source_counts_scores_as_the_log(tmp_path: Path, form: str, kind: str) -> None:
    """Files and a table with the same rows give the same profiles, bin by bin."""
    rows = rows_of(form)
    log = of_log(tmp_path, rows, form)
    folder = tmp_path / "files"
    folder.mkdir()
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if kind == "jsonl":
        (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame.write_parquet(folder / "p.parquet")
    for file in folder.iterdir():
        os.utime(file, (NOW, NOW))
    if kind == "table":
        with duckdb.connect(str(tmp_path / "p.duckdb")) as connection:
            connection.execute(f"create table p as select * replace (ts::timestamptz as ts) from '{folder}/p.parquet'")
        source: dict[str, Any] = {"table": {"url": "duckdb:///p.duckdb", "name": "p", "mode": "rows"}}
    else:
        source = {"files": {"path": str(folder), "settle": "0s"}}
    assert_equal(log, counted(tmp_path, source, form))


@pytest.mark.parametrize("form", ["pattern"])
def test_a_database_counts_scores_as_the_log(tmp_path: Path, form: str) -> None:
    """Where each class has a column, the engine counts them."""
    rows = rows_of(form)
    log = of_log(tmp_path, rows, form)
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(tmp_path / "p.parquet")
    with duckdb.connect(str(tmp_path / "p.duckdb")) as connection:
        connection.execute(f"create table p as select * replace (ts::timestamptz as ts) from '{tmp_path}/p.parquet'")
    assert_equal(log, counted(tmp_path, {"table": {"url": "duckdb:///p.duckdb", "name": "p", "mode": "aggregate"}}, form))


def recognised(rows: Sequence[Row], of: Layout, **fields: Any) -> EventSchema:
    """Recognise a log's fields."""
    return log_schema(rows, Fields(**fields), of, timezone="UTC", where="fields")


def test_a_class_that_the_first_lines_lack_is_looked_for_beside_the_others() -> None:
    """In a list by its label, with a pattern in the field that the pattern gives."""
    listed = recognised([{"ts": 1, "scores": ranked(0)[:2]}], layout_of())
    assert {path_text(column.path) for column in listed.columns} == {f"scores.{name}" for name in CLASSES}
    assert listed.unseen == ("scores.neutral",)
    pattern = recognised([{"ts": 1, "p_neutral": 0.5}], layout_of("score.{}"), score={"pattern": "p_*"})
    assert [path_text(column.path) for column in pattern.columns] == ["p_neutral", "p_POSITIVE", "p_1.5"]
    assert pattern.unseen == ("score.POSITIVE", "score.1.5")


def test_places_in_lists_are_kept_over_restarts() -> None:
    """What was recognised of a log is the same after it was stored."""
    of = layout_of()
    for rows in ([{"ts": 1, "scores": ranked(0)}], [{"ts": 1, "scores": [ranked(0)]}]):
        schema = recognised(rows, of)
        stored = json.loads(json.dumps(memory.to_json(schema)))
        assert memory.from_json(stored, of, "UTC", Fields()) == schema
