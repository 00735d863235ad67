"""``predictions.rows``: one record to the flat events of its predictions."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from prediction_exporter.config import Fields
from prediction_exporter.config.records import Rows
from prediction_exporter.sources.layouts.base import Options
from prediction_exporter.sources.records.payloads import PayloadError
from prediction_exporter.sources.records.rows import RowsInRecord


def flat(
    record: dict[str, Any], rows: dict[str, Any] | str, *, fields: dict[str, Any] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return the events of a record, which stays as it was."""
    before = json.dumps(record)
    section = Rows.model_validate(rows)
    names = section.names if isinstance(section.names, tuple) else ()
    settings = {"names": names, "encoding": section.encoding, "most": section.max, **options}
    events = list(RowsInRecord(section, Fields.model_validate(fields or {})).flat(record, Options(**settings)))
    assert json.dumps(record) == before
    return events


BOTH = {"features": "instances", "prediction": "predictions"}


def test_lists_in_step() -> None:
    """Each row has its inputs and its output, and what else the record has."""
    record = {"ts": 5, "id": "r", "instances": [{"a": 1}, {"a": 2}], "predictions": [0, 1]}
    assert flat(record, BOTH) == [
        {"ts": 5, "id": "r", "features": {"a": 1}, "prediction": 0},
        {"ts": 5, "id": "r", "features": {"a": 2}, "prediction": 1},
    ]


def test_a_list_of_objects() -> None:
    """Each is a prediction; what it says of itself counts, and not what the record says."""
    record = {"ts": 5, "version": "1", "items": [{"a": 1}, {"a": 2, "version": "2"}]}
    expected = [{"ts": 5, "version": "1", "a": 1}, {"ts": 5, "version": "2", "a": 2}]
    assert flat(record, "items") == expected
    assert flat({**record, "items": json.dumps(record["items"])}, {"each": "items"}) == expected
    assert flat({"ts": 5, "items": [[1], [2]]}, {"each": "items", "names": ["a"]}) == [{"ts": 5, "a": 1}, {"ts": 5, "a": 2}]


@pytest.mark.parametrize("written", [lambda inner: inner, json.dumps, lambda inner: json.dumps(json.dumps(inner))])
def test_places_lead_into_objects_that_are_texts(written: Any) -> None:
    """A body in a log of requests is text; what else it has stays with every row, and several places lead into one."""
    request = written({"user": "u", "instances": [[1], [2]], "ids": ["a", "b"]})
    record = {"ts": 5, "request": request, "response": written({"predictions": [0, 1]})}
    rows = {"features": "request.instances", "id": "request.ids", "prediction": "response.predictions"}
    assert flat(record, rows) == [
        {"ts": 5, "request": {"user": "u"}, "features": [1], "id": "a", "prediction": 0},
        {"ts": 5, "request": {"user": "u"}, "features": [2], "id": "b", "prediction": 1},
    ]


def test_base64_of_an_object() -> None:
    """As access logs of API gateways have bodies."""
    body = base64.b64encode(b'{"instances": [[1], [2]]}').decode()
    out = base64.b64encode(b'{"predictions": [0, 1]}').decode()
    rows = {"features": "body.instances", "prediction": "out.predictions", "encoding": "base64", "names": ["a"]}
    assert [event["features"] for event in flat({"body": body, "out": out}, rows)] == [{"a": 1}, {"a": 2}]
    whole = {"features": "body", "prediction": "out", "encoding": "base64"}
    assert [(event["features"], event["prediction"]) for event in flat({"body": body, "out": out}, whole)] == [
        ([1], 0),
        ([2], 1),
    ]


def test_keys_with_dots_and_items_of_lists() -> None:
    """A name is a key as it stands before it is a path, on every level."""
    assert flat({"a.b": [1, 2]}, {"prediction": "a.b"}) == [{"prediction": 1}, {"prediction": 2}]
    assert flat({"a": {"b.c": {"d": [1]}}}, {"prediction": "a.b.c.d"}) == [{"prediction": 1}]
    tensors = [{"name": "label", "data": [0, 1]}, {"name": "proba", "data": [0.25, 0.75]}]
    events = flat({"outputs": tensors}, {"prediction": "outputs[0].data", "score": "outputs[1].data"})
    assert [(event["prediction"], event["score"]) for event in events] == [(0, 0.25), (1, 0.75)]
    assert flat({"a": [[1, 2]]}, {"prediction": "a[0]"}) == [{"prediction": 1}, {"prediction": 2}]
    assert flat({"a": [[1], 7]}, {"prediction": "a[0]"}) == [{"a": [None, 7], "prediction": 1}]
    assert flat({"a": []}, {"prediction": "a[0]"}) == [{"a": []}]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ([[0.25], [0.75]], [0.25, 0.75]),
        ([[[0.25]], [[0.75]]], [0.25, 0.75]),
        ([{"out": 0.25}, {"out": 0.75}], [0.25, 0.75]),
        ({"predictions": [[0.25], [0.75]]}, [0.25, 0.75]),
        ([[0.25, 0.75], [0.75, 0.25]], [[0.25, 0.75], [0.75, 0.25]]),
        ([{"label": "no", "p": 0.25}, {"label": "yes", "p": 0.75}], [{"label": "no", "p": 0.25}, {"label": "yes", "p": 0.75}]),
        ({"label": ["no", "yes"], "p": [0.25, 0.75]}, [{"label": "no", "p": 0.25}, {"label": "yes", "p": 0.75}]),
        ("0.25\n0.75\n", [0.25, 0.75]),
        ("0.25,0.75", [0.25, 0.75]),
        ({"data": {"names": ["t:0"], "ndarray": [[0.25], [0.75]]}}, [0.25, 0.75]),
        (
            {"data": {"names": ["no", "yes"], "ndarray": [[0.75, 0.25], [0, 1]]}},
            [{"no": 0.75, "yes": 0.25}, {"no": 0, "yes": 1}],
        ),
    ],
)
def test_outputs(output: Any, expected: list[Any]) -> None:
    """An output of one value is that value; of several they are a list or an object, which fields lead into."""
    events = flat({"in": [[1], [2]], "out": output}, {"features": "in", "score": "out"})
    assert [event["score"] for event in events] == expected


def test_an_output_that_fields_lead_into_stays_an_object() -> None:
    """What is said counts: score.out is the field that is looked for."""
    record = {"out": [{"p": 0.25}]}
    assert flat(record, {"score": "out"}, fields={"score": "score.p"}) == [{"score": {"p": 0.25}}]
    assert flat(record, {"score": "out"}, fields={"score": "scores.p"}) == [{"score": 0.25}]


def test_what_stands_once_is_that_of_every_row() -> None:
    """An id, a version, a status and the like may be lists in step, or one value; texts are taken as they are."""
    record = {"in": [[1], [2]], "request": "1e5", "v": ["a", "b"], "ids": "[7, 8]"}
    events = flat(record, {"features": "in", "entity": "request", "version": "v", "id": "ids"})
    assert [(event["entity"], event["version"], event["id"]) for event in events] == [("1e5", "a", 7), ("1e5", "b", 8)]
    assert flat({"v": "a", "other": 1}, {"features": "in", "version": "v"}) == [{"other": 1, "version": "a"}]


def test_a_record_without_payloads_is_one_event() -> None:
    """As that of a request that failed; an empty batch has no prediction, and is no fault."""
    assert flat({"ts": 5, "status": 500}, BOTH) == [{"ts": 5, "status": 500}]
    assert flat({"ts": 5, "instances": None, "predictions": None}, BOTH) == [{"ts": 5}]
    assert flat({"ts": 5}, "items") == [{"ts": 5}]
    assert flat({"ts": 5, "instances": [], "predictions": []}, BOTH) == []
    assert flat({"ts": 5, "items": []}, "items") == []


def test_a_place_inside_of_another() -> None:
    """Both are found before anything is taken away."""
    record = {"body": {"rows": [{"a": 1}, {"a": 2}], "ids": [7, 8]}}
    assert flat(record, {"features": "body.rows", "id": "body.ids"})[1] == {"features": {"a": 2}, "id": 8}
    assert flat({"b": {"x": [1, 2]}}, {"features": "b", "prediction": "b.x"})[1] == {"features": {"x": 2}, "prediction": 2}


@pytest.mark.parametrize(
    ("record", "rows", "reason", "words"),
    [
        (
            {"instances": [[1], [2]], "predictions": [0]},
            BOTH,
            "uneven_rows",
            "lists are not in step: features 2, prediction 1",
        ),
        (
            {"instances": [[1]], "id": ["a", "b"]},
            {**BOTH, "id": "id"},
            "uneven_rows",
            "lists are not in step: features 1, id 2",
        ),
        ({"items": [{"a": 1}, 5]}, "items", "payload", "items has an item that is no object"),
        ({"items": "{"}, "items", "payload", "items: no JSON"),
        ({"request": "{", "predictions": [1]}, {"features": "request.rows"}, "payload", "request has no JSON"),
        (
            {"id": [1, 2, 3], "in": [1, 2]},
            {"prediction": "in", "id": "id", "max": 2},
            "too_many_rows",
            "3 rows are more than 2",
        ),
        ({"in": [1, 2, 3]}, {"prediction": "in", "max": 2}, "too_many_rows", "prediction: 3 rows are more than 2"),
        ({"items": [{}] * 3}, {"each": "items", "max": 2}, "too_many_rows", "items: 3 rows are more than 2"),
    ],
)
def test_what_does_not_fit(record: dict[str, Any], rows: Any, reason: str, words: str) -> None:
    """Is refused as a whole, in words that name places and no values."""
    with pytest.raises(PayloadError) as caught:
        flat(record, rows)
    assert (caught.value.reason, str(caught.value)) == (reason, words)
