"""Rows mode: a million rows of PostgreSQL to profiles, against the plain fetch of the same rows through ADBC.

A private server on loopback; time on the clock, for the server works too. Aim: at least half the speed of the fetch.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nanoarrow
import numpy as np
import polars as pl
from data import features, prepare  # first: it limits polars to one thread

from databases import Database, Server
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.sources.table import adbc
from prediction_exporter.sources.table.engine import Database as Reached
from prediction_exporter.sources.table.relation import read_relation
from prediction_exporter.sources.table.rows import RowsReader

ROWS = 1_000_000
PART = 50_000
ROUNDS = 3
END = 1_800_000_000

TYPES = {pl.Float64: "double precision", pl.String: "text", pl.Int64: "bigint", pl.Datetime: "timestamptz"}


def frame(rng: np.random.Generator, first: int) -> pl.DataFrame:
    """Return a part of the table."""
    scores = np.round(rng.random(PART), 6)
    times = (END - 3600) * 10**6 + (first + np.arange(PART)) * (3600 * 10**6 // ROWS)
    return pl.DataFrame(
        {
            "ts": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "request_id": pl.Series([f"{first + row:010d}" for row in range(PART)]),
            "model_version": pl.repeat("1", PART, eager=True),
            "latency_ms": np.round(rng.lognormal(2.5, 0.5, PART), 2),
            "status": pl.repeat(200, PART, dtype=pl.Int64, eager=True),
            "prediction": pl.Series(np.where(scores > 0.5, "yes", "no")),
            "score": scores,
            **features(rng, PART),
        }
    )


def fill(database: Database) -> None:
    """Make the table."""
    rng = np.random.default_rng(1)
    with database.connect() as connection:
        for first in range(0, ROWS, PART):
            part = frame(rng, first)
            if not first:
                columns = ", ".join(f"{name} {TYPES[dtype.base_type()]}" for name, dtype in part.schema.items())
                connection.execute(f"CREATE TABLE predictions ({columns})")
            with connection.cursor().copy("COPY predictions FROM STDIN (FORMAT csv)") as copy:
                copy.write(part.write_csv(include_header=False))
        connection.execute("CREATE INDEX ON predictions (ts)")
        connection.commit()
    database.execute("ANALYZE predictions")


def plain(reached: Reached, query: Any) -> int:
    """Fetch the rows and do nothing with them."""
    rows = 0
    for part in adbc.frames(reached, query):
        rows += len(part)
    return rows


def main() -> None:
    """Print both speeds and their ratio."""
    server = Server("postgresql")
    with contextlib.ExitStack() as stack:
        stack.callback(server.remove)
        database = server.new_database()
        fill(database)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = prepare(folder, source=f"{{table: {{url: '{database.url()}', name: predictions, timeout: 10m}}}}").models[0]
        baseline = load_baseline(model, "models[0]")
        table = model.predictions.table
        assert baseline is not None
        assert table is not None
        reached = Reached(table, where="models[0].predictions.table")
        stack.callback(reached.close)
        connection = stack.enter_context(reached.connect())
        relation = read_relation(connection, reached.dialect, model.predictions, baseline.layout, where="models[0]")
        assert relation is not None
        reader = RowsReader(reached, relation, connection)
        query = reader.query(END - 3600, END)
        profiler = Profiler(baseline.layout, bucket_seconds=60)
        floors, ours = [], []
        total = Profile.empty(baseline.layout)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert plain(reached, query) == ROWS
            floors.append(time.perf_counter() - began)
            began = time.perf_counter()
            for batch in reader.read(END - 3600, END, 60):
                for events in batch.events:
                    for _, profile in profiler.fold(events):
                        total.add(profile)
            ours.append(time.perf_counter() - began)
    assert total.rows == ROUNDS * ROWS
    ratio = statistics.median(floor / own for floor, own in zip(floors, ours, strict=True))
    print(f"rows: {ROWS:,} rows of PostgreSQL, {len(baseline.layout.columns)} columns, nanoarrow {nanoarrow.__version__}")
    print(f"  plain fetch by ADBC   {ROWS / statistics.median(floors):10,.0f} rows/s")
    print(f"  to profiles           {ROWS / statistics.median(ours):10,.0f} rows/s")
    print(f"  ratio                 {ratio:10.2f}          (aim: at least 0.5)")


if __name__ == "__main__":
    main()
