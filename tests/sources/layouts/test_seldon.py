"""Events of Seldon Core: tensors, arrays, frames in text, and JSON."""

from __future__ import annotations

from typing import Any

import pytest

from layout_records import DATA, NOW, layout_with, read, unfolded
from prediction_exporter.counting.layout import Kind

EVENTS = DATA / "seldon/events.jsonl"


def test_requests_find_their_responses() -> None:
    """Twelve events, of which eight are four pairs: seven predictions; the other four wait for their response."""
    found = read(EVENTS, "seldon", layout_with(numbers=("a", "b")))
    assert (len(found.events), found.rejected, found.skipped) == (7, {}, 0)
    told = [(event["id"], event["a"], event["b"], event["prediction"]) for event in found.events]
    # The third pair has texts under a, the fourth scores and no prediction.
    assert told == [
        ("1a", 1.0, 2.0, 5.0),
        ("1a", 3.0, 4.0, 6.0),
        ("2b", 1.0, 2.0, 7.0),
        ("2b", 3.0, 4.0, 8.0),
        ("3c", None, None, 7.0),
        ("3c", None, None, 8.0),
        ("6f", None, None, None),
    ]
    assert {(event["time"], event["failed"], event["latency"]) for event in found.events} == {(NOW, False, None)}
    assert [event["version"] for event in found.events] == [None] * 4 + ["example"] * 2 + [None]


def test_numbers_under_names_are_scores_of_classes() -> None:
    """A review of a film has a score for each of two classes, by their names."""
    columns = layout_with(texts=("Text review",), prediction=None, scores=("score.t0", "score.t1"))
    review = [event for event in read(EVENTS, "seldon", columns).events if event["id"] == "6f"]
    assert [(event["Text review"], event["score.t0"], event["score.t1"]) for event in review] == [
        ("this film has bad actors", 0.5, 0.5)
    ]


def event(side: str, body: Any, **headers: str) -> dict[str, Any]:
    """Return an event; each has an id of its own beside that of the request."""
    kind = f"io.seldon.serving.inference.{side}"
    return {"headers": {"Ce-Id": f"{side} 1", "Ce-Requestid": "r", "Ce-Type": kind, **headers}, "body": body}


def rows(asked: Any, answered: Any, **more: Any) -> list[tuple[Any, Any, Any]]:
    """Return features, prediction and score of each prediction."""
    events, refused, _ = unfolded("seldon", event("request", asked), event("response", answered), **more)
    assert refused == {}
    return [(found.get("features"), found.get("prediction"), found.get("score")) for found in events]


FRAME = '{"columns":["x","y"],"index":[0],"data":[[3,"L"]]}'
ONE = {"data": {"names": [], "ndarray": [7]}}


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ({"strData": FRAME}, ONE, [({"x": 3, "y": "L"}, 7, None)]),
        ({"strData": "good, but long"}, {"strData": "positive"}, [({"input": "good, but long"}, "positive", None)]),
        ({"jsonData": {"x": 1, "y": 2}}, {"jsonData": [3]}, [({"x": 1, "y": 2}, 3, None)]),
        ({"jsonData": [{"x": 1}, {"x": 2}]}, {"jsonData": [3, 4]}, [({"x": 1}, 3, None), ({"x": 2}, 4, None)]),
        ({"data": {"ndarray": [[1, "a"]]}}, ONE, [([1, "a"], 7, None)]),
        (
            {"data": {"names": ["x"], "tensor": {"shape": [2, 1], "values": [1, 2]}}},
            {"data": {"names": ["t:0", "t:1"], "tensor": {"shape": [2, 2], "values": [0.25, 0.75, 1, 0]}}},
            [({"x": 1}, None, {"t:0": 0.25, "t:1": 0.75}), ({"x": 2}, None, {"t:0": 1, "t:1": 0})],
        ),
        (
            {"data": {"names": ["x"], "ndarray": [[1]]}},
            {"data": {"names": ["label", "probability"], "ndarray": [["good", 0.9]]}, "meta": {"puid": "p"}},
            [({"x": 1}, "good", 0.9)],
        ),
        ({"instances": [[6.8, 2.8]]}, {"predictions": [1]}, [([6.8, 2.8], 1, None)]),
    ],
)
def test_messages_of_every_form(asked: Any, answered: Any, expected: list[tuple[Any, Any, Any]]) -> None:
    """Frames in text, plain text, JSON, arrays and tensors with names and without."""
    assert rows(asked, answered) == expected


def test_a_text_of_a_frame_that_is_known() -> None:
    """The frame of the genuine events, of 37 columns, is one row."""
    [line] = [line for line in EVENTS.read_text().splitlines() if '"7g"' in line]
    response = event("response", ONE)
    response["headers"] |= {"Ce-Requestid": "7g", "Ce-Inferenceservicename": "strdata"}
    [found], refused, _ = unfolded("seldon", line, response)
    assert (len(found["features"]), found["features"]["VIN"], found["features"]["wsd"]) == (37, "MAJ6P1CL3JC166908", 26750.56)
    assert refused == {}


@pytest.mark.parametrize("answered", [{"status": {"code": 503, "status": "FAILURE"}, "data": {}}, {"error": "no model"}])
def test_a_failure_has_no_prediction(answered: Any) -> None:
    """Seldon writes its status as an object, with a code where it has one."""
    [found], refused, _ = unfolded("seldon", event("request", ONE), event("response", answered))
    assert (found["status"], refused) == ("error" if "error" in answered else 503, {})
    assert "prediction" not in found


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        ({"data": {"names": ["a", "b"], "ndarray": [[1]]}}, "uneven_rows"),
        ({"data": {"tensor": {"shape": [2, 2], "values": [1]}}}, "uneven_rows"),
        ({"data": {"tftensor": {}}}, "payload"),
        ({"binData": "AAAA"}, "payload"),
        ({"data": {"ndarray": None}}, "uneven_rows"),
    ],
)
def test_what_cannot_be_read_is_refused(answered: Any, reason: str) -> None:
    """Names that are more than values, shapes that do not fit, and forms that are not read (seldon-core#3566)."""
    events, refused, _ = unfolded(
        "seldon", event("request", {"data": {"ndarray": [[1], [2], [3]]}}), event("response", answered)
    )
    assert (events, refused) == ([], {reason: 1})


def test_a_canary_is_another_version() -> None:
    """Which predictor answered is known by the event (seldon-core#1817)."""
    asked = event("request", ONE, **{"Ce-Endpoint": "canary"})
    [found], _, _ = unfolded("seldon", asked, event("response", ONE, **{"Ce-Endpoint": "canary"}))
    assert found["version"] == "canary"


def test_texts_are_categories(tmp_path: Any) -> None:
    """Words of a request and of its response."""
    log = tmp_path / "events.jsonl"
    lines = [line for line in EVENTS.read_text().splitlines() if '"3c"' in line]
    log.write_text("\n".join(lines) + "\n")
    found = read(log, "seldon", layout_with(texts=("a",), prediction=Kind.CATEGORICAL))
    assert [(one["a"], one["prediction"]) for one in found.events] == [("test1", "7"), ("test2", "8")]
