"""The layout of OpenAI's API: what is counted of an answer, in whatever a proxy logs it."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from generations import completion, counted, flat, records, watching
from watched import Clock, Watched, config_text, read, total

NAMES = ("input_tokens", "output_tokens", "cached_tokens", "tool_calls", "cost")


def told(record: dict[str, Any]) -> dict[str, Any]:
    """Return the features of the only event of a record."""
    [event] = flat("openai", record)
    features: dict[str, Any] = event["features"]
    return features


def test_records_of_litellm() -> None:
    """The payload that callbacks get, and the row of its spend logs, which has neither an answer nor its finish reason."""
    [[payload], [row]] = [flat("openai", record) for record in records("openai/litellm.jsonl")]
    assert payload == {
        "time": "2025-01-24 09:20:46.851954",
        "id": "chatcmpl-2299b6a2-82a3-465a-b47c-04e685a2227f",
        "version": "gpt-4o",
        "status": "success",
        "prediction": "stop",
        "latency_ms": 4.583,
        "time_to_first_token_ms": 4.583,
        "time_per_output_token_ms": 0.0,
        "features": {
            "model": "gpt-4o",
            "provider": "openai",
            "call_type": "acompletion",
            "stream": "true",
            "refusal": "none",
            "input_tokens": 10,
            "output_tokens": 20,
            "cost": 0.00022500000000000002,
            "messages": 1,
            "tool_calls": 0,
        },
    }
    assert "prediction" not in row
    assert row["id"] == "chatcmpl-2283081b-dc89-41f6-93e6-d4f914774027"
    assert {name: row["features"].get(name) for name in NAMES} == {
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_tokens": None,
        "tool_calls": None,
        "cost": 0.00022500000000000002,
    }
    assert "time_to_first_token_ms" not in row  # its end is written there where nothing was streamed


@pytest.mark.parametrize(
    "around",
    [
        lambda answer: answer,
        lambda answer: {"request": {"model": "gpt-4.1", "messages": [{}, {}]}, "response": answer},
        lambda answer: {"request_body": "{}", "response_body": json.dumps(answer)},
        lambda answer: {"custom_id": "a", "response": {"status_code": 200, "body": answer}, "error": None},
        lambda answer: {"standard_logging_object": {"call_type": "completion", "startTime": 1.0, "response": answer}},
    ],
    ids=["answer", "pair", "texts", "batch", "callback"],
)
def test_an_answer_wherever_it_stands(around: Any) -> None:
    """Alone, beside its request, as text, in the output of a batch, in what callbacks of LiteLLM get."""
    found = told(around(completion()))
    assert {name: found.get(name) for name in (*NAMES[:4], "reasoning_tokens")} == {
        "input_tokens": 19,
        "output_tokens": 10,
        "cached_tokens": 8,
        "tool_calls": 0,
        "reasoning_tokens": 4,
    }


def chunk(**changed: Any) -> dict[str, Any]:
    """Return a chunk of a stream."""
    choices = [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices} | changed


def test_chunks_of_a_stream_are_one_generation() -> None:
    """Usage is that of all before: the last counts, and not the sum. A chunk alone is no generation."""
    chunks = [chunk(usage={"prompt_tokens": 5, "completion_tokens": count}) for count in range(1, 4)]
    called = [{"index": 0, "id": "call", "function": {"name": "f", "arguments": "{"}}, {"index": 1, "id": "other"}]
    chunks += [
        chunk(choices=[{"index": 0, "delta": {"tool_calls": called}}], usage=None),
        chunk(choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]),
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]),
        chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}),
    ]
    assert not any(flat("openai", one) for one in chunks)
    [event] = flat("openai", {"request": {"stream": True}, "response": chunks})
    assert event["prediction"] == "tool_calls"
    assert (event["features"]["input_tokens"], event["features"]["output_tokens"]) == (5, 4)
    assert event["features"]["tool_calls"] == 2


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 80}, "cache_read_input_tokens": 80}, (100, 80)),
        ({"input_tokens": 20, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5, "output_tokens": 1}, (105, 80)),
        ({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 80}, "output_tokens": 1}, (100, 80)),
        ({"prompt_tokens": 100, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, (100, 64)),
        ({"prompt_tokens": 100, "prompt_tokens_details": None}, (100, None)),
        ({"prompt_tokens": "100", "prompt_tokens_details": {"cached_tokens": None}}, (100, None)),
        ({"prompt_tokens": -1}, (-1, None)),
        ({"prompt_tokens": True}, ("?", None)),
        (None, (None, None)),
    ],
)
def test_cached_tokens_are_a_part_of_the_input(usage: Any, tokens: tuple[Any, Any]) -> None:
    """Once: where an API leaves them out of its input they are added, where it tells them twice they are not."""
    found = told(completion(usage=usage))
    assert (found.get("input_tokens"), found.get("cached_tokens")) == tokens


@pytest.mark.parametrize(
    "line",
    [
        {"type": "message", "status": 200, "text": "x"},
        {"type": "response", "status": 500, "path": "/v1/models"},
        {"object": "list", "data": []},
        {"error": "timeout", "request": {"method": "GET", "path": "/health"}},
        {"choices": ["a", "b"]},
        {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}},
    ],
)
def test_other_lines_are_no_generations(line: dict[str, Any]) -> None:
    """Of a server's log, of lists of models, of what a batch asks."""
    assert not flat("openai", line)


def test_answers_of_other_endpoints() -> None:
    """Embeddings have neither a time nor a reason to end; the API of responses and Anthropic's messages call all otherwise."""
    [embeddings] = flat("openai", {"response": {"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 8}}})
    assert (embeddings["time"], embeddings["features"]["input_tokens"]) == (0.0, 8)  # that of reading
    assert "prediction" not in embeddings
    output = [{"type": "function_call", "name": "f"}, {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "created_at": 5, "output": output}
    usage = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 4}
    [response] = flat("openai", {"object": "response", "id": "resp_1", "model": "o3", "usage": usage, **cut})
    assert (response["time"], response["prediction"]) == (5, "max_output_tokens")
    found = {"refusal": "refusal", "input_tokens": 3, "cached_tokens": 1, "output_tokens": 4, "tool_calls": 1}
    assert found.items() <= response["features"].items()
    content = [{"type": "text", "text": "x"}, {"type": "tool_use", "name": "f", "input": {}}]
    [message] = flat("openai", {"type": "message", "model": "c", "stop_reason": "tool_use", "usage": usage, "content": content})
    assert (message["prediction"], message["features"]["tool_calls"]) == ("tool_use", 1)


def test_refusals_and_calls_of_tools() -> None:
    """A refusal that is written, one that a filter made, and none; calls of old and new form."""
    message: dict[str, Any] = {"role": "assistant", "content": None}

    def of(finish: str, **said: Any) -> dict[str, Any]:
        return told(completion(choices=[{"index": 0, "message": message | said, "finish_reason": finish}]))

    assert of("stop", refusal="I will not tell")["refusal"] == "refusal"
    assert of("content_filter")["refusal"] == "content_filter"
    assert of("stop")["refusal"] == "none"
    assert of("tool_calls", tool_calls=[{}, {}])["tool_calls"] == 2
    assert of("function_call", function_call={"name": "f"})["tool_calls"] == 1


def test_failures_by_their_code() -> None:
    """The code of a provider, else the word; what an error says is not kept."""
    failed = {"call_type": "acompletion", "startTime": 1700000000.0, "endTime": 1700000002.5, "status": "failure", "model": "m"}
    error = {"error_code": "503", "error_message": "said something"}
    [event] = flat("openai", {**failed, "error_information": error, "error_str": "said something", "response": {}})
    assert (event["status"], event["latency_ms"]) == ("503", 2500.0)
    assert "said" not in json.dumps(event)
    [event] = flat("openai", {**failed, "error_information": {"error_code": "said something"}})
    assert event["status"] == "failure"


def test_the_spend_logs_of_litellm_are_a_table(tmp_path: Path) -> None:
    """Each row is a generation, at the time of its row; nothing that is configured is missed."""
    row = records("openai/litellm.jsonl")[1]
    now = time.time()
    with sqlite3.connect(tmp_path / "litellm.db") as database:
        database.execute(f"CREATE TABLE spend ({', '.join(map(json.dumps, row))})")
        for n in range(4):
            at = datetime.fromtimestamp(now - n, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            times = dict.fromkeys(("startTime", "endTime", "completionStartTime"), at)
            values = {**row, **times, "request_id": str(n), "spend": 0.25}
            database.execute(f"INSERT INTO spend VALUES ({', '.join('?' * len(row))})", list(values.values()))
    database.close()
    source = f"table: {{url: 'sqlite:///{tmp_path / 'litellm.db'}', name: spend, lateness: 30s}}"
    watched = Watched(tmp_path, clock=Clock(now))
    told = f"{source}\n      layout: openai\n      fields: {{time: startTime}}"
    loaded = watched.configure(config_text(f"\n  - name: m\n    owner: me\n    maturity: 0\n    predictions:\n      {told}\n"))
    monitor = watched.start(loaded)
    watched.clock.now = now + 1
    series = read(monitor, watched.clock)[1]
    watched.close()
    assert total(series, "model_field_amount_total", field="output_tokens", version="gpt-4o") == 80
    assert total(series, "model_field_amount_total", field="cost") == 1
    assert total(series, "model_field_values_total", field="tool_calls", state="missing") == 4
    assert total(series, "prediction_exporter_field_seen_ratio", field="time") is None


def test_a_request_that_failed_counts_beside_answers(tmp_path: Path) -> None:
    """It has no id of an answer, and is not refused for that; another time it is another request."""
    asked = {"model": "gpt-4.1", "messages": []}
    lines: list[dict[str, Any]] = [{"timestamp": time.time(), "request": asked, "response": completion()}] * 3
    lines += [{"timestamp": time.time() - n, "request": asked, "error": {"code": 502, "message": "x"}} for n in range(2)]
    series = counted(tmp_path, "openai", [json.dumps(line) for line in lines])
    assert total(series, "model_requests_total") == 5
    assert total(series, "model_requests_failed_total") == 2
    assert total(series, "prediction_exporter_events_rejected_total") == 0
    ids = [flat("openai", line)[0]["id"] for line in lines]
    assert len(set(ids)) == 3


def test_tokens_and_durations_of_a_stream_over_a_restart(tmp_path: Path) -> None:
    """With nothing but the layout configured, by the command: 0.5 s to the first token, 2 s for the 20 others."""
    now = time.time()
    payload = {
        **records("openai/litellm.jsonl")[0],
        "startTime": now - 2.5,
        "completionStartTime": now - 2,
        "endTime": now,
        "completion_tokens": 21,
        "response": completion(
            usage={"prompt_tokens": 19, "completion_tokens": 21, "prompt_tokens_details": {"cached_tokens": 8}}
        ),
    }
    exporter = watching(tmp_path, "openai", [json.dumps(payload)] * 2)
    try:
        assert exporter.total("model_field_amount_total", field="output_tokens", version="gpt-4.1-2025-04-14") == 42
        exporter.kill()
        with (tmp_path / "app.log").open("a") as log:
            log.write(json.dumps(payload) + "\n")
        exporter.start()
        series = exporter.metrics()
        amounts = {dict(of)["field"]: value for (name, of), value in series.items() if name == "model_field_amount_total"}
        assert amounts == {
            "input_tokens": 57,
            "output_tokens": 63,
            "cached_tokens": 24,
            "tool_calls": 0,
            "cost": pytest.approx(3 * 0.00022500000000000002),
        }
        assert exporter.total("model_duration_seconds_count", duration="time_to_first_token") == 3
        assert exporter.total("model_duration_seconds_sum", duration="time_to_first_token") == pytest.approx(1.5)
        assert exporter.total("model_duration_seconds_sum", duration="time_per_output_token") == pytest.approx(0.3)
        assert exporter.total("model_request_duration_seconds_sum") == pytest.approx(7.5)
    finally:
        exporter.stop()
