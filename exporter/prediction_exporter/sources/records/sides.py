"""Sides: which lines are requests, which are responses, and what they are known by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import polars as pl

from prediction_exporter.config.records import Joining
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields.schema import Path, lookup
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.json_reader import divide
from prediction_exporter.sources.layouts.base import SIDES, Half, Record, RecordLayout
from prediction_exporter.sources.records.decoding import records_of
from prediction_exporter.sources.sieve import Fields, TextsOfLines
from prediction_exporter.sources.values import NOTHING, text_of

REQUEST, RESPONSE = SIDES


def _is_nothing(name: str) -> bool:
    """Return whether a name is what loggers write for none: all that have it would find each other."""
    return name.strip().lower() in NOTHING


class Told(NamedTuple):
    """What lines are.

    Attributes:
        halves: those that are halves of predictions.
        lines: the same as lines, each of which is one object.
        whole: lines that are records of both already.
        skipped: how many others there are.
    """

    halves: list[Half]
    lines: list[bytes]
    whole: list[bytes]
    skipped: int


class Sides(Protocol):
    """Tells which halves of predictions some lines are."""

    def __call__(self, data: bytes, rejected: Rejected) -> Told:
        """Return what lines are, in their order; count those that are refused."""

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each side that no record was of, with the place in the configuration."""


class SidesByFilter:
    """Tells halves as ``predictions.join`` says, and how many there were of each.

    Only what it names is read of each line, of many lines at once; what polars does not read is parsed.

    Args:
        joining: that section.

    Attributes:
        field: the field that both sides have, for messages.
    """

    def __init__(self, joining: Joining) -> None:
        from prediction_exporter.config.where_parser import parse_where  # here for the reason that config.where gives

        self.field = joining.id
        self._filters = tuple(Filter(parse_where(getattr(joining, side))) for side in SIDES)
        self._places: tuple[Path, ...] = tuple(dict.fromkeys([(joining.id,), tuple(joining.id.split("."))]))
        paths = [*self._places, *(path for one in self._filters for path in one.paths)]
        self._texts = TextsOfLines(list(dict.fromkeys(paths)))

    def __call__(self, data: bytes, rejected: Rejected) -> Told:
        """Return what lines are."""
        told = Told([], [], [], 0)
        return told._replace(skipped=self._tell(data, told, rejected))

    def _tell(self, data: bytes, told: Told, rejected: Rejected) -> int:
        """Add what lines are; return how many of them are none."""
        read = self._texts.read(data)
        if read is not None:
            return self._of_fields(*read, told, rejected)
        pieces = divide(data)
        if pieces is not None:
            return sum(self._tell(piece, told, rejected) for piece in pieces)
        return self._one_by_one(data, told, rejected)

    def _of_fields(self, fields: Fields, lines: list[bytes], told: Told, rejected: Rejected) -> int:
        names = fields[self._places[0]]
        for place in self._places[1:]:
            names = names.fill_null(fields[place])
        ids = names.to_list()
        odd = names.str.contains(r"^[\[{]").fill_null(value=False)
        for row in odd.arg_true().to_list():  # an object or a list, perhaps, which is a text as the parser of one line has it
            ids[row] = next((self._id_of(record) for record, _ in records_of(lines[row], Rejected())), None)
        sides = [one.among(len(lines), fields.__getitem__) for one in self._filters]
        return self._add(ids, sides, lines, told, rejected)

    def _one_by_one(self, data: bytes, told: Told, rejected: Rejected) -> int:
        read = list(records_of(data, rejected))
        records = [record for record, _ in read]
        sides = [pl.Series(one.of_records(records), dtype=pl.Boolean) for one in self._filters]
        return self._add([self._id_of(record) for record in records], sides, [line for _, line in read], told, rejected)

    def _id_of(self, record: Record) -> str | None:
        return next((text_of(value) for place in self._places if (value := lookup(record, place)) is not None), None)

    def _add(
        self, ids: Sequence[str | None], sides: Sequence[pl.Series], lines: Sequence[bytes], told: Told, rejected: Rejected
    ) -> int:
        requests, responses = (side.to_list() for side in sides)
        skipped = both = nameless = 0
        for name, is_request, is_response, line in zip(ids, requests, responses, lines, strict=True):
            if is_request == is_response:
                skipped, both = skipped + (not is_request), both + is_request
            elif name is None or _is_nothing(name):
                nameless += 1
            else:
                told.halves.append(Half(name, REQUEST if is_request else RESPONSE))
                told.lines.append(line)
        rejected.add("both_sides", both, example="a record that is a request and a response")
        rejected.add("missing_id", nameless, example=f"a record without {self.field}")
        return skipped

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each of the two sides that no record is of."""
        return tuple(
            f"join.{side}{sentence.removeprefix('where')}"
            for side, one in zip(SIDES, self._filters, strict=True)
            if not one.seen.passed
            for sentence in one.seen.unseen()
        )


class SidesByLayout:
    """Tells halves as a layout does, record by record.

    Args:
        layout: which has halves.
    """

    def __init__(self, layout: RecordLayout) -> None:
        assert layout.half is not None  # noqa: S101 - it joins
        self._half = layout.half
        self._is_meant = layout.is_meant

    def __call__(self, data: bytes, rejected: Rejected) -> Told:
        """Return what lines are."""
        told = Told([], [], [], 0)
        skipped = 0
        for record, line in records_of(data, rejected):
            half = self._half(record)
            if half is None and not self._is_meant(record):
                skipped += 1
            elif half is None:
                told.whole.append(line)
            elif _is_nothing(half.id):
                rejected.add("missing_id", example=f"a {half.side} without an id")
            else:
                told.halves.append(half)
                told.lines.append(line)
        return told._replace(skipped=skipped)

    def unseen(self) -> tuple[str, ...]:
        """Return nothing: no filter tells the sides apart."""
        return ()
