"""JSON lines: bytes to a frame of chosen fields.

The fast way gives a whole chunk to polars with a fixed schema. Polars refuses the whole chunk for one line that is malformed
or holds a value of another type; nothing is coerced in silence, so what it accepts is right. What it refuses is divided until
the lines at fault are found, and these take the exact, slow way: one ``json.loads`` each.

Three habits of loggers would send every line the slow way. Lines of text between the JSON are taken out before a chunk is
divided. The two others are learnt from the lines that went the slow way: numbers written as text (read as text and cast), and
the words NaN and Infinity, which are no JSON (put in quotes first).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import polars as pl

from prediction_exporter.sources import lists
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields.schema import Path, lookup
from prediction_exporter.sources.fields.steps import OfLabel, Only

#: A refused piece with at most this many lines is read line by line; a larger one is divided into so many pieces.
SLOW_LINES = 48
PIECES = 8

#: Share of slow lines in a chunk from which on the reader looks whether another reading would spare them.
RELEARN_RATIO = 0.02

#: Words that loggers write for numbers which JSON does not have.
WORDS = (b"NaN", b"Infinity")

#: Bytes of a text that tell its encoding.
HEAD_BYTES = 200

#: Bytes on each side of a bare word that tell whether it stands as a value.
HEAD = 16

#: Half of a surrogate pair without its other half, which polars reads as something else or as another character.
_LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")

#: What begins compressed data, which polars would decompress: gzip's, Zstandard's and zlib's marks.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")

#: ASCII in UTF-16 or UTF-32.
_WIDE = re.compile(rb"(?:[\t-~]\0){4}|(?:[\t-~]\0{3}){3}")

#: Digits of integers that are numbers beyond all doubles, and more than Python converts.
HUGE_DIGITS = 400


class JsonReader:
    """Reads chosen fields of JSON lines.

    Args:
        paths: the fields; none of them inside of another.
        texts: those of them to read as String; the others are read as Float64. A String column takes any JSON value: numbers
            and booleans as their text, objects and arrays much as JSON.
        lists: those of them to read as lists, of texts where they are among these too; some of their items may be fields too.
    """

    def __init__(self, paths: Iterable[Path], texts: Iterable[Path], lists: Iterable[Path] = ()) -> None:
        self.paths = tuple(dict.fromkeys(paths))
        self.texts = set(texts)
        self.lists = set(lists)
        self._first = tuple(dict.fromkeys(str(path[0]) for path in self.paths))
        self._quote = False
        self._plan()

    def _plan(self) -> None:
        # The items of a list are of one type.
        items = (int, OfLabel)
        lists = {path[:-1] for path in self.texts if isinstance(path[-1], items)} | (self.texts & self.lists)
        self.texts |= {path for path in self.paths if isinstance(path[-1], items) and path[:-1] in lists}
        self.texts |= self.lists & lists
        self.dtypes = nested_dtypes(self.paths, self.texts, self.lists)

    def read(self, data: bytes, rejected: Rejected) -> tuple[dict[Path, pl.Series] | None, list[Mapping[str, Any]]]:
        """Return the fields of the lines that polars reads, and the other lines that are JSON objects, parsed.

        Blank lines are no lines. The order of lines is lost between the two.
        """
        parts: list[dict[Path, pl.Series]] = []
        slow: list[bytes] = []
        self._read(data, parts, slow, sifted=False)
        fields = parts[0] if len(parts) == 1 else None
        if len(parts) > 1:
            fields = {path: pl.concat([part[path] for part in parts], rechunk=True) for path in self.paths}
        parsed = [self._needed(event) for event in parse_lines(slow, rejected)]
        if len(slow) > RELEARN_RATIO * (len(slow) + (0 if fields is None else len(fields[self.paths[0]]))):
            self._learn(slow, parsed)
        return fields, parsed

    def _needed(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what of an event is read: what else stands in it may take twenty times the memory of its text."""
        return {name: event[name] for name in self._first if name in event}

    def _read(self, data: bytes, parts: list[dict[Path, pl.Series]], slow: list[bytes], *, sifted: bool) -> None:
        """Append what polars accepts to ``parts`` and the lines at fault to ``slow``."""
        frame = self._frame(data)
        if frame is not None:
            if len(frame):
                parts.append(self._choose(frame))
            return
        if not sifted:
            objects, others = sift(data)
            if others:
                slow.extend(others)
                self._read(objects, parts, slow, sifted=True)
                return
        pieces = divide(data)
        if pieces is None:
            slow.extend(line for line in data.split(b"\n") if line.strip())
            return
        for piece in pieces:
            self._read(piece, parts, slow, sifted=True)

    def _frame(self, data: bytes) -> pl.DataFrame | None:
        return read_lines(quote_words(data) if self._quote else data, self.dtypes)

    def _choose(self, frame: pl.DataFrame) -> dict[Path, pl.Series]:
        """Return the fields by their paths."""
        # The reader leaves many small chunks, which each later step would pay for.
        opened: dict[Path, pl.DataFrame] = {(): frame.rechunk()}
        # Without their names: one that looks like a pattern, as ^x$, would be taken for one.
        return {path: _field(opened, path).alias("") for path in self.paths}

    def _learn(self, slow: list[bytes], parsed: list[Mapping[str, Any]]) -> None:
        """Read a number as text from now on where these lines held it as text or as a word that is no JSON."""
        self._quote |= any(word in line for line in slow for word in WORDS)
        textual = set()
        for path in self.lists:
            found = [lookup(event, path) for event in parsed]
            if path not in self.texts and any(isinstance(value, list) and any(map(_is_textual, value)) for value in found):
                textual.add(path)
            if sum(isinstance(value, str) for value in found) > len(found) / 2 and not any(
                isinstance(other[-1], int) and other[:-1] == path for other in self.paths
            ):
                textual.add(path)
                self.lists = self.lists - {path}
        for path in self.paths:
            if path not in self.texts and any(_is_textual(lookup(event, path)) for event in parsed):
                textual.add(path)
        if textual:
            self.texts |= textual
            self._plan()


def _is_textual(value: Any) -> bool:
    return isinstance(value, str | bool) or (isinstance(value, float) and not np.isfinite(value))


def _field(opened: dict[Path, pl.DataFrame], path: Path) -> pl.Series:
    """Return what stands at a path, of frames by the path of their object; by name, as an expression could be a pattern."""
    last = path[-1]
    parent = path[:-1]
    if isinstance(last, int):
        return _field(opened, parent).list.get(last, null_on_oob=True)
    if isinstance(last, Only):
        return lists.only_item(_field(opened, parent))
    if isinstance(last, OfLabel):
        if parent not in opened:
            objects = lists.opened(_field(opened, parent), last, _same)
            assert objects is not None  # noqa: S101 - it was read with these keys
            opened[parent] = objects
        return lists.beside_label(opened[parent], last.label, opened[()].height)
    if parent not in opened:
        opened[parent] = _field(opened, parent).struct.unnest()
    return opened[parent].get_column(last)


def _same(texts: pl.Series) -> pl.Series:
    return texts


def quote_words(data: bytes) -> bytes:
    """Put the bare words NaN, Infinity and -Infinity into quotes where they stand as values.

    Inside a string the two quotes would close and reopen it with a bare word between, which no parser accepts: such a line goes
    the slow way, in its own words.
    """
    for word in WORDS:
        parts = data.split(word)
        if len(parts) == 1:
            continue
        quoted = [parts[0]]
        for part in parts[1:]:
            before = quoted[-1]
            sign = b"-" if before.endswith(b"-") and word != b"NaN" else b""
            head = before.removesuffix(sign)
            if head[-HEAD:].rstrip(b" \t").endswith((b":", b",", b"[")) and part[:HEAD].lstrip(b" \t").startswith(
                (b",", b"}", b"]")
            ):
                quoted[-1] = head + b'"' + sign + word + b'"'
            else:
                quoted[-1] = before + word
            quoted.append(part)
        data = b"".join(quoted)
    return data


def sift(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return the lines that may be JSON objects, and the others but for blank ones."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    others = [line for line in lines if not line.lstrip().startswith(b"{")]
    if others:
        data = b"\n".join([line for line in lines if line.lstrip().startswith(b"{")])
    return data, others


def divide(data: bytes) -> list[bytes] | None:
    """Return the data in pieces of whole lines, or None where it has so few lines that each is read by itself."""
    lines = data.count(b"\n")
    if lines <= SLOW_LINES:
        return None
    pieces, start = [], 0
    for part in range(1, PIECES + 1):
        end = len(data) if part == PIECES else data.find(b"\n", len(data) * part // PIECES) + 1
        if end > start:
            pieces.append(data[start:end])
            start = end
    return pieces if len(pieces) > 1 else [line + b"\n" for line in data.split(b"\n") if line.strip()]


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object as polars reads it: of a key that stands twice, the first counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found = {}
        for key, value in pairs:
            found.setdefault(key, value)
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=first_wins)


def _loads(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python converts
        return json.loads(text, object_pairs_hook=first_wins, parse_int=_integer)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < HUGE_DIGITS else float(digits)


def parse_lines(lines: Iterable[bytes], rejected: Rejected) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects among the lines; count the others as refused. Blank lines are no lines."""
    for line in lines:
        text = line.strip(b"\0")  # where a wrapper had them in its text
        if not text.strip():
            continue
        try:
            event = _loads(text.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            if is_wide(line):
                rejected.add("encoding", example=b"UTF-16, not UTF-8: " + line.lstrip(b"\xff\xfe").replace(b"\0", b""))
            else:
                rejected.add("encoding" if isinstance(error, UnicodeDecodeError) else "malformed", example=line)
        else:
            if isinstance(event, dict):
                yield event
            else:
                rejected.add("malformed", example=line)


def read_lines(data: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
    """Return a row for each line but for blank ones, or None where polars does not read them all, or some of them wrong."""
    if b"\\" in data and _LONE_SURROGATE.search(data):
        return None
    return read_ndjson(data, schema)


def read_ndjson(data: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
    """Return a row for each JSON line but for blank ones, or None where polars does not read them all."""
    if data.startswith(_COMPRESSED):
        return None
    try:
        return pl.read_ndjson(io.BytesIO(data), schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def is_wide(text: bytes) -> bool:
    r"""Return whether the beginning of a text is of a Unicode encoding other than UTF-8.

    >>> is_wide('{"ts": 1}'.encode("utf-16-be")), is_wide(b'{"ts": 1}')
    (True, False)
    """
    return _WIDE.search(text[:HEAD_BYTES]) is not None


def nested_dtypes(
    paths: Iterable[Path], texts: AbstractSet[Path], lists: AbstractSet[Path] = frozenset()
) -> dict[str, pl.DataType]:
    """Return the types of the top-level columns that hold these fields, as numbers but for those that are texts."""
    leaves: dict[Path, pl.DataType] = {}
    for path in paths:
        scalar = pl.String() if path in texts else pl.Float64()
        leaves[path] = pl.List(scalar) if path in lists else scalar
    return _fields(leaves)


def _fields(rests: Mapping[Path, pl.DataType]) -> dict[str, pl.DataType]:
    """Return the types of an object's fields, by the rests of the paths into it and the type of what stands there."""
    inside: dict[str, dict[Path, pl.DataType]] = {}
    for rest, leaf in rests.items():
        inside.setdefault(str(rest[0]), {})[rest[1:]] = leaf
    return {key: _dtype(below) for key, below in inside.items()}


def _dtype(rests: Mapping[Path, pl.DataType]) -> pl.DataType:
    first, leaf = next(iter(rests.items()))
    if not first:
        return leaf
    if isinstance(first[0], int):
        return pl.List(leaf)
    if isinstance(first[0], OfLabel):
        return pl.List(pl.Struct({first[0].labels: pl.String(), first[0].values: leaf}))
    if isinstance(first[0], Only):
        return pl.List(_dtype({rest[1:]: below for rest, below in rests.items()}))
    return pl.Struct(_fields(rests))
