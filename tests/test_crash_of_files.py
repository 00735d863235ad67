"""Every row of every file is counted once, however often and whenever the exporter is killed."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import requests
from prometheus_client.parser import text_string_to_metric_families

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from processes import Exporter

KILLS = 12
SEED = 20_261_124

CONFIG = """
state_dir: state
interval: 1s
owners: {{me: {{slack: "#me"}}}}
models:
  - name: m
    owner: me
    baseline: baseline.json
    predictions: {{files: {{path: {folder}/in, settle: 1s}}}}
    segments: [color]
"""


class Writer(threading.Thread):
    """Writes files of every form into partitions, Parquet in place and slowly; counts what they hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.stopping = threading.Event()
        self.random = random.Random(SEED)
        self.files = 0
        self.colors = {"red": 0, "blue": 0, "other": 0}

    def run(self) -> None:
        """Write until told to stop."""
        while not self.stopping.is_set():
            self.write()
            time.sleep(self.random.uniform(0.0, 0.1))

    def write(self) -> None:
        """Write a file, in two pieces where its form tells when it is whole."""
        color, rows = self.random.choice(["red", "blue", "green"]), self.random.randint(1, 3000)
        now = datetime.now(UTC)
        frame = pl.DataFrame(
            {
                "ts": [now - timedelta(microseconds=n) for n in range(rows)],
                "id": [f"{self.files}-{n}" for n in range(rows)],
                "value": [self.random.gauss(10, 2) for _ in range(rows)],
            }
        )
        path = self.folder / f"in/color={color}/part-{self.files}"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files += 1
        self.colors[color if color in self.colors else "other"] += rows
        kind = self.files % 3
        if kind == 0:
            whole = path.with_suffix(".tmp")
            frame.write_parquet(whole, row_group_size=500)
            data = whole.read_bytes()
            whole.unlink()
            with path.with_suffix(".parquet").open("wb", buffering=0) as file:
                file.write(data[: len(data) // 2])
                time.sleep(0.05)
                file.write(data[len(data) // 2 :])
        else:
            text = frame.with_columns(pl.col("ts").dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z"))
            if kind == 1:
                text.write_csv(path.with_suffix(".csv"))
            else:
                text.write_ndjson(path.with_suffix(".jsonl"))


def test_counts_equal_the_files_after_kills_at_random_moments(tmp_path: Path) -> None:
    """Requests, rows and segments equal what was written, over kill -9."""
    chance = random.Random(SEED)
    training = pl.DataFrame(
        {"value": [chance.gauss(10, 2) for _ in range(2000)], "color": [chance.choice(["red", "blue"]) for _ in range(2000)]}
    )
    training.write_parquet(tmp_path / "training.parquet")
    file = tmp_path / "exporter.yml"
    file.write_text(CONFIG.format(folder=tmp_path))
    fields = config.load(file).models[0].predictions.fields
    result = build(read_table(tmp_path / "training.parquet"), fields, kinds={}, task=None, where="models[0]")
    baseline.save(result.record, tmp_path / "baseline.json")
    writer = Writer(tmp_path)
    writer.write()
    exporter = Exporter(file)
    try:
        writer.start()
        for _ in range(KILLS):
            exporter.start(ready=chance.random() < 0.3)
            time.sleep(chance.uniform(0.3, 1.2))
            exporter.kill()
        writer.stopping.set()
        writer.join()
        exporter.start()
        total = sum(writer.colors.values())
        exporter.wait_for(lambda: samples(exporter).get(("prediction_exporter_events_total", "")) == total, "all read")
        time.sleep(2.5)  # two more looks, which must find nothing
        found = samples(exporter)
    finally:
        exporter.kill()
    assert found["prediction_exporter_events_total", ""] == total
    for color, rows in writer.colors.items():
        assert found["model_window_predictions", f"color={color}"] == rows
    assert found["model_window_predictions", "all"] == total
    assert {value for (name, _), value in found.items() if name == "prediction_exporter_events_rejected_total"} == {0}


def samples(exporter: Exporter) -> dict[tuple[str, str], float]:
    """Return what an exporter exposes, by name and segment."""
    text = requests.get(f"{exporter.url}/metrics", timeout=5).text
    return {
        (sample.name, sample.labels.get("segment", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("window", "1h") == "1h"
    }
