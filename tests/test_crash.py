"""Every event is counted once, however often and whenever the exporter is killed."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from processes import Exporter

KILLS = 55
SEED = 20_261_124

CONFIG = """
state_dir: state
interval: 1s
owners: {{me: {{slack: "#me"}}}}
models:
  - name: m
    owner: me
    baseline: baseline.json
    predictions: {{log: {{path: {folder}/app.log, start: beginning}}}}
    segments: [color]
"""


class Writer(threading.Thread):
    """Appends lines, some of them bad, in pieces, and rotates the file in every way; counts what it wrote."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.stopping = threading.Event()
        self.random = random.Random(SEED)
        self.good = self.bad = self.failed = 0
        self.colors = {"red": 0, "blue": 0, "other": 0}
        self.rotations = 0

    def run(self) -> None:
        """Write and rotate until told to stop."""
        while not self.stopping.is_set():
            self.append(self.random.randint(1, 400))
            if self.random.random() < 0.05:
                self.rotate()
            time.sleep(self.random.uniform(0.0, 0.05))

    def append(self, lines: int) -> None:
        """Append lines in two writes, so that a reader may see the first alone."""
        data = "".join(self.line() for _ in range(lines)).encode()
        cut = self.random.randint(0, len(data))
        with self.path.open("ab", buffering=0) as file:
            file.write(data[:cut])
            file.write(data[cut:])

    def line(self) -> str:
        """Return the next line, and count it."""
        if self.random.random() < 0.02:
            self.bad += 1
            return '{"ts": broken\n'
        self.good += 1
        event = {"ts": datetime.now(UTC).isoformat(), "id": str(self.good), "value": self.random.gauss(10, 2)}
        if self.random.random() < 0.01:
            self.failed += 1
            return json.dumps(event | {"status": 500}) + "\n"
        color = self.random.choice(["red", "blue", "green"])
        self.colors[color if color in self.colors else "other"] += 1
        return json.dumps(event | {"status": 200, "color": color}) + "\n"

    def rotate(self) -> None:
        """Rotate the file: by renaming, by copying and truncating, or by renaming and compressing."""
        self.rotations += 1
        old = self.path.with_name(f"app.log.{self.rotations}")
        if self.rotations % 3 == 0:
            shutil.copyfile(self.path, old)
            with self.path.open("r+b") as file:
                file.truncate(0)
            return
        self.path.rename(old)
        self.path.touch()
        if self.rotations % 3 == 1:
            return
        packed = old.with_name(f"{old.name}.gz")
        with old.open("rb") as source, gzip.open(packed, "wb") as target:
            shutil.copyfileobj(source, target)
        shutil.copystat(old, packed)
        old.unlink()


@pytest.mark.e2e
def test_counts_equal_the_log_after_kills_at_random_moments(tmp_path: Path) -> None:
    """Requests, refusals, bins and segments equal what was written, over kill -9 and every kind of rotation."""
    chance = random.Random(SEED)
    training = pl.DataFrame(
        {"value": [chance.gauss(10, 2) for _ in range(2000)], "color": [chance.choice(["red", "blue"]) for _ in range(2000)]}
    )
    training.write_parquet(tmp_path / "training.parquet")
    file = tmp_path / "exporter.yml"
    file.write_text(CONFIG.format(folder=tmp_path))
    loaded = config.load(file)
    fields = loaded.models[0].predictions.fields
    result = build(read_table(tmp_path / "training.parquet"), fields, kinds={}, task=None, where="models[0]")
    baseline.save(result.record, tmp_path / "baseline.json")
    writer = Writer(tmp_path / "app.log")
    writer.append(50)
    exporter = Exporter(file)
    try:
        # What was rotated away before the log was first seen is no part of it, so it is seen before the first rotation.
        exporter.start()
        writer.start()
        exporter.kill()
        for _ in range(KILLS - 1):
            exporter.start(ready=False)
            time.sleep(chance.uniform(0.4, 1.8))
            exporter.kill()
        writer.stopping.set()
        writer.join()
        exporter.start()
        counted = writer.good
        exporter.wait_for(lambda: exporter.total("model_requests_total") >= counted, "all counted", seconds=180)
        time.sleep(2.5)  # two more evaluations: a line that is counted twice would show
        found = exporter.metrics()
    finally:
        exporter.stop()

    def total(name: str, **labels: str) -> float:
        return sum(v for (n, of), v in found.items() if n == name and labels.items() <= dict(of).items())

    assert writer.rotations > 10
    assert total("model_requests_total") == writer.good
    assert total("model_requests_failed_total") == writer.failed
    assert total("prediction_exporter_events_rejected_total") == writer.bad
    for window in ("1h", "24h"):
        at = {"window": window, "segment": "all"}
        assert total("model_window_predictions", **at) == writer.good - writer.failed
        assert total("model_window_bin_predictions", **at, column="value") == writer.good - writer.failed
        for color, count in writer.colors.items():
            assert total("model_window_bin_predictions", **at, column="color", bin=color) == count
            assert total("model_window_predictions", window=window, segment=f"color={color}") == count
