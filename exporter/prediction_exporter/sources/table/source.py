"""The table source: reads spans of time, the newest of them again until no row can be written late any more.

A poll asks for the number of rows in each slice of the recent past. A slice whose number has changed is read again and
replaced. One whose time lies back further than the configured lateness is read a last time and closed; the position is the end
of the last closed slice, and is stored with what was counted. So every row that is written in time counts exactly once, in
whatever order transactions commit, and after a restart only what was not closed is read.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from prediction_exporter.config import Table
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.windows import SLICE_SECONDS, WIDEST_SECONDS
from prediction_exporter.errors import ConfigError, PredictionExporterError, SourceError
from prediction_exporter.memory import ROOM
from prediction_exporter.sources.backoff import Backoff
from prediction_exporter.sources.base import Batch, Look, Rejected
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.records.unfolding import Unfolding
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.filtering import TableFilter, with_eligible
from prediction_exporter.sources.table.groups import Learned
from prediction_exporter.sources.table.reader import Reader, mode_of, open_reader
from prediction_exporter.sources.table.relation import Relation, has_no_index, read_relation
from prediction_exporter.sources.table.rows import RowsReader
from prediction_exporter.sources.table.spans import steps
from prediction_exporter.sources.table.unfolding import TableRecords

logger = logging.getLogger(__name__)

#: Rows of the past that are read and committed at a time, at least one slice.
HISTORY_ROWS = 500_000

#: Seconds of what only waits for labels whose rows are counted by one statement.
DAY = 86_400

#: Bytes of the profiles that these may make: they are kept apart until the whole span is read.
HISTORY_BYTES = 64 << 20


class TableSource:
    """Reads the events of one model from a table, a view or a query.

    Args:
        context: the model; its predictions are in a table.

    Raises:
        ConfigError: the database is of an unknown kind, or its driver is not installed.
    """

    def __init__(self, context: SourceContext) -> None:
        settings = context.predictions.table
        if settings is None:
            raise AssertionError("a table source without a table")
        self._settings: Table = settings
        self._context = context
        self._clock = context.clock
        self._database = Database(settings, where=f"{context.where}.{context.predictions.SECTION}.table")
        of_rows = [
            name for name in ("entity", "durations", "attributions") if getattr(context.predictions.fields, name) is not None
        ]
        if of_rows and mode_of(context, settings, self._database) == "aggregate":
            raise ConfigError(
                f"{context.where}.predictions.fields.{of_rows[0]}: is read where rows are fetched, and this database counts "
                f"them itself (table.mode is {settings.mode}); write table.mode: rows, or leave {of_rows[0]} out"
            )
        # The time of records is that of their row, and is there or an error: what they unfold to need not have it.
        fields, is_of_row = context.predictions.fields, context.predictions.unfolds
        self._fields = fields.model_copy(update={"time": None}) if is_of_row else fields
        self._records: TableRecords | None = None
        if context.predictions.unfolds:  # the filter is the database's
            unfolding = Unfolding(context.predictions, context.layout, None, clock=context.clock)
            if unfolding.joiner is not None:
                raise ConfigError(
                    f"{context.where}.{context.predictions.SECTION}.layout: {context.predictions.layout} joins requests and "
                    f"responses, which are rows of their own here; join them in a view, and say with rows what it has"
                )
            self._records = TableRecords(unfolding, context.predictions, context.layout)
        self._backoff = Backoff(clock=context.clock)
        self._slice = min(context.spans[0].bucket, SLICE_SECONDS)
        self._lateness = int(settings.lateness.seconds)
        self._relation: Relation | None = None
        self._learned = Learned()
        self._closed: int | None = None  # everything before is closed
        self._news = 0  # what happened before is not counted, as nobody watched, or counted already
        self._known: dict[int, int] = {}  # rows of each slice when it was read last
        self._followed = 0  # predictions before it wait for their labels, where those of this source do
        self._problem = ""
        self._told_index = False
        self.refills = False
        self.pending = None
        self.seen = FieldsSeen(self._fields)

    @property
    def schema(self) -> EventSchema | None:
        """Which column is what, once it is known."""
        return self._relation.schema if self._relation is not None else None

    @property
    def name(self) -> str:
        """What the source reads, for people and for telling whether a stored position belongs to it."""
        return self._settings.shown

    def _signature(self) -> str:
        """What the windows are filled for: with other bins or other windows the past must be read again."""
        layout = self._context.layout
        spans = [f"{span.name}/{span.bucket}" for span in self._context.spans]
        where = self._context.predictions.where
        filled = [layout.digest if layout is not None else None, spans, sorted(self._context.segments)]
        return json.dumps(filled if where is None else [*filled, where])

    def restore(self, position: str | None) -> None:
        """Continue from a position that ``position`` returned, or start with all that windows hold and that may get a label."""
        stored: Mapping[str, Any] = json.loads(position) if position is not None else {}
        self.refills = stored.get("windows") != self._signature()
        self._closed = None if self.refills else stored["closed"]
        self._followed = stored.get("followed", 0)  # also where windows are filled anew
        self._news = max(stored["news"], stored["closed"] or 0) if stored else self._floor(self._clock() - self._lateness)

    def position(self) -> str:
        """Return the position behind the last span that was closed."""
        found = {"closed": self._closed, "news": self._news, "windows": self._signature()}
        # What the database has joined counts already, should labels be joined in the state file from now on.
        return json.dumps({**found, "followed": self._followed} if self._context.is_labelled else found)

    def reached(self) -> str:
        """Return the time up to which rows count for good."""
        if self._closed is None:
            return "the windows are read anew"
        return f"rows before {datetime.fromtimestamp(self._closed, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def lag_bytes(self) -> None:
        """Return None: a table tells no bytes. How far reading is behind shows in the age of the newest event."""

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _floor(self, time: float) -> int:
        return int(time // self._slice) * self._slice

    def look(self) -> Look:
        """Return which column is what."""
        with self._database.connect() as connection:
            relation = self._look(connection)
            rows = Batch()
            before = (0, 0, 0) if self._records is None else self._records.counted
            if relation is not None:  # for what it cannot read, and what it warns of
                reader = open_reader(self._context, self._database, relation, connection, Learned(), self._records)
                if self._context.is_labelled and not isinstance(reader, RowsReader):
                    reader = RowsReader(self._database, relation, connection, eligible=self._context.eligible)
                is_needed = self._context.by_rows or self._context.is_labelled or self._records is not None
                rows = reader.sample() if is_needed and isinstance(reader, RowsReader) else rows
            unfolded = None if self._records is None else self._records.unfolding.since(*before)
        if relation is None:
            passing = "" if self._context.predictions.where is None else " that passes the filter"
            return Look(remarks=(f"the table has no row with a time{passing} yet",), unseen=self.seen.unseen())
        return Look(
            schema=relation.schema,
            place=self.name,
            rows=rows,
            fields=relation.fields,
            unseen=self.seen.unseen(),
            unfolded=unfolded,
        )

    # Reading

    def poll(self) -> Iterator[Batch]:
        """Yield what is new or has changed, a span of time after the other.

        Raises:
            SourceError: the database is away, slow, or refuses; it is left alone for a while then.
            ConfigError: its columns do not tell which field is what.
        """
        if not self._backoff.wait_over():
            raise SourceError(self._problem)
        try:
            with self._database.connect() as connection:
                yield from self._read(connection)
        except PredictionExporterError as error:
            # Whatever it was, a column may have been renamed or a table replaced: look again.
            self._relation, self._learned = None, Learned()
            self._backoff.failed()
            self._problem = str(error)
            raise
        self._backoff.succeeded()

    def _read(self, connection: Connection) -> Iterator[Batch]:
        relation = self._relation or self._look(connection)
        if relation is None:
            return
        reader = open_reader(self._context, self._database, relation, connection, self._learned, self._records)
        now = self._clock()
        oldest = min(span.oldest(now) for span in self._context.spans)
        closed = self._closed if self._closed is not None else oldest
        yield from self._follow(reader, connection, relation, max(closed, oldest), now)
        # What is counted already is not read as something that may change, whatever the lateness is now.
        closable = max(self._floor(now - self._lateness), closed, self._news)
        end = self._floor(now) + self._slice
        counts = self._counts(connection, relation, max(closed - self._lateness, 0), end)
        refused = self._refused(counts, closed, oldest)
        if refused.total:
            self._closed = max(closed, oldest)  # so that none of them is told again
            yield Batch(rejected=refused)
        yield from self._close(reader, counts, max(closed, oldest), closable)
        yield from self._reread(reader, counts, closable, end)

    def _look(self, connection: Connection) -> Relation | None:
        context = self._context
        chosen = Filter.of(context.predictions)
        # A column may have been renamed.
        places = None if self._records is None else self._records.unfolding.places
        self.seen = FieldsSeen(self._fields, None if chosen is None else chosen.seen, places)
        place, dialect = f"{context.where}.{context.predictions.SECTION}.where", self._database.dialect
        row_filter = None if chosen is None else TableFilter(chosen, dialect, where=place)
        relation = read_relation(
            connection,
            self._database.dialect,
            context.predictions,
            context.layout,
            where=context.where,
            seen=self.seen,
            chosen=row_filter,
            records=self._records,
        )
        if relation is not None and self._records is None:  # flat events tell it themselves
            relation = with_eligible(relation, context.eligible, dialect, where=context.where)
        if relation is not None and self._database.dialect.has_indexes and not self._told_index:
            self._told_index = True
            if has_no_index(connection, self._settings, relation.time_name):
                logger.warning("%s: no index begins with %s: every poll scans the whole table", self.name, relation.time_name)
        self._relation = relation
        return relation

    def _counts(self, connection: Connection, relation: Relation, start: int, end: int) -> dict[int, int]:
        """Return the number of rows in each slice of a span that has any."""
        time = relation.time
        key = time.key(self._slice).label("slice")
        query = select(key, func.count()).select_from(relation.source).where(time.where(start, end)).group_by(key)
        counts: dict[int, int] = {}
        for found, rows in connection.execute(query):
            at = time.read_with(found, self._slice)
            if at is not None and start <= at < end:
                counts[at] = counts.get(at, 0) + rows
        return counts

    def _refused(self, counts: Mapping[int, int], closed: int, oldest: int) -> Rejected:
        """Return the rows that cannot count any more: each that came after its slice was closed, told once, and the past."""
        rejected = Rejected()
        for at in [at for at in self._known if at < closed]:
            if at < closed - self._lateness:
                del self._known[at]
            elif counts.get(at, 0) > self._known[at]:
                rejected.add("late", counts[at] - self._known[at], f"in the minute of {_shown(at)}")
                self._known[at] = counts[at]
        missed = [at for at in counts if closed <= at < oldest]
        if missed:
            rejected.add("too_old", sum(counts[at] for at in missed), _shown(min(missed)))
        return rejected

    # What only waits for labels

    def _follow(self, reader: Reader, connection: Connection, relation: Relation, end: int, now: float) -> Iterator[Batch]:
        """Yield predictions that may still get a label, up to where they are read for the windows as well.

        They are older than these, or were counted before there were labels.
        """
        if not self._context.waits:
            return
        start = max(self._followed, self._floor(now - self._context.waits))
        while start < end:
            until = min(start // DAY * DAY + DAY, end)
            counts = self._counts(connection, relation, start, until)
            for first, last in steps([(start, until)], counts):
                reading = Reading(first, last, closed=True, is_news=False, in_windows=False)
                if any(first <= at < last for at in counts):
                    for batch in reader.read(first, last, last - first):
                        yield Batch(batch.events, reading=reading, is_last=False)
                self._followed = last
                yield Batch(reading=reading)
            start = until

    # What lies back far enough to be closed

    def _close(self, reader: Reader, counts: Mapping[int, int], start: int, end: int) -> Iterator[Batch]:
        for first, last, width in self._parts(counts, start, end):
            reading = Reading(first, last, closed=True, is_news=first >= self._news)
            yield from self._as_reading(reader, reading, width, counts)

    def _parts(self, counts: Mapping[int, int], start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield spans of bounded rows, with the width of their slices: that of the finest window that they lie in."""
        now = self._clock()
        # A slice lies in all of the windows that it begins in.
        bounds = [*(span.oldest(now) for span in self._context.spans), self._news, end]
        left = deque(sorted((at, rows) for at, rows in counts.items() if start <= at < end))
        most = self._most_slices()
        first = at = start
        rows = slices = 0
        width = self._width(start, now)
        while at < end:
            step = min(at // width * width + width, *(bound for bound in bounds if bound > at))
            inside = 0
            while left and left[0][0] < step:
                inside += left.popleft()[1]
            is_full = rows + inside > HISTORY_ROWS or slices + bool(inside) > most
            if at > first and (is_full or at == self._news or self._width(at, now) != width):
                yield first, at, width
                first, rows, slices, width = at, 0, 0, self._width(at, now)
                step = min(at // width * width + width, *(bound for bound in bounds if bound > at))
            at, rows, slices = step, rows + inside, slices + bool(inside)
        if first < end:
            yield first, end, width

    def _most_slices(self) -> int:
        """Return of how many slices the profiles may be kept apart, with as many versions as are known and one more."""
        layout = self._context.layout
        if layout is None:
            return HISTORY_ROWS
        values = sum(layout.columns[layout.index(name)].bins for name in self._context.segments)
        profiles = (1 + values) * (1 + max(len(self._context.traffic.versions), 1))
        return max(ROOM.step(HISTORY_BYTES) // (profiles * layout.profile_bytes), 1)

    def _width(self, at: int, now: float) -> int:
        spans = self._context.spans
        finest = min((span.bucket for span in spans if at >= span.oldest(now)), default=spans[-1].bucket)
        return max(min(finest, WIDEST_SECONDS), self._slice)

    # What may still change

    def _reread(self, reader: Reader, counts: Mapping[int, int], start: int, end: int) -> Iterator[Batch]:
        for at in range(start, end, self._slice):
            if counts.get(at, 0) != self._known.get(at, 0):
                yield from self._as_reading(reader, Reading(at, at + self._slice, closed=False), self._slice, counts)

    def _as_reading(self, reader: Reader, reading: Reading, width: int, counts: Mapping[int, int]) -> Iterator[Batch]:
        """Read a span; what is known of it, and where reading goes on, changes with the last part alone."""
        slices = range(max(reading.start, self._floor(reading.end - 2 * self._lateness)), reading.end, self._slice)
        known = {at: counts.get(at, 0) for at in slices}
        if any(reading.start <= at < reading.end for at in counts):
            read = 0
            for batch in reader.read(reading.start, reading.end, width):
                read += _rows_in(batch)
                yield replace(batch, reading=reading, is_last=False)
            if reading.end - reading.start == self._slice:
                known[reading.start] = max(read, known[reading.start])  # some may have come since they were counted
        self._known |= known
        if reading.closed:
            self._closed = reading.end
            self._followed = max(self._followed, reading.end)
        yield Batch(reading=reading)


def _rows_in(batch: Batch) -> int:
    """Return how many rows of the table a batch is of."""
    if batch.records is not None:
        return batch.records
    return batch.rejected.total + sum(map(len, batch.events)) + (batch.tally.events if batch.tally is not None else 0)


def _shown(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
