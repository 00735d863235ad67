"""The demo's model service: answers loan applications at a chosen rate and logs each prediction as a JSON line."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from prediction_exporter.demo.credit_risk import Drift, applications, decisions, probability_of_default

#: Share of requests that fail, and seconds between two writes.
FAILURE_RATIO = 0.0005
TICK_SECONDS = 0.1

#: The break: so large a share of the applications comes without income, as when one of the producers fails.
MISSING_RATIO = 0.8

#: The drift: applicants ask for so many times the former amount.
LOAN_FACTOR = 1.6


@dataclass(frozen=True, slots=True)
class Story:
    """What happens when, in seconds after the start; None for never.

    Attributes:
        breaks: income begins to be missing from most applications.
        drifts: the amounts asked for begin to be larger.
    """

    breaks: float | None
    drifts: float | None

    def at(self, seconds: float) -> Drift:
        """Return what differs at a time."""
        return Drift(
            income_missing=MISSING_RATIO if self.breaks is not None and seconds >= self.breaks else 0.0,
            loan_factor=LOAN_FACTOR if self.drifts is not None and seconds >= self.drifts else 1.0,
        )


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


def serve(path: Path, *, rate: float, story: Story, stopping: threading.Event, seed: int = 1) -> None:
    """Log predictions until told to stop; requests arrive at random, ``rate`` a second on average."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    started = last = time.time()
    logged = 0
    with path.open("a", encoding="utf-8") as file:
        while not stopping.wait(TICK_SECONDS):
            now = time.time()
            times = np.sort(rng.uniform(last, now, rng.poisson(rate * (now - last))))
            _write(file, log_lines(rng, times, story.at(now - started), logged))
            logged += len(times)
            last = now


def _write(file: IO[str], lines: Iterator[str]) -> None:
    file.writelines(f"{line}\n" for line in lines)
    file.flush()
