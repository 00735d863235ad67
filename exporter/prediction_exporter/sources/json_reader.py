"""JSON lines: bytes to a frame of chosen fields.

The fast way gives a whole chunk to polars with a fixed schema. Polars refuses the whole chunk for one line that is malformed
or holds a value of another type; nothing is coerced in silence, so what it accepts is right. What it refuses is divided until
the lines at fault are found, and these take the exact, slow way: one ``json.loads`` each.

Two habits of loggers would send every line the slow way, and are learnt from the lines that did: numbers written as text (read
as text and cast), and the words NaN and Infinity, which are no JSON (put in quotes first).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from prediction_exporter.schema import Path, lookup
from prediction_exporter.sources.base import Rejected

#: A refused piece with at most this many lines is read line by line; a larger one is divided into so many pieces.
SLOW_LINES = 48
PIECES = 8

#: Share of slow lines in a chunk from which on the reader looks whether another reading would spare them.
RELEARN_RATIO = 0.02

#: Bytes on each side of a bare word that tell whether it stands as a value.
HEAD = 16


class JsonReader:
    """Reads chosen fields of JSON lines.

    Args:
        paths: the fields.
        texts: those of them to read as String; the others are read as Float64. A String column takes any JSON value: numbers
            and booleans as their text, objects and arrays as JSON.
    """

    def __init__(self, paths: Iterable[Path], texts: Iterable[Path]) -> None:
        self.paths = tuple(dict.fromkeys(paths))
        self.texts = set(texts)
        #: The frame's column of each path.
        self.names = {path: str(position) for position, path in enumerate(self.paths)}
        self._quote = False
        self._leaves = [_leaf(path).alias(name) for path, name in self.names.items()]
        self._plan()

    def _plan(self) -> None:
        self.dtypes = _nested_dtypes(self.paths, self.texts)

    def read(self, data: bytes, rejected: Rejected) -> tuple[pl.DataFrame | None, list[Mapping[str, Any]]]:
        """Return the fields of the lines that polars reads, and the other lines that are JSON objects, parsed.

        Blank lines are no lines. The order of lines is lost between the two.
        """
        frames: list[pl.DataFrame] = []
        slow: list[bytes] = []
        self._read(data, frames, slow)
        frame = None if not frames else frames[0] if len(frames) == 1 else pl.concat(frames, rechunk=True)
        parsed = list(parse_lines(slow, rejected))
        if len(slow) > RELEARN_RATIO * (len(slow) + (0 if frame is None else len(frame))):
            self._learn(parsed)
        return frame, parsed

    def _read(self, data: bytes, frames: list[pl.DataFrame], slow: list[bytes]) -> None:
        """Append what polars accepts to ``frames`` and the lines at fault to ``slow``."""
        if not data:
            return
        try:
            frame = pl.read_ndjson(io.BytesIO(_quote_tokens(data) if self._quote else data), schema=self.dtypes)
        except pl.exceptions.PolarsError:
            pieces = _divide(data)
            if pieces is None:
                slow.extend(line for line in data.split(b"\n") if line.strip())
                return
            for piece in pieces:
                self._read(piece, frames, slow)
            return
        if len(frame):
            # The reader leaves many small chunks, which each later step would pay for.
            frames.append(frame.rechunk().select(self._leaves))

    def _learn(self, parsed: list[Mapping[str, Any]]) -> None:
        """Read a number as text from now on where these lines held it as text or as a word that is no JSON."""
        textual = set()
        for path in self.paths:
            if path in self.texts:
                continue
            values = [lookup(event, path) for event in parsed]
            odd = any(isinstance(value, float) and not np.isfinite(value) for value in values)
            self._quote |= odd
            if odd or any(isinstance(value, str | bool) for value in values):
                textual.add(path)
        if textual:
            self.texts |= textual
            self._plan()


def _quote_tokens(data: bytes) -> bytes:
    """Put the bare words NaN, Infinity and -Infinity into quotes where they stand as values.

    Inside a string the two quotes would close and reopen it with a bare word between, which no parser accepts: such a line goes
    the slow way, in its own words.
    """
    for word in (b"NaN", b"Infinity"):
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


def _divide(data: bytes) -> list[bytes] | None:
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


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object as polars reads it: of a key that stands twice, the first counts."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def parse_lines(lines: Iterable[bytes], rejected: Rejected) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects among the lines; count the others as refused."""
    for line in lines:
        try:
            event = json.loads(line.decode(), object_pairs_hook=_first_wins)
        except UnicodeDecodeError:
            rejected.add("encoding", example=line)
        except (ValueError, RecursionError):
            rejected.add("malformed", example=line)
        else:
            if isinstance(event, dict):
                yield event
            else:
                rejected.add("malformed", example=line)


def _nested_dtypes(paths: Iterable[Path], texts: set[Path]) -> dict[str, pl.DataType]:
    tree: dict[str, Any] = {}
    for path in paths:
        scalar: pl.DataType = pl.String() if path in texts else pl.Float64()
        keys = [key for key in path if isinstance(key, str)]
        dtype = scalar if len(keys) == len(path) else pl.List(scalar)
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = dtype
    return _structs(tree)


def _structs(tree: Mapping[str, Any]) -> dict[str, pl.DataType]:
    return {key: pl.Struct(_structs(node)) if isinstance(node, dict) else node for key, node in tree.items()}


def _leaf(path: Path) -> pl.Expr:
    expression = pl.col(str(path[0]))
    for key in path[1:]:
        expression = expression.struct.field(key) if isinstance(key, str) else expression.list.get(key, null_on_oob=True)
    return expression
