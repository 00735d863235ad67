"""Records of TensorFlow Serving: its PredictionLog as JSON, and bodies of REST."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from layout_records import DATA, NOW, flat, layout_with, read, unfolded
from prediction_exporter.counting.layout import Kind


def test_bodies_of_rest() -> None:
    """Three scalars, two examples, and an error with its status: six requests, of which one failed."""
    found = read(DATA / "tfserving/rest.jsonl", "tfserving", layout_with(numbers=("input", "x")))
    told = [(event["input"], event["x"], event["prediction"], event["failed"]) for event in found.events]
    # A model that is not there is the caller's fault, as every 404.
    assert told == [
        (1.0, None, 3.5, False),
        (2.0, None, 4.0, False),
        (5.0, None, 5.5, False),
        (None, 1.0, 3.5, False),
        (None, 2.0, 4.0, False),
        (None, None, None, False),
    ]
    assert ({event["time"] for event in found.events}, found.rejected) == ({NOW}, {})


def test_prediction_logs() -> None:
    """Tensors as numbers and as bytes, and examples with classes, under the names of JSON and of the protocol."""
    found = read(
        DATA / "tfserving/prediction_log.jsonl",
        "tfserving",
        layout_with(
            numbers=("x", "petals"), texts=("colour",), prediction=Kind.CATEGORICAL, scores=("score.rose", "score.tulip")
        ),
    )
    names = ("time", "version", "x", "petals", "colour", "prediction", "score.rose", "score.tulip")
    assert [tuple(event[name] for name in names) for event in found.events] == [
        (1528327212.0, "123", 1.0, None, None, "3.5", None, None),
        (1528327212.0, "123", 2.0, None, None, "4", None, None),
        (1528327212.0, "123", 5.0, None, None, "5.5", None, None),
        (1528327213.0, "7", None, 5.0, "red", "tulip", 0.25, 0.75),
    ]
    assert found.rejected == {}


def test_a_request_without_a_response_is_refused() -> None:
    """It has no prediction, and no request went unanswered: a model is warmed up with such a log."""
    found = read(DATA / "tfserving/request_alone.jsonl", "tfserving", layout_with())
    assert (found.events, found.rejected, found.skipped) == ([], {"payload": 1}, 0)


def rows(request: Any, response: Any, **options: Any) -> list[tuple[Any, Any, Any]]:
    """Return features, prediction and score of each prediction."""
    found = flat("tfserving", {"request": request, "response": response}, **options)
    return [(event["features"], event.get("prediction"), event.get("score")) for event in found]


@pytest.mark.parametrize(
    ("request_", "response", "expected"),
    [
        # Named inputs by row and by column.
        (
            {"instances": [{"tag": "foo", "signal": [1, 2]}, {"tag": "bar", "signal": [3, 4]}]},
            {"predictions": [[0.1, 0.9], [0.8, 0.2]]},
            [({"tag": "foo", "signal": [1, 2]}, None, [0.1, 0.9]), ({"tag": "bar", "signal": [3, 4]}, None, [0.8, 0.2])],
        ),
        (
            {"inputs": {"tag": ["foo", "bar"], "size": [[1], [2]]}},
            {"outputs": {"classes": ["a", "b"], "scores": [[0.7, 0.3], [0.4, 0.6]]}},
            [({"tag": "foo", "size": 1}, "a", [0.7, 0.3]), ({"tag": "bar", "size": 2}, "b", [0.4, 0.6])],
        ),
        ({"inputs": [[1, 2], [3, 4]]}, {"outputs": [[5], [6]]}, [([1, 2], 5, None), ([3, 4], 6, None)]),
        # What a classifier of estimators answers.
        (
            {"instances": [{"x": 1.0}]},
            {"predictions": [{"class_ids": [1], "classes": ["1"], "logits": [0.3, 2], "probabilities": [0.2, 0.8]}]},
            [({"x": 1.0}, "1", [0.2, 0.8])],
        ),
        # Features that all examples have, and classes with their scores in any order.
        (
            {"context": {"shop": "s"}, "examples": [{"x": 1}, {"x": 2}]},
            {"result": [[["a", 0.3], ["b", 0.7]], [["a", 0.6], ["b", 0.4]]]},
            [({"shop": "s", "x": 1}, "b", {"b": 0.7, "a": 0.3}), ({"shop": "s", "x": 2}, "a", {"a": 0.6, "b": 0.4})],
        ),
    ],
)
def test_bodies_of_every_form(request_: Any, response: Any, expected: list[tuple[Any, Any, Any]]) -> None:
    """Rows, columns, examples; values, scores and classes."""
    assert rows(request_, response) == expected


def test_bodies_side_by_side() -> None:
    """In one record, with the time and the latency of whoever wrote it."""
    record = {"ts": 1.5, "duration_ms": 4, "instances": [[1, 2]], "predictions": [3]}
    assert flat("tfserving", record, names=("a", "b")) == [
        {"time": 1.5, "duration_ms": 4, "status": 200, "features": {"a": 1, "b": 2}, "prediction": 3}
    ]


def tensor(dtype: str, sizes: list[int], **values: Any) -> dict[str, Any]:
    """Return a tensor as JSON of protocol buffers has it."""
    return {"dtype": dtype, "tensorShape": {"dim": [{"size": str(size)} for size in sizes]}, **values}


def predicted(inputs: dict[str, Any], outputs: dict[str, Any], **options: Any) -> list[tuple[Any, Any, Any]]:
    """Return what a log of a prediction comes to."""
    found = flat("tfserving", {"predictLog": {"request": {"inputs": inputs}, "response": {"outputs": outputs}}}, **options)
    return [(event["features"], event.get("prediction"), event.get("score")) for event in found]


@pytest.mark.parametrize(
    ("dtype", "packed", "values"),
    [("DT_DOUBLE", struct.pack("<2d", 1.5, -2), [1.5, -2.0]), ("DT_INT64", struct.pack("<2q", 2**40, -1), [2**40, -1])],
)
def test_values_in_bytes(dtype: str, packed: bytes, values: list[float]) -> None:
    """Numbers of a tensor's type, the lowest byte first."""
    found = predicted(
        {"x": tensor(dtype, [2], tensorContent=base64.b64encode(packed).decode())}, {"y": tensor("DT_FLOAT", [2], floatVal=[1])}
    )
    # One value stands for all that follow it.
    assert found == [({"x": values[0]}, 1, None), ({"x": values[1]}, 1, None)]


def test_texts_and_names_of_values() -> None:
    """Texts are base64, long integers texts; names are configured for the values of the only tensor."""
    words = tensor("DT_STRING", [1, 2], stringVal=[base64.b64encode(word).decode() for word in (b"a", b"b")])
    count = tensor("DT_INT64", [1], int64Val=["7"])
    assert predicted({"x": words}, {"y": count}, names=("first", "second")) == [({"first": "a", "second": "b"}, 7, None)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"predictLog": {"request": {}, "response": {}}}, "payload"),
        ({"sessionRunLog": {"request": {}}}, "payload"),
        (
            {
                "predictLog": {
                    "request": {"inputs": {"x": tensor("DT_FLOAT", [2], floatVal=[1, 2])}},
                    "response": {"outputs": {}},
                }
            },
            "uneven_rows",
        ),
        (
            {
                "predictLog": {
                    "request": {"inputs": {"x": tensor("DT_FLOAT", [10**9], floatVal=[1])}},
                    "response": {"outputs": {"y": tensor("DT_FLOAT", [10**9], floatVal=[1])}},
                }
            },
            "too_many_rows",
        ),
        (
            {
                "predictLog": {
                    "request": {"inputs": {"x": tensor("DT_FLOAT", [1, 10**9], floatVal=[1, 2])}},
                    "response": {"outputs": {"y": tensor("DT_FLOAT", [1], floatVal=[1])}},
                }
            },
            "uneven_rows",
        ),
        (
            {
                "predictLog": {
                    "request": {"inputs": {"x": tensor("DT_FLOAT", [1], tensorContent="AAA=")}},
                    "response": {"outputs": {"y": tensor("DT_FLOAT", [1], floatVal=[1])}},
                }
            },
            "payload",
        ),
        ({"classifyLog": {"request": {"input": {}}, "response": {"result": {"classifications": [{}]}}}}, "payload"),
        ({"request": {"instances": [1]}, "response": {"predictions": [1, 2]}}, "uneven_rows"),
        ({"instances": [1]}, "payload"),
    ],
)
def test_what_does_not_fit_is_refused(record: dict[str, Any], reason: str) -> None:
    """Logs of other kinds, values that are not of their type, sizes that nobody sends, requests alone."""
    assert unfolded("tfserving", record)[:2] == ([], {reason: 1})


def test_lines_of_the_server_itself_are_left_as_they_are(tmp_path: Any) -> None:
    """What the server prints beside is no JSON, and is counted as such (tensorflow/serving#1582)."""
    log = tmp_path / "tf.log"
    line = "2023-04-24 14:24:18.799890: I tensorflow_serving/model_servers/http_server.cc:162] Processing HTTP request: POST"
    log.write_text(f"{line}\n{json.dumps({'instances': [1.0], 'predictions': [2.0]})}\n")
    found = read(log, "tfserving", layout_with(numbers=("input",)))
    assert ([event["prediction"] for event in found.events], found.rejected) == ([2.0], {"malformed": 1})


def test_a_proxy_may_call_the_bodies_otherwise() -> None:
    """As texts, beside a time in Java's spelling (tensorflow/serving#1598)."""
    record = {
        "requestTime": "2026-01-01T00:00:00Z",
        "elapsedTime": 12,
        "requestBody": '{"instances": [[1, 2]]}',
        "responseBody": '{"predictions": [[0.3]]}',
    }
    assert flat("tfserving", record, names=("a", "b")) == [
        {
            "elapsedTime": 12,
            "time": "2026-01-01T00:00:00Z",
            "status": 200,
            "features": {"a": 1, "b": 2},
            "prediction": 0.3,
        }
    ]
