"""Records of generations of language models, and models that watch them with the real command."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prediction_exporter.sources.layouts.base import Options
from prediction_exporter.sources.layouts.registry import layout_of
from processes import Exporter
from watched import Clock, Series, Watched, config_text, read

DATA = Path(__file__).parent / "sources" / "records" / "data"


def flat(layout: Any, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the flat events of a record; none where it is not of the layout."""
    known = layout_of(layout)
    return list(known.flat(record, Options())) if known.is_meant(record) else []


def records(name: str) -> list[dict[str, Any]]:
    """Return the records of a file."""
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def completion(text: str = "", **changed: Any) -> dict[str, Any]:
    """Return the answer of a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": "gpt-4.1-2025-04-14",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4, "accepted_prediction_tokens": 0},
        },
    } | changed


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as OTLP JSON has them."""

    def written(value: Any) -> dict[str, Any]:
        if isinstance(value, bool):
            return {"boolValue": value}
        if isinstance(value, int):
            return {"intValue": str(value)}
        if isinstance(value, float):
            return {"doubleValue": value}
        if isinstance(value, list):
            return {"arrayValue": {"values": [written(item) for item in value]}}
        if isinstance(value, dict):
            return {"kvlistValue": {"values": attributes(value)}}
        return {"stringValue": value}

    return [{"key": key, "value": written(value)} for key, value in values.items()]


def batch(*found: dict[str, Any]) -> dict[str, Any]:
    """Return log records as a batch of OTLP JSON."""
    scope = {"scope": {"name": "my.library"}, "logRecords": list(found)}
    return {"resourceLogs": [{"resource": {"attributes": attributes({"service.name": "my.service"})}, "scopeLogs": [scope]}]}


def config_of(folder: Path, layout: str, lines: Sequence[str]) -> str:
    """Write lines to a log, and return the configuration of a model that reads them with nothing else told."""
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines))
    source = f"log: {{path: app.log, start: beginning}}\n      layout: {layout}"
    return config_text(f"\n  - name: m\n    owner: me\n    maturity: 0\n    predictions:\n      {source}\n")


def counted(folder: Path, layout: str, lines: Sequence[str]) -> Series:
    """Return the series of a model that has read lines."""
    watched = Watched(folder, clock=Clock(time.time()))
    monitor = watched.start(watched.configure(config_of(folder, layout, lines)))
    series = read(monitor, watched.clock)[1]
    watched.close()
    return series


def watching(folder: Path, layout: str, lines: Sequence[str]) -> Exporter:
    """Return an exporter that has read lines, a real process."""
    (folder / "exporter.yml").write_text(config_of(folder, layout, lines))
    exporter = Exporter(folder / "exporter.yml")
    exporter.start()
    return exporter
