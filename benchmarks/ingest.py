"""Ingest: parse and summarise against polars' parse alone, on the same chunks, on one core.

The floor is what any exporter on polars must spend. Aim: at least 0.75 of its speed.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from pathlib import Path

import polars as pl
from data import lines, prepare  # first: it limits polars to one thread

from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log import CHUNK_BYTES
from prediction_exporter.sources.log_fields import recognise_log

EVENTS = 1_000_000
PART = 100_000
ROUNDS = 3


def main() -> None:
    """Print the ratio, of processor time: the machine may be busy with other things."""
    now = time.time()
    with tempfile.TemporaryDirectory() as folder:
        model = prepare(Path(folder)).models[0]
        baseline = load_baseline(model, "models[0]")
    assert baseline is not None
    data = b"".join(lines(PART, seed=seed, until=now, seconds=3600) for seed in range(EVENTS // PART))
    chunks = []
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + CHUNK_BYTES) + 1
        chunks.append(data[start:end])
        start = end
    sample = list(parse_lines(data[:200_000].split(b"\n")[:100], Rejected()))
    parser = JsonLinesParser(recognise_log(sample, model.predictions, baseline.layout, where="models[0]"))
    profiler = Profiler(baseline.layout, bucket_seconds=60)
    dtypes = parser.dtypes
    floors, ours = [], []
    total = Profile.empty(baseline.layout)
    for _ in range(ROUNDS):
        began = time.process_time()
        for chunk in chunks:
            pl.read_ndjson(io.BytesIO(chunk), schema=dtypes)
        floors.append(time.process_time() - began)
        began = time.process_time()
        for chunk in chunks:
            for events in parser.parse(chunk).events:
                for _, profile in profiler.fold(events):
                    total.add(profile)
        ours.append(time.process_time() - began)
    assert total.rows == ROUNDS * EVENTS
    ratio = statistics.median(floor / own for floor, own in zip(floors, ours, strict=True))
    print(f"ingest: {EVENTS:,} events, {len(data) / EVENTS:.0f} bytes a line, chunks of {CHUNK_BYTES >> 20} MiB, one core")
    print(f"  polars' parse alone   {EVENTS / statistics.median(floors):10,.0f} events/s")
    print(f"  parse and summarise   {EVENTS / statistics.median(ours):10,.0f} events/s")
    print(f"  ratio                 {ratio:10.2f}            (aim: at least 0.75)")


if __name__ == "__main__":
    main()
