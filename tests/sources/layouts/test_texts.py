"""Models that write text, behind servers and platforms that know nothing of it: requests count, and no text is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from layout_records import unfolded
from platform_records import flat

SECRET = "my diagnosis is"

#: Requests and answers of the interfaces that such models are asked through.
CONVERSATIONS: dict[str, tuple[Any, Any]] = {
    "chat completions": (
        {"messages": [{"role": "user", "content": SECRET}]},
        {"object": "chat.completion", "choices": [{"message": {"content": SECRET}}], "usage": {"total_tokens": 3}},
    ),
    "completions": ({"prompt": SECRET}, {"object": "text_completion", "choices": [{"text": SECRET}]}),
    "responses of an agent": (
        {"input": [{"role": "user", "content": SECRET}], "custom_inputs": {"session": "a"}},
        {"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": SECRET}]}]},
    ),
    "a stream of them": (
        {"input": [{"role": "user", "content": SECRET}], "stream": True},
        [{"type": "response.output_text.delta", "delta": SECRET}, {"type": "response.output_item.done"}],
    ),
    "Gemini": (
        {"contents": [{"role": "user", "parts": [{"text": SECRET}]}]},
        {"candidates": [{"content": {"parts": [{"text": SECRET}]}}], "usageMetadata": {"promptTokenCount": 3}},
    ),
    "Anthropic": (
        {"messages": [{"role": "user", "content": SECRET}], "max_tokens": 9},
        {"type": "message", "content": [{"type": "text", "text": SECRET}], "usage": {"input_tokens": 3}},
    ),
    "text generation": ({"inputs": SECRET, "parameters": {}}, [{"generated_text": SECRET}]),
    "an instance each": (
        {"instances": [{"messages": [{"role": "user", "content": SECRET}]}]},
        {"predictions": [{"candidates": []}]},
    ),
    "a request alone": ({"messages": [{"role": "user", "content": SECRET}]}, None),
}


@pytest.mark.parametrize("interface", CONVERSATIONS)
def test_tables_of_databricks(interface: str) -> None:
    """The agents of its Responses interface, too, whose request is neither messages nor a prompt."""
    asked, answered = CONVERSATIONS[interface]
    row = {"request_time": "2026-05-04T09:30:00Z", "status_code": 200, "execution_duration_ms": 5098, "served_entity_id": "e"}
    bodies = {"request": json.dumps(asked), "response": None if answered is None else json.dumps(answered)}
    assert flat("databricks", {"databricks_request_id": "a", **row, **bodies}) == [
        {"time": "2026-05-04T09:30:00Z", "id": "a", "version": "e", "status": 200, "latency_ms": 5098}
    ]


@pytest.mark.parametrize("interface", CONVERSATIONS)
def test_tables_of_vertex(interface: str) -> None:
    """In lists of texts, and whole in columns of their own beside empty lists."""
    asked, answered = CONVERSATIONS[interface]
    row = {"logging_time": "2026-05-04 09:30:00 UTC", "request_id": "7", "deployed_model_id": "8"}
    texts = {"request_payload": [json.dumps(asked)], "response_payload": [] if answered is None else [json.dumps(answered)]}
    whole = {"request_payload": [], "response_payload": [], "full_request": asked, "full_response": answered}
    for bodies in (texts, whole):
        assert flat("vertex", row | bodies) == [{"time": "2026-05-04 09:30:00 UTC", "id": "7", "version": "8"}]


@pytest.mark.parametrize("interface", [name for name in CONVERSATIONS if name != "a request alone"])
def test_events_of_kserve(interface: str) -> None:
    """Of its runtimes for language models; a stream's events are one text there."""
    asked, answered = CONVERSATIONS[interface]
    if isinstance(answered, list) and interface == "a stream of them":
        answered = "".join(f"data: {json.dumps(part)}\n\n" for part in answered)
    bodies = {"request": asked, "response": answered}
    events = [
        {
            "specversion": "1.0",
            "id": "a",
            "type": f"org.kubeflow.serving.inference.{side}",
            "time": f"2026-05-04T09:30:0{at}Z",
            "data": body,
        }
        for at, (side, body) in enumerate(bodies.items())
    ]
    assert unfolded("kserve", *events) == (
        [{"time": "2026-05-04T09:30:00Z", "id": "a", "status": 200, "latency_ms": 1000.0, "row of the record": 0}],
        {},
        0,
    )


@pytest.mark.parametrize(
    ("asked", "answered", "features", "prediction"),
    [
        ({"instances": [{"messages": 3, "prompt": "a text"}]}, {"predictions": [1]}, {"messages": 3, "prompt": "a text"}, 1),
        ({"instances": [{"input": 4, "choices": 2}]}, {"predictions": [0]}, {"input": 4, "choices": 2}, 0),
        (
            {"instances": [{"candidates": [4, 5], "type": "response.time"}]},
            {"predictions": [0]},
            {"candidates": [4, 5], "type": "response.time"},
            0,
        ),
        (
            {"dataframe_records": [{"usage": {"a": 1}, "input": [1]}]},
            {"predictions": ["b"]},
            {"usage": {"a": 1}, "input": [1]},
            "b",
        ),
    ],
)
def test_features_that_are_called_so(asked: Any, answered: Any, features: dict[str, Any], prediction: Any) -> None:
    """Numbers and words under such names are no conversation: the model is one of any other kind."""
    row = {"databricks_request_id": "a", "request": json.dumps(asked), "response": json.dumps(answered)}
    [event] = flat("databricks", row)
    assert (event["features"], event["prediction"]) == (features, prediction)
