"""Engine joins: labels joined by the database that has them, against labels that wait in the state file.

``ROWS`` predictions of a day in SQLite, DuckDB and PostgreSQL, nine tenths of them with a label some hours later; ids and
times have an index each. Three things are measured for both joins: catching up with all of it, a look that finds no new
label, and one that finds 1000, of predictions of an hour or of the whole day. The floor is the fetch of all columns of both
tables in the same run, with nothing done to them. Seconds are of the processor, those of the server of PostgreSQL included.

Rows that a look reads are PostgreSQL's own counts, of both tables.

Aims: catching up within three times of what it takes in the state file; a look at new labels of an hour reads less than a
tenth of the rows that there are.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import psutil
from data import prepare  # noqa: F401 - first: it limits polars to one thread

import watched
from databases import Database, Server, new_file
from joined_twice import Both
from prediction_exporter.sources.table import joining

ROWS = int(float(os.environ.get("ROWS", "1e6")))
LABELS = 1000
DAY, HOUR = 86_400, 3600
JOINS = ("engine", "state")


class Tables(Both):
    """Both tables with a day of predictions."""

    UNSHOWN: ClassVar[str] = "[traffic, windows, statistics, evidence, performance]"

    def create(self) -> None:
        """Create and fill the tables, and their indexes."""
        rng = np.random.default_rng(1)
        scores, when = rng.random(ROWS), np.sort(rng.integers(int(watched.NOW) - DAY + HOUR, int(watched.NOW) - 600, ROWS))
        ids = "p" + pl.Series(np.arange(ROWS)).cast(pl.String)
        classes = pl.Series(np.where(scores > 0.5, "accept", "refuse"))
        predictions = pl.DataFrame({"id": ids, "ts": when, "version": pl.repeat("1", ROWS, eager=True), "decision": classes})
        predictions = predictions.with_columns(pl.Series("score", scores), pl.Series("amount", rng.normal(10, 2, ROWS)))
        predictions = predictions.with_columns(pl.Series("color", rng.choice(["red", "blue"], ROWS)))
        known = np.minimum(when + rng.integers(60, 6 * HOUR, ROWS), int(watched.NOW) - 600)
        actual = pl.Series(rng.choice(["accept", "refuse"], ROWS))
        labels = pl.DataFrame({"id": ids, "ts": known, "label": actual, "weight": np.ones(ROWS)}).filter(rng.random(ROWS) < 0.9)
        for name, rows in (("p", predictions), ("l", labels)):
            fill(self.database, name, rows)
            for column in ("id", "ts"):
                self.database.execute(f"CREATE INDEX {name}_{column} ON {name} ({column})")
        self.database.execute("ANALYZE")

    def correct(self, numbers: Sequence[int], at: float) -> None:
        """Write labels that are known at a time."""
        rows = [{"id": f"p{number}", "ts": int(at), "label": "accept", "weight": 1.0} for number in numbers]
        self.insert("l", rows)


def fill(database: Database, name: str, rows: pl.DataFrame) -> None:
    """Make a table of rows."""
    types = {pl.String: "TEXT", pl.Int64: "BIGINT", pl.Float64: "DOUBLE PRECISION"}
    columns = ", ".join(f"{column} {types[dtype.base_type()]}" for column, dtype in rows.schema.items())
    database.execute(f"CREATE TABLE {name} ({columns})")
    with database.connect() as connection:
        if database.kind == "postgresql":
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
                copy.write(rows.write_csv(include_header=False))
        elif database.kind == "duckdb":
            connection.register("rows", rows)
            connection.execute(f"INSERT INTO {name} SELECT * FROM rows")
        else:
            marks = ", ".join("?" * rows.width)
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows.iter_rows())
        connection.commit()


def fetch(database: Database) -> None:
    """Fetch all columns of both tables, and do nothing with them."""
    with database.connect() as connection:
        for name in ("p", "l"):
            cursor = connection.cursor()
            cursor.execute(f"SELECT * FROM {name}")
            while cursor.fetchmany(10_000):
                pass


@dataclass
class Cost:
    """What something took: seconds of the processor here and of the server, and rows that this read."""

    database: Database
    seconds: float = 0.0
    rows: int | None = None

    def _used(self) -> float:
        own = time.process_time()
        if self.database.server is None or self.database.server.process is None:
            return own
        server = psutil.Process(self.database.server.process.pid)
        spent = server.cpu_times()  # of children that have ended, too
        running = []
        for process in server.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it counts among those that have ended then
                running.append(process.cpu_times())
        return own + sum(used.user + used.system for used in (spent, *running)) + spent.children_user + spent.children_system

    def _read(self) -> int | None:
        if self.database.kind != "postgresql":
            return None
        query = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname IN ('p', 'l')"
        return int(self.database.query(query)[0][0])

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Note what is done within."""
        rows, began = self._read(), self._used()
        yield
        self.seconds = self._used() - began
        if rows is not None:
            time.sleep(1.1)  # sessions tell their counts once a second
            self.rows = (self._read() or 0) - rows


def look(tables: Tables, join: str) -> Cost:
    """Read all there is with one of both."""
    cost = Cost(tables.database)
    monitor = tables.monitors[join]
    with cost.taken():
        while monitor.read(until=lambda: False):
            pass
        if tables.database.kind == "postgresql":
            monitor.close()  # what its session read is told when it ends
    assert monitor.evaluate().labels is not None
    return cost


def measure(kind: str, server: Server | None) -> None:
    """Print the figures of one kind of database."""
    with tempfile.TemporaryDirectory() as name:
        database = new_file(kind, Path(name)) if server is None else server.new_database()
        tables = Tables(database, Path(name))
        floor = Cost(database)
        with floor.taken():
            fetch(database)
        print(f"{kind}: fetch of {ROWS:,} predictions and their labels {floor.seconds:.1f} s, the floor")
        now, rng = watched.NOW, np.random.default_rng(2)
        hour = range(ROWS // 2, ROWS // 2 + LABELS)
        looks: tuple[tuple[str, Sequence[int]], ...] = (
            ("catching up", []),
            ("no new label", []),
            (f"{LABELS} of an hour", hour),
            (f"{LABELS} of the day", rng.choice(ROWS, LABELS, replace=False).tolist()),
        )
        for what, numbers in looks:
            if len(numbers):
                tables.correct(numbers, now - 60)
            now += 240 if what != "catching up" else 0
            tables.at(now)
            costs = {join: look(tables, join) for join in JOINS}
            told = [f"{join} {cost.seconds:8.2f} s = {cost.seconds / floor.seconds:6.3f}" for join, cost in costs.items()]
            rows = [f"{cost.rows:,}" for cost in costs.values() if cost.rows is not None]
            print(f"  {what:16} {'   '.join(told)}" + (f"   rows read {' / '.join(rows)}" if rows else ""), flush=True)
        watched.close_all()


def main() -> None:
    """Print the figures."""
    joining.REST = 0
    measure("sqlite", None)
    measure("duckdb", None)
    server = Server("postgresql")
    try:
        measure("postgresql", server)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
