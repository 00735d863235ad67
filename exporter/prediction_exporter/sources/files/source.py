"""The files source: a model's predictions in the files of a folder, a partitioned tree or a bucket.

Files are read as they appear, in the order of their times of modification, each row once. What holds:

- A file is known by its path, and was changed when its size or its time of modification (in a bucket: its ETag) differs. One
  that changes after it was read is not read again, as its rows would count twice; that is told. A local file that is renamed
  stays known.
- A CSV or JSON lines file is read when it has not changed for ``settle``. A Parquet file is read when it has its footer.
- A file that cannot be read is tried again while it changes, and for a minute more. Then it is told and counted as
  ``unreadable``; it is tried again when it changes. The others go on meanwhile.
- Files last modified before the longest window are not read: what they hold happened earlier still. This is why the position
  need not remember them, and it is true of files that are copied with their times (``cp -p``, ``rsync -t``) as well. Only where
  times are made up, a file may be left out that holds recent events; one that appears with such a time is told. In a bucket
  the time is that of the upload.
- The values of Hive partitions are columns, as text, and come before what a file itself has under the same name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.errors import ConfigError, SourceError
from prediction_exporter.sources.backoff import Backoff
from prediction_exporter.sources.base import Batch, Look, Rejected
from prediction_exporter.sources.fields.recognise import column_names
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.files.bucket import BucketStore
from prediction_exporter.sources.files.explain import Told, first_rows, why_nothing, words_of
from prediction_exporter.sources.files.ledger import Done, Ledger
from prediction_exporter.sources.files.names import form_of, partitions_of
from prediction_exporter.sources.files.opening import open_reader
from prediction_exporter.sources.files.parts import PartParser, sample_events, schema_of
from prediction_exporter.sources.files.readers import ERRORS, Part, Reader
from prediction_exporter.sources.files.store import FolderStore, Found, Store
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.jsonl import served_of
from prediction_exporter.sources.records.unfolding import Records, refuse_all

logger = logging.getLogger(__name__)

#: Longest window that can be configured, in seconds.
LONGEST_HORIZON = 31 * 86_400.0

#: Added to the longest window: its oldest bucket is kept whole, and clocks differ.
MARGIN_SECONDS = 86_400.0

#: A file that cannot be read, and has not changed for so long, is given up.
GIVE_UP_SECONDS = 60.0

#: Files that are looked into for the fields, the newest first.
SAMPLE_FILES = 20


class FilesSource:
    """Reads the events of one model from files.

    Which field is what is recognised from the newest file that can be read.

    Args:
        predictions: where the files are and how they are read.
        layout: the model's columns; None where only its service is watched.
        where: the place of the model in the configuration, for messages.
        clock: Unix time.
        horizon_seconds: how far back files are read: the longest window, or as long as a prediction waits for its label.
        rereads: whether a file that changed is read again, as rows that come twice count once.
        eligible: tells predictions that can get a label, where their rows decide it.
        kept: what the state file has of records that wait for others; None where files are only looked at.
    """

    def __init__(
        self,
        predictions: Predictions,
        layout: Layout | None,
        *,
        where: str,
        clock: Callable[[], float],
        horizon_seconds: float = LONGEST_HORIZON,
        rereads: bool = False,
        eligible: Filter | None = None,
        kept: Kept | None = None,
    ) -> None:
        if predictions.files is None:
            raise ValueError("these predictions are in no files")
        self._predictions, self._files = predictions, predictions.files
        self._layout, self._where = layout, where
        self._clock = clock
        self._horizon = horizon_seconds + MARGIN_SECONDS
        self._rereads = rereads
        # Only looking into a bucket costs those who run it anything.
        self._backoff = Backoff(first=1.0 if self._files.in_bucket else 0.0, clock=clock)
        self._problem = ""
        self._store: Store | None = None
        self._ledger = Ledger()
        self._looked, self._found = float("-inf"), list[Found]()
        self._since: dict[str, tuple[str, float]] = {}  # since when a file has been seen unchanged
        self._failing: dict[str, tuple[str, float]] = {}  # since when which version of a file could not be read
        self._left: dict[str, int] = {}  # bytes that are unread, by path
        self._tell = Told()
        self._reader: tuple[Found, Reader] | None = None
        self._parser: PartParser | None = None
        self.schema: EventSchema | None = None
        self._records, self._eligible = Records(predictions, layout, clock=clock, kept=kept), eligible
        self.pending = self._records.halves
        self.seen = FieldsSeen(predictions.fields, self._records.passed, self._records.places)
        self.refills = False

    @property
    def name(self) -> str:
        """What the source reads, for people and for telling whether a stored position belongs to it."""
        return self._files.shown

    def restore(self, position: str | None) -> None:
        """Continue from a position that ``position`` returned, or start as configured where it is None."""
        self._ledger = Ledger() if position is None else Ledger.from_text(position)
        self._records.restore(resumed=position is not None)

    def position(self) -> str:
        """Return the position behind the last yielded batch."""
        return self._ledger.to_text()

    def reached(self) -> str:
        """Return how many files are done with, and how many are not."""
        entries = self._ledger.entries.values()
        return f"{sum(entry.at < 0 for entry in entries)} files read, {sum(entry.at >= 0 for entry in entries)} in part"

    def lag_bytes(self) -> int:
        """Return how many bytes of the files are known and not yet read."""
        return sum(self._left.values())

    def close(self) -> None:
        """Close the file that is being read."""
        if self._reader is not None:
            self._reader[1].close()
            self._reader = None

    def poll(self) -> Iterator[Batch]:
        """Yield what the files hold now, a part at a time.

        Raises:
            SourceError: the place cannot be read, or none of the files in it. A bucket is then left alone for a while, in which
                the error is raised without trying.
            ConfigError: the files do not tell which field is what.
        """
        if not self._backoff.wait_over():
            raise SourceError(self._problem)
        began = self._clock()
        try:
            yield from self._poll()
        except SourceError as error:
            self._problem = str(error)
            self._backoff.failed()
            raise
        self._backoff.succeeded()
        yield from self._records.expired(began)

    def look(self) -> Look:
        """Return which field is what by a look that reads nothing, and why not where no file tells.

        Raises:
            SourceError: the place cannot be read.
            ConfigError: the files do not tell which field is what.
        """
        store = self._place()
        found = self._list(store)
        problems: dict[str, str] = {}
        sampled = self._recognise(store, found, problems)
        joined, missed = self._records.sampled()
        unread = tuple(f"{path}: cannot be read: {problem}" for path, problem in problems.items())
        if sampled is None or self._parser is None:
            young = [file for file in found if not self._is_whole(store, file)]
            remarks = () if unread or missed or self.seen.unseen() else (why_nothing(store, found, young, self._files),)
            return Look(faults=unread, remarks=remarks, unseen=(*self.seen.unseen(), *missed))
        file, events = sampled
        rows = first_rows(self._open(store, file), self._parser.wanted)
        self.close()
        looked = self._parser.look_again(events) if joined else self._parser.look(rows, partitions_of(file.path))
        return Look(
            schema=self.schema,
            place=store.shown(file),
            batch=looked.batch,
            unfolded=looked.unfolded,
            fields=column_names(events, self._predictions.fields, where=f"{self._where}.{self._predictions.SECTION}.fields"),
            remarks=(*unread, *self.seen.remarks(events)),
            unseen=(*self.seen.unseen(), *missed),
            joined=joined,
        )

    def _place(self) -> Store:
        if self._store is None:
            url = self._files.path
            self._store = BucketStore(url, self._files.s3) if self._files.in_bucket else FolderStore(url)
        return self._store

    def _poll(self) -> Iterator[Batch]:
        store = self._place()
        if not 0 <= self._clock() - self._looked < store.look_seconds:
            self._update(store, self._list(store))
        if self._parser is None:
            self._recognise(store, self._found, {})  # what cannot be read is told where it is read
        denied: dict[str, OSError] = {}
        pending = self._pending(store)
        for file, offset in pending:
            yield from self._read(store, file, offset, denied)
        if denied and len(denied) == len(pending):
            path, error = next(iter(denied.items()))
            raise SourceError(f"cannot read {path}: {error.strerror or error}")

    # What is there

    def _list(self, store: Store) -> list[Found]:
        """Return the files that are data, the oldest first."""
        found = [file for file in store.look() if self._is_data(store, file)]
        return sorted(found, key=lambda file: (file.modified, file.path))

    def _is_data(self, store: Store, file: Found) -> bool:
        if form_of(file.path, self._files.format) is None:
            return False
        try:
            file.path.encode()
        except UnicodeEncodeError:  # the libraries take only text for names
            self._tell(store, file, "has a name that is no UTF-8, and is not read")
            return False
        return True

    def _update(self, store: Store, found: list[Found]) -> None:
        """Take in what there is now."""
        now = self._clock()
        before, first = {file.path for file in self._found}, self._looked == float("-inf")
        self._looked, self._found = now, found
        ledger = self._ledger
        ledger.advance(now, self._horizon, found)
        for file in ledger.follow_renames(found):
            logger.info("a file was renamed", extra={"path": store.shown(file)})
        if not ledger.looked and self._files.start == "end":
            for file in found:
                if file.modified >= ledger.floor:
                    ledger.note(file, Done.READ)
        ledger.looked = True
        since = {file.path: self._since.get(file.path, (file.version, now)) for file in found}
        self._since = {f.path: since[f.path] if since[f.path][0] == f.version else (f.version, now) for f in found}
        old = [file for file in found if file.modified < ledger.floor and file.path not in ledger.entries]
        if first and old:
            logger.info("%d files are from before the longest window and are not read", len(old), extra={"path": self.name})
        for file in old:
            if not first and file.path not in before:
                self._tell(
                    store, file, "appeared with a time from before the longest window, and is not read; touch it if it is new"
                )
        there = {file.path for file in found}
        self._failing = {path: since for path, since in self._failing.items() if path in there}
        for path, entry in ledger.entries.items():
            if entry.at >= 0 and path not in there:
                gone = Found(path, 0, entry.modified, entry.version)
                self._tell(store, gone, "is gone before it was read to its end; its rest is not counted")

    def _pending(self, store: Store) -> list[tuple[Found, int]]:
        """Return the files to be read and from which offset on, the oldest first."""
        pending = []
        for file in self._found:
            entry = self._ledger.entries.get(file.path)
            if entry is None:
                if file.modified >= self._ledger.floor:
                    pending.append((file, 0))
            elif entry.version == file.version:
                if entry.at >= 0:
                    pending.append((file, entry.at))
            elif self._rereads or entry.at == Done.GIVEN_UP:
                pending.append((file, 0))
            else:
                self._tell(store, file, "changed after it was read, and is not read again; write predictions to new files")
                self._ledger.note(file, Done.READ)
        self._left = {file.path: self._left.get(file.path, file.size) for file, _ in pending}
        return pending

    def _is_settled(self, store: Store, file: Found, seconds: float) -> bool:
        """Return whether a file has not changed for so long, by its own time or by ours: their clocks may differ."""
        now = self._clock()
        return store.atomic or now - file.modified / 1e9 >= seconds or now - self._since.get(file.path, ("", now))[1] >= seconds

    # Reading

    def _open(self, store: Store, file: Found) -> Reader:
        """Return the reader of a file; it stays open from poll to poll, as going back in a compressed file takes long."""
        if self._reader is not None and self._reader[0] == file:
            return self._reader[1]
        self.close()
        reader = open_reader(store, file, self._files.format, self._predictions.null_values)
        self._reader = (file, reader)
        return reader

    def _is_whole(self, store: Store, file: Found) -> bool:
        """Return whether a file may be read; a Parquet file tells itself."""
        form = form_of(file.path, self._files.format)
        return (form is not None and form[0] == "parquet") or self._is_settled(store, file, self._files.settle.seconds)

    def _recognise(
        self, store: Store, found: list[Found], problems: dict[str, str]
    ) -> tuple[Found, Sequence[Mapping[str, Any]]] | None:
        """Recognise fields by the newest file that tells them and return it; note what cannot be read on the way."""
        self._records.begin_sample()
        for file in [file for file in reversed(found) if self._is_whole(store, file)][:SAMPLE_FILES]:
            try:
                sample = sample_events(self._open(store, file), partitions_of(file.path), self._records)
            except ERRORS as error:
                problems[store.shown(file)] = words_of(error)
                continue
            finally:
                self.close()
            if not sample:
                continue
            predictions, where = self._predictions, f"{self._where}.{self._predictions.SECTION}.fields"
            try:
                self.schema = schema_of(sample, predictions, self._layout, where=where)
            except ConfigError as error:
                raise ConfigError(f"{store.shown(file)}: {error}") from error
            self._parser = PartParser(self.schema, sample, clock=self._clock, records=self._records, eligible=self._eligible)
            self.seen.count(served_of(sample, self.schema), self.schema, has_values=len(sample) > 1)
            return file, sample
        refuse_all(self._records.refused, self._files.shown)
        return None

    def _read(self, store: Store, file: Found, offset: int, denied: dict[str, OSError]) -> Iterator[Batch]:
        """Yield a file from an offset on."""
        if not self._is_whole(store, file):
            return
        partitions = partitions_of(file.path)
        while True:
            try:
                reader = self._open(store, file)
                if self._parser is None:
                    self.close()
                    return
                part = reader.read(offset, self._parser.wanted)
                batches = self._parser.parse(part.rows, partitions)
                batch = next(batches)
            except ERRORS as error:
                self._records.undo()
                self.close()
                yield from self._cannot_read(store, file, offset, error, denied)
                return
            if store.version(file) != file.version:
                self._records.undo()
                self.close()  # changed or gone under our eyes; the next look settles it
                return
            if offset == 0:  # another file may have other columns
                self.seen.count(*self._parser.first(part.rows, partitions), has_names=False)
            for following in batches:  # of records with many predictions, whose end is that of the part
                yield batch
                batch = following
            batch.rejected.merge(part.rejected)
            offset = part.end
            self._note(file, part)
            if batch.events or batch.rejected.total or batch.skipped or self.pending is not None:
                yield batch
            if part.last:
                return

    def _note(self, file: Found, part: Part) -> None:
        """Note how far a file is read."""
        self._ledger.note(file, Done.READ if part.last else part.end)
        self._left[file.path] = int(file.size * (1 - part.share))
        if part.last:
            self.close()
            self._left.pop(file.path)
            self._failing.pop(file.path, None)

    def _cannot_read(
        self, store: Store, file: Found, offset: int, error: BaseException, denied: dict[str, OSError]
    ) -> Iterator[Batch]:
        """Leave a file alone for now, or give it up."""
        if store.version(file) != file.version:
            return
        problem = store.problem(error)
        if problem is not None:
            raise problem from error
        words = words_of(error)
        if isinstance(error, OSError) and error.errno is not None:  # nothing is wrong with its content
            denied[store.shown(file)] = error
            self._tell(store, file, f"cannot be read, and is tried again: {error.strerror or words}")
            return
        now = self._clock()
        version, since = self._failing.get(file.path, ("", now))
        if version != file.version:
            since = now
            self._failing[file.path] = (file.version, now)
        if not (now - since >= GIVE_UP_SECONDS or (not store.atomic and self._is_settled(store, file, GIVE_UP_SECONDS))):
            return
        del self._failing[file.path]
        rejected = Rejected()
        rejected.add("unreadable", example=f"{store.shown(file)}: {words}")
        logger.warning("a file is left out, it cannot be read: %s", words, extra={"path": store.shown(file), "offset": offset})
        self._ledger.note(file, Done.READ if offset else Done.GIVEN_UP)
        self._left.pop(file.path, None)
        yield Batch((), rejected)
