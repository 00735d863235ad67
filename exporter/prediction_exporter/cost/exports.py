"""Billing exports in a folder or a bucket: each file is read once, and again when it has changed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from prediction_exporter.config import Focus
from prediction_exporter.cost.bill import Charges
from prediction_exporter.cost.focus import NULLS, Columns, Export
from prediction_exporter.cost.months import DAY, month_of
from prediction_exporter.errors import SourceError
from prediction_exporter.logs import Quiet
from prediction_exporter.sources.files.bucket import BucketStore
from prediction_exporter.sources.files.names import form_of
from prediction_exporter.sources.files.readers import ERRORS, CsvReader, ParquetReader, Reader
from prediction_exporter.sources.files.store import FolderStore, Found, Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a version of a file holds."""

    version: str
    modified: int
    export: Export


class Exports:
    """The files of a billing export. One thread uses it at a time.

    Args:
        model: its name, for messages.
        focus: where they are, and which rows are the model's.
    """

    def __init__(self, model: str, focus: Focus) -> None:
        self._model = model
        self._focus = focus
        self._store: Store | None = None
        self._read: dict[str, _Read] = {}
        self._quiet = Quiet()

    def charges(self) -> Charges:
        """Return the model's charges of all files.

        Raises:
            SourceError: there is no file, or one cannot be read: a sum without it would be too small.
        """
        store = self._place()
        files = [file for file in store.look() if (form := form_of(file.path, "auto")) is not None and form[0] != "jsonl"]
        if not files:
            raise SourceError(f"{self._focus.path}: there is no billing export: no file that ends in .csv, .csv.gz or .parquet")
        for file in files:
            known = self._read.get(file.path)
            if known is None or known.version != file.version:
                self._read[file.path] = _Read(file.version, file.modified, self._export(store, file))
        self._read = {file.path: self._read[file.path] for file in files}
        found = Charges()
        for path, periods in self._counted().items():
            export = self._read[path].export
            if periods is None or periods or not export.periods:  # what was written anew is not told of any more
                found.add(export.charges, periods=periods)
        self._tell(found)
        return found

    def _place(self) -> Store:
        if self._store is None:
            focus = self._focus
            self._store = BucketStore(focus.path, focus.s3) if focus.in_bucket else FolderStore(focus.path)
        return self._store

    def _export(self, store: Store, file: Found) -> Export:
        shown = store.shown(file)
        try:
            reader = _reader(store, file)
            try:
                export = self._rows(reader)
            finally:
                reader.close()
        except SourceError as error:
            raise SourceError(f"{shown}: {error}") from error
        except ERRORS as error:
            problem = store.problem(error)
            first = str(error).strip().partition("\n")[0]
            raise problem or SourceError(f"{shown} cannot be read: {first[:300]}") from error
        if store.version(file) != file.version:
            raise SourceError(f"{shown} changed while it was read, and is read again")
        return export

    def _rows(self, reader: Reader) -> Export:
        sample = reader.sample()
        columns = Columns([] if isinstance(sample, bytes) else sample.columns, self._focus)
        export = Export(self._focus, columns)
        offset, last = 0, False
        while not last:
            part = reader.read(offset, columns.wanted)
            if not isinstance(part.rows, bytes):
                export.add(part.rows)
            for count in part.rejected.counts.values():  # a record that cannot be read may have been the model's
                export.charges.refuse("amount", count)
            offset, last = part.end, part.last
        return export

    def _counted(self) -> dict[str, set[str] | None]:
        """Return the files that count, and of which billing months; None for all."""
        if self._focus.deliveries == "all":
            return dict.fromkeys(self._read)
        newest: dict[str, tuple[int, str]] = {}
        for path, read in self._read.items():
            for period in read.export.periods:
                newest[period] = max(newest.get(period, (0, "")), (read.modified, _folder(path)))
        return {
            path: {period for period in read.export.periods if newest[period][1] == _folder(path)}
            for path, read in self._read.items()
        }

    def _tell(self, found: Charges) -> None:
        """Warn of what a person would want to know: nothing is the model's, or a month seems to count twice."""
        if not found.count and not found.refused and self._quiet.lets("nothing"):
            keys = sorted({key for read in self._read.values() for key in read.export.keys})
            hint = f"; charges have the tags {', '.join(keys[:10])}" if keys else ""
            unread = next((read.export.unread for read in self._read.values() if read.export.unread), None)
            hint += f"; these are no tags: {unread}" if unread else ""
            logger.warning("model %s: no charge of the bill is the model's, by tags and resource_ids%s", self._model, hint)
        if self._focus.deliveries == "all":
            folders: dict[int, set[str]] = {}
            for path, read in self._read.items():
                for day in read.export.charges.ends:
                    folders.setdefault(day, set()).add(_folder(path))
            twice = next((day for day, of in folders.items() if len(of) > 1), None)
            if twice is not None and self._quiet.lets("twice"):
                logger.warning(
                    "model %s: charges of the same days of %s stand in several folders, which are all counted; where the "
                    "export writes the month again and again into new ones, set deliveries: newest",
                    self._model,
                    month_of(twice * DAY),
                )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _reader(store: Store, file: Found) -> Reader:
    form = form_of(file.path, "auto")
    if form is None or form[0] == "parquet":
        return ParquetReader(store.scan(file))
    return CsvReader(store.open(file, form[1]), file.size, compressed=form[1] is not None, null_values=NULLS)
