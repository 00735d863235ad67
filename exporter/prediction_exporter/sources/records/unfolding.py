"""Unfolding: lines of records to lines of flat events, before anything else looks at them.

Whatever reads flat lines so reads records of any form: which field is what, what counts and what is refused is told in one way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, NamedTuple

import orjson

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout, Role
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.sources.base import Batch, Rejected
from prediction_exporter.sources.fields.passed import Passed
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.layouts.base import Options, Record
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.halves import Halves, Place
from prediction_exporter.sources.records.joining import Joiner, joiner_of
from prediction_exporter.sources.records.numbering import ROW
from prediction_exporter.sources.records.payloads import PayloadError
from prediction_exporter.sources.records.rows import RowsInRecord
from prediction_exporter.sources.sieve import Sieve

#: Integers of so many digits are more than a double holds: they are read by the slower parser, which keeps them.
_LONG_INTEGER = re.compile(rb"[0-9]{17}")

#: What parses slowly and is right for words that are no JSON.
_WORDS = re.compile(rb"NaN|Infinity")

#: Records that are joined at a time.
_BLOCK = 2000


@dataclass(frozen=True, slots=True)
class Unfolded:
    """What lines of records unfold to.

    Attributes:
        data: lines of flat events.
        skipped: records that are no predictions.
    """

    data: bytes
    skipped: int


class Unfolding:
    """Unfolds the records of one model.

    Args:
        predictions: how they are read.
        layout: the model's columns, whose names are those of features that have none where the configuration says so.
        chosen: tells predictions from other records; None where there are no others.
        clock: Unix time.
        kept: gives what the state file has of halves that wait; None where records are only looked at.

    Attributes:
        joiner: joins requests and responses; None where each record is whole.
    """

    def __init__(
        self,
        predictions: Predictions,
        layout: Layout | None,
        chosen: Filter | None,
        *,
        clock: Callable[[], float],
        kept: Kept | None = None,
    ) -> None:
        self._sieve = None if chosen is None else Sieve(chosen)
        self._clock = clock
        rows = predictions.rows
        known = None if predictions.layout is None else layout_of(predictions.layout)
        self._is_meant = (lambda record: True) if known is None else known.is_meant  # noqa: ARG005 - of every record
        if known is not None:
            self._flat = known.flat
        elif rows is not None:
            self._flat = RowsInRecord(rows).flat
        else:
            self._flat = _as_it_is
        self.joiner = joiner_of(predictions, kept, clock)
        self._names: Sequence[str] = ()
        self._encoding = "auto" if rows is None else rows.encoding
        self._most = 10_000 if rows is None else rows.max
        if rows is not None and rows.names is not None:
            self._names = names_of(layout) if rows.names == "baseline" else rows.names

    def unfold(self, data: bytes, rejected: Rejected) -> Unfolded:
        """Return lines of records as lines of flat events.

        Args:
            data: whole lines.
            rejected: where records are counted that cannot be read.
        """
        skipped = 0
        if self._sieve is not None:
            data, skipped = self._sieve.sift(data)
        lines: list[bytes] = []
        for whole in self._whole(_records(data, rejected), rejected):
            if whole is None:
                skipped += 1
            else:
                lines.extend(self._lines_of(*whole, rejected))
        return Unfolded(b"".join(lines), skipped)

    def _whole(self, read: Iterator[_Read], rejected: Rejected) -> Iterator[tuple[Record, Callable[[Any], bytes]] | None]:
        """Yield records of this kind, of halves both of them as one; None for each other record. One that waits is none."""
        if self.joiner is not None:
            self.joiner.halves.begin()
            while block := list(islice(read, _BLOCK)):  # few at a time: what is parsed takes much memory
                yield from self._joined(block, self.joiner, rejected)
            return
        for one in read:
            yield (one.record, one.dumps) if self._is_meant(one.record) else None

    def _joined(
        self, read: list[_Read], joiner: Joiner, rejected: Rejected
    ) -> Iterator[tuple[Record, Callable[[Any], bytes]] | None]:
        halves = [one for one in read if self._is_meant(one.record)]
        pairs, others = joiner.join([one.record for one in halves], [one.line for one in halves], rejected)
        yield from repeat(None, len(read) - len(halves) + others)

        def at(place: Place) -> _Read:
            return halves[place] if isinstance(place, int) else next(_records(place, Rejected()))

        for request, response in pairs:
            one, other = at(request), at(response)
            dumps = _dump if one.dumps is other.dumps is _dump else _dump_slowly
            yield {"request": one.record, "response": other.record}, dumps

    def _lines_of(self, record: Record, dumps: Callable[[Any], bytes], rejected: Rejected) -> list[bytes]:
        options = Options(self._names, self._encoding, self._most, self._clock())
        try:
            return [dumps({**event, ROW: row}) for row, event in enumerate(self._flat(record, options))]
        except PayloadError as error:
            rejected.add(error.reason, example=str(error))
        except (TypeError, RecursionError):  # keys or depths that a writer of JSON refuses
            rejected.add("payload", example="a record that cannot be written as JSON")
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
        halves: what waits for its other half; None where each record is whole.
    """

    def __init__(
        self, predictions: Predictions, layout: Layout | None, *, clock: Callable[[], float], kept: Kept | None = None
    ) -> None:
        self.unfolding: Unfolding | None = None
        self.sampling: Unfolding | None = None
        self.halves: Halves | None = None
        self.chosen = Filter.of(predictions)
        self.passed: Passed | None = None if self.chosen is None else self.chosen.seen
        if predictions.rows is not None or predictions.layout is not None or predictions.join is not None:
            self.unfolding = Unfolding(predictions, layout, self.chosen, clock=clock, kept=kept)
            self.sampling = Unfolding(predictions, layout, Filter.of(predictions), clock=clock)
            self.chosen = None
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


def _as_it_is(record: Record, options: Options) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - as every layout is called
    yield dict(record)


def names_of(layout: Layout | None) -> tuple[str, ...]:
    """Return the names of a model's features, in the order of its baseline."""
    if layout is None:
        return ()
    return tuple(column.name for column in layout.columns if column.role is Role.FEATURE and not column.is_derived)


class _Read(NamedTuple):
    """A record, the line that it stood in, and what writes its values as they were."""

    record: Record
    line: bytes
    dumps: Callable[[Any], bytes]


def _records(data: bytes, rejected: Rejected) -> Iterator[_Read]:
    """Yield the objects among lines."""
    for line in data.split(b"\n"):
        if _WORDS.search(line) is None and _LONG_INTEGER.search(line) is None:
            try:
                record = orjson.loads(line)
            except ValueError:
                pass
            else:
                if isinstance(record, dict):
                    yield _Read(record, line, _dump)
                    continue
        for parsed in parse_lines([line], rejected):
            yield _Read(parsed, line, _dump_slowly)


def _dump(event: Any) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def _dump_slowly(event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"
