"""State: source positions, windows and counters, in one SQLite file.

What a batch of events changed and the position behind it are committed in one transaction. Whenever the process dies, both are
there or neither, and every event is counted once. What is read is what was written: see :mod:`.state_rows`; what was damaged is
left out and told, see :mod:`.state_salvage`.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from prediction_exporter.counting import state_database as database
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.state_database import FILE_NAME, transaction, write_meta
from prediction_exporter.counting.state_days import TABLED, drop_tables
from prediction_exporter.counting.state_errors import RECOVER_FLAG, DamagedError, SupersededError
from prediction_exporter.counting.state_file import StateFile
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.counting.state_rows import BucketKey, BucketRow, Manifest, ModelRow
from prediction_exporter.counting.state_step import EVIDENCE, NAMES, Step, StoredBucket, StoredModel, pack, unpack
from prediction_exporter.errors import StateError

__all__ = ["FILE_NAME", "State", "Step", "StoredBucket", "StoredModel", "SupersededError", "pack", "unpack"]

logger = logging.getLogger(__name__)

#: Buckets that are read at a time.
PAGE_BUCKETS = 64

_DELETE_MODEL = (
    "DELETE FROM bucket WHERE model = ?",
    "DELETE FROM spare WHERE name = ?",
    "DELETE FROM model WHERE name = ?",
)


class _NothingToStore(Exception):  # noqa: N818 - ends a transaction, and is no error
    """A step ended without a commit."""


class State:
    """What is stored of the models of an exporter. Safe to use from several threads.

    Args:
        folder: where the state file is.
        models: the configured models; what is stored of others is deleted. None keeps all.
        recover: goes on with what is whole where a position is damaged; such a model then begins as if it were new.

    Raises:
        StateError: the file cannot be opened, is of a newer version, cannot be recovered without being told to, or another
            exporter has it open.
    """

    def __init__(self, folder: Path, *, models: Collection[str] | None = None, recover: bool = False) -> None:
        self._claims: dict[str, int] = {}
        self._layouts: dict[str, str] = {}  # that all buckets of a model have
        self._file = StateFile(folder, models=models or (), recover=recover)
        if models is not None:
            self.keep(models)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def close(self) -> None:
        """Close the file. Whoever has claimed a model cannot commit any more."""
        self._file.close()

    # What models are told

    def claim(self, model: str) -> int:
        """Return what a model's commits need from now on; earlier claims of the model end.

        So a thread that hung in a source and was replaced cannot put its old position over the new one's.
        """
        with self._file.mutex:
            self._claims[model] = self._claims.get(model, 0) + 1
            return self._claims[model]

    def damage(self, model: str) -> Mapping[str, int]:
        """Return how much of a model was damaged and is dropped, by part, since its last commit."""
        with self._file.mutex:
            return dict(self._file.damage.get(model, {}))

    def load(self, model: str) -> StoredModel | None:
        """Return a model's position and counters, or None where it is new.

        Raises:
            StateError: they are damaged.
        """
        with self._file.use() as connection:
            if model in self._file.unusable:
                raise StateError(
                    f"{self.path}: position and counters of model {model} are damaged: how far it was read is not known. Put a "
                    f"backup in its place, or start with {RECOVER_FLAG}: the model begins then as if it were new"
                )
            row = self._model_row(connection, model)
        return None if row is None else StoredModel(row.source, row.position, json.loads(row.counters))

    def _model_row(self, connection: sqlite3.Connection, model: str) -> ModelRow | None:
        row = next(database.read_models(connection, "model", "WHERE name = ?", model), None)
        if (row is not None and not row.is_whole) or (row is None) != (model not in self._file.manifests):
            raise DamagedError(f"{self.path}: position and counters of model {model} were damaged")
        return row

    def buckets(self, model: str, layout: Layout) -> Iterator[StoredBucket]:
        """Yield a model's stored buckets of this layout."""
        for rows in self._pages(model):
            for row in rows:
                if row.layout == layout.digest and row.window not in {EVIDENCE, *TABLED}:
                    yield StoredBucket(row.version, row.segment, row.window, row.start, unpack(layout, row.profile))

    def evidence(self, model: str, layout: Layout) -> bytes | None:
        """Return what is stored of a model's evidence; None where there is nothing for this layout."""
        key = BucketKey(model, layout.digest, "", "", EVIDENCE, 0)
        with self._file.use() as connection:
            found = database.read_bucket(connection, key)
        if found is not None and not found.is_whole:
            raise DamagedError(f"{self.path}: the evidence of model {model} was damaged")
        return None if found is None else found.profile

    def kept(self, model: str, window: str) -> Kept:
        """Return what gives the parts that a model has under a name."""
        return Kept(self._file.use, model, window)

    def _pages(self, model: str) -> Iterator[list[BucketRow]]:
        """Yield a model's buckets, some at a time: all of 31 days, many versions and segments are much even when compressed."""
        with self._file.use() as connection:
            if model not in self._file.checked and not _are_whole(
                database.read_buckets(connection, model), self._file.manifests.get(model, Manifest())
            ):
                raise DamagedError(f"{self.path}: windows of model {model} were damaged")
            self._file.checked.discard(model)
            rows = list(database.read_buckets(connection, model, most=PAGE_BUCKETS))
        while rows:
            yield rows
            with self._file.use() as connection:
                rows = list(database.read_buckets(connection, model, after=rows[-1], most=PAGE_BUCKETS))
                if not all(row.is_whole for row in rows):
                    raise DamagedError(f"{self.path}: windows of model {model} were damaged")

    # What models tell

    def drop_buckets(self, model: str) -> None:
        """Delete a model's stored buckets, which are about to be read anew; what belongs to labels stays."""
        with self._file.use() as connection:
            row = self._model_row(connection, model)
            if row is None:
                return
            manifest = Manifest()
            with transaction(connection):
                connection.execute(f"DELETE FROM bucket WHERE model = ? AND window NOT IN {NAMES}", (model, *sorted(TABLED)))  # noqa: S608 - only question marks
                for left in database.read_buckets(connection, model):
                    manifest.add(left)
                database.write_model(connection, ModelRow.of(model, row.source, row.position, row.counters, manifest))
            self._file.manifests[model] = manifest

    def commit(
        self,
        model: str,
        stored: StoredModel,
        layout: Layout | None,
        buckets: Iterable[StoredBucket],
        *,
        keep_from: Mapping[str, int],
        claim: int,
        evidence: bytes | None = None,
    ) -> None:
        """Store a model's position, counters and changed buckets in one transaction, see :meth:`Step.commit`.

        Raises:
            SupersededError: the model was claimed again since; nothing is stored.
            StateError: the file cannot be written; nothing is stored.
        """
        with self.step(model, claim=claim) as step:
            step.commit(stored, layout, buckets, keep_from=keep_from, evidence=evidence)

    @contextmanager
    def step(self, model: str, *, claim: int) -> Iterator[Step]:
        """Use the file alone for one transaction, which ends with a commit of the model; without one, nothing is stored.

        Raises:
            SupersededError: the model was claimed again since; nothing is stored.
            StateError: the file cannot be used; nothing is stored.
        """
        with self._file.use(writing=True) as connection:
            if self._claims.get(model) != claim:
                raise SupersededError(f"model {model} is watched by another thread now")
            known = self._file.manifests.get(model)
            step = Step(connection, model, Manifest() if known is None else known.copy(), self._layouts.get(model))
            with suppress(_NothingToStore), transaction(connection):
                yield step
                if step.layout is None:
                    raise _NothingToStore
                if known is None:
                    write_meta(connection, "models", sorted({*self._file.manifests, model}))
            if step.layout is not None:
                self._file.manifests[model] = step.manifest
                self._file.damage.pop(model, None)  # its counters tell it from now on
                self._layouts[model] = step.layout

    def keep(self, models: Collection[str]) -> None:
        """Delete all that is stored of other models, which are not configured any more."""
        try:
            with self._file.use() as connection:
                self._claims = {model: claim for model, claim in self._claims.items() if model in models}
                self._drop(connection, (self._file.manifests.keys() | self._file.unusable) - set(models))
        except StateError as error:
            logger.warning("what is stored of models that are not configured any more stays for now: %s", error)

    def _drop(self, connection: sqlite3.Connection, gone: Collection[str]) -> None:
        if not gone:
            return
        manifests, unusable = self._file.manifests, self._file.unusable
        with transaction(connection):
            for model in sorted(gone):
                for statement in _DELETE_MODEL:
                    connection.execute(statement, (model,))
                drop_tables(connection, model)
                logger.info("model %s is not configured any more; what was stored of it is deleted", model)
            write_meta(connection, "models", sorted(manifests.keys() - set(gone)))
            write_meta(connection, "damaged", sorted(unusable - set(gone)))
        unusable.difference_update(gone)
        for model in gone:
            manifests.pop(model, None)

    def backup(self, folder: Path) -> Path:
        """Write a copy of the file as it is now into a folder, in the place of an earlier one; return its path.

        Commits wait for as long as that takes, and nothing else.

        Raises:
            StateError: it cannot be written.
        """
        return self._file.backup(folder)


def _are_whole(rows: Iterable[BucketRow], expected: Manifest) -> bool:
    there = Manifest()
    for row in rows:
        if not row.is_whole:
            return False
        there.add(row)
    return there == expected
