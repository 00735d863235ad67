"""The lines of a log that pass ``predictions.where``, taken out before the fields of an event are read.

Other lines of a log may hold anything under the names of an event's fields, for which polars would refuse the chunk. Here only
the fields of the filter are read, as text, which any value is.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Any, Protocol

import polars as pl

from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.frames import value_at
from prediction_exporter.sources.json_reader import (
    RELEARN_RATIO,
    JsonReader,
    divide,
    nested_dtypes,
    parse_lines,
    quote_words,
    read_lines,
    sift,
)

#: Share of lines that pass from which on all are read as events, and the others left out then.
MOSTLY = 0.6


Fields = dict[Path, pl.Series]
Parsed = list[Mapping[str, Any]]


class TextsOfLines:
    """Reads some fields of many lines at once, as texts, which any value is.

    Args:
        paths: where they stand.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        #: An object and what is inside of it are two readings of the same lines.
        self._readings = [(group, nested_dtypes(group, set(group))) for group in _apart(paths)]

    def read(self, data: bytes) -> tuple[Fields, list[bytes]] | None:
        """Return what stands at each path, and the lines but for blank ones; None where polars does not read them all."""
        lines = [line for line in data.split(b"\n") if line.strip()]
        fields: Fields = {}
        for paths, dtypes in self._readings:
            frame = read_lines(data, dtypes)
            if frame is None and (b"NaN" in data or b"Infinity" in data):
                frame = read_lines(quote_words(data), dtypes)
            if frame is None or frame.height != len(lines):
                return None
            fields.update((path, value_at(frame, path)) for path in paths)
        return fields, lines


class Sieve:
    """Parts the lines that pass a filter from others.

    Args:
        chosen: the filter.
    """

    def __init__(self, chosen: Filter) -> None:
        self._filter = chosen
        self._texts = TextsOfLines(chosen.paths)

    def sift(self, data: bytes) -> tuple[bytes, int]:
        """Return the lines that pass or are no JSON objects, and how many others there were. Blank lines are no lines."""
        objects, others = sift(data)
        kept = list(others)
        skipped = self._sift(objects, kept)
        return b"\n".join([*kept, b""]), skipped

    def _sift(self, data: bytes, kept: list[bytes]) -> int:
        read = self._texts.read(data)
        if read is not None:
            fields, lines = read
            passing = self._filter.among(len(lines), fields.__getitem__)
            kept.extend(compress(lines, passing.to_list()))
            self._filter.remember(parse_lines(lines, Rejected()))
            return len(lines) - int(passing.sum())
        pieces = divide(data)
        if pieces is not None:
            return sum(self._sift(piece, kept) for piece in pieces)
        return self._one_by_one(data, kept)

    def _one_by_one(self, data: bytes, kept: list[bytes]) -> int:
        lines = [(line, next(parse_lines([line], Rejected()), None)) for line in data.split(b"\n")]
        kept.extend(line for line, record in lines if record is None)
        objects = [(line, record) for line, record in lines if record is not None]
        passing = self._filter.of_records([record for _, record in objects])
        kept.extend(compress((line for line, _ in objects), passing))
        return passing.count(False)


class LinesReader(Protocol):
    """Reads the fields of lines."""

    def read(self, data: bytes, rejected: Rejected) -> tuple[Fields | None, Parsed]:
        """Return the fields of the lines that polars reads, and the other lines that are JSON objects, parsed."""


class OneByOne:
    """Parses every line: for fields that polars cannot read together."""

    def read(self, data: bytes, rejected: Rejected) -> tuple[Fields | None, Parsed]:
        """Return no fields, and the lines that are JSON objects, parsed."""
        return None, list(parse_lines(data.split(b"\n"), rejected))


class FilteredLines:
    """Reads those lines that pass a filter.

    Where most lines pass, the filter's fields are read beside those of events, which costs next to nothing. Where few do, and
    where the others are of other shapes, they are sieved out first.

    Args:
        chosen: the filter.
        paths: where the fields of events stand.
        texts: those of them that are read as text.
        lists: those of them that are lists.
        beside: whether more fields may be read beside those of events.
    """

    def __init__(
        self,
        chosen: Filter,
        paths: Sequence[Path],
        texts: AbstractSet[Path],
        lists: AbstractSet[Path],
        *,
        beside: bool = True,
    ) -> None:
        self._filter = chosen
        self._sieve = Sieve(chosen)
        self._own = set(paths)
        self._both: JsonReader | None = None
        if beside and not clash(chosen, paths, lists):
            self._both = JsonReader([*paths, *chosen.paths], {*texts, *chosen.paths}, lists)
        self._passing = 1.0  # the share of the lines that passed last

    def read(self, data: bytes, rejected: Rejected, reader: LinesReader) -> tuple[Fields | None, Parsed, int]:
        """Return the fields of lines that passed and that polars reads, the others that passed, parsed, and how many did not.

        Args:
            data: lines.
            rejected: where those that are no JSON objects are counted.
            reader: reads the fields of events alone.
        """
        if self._both is None or self._passing < MOSTLY:
            passing, skipped = self._sieve.sift(data)
            fields, parsed = reader.read(passing, rejected)
            read = len(parsed) + _height(fields)
            self._passing = read / (read + skipped) if read + skipped else self._passing
            return fields, parsed, skipped
        fields, parsed = self._both.read(data, rejected)
        read = len(parsed) + _height(fields)
        if fields is not None:
            passing_rows = self._filter.among(_height(fields), fields.__getitem__)
            if not passing_rows.all():
                fields = {path: values.filter(passing_rows) for path, values in fields.items() if path in self._own}
        slow = len(parsed)
        parsed = list(compress(parsed, self._filter.of_records(parsed)))
        left = len(parsed) + _height(fields)
        # Lines that are of other shapes, and do not pass, are worth sieving out.
        self._passing = 0.0 if slow - len(parsed) > RELEARN_RATIO * read else left / read if read else self._passing
        return fields if _height(fields) else None, parsed, read - left


def _height(fields: Fields | None) -> int:
    return 0 if fields is None else len(next(iter(fields.values())))


def clash(chosen: Filter, paths: Sequence[Path], lists: AbstractSet[Path]) -> bool:
    """Return whether the fields of a filter cannot be read beside others or each other.

    One may be inside of another, or of another shape at the same place.

    Args:
        chosen: the filter.
        paths: where the fields of events stand.
        lists: those of them that are lists.
    """
    return any(_clash(mine, path, lists) for mine in chosen.paths for path in (*paths, *chosen.paths))


def _apart(paths: Sequence[Path]) -> list[list[Path]]:
    """Return paths in groups of which none is inside of another."""
    groups: list[list[Path]] = []
    for path in paths:
        room = next((group for group in groups if not any(_clash(other, path, ()) for other in group)), None)
        if room is None:
            groups.append([path])
        else:
            room.append(path)
    return groups


def _clash(mine: Path, path: Path, lists: Container[Path]) -> bool:
    """Return whether a field of a filter and one of events are of different shapes at the same place."""
    if mine == path:
        return path in lists
    shared = next(
        (at for at, (one, other) in enumerate(zip(mine, path, strict=False)) if one != other), min(len(mine), len(path))
    )
    if shared in (len(mine), len(path)):
        return shared > 0
    return shared > 0 and not isinstance(path[shared], str)
