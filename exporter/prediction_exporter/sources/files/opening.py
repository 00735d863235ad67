"""From a file's name to what reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from prediction_exporter.config.values import FileFormat
from prediction_exporter.sources.files.names import form_of
from prediction_exporter.sources.files.readers import CsvReader, LinesReader, ParquetReader, Reader
from prediction_exporter.sources.files.store import Found, Store


def open_reader(store: Store, file: Found, format: FileFormat, null_values: Sequence[str]) -> Reader:  # noqa: A002 - as configured
    """Return the reader of a file that is data by its name.

    Args:
        store: where it is.
        file: the file.
        format: as configured.
        null_values: what CSV has where a value is missing.
    """
    form = form_of(file.path, format)
    if form is None:
        raise AssertionError("only files that are data are found")
    kind, compression = form
    if kind == "parquet":
        return ParquetReader(store.scan(file))
    content = store.open(file, compression)
    lines = partial(CsvReader, null_values=null_values) if kind == "csv" else LinesReader
    try:
        return lines(content, file.size, compressed=compression is not None)
    except BaseException:
        content.close()
        raise
