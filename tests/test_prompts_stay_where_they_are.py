"""What people ask models and what these answer is in no metric, page, log and state file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from generations import attributes, batch, completion, records, watching

#: What no output may hold.
SECRET = "Xyzzy-7731"


def openai_lines() -> list[str]:
    """Return records with the secret wherever somebody's words can be."""
    call = {"id": "call_1", "type": "function", "function": {"name": SECRET, "arguments": json.dumps({"q": SECRET})}}
    message = {"role": "assistant", "content": SECRET, "refusal": SECRET, "tool_calls": [call], "reasoning_content": SECRET}
    answer = completion(choices=[{"index": 0, "message": message, "finish_reason": f"{SECRET} {SECRET}"}])
    asked = {"model": "gpt-4.1", "messages": [{"role": "user", "content": SECRET}], "tools": [SECRET], "max_tokens": SECRET}
    now = time.time()
    payload = {**records("openai/litellm.jsonl")[0], "startTime": now - 1, "endTime": now, "completionStartTime": now}
    said = {"messages": asked["messages"], "response": answer, "error_str": SECRET, "model_parameters": {"stop": SECRET}}
    failed = {"status": "failure", "error_information": {"error_code": SECRET, "error_message": SECRET, "traceback": SECRET}}
    found: list[Any] = [
        {**payload, **said},
        {**payload, **said, **failed, "response_cost": SECRET, "prompt_tokens": SECRET, "model": f"{SECRET} {SECRET}"},
        {"request": asked, "response": answer},
        {"request": json.dumps(asked), "response": json.dumps({**answer, "usage": {"prompt_tokens": SECRET}})},
        {"request": asked, "error": {"message": SECRET, "code": SECRET}},
        {**payload, "endTime": SECRET, "startTime": SECRET},
        {"level": "info", "message": SECRET},
        [SECRET],
    ]
    return [*map(json.dumps, found), f'{{"request": "{SECRET}', SECRET]


def otel_lines() -> list[str]:
    """Return the same of log records."""
    parts = [{"type": "text", "content": SECRET}, {"type": "tool_call", "name": SECRET, "arguments": {"q": SECRET}}]
    told = {
        "gen_ai.request.model": "m",
        "gen_ai.system_instructions": SECRET,
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}]),
        "gen_ai.output.messages": [{"role": "assistant", "parts": parts, "finish_reason": SECRET}],
        "gen_ai.response.finish_reasons": [f"{SECRET} {SECRET}"],
        "gen_ai.usage.input_tokens": SECRET,
        "error.type": SECRET,
    }
    record = {"timeUnixNano": str(time.time_ns()), "spanId": "a", "body": {"stringValue": SECRET}}
    found = [
        batch({**record, "attributes": attributes(told)}),
        batch({**record, "attributes": attributes(told), "timeUnixNano": SECRET}),
        {"attributes": told, "timestamp": time.time(), "body": SECRET},
        {"body": SECRET},
    ]
    return [*map(json.dumps, found), f'{{"resourceLogs": "{SECRET}', SECRET]


@pytest.mark.parametrize(("layout", "lines"), [("openai", openai_lines), ("otel", otel_lines)])
def test_prompts_stay_where_they_are(tmp_path: Path, layout: str, lines: Any) -> None:
    """Records are counted, and refused ones too; what they say is nowhere else."""
    exporter = watching(tmp_path, layout, lines())
    try:
        assert exporter.total("model_requests_total") >= 2
        assert exporter.total("prediction_exporter_events_rejected_total") >= 2
        shown = {path: requests.get(f"{exporter.url}{path}", timeout=10).text for path in ("/", "/metrics", "/models/m")}
    finally:
        exporter.stop()
    command = [sys.executable, "-m", "prediction_exporter", "check", "config", str(exporter.config)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    with sqlite3.connect(next((tmp_path / "state").glob("*.db"))) as state:
        shown["state"] = "\n".join(state.iterdump())
    state.close()
    shown |= {"log": exporter.log.read_text(), "check": checked.stdout + checked.stderr}
    shown |= {file.name: file.read_bytes().decode("latin-1") for file in (tmp_path / "state").iterdir()}
    assert {name for name, text in shown.items() if SECRET in text} == set()
    assert "refused" in shown["log"]
