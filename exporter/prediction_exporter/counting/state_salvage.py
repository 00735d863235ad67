"""Salvage: what is whole in a state file that is damaged, or of an earlier release, is written into a new one.

A row is taken over where its checksum holds, and where the model's manifest says that it belongs to it. Whatever cannot be
shown to be right is left out and told: no figure is ever wrong, or counted again in silence.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prediction_exporter.counting import state_database as database
from prediction_exporter.counting.state_days import TABLED, Extent, copy_table, table_of_bucket
from prediction_exporter.counting.state_errors import FAULTS, is_damage
from prediction_exporter.counting.state_rows import BucketKey, BucketRow, Manifest, ModelRow

BUCKET_KEY = ("model", "version", "segment", "window", "start")

_FIRST_VERSION = 1


@dataclass(slots=True)
class Salvaged:
    """What was taken over, and what was not.

    Attributes:
        models: the models whose position and counters are whole.
        kept: how many buckets were taken over.
        lost: models of which position and counters are lost.
        may_lack: whether models may be lost whose names are lost too.
        buckets: how many buckets are lost, by model.
    """

    models: dict[str, ModelRow] = field(default_factory=dict)
    kept: int = 0
    lost: set[str] = field(default_factory=set)
    may_lack: bool = False
    buckets: Counter[str] = field(default_factory=Counter)

    @property
    def is_all(self) -> bool:
        """Whether nothing is lost."""
        return not (self.lost or self.may_lack or self.buckets)


def salvage(old: Path, new: Path) -> Salvaged:
    """Write what is whole in a file into a new one.

    The first page tells where every table begins, and is much the same in every state file. Where it may be what is damaged,
    the one of an empty file is tried in its place.
    """
    found = _take_over(old, new)
    if found.is_all:
        return found
    mended, other = database.beside(old, ".mended"), database.beside(new, ".mended")
    try:
        database.copy_with_log(old, mended)
        database.create(other)
        with mended.open("r+b") as file, other.open("rb") as empty:
            file.write(_first_page(empty.read(database.PAGE_BYTES), pages=mended.stat().st_size // database.PAGE_BYTES))
        better = _take_over(mended, other)
        if (len(better.models), better.kept) > (len(found.models), found.kept):
            other.replace(new)
            return better
    finally:
        database.remove(mended)
        database.remove(other)
    return found


def _first_page(page: bytes, *, pages: int) -> bytes:
    """Return the first page of an empty file as that of one with so many pages and a write-ahead log."""
    # https://sqlite.org/fileformat2.html#the_database_header: versions at byte 18, number of pages at byte 28.
    return page[:18] + b"\2\2" + page[20:28] + pages.to_bytes(4, "big") + page[32:]


def _take_over(old: Path, new: Path) -> Salvaged:
    database.create(new)
    found = Salvaged()
    with closing(database.connect(old)) as source, closing(database.connect(new)) as target:
        target.execute("PRAGMA synchronous = OFF")  # it is synchronised as a whole when it is finished
        try:
            source.execute("PRAGMA writable_schema = ON")  # reads a file that is shorter than it says
            version = database.format_of(source)
        except FAULTS as error:
            _expect_damage(error)
            found.may_lack = True
            return found
        reader = (_FirstVersion if version == _FIRST_VERSION else _Reader)(source)
        with database.transaction(target):
            _take_models(reader, found)
            _take_buckets(reader, target, found)
            for row in found.models.values():
                database.write_model(target, row)
            database.write_meta(target, "models", sorted(found.models))
    return found


def _take_models(reader: _Reader, found: Salvaged) -> None:
    for row in reader.models():
        if row.is_whole:
            found.models.setdefault(row.name, row)
    named = reader.named()
    found.may_lack = named is None
    found.lost |= (named or set()) - found.models.keys()


def _take_buckets(reader: _Reader, target: sqlite3.Connection, found: Salvaged) -> None:
    held = {name: Manifest() for name in found.models}
    for row in reader.buckets():
        if not row.is_whole:
            found.buckets[row.model] += not reader.has_manifests
        elif row.model not in held:
            found.lost.add(row.model)
        elif target.execute("INSERT OR IGNORE INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row).rowcount:
            held[row.model].add(row)
    for name, manifest in held.items():
        row_of_model = found.models[name]
        if reader.has_manifests:
            found.buckets[name] = _leave_doubtful(target, name, manifest, Manifest.from_text(row_of_model.manifest))
            found.buckets[name] += _take_days(reader, target, name, manifest)
        found.models[name] = ModelRow.of(*row_of_model[:4], manifest)
    found.buckets = +found.buckets
    found.kept = sum(manifest.buckets() for manifest in held.values())


def _take_days(reader: _Reader, target: sqlite3.Connection, model: str, manifest: Manifest) -> int:
    """Copy the tables of days that are whole; return how many are lost."""
    lost = 0
    for row in [row for row in database.read_buckets(target, model) if row.window in TABLED]:
        table = table_of_bucket(row)
        if table is not None and not reader.copy_table(target, table, Extent.from_bytes(row.profile)):
            target.execute(f"DELETE FROM bucket WHERE ({', '.join(BUCKET_KEY)}) = (?, ?, ?, ?, ?)", (model, *row[2:6]))  # noqa: S608 - names of the table
            manifest.remove(row.sums, row.checksum)
            lost += 1
    return lost


def _leave_doubtful(target: sqlite3.Connection, model: str, manifest: Manifest, expected: Manifest) -> int:
    """Delete the buckets that may not be of the moment that the position is of; return how many are lost in all."""
    most = max(manifest.buckets(), expected.buckets())
    for sums in list(manifest.unlike(expected)):
        (window, start), (_, version, segment) = sums
        deleted = target.execute(
            "DELETE FROM bucket WHERE (model, version, segment, window, start) = (?, ?, ?, ?, ?) RETURNING checksum",
            (model, version, segment, window, int(start)),
        )
        for (of_bucket,) in deleted.fetchall():
            manifest.remove(sums, of_bucket)
    return most - manifest.buckets()


class _Reader:
    """Reads the rows of a file that may be damaged."""

    has_manifests = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def models(self) -> Iterator[ModelRow]:
        """Yield the rows of models that can be read, and their spares."""
        for table in ("model", "spare"):
            yield from map(ModelRow._make, self._rows(table, ModelRow._fields, ("name",)))

    def buckets(self) -> Iterator[BucketRow]:
        """Yield the rows of buckets that can be read."""
        return map(BucketRow._make, self._rows("bucket", BucketRow._fields, BUCKET_KEY))

    def copy_table(self, target: sqlite3.Connection, table: str, extent: Extent) -> bool:
        """Copy the table of a day where it is whole; return whether it is."""
        return copy_table(self._connection, target, table, extent)

    def named(self) -> set[str] | None:
        """Return the models that the file should have; None where that is lost."""
        try:
            meta = database.read_meta(self._connection)
        except FAULTS as error:
            _expect_damage(error)
            return None
        models, damaged = meta.get("models"), meta.get("damaged")
        return {*models, *damaged} if isinstance(models, list) and isinstance(damaged, list) else None

    def _rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield rows from the first to where the table is damaged, and from the last back to there."""
        for direction in ("", " DESC"):
            order = ", ".join(f"{name}{direction}" for name in key)
            try:
                yield from self._connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}")  # noqa: S608 - names of the tables
            except FAULTS as error:
                _expect_damage(error)
            else:
                return


class _FirstVersion(_Reader):
    """Reads the rows of version 1: they had no checksums, but the compression of their profiles has one."""

    has_manifests = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._named: set[str] | None = set()

    def models(self) -> Iterator[ModelRow]:
        """Yield the rows of models that can be read and understood."""
        try:
            rows = self._connection.execute("SELECT name, source, position, counters FROM model").fetchall()
        except FAULTS as error:
            _expect_damage(error)
            self._named = None
            return
        for name, source, position, counters in rows:
            try:
                json.loads(counters)
            except ValueError:
                self._named = {*(self._named or ()), name}
            else:
                yield ModelRow.of(name, source, position, counters, Manifest())

    def buckets(self) -> Iterator[BucketRow]:
        """Yield the rows of buckets that can be read and unpacked; what cannot be has no valid checksum."""
        for *key, profile in self._rows("bucket", (*BucketKey._fields, "profile"), BUCKET_KEY):
            row = BucketRow.of(BucketKey(*key), profile)
            try:
                zlib.decompress(profile)
            except zlib.error:
                row = row._replace(checksum=~row.checksum)
            yield row

    def named(self) -> set[str] | None:
        """Return the models whose rows are there; None where not all can be read."""
        return self._named


def _expect_damage(error: Exception) -> None:
    if not is_damage(error):
        raise error
