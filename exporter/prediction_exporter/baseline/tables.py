"""Tables: training or validation data from a file, column by column."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from prediction_exporter.config.predictions import NULL_VALUES
from prediction_exporter.counting.held import Held
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.derived import lists_in, lists_of
from prediction_exporter.sources.fields.names import MAX_LIST, flatten
from prediction_exporter.sources.fields.schema import Path as FieldPath
from prediction_exporter.sources.fields.schema import lookup, path_text
from prediction_exporter.sources.frames import inside
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
        longest: lists of numbers that have more items than are columns, and how many.
        lists: names of lists of numbers whose items are columns; they can be read as a whole too.
        written: what the values of a column of text are in the file, where it says so: in CSV everything is text.
    """

    def __init__(
        self,
        name: str,
        rows: int,
        readers: Mapping[str, Callable[[], pl.Series]],
        refused: Rejected | None = None,
        *,
        written: Mapping[str, Held] | None = None,
        longest: Mapping[str, int] | None = None,
        lists: Mapping[str, Callable[[], pl.Series]] | None = None,
    ) -> None:
        self.name = name
        self.rows = rows
        self._readers = dict(readers)
        self.refused = refused or Rejected()
        self.written = dict(written or {})
        self.longest = dict(longest or {})
        self.lists = dict(lists or {})

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
            return (self._readers.get(name) or self.lists[name])()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise BaselineError(f"{self.name}: column {name} cannot be read: {error}") from error


def read_table(path: Path, null_values: Sequence[str] = NULL_VALUES, *, whole: Collection[str] = ()) -> Table:
    """Open a Parquet, CSV or JSON lines file, told by its name's ending.

    Args:
        path: the file.
        null_values: texts of CSV that mean a missing value.
        whole: columns that are one column each, also where they hold lists, whose items are else.

    Raises:
        BaselineError: the file does not exist, cannot be read, or is of another kind.
    """
    readers: dict[str, Callable[[Path], Table]] = {
        ".parquet": partial(_parquet, whole=whole),
        ".pq": partial(_parquet, whole=whole),
        ".csv": partial(_csv, null_values=null_values),
        ".jsonl": partial(_json_lines, whole=whole),
        ".ndjson": partial(_json_lines, whole=whole),
        ".json": partial(_json_lines, whole=whole),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BaselineError(f"{path}: of an unknown kind; allowed endings: {', '.join(readers)}")
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise BaselineError(f"{path}: cannot be read: {error}") from error


def _parquet(path: Path, *, whole: Collection[str]) -> Table:
    frame = pl.scan_parquet(path, glob=False)
    rows = int(frame.select(pl.len()).collect().item())
    readers: dict[str, Callable[[], pl.Series]] = {}
    longest: dict[str, int] = {}
    lists: dict[str, Callable[[], pl.Series]] = {}
    for name, dtype in frame.collect_schema().items():
        if name in whole:
            readers[name] = partial(_top, frame, name)
            continue
        _add(readers, longest, lists, name, partial(_top, frame, name), dtype)
    return Table(str(path), rows, readers, written=dict.fromkeys(readers, Held.TEXT), longest=longest, lists=lists)


def _add(
    readers: dict[str, Callable[[], pl.Series]],
    longest: dict[str, int],
    lists: dict[str, Callable[[], pl.Series]],
    name: str,
    read: Callable[[], pl.Series],
    dtype: pl.DataType,
) -> None:
    """Add the readers of a column, of each of its fields, or of each of its items if these are numbers."""
    if isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            inner = field.dtype if isinstance(field.dtype, pl.DataType) else field.dtype()
            _add(readers, longest, lists, f"{name}.{field.name}", partial(_struct_field, read, field.name), inner)
    elif isinstance(dtype, pl.List | pl.Array) and _has_numbers(dtype):
        items = int(str(_as_list(read()).list.len().max() or 0))
        if items > 1:
            lists[name] = read
        if items > MAX_LIST:
            longest[name] = items
        for position in range(min(items, MAX_LIST)):
            readers[f"{name}[{position}]"] = partial(_list_item, read, position)
    elif isinstance(dtype, pl.List | pl.Array) and dtype.inner.is_nested():
        sample = _as_list(read()).drop_nulls().head(SAMPLE_LINES).to_list()
        found = flatten([{name: items} for items in sample]) or {name: (name,)}
        readers |= {inner: partial(_inside, read, path) for inner, path in found.items()}
    else:
        readers[name] = read


def _has_numbers(dtype: pl.List | pl.Array) -> bool:
    inner = dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()
    return inner.is_numeric() or inner == pl.Boolean


# By name and not by expression, where a name such as "*" would be a pattern.


def _top(frame: pl.LazyFrame, name: str) -> pl.Series:
    return frame.select(cs.by_name(name)).collect().to_series()


def _struct_field(read: Callable[[], pl.Series], name: str) -> pl.Series:
    return read().struct.unnest().get_column(name)


def _list_item(read: Callable[[], pl.Series], position: int) -> pl.Series:
    return _as_list(read()).list.get(position, null_on_oob=True)


def _inside(read: Callable[[], pl.Series], path: FieldPath) -> pl.Series:
    return inside(read(), path[1:])


def _as_list(column: pl.Series) -> pl.Series:
    return column.arr.to_list() if isinstance(column.dtype, pl.Array) else column


def _same(column: pl.Series) -> pl.Series:
    return column


def _csv(path: Path, *, null_values: Sequence[str]) -> Table:
    fault = _csv_fault(path)
    if fault is not None:
        raise BaselineError(f"{path}: {fault}")
    # As text: the same rules then decide what a number is as for a log. An empty field is a missing value, quoted words are not
    # told from bare ones.
    frame = pl.scan_csv(path, infer_schema=False, glob=False, null_values=list(null_values))
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


def _json_lines(path: Path, *, whole: Collection[str]) -> Table:
    with path.open("rb") as file:
        head = [line for _, line in zip(range(SAMPLE_LINES), file, strict=False)]
    refused = Rejected()
    sample = list(parse_lines(head, Rejected()))
    found = flatten(sample)
    if not found:
        raise BaselineError(f"{path}: has no JSON object among its first {SAMPLE_LINES} lines; write one a line")
    found = _with_whole(found, whole)
    lists = _list_paths(sample, found.values())
    reader = JsonReader({*found.values(), *lists.values()}, {*found.values(), *lists.values()}, lists.values())
    parts: dict[str, list[pl.Series]] = {name: [] for name in found | lists}
    with path.open("rb") as file:
        while lines := file.readlines(CHUNK):
            read, parsed = reader.read(b"".join(lines), refused)
            for name, at in found.items():
                if read is not None:
                    parts[name].append(_as_texts(read[at]).rename("value"))
                if parsed:
                    parts[name].append(texts_of(parsed, at).rename("value"))
            for name, at in lists.items():
                if name in found:
                    continue
                if read is not None:
                    parts[name].append(_as_numbers(lists_of(read[at])[0]))
                if parsed:
                    parts[name].append(_as_numbers(lists_in(lookup(event, at) for event in parsed)[0]))
    columns = {name: pl.concat(series) if series else pl.Series("value", [], pl.String) for name, series in parts.items()}
    rows = len(next(iter(columns.values())))
    readers = {name: partial(_same, columns[name]) for name in found}
    whole = {name: partial(_same, columns[name]) for name in lists if name not in found}
    written = {
        name: held for name, at in found.items() if (held := _written(lookup(event, at) for event in sample)) is not None
    }
    return Table(str(path), rows, readers, refused, written=written, longest=_longest(sample, found.values()), lists=whole)


def _with_whole(found: Mapping[str, FieldPath], whole: Collection[str]) -> dict[str, FieldPath]:
    """Return fields with lists in place of their items, where these are wanted."""
    parents = {name: next((path[:-1] for item, path in found.items() if item.startswith(f"{name}[")), None) for name in whole}
    lists = {name: path for name, path in parents.items() if path is not None}
    items = {item for item in found for name in lists if item.startswith(f"{name}[")}
    return {name: path for name, path in found.items() if name not in items} | lists


def _list_paths(sample: Sequence[Mapping[str, Any]], paths: Collection[FieldPath]) -> dict[str, FieldPath]:
    """Return where lists stand that are fields, or several of whose items are, by their names."""
    among = {path[:-1]: True for path in paths if isinstance(path[-1], int)}
    among |= {path: False for path in paths if not isinstance(path[-1], int)}

    def is_meant(value: Any, *, by_items: bool) -> bool:
        return isinstance(value, list) and (not by_items or (len(value) > 1 and not isinstance(value[0], str)))

    return {
        path_text(path): path
        for path, by_items in among.items()
        if any(is_meant(lookup(event, path), by_items=by_items) for event in sample)
    }


def _as_texts(values: pl.Series) -> pl.Series:
    """Return lists as JSON, and texts as they are."""
    if not isinstance(values.dtype, pl.List):
        return values
    texts = [None if items is None else json.dumps(items.to_list()) for items in values]
    return pl.Series(texts, dtype=pl.String)


def _as_numbers(lists: pl.Series) -> pl.Series:
    """Return lists of texts as lists of numbers, null for each item that is none."""
    return lists.cast(pl.List(pl.Float64), strict=False).rename("value")


def _longest(sample: Sequence[Mapping[str, Any]], paths: Iterable[FieldPath]) -> dict[str, int]:
    """Return the lists that have more items than are columns, and how many."""
    cut = [path[:-1] for path in paths if path[-1] == MAX_LIST - 1]
    lists = {path: [value for event in sample if isinstance(value := lookup(event, path), list)] for path in cut}
    found = {path_text(path): max(map(len, values)) for path, values in lists.items()}
    return {name: items for name, items in found.items() if items > MAX_LIST}


def _written(values: Iterable[Any]) -> Held | None:
    """Return what the values of a field are in JSON, where they are all of one type."""
    types = {type(value) for value in values} - {type(None)}
    kinds: dict[frozenset[type], Held] = {
        frozenset({str}): Held.TEXT,
        frozenset({bool}): Held.BOOLEAN,
        frozenset({int}): Held.NUMBER,
        frozenset({float}): Held.NUMBER,
        frozenset({int, float}): Held.NUMBER,
        frozenset({list}): Held.CONTAINER,
        frozenset({dict}): Held.CONTAINER,
    }
    return kinds.get(frozenset(types))
