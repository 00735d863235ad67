"""The demo's model service: answers loan applications at a chosen rate and logs each prediction as a JSON line."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from prediction_exporter.demo.credit_risk import Drift, applications, decisions, probability_of_default
from prediction_exporter.demo.story import Story

#: Share of requests that fail, and seconds between two writes.
FAILURE_RATIO = 0.0005
TICK_SECONDS = 0.1

#: Size in bytes at which the log is rotated, and how many rotated files are kept.
ROTATE_AT = 64 << 20
KEPT = 2


def log_lines(
    rng: np.random.Generator, times: np.ndarray[Any, np.dtype[np.float64]], drift: Drift, first_id: int
) -> Iterator[str]:
    """Yield the log lines of requests that were answered at these Unix times."""
    features = applications(rng, len(times), drift)
    scores = probability_of_default(features)
    answers = decisions(scores)
    latencies = rng.lognormal(2.5, 0.5, len(times))
    failures = rng.random(len(times)) < FAILURE_RATIO
    for row, at in enumerate(times):
        inputs = {name: _json_value(values[row]) for name, values in features.items()}
        event = {
            "ts": datetime.fromtimestamp(float(at), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "request_id": f"loan-{first_id + row:09d}",
            "model_version": "1",
            "latency_ms": round(float(latencies[row]), 2),
            "status": 500 if failures[row] else 200,
            "features": inputs,
        }
        if not failures[row]:
            event |= {"decision": str(answers[row]), "probability": round(float(scores[row]), 6)}
        yield json.dumps(event)


def _json_value(value: Any) -> float | str | None:
    if isinstance(value, str):
        return str(value)
    return None if np.isnan(value) else float(value)


def serve(
    path: Path, *, rate: float, story: Story, stopping: threading.Event, seed: int = 1, rotate_at: int = ROTATE_AT
) -> int:
    """Log predictions until told to stop, and return how many; requests arrive at random, ``rate`` a second on average."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    started = last = time.time()
    logged = 0
    while not stopping.is_set():
        with path.open("a", encoding="utf-8") as file:
            while file.tell() < rotate_at and not stopping.wait(TICK_SECONDS):
                now = time.time()
                times = np.sort(rng.uniform(last, now, rng.poisson(rate * (now - last))))
                file.writelines(f"{line}\n" for line in log_lines(rng, times, story.at(now - started), logged))
                file.flush()
                logged += len(times)
                last = now
            full = file.tell() >= rotate_at
        if full:
            _rotate(path)
    return logged


def _rotate(path: Path) -> None:
    """Give the log and the rotated files before it the next number; the oldest goes."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT + 1))]
    for newer, older in reversed(list(itertools.pairwise(names))):
        if newer.exists():
            newer.replace(older)
