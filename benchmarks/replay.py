"""Replay: what it costs to build a baseline of 50 columns and 12 weeks whose hours are played again.

The floor is the build of the same data without its times. Aim: no more than that again, or 3 seconds where there are few rows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from data import features

from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.config import Fields

COLUMNS = (38, 12)
HOURS = 12 * 7 * 24
RATES = tuple(map(int, sys.argv[1:])) or (20, 200)
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()


def seconds(path: Path) -> float:
    """Return the processor time that the build of a baseline takes."""
    began = time.process_time()
    build(read_table(path), Fields(), kinds={}, task=None, where="models[0].predictions.fields")
    return time.process_time() - began


def main() -> None:
    """Print the times and their ratio."""
    print(f"replay: {sum(COLUMNS)} columns, 12 weeks")
    with tempfile.TemporaryDirectory() as name:
        for rate in RATES:
            rng = np.random.default_rng(0)
            rows = rate * HOURS
            table = pl.DataFrame(features(rng, rows, COLUMNS))
            times = pl.Series("ts", ((START + np.sort(rng.random(rows)) * HOURS * 3600) * 1e6).astype(np.int64))
            plain, timed = Path(name) / "plain.parquet", Path(name) / "timed.parquet"
            table.write_parquet(plain)
            table.with_columns(times.cast(pl.Datetime("us", "UTC"))).write_parquet(timed)
            without = seconds(plain)
            replayed = seconds(timed) - without
            ratio = replayed / without
            print(f"  {rows:12,} rows    build {without:6.1f} s, replay {replayed:6.1f} s   ratio {ratio:.2f} (aim: 1)")


if __name__ == "__main__":
    main()
