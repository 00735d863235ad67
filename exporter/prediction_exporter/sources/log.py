"""The log source: a model's JSON-lines prediction log, from files to events."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from prediction_exporter.config import Log, Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.base import Batch, Look, Rejected
from prediction_exporter.sources.decompress import COMPRESSIONS
from prediction_exporter.sources.fields.recognise import column_names, log_schema
from prediction_exporter.sources.fields.schema import EventSchema, lookup
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log_look import Sample, compressed_faults, look_at_no_event, look_at_no_file
from prediction_exporter.sources.tail import Lines, Tail

logger = logging.getLogger(__name__)

#: Events from the beginning of a log that its fields are recognised by.
SAMPLE_EVENTS = 200

#: Bytes of a log that are read at a time for them, and in all: what a server prints at its start may come first.
SAMPLE_BYTES = 256 << 10
SEARCH_BYTES = 32 << 20

#: Bytes of a log that are parsed at a time.
CHUNK_BYTES = 8 << 20

COMPRESSED = tuple(COMPRESSIONS)


class LogSource:
    """Reads the events of one model from its log.

    Which field is what is recognised from the first lines when there are some; until then the source yields nothing.

    Args:
        predictions: where the log is and how it is read.
        layout: the model's columns; None where only its service is watched.
        where: the place of the fields in the configuration, for messages.
        clock: Unix time.
    """

    def __init__(self, predictions: Predictions, layout: Layout | None, *, where: str, clock: Callable[[], float]) -> None:
        self._predictions = predictions
        self._layout = layout
        self._where = where
        self._clock = clock
        self._parser: JsonLinesParser | None = None
        self.schema: EventSchema | None = None
        self.refills = False
        self._tail = self._open(CHUNK_BYTES)

    def _open(self, chunk_bytes: int) -> Tail:
        log = _log(self._predictions)
        return Tail(
            log.path,
            start=log.start,
            wrapper=_wrapper(log),
            max_line_bytes=log.max_line_size,
            chunk_bytes=chunk_bytes,
            clock=self._clock,
        )

    @property
    def name(self) -> str:
        """What the source reads, for people and for telling whether a stored position belongs to it."""
        return _log(self._predictions).path

    def restore(self, position: str | None) -> None:
        """Continue from a position that ``position`` returned, or start as configured where it is None."""
        self._tail.restore(position)

    def position(self) -> str:
        """Return the position behind the last yielded batch."""
        return self._tail.position()

    def reached(self) -> str:
        """Return how far each file was read."""
        return self._tail.reached()

    def lag_bytes(self) -> int:
        """Return how many bytes of the log are known and not yet read."""
        return self._tail.unread_bytes()

    def close(self) -> None:
        """Close the files."""
        self._tail.close()

    def look(self) -> Look:
        """Return which field is what by the log's first lines, and what they are where they do not tell.

        Raises:
            SourceError: no file of the log can be read.
            ConfigError: its lines do not tell which field is what.
        """
        log = _log(self._predictions)
        if os.path.isdir(log.path):  # noqa: PTH112 - Path raises where it may not look
            return Look(faults=(f"{log.path}: is a folder; write a glob of the files in it, as {log.path}/*.jsonl",))
        damaged = compressed_faults([path for path in _files(log) if path.suffix in COMPRESSED])
        sample = self._sample()
        if sample is None:
            return Look(faults=damaged) if damaged else look_at_no_file(log.path, log.start)
        if not sample.events:
            found = look_at_no_event(sample, log.format)
            return replace(found, remarks=(*found.remarks, *damaged))
        schema, parser = self._parser_of(sample.events)
        batch = parser.parse(sample.data)
        batch.rejected.merge(sample.rejected)
        names = column_names(sample.events, self._predictions.fields, where=f"{self._where}.predictions.fields")
        return Look(schema=schema, place=sample.path, batch=batch, fields=names, remarks=damaged)

    def poll(self) -> Iterator[Batch]:
        """Yield what the log holds now, a chunk at a time.

        Raises:
            SourceError: a file cannot be read.
            ConfigError: the first lines do not tell which field is what.
        """
        if self._parser is None:
            sample = self._sample()
            if sample is not None and sample.problem:
                raise SourceError(f"{sample.path}: {sample.problem}")
            self._recognise(sample.events if sample is not None else ())
        # Read also where nothing is recognised yet: the first read settles where the log begins.
        for lines in self._tail.read():
            rejected = Rejected()
            if self._parser is None:
                self._recognise(list(parse_lines(lines.data.split(b"\n"), rejected)))
            batch = self._parser.parse(lines.data) if self._parser is not None and lines.data else Batch((), rejected)
            batch.rejected.merge(lines.rejected)
            yield batch

    def _sample(self) -> Sample | None:
        """Return lines to recognise fields by, with events where there are any; None where nothing is to be read."""
        newest = sample_log(self._predictions)
        if newest is not None and newest.events:
            return newest
        ahead = self._peek()
        return ahead if ahead is not None and (ahead.events or newest is None) else newest

    def _peek(self) -> Sample | None:
        """Return the first lines that are to be read next, without reading them: of a rotated file, or of a new one."""
        ahead = self._open(SAMPLE_BYTES)
        try:
            ahead.restore(self._tail.position())
            lines = next(iter(ahead.read()), None)
        finally:
            ahead.close()
        return None if lines is None else _sample_of(lines)

    def _recognise(self, sample: Sequence[Mapping[str, Any]]) -> None:
        if sample:
            self.schema, self._parser = self._parser_of(sample)

    def _parser_of(self, sample: Sequence[Mapping[str, Any]]) -> tuple[EventSchema, JsonLinesParser]:
        schema = recognise_log(sample, self._predictions, self._layout, where=self._where)
        first = (lookup(event, schema.time) for event in sample)
        is_text = next((isinstance(value, str) for value in first if value is not None), True)
        return schema, JsonLinesParser(schema, time_is_text=is_text)


def _log(predictions: Predictions) -> Log:
    """Return the log; other sources read what is none."""
    if predictions.log is None:
        raise ValueError("the predictions are in no log")
    return predictions.log


def _wrapper(log: Log) -> Literal["auto", "none", "docker", "cri"]:
    return "none" if log.format == "jsonl" else log.format


def recognise_log(
    sample: Sequence[Mapping[str, Any]], predictions: Predictions, layout: Layout | None, *, where: str
) -> EventSchema:
    """Return where everything stands in a log's events, from its first lines and the configuration."""
    return log_schema(sample, predictions.fields, layout, timezone=predictions.timezone, where=f"{where}.predictions.fields")


def sample_log(predictions: Predictions) -> Sample | None:
    """Return lines from the beginning of the newest uncompressed file of a log that has events, or else of the newest with any.

    Raises:
        SourceError: nothing is found, and a file cannot be read.
    """
    log = _log(predictions)
    best: Sample | None = None
    problem: SourceError | None = None
    for path in _files(log):
        if path.suffix in COMPRESSED:
            continue
        try:
            sample = _sample_file(path, log)
        except SourceError as error:
            problem = problem or error
            continue
        if sample is not None and sample.events:
            return sample
        best = best or sample
    if best is None and problem is not None:
        raise problem
    return best


def _sample_file(path: Path, log: Log) -> Sample | None:
    """Return lines from the beginning of a file: the first with events, else the very first; None where there are none."""
    tail = Tail(
        glob.escape(str(path)),
        start="beginning",
        wrapper=_wrapper(log),
        max_line_bytes=log.max_line_size,
        chunk_bytes=SAMPLE_BYTES,
    )
    first: Sample | None = None
    searched = 0
    try:
        for lines in tail.read():
            sample = _sample_of(lines)
            if sample.events:
                return sample
            first = first or sample
            searched += len(lines.data)
            if searched > SEARCH_BYTES:
                return replace(first, problem=f"has no JSON object in its first {SEARCH_BYTES >> 20} MiB")
    finally:
        tail.close()
    return first


def _sample_of(lines: Lines) -> Sample:
    events = list(islice(parse_lines(lines.data.split(b"\n"), Rejected()), SAMPLE_EVENTS))
    return Sample(events, lines.data, lines.path, lines.rejected)


def _files(log: Log) -> list[Path]:
    """Return the files that the log's path names, the newest first."""
    paths = [Path(name) for name in glob.glob(log.path, recursive=True)]  # noqa: PTH207 - the pattern is absolute
    files = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113 - Path raises where it may not look
    return sorted(files, key=_written, reverse=True)


def _written(path: Path) -> float:
    """Return when a file was last written; 0 where it has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
