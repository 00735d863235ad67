"""Files: Parquet to profiles, against polars' plain read of the same columns of the same file, on one core.

Typed columns are read ten times faster than JSON is parsed, so that counting takes longer than reading. A second ratio
therefore is that to both together: to the plain read, and to counting events that are at hand. Aim: at least 0.75 of it with
the row groups that polars writes. A single large row group is read in slices, so that memory stays bounded, and costs more.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from data import features, prepare  # first: it limits polars to one thread

from prediction_exporter.config import Model
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.sources.files.source import FilesSource

ROWS = 1_000_000
ROUNDS = 5


def frame(until: float) -> pl.DataFrame:
    """Return events of the hour before a time."""
    rng = np.random.default_rng(1)
    scores = np.round(rng.random(ROWS), 6)
    times = pl.Series(((until - 3600) * 1e6 + np.arange(ROWS) * (3600e6 / ROWS)).astype(np.int64))
    return pl.DataFrame(
        {
            "ts": times.cast(pl.Datetime("us", "UTC")),
            "request_id": pl.Series([f"{row:010d}" for row in range(ROWS)]),
            "model_version": pl.repeat("1", ROWS, eager=True),
            "latency_ms": np.round(rng.lognormal(2.5, 0.5, ROWS), 2),
            "status": pl.repeat(200, ROWS, dtype=pl.Int64, eager=True),
            "prediction": pl.Series(np.where(scores > 0.5, "yes", "no")),
            "score": scores,
            **features(rng, ROWS),
        }
    )


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work: the machine may be busy with other things."""
    began = time.process_time()
    work()
    return time.process_time() - began


def events_of(model: Model, layout: Layout) -> list[Events]:
    """Read all events of a source that is seen for the first time."""
    source = FilesSource(model.predictions, layout, where="models[0]", clock=time.time)
    source.restore(None)
    events = [part for batch in source.poll() for part in batch.events]
    source.close()
    return events


def count(layout: Layout, events: list[Events]) -> None:
    """Fold events and check that they are all there."""
    profiler, total = Profiler(layout, bucket_seconds=60), Profile.empty(layout)
    for part in events:
        for _, profile in profiler.fold(part):
            total.add(profile)
    assert total.rows == ROWS


def run(model: Model, layout: Layout) -> None:
    """Read and count part by part."""
    source = FilesSource(model.predictions, layout, where="models[0]", clock=time.time)
    source.restore(None)
    profiler, total = Profiler(layout, bucket_seconds=60), Profile.empty(layout)
    for batch in source.poll():
        for part in batch.events:
            for _, profile in profiler.fold(part):
                total.add(profile)
    source.close()
    assert total.rows == ROWS


def main() -> None:
    """Print the ratios."""
    print(f"files: {ROWS:,} rows of Parquet, one core")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = prepare(folder, source=f"{{files: {{path: {folder}/in}}}}").models[0]
        baseline = load_baseline(model, "models[0]")
        assert baseline is not None
        layout = baseline.layout
        rows = frame(time.time())
        path = folder / "in/part-0.parquet"
        path.parent.mkdir()
        for title, size in (("row groups of polars", 1 << 18), ("one row group", ROWS)):
            rows.write_parquet(path, row_group_size=size)
            floors, counting, ours = [], [], []
            for _ in range(ROUNDS):
                floors.append(seconds(lambda: pl.read_parquet(path, glob=False)))
                events = events_of(model, layout)
                counting.append(seconds(lambda events=events: count(layout, events)))  # type: ignore[misc]  # a default binds
                del events
                ours.append(seconds(lambda: run(model, layout)))
            to_floor = statistics.median(floor / own for floor, own in zip(floors, ours, strict=True))
            to_both = statistics.median((a + b) / own for a, b, own in zip(floors, counting, ours, strict=True))
            print(f"  {title}")
            print(f"    polars' plain read    {ROWS / statistics.median(floors):10,.0f} rows/s")
            print(f"    counting alone        {ROWS / statistics.median(counting):10,.0f} rows/s")
            print(f"    files to profiles     {ROWS / statistics.median(ours):10,.0f} rows/s")
            print(f"    ratio to the read     {to_floor:10.2f}")
            print(f"    ratio to both         {to_both:10.2f}            (aim: at least 0.75)")


if __name__ == "__main__":
    main()
