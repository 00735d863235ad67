"""Aggregate mode: ten million rows of DuckDB to profiles, against hand-written queries for the same figures.

The floor is the fastest way found by hand to the same figures: counts by bin and by category, missing values, sums, squares
and extremes, rows outside of the baseline's range, and the buckets of the score, by minute and version. (A statement for each
column, with the bins as nested CASE, takes several times as long.) It may use 2 GB,
and the exporter's engine 256 MB. Time is that of the processor.
Aims: within 1.5 times, less than 1 MB fetched, and memory that does not grow with the rows.
"""

from __future__ import annotations

import math
import multiprocessing
import pickle
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import numpy as np
import polars as pl
from data import features, prepare  # first: it limits polars to one thread
from sqlalchemy import CursorResult

from prediction_exporter.counting.layout import Column, Kind, Role
from prediction_exporter.counting.tally import Tally
from prediction_exporter.counting.traffic import SCORE_BOUNDS, Traffic
from prediction_exporter.monitor.references import load_baseline, spans_of
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.table.counts import CountsReader
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.relation import read_relation

ROWS = 10_000_000
#: More than the engine, which runs in the exporter's process, may keep in memory.
FEWER_ROWS = 4_000_000
PART = 500_000
ROUNDS = 2
END = 1_800_000_000
SETTINGS: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "2GB"}


def frame(rng: np.random.Generator, first: int, rows: int) -> pl.DataFrame:
    """Return a part of the table, whose whole is one hour."""
    scores = np.round(rng.random(PART), 6)
    times = (END - 3600) * 10**6 + ((first + np.arange(PART)) * (3600 * 10**6 / rows)).astype(np.int64)
    return pl.DataFrame(
        {
            "ts": pl.Series(times).cast(pl.Datetime("us")),
            "model_version": pl.repeat("1", PART, eager=True),
            "prediction": pl.Series(np.where(scores > 0.5, "yes", "no")),
            "score": scores,
            **features(rng, PART),
        }
    )


def fill(path: Path, rows: int) -> None:
    """Make the table."""
    rng = np.random.default_rng(1)
    part = path.with_suffix(".parquet")
    with duckdb.connect(str(path)) as connection:
        for first in range(0, rows, PART):
            frame(rng, first, rows).write_parquet(part)
            into = "INSERT INTO predictions" if first else "CREATE TABLE predictions AS"
            connection.execute(f"{into} SELECT * FROM read_parquet('{part}')")


def by_hand(connection: Any, columns: Sequence[Column]) -> None:
    """Ask for the same figures: one statement with aggregates of all numbers, and the groups of each column of categories."""
    keys = "floor(epoch(ts) / 60), model_version"
    numbers = [column for column in columns if column.kind is Kind.NUMERIC]
    outside = " OR ".join(
        f'"{c.name}" < {c.edges[0]!r}::DOUBLE OR "{c.name}" >= {c.edges[-1]!r}::DOUBLE'
        for c in numbers
        if c.role is Role.FEATURE
    )
    wanted = ["count(*)", "min(ts)", "max(ts)", f"count(*) FILTER ({outside})", histogram("score", SCORE_BOUNDS)]
    for column in numbers:
        name = f'"{column.name}"'
        wanted += [histogram(column.name, [math.nextafter(edge, -math.inf) for edge in column.edges]), f"count({name})"]
        wanted += [f"sum({name})", f"sum({name} * {name})", f"min({name})", f"max({name})"]
    connection.execute(f"SELECT {keys}, {', '.join(wanted)} FROM predictions GROUP BY 1, 2").fetchall()
    for column in columns:
        if column.kind is Kind.CATEGORICAL:
            connection.execute(f'SELECT {keys}, "{column.name}", count(*) FROM predictions GROUP BY 1, 2, 3').fetchall()


def histogram(name: str, bounds: Sequence[float]) -> str:
    """Return the counts of the values up to each bound."""
    return f'map_values(histogram("{name}", {list(bounds)}::DOUBLE[]))'


def ours(path: Path, rows: int) -> tuple[float, int]:
    """Read the hour; return the seconds and the bytes that were fetched."""
    with tempfile.TemporaryDirectory() as name:
        config = prepare(Path(name), source=f"{{table: {{url: 'duckdb:///{path}', name: predictions, timeout: 10m}}}}")
        model = config.models[0]
        baseline = load_baseline(model, "models[0]")
    assert baseline is not None
    assert model.predictions.table is not None
    context = SourceContext(
        predictions=model.predictions,
        layout=baseline.layout,
        spans=spans_of(config),
        segments=(),
        traffic=Traffic(baseline.layout),
        labels_of=lambda versions: {version: version or "unknown" for version in versions},
        where="models[0]",
        clock=lambda: END,
    )
    database = Database(model.predictions.table, where="models[0].predictions.table")
    fetched = 0
    usual = CursorResult.fetchmany

    def counted(result: CursorResult[Any], size: int | None = None) -> Sequence[Any]:
        nonlocal fetched
        found = usual(result, size)
        fetched += len(pickle.dumps([tuple(row) for row in found]))
        return found

    with database.connect() as connection:
        relation = read_relation(connection, database.dialect, model.predictions, baseline.layout, where="models[0]")
        assert relation is not None
        reader = CountsReader(context, database.dialect, relation, connection)
        began = time.process_time()
        tally = Tally()
        for batch in reader.read(END - 3600, END, 60):
            assert batch.tally is not None
            tally.add(batch.tally)
        seconds = time.process_time() - began
        assert tally.events == rows
        with mock.patch.object(CursorResult, "fetchmany", counted):
            list(reader.read(END - 3600, END, 60))
    database.close()
    return seconds, fetched


def floor(path: Path) -> float:
    """Return the seconds of the hand-written way."""
    with tempfile.TemporaryDirectory() as name:
        baseline = load_baseline(prepare(Path(name)).models[0], "models[0]")
    assert baseline is not None
    with duckdb.connect(str(path), read_only=True, config=SETTINGS) as connection:
        connection.execute("SET enable_progress_bar = false")
        began = time.process_time()
        by_hand(connection, baseline.layout.columns)
        return time.process_time() - began


def peak(path: Path, rows: int, result: multiprocessing.Queue[float]) -> None:
    """Report the peak of a process that reads."""
    ours(path, rows)
    result.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Print the seconds of processor time, the bytes and the peaks."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small.duckdb", Path(name) / "large.duckdb"
        for path, rows in ((small, FEWER_ROWS), (large, ROWS)):
            making = context.Process(target=fill, args=(path, rows))
            making.start()
            making.join()
        peaks = []
        for path, rows in ((small, FEWER_ROWS), (large, ROWS)):
            result: multiprocessing.Queue[float] = context.Queue()
            reading = context.Process(target=peak, args=(path, rows, result))
            reading.start()
            peaks.append(result.get())
            reading.join()
        floors, own = [], []
        for _ in range(ROUNDS):
            floors.append(floor(large))
            seconds, fetched = ours(large, ROWS)
            own.append(seconds)
    print(f"counts: {ROWS:,} rows of DuckDB, 42 columns, an hour by minutes, one thread")
    print(f"  by hand                {statistics.median(floors):6.1f} s")
    print(f"  to profiles            {statistics.median(own):6.1f} s")
    ratio = statistics.median(mine / floor for mine, floor in zip(own, floors, strict=True))
    print(f"  ratio                  {ratio:6.2f}     (aim: at most 1.5)")
    print(f"  fetched                {fetched / 1e6:6.2f} MB  (aim: under 1 MB)")
    print(f"  peak of the process    {peaks[0]:6.0f} MiB for {FEWER_ROWS:,} rows, {peaks[1]:.0f} MiB for all (aim: the same)")


if __name__ == "__main__":
    main()
