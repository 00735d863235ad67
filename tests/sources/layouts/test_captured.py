"""Tables and logs of served requests: Databricks's inference tables, MLflow's scoring protocol, and Vertex AI's logging."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from platform_records import RECORDS, columns, flat, read, records_of
from prediction_exporter.sources.records.payloads import PayloadError

LAYOUT = columns({"tenure": 1.0, "plan": "basic"}, 1.0)


def test_inference_tables_of_serving(tmp_path: Path) -> None:
    """A row with a batch is as many predictions; one that the server refused has a status and no more."""
    found = read(RECORDS / "databricks/serving.jsonl", LAYOUT, folder=tmp_path, layout="databricks")
    assert found.rejected == {}
    first = {"time": "2026-11-02T10:00:00.250000+00:00", "id": "order-17", "version": "3", "failed": False, "latency_ms": 38.0}
    second = "0b4e3a52-0000-4000-8000-000000000001"
    assert found.rows[:2] == [
        first | {"tenure": 12.0, "plan": "basic", "prediction": 35.5},
        first | {"tenure": 48.0, "plan": "gold", "prediction": 104.0},
    ]
    assert [(row["id"], row["prediction"]) for row in found.rows[2:]] == [
        (second, 20.5),
        ("0b4e3a52-0000-4000-8000-000000000002", None),
    ]


def test_inference_tables_of_ai_gateway(tmp_path: Path) -> None:
    """Columns have other names there; a row whose bodies were too large to log is refused, as nobody knows its predictions."""
    found = read(RECORDS / "databricks/ai_gateway.jsonl", LAYOUT, folder=tmp_path, layout="databricks")
    assert found.rejected == {"payload": 1}
    assert [(row["time"], row["version"], row["latency_ms"], row["prediction"]) for row in found.rows] == [
        ("2026-11-02T10:00:00.462000+00:00", "c2a4e6f8", 41.0, 35.5),
        ("2026-11-02T10:00:00.462000+00:00", "c2a4e6f8", 41.0, 104.0),
        ("2026-11-02T10:00:01.462000+00:00", "c2a4e6f8", 19.0, 20.5),
    ]


def row(request: Any, response: Any, **more: Any) -> dict[str, Any]:
    """Return a row of an inference table."""
    bodies = {"request": request, "response": response}
    return {"databricks_request_id": "r", "timestamp_ms": 1, "status_code": 200, **bodies, **more}


@pytest.mark.parametrize(
    ("request_", "response", "wanted"),
    [
        ({"inputs": {"a": [1, 2], "b": ["x", "y"]}}, {"predictions": [3, 4]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        # One row, of which a value is a list (mlflow/mlflow, pull request 10094).
        (
            {"inputs": {"a": ["x", "y"], "b": "z", "c": {"d": 1}}},
            {"predictions": [3]},
            [{"a": ["x", "y"], "b": "z", "c": {"d": 1}}],
        ),
        ({"inputs": {"a": [1], "b": 2}}, {"predictions": [3]}, [{"a": 1, "b": 2}]),
        ({"inputs": [[1, 2], [3, 4]]}, {"predictions": [3, 4]}, [[1, 2], [3, 4]]),
        ({"dataframe_split": {"index": [0], "columns": ["a"], "data": [[5]]}}, {"predictions": 3}, [{"a": 5}]),
        ({"dataframe_records": [{"a": 5}], "client_request_id": "x"}, {"predictions": [3]}, [{"a": 5}]),
        ({"instances": [{"a": 5}]}, {"predictions": [3], "databricks_output": {"trace": None}}, [{"a": 5}]),
    ],
)
def test_forms_of_requests(request_: Any, response: Any, wanted: list[Any]) -> None:
    """All that the scoring server takes, as an object, as a text, and as the text of a text."""
    for write in (lambda body: body, json.dumps, lambda body: json.dumps(json.dumps(body))):
        found = flat("databricks", row(write(request_), write(response)))
        assert [event["features"] for event in found] == wanted
        assert [event["prediction"] for event in found] == [3, 4][: len(wanted)]


def test_failures_and_what_generates() -> None:
    """Of a failure neither the request nor what was answered is read; of models that generate text only requests count."""
    own = {"id": "r", "time": 1}
    assert flat("databricks", row("{torn", "upstream connect error", status_code=503)) == [{**own, "status": 503}]
    chat = row({"messages": [{"role": "user", "content": "my number is 1"}]}, {"choices": [{"message": {"content": "no"}}]})
    assert flat("databricks", chat) == [{**own, "status": 200}]
    agent = row({"input": [{"role": "user", "content": "my number is 1"}]}, {"output": [], "usage": {"total_tokens": 9}})
    assert flat("databricks", agent) == [{**own, "status": 200}]
    error = row({"inputs": [1]}, {"error_code": "BAD_REQUEST", "message": "no"}, status_code=None)
    assert flat("databricks", error) == [{**own, "status": "BAD_REQUEST"}]
    for pairs in ({"model_version": "4"}, [{"key": "model_version", "value": "4"}], '{"model_version": "4"}'):
        [event] = flat("databricks", row({"inputs": [1]}, {"predictions": [2]}, request_metadata=pairs))
        assert event["version"] == "4"
    with pytest.raises(PayloadError):
        flat("databricks", row(None, None))


def test_the_scoring_protocol_of_mlflow(tmp_path: Path) -> None:
    """As a service in front of the server logs it."""
    found = read(RECORDS / "mlflow/scoring.jsonl", LAYOUT, folder=tmp_path, layout="mlflow")
    assert found.rejected == {}
    assert [(one["id"], one["tenure"], one["prediction"], one["failed"]) for one in found.rows] == [
        ("q-0", 12.0, 35.5, False),
        ("q-0", 48.0, 104.0, False),
        ("q-1", 3.0, 20.5, False),
        ("q-2", None, None, False),
    ]
    assert found.rows[2] | {} == {
        "time": "2026-11-02T10:00:01.250000+00:00",
        "id": "q-1",
        "version": "7",
        "failed": False,
        "latency_ms": 6.25,
        "tenure": 3.0,
        "plan": "basic",
        "prediction": 20.5,
    }


def test_other_ways_to_log_the_protocol() -> None:
    """The bodies side by side, a time of reading where there is none, and tables of traces."""
    [event] = flat("mlflow", {"dataframe_records": [{"a": 5}], "predictions": [3]}, now=7.5)
    assert event == {"time": 7.5, "features": {"a": 5}, "prediction": 3}
    trace = {"trace_id": "tr-1", "request_time": "2026-11-02T10:00:00Z", "state": "OK", "execution_duration": 12}
    [event] = flat("mlflow", {**trace, "request": '{"model_input": [{"a": 5}]}', "response": "[3]"})
    assert event == {
        "time": "2026-11-02T10:00:00Z",
        "id": "tr-1",
        "status": "OK",
        "latency_ms": 12,
        "features": {"a": 5},
        "prediction": 3,
    }
    assert flat("mlflow", {**trace, "state": "ERROR", "request": None}) == [
        {"time": "2026-11-02T10:00:00Z", "id": "tr-1", "status": "ERROR", "latency_ms": 12}
    ]


def test_request_response_logging_of_automl(tmp_path: Path) -> None:
    """An instance and an answer in each text; of the scores by class the likeliest is the prediction."""
    layout = columns({"age": 1.0, "plan": "gold"}, "stay", **{"score.stay": 0.5, "score.churn": 0.5})
    found = read(RECORDS / "vertex/automl.jsonl", layout, folder=tmp_path, layout="vertex")
    assert found.rejected == {}
    assert found.rows[0] == {
        "time": "2026-11-02T10:00:00.123456+00:00",
        "id": "9042618830000000000",
        "version": "8122334455",
        "failed": False,
        "latency_ms": None,
        "age": 41.0,
        "plan": "gold",
        "prediction": "churn",
        "score.stay": 0.25,
        "score.churn": 0.75,
    }
    assert [one["prediction"] for one in found.rows] == ["churn", "stay", "stay"]


def test_request_response_logging_of_a_container(tmp_path: Path) -> None:
    """A whole body in the only text, or an instance in each; names are those of the configuration."""
    layout = columns({"a": 1.0, "b": 1.0}, 1.0)
    found = read(RECORDS / "vertex/custom.jsonl", layout, folder=tmp_path, layout="vertex", rows={"names": ["a", "b"]})
    assert [(one["id"], one["a"], one["b"], one["prediction"]) for one in found.rows] == [
        ("1", 1.5, 2.0, 0.5),
        ("1", 3.5, 4.0, 0.625),
        ("2", 5.5, 6.0, 0.75),
    ]


def test_other_forms_of_vertex() -> None:
    """Fields of BigQuery's API, regressions with bounds, errors, a torn text, and features that look like answers."""
    [logged] = records_of("vertex/automl.jsonl")[1:]
    as_api = {key: [{"v": text} for text in logged[key]] for key in ("request_payload", "response_payload")}
    assert flat("vertex", logged | as_api) == flat("vertex", logged)
    [event] = flat("vertex", logged | {"response_payload": ['{"value": 12.5, "lower_bound": 10.0, "upper_bound": 15.0}']})
    assert event["prediction"] == 12.5
    [event] = flat("vertex", logged | {"response_payload": ['{"error": "model not ready"}']})
    assert (event["status"], "features" in event) == ("error", False)
    [event] = flat("vertex", logged | {"request_payload": ['{"value": 3, "classes": ["a"], "scores": [1]}']})
    assert event["features"] == {"value": 3, "classes": ["a"], "scores": [1]}
    with pytest.raises(PayloadError, match="no JSON"):
        flat("vertex", logged | {"request_payload": ['{"age": ']})
