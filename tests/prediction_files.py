"""Predictions in files of every form, and sources that read them."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import zstandard

from prediction_exporter.config import Predictions, parse
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.sources.files.source import FilesSource
from prediction_exporter.sources.log import LogSource
from source_law import Outcome, outcome_of

NOW = 1_772_964_000.0
DAY = 86_400.0

LAYOUT = Layout(
    [
        Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 10.0, 50.0, 100.0)),
        Column(name="*", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0)),
        Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("north", "süd", "1", "")),
        Column(name="flag", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("true", "false")),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no")),
        Column(name="score", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.0, 0.5, 1.0)),
    ]
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def predictions_of(place: dict[str, Any], base: Path, **more: Any) -> Predictions:
    """Return a configuration of predictions."""
    model = {"name": "m", "owner": "o", "maturity": 0, "predictions": place | more}
    text = json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]})
    return parse(text, name="exporter.yml", base=base, environ={}).models[0].predictions


def source(
    path: Path | str, clock: Callable[[], float], *, position: str | None = None, layout: Layout | None = LAYOUT, **files: Any
) -> FilesSource:
    """Return a source of files."""
    more = {"fields": files.pop("fields")} if "fields" in files else {}
    configured = predictions_of({"files": {"path": str(path), **files}}, Path("/"), **more)
    reader = FilesSource(configured, layout, where="models[0]", clock=clock, horizon_seconds=DAY)
    reader.restore(position)
    return reader


def drain(reader: FilesSource | LogSource) -> Outcome:
    """Return what a source has now; nothing stays open."""
    with closing(reader):
        return outcome_of(LAYOUT, reader.poll())


def rows_of(outcome: Outcome) -> int:
    """Return how many events there were."""
    return outcome.traffic.total()


def events(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return events with every kind of value that all forms can hold."""
    rng = np.random.default_rng(seed)
    return [
        {
            "ts": (datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=int(rng.integers(1, 3600)))).isoformat(),
            "request_id": f"r{seed}-{n}" if rng.random() > 0.02 else None,
            "model_version": ["1.0", "2", None][rng.integers(3)],
            "latency_ms": [float(rng.integers(1, 900)), None, -1.0][rng.integers(3)],
            "status": [200, 500, 404, None][rng.integers(4)],
            "amount": [round(float(rng.normal(50, 40)), 3), None, math.nan, math.inf][
                rng.choice(4, p=[0.85, 0.05, 0.05, 0.05])
            ],
            "*": [float(rng.random()), None][rng.integers(2)],
            "region": ["north", "süd", "1", 'we"st', "a,b", None, "line\nbreak"][rng.integers(7)],
            "flag": [True, False, None][rng.integers(3)],
            "decision": ["yes", "no"][rng.integers(2)],
            "score": round(float(rng.random()), 4),
        }
        for n in range(rows)
    ]


SCHEMA = {
    "ts": pl.String(),
    "request_id": pl.String(),
    "model_version": pl.String(),
    "latency_ms": pl.Float64(),
    "status": pl.Int16(),
    "amount": pl.Float64(),
    "*": pl.Float32(),
    "region": pl.Categorical(),
    "flag": pl.Boolean(),
    "decision": pl.String(),
    "score": pl.Float64(),
}


def write(path: Path, rows: list[dict[str, Any]], *, at: float = NOW - 60) -> Path:
    """Write events in the form that the file's ending tells, and set its time of modification."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(rows, schema=SCHEMA)
    name = path.name
    if name.endswith(".parquet"):
        frame = frame.with_columns(pl.col("ts").str.to_datetime(time_unit="ns", time_zone="UTC"))
        frame.write_parquet(path, row_group_size=37)
    else:
        # A CSV file holds what its writer shows of 32 bits, which is another number.
        wide = pl.DataFrame(rows, schema=SCHEMA | {"*": pl.Float64(), "region": pl.String()})
        as_csv = wide.write_csv(quote_style="necessary")
        data = as_csv if ".csv" in name else "".join(json.dumps(row) + "\n" for row in rows)
        raw = data.encode()
        raw = gzip.compress(raw) if name.endswith(".gz") else raw
        path.write_bytes(zstandard.compress(raw) if name.endswith(".zst") else raw)
    os.utime(path, (at, at))
    return path


def log_outcome(rows: list[dict[str, Any]], folder: Path, **predictions: Any) -> Outcome:
    """Return what the log gives of events."""
    path = folder / "reference.log"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    configured = predictions_of({"log": {"path": str(path), "start": "beginning"}}, folder, **predictions)
    return drain(LogSource(configured, LAYOUT, where="models[0]", clock=lambda: NOW))


def rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events with the column of 32 bits at its exact values."""
    return [row | {"*": None if row["*"] is None else float(np.float32(row["*"]))} for row in rows]


ENDINGS = ["parquet", "csv", "csv.gz", "csv.zst", "jsonl", "ndjson.gz", "jsonl.zst"]
