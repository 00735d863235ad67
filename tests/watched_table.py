"""A model whose predictions are in a table: of watched events, in any database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import watched
from databases import Database
from prediction_exporter.config import Config
from prediction_exporter.monitor.model_monitor import ModelMonitor

#: The table's columns, and the types of SQL that hold them.
COLUMNS = {
    "ts": {"postgresql": "TIMESTAMPTZ", "mariadb": "DATETIME(6)", "duckdb": "TIMESTAMPTZ", "sqlite": "VARCHAR(40)"},
    "version": {"": "VARCHAR(20)"},
    "amount": {"postgresql": "DOUBLE PRECISION", "": "DOUBLE"},
    "color": {"": "VARCHAR(20)"},
    "decision": {"": "VARCHAR(20)"},
    "score": {"postgresql": "DOUBLE PRECISION", "": "DOUBLE"},
    "latency_ms": {"postgresql": "DOUBLE PRECISION", "": "DOUBLE"},
    "status": {"": "INTEGER"},
}


@dataclass
class Table:
    """A table of predictions, and the folder of the exporter that reads it."""

    database: Database
    folder: Path
    model: watched.Watched = field(init=False)

    def __post_init__(self) -> None:
        self.model = watched.Watched(self.folder)
        self.create()

    @property
    def clock(self) -> watched.Clock:
        """The exporter's clock."""
        return self.model.clock

    def create(self, *, index: bool = True) -> None:
        """Create the table."""
        kind = self.database.kind
        columns = ", ".join(f"{name} {types.get(kind, types.get(''))}" for name, types in COLUMNS.items())
        self.database.execute(f"CREATE TABLE p ({columns})")
        if index:
            self.database.execute("CREATE INDEX p_ts ON p (ts)")

    def time(self, at: float) -> Any:
        """Return a time as the driver takes it."""
        return time_of(self.database.kind, at)

    def rows(self, count: int, at: float | None = None, **changed: Any) -> list[dict[str, Any]]:
        """Return rows of events of a time, or of now."""
        at = self.clock() if at is None else at
        events = [watched.event(at, self.model.chance, **changed) for _ in range(count)]
        return [{name: event.get(name) for name in COLUMNS} | {"ts": self.time(at)} for event in events]

    def insert(self, count: int, at: float | None = None, **changed: Any) -> None:
        """Insert rows of a time, or of now, and commit them."""
        self.database.insert("p", self.rows(count, at, **changed))

    def configure(self, *, user: str = "reader", fields: str = watched.FIELDS, more: str = "", **table: Any) -> Config:
        """Write the exporter's configuration and return it."""
        section = json.dumps({"url": self.database.url(user), "name": "p"} | table)
        text = f"""
  - name: m
    owner: me
    baseline: baseline.json
    predictions:
      table: {section}
      fields: {fields}
"""
        return self.model.configure(watched.config_text(text, more=more))

    def start(self, loaded: Config | None = None) -> ModelMonitor:
        """Return a monitor of the model, on the state that an earlier one left."""
        return self.model.start(loaded or self.configure())


def time_of(kind: str, at: float) -> Any:
    """Return a time as the driver of a kind of database takes it."""
    instant = datetime.fromtimestamp(at, UTC)
    if kind == "mariadb":
        return instant.replace(tzinfo=None)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if kind == "sqlite" else instant


def requests(monitor: ModelMonitor) -> int:
    """Return the counter of requests of all versions, as it is shown."""
    return sum(version.requests for version in monitor._ledger.shown().versions.values())


def windows(monitor: ModelMonitor) -> dict[str, int]:
    """Return the predictions in each window, of all versions."""
    found: dict[str, int] = {}
    for window in monitor.evaluate().windows:
        if window.segment == "all":
            found[window.window] = found.get(window.window, 0) + window.profile.rows
    return found


def look(monitor: ModelMonitor) -> str | None:
    """Read all there is, and return the source's problem."""
    while monitor.read(until=lambda: False):
        pass
    return monitor.evaluate().source.problem


@contextmanager
def watching(table: Table, **settings: Any) -> Iterator[ModelMonitor]:
    """Give a monitor that is closed in the end."""
    monitor = table.start(table.configure(**settings))
    try:
        yield monitor
    finally:
        monitor.close()
        assert table.model.state is not None
        table.model.state.close()
        table.model.state = None
