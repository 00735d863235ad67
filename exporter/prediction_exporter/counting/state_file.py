"""The state file as a whole: it is opened whole or made anew from what is whole, and it stays where it is.

Nothing here knows what a model stores: see :mod:`.state`.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from prediction_exporter.counting import state_database as database
from prediction_exporter.counting.state_database import FILE_NAME, LOCK_NAME, beside, write_meta
from prediction_exporter.counting.state_errors import RECOVER_FLAG, DamagedError, SupersededError, told
from prediction_exporter.counting.state_rows import SCHEMA_VERSION, Manifest
from prediction_exporter.counting.state_salvage import Salvaged, salvage
from prediction_exporter.errors import StateError

logger = logging.getLogger(__name__)

#: What may be damaged of a model: buckets of its windows, its evidence among them, or its position and counters, one row.
PARTS = ("window", "position")

#: Why a folder cannot be created, where the system's own words lead astray.
_NO_FOLDER = {errno.EEXIST: "what is in its place is no folder", errno.ENOENT: "the file system there takes none"}


class StateFile:
    """A state file that nobody else has open. Safe to use from several threads.

    Args:
        folder: where it is.
        models: the configured models, which all are lost where it cannot be told which ones are.
        recover: whether a model whose position is damaged begins as if it were new.

    Attributes:
        path: its path.
        manifests: which buckets the models have that are stored.
        checked: models whose buckets nobody has read since all rows were checked.
        unusable: models whose position is damaged, and which must not go on without being told to.
        damage: what was damaged of each model and is dropped, by :data:`PARTS`.
        mutex: is held by whoever uses it.

    Raises:
        StateError: it cannot be opened, is of a newer version, cannot be recovered without being told to, or another exporter
            has it open.
    """

    def __init__(self, folder: Path, *, models: Collection[str], recover: bool) -> None:
        self.path = folder / FILE_NAME
        self.manifests: dict[str, Manifest] = {}
        self.checked: set[str] = set()
        self.unusable: set[str] = set()
        self.damage: dict[str, Counter[str]] = {}
        self._models = models
        self._recover = recover
        self.mutex = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._places: tuple[object, object] = (None, None)
        self._closed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = _NO_FOLDER.get(error.errno or 0, error.strerror)
            raise StateError(f"state_dir: {folder} cannot be created: {reason}") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StateError(f"state_dir: files cannot be written in {folder}: it belongs to another user or is read-only")
        self._lock = database.lock(folder)
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self) -> sqlite3.Connection:
        """Open the file; one that is not whole, or of an earlier version, is made anew from what is whole in it."""
        self._remove_unfinished()
        try:
            connection = self._connected()
        except DamagedError as error:
            self._make_anew(error)
            connection = self._connected()
        try:
            with told(self.path):
                self._take_stock(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._places = self._where()
        self.checked = set(self.manifests)
        return connection

    def _remove_unfinished(self) -> None:
        """Remove what a process left that was killed while it made the file anew."""
        for ending in (".new", ".new.mended", ".damaged.mended"):
            database.remove(beside(self.path, ending))

    def _connected(self) -> sqlite3.Connection:
        """Return a connection to a file that is whole and of this version.

        Raises:
            DamagedError: it is not.
            StateError: it cannot be used, and is left as it is.
        """
        log = beside(self.path, "-wal")
        if self.path.is_file() and not self.path.stat().st_size:
            if log.is_file() and log.stat().st_size:
                raise DamagedError(f"{self.path}: is no usable state file: it is empty")
            logger.warning("%s: is empty; begins as if nothing had been counted", self.path)
        if not database.may_be_written(self.path):
            raise DamagedError(f"{self.path}: is no usable state file: its header is damaged")
        with told(self.path):
            connection = database.connect(self.path)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit survives the death of the process; after a power failure the last ones may be missing, whole.
        connection.execute("PRAGMA synchronous = NORMAL")
        version = database.format_of(connection)
        if not version:
            database.create_tables(connection)
        elif version > SCHEMA_VERSION:
            raise StateError(
                f"{self.path}: has version {version}, this exporter reads {SCHEMA_VERSION}: a newer release wrote it. Install "
                "that, put a backup of this release in its place, or move it away to start afresh"
            )
        elif version < SCHEMA_VERSION:
            raise DamagedError(f"{self.path}: has version {version}")
        elif not database.is_whole(connection):
            raise DamagedError(f"{self.path}: is damaged")

    def _make_anew(self, reason: DamagedError) -> None:
        """Put a file with all that is whole in the place of this one, which is kept beside it where something is lost."""
        kept, new = beside(self.path, ".damaged"), beside(self.path, ".new")
        try:
            database.remove(kept)
            database.copy_with_log(self.path, kept)
            with told(self.path):
                found = salvage(kept, new)
            if not found.models and not found.is_all and not self._recover:
                database.remove(kept)
                raise StateError(
                    f"{reason}; no position in it is whole. Put a backup in its place, or start with {RECOVER_FLAG}: every "
                    "model begins then as if it were new, with its counters at 0"
                )
            self._note(found)
            with told(new), closing(database.connect(new)) as connection:
                write_meta(connection, "damaged", sorted(self.unusable))
            database.put_in_place(new, self.path)
            if found.is_all:
                database.remove(kept)
                logger.info("%s; it was made anew, and nothing is lost", reason)
            else:
                logger.warning("%s; what is whole was taken over, the file as it was is kept as %s", reason, kept.name)
        except OSError as error:
            raise StateError(f"{self.path}: cannot be made anew: {error.strerror}") from error
        finally:
            database.remove(new)

    def _note(self, found: Salvaged) -> None:
        """Tell what is lost, and which models are not to go on without being told to."""
        for model, count in found.buckets.items():
            logger.warning(
                "model %s: %d damaged buckets of its windows are dropped; they lack those events until they pass", model, count
            )
            self._noted(model)["window"] += count
        lost = found.lost | (set(self._models) - found.models.keys() if found.may_lack else set())
        if not self._recover:
            self.unusable = lost
            return
        self.unusable = set()
        for model in sorted(lost):
            logger.warning(
                "model %s: its position and counters are damaged; it begins as if it were new: counters at 0, windows empty, "
                "reading where the configuration says that a new source begins",
                model,
            )
            self._noted(model)["position"] += 1

    def _noted(self, model: str) -> Counter[str]:
        return self.damage.setdefault(model, Counter())

    def _take_stock(self, connection: sqlite3.Connection) -> None:
        """Read which buckets the models have, and which models are not to go on."""
        rows = connection.execute("SELECT name, manifest FROM model")
        self.manifests = {name: Manifest.from_text(manifest) for name, manifest in rows}
        damaged = database.read_meta(connection).get("damaged")
        self.unusable = set(damaged) if isinstance(damaged, list) else set()
        if self.unusable and self._recover:
            self._note(Salvaged(lost=self.unusable))
            write_meta(connection, "damaged", [])

    def _where(self) -> tuple[object, object]:
        """Return which files the names of the file and of its log lead to; None where to none."""
        return database.identity(self.path), database.identity(beside(self.path, "-wal"))

    def _stay_in_place(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Return the connection; write everything anew where the file was deleted, for it would be gone with this process.

        Raises:
            StateError: there is another file in its place now.
        """
        places = self._where()
        if places == self._places:
            return connection
        if places[0] not in {None, self._places[0]}:
            raise StateError(
                f"{self.path}: another file was put in its place while it was in use. Stop the exporter, put the right one "
                "there, and start it again"
            )
        logger.warning("%s: was deleted while it was in use; everything is written anew", self.path)
        new = beside(self.path, ".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not (self.path.parent / LOCK_NAME).exists():
                self._lock, former = database.lock(self.path.parent), self._lock
                os.close(former)
            database.write_copy(connection, new)
            connection.close()
            self._connection = None
            database.put_in_place(new, self.path)
        except OSError as error:
            raise StateError(f"{self.path}: was deleted and cannot be written anew: {error.strerror}") from error
        finally:
            database.remove(new)
        return self._open()

    @contextmanager
    def use(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """Use the file alone; where that finds damage, it is made anew for the next time.

        Raises:
            StateError: it cannot be used now.
        """
        with self.mutex:
            if self._closed:
                raise SupersededError(f"{self.path}: is closed")
            connection = self._connection or self._open()
            try:
                with told(self.path):
                    if writing:
                        connection = self._stay_in_place(connection)
                    yield connection
            except DamagedError:
                self._connection = None
                connection.close()
                self._open()
                raise

    def close(self) -> None:
        """Close it; nobody can use it any more."""
        with self.mutex:
            if self._closed:
                return
            self._closed = True
            if self._connection is not None:
                self._connection.close()
            os.close(self._lock)

    def backup(self, folder: Path) -> Path:
        """Write a copy into a folder, in the place of an earlier one; return its path."""
        target = folder / FILE_NAME
        new = beside(target, ".new")
        try:
            with self.use() as connection:
                database.write_copy(connection, new)
            database.put_in_place(new, target)
        except OSError as error:
            raise StateError(f"{target}: no backup can be written: {error.strerror}") from error
        finally:
            database.remove(new)
        return target
