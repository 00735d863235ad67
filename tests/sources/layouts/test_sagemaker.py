"""SageMaker's data capture: CSV without names, JSON, base64, several rows in a record, and ground truth as labels."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from platform_records import RECORDS, columns, flat, read
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.records.payloads import PayloadError

NAMES = [f"f{number}" for number in range(69)]


def captured(
    asked: str, answered: str | None, kind: str = "JSON", content: str = "application/json", **more: Any
) -> dict[str, Any]:
    """Return a record with these payloads."""
    sides = {"endpointInput": {"observedContentType": content, "mode": "INPUT", "data": asked, "encoding": kind}}
    if answered is not None:
        sides["endpointOutput"] = {"observedContentType": content, "mode": "OUTPUT", "data": answered, "encoding": kind}
    return {"captureData": sides, "eventMetadata": {"eventId": "e1", "inferenceTime": "2026-11-02T10:00:00Z", **more}}


def test_records_of_the_guide(tmp_path: Path) -> None:
    """Each is one prediction; CSV gets its names from the configuration."""
    layout = columns({"f0": 1.0, "f2": 1.0, "f68": 1.0}, 0.5)
    found = read(RECORDS / "sagemaker/capture.jsonl", layout, folder=tmp_path, layout="sagemaker", rows={"names": NAMES})
    assert found.rejected == {}
    assert found.rows[0] == {
        "time": "2022-02-14T17:25:06+00:00",
        "id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "version": None,
        "failed": False,
        "latency_ms": None,
        "f0": 50.0,
        "f2": 188.9,
        "f68": 0.0,
        "prediction": 0.023190177977085114,
    }
    assert [row["prediction"] for row in found.rows] == [0.023190177977085114, 0.0254181120544672]


def test_one_number_is_the_score_where_the_baseline_has_a_score_alone(tmp_path: Path) -> None:
    """A binary classifier answers with a probability, which looks as a regression's value does."""
    layout = columns({"f0": 1.0}, score=0.5)
    found = read(RECORDS / "sagemaker/capture.jsonl", layout, folder=tmp_path, layout="sagemaker", rows={"names": NAMES})
    assert [row["score"] for row in found.rows] == [0.023190177977085114, 0.0254181120544672]


def test_a_class_is_no_score(tmp_path: Path) -> None:
    """Where the baseline has a score alone, a word that is answered does not become one."""
    found = read([captured('{"a": 1}', '"yes"')], columns({"a": 1.0}, score=0.5), folder=tmp_path, layout="sagemaker")
    assert [row["score"] for row in found.rows] == [None]


def test_values_without_names_say_what_to_write(tmp_path: Path) -> None:
    """A stranger who writes the layout alone is told how the features get their names."""
    with pytest.raises(ConfigError, match=r"rows: \{names: baseline\}"):
        read(RECORDS / "sagemaker/capture.jsonl", columns({"age": 1.0}, 0.5), folder=tmp_path, layout="sagemaker")


def test_several_rows_in_a_record(tmp_path: Path) -> None:
    """A record of the SDK's tests has three instances of one number each."""
    found = read(
        RECORDS / "sagemaker/several_rows.jsonl",
        columns({"x": 1.0}, 1.0),
        folder=tmp_path,
        layout="sagemaker",
        rows={"names": ["x"]},
    )
    assert [(row["x"], row["prediction"]) for row in found.rows] == [(1.0, 3.5), (2.0, 4.0), (5.0, 5.5)]
    assert {row["id"] for row in found.rows} == {"12b73486-e916-45de-9d82-7fa23d4a39a6"}


def test_records_of_reports(tmp_path: Path) -> None:
    """What SageMaker's own monitor refuses: CSV asked and JSON answered; and columns asked, for which base64 was answered."""
    rows = {"names": ["a", "b", "c"]}
    lines = (RECORDS / "sagemaker/reported.jsonl").read_text().splitlines()
    found = read(lines[:1], columns({"c": 1.0}, 1.0, score=1.0), folder=tmp_path, layout="sagemaker", rows=rows)
    assert [(row["c"], row["prediction"], row["score"]) for row in found.rows] == [
        (0.5824503894753207, 0.0, 0.012620825320482254)
    ]
    found = read(lines[1:], columns({"median_income": 1.0}, 1.0), folder=tmp_path, layout="sagemaker")
    assert [(row["median_income"], row["prediction"]) for row in found.rows] == [(7.9761, 478046.66), (5.2907, 206551.01)]
    assert {row["id"] for row in found.rows} == {"c7f0edc0-9397-4cd3-a948-bd7b639da2f5"}


@pytest.mark.parametrize(
    ("asked", "answered", "features", "outputs"),
    [
        ("1,2\n3,4\n", "0.5\n0.75\n", [[1, 2], [3, 4]], [{"prediction": 0.5}, {"prediction": 0.75}]),
        ("1,2\n3,4\n", "0.5,0.75", [[1, 2], [3, 4]], [{"prediction": 0.5}, {"prediction": 0.75}]),
        ("1,2\n", "0.25,0.5,0.25", [[1, 2]], [{"score": [0.25, 0.5, 0.25]}]),
        ("a,b\n1,x\n", "yes", [{"a": 1, "b": "x"}], [{"prediction": "yes"}]),
    ],
)
@pytest.mark.parametrize("kind", ["CSV", "BASE64"])
def test_forms_of_csv(asked: str, answered: str, features: Any, outputs: Any, kind: str) -> None:
    """Answers of XGBoost stand in a line each, or all in one; several for one row are scores. Base64 is what it stands for."""
    texts = [base64.b64encode(text.encode()).decode() if kind == "BASE64" else text for text in (asked, answered)]
    record = captured(texts[0], texts[1], kind, "text/csv; charset=utf-8")
    own = {"time": "2026-11-02T10:00:00Z", "id": "e1"}
    assert flat("sagemaker", record) == [
        {**own, "features": row, **output} for row, output in zip(features, outputs, strict=True)
    ]


@pytest.mark.parametrize(
    ("asked", "answered", "features", "outputs"),
    [
        (
            {"instances": [{"features": [1.5, 2]}]},
            {"predictions": [{"score": 0.9, "predicted_label": 1}]},
            [{"a": 1.5, "b": 2}],
            [{"prediction": 1, "score": 0.9}],
        ),
        (
            {"instances": [{"data": {"features": {"values": [1, 2]}}}]},
            {"predictions": [{"closest_cluster": 8.0, "distance_to_cluster": 0.5}]},
            [{"a": 1, "b": 2}],
            [{"prediction": {"closest_cluster": 8.0, "distance_to_cluster": 0.5}}],
        ),
        ({"a": "134", "b": "500"}, [0.25], [{"a": "134", "b": "500"}], [{"prediction": 0.25}]),
        ([[1, 2], [3, 4]], {"predictions": [1, 0], "probabilities": [0.85, 0.125]}, [{"a": 1, "b": 2}, {"a": 3, "b": 4}], None),
    ],
)
def test_forms_of_json(asked: Any, answered: Any, features: Any, outputs: Any) -> None:
    """Those of SageMaker's own algorithms, and of containers that people write."""
    found = flat("sagemaker", captured(json.dumps(asked), json.dumps(answered)), names=("a", "b"))
    assert [event["features"] for event in found] == features
    wanted = outputs or [{"prediction": 1, "score": 0.85}, {"prediction": 0, "score": 0.125}]
    assert [{key: event[key] for key in ("prediction", "score") if key in event} for event in found] == wanted


def test_what_the_caller_and_a_shadow_test_say() -> None:
    """The id of the caller counts, as ground truth has that one then, and what a shadow variant answered is no champion."""
    [event] = flat("sagemaker", captured("[1]", "[2]", inferenceId="order-7", invocationSource="ShadowExperiment"))
    assert (event["id"], event["stage"]) == ("order-7", "shadow")


def test_failures_and_what_was_not_captured() -> None:
    """An answer that is an error is a failed request; a side that was not captured is missing, what is not read is refused."""
    own = {"time": "2026-11-02T10:00:00Z", "id": "e1"}
    failed = {"code": 503, "type": "InternalServerException", "message": "Prediction failed"}
    assert flat("sagemaker", captured("[1]", json.dumps(failed))) == [{**own, "status": "503"}]
    wrong = {"name": "ValueError", "message": "no such column", "error": True}
    assert flat("sagemaker", captured("[1]", json.dumps(wrong))) == [{**own, "status": "error"}]
    assert flat("sagemaker", captured('{"a": 1}', None)) == [{**own, "features": {"a": 1}}]
    image = captured("iVBORw0KGgo=", None, "BASE64", "application/x-image")
    image["captureData"]["endpointOutput"] = {
        "observedContentType": "application/json",
        "data": "[0.5, 0.5]",
        "encoding": "JSON",
    }
    assert [event.get("features") for event in flat("sagemaker", image)] == [None, None]
    for asked, content in (("k05VTVBZAQB2", "application/x-npy"), ("//79", "text/csv")):
        with pytest.raises(PayloadError):
            flat("sagemaker", captured(asked, "MQ==", "BASE64", content))
    with pytest.raises(PayloadError, match="2 rows of inputs and 3 of outputs"):
        flat("sagemaker", captured("[[1], [2]]", "[1, 2, 3]"))


def test_other_lines_are_skipped(tmp_path: Path) -> None:
    """Ground truth in the same folder is no prediction."""
    lines = [
        *(RECORDS / "sagemaker/capture.jsonl").read_text().splitlines(),
        (RECORDS / "sagemaker/ground_truth.json").read_text(),
    ]
    found = read(lines, None, folder=tmp_path, layout="sagemaker")
    assert (len(found.rows), found.skipped, found.rejected) == (2, 1, {})


@pytest.mark.parametrize(
    ("answered", "wanted"),
    [
        # A class and the probabilities of all, for one row (aws/amazon-sagemaker-examples, issue 3199).
        ({"prediction": 23, "probabilities": [0.25, 0.75]}, {"prediction": 23, "score": [0.25, 0.75]}),
        ({"predictions": [23], "probabilities": [0.25, 0.75]}, {"prediction": 23, "score": [0.25, 0.75]}),
        ({"predictions": [23], "probabilities": [[0.25, 0.75]]}, {"prediction": 23, "score": [0.25, 0.75]}),
        # What else stands beside predictions is none.
        ({"name": "churn", "predictions": [0.5]}, {"prediction": 0.5}),
        # TensorFlow answers CSV with JSON, a class one-hot (aws/sagemaker-tensorflow-serving-container, issue 154).
        ({"predictions": [[1, 0, 0]]}, {"score": [1, 0, 0]}),
        ([{"label": "POSITIVE", "score": 0.75}], {"prediction": "POSITIVE", "score": 0.75}),
    ],
)
def test_answers_of_reports(answered: Any, wanted: dict[str, Any]) -> None:
    """One row was asked."""
    record = captured("1,2,3", None, "CSV", "text/csv")
    record["captureData"]["endpointOutput"] = {
        "observedContentType": "application/json",
        "mode": "OUTPUT",
        "data": json.dumps(answered),
        "encoding": "JSON",
    }
    [event] = flat("sagemaker", record)
    assert {key: event[key] for key in ("prediction", "score") if key in event} == wanted
    assert event["features"] == [1, 2, 3]
