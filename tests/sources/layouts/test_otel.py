"""The layout of OpenTelemetry: generations among log records and spans."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from generations import attributes, batch, counted, flat, records
from watched import total


def test_log_records_of_a_batch() -> None:
    """The record of a generation, and not the other; integers of 64 bits are texts."""
    [record] = records("otel/logs.jsonl")
    assert flat("otel", record) == [
        {
            "time": 1544712660300000000,
            "id": "chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l",
            "version": "gpt-4-0613",
            "status": "ok",
            "prediction": "stop",
            "features": {
                "model": "gpt-4",
                "provider": "openai",
                "operation": "chat",
                "input_tokens": 47,
                "output_tokens": 52,
                "cached_tokens": 32,
                "temperature": 0.5,
                "max_tokens": 200,
            },
        }
    ]


def test_spans_of_a_batch() -> None:
    """That of the generation: the agent around it tells its tokens again. 0.25 s to the first of 11 tokens, 1 s in all."""
    [record] = records("otel/traces.jsonl")
    [event] = flat("otel", record)
    assert (event["id"], event["status"]) == ("EEE19B7EC3C1B175", "error")
    assert (event["latency_ms"], event["time_to_first_token_ms"], event["time_per_output_token_ms"]) == (1000, 250, 75)
    assert (event["features"]["input_tokens"], event["features"]["output_tokens"]) == (100, 11)


@pytest.mark.parametrize("form", ["sdk", "flat", "clickhouse"])
def test_one_record_a_line(form: str) -> None:
    """As an SDK prints it, with names at the top, and as a column of attributes."""
    told = {"gen_ai.request.model": "m", "gen_ai.usage.output_tokens": 3, "gen_ai.response.finish_reasons": ["length"]}
    record: dict[str, Any] = {"timestamp": "2026-05-04T09:30:00Z", "span_id": "a1"}
    forms: dict[str, dict[str, Any]] = {"sdk": {"attributes": told}, "flat": told, "clickhouse": {"LogAttributes": told}}
    record |= forms[form]
    [event] = flat("otel", record)
    assert (event["time"], event["id"], event["prediction"]) == ("2026-05-04T09:30:00Z", "a1", "length")
    assert event["features"]["output_tokens"] == 3


@pytest.mark.parametrize("reasons", [["stop", "length"], "stop, length", '["stop", "length"]', "stop"])
def test_reasons_in_any_form(reasons: Any) -> None:
    """The first of a list, and of texts that exporters make of one."""
    [event] = flat("otel", batch({"attributes": attributes({"gen_ai.response.finish_reasons": reasons})}))
    assert event["prediction"] == "stop"


@pytest.mark.parametrize(
    ("operation", "own"),
    [
        *((name, True) for name in ("chat", "acompletion", "generate_explanation", "explanationStream", "reagent.search")),
        *((name, False) for name in ("invoke_agent", "AGENT", "executeTool", "ToolCall", "run-subagents", "agentic_step")),
        *((name, False) for name in ("retrieval", "VectorRetriever", "search_memory", "planning", "plan", "HTTPTool")),
    ],
)
def test_what_tells_of_others_counts_no_tokens(operation: str, own: bool) -> None:
    """What is around generations, by a word of the operation's name, however it is written; and not by letters of one."""
    told = attributes({"gen_ai.operation.name": operation, "gen_ai.usage.output_tokens": 3})
    assert len(flat("otel", batch({"attributes": told}, {"attributes": attributes({"gen_ai.response.id": "x"})}))) == own + 1


def test_choices_of_a_generation_are_one() -> None:
    """Of the events before there was one for all, the first choice tells the finish reason; messages are no generations."""

    def event(name: str, body: dict[str, Any]) -> dict[str, Any]:
        told = attributes({"gen_ai.system": "openai", "event.name": name})
        return {"timeUnixNano": "1544712660300000000", "attributes": told, "body": attributes({"b": body})[0]["value"]}

    message = {"role": "assistant", "content": "x", "tool_calls": [{"id": "a"}, {"id": "b"}]}
    found = batch(
        event("gen_ai.user.message", {"content": "x"}),
        event("gen_ai.choice", {"index": 0, "finish_reason": "tool_calls", "message": message}),
        event("gen_ai.choice", {"index": 1, "finish_reason": "stop", "message": {"content": "y"}}),
    )
    [only] = flat("otel", found)
    assert (only["prediction"], only["features"]["tool_calls"]) == ("tool_calls", 2)


def test_each_generation_of_a_batch_adds_its_tokens(tmp_path: Path) -> None:
    """With nothing but the layout configured."""
    told = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3}
    now = time.time_ns()
    found = [{"timeUnixNano": str(now - n), "spanId": f"{n:x}", "attributes": attributes(told)} for n in range(5)]
    series = counted(tmp_path, "otel", [json.dumps(batch(*found))])
    assert total(series, "model_requests_total", version="m") == 5
    assert total(series, "model_field_amount_total", field="input_tokens") == 35
    assert total(series, "model_field_values_total", field="cost", state="missing") == 5
