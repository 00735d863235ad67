"""Start from saved state: a monitor with full windows, against reading the same bytes from SQLite alone."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
import zlib
from pathlib import Path

from data import lines, prepare

from prediction_exporter.counting.state import FILE_NAME, State
from prediction_exporter.monitor.model_monitor import ModelMonitor

EVENTS = 100_000
ROUNDS = 5


def main() -> None:
    """Print both times and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = prepare(folder)
        (folder / "app.log").write_bytes(lines(EVENTS, seed=1, until=time.time(), seconds=86_000))
        state = State(config.state_dir)
        monitor = ModelMonitor(config, config.models[0], place="models[0]", state=state, max_versions=8)
        monitor.read(until=lambda: False)
        monitor.close()
        state.close()
        floors, ours = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            connection = sqlite3.connect(config.state_dir / FILE_NAME)
            blobs = [zlib.decompress(row[0]) for row in connection.execute("SELECT profile FROM bucket")]
            connection.close()
            floors.append(time.perf_counter() - began)
            began = time.perf_counter()
            state = State(config.state_dir)
            monitor = ModelMonitor(config, config.models[0], place="models[0]", state=state, max_versions=8)
            ours.append(time.perf_counter() - began)
            monitor.close()
            state.close()
        size = (config.state_dir / FILE_NAME).stat().st_size
    floor, own = statistics.median(floors), statistics.median(ours)
    print(f"start: {len(blobs)} stored buckets, {size / 1e6:.1f} MB on disk")
    print(f"  reading and inflating   {floor * 1e3:8.1f} ms")
    print(f"  a monitor from it       {own * 1e3:8.1f} ms")
    print(f"  ratio                   {own / floor:8.1f}")


if __name__ == "__main__":
    main()
