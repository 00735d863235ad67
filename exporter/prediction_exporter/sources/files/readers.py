"""Readers: a file's rows from an offset on, in parts of bounded size."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl
import polars.selectors as cs

from prediction_exporter.sources.base import EXAMPLE_BYTES, Rejected
from prediction_exporter.sources.content import Content
from prediction_exporter.sources.cutting import runs
from prediction_exporter.sources.sizes import end_of_lines, rows_at_a_time

#: Bytes of CSV and JSON lines that are read at a time, and of those that fields are recognised by.
CHUNK_BYTES = 8 << 20
SAMPLE_BYTES = 256 << 10

#: The name of a column that is read for the number of rows alone.
NOTHING = "\0"

#: Longest line of JSON, and longest record of CSV.
MAX_LINE_BYTES = 1 << 20

#: How files begin that are compressed: gzip, Zstandard, zip.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")

#: What some write before a CSV's header, and Azure's exports before their first record again (azure-sdk-for-net issue 34129).
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Most values of a Parquet file that are read at a time, and most rows: many, as each slice of a row group costs its beginning
#: again. Powers of two divide the row groups of most writers.
PART_VALUES = 1 << 22
PART_ROWS = 1 << 18
LEAST_ROWS = 1 << 10

#: Items that a list is taken to have, whose length no schema tells.
LIST_VALUES = 16


class DamagedError(Exception):
    """A file cannot be read from here on, or not yet."""


@dataclass(slots=True)
class Part:
    """Rows of a file.

    Attributes:
        rows: a frame, or JSON lines.
        end: the offset behind them.
        last: whether nothing follows.
        share: about which share of the file lies before ``end``.
        rejected: what is no row.
    """

    rows: pl.DataFrame | bytes
    end: int
    last: bool
    share: float
    rejected: Rejected = field(default_factory=Rejected)


class Reader(Protocol):
    """An open file.

    What a file that cannot be read raises is in :data:`ERRORS`.
    """

    def sample(self) -> pl.DataFrame | bytes:
        """Return the first rows, with all columns."""

    def read(self, offset: int, wanted: Collection[str]) -> Part:
        """Return the rows from an offset on, of the columns that are wanted and there."""

    def close(self) -> None:
        """Release what is open."""


#: What a file raises that is damaged, not whole, or not to be read.
ERRORS = (OSError, DamagedError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


class ParquetReader:
    """Reads a Parquet file in slices of rows.

    The library's own batches hold several row groups at a time, whose size is the writer's choice; a slice decodes only its own
    pages.
    """

    def __init__(self, scan: pl.LazyFrame) -> None:
        self._scan = scan
        self._values = {name: _values_of(dtype) for name, dtype in scan.collect_schema().items()}
        self._total = int(scan.select(pl.len()).collect().item())

    def sample(self) -> pl.DataFrame:
        """Return the first rows."""
        return self._scan.head(100).collect()

    def read(self, offset: int, wanted: Collection[str]) -> Part:
        """Return a slice of rows. Offsets are rows."""
        # Without any column a frame would have no rows.
        names = [name for name in self._values if name in wanted] or list(self._values)[:1]
        values = sum(self._values[name] for name in names)
        rows = rows_at_a_time(max(values, len(wanted)), most=PART_VALUES)  # what is missing is counted too
        rows = min(max(1 << max(rows.bit_length() - 1, 0), LEAST_ROWS), PART_ROWS)
        rows -= offset % rows  # slices begin where row groups do, also after the columns have changed
        end = min(offset + rows, self._total)
        if end <= offset:
            return Part(pl.DataFrame(), offset, last=True, share=1.0)
        # By name and not by expression, where a name such as "*" would be a pattern.
        frame = self._scan.select(cs.by_name(names)).slice(offset, end - offset).collect()
        if len(frame) != end - offset:
            raise DamagedError(f"has {self._total} rows by its footer, and ends before row {end}")
        return Part(frame, end, last=end == self._total, share=end / self._total)

    def close(self) -> None:
        """Nothing is open between slices."""


def _values_of(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> int:
    """Return about how many values stand in a row of a type."""
    if isinstance(dtype, pl.Struct):
        return sum(_values_of(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.Array):
        return dtype.size * _values_of(dtype.inner)
    if isinstance(dtype, pl.List):
        return LIST_VALUES * _values_of(dtype.inner)
    return 1


class _BytesReader:
    """Reads a file of lines in windows. Offsets are bytes, after decompression."""

    def __init__(self, content: Content, size: int, *, compressed: bool) -> None:
        self._content = content
        self._size = size
        self._compressed = compressed
        self._chunk = CHUNK_BYTES

    def _head(self, length: int) -> tuple[bytes, bool]:
        """Return the first bytes and whether they are all; what is wrong further on does not matter yet."""
        window = self._content.read_at(0, length)
        return window, len(window) < length

    def _window(self, offset: int, length: int) -> tuple[bytes, bool, str | None]:
        """Return bytes, whether they are the last ones, and what is wrong with those that should follow."""
        window = self._content.read_at(offset, length)
        if not self._compressed:
            last = offset + len(window) >= self._size
            return window, last, None if last or len(window) == length else f"ends before byte {self._size}"
        if len(window) == length:
            return window, False, None
        if not self._content.complete:
            return window, False, "its compressed data ends in the middle"
        damage = getattr(self._content, "damage", None)
        return window, damage is None, None if damage is None else f"its compressed data is damaged: {damage}"

    def _cut(self, window: bytes, columns: int) -> bytes:
        """Return as many of a window's lines as may be parsed at a time; the next window will be no longer than it takes."""
        end = end_of_lines(window, rows_at_a_time(columns))
        self._chunk = min(max(2 * end, 2 * MAX_LINE_BYTES), CHUNK_BYTES)
        return window if end == len(window) else window[:end]

    def _share(self, end: int) -> float:
        return min(end / self._size, 1.0) if self._size and not self._compressed else 0.0

    def close(self) -> None:
        """Close the file."""
        self._content.close()


class LinesReader(_BytesReader):
    """Reads JSON lines."""

    def sample(self) -> bytes:
        """Return the first lines."""
        window, last = self._head(SAMPLE_BYTES)
        return window if last else window[: window.rfind(b"\n") + 1]

    def read(self, offset: int, wanted: Collection[str]) -> Part:
        """Return whole lines; those that are too long are counted and skipped."""
        whole, last, problem = self._window(offset, self._chunk)
        window = self._cut(whole, len(wanted))
        if len(window) < len(whole):
            last, problem = False, None
        size, end = len(window), offset
        if last and window and not window.endswith(b"\n"):
            window += b"\n"
        pieces, rejected = [], Rejected()
        for run in runs(window, 0, limit=MAX_LINE_BYTES, skipping=False):
            end = offset + min(run.end, size)  # without the newline that was added
            if not run.oversized:
                pieces.append(window[run.begin : run.end])
                continue
            rejected.add("oversized", example=window[run.begin : run.begin + EXAMPLE_BYTES])
            if run.opens:
                end = self._line_end(offset + size)
        if problem is not None and end == offset:
            raise DamagedError(problem)
        done = last and end >= offset + size
        return Part(b"".join(pieces), end, last=done, share=self._share(end), rejected=rejected)

    def _line_end(self, offset: int) -> int:
        """Return where the line ends that an offset lies in."""
        while True:
            window, last, problem = self._window(offset, CHUNK_BYTES)
            newline = window.find(b"\n")
            if newline >= 0:
                return offset + newline + 1
            offset += len(window)
            if last or problem is not None:
                return offset


class CsvReader(_BytesReader):
    """Reads CSV as text: comma, double quotes, a header. An empty field is null, and so is one of ``null_values``."""

    def __init__(self, content: Content, size: int, *, compressed: bool, null_values: Sequence[str] = ()) -> None:
        super().__init__(content, size, compressed=compressed)
        self._null_values = list(null_values)
        window, last = self._head(MAX_LINE_BYTES)
        self._begin = _record_end(window) or (len(window) if last else 0)
        header = window[: self._begin]
        if window.startswith(_COMPRESSED):  # polars would take it for a header, and what follows for no rows at all
            raise DamagedError("is compressed, and its name does not say so")
        if window and not self._begin:
            raise DamagedError(f"has no header in its first {MAX_LINE_BYTES >> 20} MiB")
        self._names = pl.read_csv(io.BytesIO(header), infer_schema=False).columns if header.strip() else []

    def sample(self) -> pl.DataFrame:
        """Return a row of nothing: the names are all that CSV tells."""
        return pl.DataFrame([pl.Series(name, [None], pl.String) for name in self._names])

    def read(self, offset: int, wanted: Collection[str]) -> Part:
        """Return whole records; those with too many fields, with odd quotes or not in UTF-8 are counted and skipped."""
        offset = max(offset, self._begin)
        whole, last, problem = self._window(offset, self._chunk)
        if problem is not None and b"\n" not in whole:
            raise DamagedError(problem)
        window = self._cut(whole, len(wanted))
        if len(window) < len(whole):
            window, last = (window, False) if _record_end(window) else (whole, last)  # its first record is one of many lines
        end = len(window) if last else _last_record_end(window)
        rejected = Rejected()
        columns = {str(at): name for at, name in enumerate(self._names) if name in wanted} or {"0": NOTHING}
        data = window[:end].strip(b"\r\n").removeprefix(_BYTE_ORDER_MARK)
        frames = list(self._frames(data, list(columns), rejected)) if self._names else []
        frame = pl.concat(frames).rename(columns) if frames else pl.DataFrame()
        return Part(frame, offset + end, last=last, share=self._share(offset + end), rejected=rejected)

    def _frames(self, data: bytes, columns: list[str], rejected: Rejected) -> Iterator[pl.DataFrame]:
        """Yield records as frames whose columns are called by their positions; divide what is refused to find the fault."""
        if not data:
            return
        frame = self._frame(data, columns)
        if frame is not None:
            yield frame
            return
        halves = _halves(data)
        if halves is None:
            rejected.add("malformed" if _is_text(data) else "encoding", example=data[:EXAMPLE_BYTES])
            return
        for half in halves:
            yield from self._frames(half, columns, rejected)

    def _frame(self, data: bytes, columns: list[str]) -> pl.DataFrame | None:
        """Return records as a frame, or None where they are not all records."""
        if data.count(b'"') % 2:  # polars takes all that follows an open quote for its field
            return None
        header = ",".join(str(at) for at in range(len(self._names))).encode() + b"\n"
        try:
            return pl.read_csv(io.BytesIO(header + data), infer_schema=False, columns=columns, null_values=self._null_values)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _record_end(window: bytes) -> int:
    """Return where the first record of CSV ends; 0 where it does not."""
    end, quotes = 0, 0
    while (newline := window.find(b"\n", end)) >= 0:
        quotes += window.count(b'"', end, newline)
        end = newline + 1
        if quotes % 2 == 0:
            return end
    return 0


def _last_record_end(window: bytes) -> int:
    """Return where the last whole record ends of a window that begins with one.

    A newline between quotes is a part of its field. Where quotes are odd for longer than a record may be, one of them is a
    stray; then the lines count.
    """
    newline, quotes = window.rfind(b"\n"), window.count(b'"')
    end = len(window)
    while newline >= 0 and newline > len(window) - MAX_LINE_BYTES:
        quotes -= window.count(b'"', newline, end)
        if quotes % 2 == 0:
            return newline + 1
        end = newline
        newline = window.rfind(b"\n", 0, newline)
    return window.rfind(b"\n") + 1 or len(window)


def _halves(data: bytes) -> tuple[bytes, bytes] | None:
    """Divide records near the middle: between two of them, else between two lines; None where there is but one line."""
    middle = len(data) // 2
    newline = data.find(b"\n", middle)
    while newline >= 0 and data.count(b'"', 0, newline) % 2:
        newline = data.find(b"\n", newline + 1)
    if newline < 0:
        newline = data.rfind(b"\n", 0, middle)
        while newline >= 0 and data.count(b'"', 0, newline) % 2:
            newline = data.rfind(b"\n", 0, newline)
    if newline < 0:
        newline = data.find(b"\n")
    return None if newline < 0 else (data[:newline], data[newline + 1 :])
