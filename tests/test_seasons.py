"""What the windows of a column with a season are compared with: what its baseline shows in the window's hours."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from prediction_exporter import baseline
from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.config import Fields
from watched import Series, Watched, config_text, model_text, read

#: A Monday.
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
PER_HOUR = 150

EXPECTED, FOUND = "model_window_expected_bin_predictions", "model_window_bin_predictions"
CYCLIC = ("amount", "channel")


def rows(start: datetime, hours: int, *, per_hour: int = PER_HOUR, seed: int = 1, moved: float = 0.0) -> pl.DataFrame:
    """Return rows of some hours: a number and a category that follow the hour of the day, and two that do not."""
    chance = np.random.default_rng(seed)
    hour = np.repeat(np.arange(hours), per_hour)
    seconds = hour * 3600 + chance.integers(0, 3600, len(hour))
    of_day = (start.hour + hour) % 24
    cycle = np.sin(2 * np.pi * of_day / 24)
    return pl.DataFrame(
        {
            "ts": [start + timedelta(seconds=int(second)) for second in seconds],
            "amount": chance.normal(size=len(hour)) + 1.5 * cycle + moved,
            "channel": np.where(chance.random(len(hour)) < 0.5 + 0.35 * cycle, "app", "shop"),
            "plain": chance.normal(size=len(hour)),
            "region": chance.choice(["north", "south"], len(hour)),
        }
    )


def save(data: pl.DataFrame, folder: Path, timezone: str = "UTC") -> Baseline:
    """Build a baseline of rows."""
    data.write_parquet(folder / "train.parquet")
    fields = Fields.model_validate({"time": "ts"})
    built = build(read_table(folder / "train.parquet"), fields, kinds={}, task=None, where="models[0]", timezone=timezone)
    baseline.save(built.record, folder / "baseline.json")
    return baseline.load(folder / "baseline.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a baseline of two weeks, which knows the daily cycle."""
    folder = tmp_path_factory.mktemp("season")
    save(rows(START, 24 * DAYS), folder)
    return folder


def watched(tmp_path: Path, folder: Path, windows: str = "[1h, 24h]") -> Watched:
    """Return a model with that baseline; learning is over at once."""
    (tmp_path / "baseline.json").write_bytes((folder / "baseline.json").read_bytes())
    found = Watched(tmp_path)
    found.configure(
        config_text(model_text(fields="{time: ts}", more="baseline: baseline.json\nlearning: 0s"), more=f"windows: {windows}")
    )
    return found


def log(to: Watched, data: pl.DataFrame) -> None:
    """Append rows to the log, in the order of time."""
    for line in data.sort("ts").iter_rows(named=True):
        to.write(json.dumps(line | {"ts": line["ts"].timestamp()}) + "\n")
