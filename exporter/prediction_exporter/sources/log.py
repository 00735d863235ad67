"""The log source: a model's JSON-lines prediction log, from files to events."""

from __future__ import annotations

import glob
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from prediction_exporter.config import Log, Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.recognise import log_schema
from prediction_exporter.sources.fields.schema import EventSchema, lookup
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.tail import Tail

logger = logging.getLogger(__name__)

#: Events from the beginning of a log that its fields are recognised by.
SAMPLE_EVENTS = 200

#: Bytes of a log that are read at a time for them, and in all: what a server prints at its start may come first.
SAMPLE_BYTES = 256 << 10
SEARCH_BYTES = 32 << 20

#: Bytes of a log that are parsed at a time.
CHUNK_BYTES = 8 << 20

COMPRESSED = (".gz", ".zst")


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

    def look(self) -> EventSchema | None:
        """Return which field is what by the log's first lines; None while there are none."""
        sample = sample_log(self._predictions)
        return recognise_log(sample, self._predictions, self._layout, where=self._where) if sample else None

    def poll(self) -> Iterator[Batch]:
        """Yield what the log holds now, a chunk at a time.

        Raises:
            SourceError: a file cannot be read.
            ConfigError: the first lines do not tell which field is what.
        """
        if self._parser is None:
            self._recognise(sample_log(self._predictions) or self._peek())
        # Read also where nothing is recognised yet: the first read settles where the log begins.
        for lines in self._tail.read():
            rejected = Rejected()
            if self._parser is None:
                self._recognise(list(parse_lines(lines.data.split(b"\n"), rejected)))
            batch = self._parser.parse(lines.data) if self._parser is not None and lines.data else Batch((), rejected)
            batch.rejected.merge(lines.rejected)
            yield batch

    def _peek(self) -> list[Mapping[str, Any]]:
        """Return the first events that are to be read next, without reading them: from a rotated file, or a new one."""
        ahead = self._open(SAMPLE_BYTES)
        try:
            ahead.restore(self._tail.position())
            lines = next(iter(ahead.read()), None)
        finally:
            ahead.close()
        return [] if lines is None else list(islice(parse_lines(lines.data.split(b"\n"), Rejected()), SAMPLE_EVENTS))

    def _recognise(self, sample: Sequence[Mapping[str, Any]]) -> None:
        if not sample:
            return
        self.schema = recognise_log(sample, self._predictions, self._layout, where=self._where)
        first = (lookup(event, self.schema.time) for event in sample)
        is_text = next((isinstance(value, str) for value in first if value is not None), True)
        self._parser = JsonLinesParser(self.schema, time_is_text=is_text)


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


def sample_log(predictions: Predictions) -> list[Mapping[str, Any]]:
    """Return events from the beginning of the newest file of a log that has any; empty where there is none yet.

    Raises:
        SourceError: the log is long and has no events.
    """
    log = _log(predictions)
    searched = ""
    paths = [Path(name) for name in glob.glob(log.path, recursive=True)]  # noqa: PTH207 - the pattern is absolute
    plain = [path for path in paths if path.is_file() and path.suffix not in COMPRESSED]
    for path in sorted(plain, key=_written, reverse=True):
        tail = Tail(
            glob.escape(str(path)),
            start="beginning",
            wrapper=_wrapper(log),
            max_line_bytes=log.max_line_size,
            chunk_bytes=SAMPLE_BYTES,
        )
        read = 0
        try:
            for lines in tail.read():
                events = list(islice(parse_lines(lines.data.split(b"\n"), Rejected()), SAMPLE_EVENTS))
                if events:
                    return events
                read += len(lines.data)
                if read > SEARCH_BYTES:
                    searched = str(path)
                    break
        finally:
            tail.close()
    if searched:
        raise SourceError(f"{searched}: has no JSON object in its first {SEARCH_BYTES >> 20} MiB")
    return []


def _written(path: Path) -> float:
    """Return when a file was last written; 0 where it has just gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
