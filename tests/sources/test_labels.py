"""Labels as they are read from logs and files, and the predictions that they are joined with."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.breakdowns import STAGES
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.labels import Shape
from prediction_exporter.labels.keys import hash_ids
from prediction_exporter.performance import PerformanceLayout, performance_layout
from prediction_exporter.sources.labels import describe_labels, labels_of, predictions_of, shape_of
from read_labels import NOW, labels_in, opened, read, section, taken

BOOLEAN = PerformanceLayout(task="binary", classes=("true", "false"), held=Held.BOOLEAN)
WORDS = PerformanceLayout(task="binary", classes=("no", "yes"), held=Held.TEXT)
NUMBER = PerformanceLayout(task="regression")

MICROSECONDS = 1_000_000
AT = int(NOW) * MICROSECONDS


def write(path: Path, lines: Sequence[Mapping[str, Any] | str]) -> None:
    """Append lines, JSON or as they stand."""
    with path.open("a") as file:
        file.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def log(folder: Path, lines: Sequence[Mapping[str, Any] | str], **settings: Any) -> Any:
    """Return the section of a log of labels with these lines."""
    write(folder / "labels.jsonl", lines)
    return section(folder, log={"path": "labels.jsonl", "start": "beginning"}, **settings)


def key(text: str) -> int:
    """Return the key of an id."""
    return int(hash_ids(pl.Series([text])).keys[0])


def actual(folder: Path, values: Sequence[Any], performance: PerformanceLayout) -> list[Any]:
    """Return what labels with these values mean, in their order."""
    lines = [{"id": number, "label": value} for number, value in enumerate(values)]
    found = {read[0]: read[1] for read in labels_in(log(folder, lines), performance)[0]}
    return [found[key(str(number))] for number in range(len(values))]


# Times


def test_labels_without_a_time_have_that_of_reading(tmp_path: Path) -> None:
    """In logs, also of lines that polars does not read, and in files of each format; a field that looks like one is none."""
    rows = [{"id": 1, "label": "yes", "ts": 5}, {"id": 2, "label": "no", "ts": 6}]
    wanted = sorted([(key("1"), "yes", AT, None), (key("2"), "no", AT, None)], key=repr)
    labels = log(tmp_path, [*rows[:1], '{"id": 2, "label": "no", "x": NaN}', "no JSON"])
    assert labels_in(labels, WORDS) == (wanted, {"malformed": 1})
    folder = tmp_path / "files"
    folder.mkdir()
    pl.DataFrame(rows[:1]).write_parquet(folder / "a.parquet")
    (folder / "b.csv").write_text("id,label,ts\n2,no,6\n")
    assert labels_in(section(tmp_path, files={"path": "files", "settle": "0s"}), WORDS) == (wanted, {})


def test_what_has_no_time_is_described_so_over_a_restart(tmp_path: Path) -> None:
    """What was recognised goes with the position."""
    labels = log(tmp_path, [{"id": 1, "label": "yes"}], fields={"id": "id", "label": "label", "version": "model"})
    with closing(opened(labels, WORDS)) as source:
        assert len(read(source)[0][0]) == 1
        position = source.position()
        assert source.schema is not None
        assert describe_labels(source.schema) == ["time: that of reading", "id: id", "label: label", "version: model"]
    write(tmp_path / "labels.jsonl", [{"id": 2, "label": "no", "model": "b"}])
    with closing(opened(labels, WORDS, now=NOW + 60, position=position)) as source:
        events, _ = read(source)
        assert taken(events, WORDS) == [(key("2"), "no", AT + 60 * MICROSECONDS, None)]
        assert source.schema is not None
        assert source.schema.time is None


def test_no_label_is_too_old_or_too_early(tmp_path: Path) -> None:
    """Its time is when it became known, and no window's."""
    times = [1, int(NOW) - 400 * 86_400, int(NOW) + 400 * 86_400]
    lines = [{"id": "a", "label": "yes", "at": time} for time in times]
    labels = log(tmp_path, [*lines, {"id": "b", "label": "no"}], fields={"id": "id", "label": "label", "time": "at"})
    found, refused = labels_in(labels, WORDS)
    assert found == sorted([(key("a"), "yes", time * MICROSECONDS, None) for time in times], key=repr)
    assert refused == {"missing_time": 1}


# Fields


def test_only_what_is_named_is_read(tmp_path: Path) -> None:
    """A status, a latency, a score and a list of features beside a label are none of a request."""
    more = {"status": 500, "latency_ms": "x", "score": [1, 2], "version": "9", "error": "refused", "features": {"label": 1}}
    labels = log(tmp_path, [{"id": n, "label": "yes", **more} for n in range(3)])
    with closing(opened(labels, WORDS)) as source:
        [events] = read(source)[0]
        assert not events.failed.any()
        assert (events.latencies, events.stages, events.versions.null_count(), list(events.columns)) == (
            None,
            None,
            3,
            ["label"],
        )
        assert source.seen.unseen() == ()


def test_fields_that_are_nested_and_those_that_are_not_there(tmp_path: Path) -> None:
    """Paths are as those of predictions; a name that no record has is told by its place, with the one that is meant."""
    lines = [{"ref": {"id": "a"}, "truth": [{"value": "yes"}], "how much": 2.5}]
    fields = {"id": "ref.id", "label": "truth.value", "weight": "how much"}
    assert labels_in(log(tmp_path, lines, fields=fields), WORDS) == ([(key("a"), "yes", AT, 2.5)], {})
    wrong = section(
        tmp_path,
        log={"path": "labels.jsonl", "start": "beginning"},
        fields={"id": "ref.ids", "label": "truht.value", "weight": "how_much"},
    )
    with closing(opened(wrong, WORDS)) as source:
        unseen = source.look().unseen
    assert [sentence.partition(": ")[0] for sentence in unseen] == ["fields.id", "fields.label", "fields.weight"]
    assert "did you mean ref.id?" in unseen[0]


def test_messages_have_the_place_of_labels(tmp_path: Path) -> None:
    """And not that of predictions."""
    labels = log(tmp_path, [{"id": 1, "label": "yes"}], fields={"id": "id", "label": "label", "time": "at"})
    with closing(opened(labels, WORDS)) as source, pytest.raises(ConfigError) as error:
        list(source.poll())
    assert str(error.value).startswith("models[0].labels.fields.time: no line among the first 1 has a field at")
    nested = section(tmp_path, log={"path": "labels.jsonl"}, fields={"id": "id", "label": "label", "weight": "label.w"})
    with closing(opened(nested, WORDS)) as source, pytest.raises(ConfigError) as error:
        source.look()
    assert str(error.value).startswith("models[0].labels.fields: label and label.w cannot both be fields")


# Values


def test_a_boolean_is_one_however_it_is_spelt(tmp_path: Path) -> None:
    """By what the baseline held; another word is another class, and what is no class is no label."""
    values = [True, "True", "true", 1, 1.0, "1.0", False, 0, "yes", None, [True], {"a": 1}, ""]
    assert actual(tmp_path, values, BOOLEAN) == [*["true"] * 6, "false", "false", "other", *[None] * 4]


def test_bits_are_booleans_too(tmp_path: Path) -> None:
    """Where the baseline held numbers."""
    bits = PerformanceLayout(task="binary", classes=("0", "1"), held=Held.NUMBER)
    assert actual(tmp_path, [1, "1.0", True, "FALSE", -0.0, 2], bits) == ["1", "1", "1", "0", "0", "other"]


def test_a_stranger_has_the_name_of_no_class(tmp_path: Path) -> None:
    """Also where a class is called other."""
    other = PerformanceLayout(task="binary", classes=("other", "yes"), held=Held.TEXT)
    found = actual(tmp_path, ["other", "yes", "maybe", "1.10"], other)
    assert found[:2] == ["other", "yes"]
    assert found[2] == found[3]
    assert found[2] not in other.classes


def test_numbers_are_finite_or_no_labels(tmp_path: Path) -> None:
    """A text that is a number is one."""
    values = [1, -0.5, "2e3", None, "x", True, [1, 2], {}, {"a": 1}, "NaN", "Infinity"]
    assert actual(tmp_path, values, NUMBER) == [1.0, -0.5, 2000.0, *[None] * 8]


def test_a_weight_that_is_none_is_left_to_the_store(tmp_path: Path) -> None:
    """It counts what it gives up: these are no 1."""
    lines = [{"id": n, "label": "yes", "w": w} for n, w in enumerate([2, "0.5", None, "x", -1])]
    labels = log(tmp_path, lines, fields={"id": "id", "label": "label", "weight": "w"})
    found = {read[0]: read[3] for read in labels_in(labels, WORDS)[0]}
    assert [found[key(str(n))] for n in range(5)] == [2.0, 0.5, None, None, -1.0]


UUID = uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")

#: Ids of a type, and the texts that name the same ones.
SAME: dict[str, tuple[pl.Series, list[str | None]]] = {
    "integers": (pl.Series([7, -7, 0, 2**53 + 1, None]), ["7", "-7", "0", "9007199254740993", None]),
    "unsigned": (pl.Series([2**64 - 1], dtype=pl.UInt64), ["18446744073709551615"]),
    "floats": (pl.Series([7.0, 7.5, -3.0, 2.0**53, float("nan"), None]), ["7", "7.5", "-3", "9007199254740992", None, None]),
    "decimals": (pl.Series([Decimal(10**30 + 1)], dtype=pl.Decimal(38, 0)), [f"1{'0' * 29}1"]),
    "texts": (
        pl.Series(["7.0", "007", "1.10", "[a", "", "null", "None", "[1]", '{"a": 1}']),
        ["7", "007", "1.10", "[a", *[None] * 5],
    ),
    "categories": (pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
    "bytes": (pl.Series([b"abc", UUID.bytes, None]), ["abc", str(UUID), None]),
    "booleans": (pl.Series([True, False]), ["true", "false"]),
    "lists": (pl.Series([[1], [], None]), [None, None, None]),
    "objects": (pl.Series([{"a": 1}, None]), [None, None]),
    "nothing": (pl.Series([None, None], dtype=pl.Null), [None, None]),
}


def of_ids(ids: pl.Series | None, rows: int) -> Events:
    """Return labels with these ids."""
    return Events(
        times=np.full(rows, AT),
        versions=pl.Series([None] * rows, dtype=pl.String),
        failed=np.zeros(rows, np.bool_),
        latencies=None,
        columns={"label": pl.Series(["yes"] * rows)},
        states={},
        ids=ids,
    )


@pytest.mark.parametrize("kind", SAME)
def test_an_id_is_its_text_whatever_type_it_has(kind: str) -> None:
    """What one source calls an id has the same hash as what another does; what names nobody is none."""
    ids, texts = SAME[kind]
    found = labels_of(of_ids(ids, len(ids)), WORDS, None).ids
    assert found.is_null().to_list() == [text is None for text in texts]
    named = [text for text in texts if text is not None]
    assert hash_ids(found.drop_nulls()).keys.tolist() == hash_ids(pl.Series(named, dtype=pl.String)).keys.tolist()
    if kind != "texts":
        assert len(set(hash_ids(pl.Series(named, dtype=pl.String)).keys.tolist())) == len(named)


def test_blanks_around_ids_and_classes_are_none_of_them(tmp_path: Path) -> None:
    """On both sides; a class that has some is taken with them."""
    rows = [{"id": " a-7 ", "label": "yes  "}, {"id": "b", "label": " no"}, {"id": "c", "label": "maybe "}]
    found, refused = labels_in(log(tmp_path, rows), WORDS)
    assert {row[:2] for row in found} == {(key("a-7"), "yes"), (key("b"), "no"), (key("c"), "other")}
    assert not refused
    padded = replace(WORDS, classes=("yes ", "yes"))
    assert actual(tmp_path, ["yes ", "yes", "yes  "], padded) == ["yes ", "yes", "yes"]


def test_a_column_that_pandas_made_floats_of_names_the_same_ids(tmp_path: Path) -> None:
    """In CSV and Parquet, beside the integers of a log."""
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "a.csv").write_text("id,label\n7.0,yes\n,no\n")
    (tmp_path / "parquet").mkdir()
    pl.DataFrame({"id": [7.0, None], "label": ["yes", "no"]}).write_parquet(tmp_path / "parquet" / "a.parquet")
    of_log = labels_in(log(tmp_path, [{"id": 7, "label": "yes"}, {"id": None, "label": "no"}]), WORDS)
    assert of_log == ([(key("7"), "yes", AT, None)], {"missing_id": 1})
    for form in ("csv", "parquet"):
        assert labels_in(section(tmp_path, files={"path": form, "settle": "0s"}), WORDS) == of_log


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    """As one is that is written anew each night with all labels; what did not change is not read twice."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_text("id,label\n1,no\n")
    (folder / "b.csv").write_text("id,label\n2,no\n")
    labels = section(tmp_path, files={"path": "files", "settle": "0s"})
    with closing(opened(labels, WORDS)) as source:
        assert len(taken(read(source)[0], WORDS)) == 2
        position = source.position()
    (folder / "a.csv").write_text("id,label\n1,yes\n3,no\n")
    os.utime(folder / "a.csv", (NOW + 5, NOW + 5))
    with closing(opened(labels, WORDS, now=NOW + 60, position=position)) as source:
        later = AT + 60 * MICROSECONDS
        again = sorted([(key("1"), "yes", later, None), (key("3"), "no", later, None)], key=repr)
        assert taken(read(source)[0], WORDS) == again


# Predictions

COLOURS = ("red", "green", "blue")
BINARY = Layout(
    [
        Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north", "south")),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("no", "yes"), held=Held.TEXT),
        numeric_column("score", Role.SCORE, np.linspace(0.0, 1.0, 101)),
    ]
)


def events(rows: int, **columns: Sequence[Any]) -> Events:
    """Return predictions: texts and numbers by column."""
    return Events(
        times=AT + np.arange(rows),
        versions=pl.Series(["a", None] * rows).head(rows),
        failed=np.zeros(rows, np.bool_),
        latencies=None,
        columns={name: pl.Series(name, values, dtype=_type(values), strict=False) for name, values in columns.items()},
        states={},
        ids=pl.Series([f"r{n}" for n in range(rows)]),
        stages=np.arange(rows, dtype=np.uint8) % len(STAGES),
    )


def _type(values: Sequence[Any]) -> Any:
    return pl.Float64 if any(isinstance(value, float) for value in values) else pl.String


def test_predictions_of_requests_that_did_not_fail() -> None:
    """With their segments as windows call them, their scores, and what names them; the store counts what has no class."""
    made = events(
        5,
        region=["north", "east", None, "south", "north"],
        decision=["yes", "no", None, "maybe", "yes"],
        score=[0.9, 0.1, float("nan"), None, 0.7],
    )
    made = replace(made, failed=np.array([False, False, False, False, True]))
    performance = performance_layout(BINARY, "binary", positive="yes")
    found = predictions_of(made, layout=BINARY, performance=performance, segments=["region"], parts="stage")
    assert found.ids.to_list() == ["r0", "r1", "r2", "r3"]
    assert found.times.tolist() == [AT, AT + 1, AT + 2, AT + 3]
    assert found.versions.to_list() == ["a", "unknown", "a", "unknown"]
    assert found.predicted.to_list() == ["yes", "no", None, "other"]
    assert found.parts is not None
    assert found.parts.to_list() == ["champion", "challenger", "shadow", "other"]
    assert [column.to_list() for column in found.segments] == [["north", "other", None, "south"]]
    assert found.scores is not None
    np.testing.assert_array_equal(found.scores, [[0.9], [0.1], [np.nan], [np.nan]])
    shape = shape_of(performance, ["region"])
    assert shape == Shape("class", scores=1, segments=1)
    shape.check(found)
    by_version = predictions_of(made, layout=BINARY, performance=performance, segments=[], parts="version")
    assert by_version.parts is not None
    assert by_version.parts.to_list() == ["a", None, "a", None]
    nameless = predictions_of(replace(made, ids=None), layout=BINARY, performance=performance, segments=[], parts=None)
    assert (nameless.ids.null_count(), nameless.parts) == (4, None)


def test_only_predictions_that_can_get_a_label() -> None:
    """By their class, in any spelling of it."""
    layout = Layout([replace(BINARY.columns[1], categories=("true", "false"), held=Held.BOOLEAN)])
    performance = performance_layout(layout, "binary", positive="true")
    made = events(4, decision=["1", "false", "True", None])
    found = predictions_of(made, layout=layout, performance=performance, segments=[], parts=None, only_for=["1"])
    assert (found.ids.to_list(), found.predicted.to_list()) == (["r0", "r2"], ["true", "true"])


@pytest.mark.parametrize(("threshold", "wanted"), [(None, ["yes", "no", "yes", None]), (0.7, ["yes", "no", "no", None])])
def test_a_score_predicts_where_nothing_else_does(threshold: float | None, wanted: list[str | None]) -> None:
    """The positive class from the threshold on, which is a half by default."""
    layout = Layout([BINARY.columns[2]])
    performance = performance_layout(layout, "binary", classes=["no", "yes"], positive="yes", threshold=threshold)
    made = events(4, score=[0.7, 0.49, 0.5, None])
    found = predictions_of(made, layout=layout, performance=performance, segments=[], parts=None)
    assert found.predicted.to_list() == wanted


def test_the_largest_of_several_scores_predicts() -> None:
    """Of those that are there."""
    layout = Layout([numeric_column(name, Role.SCORE, np.linspace(0.0, 1.0, 101)) for name in COLOURS])
    performance = performance_layout(layout, "multiclass", classes=["blue", "red", "green"])
    made = events(3, red=[0.2, None, None], green=[0.3, 0.1, None], blue=[0.5, None, float("nan")])
    found = predictions_of(made, layout=layout, performance=performance, segments=[], parts=None)
    assert found.predicted.to_list() == ["blue", "green", None]


def test_numbers_are_predicted_as_they_are() -> None:
    """Without a class, a score or a name for what is none."""
    layout = Layout([numeric_column("price", Role.PREDICTION, np.linspace(0.0, 1.0, 101))])
    performance = performance_layout(layout, "regression")
    found = predictions_of(events(2, price=[0.25, None]), layout=layout, performance=performance, segments=[], parts=None)
    assert (found.predicted.to_list(), found.scores) == ([0.25, None], None)
    assert shape_of(performance, []) == Shape("number")


def test_labels_name_what_predictions_are_named_by(tmp_path: Path) -> None:
    """The stage in any of its words, or the version; where they have neither, they speak of every prediction of their id."""
    lines = [{"id": 1, "label": "yes", "role": "Production", "model": "b"}, {"id": 2, "label": "no"}]
    fields = {"id": "id", "label": "label", "stage": "role", "version": "model"}
    with closing(opened(log(tmp_path, lines, fields=fields), WORDS)) as source:
        [made] = read(source)[0]
    for parts, wanted in (("stage", ["champion", None]), ("version", ["b", None])):
        found = labels_of(made, WORDS, parts).parts  # type: ignore[arg-type]  # the words of a loop are str to mypy
        assert found is not None
        assert found.to_list() == wanted
    assert labels_of(replace(made, stages=None), WORDS, "stage").parts is None
    assert labels_of(made, WORDS, None).parts is None
