"""What a look at files tells a person: their first rows, and where there are none, why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import polars as pl

from prediction_exporter.config import Files
from prediction_exporter.sources.files.names import ENDINGS
from prediction_exporter.sources.files.readers import ERRORS, CsvReader, Reader
from prediction_exporter.sources.files.store import Found, Store

logger = logging.getLogger(__name__)

#: Warnings that are remembered, so that none is given twice.
MOST_TOLD = 10_000


def words_of(error: BaseException) -> str:
    """Return an error in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def first_rows(reader: Reader, wanted: Collection[str]) -> pl.DataFrame | bytes:
    """Return rows from the beginning of a file; none where these cannot be read."""
    try:
        # The sample of a CSV file holds its names alone.
        return reader.read(0, wanted).rows if isinstance(reader, CsvReader) else reader.sample()
    except ERRORS:
        return pl.DataFrame()


def why_nothing(store: Store, found: Sequence[Found], young: Sequence[Found], files: Files) -> str:
    """Return why no file tells its fields, though none is damaged.

    Args:
        store: where they are.
        found: the files that are data, the oldest first.
        young: those of them that may be written still.
        files: how they are configured.
    """
    if young:
        return f"{store.shown(young[-1])}: may be written still; it is read when it has not changed for {files.settle} (settle)"
    if found:
        return f"{store.shown(found[-1])}: has no rows yet"
    others = store.look()
    if not others:
        return f"{files.shown}: has no files yet"
    data = ", ".join(ENDINGS) if files.format == "auto" else f"what format: {files.format} reads"
    return f"{store.shown(others[0])}: is no data by its name, and neither is any other file here (data are {data})"


class Told:
    """Warns of files, of each about each thing once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def __call__(self, store: Store, file: Found, what: str) -> None:
        """Warn of a file."""
        if (file.path, what) not in self._told:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told.add((file.path, what))
            logger.warning("a file %s", what, extra={"path": store.shown(file)})
