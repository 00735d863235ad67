"""State: source positions, windows and counters, in one SQLite file.

What a batch of events changed and the position behind it are committed in one transaction. Whenever the process dies, both are
there or neither, and every event is counted once.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.errors import StateError

#: Raised when the tables change; a file of another version is refused.
SCHEMA_VERSION = 1

FILE_NAME = "prediction-exporter.db"

#: How long to wait for an exporter that is just ending.
LOCK_SECONDS = 5.0

_TABLES = """
CREATE TABLE IF NOT EXISTS model (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,        -- what the position belongs to: another log starts afresh
    position TEXT,
    counters TEXT NOT NULL       -- JSON
) STRICT;
CREATE TABLE IF NOT EXISTS bucket (
    model TEXT NOT NULL,
    layout TEXT NOT NULL,        -- digest: counts of other bins are of no use
    version TEXT NOT NULL,
    segment TEXT NOT NULL,
    window TEXT NOT NULL,
    start INTEGER NOT NULL,      -- seconds since the epoch
    profile BLOB NOT NULL,
    PRIMARY KEY (model, version, segment, window, start)
) STRICT, WITHOUT ROWID;
"""


class SupersededError(StateError):
    """A model is watched by somebody else now, who must not be interfered with."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model's position and counters as they were last committed."""

    source: str
    position: str | None
    counters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredBucket:
    """A bucket of a window."""

    version: str
    segment: str
    window: str
    start: int
    profile: Profile


class State:
    """The state file of an exporter. Safe to use from several threads.

    Raises:
        StateError: the file cannot be opened, is of another version, or another exporter has it open.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._claims: dict[str, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"state_dir: {folder} cannot be created: {error.strerror}") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StateError(f"state_dir: files cannot be written in {folder}: it belongs to another user or is read-only")
        try:
            self._connection = sqlite3.connect(self.path, timeout=LOCK_SECONDS, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            if "locked" in str(error):
                raise StateError(f"{self.path}: another exporter uses it; each needs a state_dir of its own") from error
            raise StateError(f"{self.path}: is no usable state file: {error}; move it away to start afresh") from error
        except StateError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        # Two exporters on one file would count events twice: the first one holds it until it ends.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        # A commit survives the death of the process; after a power failure the last ones may be missing, whole.
        execute("PRAGMA synchronous = NORMAL")
        version = execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise StateError(
                f"{self.path}: has version {version}, this exporter reads {SCHEMA_VERSION}; move it away to start afresh"
            )
        execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            execute(statement)
        execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        execute("COMMIT")

    def close(self) -> None:
        """Close the file. Whoever has claimed a model cannot commit any more."""
        with self._lock:
            self._claims.clear()
            self._connection.close()

    def claim(self, model: str) -> int:
        """Return what a model's commits need from now on; earlier claims of the model end.

        So a thread that hung in a source and was replaced cannot put its old position over the new one's.
        """
        with self._lock:
            self._claims[model] = self._claims.get(model, 0) + 1
            return self._claims[model]

    def load(self, model: str) -> StoredModel | None:
        """Return a model's position and counters, or None where it is new."""
        with self._lock:
            row = self._connection.execute("SELECT source, position, counters FROM model WHERE name = ?", (model,)).fetchone()
        return None if row is None else StoredModel(row[0], row[1], json.loads(row[2]))

    def buckets(self, model: str, layout: Layout) -> Iterator[StoredBucket]:
        """Yield a model's stored buckets of this layout."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT version, segment, window, start, profile FROM bucket WHERE model = ? AND layout = ?",
                (model, layout.digest),
            ).fetchall()
        for version, segment, window, start, blob in rows:
            yield StoredBucket(version, segment, window, start, unpack(layout, blob))

    def drop_buckets(self, model: str) -> None:
        """Delete a model's stored buckets, which are about to be read anew."""
        with self._lock:
            self._connection.execute("DELETE FROM bucket WHERE model = ?", (model,))

    def commit(
        self,
        model: str,
        stored: StoredModel,
        layout: Layout | None,
        buckets: Iterable[StoredBucket],
        *,
        keep_from: Mapping[str, int],
        claim: int,
    ) -> None:
        """Store a model's position, counters and changed buckets in one transaction.

        Buckets of other layouts, of windows that ``keep_from`` does not name, and those older than it says are deleted.

        Raises:
            SupersededError: the model was claimed again since; nothing is stored.
        """
        digest = "" if layout is None else layout.digest
        rows = [(model, digest, b.version, b.segment, b.window, b.start, pack(b.profile)) for b in buckets]
        with self._lock:
            if self._claims.get(model) != claim:
                raise SupersededError(f"model {model} is watched by another thread now")
            execute = self._connection.execute
            execute("BEGIN IMMEDIATE")
            try:
                execute(
                    "INSERT OR REPLACE INTO model (name, source, position, counters) VALUES (?, ?, ?, ?)",
                    (model, stored.source, stored.position, json.dumps(stored.counters)),
                )
                self._connection.executemany("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                execute("DELETE FROM bucket WHERE model = ? AND layout != ?", (model, digest))
                for window, oldest in keep_from.items():
                    execute("DELETE FROM bucket WHERE model = ? AND window = ? AND start < ?", (model, window, oldest))
                others = ", ".join("?" * len(keep_from))
                execute(f"DELETE FROM bucket WHERE model = ? AND window NOT IN ({others})", (model, *keep_from))  # noqa: S608 - only question marks
                execute("COMMIT")
            except BaseException:
                execute("ROLLBACK")
                raise


def pack(profile: Profile) -> bytes:
    """Return a profile as compressed bytes: counts as int64, sums and extremes as float64, little-endian."""
    raw = (
        profile.counts.astype("<i8").tobytes() + profile.sums.astype("<f8").tobytes() + profile.extremes.astype("<f8").tobytes()
    )
    return zlib.compress(raw, 1)


def unpack(layout: Layout, blob: bytes) -> Profile:
    """Return the profile that :func:`pack` gave."""
    raw = zlib.decompress(blob)
    moments = 2 * len(layout.numeric)
    if len(raw) != 8 * (layout.width + 2 * moments):
        raise StateError(f"a stored profile has {len(raw)} bytes where its layout has {8 * (layout.width + 2 * moments)}")
    counts = np.frombuffer(raw, "<i8", layout.width).astype(np.int64)
    floats = np.frombuffer(raw, "<f8", 2 * moments, offset=8 * layout.width).astype(np.float64)
    return Profile(layout, counts, floats[:moments].reshape(2, -1), floats[moments:].reshape(2, -1))
