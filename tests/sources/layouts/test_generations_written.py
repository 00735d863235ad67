"""Generations as libraries write them: what the server answered is found again, in whichever form, and agents are not counted.

The server answered 412 tokens asked, 256 of them from its cache, and 27, 8 of them of reasoning; what was streamed had 11.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generations import DATA, attributes, batch, config_of, flat, records
from prediction_exporter.cli import main


def summary(event: dict[str, Any]) -> tuple[Any, ...]:
    """Return why a generation ended, its tokens, its status and its latency."""
    features = event["features"]
    tokens = (features.get("input_tokens"), features.get("output_tokens"))
    return event.get("prediction"), *tokens, event["status"], round(event["latency_ms"], 3)


@pytest.mark.parametrize(
    ("file", "latencies"),
    [
        ("python_sdk", [12.294, 255.139, 5.349, 49.346, 44.175]),
        ("otlp", [12.293916, 255.138474, 5.349484, 49.345925, 44.175423]),
    ],
)
def test_one_span_in_two_forms(file: str, latencies: list[float]) -> None:
    """As the SDK prints them, and in OTLP's JSON: it tells nanoseconds. A stream's finish reason was not recorded."""
    found = [event for record in records(f"otel/{file}.jsonl") for event in flat("otel", record)]
    assert [event["latency_ms"] for event in found] == latencies
    assert [event.get("prediction") for event in found] == ["tool_calls", None, "content_filter", None, None]
    assert [event["features"].get("output_tokens") for event in found] == [27, 11, 27, None, None]
    assert [event["status"] for event in found] == ["ok", "ok", "ok", "error", "ok"]
    assert {event["features"]["provider"] for event in found} == {"openai"}


def test_events_of_the_sdk() -> None:
    """The choice, and neither of the two messages before it."""
    found = [flat("otel", record) for record in records("otel/python_sdk_events.jsonl")]
    assert [len(events) for events in found] == [0, 0, 1]
    [event] = found[2]
    assert (event["prediction"], event["features"]["tool_calls"]) == ("tool_calls", 1)


def test_spans_of_openllmetry() -> None:
    """It tells cached and reasoning tokens too, and calls one that ended with a call by its own name."""
    found = [event for record in records("otel/openllmetry.jsonl") for event in flat("otel", record)]
    assert [summary(event) for event in found] == [
        ("tool_call", 412, 27, "ok", 12.359),
        ("stop", 412, 11, "ok", 256.8),
        ("content_filter", 412, 27, "ok", 3.227),
        (None, None, None, "error", 46.486),
        (None, 5, None, "ok", 46.877),
    ]
    first = found[0]["features"]
    assert (first["cached_tokens"], first["reasoning_tokens"], first["tool_calls"]) == (256, 8, 1)


def test_spans_of_litellm() -> None:
    """Operations are called acompletion, the raw request beside each is none, and a call stands apart from the message."""
    found = [event for record in records("otel/litellm.jsonl") for event in flat("otel", record)]
    assert [summary(event) for event in found] == [
        ("tool_calls", 412, 27, "ok", 113.907),
        ("stop", 412, 11, "ok", 919.173),
        (None, None, None, 429, 50.484),
        (None, 5, 0, "ok", 6.287),
    ]
    assert [event["features"].get("cost") for event in found] == [5.88e-05, pytest.approx(4.92e-05), None, 1e-07]
    assert [event["features"].get("tool_calls") for event in found] == [1, 0, None, None]


def test_spans_of_litellm_of_2024() -> None:
    """Each attribute of a choice was one of its own then (BerriAI/litellm#4076)."""
    [record] = records("otel/litellm_2024.jsonl")
    [event] = flat("otel", record)
    assert summary(event) == ("stop", 8, 9, "ok", 1017.791)
    assert (event["features"]["tool_calls"], event["features"]["refusal"]) == (0, "none")


def test_payloads_of_litellm() -> None:
    """The stream took 0.639 s to its first token, and 0.280 s for the ten behind it."""
    found = [event for record in records("openai/litellm_written.jsonl") for event in flat("openai", record)]
    assert [summary(event) for event in found] == [
        ("tool_calls", 412, 27, "success", 113.907),
        ("stop", 412, 11, "success", 919.173),
        (None, 0, 0, "429", 50.484),
        (None, 5, 0, "success", 6.287),
    ]
    streamed = found[1]
    assert (streamed["time_to_first_token_ms"], round(streamed["time_per_output_token_ms"], 4)) == (639.089, 28.0084)
    assert [event["features"].get("tool_calls") for event in found] == [1, 0, None, None]


def test_records_of_litellm_of_2024() -> None:
    """What it was called with and what it answered stood under names of Python (BerriAI/litellm#5047)."""
    [record] = records("openai/litellm_2024.jsonl")
    [event] = flat("openai", record)
    assert summary(event) == ("stop", 10, 20, "success", 0.0)
    assert (event["time"], event["features"]["temperature"], event["features"]["messages"]) == ("2024-08-05 07:34:16", 0.7, 1)


TOLD: dict[str, Any] = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 42, "gen_ai.usage.output_tokens": 7}
#: What Go's SDK prints of the same.
TYPED = [
    {"Key": key, "Value": {"Type": "INT64" if isinstance(value, int) else "STRING", "Value": value}}
    for key, value in TOLD.items()
]


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (
            {
                "startTime": [1775934260, 0],
                "endTime": [1775934264, 500000000],
                "spanId": "a",
                "status": {"code": 2},
                "attributes": TOLD,
            },
            (1775934264500000000, "a", "error", 4500),
        ),
        (
            {
                "hrTime": [1775934264, 967317833],
                "spanContext": {"spanId": "b"},
                "attributes": TOLD,
                "_body": "GenAI inference: m",
            },
            (1775934264967317833, "b", "ok", None),
        ),
        (
            {
                "SpanContext": {"TraceID": "t", "SpanID": "c"},
                "StartTime": "2026-02-08T12:32:30.564217484Z",
                "EndTime": "2026-02-08T12:32:31.570666395Z",
                "Attributes": TYPED,
                "Status": {"Code": "Error", "Description": ""},
            },
            ("2026-02-08T12:32:31.570666395Z", "c", "error", pytest.approx(1006.449, abs=0.002)),
        ),
        (
            {
                "Timestamp": "2026-02-08 12:32:30.5",
                "SpanId": "d",
                "Duration": 2500000,
                "StatusCode": "Error",
                "SpanAttributes": TOLD,
            },
            ("2026-02-08 12:32:30.5", "d", "error", 2.5),
        ),
        (
            {"resource_spans": [{"scope_spans": [{"spans": [{"span_id": "e", "attributes": attributes(TOLD)}]}]}]},
            (0.0, "e", "ok", None),
        ),
    ],
    ids=["spans of JavaScript's SDK", "logs of it", "Go's SDK", "ClickHouse", "protobuf's own names"],
)
def test_other_forms(record: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    """Pairs of seconds and nanoseconds, typed values, columns: time, id, status, and the latency where there are two times."""
    [event] = flat("otel", record)
    assert (event["time"], event["id"], event["status"], event.get("latency_ms")) == wanted
    assert (event["features"]["input_tokens"], event["features"]["output_tokens"]) == (42, 7)


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ({"gen_ai.operation.name": "chat.completions"}, 1),
        ({"gen_ai.operation.name": "invoke_agent"}, 0),
        ({"gen_ai.operation.name": "invoke_workflow"}, 0),
        ({"gen_ai.operation.name": "execute_tool"}, 0),
        ({"event.name": "copilot_chat.agent.turn"}, 0),
        ({"event.name": "copilot_chat.tool.call"}, 0),
        ({"event.name": "inference"}, 1),
        ({"event.name": "gen_ai.evaluation.result"}, 0),
    ],
)
def test_what_an_operation_or_an_event_is_called(told: dict[str, str], counts: int) -> None:
    """Any name counts but those of what generations are within, which tell their tokens again."""
    assert len(flat("otel", {"attributes": {**TOLD, **told}})) == counts


def test_events_that_only_name_a_model_are_none() -> None:
    """As the start of a session, which names the model that will be asked."""
    named = {"gen_ai.request.model": "m"}
    assert not flat("otel", {"attributes": {**named, "event.name": "copilot_chat.session.start"}})
    assert len(flat("otel", batch({"attributes": attributes(named)}))) == 1  # a span of one that failed


def tree(*spans: tuple[str, int | None, int | None]) -> dict[str, Any]:
    """Return spans of an agent as a batch: of each its operation, and the tokens that it tells."""
    made = []
    for number, (operation, asked, answered) in enumerate(spans):
        tokens = {"gen_ai.usage.input_tokens": asked, "gen_ai.usage.output_tokens": answered}
        told = {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", **tokens}
        known = {name: value for name, value in told.items() if value is not None}
        made.append({"spanId": f"{number:x}", "name": operation, "attributes": attributes(known)})
    return {"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}


@pytest.mark.parametrize(
    ("spans", "tokens"),
    [
        (  # strands-agents/harness-sdk, issue 3602
            tree(("invoke_agent", 300, 30), ("chat", 100, 10), ("execute_tool", None, None), ("chat", 200, 20)),
            (300, 30),
        ),
        (  # microsoft/agent-framework, issue 4062: the agent tells those of its last request
            tree(("chat", 2239, 192), ("execute_tool", None, None), ("chat", 2569, 99), ("invoke_agent", 2569, 99)),
            (4808, 291),
        ),
    ],
)
def test_an_agent_tells_again_what_its_generations_did(spans: dict[str, Any], tokens: tuple[int, int]) -> None:
    """Two generations, and their tokens once."""
    found = [event["features"] for event in flat("otel", spans)]
    assert len(found) == 2
    assert tuple(sum(features[name] for features in found) for name in ("input_tokens", "output_tokens")) == tokens


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        # langfuse/langfuse, issue 11244: as texts, and those of reasoning are among those of the output.
        ({"input_tokens": "22118", "output_tokens": "1970"}, {"input_tokens": 22118, "output_tokens": 1970}),
        # fullsend-ai/fullsend, issue 5361: Anthropic's own count of the input leaves out what the cache has to do with.
        (
            {"input_tokens": 30, "cache_read_input_tokens": 100_000, "cache_creation_input_tokens": 5_000},
            {"input_tokens": 105_030, "cached_tokens": 100_000},
        ),
        ({"input_tokens": 1204, "cache_read.input_tokens": 1024, "cache_creation.input_tokens": 180}, {"input_tokens": 1204}),
        ({"input_tokens": "many", "cache_read.input_tokens": 1024}, {"input_tokens": "?"}),
    ],
)
def test_tokens_within_others(told: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Cached tokens are part of the input: where more of them are told than there were, they stand apart and are added."""
    [event] = flat("otel", {"attributes": {f"gen_ai.usage.{name}": value for name, value in told.items()}})
    assert {name: event["features"][name] for name in wanted} == wanted


def test_parts_of_tokens_as_the_ai_sdk_of_vercel_tells_them() -> None:
    """They are beside the attributes of the conventions, and nothing is added for them."""
    [event] = flat("otel", {"attributes": {**TOLD, "ai.usage.reasoningTokens": "5", "ai.usage.cachedInputTokens": 40}})
    told = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    assert tuple(event["features"][name] for name in told) == (42, 7, 40, 5)


@pytest.mark.parametrize("reason", ["content_filter", "content-filter", "SAFETY", "guardrail_intervened", "content_filtered"])
def test_reasons_that_mean_that_an_answer_was_held_back(reason: str) -> None:
    """As OpenAI, the AI SDK of Vercel, Gemini and Bedrock call them; the class is what was written."""
    [event] = flat("otel", {"attributes": {**TOLD, "gen_ai.response.finish_reasons": [reason]}})
    assert (event["prediction"], event["features"]["refusal"]) == (reason, "content_filter")


def test_time_to_the_first_chunk_in_milliseconds() -> None:
    """As the AI SDK of Vercel writes it."""
    [event] = flat("otel", {"attributes": {**TOLD, "ai.response.msToFirstChunk": 412.5}})
    assert event["time_to_first_token_ms"] == 412.5


def test_check_config_says_how_many_records_are_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of LiteLLM's spans, the raw requests beside its own: whoever misses a record finds it said."""
    lines = (DATA / "otel/litellm.jsonl").read_text().splitlines()
    (tmp_path / "exporter.yml").write_text(config_of(tmp_path, "otel", lines))
    main(["check", "config", str(tmp_path / "exporter.yml")])
    [told] = [line for line in capsys.readouterr().out.splitlines() if "4 records have 4 predictions" in line]
    assert told.endswith("features.max_tokens; 2 others are skipped")
