"""The log source: a model's JSON-lines prediction log, from files to events."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice

from prediction_exporter.config import Log, Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.errors import ConfigError, SourceError
from prediction_exporter.memory import ROOM
from prediction_exporter.sources.base import Batch, Look, Rejected
from prediction_exporter.sources.fields.doubts import by_rank
from prediction_exporter.sources.fields.recognise import column_names
from prediction_exporter.sources.fields.schema import EventSchema, lookup, path_text
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.filtering import Filter, left_out, passing
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log_fields import LogFields, recognise_log
from prediction_exporter.sources.log_look import (
    Sample,
    compressed_faults,
    look_at_no_event,
    look_at_no_file,
    outage_remark,
    strange_remarks,
)
from prediction_exporter.sources.log_sample import (
    COMPRESSED,
    SAMPLE_BYTES,
    SAMPLE_EVENTS,
    SEARCH_EVENTS,
    Sampled,
    files_of,
    sample_log,
    sample_of,
    wrapper_of,
)
from prediction_exporter.sources.records.unfolding import Records, Unfolding
from prediction_exporter.sources.sizes import line_pieces, rows_at_a_time
from prediction_exporter.sources.tail import Lines, Tail
from prediction_exporter.sources.times import is_read_as_text

#: Bytes of a log that are parsed at a time.
CHUNK_BYTES = 8 << 20

#: The same of records that are unfolded: flat events repeat what a record has once.
UNFOLDED_BYTES = 1 << 20

#: The first events of a chunk that are looked through for the fields that the configuration names, and their bytes.
SEEN_EVENTS, SEEN_BYTES = 20, 64 << 10


class LogSource:
    """Reads the events of one model from its log.

    Which field is what is recognised from the first lines when there are some; until then the source yields nothing. What was
    recognised is a part of the position.

    Args:
        predictions: where the log is and how it is read.
        layout: the model's columns; None where only its service is watched.
        where: the place of the fields in the configuration, for messages.
        clock: Unix time.
        chunk_bytes: what is read at a time; :data:`CHUNK_BYTES` where it is None, and less where there is little memory.
        eligible: tells predictions that can get a label, where their lines decide it.
        kept: what the state file has of records that wait for others; None where the log is only looked at.
    """

    def __init__(
        self,
        predictions: Predictions,
        layout: Layout | None,
        *,
        where: str,
        clock: Callable[[], float],
        chunk_bytes: int | None = None,
        eligible: Filter | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._predictions, self._eligible = predictions, eligible
        self._chunk_bytes = chunk_bytes
        self._layout = layout
        self._where = where
        self._clock = clock
        self._records = Records(predictions, layout, clock=clock, kept=kept)
        self._unfolding, self._sampling = self._records.unfolding, self._records.sampling
        self.pending = self._records.halves
        self._fields = LogFields(predictions, layout, self._records, where=where)
        self._parser: JsonLinesParser | None = None
        self.refills = False
        self._tail = self._open(self._step())

    def _step(self) -> int:
        """Return how much is read at a time."""
        return ROOM.step(self._chunk_bytes or (CHUNK_BYTES if self._unfolding is None else UNFOLDED_BYTES))

    def _open(self, chunk_bytes: int) -> Tail:
        log = _log(self._predictions)
        return Tail(
            log.path,
            start=log.start,
            wrapper=wrapper_of(log),
            max_line_bytes=log.max_line_size,
            chunk_bytes=chunk_bytes,
            clock=self._clock,
            in_step=self.pending is not None,
        )

    @property
    def name(self) -> str:
        """What the source reads, for people and for telling whether a stored position belongs to it."""
        return _log(self._predictions).path

    @property
    def schema(self) -> EventSchema | None:
        """Which field is what, once it is known."""
        return self._fields.schema

    @property
    def seen(self) -> FieldsSeen:
        """How often the fields that the configuration names are there."""
        return self._fields.seen

    def restore(self, position: str | None) -> None:
        """Continue from a position that ``position`` returned, or start as configured where it is None."""
        self._tail.restore(position)
        self._fields.restore(position)
        self._records.restore(resumed=position is not None)

    def position(self) -> str:
        """Return the position behind the last yielded batch."""
        return self._fields.into(self._tail.position())

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
        damaged = compressed_faults([path for path in files_of(log) if path.suffix in COMPRESSED])
        self._learn_id()
        sample = self._sample(self._unfolding)
        joined, missed = self._records.joined(self._unfolding)
        if sample is None:
            return Look(faults=damaged) if damaged else look_at_no_file(log.path, log.start)
        if not sample.events:
            shown_as = self._predictions.example
            found = Look(place=sample.path) if missed else look_at_no_event(sample, log.format, shown_as)
            left_out(parse_lines(sample.data.split(b"\n"), Rejected()), self._fields.chosen)
            strange = strange_remarks(sample, self._predictions)
            unseen = (*self._fields.seen.unseen(), *missed)
            batch = Batch(rejected=sample.rejected)
            return replace(found, remarks=(*found.remarks, *strange, *damaged), unseen=unseen, batch=batch)
        self._fields.take(sample.events)
        told = self._fields.is_told or self._layout is None
        remarks = damaged if told else (*damaged, outage_remark(sample))
        batch = self._parser_of(sample.events).parse(sample.data)
        batch.rejected.merge(sample.rejected)
        names = column_names(sample.events, self._predictions.fields, where=f"{self._where}.{self._predictions.SECTION}.fields")
        seen = self._fields.seen
        return Look(
            schema=self.schema if told else None,
            place=sample.path,
            batch=batch,
            fields=names,
            remarks=(*remarks, *seen.remarks(sample.events), *(by_rank(sample.events, self.schema) if self.schema else ())),
            unseen=(*seen.unseen(), *missed),
            joined=joined,
            failing=self._fields.failing(sample.events),
            status="" if self.schema is None or self.schema.status is None else path_text(self.schema.status),
            unfolded=None if self._unfolding is None else self._unfolding.since(),
        )

    def _learn_id(self) -> None:
        """Look where flat events have their id, by which the predictions of a record are told apart."""
        sample = None if self._sampling is None else self._sample(self._sampling)
        if sample is not None and sample.events:
            with suppress(ConfigError):  # which is raised where all is looked at
                self._records.tell_id(recognise_log(sample.events, self._predictions, self._layout, where=self._where).id)

    def poll(self) -> Iterator[Batch]:
        """Yield what the log holds now, a chunk at a time.

        Raises:
            SourceError: a file cannot be read.
            ConfigError: the first lines do not tell which field is what.
        """
        began = self._clock()
        if self._parser is None:
            self._begin()
        # Read also where nothing is recognised yet: the first read settles where the log begins.
        position = self._tail.position() if self._parser is None else ""
        for lines in self._tail.read():
            try:
                yield from self._batches(lines)
            except ConfigError:
                self._go_back(position)
                raise
            position = self._tail.position() if self._parser is None else ""
        yield from self._records.expired(began)

    def _begin(self) -> None:
        """Recognise the fields by what is there, beside what is stored of them."""
        sample = self._sample(self._sampling)
        if sample is not None and sample.events:
            self._fields.take(sample.events)
        elif sample is not None and sample.problem and self.pending is None:  # halves may find each other later
            raise SourceError(f"{sample.path}: {sample.problem}")
        if self.schema is not None:
            self._parser = self._parser_of(sample.events if sample is not None else ())

    def _batches(self, lines: Lines) -> Iterator[Batch]:
        """Yield what lines hold, in pieces of bounded size."""
        if self._unfolding is None:
            yield from self._batches_of(lines, 0, is_end=True)
            return
        if self._parser is None and self._sampling is not None:  # what their id is has to be known before
            self._learn(_unfolded(replace(lines, data=_head(lines.data)), self._sampling)[0])
        rejected = Rejected()
        skipped = 0
        for piece in self._unfolding.pieces(lines.data, rejected):
            skipped += piece.skipped
            # What is refused is told with the last piece: before that nothing may be known of the fields.
            told = replace(lines, data=piece.data, rejected=rejected if piece.is_last else Rejected())
            if piece.is_last:
                rejected.merge(lines.rejected)
            yield from self._batches_of(told, skipped if piece.is_last else 0, is_end=piece.is_last)

    def _batches_of(self, lines: Lines, unfolded: int, *, is_end: bool) -> Iterator[Batch]:
        """Yield the batches of lines of events.

        Args:
            lines: events.
            unfolded: records that are none of them and were left out before.
            is_end: whether the position lies behind the last of them.
        """
        if self._parser is None:
            self._learn(lines)
        if self._parser is None:
            rejected = Rejected()  # for what they are refused for, or do not pass
            skipped = left_out(parse_lines(lines.data.split(b"\n"), rejected), self._fields.chosen)
            rejected.merge(lines.rejected)
            yield Batch(rejected=rejected, skipped=skipped + unfolded, is_last=is_end)
            return
        is_seen = False
        for piece, is_last in line_pieces(lines.data, rows_at_a_time(self._parser.columns)):
            batch = replace(self._parse(replace(lines, data=piece)), is_last=is_last and is_end)
            if not is_seen and not self._fields.see_read(batch, SEEN_EVENTS):
                self._fields.see(_first(lines.data, self._fields.chosen))
            is_seen = True
            if is_last:
                batch.rejected.merge(lines.rejected)
                batch = replace(batch, skipped=batch.skipped + unfolded)
            yield batch

    def _learn(self, lines: Lines) -> bool:
        """Take what lines tell about the fields; return whether they are read in another way from now on."""
        before = self.schema
        search = SAMPLE_EVENTS if self._fields.is_told else SEARCH_EVENTS
        sample = sample_of(lines, self._fields.tells, search=search, chosen=self._fields.chosen)
        if sample.events:
            self._fields.take(sample.events)
        if self.schema is None or self.schema == before:
            return False
        self._parser = self._parser_of(sample.events)
        return True

    def _parse(self, lines: Lines) -> Batch:
        assert self._parser is not None  # noqa: S101 - lines are read once fields are known
        if not lines.data:
            return Batch()
        batch = self._parser.parse(lines.data)
        if not self._fields.fits(batch) and self._learn(lines):
            return self._parser.parse(lines.data)
        return batch

    def _go_back(self, position: str) -> None:
        """Read lines again later that could not be told: none is lost by it."""
        self._records.undo()
        self._tail.close()
        self._tail = self._open(self._step())
        self._tail.restore(position)

    def _sample(self, unfolding: Unfolding | None) -> Sample | None:
        """Return lines to recognise fields by, with events where there are any; None where nothing is to be read."""
        self._records.begin_sample()
        flat = None if unfolding is None else partial(_unfolded, unfolding=unfolding)
        newest = sample_log(_log(self._predictions), self._fields.tells, self._fields.chosen, flat)
        if newest is not None and newest.tells:
            return newest
        ahead = self._peek()
        if ahead is None or (newest is not None and not ahead.tells and (newest.events or not ahead.events)):
            return newest
        return ahead

    def _peek(self) -> Sample | None:
        """Return the first lines that are to be read next, without reading them: of a rotated file, or of a new one."""
        ahead = self._open(SAMPLE_BYTES)
        try:
            ahead.restore(self._tail.position())
            lines = next(iter(ahead.read()), None)
        finally:
            ahead.close()
        if lines is not None and self._sampling is not None:
            lines, _ = _unfolded(lines, self._sampling)
        return None if lines is None else sample_of(lines, self._fields.tells, chosen=self._fields.chosen)

    def _parser_of(self, sample: Sampled) -> JsonLinesParser:
        schema = self._fields.schema
        assert schema is not None  # noqa: S101 - asked for once fields are known
        self._records.tell_id(schema.id)
        times = [] if schema.time is None else [lookup(event, schema.time) for event in sample[:SAMPLE_EVENTS]]
        is_text = next((is_read_as_text(value) for value in times if value is not None), True)
        chosen, eligible = self._fields.chosen, self._eligible
        return JsonLinesParser(schema, time_is_text=is_text, clock=self._clock, chosen=chosen, eligible=eligible)


def _unfolded(lines: Lines, unfolding: Unfolding) -> tuple[Lines, int]:
    """Return lines of records as lines of flat events, and how many records are no predictions."""
    rejected = Rejected()
    flat = unfolding.unfold(lines.data, rejected)
    rejected.merge(lines.rejected)
    return replace(lines, data=flat.data, rejected=rejected), flat.skipped


def _head(data: bytes) -> bytes:
    """Return whole lines from the beginning of some, about as many as a sample has."""
    end = data.find(b"\n", SAMPLE_BYTES)
    return data if end < 0 else data[: end + 1]


def _first(data: bytes, chosen: Filter | None) -> Sampled:
    """Return the first events of some lines: enough to see which fields they have."""
    head = data[:SEEN_BYTES] if len(data) <= SEEN_BYTES else data[: data.rfind(b"\n", 0, SEEN_BYTES) + 1]
    lines = head.split(b"\n", SEEN_EVENTS)[:SEEN_EVENTS] if chosen is None else head.split(b"\n")
    return list(islice(passing(parse_lines(lines, Rejected()), chosen), SEEN_EVENTS))


def _log(predictions: Predictions) -> Log:
    """Return the log; other sources read what is none."""
    if predictions.log is None:
        raise ValueError("the predictions are in no log")
    return predictions.log
