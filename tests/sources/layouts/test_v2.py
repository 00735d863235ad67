"""Records of the Open Inference Protocol: MLServer's, Triton's and others'."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from layout_records import DATA, NOW, flat, layout_with, read, unfolded
from prediction_exporter.config.records import LayoutName
from prediction_exporter.counting.layout import Kind

V2: tuple[LayoutName, ...] = ("open-inference", "mlserver", "triton")


@pytest.mark.parametrize("file", ["pair.jsonl", "apart.jsonl"])
def test_a_request_with_its_response(file: str) -> None:
    """Both in one record, or joined by their id: three values of one row, and their sum."""
    columns = layout_with(numbers=("a", "b", "c"))
    found = read(DATA / "open-inference" / file, "open-inference", columns, rows={"names": ["a", "b", "c"]})
    [event] = found.events
    assert (found.rejected, found.skipped) == ({}, 0)
    assert (event["a"], event["b"], event["c"], event["prediction"]) == (1.0, 2.0, 3.0, 21.0)
    assert (event["id"], event["time"], event["failed"]) == ("123", NOW, False)


def test_the_output_of_mlserver_infer() -> None:
    """Responses without their requests: predictions without features, with the model's version."""
    found = read(DATA / "mlserver/infer_output.jsonl", "mlserver", layout_with())
    told = [(event["id"], event["version"], event["prediction"]) for event in found.events]
    assert told == [
        ("46bdfca2-8805-4a72-b1ce-95e4f38c1a19", "1", 1.0),
        ("37e8c013-b348-41e8-89b9-fea86a4f9632", None, 1.0),
    ]
    assert found.rejected == {}


def test_errors_of_mlserver_infer_are_failed_requests() -> None:
    """It writes a line with the error in the place of outputs."""
    line = {"parameters": {"batch_index": 1}, "error": {"status": "preprocessing error", "msg": "inputs: field required"}}
    assert unfolded("mlserver", line) == ([{"time": NOW, "status": "error", "row of the record": 0}], {}, 0)


def test_mlservers_events() -> None:
    """CloudEvents with V2 bodies: the version is that of the response."""
    found = read(
        DATA / "mlserver/cloudevents.jsonl", "mlserver", layout_with(numbers=tuple("abcd")), rows={"names": list("abcd")}
    )
    [event] = found.events
    assert [event[name] for name in (*"abcd", "prediction", "version")] == [1.0, 2.0, 3.0, 4.0, 2.0, "1"]


def test_a_frame_is_a_tensor_for_each_column() -> None:
    """As pandas codecs write it; the answer is a number (MLServer#1625)."""
    [event] = read(DATA / "mlserver/pandas.jsonl", "mlserver", layout_with(numbers=("fixed acidity",))).events
    assert (event["fixed acidity"], event["prediction"]) == (10.1, 5.731344540042413)


def test_the_response_of_a_triton_model_has_its_values() -> None:
    """Outputs of 16 values each: the first are scores, the others stand beside them."""
    [event], refused, _ = unfolded("triton", (DATA / "triton/simple.jsonl").read_text().strip())
    assert (event["version"], event["score"][:3], event["other_outputs"]["OUTPUT1"][-1]) == ("1", [115, 69, 97], -47)
    assert refused == {}
    found = read(DATA / "triton/simple.jsonl", "triton", layout_with(prediction=None, scores=("score[0]", "score[15]")))
    assert [(one["score[0]"], one["score[15]"]) for one in found.events] == [(115.0, 77.0)]


def test_ranked_classes_of_triton() -> None:
    """The highest is the prediction, by its label, and all are scores; without batches the tensor is one row."""
    found = read(
        DATA / "triton/classification.jsonl",
        "triton",
        layout_with(prediction=Kind.CATEGORICAL, scores=("score.index_1_label", "score.index_3_label")),
    )
    [event] = found.events
    values = [event[name] for name in ("id", "prediction", "score.index_1_label", "score.index_3_label")]
    assert values == ["42", "index_1_label", 3.3, 2.4]


def test_tensors_in_bytes_are_refused() -> None:
    """They stand behind the JSON, where a log of JSON has nothing (triton#5690)."""
    assert read(DATA / "triton/binary.jsonl", "triton", None).rejected == {"payload": 1}


def tensor(name: str, shape: list[Any], data: Any, datatype: str = "FP64") -> dict[str, Any]:
    """Return a tensor."""
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def rows(layout: LayoutName, inputs: list[Any], outputs: list[Any], **options: Any) -> list[tuple[Any, Any, Any]]:
    """Return features, prediction and score of each prediction."""
    record = {"request": {"inputs": inputs}, "response": json.dumps({"outputs": outputs})}
    return [(event["features"], event.get("prediction"), event.get("score")) for event in flat(layout, record, **options)]


X = tensor("x", [2], [1, 2])


@pytest.mark.parametrize("layout", V2)
@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        # An output of one column is a prediction, whether it says so in its shape or not (MLServer#2197).
        ([X], [tensor("o", [2], [3, 4])], [({"x": 1}, 3, None), ({"x": 2}, 4, None)]),
        ([X], [tensor("o", [2, 1], [[3], [4]])], [({"x": 1}, 3, None), ({"x": 2}, 4, None)]),
        # Labels and probabilities, in the order of either.
        (
            [X],
            [tensor("predict_proba", [2, 2], [0.1, 0.9, 0.8, 0.2]), tensor("predict", [2], ["b", "a"], "BYTES")],
            [({"x": 1}, "b", [0.1, 0.9]), ({"x": 2}, "a", [0.8, 0.2])],
        ),
        # Names of converters to ONNX.
        (
            [X],
            [tensor("output_label", [2], [0, 1], "INT64"), tensor("output_probability", [2, 2], [1, 0, 0, 1])],
            [({"x": 1}, 0, [1, 0]), ({"x": 2}, 1, [0, 1])],
        ),
        # Columns of several kinds, nested data, and a missing number.
        (
            [X, tensor("y", [2, 1], [["a"], ["b"]], "BYTES"), tensor("z", [2, 2], [[1, None], [3, 4]])],
            [tensor("o", [2, 2], [0.5, 0.5, 1, 0])],
            [({"x": 1, "y": "a", "z": [1, None]}, None, [0.5, 0.5]), ({"x": 2, "y": "b", "z": [3, 4]}, None, [1, 0])],
        ),
        # A row without values, and an open number of rows.
        ([tensor("e", [2, 0], [])], [tensor("o", [-1, 2], [1, 2, 3, 4])], [([], None, [1, 2]), ([], None, [3, 4])]),
        # A text without a list around it, as MLServer takes it.
        ([tensor("t", [1], "hello", "BYTES")], [tensor("o", [1], [1])], [({"t": "hello"}, 1, None)]),
        # Ranked classes of a batch.
        (
            [X],
            [tensor("o", [2, 2], ["0.9:1:dog", "0.1:0:cat", "0.8:0:cat", "0.2:1:dog"], "BYTES")],
            [({"x": 1}, "dog", {"dog": 0.9, "cat": 0.1}), ({"x": 2}, "cat", {"cat": 0.8, "dog": 0.2})],
        ),
        # JSON of gRPC: sizes and bytes as text.
        (
            [{"name": "x", "shape": ["2", "1"], "contents": {"fp32Contents": [1, 2]}}],
            [{"name": "o", "shape": ["2"], "contents": {"bytes_contents": ["eWVz", "bm8="]}}],
            [({"x": 1}, "yes", None), ({"x": 2}, "no", None)],
        ),
    ],
)
def test_tensors_of_every_form(layout: LayoutName, inputs: list[Any], outputs: list[Any], expected: list[Any]) -> None:
    """The first dimension is the row."""
    assert rows(layout, inputs, outputs) == expected


def test_configured_names_are_of_the_values_of_a_row() -> None:
    """Also where the row has no dimension of its own, and the response tells that it is one."""
    wide = tensor("input-0", [2, 2], [1, 2, 3, 4])
    assert rows("mlserver", [wide], [tensor("o", [2], [5, 6])], names=("a", "b")) == [
        ({"a": 1, "b": 2}, 5, None),
        ({"a": 3, "b": 4}, 6, None),
    ]


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        ([X], [tensor("o", [3], [1, 2, 3])], "uneven_rows"),
        ([X, tensor("y", [1], [1])], [tensor("o", [2], [1, 2])], "uneven_rows"),
        ([tensor("x", [2, 2], [1, 2, 3])], [tensor("o", [2], [1, 2])], "uneven_rows"),
        ([X, X], [tensor("o", [2], [1, 2])], "payload"),
        ([X], [tensor("o", ["2.5"], [1, 2])], "payload"),
        ([X], [tensor("o", [2], {"a": 1})], "payload"),
        ([X], [tensor("o", [10**30], [1])], "uneven_rows"),
        ([X], [tensor("o", [10_001], [1] * 10_001)], "too_many_rows"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(inputs: list[Any], outputs: list[Any], reason: str) -> None:
    """Batches of different sizes, shapes of another size than the data, names that stand twice."""
    record = {"request": {"inputs": inputs}, "response": {"outputs": outputs}}
    assert unfolded("open-inference", record)[:2] == ([], {reason: 1})


def test_a_record_brings_its_own_fields() -> None:
    """Time, id, version, status and latency of a record that holds both; other single values stay under their names."""
    record = {
        "timestamp": "2026-01-01T00:00:00Z",
        "request_id": "r1",
        "latency_ms": 12,
        "status_code": 200,
        "tenant": "a",
        "request": {"inputs": [tensor("x", [1], [1])]},
        "response": {"model_name": "m", "model_version": "3", "outputs": [tensor("o", [1], [2])]},
    }
    assert flat("open-inference", record) == [
        {
            "latency_ms": 12,
            "tenant": "a",
            "time": "2026-01-01T00:00:00Z",
            "id": "r1",
            "version": "3",
            "status": 200,
            "features": {"x": 1},
            "prediction": 2,
        }
    ]


def test_times_of_both_tell_the_latency() -> None:
    """A request and a response, each with its time, that are joined by a number."""
    asked = {"id": 7, "time": "2026-01-01T00:00:00Z", "inputs": [X]}
    answered = {"id": 7, "time": "2026-01-01T00:00:00.250Z", "outputs": [tensor("o", [2], [3, 4])]}
    events, refused, _ = unfolded("triton", answered, {"level": "info"}, asked)
    assert [(event["id"], event["latency_ms"], event["prediction"]) for event in events] == [(7, 250.0, 3), (7, 250.0, 4)]
    assert refused == {}


@pytest.mark.parametrize("status", [503, "500", 404])
def test_a_failed_request_needs_no_response(status: Any, tmp_path: Path) -> None:
    """It counts as a request with its status, whose fault it is the status tells."""
    log = tmp_path / "v2.jsonl"
    lines = [
        {"request": {"inputs": [X]}, "response": {"outputs": [tensor("o", [2], [3, 4])]}, "status": 200},
        {"request": {"inputs": [X]}, "status": status},
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read(log, "open-inference", layout_with(numbers=("x",)))
    assert [(event["prediction"], event["failed"]) for event in found.events] == [
        (3.0, False),
        (4.0, False),
        (None, status != 404),
    ]


def test_a_request_alone_is_refused() -> None:
    """Without an id its response cannot be found; nothing is taken for a prediction."""
    assert unfolded("open-inference", {"inputs": [X]}) == ([], {"payload": 1}, 0)


def test_a_base64_text_of_grpc_that_is_none_stays() -> None:
    """Bytes of an image are no text."""
    image = base64.b64encode(b"\xff\xd8\xff").decode()
    inputs = [{"name": "x", "shape": [1], "contents": {"bytes_contents": [image]}}]
    assert rows("triton", inputs, [tensor("o", [1], [1])]) == [({"x": image}, 1, None)]


def test_an_error_in_the_place_of_a_response_finds_its_request() -> None:
    """With the id of the request; a line of the program's own log that has both is none."""
    asked = {"id": "1", "inputs": [X]}
    noise = {"id": "1", "error": "boom", "level": "error"}
    events, refused, skipped = unfolded("triton", asked, noise, {"id": "1", "error": "no such model"})
    assert (events, refused, skipped) == ([{"time": NOW, "id": "1", "status": "error", "row of the record": 0}], {}, 1)


def test_answers_of_language_models_are_opened() -> None:
    """Their servers write a label and a score as a text of JSON in a tensor, or a list of them; other texts stay."""
    asked = tensor("args", [1], ["fine"], "BYTES")
    told = [
        '{"label": "POSITIVE", "score": 0.9}',
        '[{"label": "NEGATIVE", "score": 0.1}, {"label": "POSITIVE", "score": 0.9}]',
        '{"generated_text": "{}"}',
    ]
    found = [rows("mlserver", [asked], [tensor("output", [1, 1], [text], "BYTES")])[0] for text in told]
    assert found == [
        ({"args": "fine"}, "POSITIVE", 0.9),
        ({"args": "fine"}, "POSITIVE", {"NEGATIVE": 0.1, "POSITIVE": 0.9}),
        ({"args": "fine"}, told[2], None),
    ]
