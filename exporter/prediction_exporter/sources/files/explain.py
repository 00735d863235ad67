"""What a look at files tells a person: their first rows, and where there are none, why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from prediction_exporter.config import Files
from prediction_exporter.sources.files.names import ENDINGS
from prediction_exporter.sources.files.parts import Partitions, sample_events
from prediction_exporter.sources.files.readers import ERRORS, CsvReader, Reader
from prediction_exporter.sources.files.store import Found, Store
from prediction_exporter.sources.records.frames import EVERYTHING
from prediction_exporter.sources.records.unfolding import Records


def words_of(error: BaseException) -> str:
    """Return an error in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def first_events(reader: Reader, partitions: Partitions, records: Records) -> list[Mapping[str, Any]]:
    """Return events that have the fields of a file, of the values of CSV only where these are unfolded."""
    unfolds = records.sampling is not None and isinstance(reader, CsvReader)
    return sample_events(reader.read(0, EVERYTHING).rows if unfolds else reader.sample(), partitions, records)


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
