"""Joining: predictions and labels that are tables of one database, joined there, so that nothing waits on disk.

Two times are kept, both of what is closed for good as lateness has passed. Predictions are counted up to the one and labels up
to the other: every minute of predictions before the first holds the labels that became known before the second. A poll moves
both on.

- New minutes of predictions are read, with all labels that they have.
- New labels tell which minutes they belong to. All labelled predictions of these are read again, and replace what was counted.

So it does not matter how often a minute is read, and corrected labels need no memory of what they replace: a row that was
changed in place, and has a new time, is as good as another one.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from prediction_exporter.config import Model, Predictions
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import PredictionExporterError, SourceError
from prediction_exporter.sources.backoff import Backoff
from prediction_exporter.sources.base import Batch, Look
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.table.engine import Database
from prediction_exporter.sources.table.filtering import TableFilter, with_eligible
from prediction_exporter.sources.table.ids import comparable, compared
from prediction_exporter.sources.table.relation import Relation, has_no_index, read_relation
from prediction_exporter.sources.table.rows import RowsReader
from prediction_exporter.sources.table.spans import (
    MINUTE,
    STEP_SPANS,
    Spans,
    chunks,
    first_of,
    in_minutes,
    steps,
    together,
    without,
)

logger = logging.getLogger(__name__)

DAY = 86_400

#: Joining rests for as many times as long as it took.
REST = 9


@dataclass(frozen=True, slots=True)
class Joining(Batch):
    """What some minutes of predictions hold, to take the place of what was counted of them.

    Attributes:
        spans: the minutes since the epoch, ``[first, last)`` each.
        predictions: those of the minutes, and earlier ones of the same ids.
        labels: of these ids.
        since: microseconds since the epoch from which on labels are new; None where the minutes are.
        counted: labels that became known since it was last told, and when the newest of them did.
        ends: whether the position lies behind it: what is read before such a batch may be read again.
    """

    spans: Spans = ()
    predictions: tuple[Events, ...] = ()
    labels: tuple[Events, ...] = ()
    since: int | None = None
    counted: tuple[int, float | None] = (0, None)
    ends: bool = True


@dataclass(frozen=True)
class _Side:
    """A table, as it is now.

    Attributes:
        table: its rows.
        id: their ids, as the engine compares them with those of the other side.
    """

    table: Relation
    id: ColumnElement[Any]

    def ids(self, condition: ColumnElement[bool]) -> Select[Any]:
        """Return the query for the ids of some rows."""
        return select(self.id).select_from(self.table.source).where(condition).correlate(None)


@dataclass(frozen=True)
class _Sides:
    """Both tables; None while there are no labels."""

    predictions: _Side
    labels: _Side | None


class EngineJoin:
    """Reads what a database joins of a model's predictions and labels.

    Attributes:
        eligible: tells predictions that can get a label, where their rows decide it.

    Args:
        model: its predictions and labels are tables of one database.
        labels: the section of labels as one of predictions.
        layout: the columns that are counted of predictions.
        of_labels: those of labels.
        needed: names of the columns of predictions that a pair has.
        where: the model's place in the configuration, for messages.
        clock: Unix time.

    Raises:
        ConfigError: the database is of an unknown kind, or its driver is not installed.
    """

    refills = False
    pending = None

    def __init__(
        self,
        model: Model,
        labels: Predictions,
        layout: Layout,
        of_labels: Layout,
        needed: Sequence[str],
        *,
        where: str,
        clock: Callable[[], float],
    ) -> None:
        section, predictions = model.labels, model.predictions.table
        if section is None or section.table is None or predictions is None:
            raise AssertionError("a join without two tables")
        self._predictions, self._labels = model.predictions, labels
        self._layout, self._of_labels, self._needed = layout, of_labels, set(needed)
        self._where = where
        self._clock = clock
        self._settings, self._tables = section.table, (predictions, section.table)
        self._horizon = int(section.horizon.seconds)
        self._lateness = int(predictions.lateness.seconds), int(section.table.lateness.seconds)
        self._database = Database(section.table, where=f"{where}.labels.table")
        self._backoff = Backoff(clock=clock)
        self._sides: _Sides | None = None
        self._problem = ""
        self._told_index = False
        self._rests_until = 0.0
        self._predicted_to = 0  # predictions before it are counted,
        self._known_to = 0  # with the labels before this; none where it is 0
        self._left: list[tuple[int, int]] = []  # minutes that labels before this are still to be counted of
        self._target = 0
        self._counted: tuple[int, float | None] = (0, None)  # with these
        self._known: dict[int, int] | None = None  # labels of each minute, as they were when it was closed
        self.eligible = Filter.written(section.only_for_records, key="only_for")
        self.seen = FieldsSeen(labels.fields)

    @property
    def schema(self) -> EventSchema | None:
        """Which column of labels is what, once it is known."""
        return self._sides.labels.table.schema if self._sides is not None and self._sides.labels is not None else None

    @property
    def name(self) -> str:
        """What the source reads, for people and for telling whether a stored position belongs to it."""
        return self._settings.shown

    def restore(self, position: str | None) -> None:
        """Continue from a position that ``position`` returned, or start with all predictions that may get a label."""
        stored: Mapping[str, Any] = json.loads(position) if position is not None else {}
        self._predicted_to, self._known_to = stored.get("predictions") or 0, stored.get("labels") or 0
        self._left, self._known = [], None

    def position(self) -> str:
        """Return up to where predictions and labels are counted."""
        return json.dumps({"predictions": self._predicted_to, "labels": self._known_to})

    def reached(self) -> str:
        """Return the time up to which labels are counted."""
        return "all is read anew" if not self._known_to else f"labels known before {self._known_to}"

    def lag_bytes(self) -> None:
        """Return None: a table tells no bytes."""

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def look(self) -> Look:
        """Return which column of labels is what.

        Raises:
            SourceError: the database is away, slow, or refuses.
            ConfigError: as :meth:`poll`.
        """
        with self._database.connect() as connection:
            sides = self._look(connection)
            labels = None if sides is None else sides.labels
            relation = self._relation(connection, self._labels, self._of_labels) if labels is None else labels.table
            if relation is None:
                return Look(remarks=("the table has no row with a time yet",), unseen=self.seen.unseen())
            rows = RowsReader(self._database, relation, connection).sample()
        return Look(schema=relation.schema, place=self.name, rows=rows, fields=relation.fields, unseen=self.seen.unseen())

    # Reading

    def poll(self) -> Iterator[Batch]:
        """Yield minutes that are new, and those whose labels have changed.

        Raises:
            SourceError: the database is away, slow, or refuses; it is left alone for a while then.
            ConfigError: its columns do not tell which field is what, or ids cannot be compared.
        """
        if not self._backoff.wait_over():
            raise SourceError(self._problem)
        now = self._clock()
        if now < self._rests_until <= now + DAY:  # a clock that was put back must not make it rest for long
            return
        began = time.monotonic()
        try:
            with self._database.connect() as connection:
                yield from self._join(connection, now)
        except PredictionExporterError as error:
            self._sides = None  # a column may have been renamed, or a table replaced: look again
            self._backoff.failed()
            self._problem = str(error)
            raise
        self._backoff.succeeded()
        self._rests_until = self._clock() + REST * (time.monotonic() - began)

    def _join(self, connection: Connection, now: float) -> Iterator[Batch]:
        closed, known = (int(now - late) // MINUTE * MINUTE for late in self._lateness)
        # Of a clock that was put back, what it made closed too early is read again: it replaces what was counted.
        self._known_to = min(self._known_to or known, known)
        oldest = int(now - self._horizon) // DAY * DAY
        self._predicted_to = min(max(self._predicted_to, oldest), closed)
        if not self._left and closed <= self._predicted_to and known <= self._known_to:
            return  # nothing can have come
        sides = self._sides
        if sides is None or sides.labels is None:
            sides = self._sides = self._look(connection)
        if sides is None:
            return
        if self._known is None:
            span = (self._known_to - self._lateness[1], self._known_to)
            self._known = {} if sides.labels is None else self._counts(connection, sides.labels.table, [span])
        yield from self._replace_left(connection, sides)
        yield from self._close(connection, sides, closed)
        if known > self._known_to:
            yield from self._take_labels(connection, sides, oldest, known)

    def _look(self, connection: Connection) -> _Sides | None:
        predictions = self._relation(connection, self._predictions, self._layout)
        labels = self._relation(connection, self._labels, self._of_labels)
        if predictions is None:
            return None
        needed = tuple(column for column in predictions.schema.columns if column.name in self._needed)
        schema = replace(predictions.schema, columns=needed, latency=None, entity=None)
        predictions = with_eligible(
            replace(predictions, schema=schema), self.eligible, self._database.dialect, where=self._where
        )
        if labels is None:
            of_prediction = comparable(self._database.dialect, predictions, predictions, where=self._where)[0]
            return _Sides(_Side(predictions, of_prediction), None)
        of_prediction, of_label = compared(connection, self._database.dialect, predictions, labels, where=self._where)
        self._tell_index(connection, predictions, labels)
        return _Sides(_Side(predictions, of_prediction), _Side(labels, of_label))

    def _relation(self, connection: Connection, section: Predictions, layout: Layout) -> Relation | None:
        dialect, chosen = self._database.dialect, Filter.of(section)
        seen = FieldsSeen(section.fields, None if chosen is None else chosen.seen)
        if section is self._labels:
            self.seen = seen
        place = f"{self._where}.{section.SECTION}.where"
        passing = None if chosen is None else TableFilter(chosen, dialect, where=place)
        return read_relation(connection, dialect, section, layout, where=self._where, seen=seen, chosen=passing)

    def _tell_index(self, connection: Connection, *relations: Relation) -> None:
        if self._told_index or not self._database.dialect.has_indexes:
            return
        self._told_index = True
        for relation, table in zip(relations, self._tables, strict=True):
            # The source of predictions tells of their time.
            of_labels = [relation.time_name] if table is self._tables[1] else []
            for name in [*([] if relation.schema.id is None else [str(relation.schema.id[0])]), *of_labels]:
                if has_no_index(connection, table, name):
                    logger.warning("%s: no index begins with %s: every join scans the whole table", table.shown, name)

    # New minutes of predictions

    def _close(self, connection: Connection, sides: _Sides, closed: int) -> Iterator[Joining]:
        while self._predicted_to < closed:
            end = min(self._predicted_to // DAY * DAY + DAY, closed)
            counts = self._counts(connection, sides.predictions.table, [(self._predicted_to, end)])
            for first, last in steps([(self._predicted_to, end)], counts):
                batch = Joining(spans=in_minutes([(first, last)]))
                if any(first <= at < last for at in counts):
                    batch = self._read(connection, sides, [(first, last)], None)
                self._predicted_to = last
                yield batch

    # New labels

    def _take_labels(self, connection: Connection, sides: _Sides, oldest: int, known: int) -> Iterator[Joining]:
        since, late, before = self._known_to, self._lateness[1], self._known or {}
        counts: dict[int, int] = {}
        labels, self._left = sides.labels, []
        if labels is not None:
            counts = self._counts(connection, labels.table, [(since - late, known)])
            # Labels that were written after the lateness are taken, as it costs nothing: they are told by their number.
            new = [(at, at + MINUTE) for at, rows in sorted(counts.items()) if at >= since or rows > before.get(at, 0)]
            self._left = together(self._minutes_of(connection, sides.predictions, labels, together(new), oldest))
        self._target = known
        rows = sum(count - (before.get(at, 0) if at < since else 0) for at, count in counts.items())
        newest = max((at for at in counts if at >= since), default=None)
        self._known = {at: count for at, count in counts.items() if at >= known - late}
        self._counted = rows, None if newest is None else float(newest)
        if not self._left:
            yield self._ended(Joining())
        yield from self._replace_left(connection, sides)

    def _ended(self, batch: Joining) -> Joining:
        """Return a batch after which labels are counted up to the target."""
        self._known_to = self._target
        return replace(batch, counted=self._counted)

    def _minutes_of(
        self, connection: Connection, predictions: _Side, labels: _Side, known: Spans, oldest: int
    ) -> list[tuple[int, int]]:
        """Return the minutes of predictions that labels of some times speak of."""
        at, found = predictions.table.time, set()
        for chosen in chunks(known):
            ids = labels.ids(or_(*(labels.table.time.where(*span) for span in chosen)))
            key = at.key(MINUTE)
            query = select(key).select_from(predictions.table.source).distinct()
            query = query.where(at.where(oldest, self._predicted_to), predictions.id.in_(ids))
            found |= {at.slice_of(row[0], MINUTE) for row in connection.execute(query)}
        minutes = sorted(minute for minute in found if minute is not None and oldest <= minute < self._predicted_to)
        return [(minute, minute + MINUTE) for minute in minutes]

    def _replace_left(self, connection: Connection, sides: _Sides) -> Iterator[Joining]:
        since = self._known_to * 1_000_000
        while self._left:
            chosen = self._left[:STEP_SPANS]
            counts = self._counts(connection, sides.predictions.table, chosen)
            some = first_of(chosen, counts)
            batch = self._read(connection, sides, some, since)
            self._left = without(self._left, some[-1][1])
            yield replace(batch, ends=False) if self._left else self._ended(batch)

    # Statements

    def _counts(self, connection: Connection, relation: Relation, spans: Spans) -> dict[int, int]:
        """Return the number of rows in each minute of some spans that has any."""
        key = relation.time.key(MINUTE).label("minute")
        where = or_(*(relation.time.where(*span) for span in spans))
        counts: dict[int, int] = {}
        for found, rows in connection.execute(
            select(key, func.count()).select_from(relation.source).where(where).group_by(key)
        ):
            at = relation.time.slice_of(found, MINUTE)
            if at is not None and any(start <= at < end for start, end in spans):
                counts[at] = counts.get(at, 0) + rows
        return counts

    def _read(self, connection: Connection, sides: _Sides, spans: Spans, since: int | None) -> Joining:
        """Return what some minutes hold; where labels are new, and not the minutes, only what has a label.

        A prediction may be the repetition of an earlier one, so those of the same ids are read as well.
        """
        known = self._target if since is not None else self._known_to
        side, labels = sides.predictions, sides.labels
        at, first, last = side.table.time, spans[0][0], spans[-1][1]
        of_spans = side.ids(or_(*(at.where(*span) for span in spans)))
        span_of_labels = (first - self._horizon, known)
        chosen: ColumnElement[bool] = side.id.in_(of_spans)
        if since is not None and labels is not None:
            # Those of the minutes alone, or all labels of the horizon would be read.
            of_these = and_(labels.table.time.where(*span_of_labels), labels.id.in_(of_spans))
            chosen = side.id.in_(labels.ids(of_these))
        reader = RowsReader(self._database, side.table, connection, eligible=self.eligible)
        predictions = self._events(reader.chosen(first - self._horizon, last, chosen))
        found: tuple[Events, ...] = ()
        if labels is not None:
            reader = RowsReader(self._database, labels.table, connection)
            found = self._events(reader.chosen(*span_of_labels, labels.id.in_(of_spans)))
        return Joining(spans=in_minutes(spans), predictions=predictions, labels=found, since=since)

    @staticmethod
    def _events(batches: Iterator[Batch]) -> tuple[Events, ...]:
        return tuple(events for batch in batches for events in batch.events)
