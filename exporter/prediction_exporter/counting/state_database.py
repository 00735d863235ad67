"""The file that the state is kept in: opened so that nobody else has it, checked row by row, and made anew where it is damaged.

What is made anew is written beside the file and takes its place whole, so that dying in between leaves one or the other.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from prediction_exporter.counting.state_days import table_of_bucket, tables
from prediction_exporter.counting.state_errors import FAULTS, is_damage, told
from prediction_exporter.counting.state_rows import SCHEMA_VERSION, TABLES, BucketKey, BucketRow, Manifest, MetaRow, ModelRow
from prediction_exporter.errors import StateError

FILE_NAME = "prediction-exporter.db"
LOCK_NAME = "prediction-exporter.lock"

#: How long to wait for an exporter that is just ending.
LOCK_SECONDS = 5.0

PAGE_BYTES = 4096

_WRITE_VERSION = 18  # its place in the header
_POLL_SECONDS = 0.05

#: What a file system says that has no locks of this kind; SQLite's own lock must do there.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def lock(folder: Path) -> int:
    """Return the descriptor of a lock on a folder, which whoever dies gives back.

    SQLite has a lock of its own, but one of the file: it would not cover a file that takes the place of another.

    Raises:
        StateError: another exporter has it, or no file can be created.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"state_dir: files cannot be created in {folder}: {error.strerror}") from error
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise StateError(
                    f"{folder / FILE_NAME}: another exporter uses it; each needs a state_dir of its own"
                ) from error
            time.sleep(_POLL_SECONDS)  # a lock of a file cannot be waited for with a limit
        else:
            return descriptor


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that nobody else can have, and that reads whatever bytes are there."""
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, check_same_thread=False, isolation_level=None)
    connection.text_factory = lambda data: data.decode(errors="replace")
    # Two exporters on one file would count events twice. The index of the write-ahead log is kept in memory for it.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # What is deleted need not be overwritten, as some builds of SQLite do: it doubles what a dropped table costs.
    connection.execute("PRAGMA secure_delete = OFF")
    return connection


def create(path: Path) -> None:
    """Write a file without models."""
    path.unlink(missing_ok=True)
    with closing(connect(path)) as connection:
        create_tables(connection)


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty file."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    with transaction(connection):
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        write_meta(connection, "format", SCHEMA_VERSION)
        write_meta(connection, "models", [])
        write_meta(connection, "damaged", [])
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all that is done in it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a disk that is full has ended it already
            connection.execute("ROLLBACK")
        raise


def write_model(connection: sqlite3.Connection, row: ModelRow) -> None:
    """Put a model's row, and its spare."""
    connection.execute("INSERT OR REPLACE INTO model VALUES (?, ?, ?, ?, ?, ?)", row)
    if row.has_spare:
        connection.execute("INSERT OR REPLACE INTO spare VALUES (?, ?, ?, ?, ?, ?)", row)
    else:
        connection.execute("DELETE FROM spare WHERE name = ?", (row.name,))


def read_models(connection: sqlite3.Connection, table: str, where: str = "", *values: str) -> Iterator[ModelRow]:
    """Yield rows of models, as they are, of one of the two tables that have them."""
    rows = connection.execute(f"SELECT {', '.join(ModelRow._fields)} FROM {table} {where}", values)  # noqa: S608 - names of this package
    return map(ModelRow._make, rows)


def read_buckets(
    connection: sqlite3.Connection, model: str, *, after: BucketRow | None = None, most: int = -1
) -> Iterator[BucketRow]:
    """Yield buckets of a model, as they are, in the order of their keys: so many at most, after one of them."""
    where = "model = ?"
    values: list[str | int] = [model]
    if after is not None:
        where += " AND (version, segment, window, start) > (?, ?, ?, ?)"
        values += after.version, after.segment, after.window, after.start
    order = "ORDER BY version, segment, window, start LIMIT ?"
    rows = connection.execute(f"SELECT {', '.join(BucketRow._fields)} FROM bucket WHERE {where} {order}", (*values, most))  # noqa: S608 - as above
    return map(BucketRow._make, rows)


def read_bucket(connection: sqlite3.Connection, key: BucketKey) -> BucketRow | None:
    """Return one bucket, as it is; None where there is none."""
    where = " AND ".join(f"{name} = ?" for name in BucketKey._fields)
    found = connection.execute(f"SELECT {', '.join(BucketRow._fields)} FROM bucket WHERE {where}", key).fetchone()  # noqa: S608 - as above
    return None if found is None else BucketRow._make(found)


def write_meta(connection: sqlite3.Connection, key: str, value: object) -> None:
    """Put what is told of the whole file."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", MetaRow.of(key, value))


def read_meta(connection: sqlite3.Connection) -> dict[str, object]:
    """Return what is told of the whole file, and is whole."""
    rows = map(MetaRow._make, connection.execute("SELECT key, value, checksum FROM meta"))
    return {row.key: json.loads(row.value) for row in rows if row.is_whole}


def format_of(connection: sqlite3.Connection) -> int:
    """Return the version of a file's tables; 0 where there are none.

    It stands in the header, and once more in a row with a checksum, which is right where the header has one bit that is not.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    try:
        stated = read_meta(connection).get("format") if "meta" in tables else None
    except FAULTS as error:
        if not is_damage(error):
            raise
        stated = None
    if isinstance(stated, int) and (version ^ stated).bit_count() <= 1:
        return stated
    return version if version or not tables else SCHEMA_VERSION


def may_be_written(path: Path) -> bool:
    """Return whether a file does not say that it is of a later SQLite, which this one may read and not write."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        header = file.read(_WRITE_VERSION + 1)
    return len(header) <= _WRITE_VERSION or header[_WRITE_VERSION] in {1, 2}


def is_whole(connection: sqlite3.Connection) -> bool:
    """Return whether everything in a file is what was written, and nothing is missing."""
    try:
        return _is_whole(connection)
    except FAULTS as error:
        if is_damage(error):
            return False
        raise


def _is_whole(connection: sqlite3.Connection) -> bool:
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        return False
    meta = read_meta(connection)
    models = {row.name: row for row in read_models(connection, "model")}
    if not all(row.is_whole for row in models.values()):
        return False
    if any(row != models.get(row.name) for row in read_models(connection, "spare")):
        return False
    manifests = {name: Manifest.from_text(row.manifest) for name, row in models.items()}
    days: set[str | None] = {None}
    if meta.keys() != {"format", "models", "damaged"} or meta["models"] != sorted(manifests):
        return False
    for bucket in map(BucketRow._make, connection.execute(f"SELECT {', '.join(BucketRow._fields)} FROM bucket")):  # noqa: S608 - as above
        if not bucket.is_whole or bucket.model not in manifests:
            return False
        manifests[bucket.model].remove(bucket.sums, bucket.checksum)
        days.add(table_of_bucket(bucket))
    return days - {None} == tables(connection) and not any(manifest.sums for manifest in manifests.values())


def write_copy(connection: sqlite3.Connection, path: Path) -> None:
    """Write all that a connection sees into a file of its own."""
    remove(path)
    with told(path):
        connection.execute("VACUUM INTO ?", (str(path),))


def identity(path: Path) -> tuple[int, int] | None:
    """Return which file a path names; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def put_in_place(new: Path, path: Path) -> None:
    """Let a finished file take the place of the state file."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    beside(path, "-wal").unlink(missing_ok=True)  # of the former file: it must not be applied to this one
    beside(path, "-shm").unlink(missing_ok=True)
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def beside(path: Path, ending: str) -> Path:
    """Return the path of a file that belongs to another one."""
    return path.with_name(path.name + ending)


def copy_with_log(path: Path, target: Path) -> None:
    """Copy a file with the write-ahead log that belongs to it."""
    shutil.copyfile(path, target)
    log = beside(path, "-wal")
    if log.is_file():
        shutil.copyfile(log, beside(target, "-wal"))


def remove(path: Path) -> None:
    """Remove a file and what SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        beside(path, ending).unlink(missing_ok=True)
