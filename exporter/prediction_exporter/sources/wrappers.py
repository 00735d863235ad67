r"""The wrappers that container runtimes put around each line that a container prints.

Docker's json-file driver writes ``{"log":"text\n","stream":"stdout","time":"..."}``, and continues a value without a
newline in the next record of the same stream. CRI runtimes (containerd, CRI-O) write ``<time> stdout F text``, with
``P`` instead of ``F`` where the text goes on in the next record of the same stream.

A *logical line* is what the container printed. It is delivered once it is whole, and nothing behind its first record
counts as consumed before that, so that a position between two reads never lies inside a logical line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import polars as pl

from prediction_exporter.sources.base import EXAMPLE_BYTES, Rejected
from prediction_exporter.sources.json_reader import read_ndjson

Wrapper = Literal["none", "docker", "cri"]

STREAMS = (b"stdout", b"stderr")

_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP](?::\S*)?(?: |$)")
_CRI_FIELDS = 4
_FRAME_BYTES = 4096
"""More than what a wrapper adds to a line: time, stream, and Docker's optional attributes."""
_JSON_ESCAPE_BYTES = 6
"""Longest escape of a byte, as in ``\\u0000``."""
_DOCKER_SCHEMA = {"log": pl.String(), "stream": pl.String()}


def record_limit(wrapper: Wrapper | None, limit: int) -> int:
    """Return how long a record may be that holds a logical line of ``limit`` bytes; ``None`` is any wrapper."""
    if wrapper == "none":
        return limit
    if wrapper == "cri":
        return limit + _FRAME_BYTES
    return limit * _JSON_ESCAPE_BYTES + _FRAME_BYTES


class Rest(Enum):
    """What to do with a logical line whose end is not among the records given."""

    WAIT = "leave it: its records are given again, with more behind them"
    DROP = "its records cannot be held any longer: count it as oversized and skip what comes of it"
    DELIVER = "nothing will follow: deliver what there is of it"


@dataclass(slots=True)
class Unwrapped:
    """The logical lines of some records.

    Attributes:
        data: the lines, each with its newline.
        consumed: the records' bytes that are dealt with.
        dropping: the streams of the wrapper whose current line is being skipped.
        rejected: lines refused.
    """

    data: bytes
    consumed: int
    dropping: frozenset[str] = frozenset()
    rejected: Rejected = field(default_factory=Rejected)


def detect(line: bytes) -> Wrapper:
    """Return the wrapper that a line has."""
    if _CRI.match(line):
        return "cri"
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "none"
    if not isinstance(record, dict) or "time" not in record:
        return "none"
    return "docker" if isinstance(record.get("log"), str) and record.get("stream") in ("stdout", "stderr") else "none"


def unwrap(wrapper: Wrapper, raw: bytes, *, limit: int, dropping: frozenset[str], rest: Rest) -> Unwrapped:
    """Take the wrapper off whole records.

    Args:
        wrapper: which one.
        raw: records, each ending in a newline.
        limit: longest logical line in bytes; longer ones are counted as oversized.
        dropping: as the last call returned it.
        rest: what to do with a logical line that does not end here.
    """
    if wrapper == "none":
        return Unwrapped(raw, len(raw))
    if not dropping:
        whole = _docker_whole_lines(raw, limit) if wrapper == "docker" else _cri_whole_lines(raw, limit)
        if whole is not None:
            return Unwrapped(whole, len(raw))
    joiner = _Joiner(limit, dropping)
    parse = _docker_record if wrapper == "docker" else _cri_record
    for line in raw[:-1].split(b"\n"):
        joiner.add(line, parse(line))
    return joiner.result(rest)


def _docker_whole_lines(raw: bytes, limit: int) -> bytes | None:
    """Unwrap records that hold a whole line each, fast; ``None`` where one does not or is too long."""
    records = read_ndjson(raw, _DOCKER_SCHEMA)
    if records is None:
        return None
    texts = records["log"]
    if texts.null_count() or records["stream"].null_count() or not texts.str.ends_with("\n").all():
        return None
    if len(raw) > limit and not (texts.str.len_bytes() <= limit + 1).all():
        return None
    return "".join(texts.to_list()).encode()


def _cri_whole_lines(raw: bytes, limit: int) -> bytes | None:
    """Unwrap records that hold a whole line each, fast; ``None`` where one does not or is too long."""
    records = [line.split(b" ", 3) for line in raw[:-1].split(b"\n")]
    if any(len(record) < _CRI_FIELDS or record[2] != b"F" or record[1] not in STREAMS for record in records):
        return None
    if len(raw) > limit and max(len(record[-1]) for record in records) > limit:
        return None
    return b"\n".join([record[-1] for record in records]) + b"\n"


@dataclass(frozen=True, slots=True)
class _Record:
    """A part of a logical line; without newline."""

    stream: str
    text: bytes
    ends: bool


def _docker_record(line: bytes) -> _Record | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("log"), str) or not isinstance(record.get("stream"), str):
        return None
    text = record["log"].encode("utf-8", "surrogatepass")
    return _Record(record["stream"], text.removesuffix(b"\n"), text.endswith(b"\n"))


def _cri_record(line: bytes) -> _Record | None:
    if not _CRI.match(line):
        return None
    _, stream, tags, *text = line.split(b" ", 3)
    return _Record(stream.decode(), text[0] if text else b"", tags[:1] == b"F")


class _Joiner:
    """Joins records of a stream into logical lines, and knows up to where everything is dealt with."""

    def __init__(self, limit: int, dropping: frozenset[str]) -> None:
        self._limit = limit
        self._dropping = set(dropping)
        self._open: dict[str, bytearray] = {}
        self._lines: list[bytearray] = []
        self._refused: list[tuple[str, bytes]] = []
        self._read = 0
        self._safe = (0, 0, 0, dropping)
        """Bytes read, lines and refusals made, streams being skipped, when no logical line was open last."""

    def add(self, line: bytes, record: _Record | None) -> None:
        """Take the next record and its line, without newline; ``None`` where the line is no record."""
        self._read += len(line) + 1
        if record is None:
            if line.strip():
                self._refused.append(("malformed", line[:EXAMPLE_BYTES]))
        elif record.stream in self._dropping:
            if record.ends:
                self._dropping.discard(record.stream)
        else:
            self._extend(record)
        if not self._open:
            self._mark()

    def _extend(self, record: _Record) -> None:
        text = self._open.pop(record.stream, bytearray())
        text += record.text
        if len(text) > self._limit:
            self._refuse(text)
            if not record.ends:
                self._dropping.add(record.stream)
        elif record.ends:
            self._lines.append(text)
        else:
            self._open[record.stream] = text

    def _refuse(self, text: bytearray) -> None:
        self._refused.append(("oversized", bytes(text[:EXAMPLE_BYTES])))

    def _mark(self) -> None:
        self._safe = (self._read, len(self._lines), len(self._refused), frozenset(self._dropping))

    def result(self, rest: Rest) -> Unwrapped:
        """Return what is dealt with."""
        if rest is not Rest.WAIT:
            for stream, text in self._open.items():
                if rest is Rest.DROP:
                    self._refuse(text)
                    self._dropping.add(stream)
                else:
                    self._lines.append(text)
            self._mark()
        consumed, lines, refusals, dropping = self._safe
        rejected = Rejected()
        for reason, example in self._refused[:refusals]:
            rejected.add(reason, example=example)
        return Unwrapped(b"".join([line + b"\n" for line in self._lines[:lines]]), consumed, dropping, rejected)
