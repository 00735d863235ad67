"""Tables: training or validation data from a file, column by column."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars as pl
import polars.selectors as cs

from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields.names import MAX_LIST, flatten
from prediction_exporter.sources.json_reader import JsonReader, parse_lines
from prediction_exporter.sources.jsonl import texts_of

#: Bytes of JSON lines that are parsed at a time, and lines whose fields are looked at first.
CHUNK = 16 << 20
SAMPLE_LINES = 1000

#: Bytes of a CSV file's first line that are looked at, and what it begins with where the file is something else.
LONGEST_HEADER = 1 << 20
OTHER_KINDS = {
    b"PAR1": "is a Parquet file; its name must end in .parquet",
    codecs.BOM_UTF16_LE: "is UTF-16 text; write it as UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16 text; write it as UTF-8",
}

#: What may stand between columns where no comma does, and what gzip, zstd and zlib begin with.
SEPARATORS = {b";": "semicolons", b"\t": "tabs", b"|": "bars"}
COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


class Table:
    """Columns of a file by name; nested ones are named as configuration writes them (``features.amount``, ``scores[0]``).

    Attributes:
        name: the file, for messages.
        rows: number of rows.
        columns: names of the columns.
        refused: lines that are no rows, by reason; only JSON lines have any.
    """

    def __init__(
        self, name: str, rows: int, readers: Mapping[str, Callable[[], pl.Series]], refused: Rejected | None = None
    ) -> None:
        self.name = name
        self.rows = rows
        self._readers = dict(readers)
        self.refused = refused or Rejected()

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order of the file."""
        return list(self._readers)

    def column(self, name: str) -> pl.Series:
        """Read one column.

        Raises:
            BaselineError: the file cannot be read.
        """
        try:
            return self._readers[name]()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise BaselineError(f"{self.name}: column {name} cannot be read: {error}") from error


def read_table(path: Path) -> Table:
    """Open a Parquet, CSV or JSON lines file, told by its name's ending.

    Raises:
        BaselineError: the file does not exist, cannot be read, or is of another kind.
    """
    readers = {
        ".parquet": _parquet,
        ".pq": _parquet,
        ".csv": _csv,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json_lines,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BaselineError(f"{path}: of an unknown kind; allowed endings: {', '.join(readers)}")
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise BaselineError(f"{path}: cannot be read: {error}") from error


def _parquet(path: Path) -> Table:
    frame = pl.scan_parquet(path, glob=False)
    rows = int(frame.select(pl.len()).collect().item())
    readers: dict[str, Callable[[], pl.Series]] = {}
    for name, dtype in frame.collect_schema().items():
        _add(readers, name, partial(_top, frame, name), dtype)
    return Table(str(path), rows, readers)


def _add(readers: dict[str, Callable[[], pl.Series]], name: str, read: Callable[[], pl.Series], dtype: pl.DataType) -> None:
    """Add the readers of a column, of each of its fields, or of each of its items."""
    if isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            inner = field.dtype if isinstance(field.dtype, pl.DataType) else field.dtype()
            _add(readers, f"{name}.{field.name}", partial(_struct_field, read, field.name), inner)
    elif isinstance(dtype, pl.List | pl.Array):
        longest = _as_list(read()).list.len().max() or 0
        for position in range(min(int(str(longest)), MAX_LIST)):
            readers[f"{name}[{position}]"] = partial(_list_item, read, position)
    else:
        readers[name] = read


# By name and not by expression, where a name such as "*" would be a pattern.


def _top(frame: pl.LazyFrame, name: str) -> pl.Series:
    return frame.select(cs.by_name(name)).collect().to_series()


def _struct_field(read: Callable[[], pl.Series], name: str) -> pl.Series:
    return read().struct.unnest().get_column(name)


def _list_item(read: Callable[[], pl.Series], position: int) -> pl.Series:
    return _as_list(read()).list.get(position, null_on_oob=True)


def _as_list(column: pl.Series) -> pl.Series:
    return column.arr.to_list() if isinstance(column.dtype, pl.Array) else column


def _same(column: pl.Series) -> pl.Series:
    return column


def _csv(path: Path) -> Table:
    fault = _csv_fault(path)
    if fault is not None:
        raise BaselineError(f"{path}: {fault}")
    # As text: the same rules then decide what a number is as for a log. An empty field is a missing value.
    frame = pl.scan_csv(path, infer_schema=False, glob=False)
    names = frame.collect_schema().names()
    rows = int(frame.select(pl.len()).collect().item())
    return Table(str(path), rows, {name: partial(_top, frame, name) for name in names})


def _csv_fault(path: Path) -> str | None:
    """Return what a file is whose first line is no header of CSV; it would be taken for columns of odd names."""
    with path.open("rb") as file:
        header = file.readline(LONGEST_HEADER)
    if header.startswith(COMPRESSED):  # what reads CSV reads it too
        return None
    kind = next((kind for magic, kind in OTHER_KINDS.items() if header.startswith(magic)), None)
    if kind is not None or b"\0" in header:
        return kind or "is no text"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(header)
    except UnicodeDecodeError:
        return "is no UTF-8 text by its first line; write it as UTF-8"
    other = next((name for mark, name in SEPARATORS.items() if mark in header), None)
    if other is None or b"," in header:
        return None
    return f"has {other} between the names of its columns; write it with commas, and numbers with a decimal point"


def _json_lines(path: Path) -> Table:
    with path.open("rb") as file:
        head = [line for _, line in zip(range(SAMPLE_LINES), file, strict=False)]
    refused = Rejected()
    found = flatten(parse_lines(head, Rejected()))
    if not found:
        raise BaselineError(f"{path}: has no JSON object among its first {SAMPLE_LINES} lines; write one a line")
    reader = JsonReader(found.values(), found.values())
    parts: dict[str, list[pl.Series]] = {name: [] for name in found}
    with path.open("rb") as file:
        while lines := file.readlines(CHUNK):
            frame, parsed = reader.read(b"".join(lines), refused)
            for name, at in found.items():
                if frame is not None:
                    parts[name].append(frame[reader.names[at]].rename("value"))
                if parsed:
                    parts[name].append(texts_of(parsed, at).rename("value"))
    columns = {name: pl.concat(series) if series else pl.Series("value", [], pl.String) for name, series in parts.items()}
    rows = len(next(iter(columns.values())))
    return Table(str(path), rows, {name: partial(_same, column) for name, column in columns.items()}, refused)
