"""Tables of days in the state file: many small rows by a 64-bit key, which are thrown away a day at a time.

A window has hundreds of buckets; predictions that wait for their labels are millions. They stand in one table for each kind and
day, whose rows are a key and a packed body. How many rows a table has, and the sum of their seals, stand in a bucket of the
model, which its manifest covers: so a table that is missing, or of another moment, is told, and is dropped whole.
"""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

import xxhash

from prediction_exporter.counting.state_errors import FAULTS, is_damage
from prediction_exporter.counting.state_rows import BucketRow

#: Under this name what is kept of labels stands among a model's windows: one bucket for each table, and one for what is beside.
LABELS = "labels"

#: And under this name the counts of performance by minute.
PERFORMANCE = "performance"

#: And under this one how many predictions of each minute have their label, where a database joins them.
COVERED = "covered"

#: And under this one the requests and responses that wait for each other. They are parts alone, and have no table.
HALVES = "halves"

#: What is there because of labels.
OF_LABELS = frozenset({LABELS, PERFORMANCE, COVERED})

#: All may have tables of days, and belong to no layout of windows.
TABLED = OF_LABELS | {HALVES}

#: Those whose name is also the kind of their tables, of which each has one.
_OF_ONE_KIND = (PERFORMANCE, COVERED)

_PREFIX = "day_"


class Extent(NamedTuple):
    """How much a table holds.

    Attributes:
        rows: how many rows.
        seals: the sum of their seals, which whoever packs the bodies computes.
    """

    rows: int = 0
    seals: int = 0

    def to_bytes(self) -> bytes:
        """Return it as the bytes of a bucket.

        >>> Extent.from_bytes(Extent(3, 77).to_bytes())
        Extent(rows=3, seals=77)
        """
        return json.dumps(self).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Extent:
        """Return what :meth:`to_bytes` gave."""
        return cls(*json.loads(data))


def _of_model(model: str) -> str:
    return f"{_PREFIX}{xxhash.xxh64_hexdigest(model.encode())}_"


def table_of(model: str, kind: str, day: int) -> str:
    """Return the name of a table; kinds are words of this package, and days count from the epoch."""
    return f"{_of_model(model)}{kind}_{day}"


def table_of_bucket(row: BucketRow) -> str | None:
    """Return the table that a bucket tells the extent of; None where it is of none."""
    return table_of(row.model, row.version, row.start) if row.window in TABLED and row.version else None


def tables(connection: sqlite3.Connection, model: str | None = None) -> set[str]:
    """Return the tables of days that a file has, of one model or of all."""
    prefix = _PREFIX if model is None else _of_model(model)
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {name for (name,) in names if name.startswith(prefix)}


def create_table(connection: sqlite3.Connection, table: str) -> None:
    """Create a table of a day."""
    connection.execute(f"CREATE TABLE {table} (key INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")


def drop_tables(connection: sqlite3.Connection, model: str, window: str | None = None) -> None:
    """Drop all that a model has, or those under one name."""
    prefixes = {kind: f"{_of_model(model)}{kind}_" for kind in _OF_ONE_KIND}
    for table in sorted(tables(connection, model)):
        of_table = next((kind for kind, prefix in prefixes.items() if table.startswith(prefix)), LABELS)
        if window is None or of_table == window:
            connection.execute(f"DROP TABLE {table}")


def copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str, extent: Extent) -> bool:
    """Copy a table into another file where all of its rows can be read; return whether they can."""
    create_table(target, table)
    try:
        rows = source.execute(f"SELECT key, body FROM {table} ORDER BY key")  # noqa: S608 - a name of this module
        target.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)  # noqa: S608 - as above
        copied = target.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - as above
    except FAULTS as error:
        if not is_damage(error) and not isinstance(error, sqlite3.IntegrityError):  # the same key twice, out of order
            raise
        copied = -1
    if copied == extent.rows:
        return True
    target.execute(f"DROP TABLE {table}")
    return False
