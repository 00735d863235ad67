"""Step: one transaction of a model in the state file, and the rows that it leaves there."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from prediction_exporter.counting import state_database as database
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.state_days import HALVES, LABELS, TABLED, drop_tables
from prediction_exporter.counting.state_errors import DamagedError
from prediction_exporter.counting.state_rows import BucketKey, BucketRow, BucketSums, Manifest, ModelRow
from prediction_exporter.errors import StateError

#: Under this name a model's evidence stands among its windows.
EVIDENCE = "evidence"

#: Room in a statement for the names of what has tables of days.
NAMES = f"({', '.join('?' * len(TABLED))})"


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


class Step:
    """One transaction of a model: what is done in it is stored with its position, or not at all.

    Attributes:
        connection: where tables of days may be read and changed; not to be used after the step.
        model: its name.
        manifest: which buckets the model has now.
        layout: digest that was committed; None before.
    """

    def __init__(self, connection: sqlite3.Connection, model: str, manifest: Manifest, former: str | None) -> None:
        self.connection = connection
        self.model = model
        self.manifest = manifest
        self.layout: str | None = None
        self._former = former  # that all buckets are known to have
        self._at_commit: list[Callable[[Step], None]] = []
        self._has_halves = False

    def at_commit(self, save: Callable[[Step], None]) -> None:
        """Let what was changed in this step be put before the commit."""
        self._at_commit.append(save)

    def keep_halves(self) -> None:
        """Keep what waits for its other half, which is dropped by a commit otherwise: whoever kept it joins no more."""
        self._has_halves = True

    def parts(self, window: str = LABELS) -> list[BucketRow]:
        """Return what is kept under a name beside the tables of days, and of each table how much it holds.

        Raises:
            DamagedError: a part is damaged.
        """
        rows = [row for row in database.read_buckets(self.connection, self.model) if row.window == window]
        if not all(row.is_whole for row in rows):
            raise DamagedError(f"what is kept of {window} of model {self.model} was damaged")
        return rows

    def part(self, kind: str, day: int, window: str = LABELS) -> bytes | None:
        """Return one of these parts; None where there is none.

        Raises:
            DamagedError: it is damaged.
        """
        found = database.read_bucket(self.connection, BucketKey(self.model, "", kind, "", window, day))
        if found is not None and not found.is_whole:
            raise DamagedError(f"what is kept of {window} of model {self.model} was damaged")
        return None if found is None else found.profile

    def put_part(self, kind: str, day: int, data: bytes, window: str = LABELS) -> None:
        """Put one of these parts; that of no kind is what is beside the tables."""
        row = BucketRow.of(BucketKey(self.model, "", kind, "", window, day), data)
        _put_buckets(self.connection, [row], self.manifest)

    def drop_part(self, kind: str, day: int, window: str = LABELS) -> None:
        """Delete one of these parts."""
        condition = "(version, segment, window, start) = (?, '', ?, ?)"
        _delete_buckets(self.connection, self.model, condition, (kind, window, day), self.manifest)

    def drop_parts(self, window: str = LABELS) -> None:
        """Delete all that is kept under a name: the parts and the tables of days."""
        _delete_buckets(self.connection, self.model, "window = ?", (window,), self.manifest)
        drop_tables(self.connection, self.model, window)

    def commit(
        self,
        stored: StoredModel,
        layout: Layout | None,
        buckets: Iterable[StoredBucket],
        *,
        keep_from: Mapping[str, int],
        evidence: bytes | None = None,
    ) -> None:
        """Put the model's position, counters and changed buckets.

        Buckets of other layouts, of windows that ``keep_from`` does not name, and those older than it says are deleted. The
        evidence stays as it is where none is given.
        """
        for save in self._at_commit:
            save(self)
        model, digest = self.model, "" if layout is None else layout.digest
        rows: Iterable[BucketRow] = (
            BucketRow.of(BucketKey(model, digest, b.version, b.segment, b.window, b.start), pack(b.profile)) for b in buckets
        )
        if evidence is not None:
            rows = chain(rows, [BucketRow.of(BucketKey(model, digest, "", "", EVIDENCE, 0), evidence)])
        _put_buckets(self.connection, rows, self.manifest)
        kept = TABLED if self._has_halves else TABLED - {HALVES}
        keep_from = {**keep_from, EVIDENCE: 0, **dict.fromkeys(kept, 0)}
        _drop_old(self.connection, model, digest, keep_from, self.manifest, any_layout=self._former == digest)
        counters = json.dumps(stored.counters)
        database.write_model(self.connection, ModelRow.of(model, stored.source, stored.position, counters, self.manifest))
        self.layout = digest


def _put_buckets(connection: sqlite3.Connection, rows: Iterable[BucketRow], manifest: Manifest) -> None:
    former = "SELECT checksum FROM bucket WHERE (model, version, segment, window, start) = (?, ?, ?, ?, ?)"
    for row in rows:
        for (replaced,) in connection.execute(former, (row.model, row.version, row.segment, row.window, row.start)).fetchall():
            manifest.remove(row.sums, replaced)
        manifest.add(row)
        connection.execute("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def _drop_old(
    connection: sqlite3.Connection,
    model: str,
    digest: str,
    keep_from: Mapping[str, int],
    manifest: Manifest,
    *,
    any_layout: bool,
) -> None:
    """Delete what no window holds any more; ``any_layout`` is whether all buckets are known to be of this layout."""
    conditions: list[tuple[str, tuple[str | int, ...]]] = []
    if not any_layout:
        conditions.append((f"layout != ? AND window NOT IN {NAMES}", (digest, *sorted(TABLED))))
    for window, oldest in manifest.windows().items():
        if window not in keep_from:
            conditions.append(("window = ?", (window,)))
        elif oldest < keep_from[window]:
            conditions.append(("window = ? AND start < ?", (window, keep_from[window])))
    for condition, values in conditions:
        _delete_buckets(connection, model, condition, values, manifest)


def _delete_buckets(
    connection: sqlite3.Connection, model: str, condition: str, values: tuple[str | int, ...], manifest: Manifest
) -> None:
    deleted = connection.execute(
        f"DELETE FROM bucket WHERE model = ? AND {condition} RETURNING window, start, version, segment, checksum",  # noqa: S608 - of this module
        (model, *values),
    )
    for window, start, version, segment, of_bucket in deleted.fetchall():
        manifest.remove(BucketSums.of(window, start, version, segment), of_bucket)


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
