"""Lines of a log of predictions, and the columns that a baseline has of them."""

from __future__ import annotations

import json
from typing import Any

from prediction_exporter.counting.layout import Column, Kind, Layout, Role

LAYOUT = Layout(
    [
        Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)),
        Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north",)),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no")),
    ]
)


def event(number: int, **changes: Any) -> dict[str, Any]:
    """Return an event."""
    return {
        "ts": f"2026-03-01T10:00:{number % 60:02}Z",
        "request_id": f"r{number}",
        "latency_ms": 5,
        "status": 200,
        "decision": "yes",
        "features": {"amount": number, "region": "north"},
    } | changes


def docker(text: str) -> str:
    """Return a record of Docker's json-file driver."""
    return json.dumps({"log": text + "\n", "stream": "stdout", "time": "2026-03-01T10:00:00.000000001Z"})
