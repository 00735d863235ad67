"""A real exporter process that reads a real server: it outlives both kinds of death."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import requests

from databases import PASSWORDS, Database, insert
from processes import Exporter
from watched import event, save_baseline
from watched_table import COLUMNS, Table

KILLS = 5
SEED = 20_261_124


def configure(table: Table) -> Path:
    """Write the configuration of a process."""
    table.configure()
    return table.model.file


def test_a_database_that_is_away_when_the_process_starts(
    postgresql: Database, tmp_path: Path, start_exporter: Callable[..., Exporter]
) -> None:
    """The exporter serves, says why the source is down, and reads it when it is back."""
    table = Table(postgresql, tmp_path)
    table.clock.now = time.time()
    table.insert(5, time.time() - 60)
    server = postgresql.server
    assert server is not None
    server.kill()
    exporter = start_exporter(configure(table))
    assert exporter.total("prediction_exporter_source_up", model="m") == 0
    page = requests.get(exporter.url, timeout=10).text
    assert "Connection refused" in page, re.findall("Source down.{400}", page)
    assert PASSWORDS["reader"] not in page
    server.start()
    exporter.wait_for(lambda: exporter.total("prediction_exporter_source_up", model="m") == 1, "up again")
    exporter.wait_for(lambda: exporter.total("model_window_predictions", window="1h") == 5, "all counted")


class Writer(threading.Thread):
    """Inserts rows in transactions of its own, some of them committed late; counts what it committed."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        assert database.server is not None
        self.database = database
        self.random = random.Random(SEED)
        self.stopping = threading.Event()
        self.good = self.failed = 0
        self.colors = {"red": 0, "blue": 0, "other": 0}

    def run(self) -> None:
        """Write until told to stop."""
        assert self.database.server is not None
        conninfo = f"host=127.0.0.1 port={self.database.server.port} user=owner password=owner dbname={self.database.name}"
        with closing(psycopg.connect(conninfo)) as one, closing(psycopg.connect(conninfo)) as other:
            while not self.stopping.is_set():
                connection = self.random.choice([one, other])
                rows = [self.row() for _ in range(self.random.randint(1, 60))]
                insert(self.database, connection, "p", rows)
                if self.random.random() < 0.7:
                    connection.commit()
                time.sleep(self.random.uniform(0.0, 0.05))
            one.commit()
            other.commit()

    def row(self) -> dict[str, object]:
        """Return the next row, and count it."""
        color = self.random.choice(["red", "blue", "green"])
        status = 500 if self.random.random() < 0.02 else 200
        at = time.time() - self.random.uniform(0, 20)
        self.good += 1
        if status == 500:
            self.failed += 1
        else:
            self.colors[color if color in self.colors else "other"] += 1
        row = event(at, self.random, color=color, status=status)
        return {name: row.get(name) for name in COLUMNS} | {"ts": psycopg.TimestampFromTicks(at)}


def test_counts_equal_the_table_after_kills_at_random_moments(postgresql: Database, tmp_path: Path) -> None:
    """Requests, bins and segments equal what was written, over kill -9."""
    chance = random.Random(SEED)
    table = Table(postgresql, tmp_path)
    save_baseline(tmp_path / "baseline.json")
    file = configure(table)
    file.write_text(
        file.read_text().replace("    baseline: baseline.json\n", "    baseline: baseline.json\n    segments: [color]\n")
    )
    writer = Writer(postgresql)
    exporter = Exporter(file)
    shown = 0.0
    try:
        exporter.start()
        # What happens before the first poll's newest closed slice is the past, and enters windows alone.
        writer.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 1.0))
            shown = max(shown, exporter.total("model_requests_total"))
            exporter.kill()
            exporter.start()
            assert exporter.total("model_requests_total") >= shown
        writer.stopping.set()
        writer.join()
        exporter.wait_for(lambda: exporter.total("model_requests_total") >= writer.good, "all counted", seconds=60)
        time.sleep(2.5)
        found = exporter.metrics()
    finally:
        writer.stopping.set()
        exporter.stop()

    def total(name: str, **labels: str) -> float:
        return sum(v for (n, of), v in found.items() if n == name and labels.items() <= dict(of).items())

    assert writer.good == postgresql.query("SELECT count(*) FROM p")[0][0]
    assert total("model_requests_total") == writer.good
    assert total("model_requests_failed_total") == writer.failed
    assert total("prediction_exporter_events_rejected_total") == 0
    for window in ("1h", "24h"):
        at = {"window": window, "segment": "all"}
        assert total("model_window_predictions", **at) == writer.good - writer.failed
        for color, count in writer.colors.items():
            assert total("model_window_bin_predictions", **at, column="color", bin=color) == count
            assert total("model_window_predictions", window=window, segment=f"color={color}") == count
