"""Azure's model data collector: inputs and outputs in events of their own, joined by their correlation id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from platform_records import RECORDS, columns, flat, read, records_of
from prediction_exporter.sources.layouts.base import Half
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.payloads import PayloadError


def pair() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two events of a request."""
    asked, answered = records_of("azureml/iris.jsonl")
    return asked, answered


def test_events_of_a_request() -> None:
    """Five rows of inputs meet five rows of outputs; the deployment stands for a version that was not given."""
    asked, answered = pair()
    half = layout_of("azureml").half
    assert half is not None
    identity = "24930179-bf2a-4433-af0c-95c3f52c7fe8"
    assert [half(asked), half(answered)] == [Half(identity, "request"), Half(identity, "response")]
    found = flat("azureml", asked, answered)
    assert found[0] == {
        "time": "2023-01-01T00:00:00Z",
        "id": identity,
        "version": "momo-deployment",
        "prediction": "setosa",
        "features": {"sepal_length": 5.0, "sepal_width": 3.0, "petal_length": 1.6, "petal_width": 0.2},
    }
    assert [event["prediction"] for event in found] == ["setosa", "setosa", "virginica", "versicolor", "virginica"]


def test_inputs_alone_wait() -> None:
    """Each of the events has a correlation id and is a request."""
    known = layout_of("azureml")
    events = records_of("azureml/inputs_alone.jsonl")
    assert all(known.is_meant(event) for event in events)
    assert known.half is not None
    halves = [known.half(event) for event in events]
    assert [half.side for half in halves if half is not None] == ["request"] * 3


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ([{"0": 1}], {"prediction": 1}),
        ([{"prediction": "yes", "probability": 0.75}], {"prediction": "yes", "score": 0.75}),
        ([{"score": 0.75}], {"score": 0.75}),
        ('[{"0": 1}]', {"prediction": 1}),
    ],
)
def test_forms_of_outputs(outputs: Any, wanted: dict[str, Any]) -> None:
    """A prediction without a name is called 0, as the columns of a frame are."""
    asked, answered = pair()
    [event] = flat("azureml", asked | {"data": asked["data"][:1]}, answered | {"data": outputs, "modelversion": "7"})
    assert {key: event[key] for key in ("prediction", "score") if key in event} == wanted
    assert event["version"] == "momo-deployment"


def test_a_version_that_was_given_counts() -> None:
    """It stands in both events."""
    asked, answered = (event | {"modelversion": "7"} for event in pair())
    assert {event["version"] for event in flat("azureml", asked, answered)} == {"7"}


def test_data_that_is_not_whole_is_refused() -> None:
    """It stands elsewhere, or the event is one of several parts; a whole one says so in either spelling."""
    asked, answered = pair()
    [elsewhere] = records_of("azureml/elsewhere.jsonl")
    with pytest.raises(PayloadError, match="dataref"):
        flat("azureml", elsewhere, answered)
    for part in ("bytes 0-99/200", "bytes_100-199/200"):
        with pytest.raises(PayloadError, match="part"):
            flat("azureml", asked | {"contentrange": part}, answered)
    assert len(flat("azureml", asked | {"contentrange": "bytes 0-206/207"}, answered)) == 5
    with pytest.raises(PayloadError, match="2 rows of inputs and 5 of outputs"):
        flat("azureml", asked | {"data": asked["data"][:2]}, answered)


def test_inputs_alone_count_without_the_layout(tmp_path: Path) -> None:
    """What the note says to write where outputs are not collected."""
    found = read(
        RECORDS / "azureml/inputs_alone.jsonl",
        columns({"sepal_length": 1.0, "petal_width": 1.0}),
        folder=tmp_path,
        rows="data",
        fields={"time": "time", "id": "correlationid"},
    )
    assert [(row["sepal_length"], row["petal_width"]) for row in found.rows] == [(1.0, 1.3), (2.0, 1.5), (3.0, 1.8), (1.5, 1.6)]
    assert found.rejected == {}


def test_inputs_and_outputs_in_one_event() -> None:
    """The prediction is told by its name; one of another name stands among the features, where the configuration names it."""
    [event] = records_of("azureml/iris.jsonl")[:1]
    rows = [{"age": 4, "prediction": "yes", "probability": 0.75}, {"age": 5, "target": "no"}]
    found = flat("azureml", event | {"type": "azureml.inference.model_inputs_outputs", "data": rows})
    assert [{key: one.get(key) for key in ("features", "prediction", "score")} for one in found] == [
        {"features": {"age": 4}, "prediction": "yes", "score": 0.75},
        {"features": {"age": 5, "target": "no"}, "prediction": None, "score": None},
    ]


def test_an_event_that_finds_no_other_is_refused() -> None:
    """Without an id there is nothing to find the outputs by."""
    [event] = records_of("azureml/iris.jsonl")[:1]
    with pytest.raises(PayloadError, match="correlationid"):
        flat("azureml", {key: value for key, value in event.items() if key not in ("correlationid", "xrequestid")})
