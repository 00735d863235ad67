"""The demo's model service: answers loan applications at a chosen rate and logs each prediction as a JSON line.

What became of the applicants is logged later, to a file of its own.
"""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from prediction_exporter.demo.credit_risk import (
    Drift,
    applications,
    as_sent,
    decisions,
    outcomes,
    probability_of_default,
)
from prediction_exporter.demo.story import Story

#: Share of requests that fail, and seconds between two writes.
FAILURE_RATIO = 0.0005
TICK_SECONDS = 0.1

#: Size in bytes at which the log is rotated, and how many rotated files are kept.
ROTATE_AT = 64 << 20
KEPT = 2


#: Seconds after which the outcome of an application is known, between the two; a default shows sooner than a loan repaid.
OUTCOME_SECONDS = {"defaulted": (4.0, 8.0), "repaid": (8.0, 14.0)}


@dataclass(frozen=True, slots=True)
class Answered:
    """Requests that were answered: the lines of the prediction log, and those of the outcomes with when each is known."""

    lines: list[str]
    outcomes: list[tuple[float, str]]


def answer(
    rng: np.random.Generator, times: np.ndarray[Any, np.dtype[np.float64]], drift: Drift, first_id: int, *, soon: float = 1.0
) -> Answered:
    """Return the log lines of requests that were answered at these Unix times, and what becomes of the applicants.

    Args:
        rng: what draws the applications.
        times: the times.
        drift: what differs from training.
        first_id: number of the first request.
        soon: what the delay of an outcome is multiplied with.
    """
    applied = applications(rng, len(times), drift)
    features = as_sent(rng, applied, drift)
    scores = probability_of_default(features)
    answers = decisions(scores)
    latencies = rng.lognormal(2.5, 0.5, len(times))
    failures = rng.random(len(times)) < FAILURE_RATIO
    known = outcomes(rng, applied, drift)
    delays = rng.random(len(times))
    lines, told = [], []
    for row, at in enumerate(times.tolist()):
        name = f"loan-{first_id + row:09d}"
        inputs = {column: _json_value(values[row]) for column, values in features.items()}
        event = {
            "ts": _timestamp(at),
            "request_id": name,
            "model_version": "1",
            "latency_ms": round(float(latencies[row]), 2),
            "status": 500 if failures[row] else 200,
            "features": inputs,
        }
        if not failures[row]:
            event |= {"decision": str(answers[row]), "probability": round(float(scores[row]), 6)}
            low, high = OUTCOME_SECONDS[str(known[row])]
            later = at + soon * (low + (high - low) * float(delays[row]))
            told.append((later, json.dumps({"ts": _timestamp(later), "request_id": name, "outcome": str(known[row])})))
        lines.append(json.dumps(event))
    return Answered(lines, told)


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_value(value: Any) -> float | str | None:
    if isinstance(value, str):
        return str(value)
    return None if np.isnan(value) else float(value)


class Journal:
    """A file of lines that is rotated when it is full, as a service's log is."""

    def __init__(self, path: Path, rotate_at: int) -> None:
        self._path = path
        self._rotate_at = rotate_at
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def write(self, lines: Iterable[str]) -> None:
        """Append lines."""
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            is_full = file.tell() >= self._rotate_at
        if is_full:
            self._rotate()

    def _rotate(self) -> None:
        """Give the file and those that were rotated before it the next number; the oldest goes."""
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, KEPT + 1))]
        for newer, older in reversed(list(itertools.pairwise(names))):
            if newer.exists():
                newer.replace(older)


def serve(
    path: Path,
    *,
    rate: float,
    story: Story,
    stopping: threading.Event,
    seed: int = 1,
    rotate_at: int = ROTATE_AT,
    outcomes: Path | None = None,
    soon: float = 1.0,
) -> int:
    """Log predictions until told to stop, and return how many; requests arrive at random, ``rate`` a second on average.

    Args:
        path: the prediction log.
        rate: requests a second.
        story: what happens when.
        stopping: ends it.
        seed: of all that is drawn.
        rotate_at: size in bytes at which a log is rotated.
        outcomes: the log of what became of the applicants, if it is wanted.
        soon: what the delays of outcomes are multiplied with.
    """
    rng = np.random.default_rng(seed)
    log = Journal(path, rotate_at)
    of_outcomes = Journal(outcomes, rotate_at) if outcomes is not None else None
    coming: list[tuple[float, str]] = []
    started = last = time.time()
    logged = 0
    while not stopping.wait(TICK_SECONDS):
        now = time.time()
        times = np.sort(rng.uniform(last, now, rng.poisson(rate * (now - last))))
        answered = answer(rng, times, story.at(now - started), logged, soon=soon)
        log.write(answered.lines)
        logged += len(times)
        last = now
        if of_outcomes is not None:
            for outcome in answered.outcomes:
                heapq.heappush(coming, outcome)
            of_outcomes.write(_known(coming, now))
    return logged


def _known(coming: list[tuple[float, str]], now: float) -> list[str]:
    """Take what is known by now off a heap of outcomes."""
    lines = []
    while coming and coming[0][0] <= now:
        lines.append(heapq.heappop(coming)[1])
    return lines
