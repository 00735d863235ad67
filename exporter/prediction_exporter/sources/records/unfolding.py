"""Unfolding: lines of records to lines of flat events, before anything else looks at them.

Whatever reads flat lines so reads records of any form: which field is what, what counts and what is refused is told in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout, Role
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.errors import ConfigError
from prediction_exporter.memory import ROOM
from prediction_exporter.sources.base import Batch, Rejected, UnfoldedSample
from prediction_exporter.sources.fields.made import ROW, TIME
from prediction_exporter.sources.fields.names import flatten
from prediction_exporter.sources.fields.passed import Passed
from prediction_exporter.sources.fields.placed import PlacesSeen
from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.layouts.base import Options, Record, every_record, one_event
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.decoding import encode, records_of
from prediction_exporter.sources.records.halves import Halves, Pair
from prediction_exporter.sources.records.joining import Joined, Joiner, joiner_of
from prediction_exporter.sources.records.lines import opened
from prediction_exporter.sources.records.numbering import row_numbers
from prediction_exporter.sources.records.once import ToldOnce
from prediction_exporter.sources.records.payloads import PayloadError
from prediction_exporter.sources.records.rows import RowsInRecord
from prediction_exporter.sources.sieve import Sieve
from prediction_exporter.sources.sizes import line_pieces

#: Bytes of flat lines that are made at a time: a record may have many predictions, and each repeats what it has once.
PIECE_BYTES = 4 << 20


#: Why records are refused that are JSON objects.
REFUSALS = frozenset({"payload", "uneven_rows", "too_many_rows"})

#: Lines that are joined at a time.
_BLOCK = 2000


@dataclass(frozen=True, slots=True)
class Unfolded:
    """What lines of records unfold to, or a piece of it.

    Attributes:
        data: lines of flat events.
        skipped: records that are no predictions.
        is_last: whether no other piece of the same lines follows.
    """

    data: bytes
    skipped: int
    is_last: bool = True


class Unfolding:
    """Unfolds the records of one model.

    Args:
        predictions: how they are read.
        layout: the model's columns, whose names are those of features that have none where the configuration says so.
        chosen: tells predictions from other records; None where there are no others.
        clock: Unix time.
        numbered: whether events have their row.
        kept: gives what the state file has of halves that wait; None where records are only looked at.

    Attributes:
        joiner: joins requests and responses; None where each record is whole.
        records, predictions: how many records with predictions were unfolded, and how many these had.
        names: the fields of one of these.
        id_at: where a flat event has its id, once that is known; by it the predictions of a record are told apart.
        places: how many records have what ``rows`` names; None where nothing is named.
    """

    def __init__(
        self,
        predictions: Predictions,
        layout: Layout | None,
        chosen: Filter | None,
        *,
        clock: Callable[[], float],
        numbered: bool = True,
        kept: Kept | None = None,
    ) -> None:
        self._sieve = None if chosen is None else Sieve(chosen)
        self._passed = None if chosen is None else chosen.seen
        self._clock = clock
        self._numbered = numbered
        self._once = ToldOnce(predictions, layout)
        self.records = self.predictions = self.others = 0
        self.names: tuple[str, ...] = ()
        self.id_at: Path | None = None
        self.places: PlacesSeen | None = None
        rows = predictions.rows
        known = None if predictions.layout is None else layout_of(predictions.layout)
        self._is_meant = every_record if known is None else known.is_meant
        self._known = known
        if known is not None:
            self._flat = known.flat
        elif rows is not None:
            in_record = RowsInRecord(rows, predictions.fields)
            self._flat, self.places = in_record.flat, in_record.seen
        else:
            self._flat = one_event(dict)
        self._is_flat = known is None and rows is None
        self.joiner = joiner_of(predictions, kept, clock)
        self._names: Sequence[str] = ()
        self._encoding = "auto" if rows is None else rows.encoding
        self._most = 10_000 if rows is None else rows.max
        if rows is not None and rows.names is not None:
            self._names = names_of(layout) if rows.names == "baseline" else rows.names

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for what no record has: what passes the filter, and what is named in ``rows``."""
        counted = (one for one in (self._passed, self.places) if one is not None)
        return tuple(sentence for one in counted for sentence in one.unseen())

    def counted(self) -> tuple[int, int, int]:
        """Return how many records had predictions so far, how many these were, and how many others there were."""
        return self.records, self.predictions, self.others

    def since(self, records: int = 0, predictions: int = 0, others: int = 0) -> UnfoldedSample:
        """Return what was unfolded since so many were counted."""
        return UnfoldedSample(self.records - records, self.predictions - predictions, self.names, self.others - others)

    def unfold(self, data: bytes, rejected: Rejected) -> Unfolded:
        """Return the first lines of records as lines of flat events, of bounded size: enough for a sample.

        Args:
            data: whole lines.
            rejected: where records are counted that cannot be read.
        """
        return next(self.pieces(data, rejected))

    def pieces(self, data: bytes, rejected: Rejected) -> Iterator[Unfolded]:
        """Yield lines of records as lines of flat events, in pieces of bounded size; at least one.

        Args:
            data: whole lines.
            rejected: where records are counted that cannot be read.
        """
        skipped = 0
        if self._known is not None:
            data, skipped = opened(data, self._known.reads)
        if self._sieve is not None:
            data, left_out = self._sieve.sift(data)
            skipped += left_out
        if self._is_flat and self.joiner is not None:
            pieces = self._pairs(data, self.joiner, rejected)
        else:
            pieces = self._flattened(self._whole(data, rejected), rejected)
        for piece in pieces:
            yield replace(piece, skipped=piece.skipped + skipped) if piece.is_last else piece

    def of_records(self, records: Iterable[Record], rejected: Rejected) -> Iterator[Unfolded]:
        """Yield records as lines of flat events, in pieces of bounded size; at least one.

        Args:
            records: as they were logged; what one has under :data:`TIME` is the time of all its predictions.
            rejected: where records are counted that cannot be read.
        """
        return self._flattened((record if self._is_meant(record) else None for record in records), rejected)

    def _flattened(self, records: Iterator[Record | None], rejected: Rejected) -> Iterator[Unfolded]:
        skipped = size = 0
        most = ROOM.step(PIECE_BYTES)
        lines: list[bytes] = []
        for record in records:
            if record is None:
                skipped += 1
                self.others += 1
                continue
            for line in self._lines_of(record, rejected):
                lines.append(line)
                size += len(line)
                if size >= most:
                    yield Unfolded(b"".join(lines), skipped, is_last=False)
                    lines.clear()
                    skipped = size = 0
        yield Unfolded(b"".join(lines), skipped)

    def _lines_of(self, record: Record, rejected: Rejected) -> Iterator[bytes]:
        """Yield a line for each event of a record, with its row, and the time of the record where that is given."""
        events = self._events_of(record, rejected)
        if not events:
            return
        self.records += 1
        self.predictions += len(events)
        self.names = self.names or tuple(flatten(events[:1]))
        self._once.leave(record, events)
        time = record.get(TIME)
        for row, event in zip(row_numbers(events, self.id_at), events, strict=True):
            if self._numbered:
                event[ROW] = row
            if time is not None:
                event[TIME] = time
            try:
                yield encode(event) + b"\n"
            except (TypeError, ValueError, RecursionError):  # deeper than a writer of JSON goes
                rejected.add("payload", example="a prediction that cannot be written as JSON")

    def _whole(self, data: bytes, rejected: Rejected) -> Iterator[Record | None]:
        """Yield records of this kind, of halves both of them as one; None for each other record. One that waits is none."""
        if self.joiner is None:
            for record, _ in records_of(data, rejected):
                yield record if self._is_meant(record) else None
            return
        for joined in self._joined(data, self.joiner, rejected):
            yield from repeat(None, joined.skipped)
            for lines in (joined.whole, map(_both, joined.pairs)):
                yield from (record for line in lines for record, _ in records_of(line, rejected))

    def _joined(self, data: bytes, joiner: Joiner, rejected: Rejected) -> Iterator[Joined]:
        joiner.halves.begin()
        for block, _ in line_pieces(data, _BLOCK):
            yield joiner.join(block, rejected)

    def _pairs(self, data: bytes, joiner: Joiner, rejected: Rejected) -> Iterator[Unfolded]:
        """Yield pairs as lines with both records. These are events as they stand, and are parsed where all events are."""
        skipped = size = 0
        most = ROOM.step(PIECE_BYTES)
        lines: list[bytes] = []
        end = b',"%b":0}\n' % ROW.encode() if self._numbered else b"}\n"
        for joined in self._joined(data, joiner, rejected):
            skipped += joined.skipped
            self.records += len(joined.pairs)
            self.predictions += len(joined.pairs)
            if joined.pairs and not self.names:
                self.names = tuple(flatten([record for record, _ in records_of(_both(joined.pairs[0]), Rejected())]))
            for pair in joined.pairs:
                lines.append(_both(pair, end))
                size += len(lines[-1])
                if size >= most:
                    yield Unfolded(b"".join(lines), skipped, is_last=False)
                    lines.clear()
                    skipped = size = 0
        yield Unfolded(b"".join(lines), skipped)

    def _events_of(self, record: Record, rejected: Rejected) -> list[dict[str, Any]]:
        """Return the events of a record, all of them or none: a part of one that is refused would count beside that."""
        try:
            return list(self._flat(record, Options(self._names, self._encoding, self._most, self._clock())))
        except PayloadError as error:
            rejected.add(error.reason, example=str(error))
        except RecursionError:
            rejected.add("payload", example="a record that is nested too deeply")
        return []


class Records:
    """How the records of a source become events of one prediction each.

    Args:
        predictions: how they are read.
        layout: the model's columns.
        clock: Unix time.
        kept: gives what the state file has of halves that wait; None where the source is only looked at.

    Attributes:
        unfolding: makes flat events of records; None where each record is one prediction as it stands.
        sampling: the same for what is only looked at, and read again.
        chosen: tells predictions from other records where they are not unfolded; unfolding does it where they are.
        passed: how many records passed the filter; None where there is none.
        places: how many had what ``rows`` names; None where it names nothing.
        refused: records that were only looked at and cannot be read.
        halves: what waits for its other half; None where each record is whole.
    """

    def __init__(
        self, predictions: Predictions, layout: Layout | None, *, clock: Callable[[], float], kept: Kept | None = None
    ) -> None:
        self.unfolding: Unfolding | None = None
        self.sampling: Unfolding | None = None
        self.refused = Rejected()
        self.halves: Halves | None = None
        self.chosen = Filter.of(predictions)
        self.passed: Passed | None = None if self.chosen is None else self.chosen.seen
        self.places: PlacesSeen | None = None
        if predictions.unfolds:
            self.unfolding = Unfolding(predictions, layout, self.chosen, clock=clock, kept=kept)
            self.sampling = Unfolding(predictions, layout, Filter.of(predictions), clock=clock)
            self.chosen = None
            self.places = self.unfolding.places
            self.halves = None if self.unfolding.joiner is None else self.unfolding.joiner.halves

    def begin_sample(self) -> None:
        """Forget what was looked at before, which is looked at again."""
        if self.sampling is not None and self.sampling.joiner is not None:
            self.sampling.joiner.halves.restore(resumed=False)

    def restore(self, *, resumed: bool) -> None:
        """Begin with what the state file has of halves; they are of lines that are not read on where reading did not resume.

        Raises:
            StateError: it cannot be read.
        """
        if self.halves is not None:
            self.halves.restore(resumed=resumed)

    def undo(self) -> None:
        """Take back whom the halves among the last records met: they will be read again."""
        if self.halves is not None:
            self.halves.undo()

    def expired(self, began: float) -> Iterator[Batch]:
        """Yield what waited too long, once all is read that was there at a time."""
        if self.halves is not None:
            rejected = self.halves.expire(began)
            if rejected.total:
                yield Batch(rejected=rejected)

    def joined(self, unfolding: Unfolding | None) -> tuple[str, tuple[str, ...]]:
        """Return how many halves of a sample found each other, in words, and what is wrong where none did."""
        if unfolding is None or unfolding.joiner is None:
            return "", ()
        return str(unfolding.joiner.met), unfolding.joiner.missed()

    def sample(self, data: bytes) -> bytes:
        """Return lines of records that are only looked at as lines of flat events; what is refused is kept to be told."""
        return data if self.sampling is None else self.sampling.unfold(data, self.refused).data

    def sampled(self) -> tuple[str, tuple[str, ...]]:
        """Return what :meth:`joined` does of records that were only looked at, and what none of them has."""
        joined, missed = self.joined(self.sampling)
        return joined, missed if self.sampling is None else (*missed, *self.sampling.unseen())

    def tell_id(self, id_at: Path | None) -> None:
        """Tell where flat events have their id."""
        for unfolding in (self.unfolding, self.sampling):
            if unfolding is not None:
                unfolding.id_at = id_at


def refuse_all(refused: Rejected, where: str) -> None:
    """Raise where records were refused, and no other was found by which the fields could be told.

    Raises:
        ConfigError: there are such.
    """
    if refused.total:
        raise ConfigError(f"{where}: {told_of(refused)}")


def told_of(refused: Rejected) -> str:
    """Return what is wrong with records of which none can be read.

    >>> refused = Rejected()
    >>> refused.add("payload", example="features: no CSV")
    >>> told_of(refused)
    "no sampled record can be read; refused as payload, such as 'features: no CSV'"
    """
    reason, example = next(iter(refused.examples.items()))
    return f"no sampled record can be read; refused as {reason}, such as {example!r}"


def names_of(layout: Layout | None) -> tuple[str, ...]:
    """Return the names of a model's features, in the order of its baseline."""
    if layout is None:
        return ()
    return tuple(column.name for column in layout.columns if column.role is Role.FEATURE and not column.is_derived)


def _both(pair: Pair, end: bytes = b"}") -> bytes:
    """Return an object with both records of a prediction."""
    return b'{"request":%b,"response":%b%b' % (*pair, end)
