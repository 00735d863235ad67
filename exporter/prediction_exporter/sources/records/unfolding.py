"""Unfolding: lines of records to lines of flat events, before anything else looks at them.

Whatever reads flat lines so reads records of any form: which field is what, what counts and what is refused is told in one way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout, Role
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields.passed import Passed
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.layouts.base import SIDES, Options, Record
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.halves import Halves, HalvesInMemory, half_of
from prediction_exporter.sources.records.lines import opened
from prediction_exporter.sources.records.numbering import ROW
from prediction_exporter.sources.records.payloads import PayloadError
from prediction_exporter.sources.records.rows import RowsInRecord
from prediction_exporter.sources.sieve import Sieve

#: Integers of so many digits are more than a double holds: they are read by the slower parser, which keeps them.
_LONG_INTEGER = re.compile(rb"[0-9]{17}")

#: What parses slowly and is right for words that are no JSON.
_WORDS = re.compile(rb"NaN|Infinity")


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
    """

    def __init__(
        self, predictions: Predictions, layout: Layout | None, chosen: Filter | None, *, clock: Callable[[], float]
    ) -> None:
        self._sieve = None if chosen is None else Sieve(chosen)
        self._clock = clock
        rows = predictions.rows
        self._joins = predictions.join is not None
        known = None if predictions.layout is None else layout_of(predictions.layout)
        self._is_meant = (lambda record: True) if known is None else known.is_meant  # noqa: ARG005 - of every record
        self._known = known
        if known is not None:
            self._flat = known.flat
        elif rows is not None:
            self._flat = RowsInRecord(rows).flat
        else:
            self._flat = _as_it_is
        self._halves: Halves = HalvesInMemory()
        self._half = half_of(predictions.join) if predictions.join is not None else None if known is None else known.half
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
        if self._known is not None:
            data, skipped = opened(data, self._known.reads)
        if self._sieve is not None:
            data, left_out = self._sieve.sift(data)
            skipped += left_out
        lines: list[bytes] = []
        for record, dumps in _records(data, rejected):
            if not self._is_meant(record):
                skipped += 1
            elif self._half is None:
                lines.extend(self._lines_of(record, dumps, rejected))
            elif (half := self._half(record)) is None:
                if self._joins:
                    skipped += 1
                else:  # a layout's record that is whole
                    lines.extend(self._lines_of(record, dumps, rejected))
            elif (other := self._halves.meet(half, record)) is not None:
                both: dict[str, Any] = dict(
                    zip(SIDES, (record, other) if half.side == SIDES[0] else (other, record), strict=True)
                )
                lines.extend(self._lines_of(both, _dump_slowly, rejected))
        return Unfolded(b"".join(lines), skipped)

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

    Attributes:
        unfolding: makes flat events of records; None where each record is one prediction as it stands.
        sampling: the same for what is only looked at, and read again.
        chosen: tells predictions from other records where they are not unfolded; unfolding does it where they are.
        passed: how many records passed the filter; None where there is none.
    """

    def __init__(self, predictions: Predictions, layout: Layout | None, *, clock: Callable[[], float]) -> None:
        self.unfolding: Unfolding | None = None
        self.sampling: Unfolding | None = None
        self.chosen = Filter.of(predictions)
        self.passed: Passed | None = None if self.chosen is None else self.chosen.seen
        if predictions.rows is not None or predictions.layout is not None or predictions.join is not None:
            self.unfolding = Unfolding(predictions, layout, self.chosen, clock=clock)
            self.sampling = Unfolding(predictions, layout, Filter.of(predictions), clock=clock)
            self.chosen = None


def _as_it_is(record: Record, options: Options) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - as every layout is called
    yield dict(record)


def names_of(layout: Layout | None) -> tuple[str, ...]:
    """Return the names of a model's features, in the order of its baseline."""
    if layout is None:
        return ()
    return tuple(column.name for column in layout.columns if column.role is Role.FEATURE and not column.is_derived)


def _records(data: bytes, rejected: Rejected) -> Iterator[tuple[Record, Callable[[Any], bytes]]]:
    """Yield the objects among lines, each with what writes its values: as they were."""
    for line in data.split(b"\n"):
        if _WORDS.search(line) is None and _LONG_INTEGER.search(line) is None:
            try:
                record = orjson.loads(line)
            except ValueError:
                pass
            else:
                if isinstance(record, dict):
                    yield record, _dump
                    continue
        for parsed in parse_lines([line], rejected):
            yield parsed, _dump_slowly


def _dump(event: Any) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def _dump_slowly(event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"
