"""Halves: records of requests and of responses that find each other by their id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from prediction_exporter.config.records import Joining
from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.counting.state_step import Step
from prediction_exporter.sources.base import Pending, Rejected, Waiting
from prediction_exporter.sources.fields.schema import lookup
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.layouts.base import SIDES, Half, Record, Side
from prediction_exporter.sources.values import text_of

#: A line that has come: its place among those that came with it, or itself where it came earlier.
Place = int | bytes

#: Bytes of a sample's requests that are remembered, and of its responses: beyond them, none waits that comes later.
SAMPLED_BYTES = 16 << 20

OTHER: Mapping[Side, Side] = {SIDES[0]: SIDES[1], SIDES[1]: SIDES[0]}

#: Why a half is refused that waited in vain, by its side.
ALONE: Mapping[Side, str] = {"request": "no_response", "response": "no_request"}


class Sides(Protocol):
    """Tells which halves of predictions some records are."""

    def __call__(self, records: Sequence[Record], rejected: Rejected) -> list[Half | None]:
        """Return which halves records are, None of one that is none; count those that are refused."""

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each side that no record was of, with the place in the configuration."""


class Halves(Pending, Protocol):
    """Where halves wait."""

    def begin(self) -> None:
        """Begin with lines that are read again together, if they are."""

    def meet(self, halves: Sequence[Half], lines: Sequence[bytes], rejected: Rejected) -> list[tuple[Place, Place]]:
        """Let halves find each other; return each request that has its response now, with that.

        Args:
            halves: what has come, in this order.
            lines: their records, as they were written.
            rejected: where those are counted that another with their id took the place of.
        """

    def undo(self) -> None:
        """Take back what happened since the beginning: the lines will be read again."""

    def expire(self, began: float) -> Rejected:
        """Give up what has waited too long, once all is read that was there at a time; return how much, by reason."""

    def restore(self, *, resumed: bool) -> None:
        """Begin with what the state file has; it belongs to lines that are not read on where reading was not resumed."""


class SampledHalves:
    """Halves of a sample: they wait in memory, as long as it is looked at, and as far as they are few.

    Where there is no more room it is the first ones that stay: of two files that are looked at one after the other, the
    beginnings belong together.
    """

    is_full = False

    def __init__(self) -> None:
        self._waiting: dict[Half, bytes] = {}
        self._room: dict[Side, int] = dict.fromkeys(SIDES, SAMPLED_BYTES)

    def meet(self, halves: Sequence[Half], lines: Sequence[bytes], rejected: Rejected) -> list[tuple[Place, Place]]:
        """Let halves find each other."""
        del rejected  # what a sample has twice is told when it is read
        found: list[tuple[Place, Place]] = []
        for place, half in enumerate(halves):
            other = Half(half.id, OTHER[half.side])
            line = self._waiting.pop(other, None)
            if line is not None:
                self._room[other.side] += len(line)
                found.append((place, line) if half.side == SIDES[0] else (line, place))
            elif self._room[half.side] >= len(lines[place]):
                self._room[half.side] += len(self._waiting.get(half, b"")) - len(lines[place])
                self._waiting[half] = lines[place]
        return found

    def begin(self) -> None:
        """Do nothing, as undo."""

    def undo(self) -> None:
        """Do nothing: nothing is counted of a sample."""

    def expire(self, began: float) -> Rejected:
        """Give up nothing."""
        del began
        return Rejected()

    def restore(self, *, resumed: bool) -> None:
        """Forget all: another sample begins."""
        del resumed
        self._waiting, self._room = {}, dict.fromkeys(SIDES, SAMPLED_BYTES)

    def put(self, step: Step) -> Rejected:
        """Keep nothing."""
        del step
        return Rejected()

    def waiting(self) -> Waiting:
        """Return how much waits."""
        requests = sum(half.side == SIDES[0] for half in self._waiting)
        return Waiting(requests, len(self._waiting) - requests, 0)


class Joined:
    """Tells halves as ``predictions.join`` says, and how many there were.

    Args:
        joining: that section.

    Attributes:
        field: the field that both sides have, for messages.
    """

    def __init__(self, joining: Joining) -> None:
        self.field = joining.id
        self._filters = {side: Filter(parse_where(getattr(joining, side))) for side in SIDES}
        self._places = ((joining.id,), tuple(joining.id.split(".")))

    def __call__(self, records: Sequence[Record], rejected: Rejected) -> list[Half | None]:
        """Return which halves of predictions records are."""
        requests, responses = (self._filters[side].of_records(records) for side in SIDES)
        return [self._half(*one, rejected) for one in zip(records, requests, responses, strict=True)]

    def _half(self, record: Record, is_request: bool, is_response: bool, rejected: Rejected) -> Half | None:  # noqa: FBT001 - of both filters
        if not (is_request or is_response):
            return None
        if is_request and is_response:
            rejected.add("both_sides", example="a record that is a request and a response")
            return None
        identity = next((text_of(value) for place in self._places if (value := lookup(record, place)) is not None), None)
        if identity is None:
            rejected.add("missing_id", example=f"a record without {self.field}")
            return None
        return Half(identity, "request" if is_request else "response")

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each of the two sides that no record is of."""
        found = (sentence for side in SIDES for sentence in self._told(side))
        return tuple(found)

    def _told(self, side: Side) -> Sequence[str]:
        seen = self._filters[side].seen
        if seen.passed:
            return ()
        return [f"join.{side}{sentence.removeprefix('where')}" for sentence in seen.unseen()]


class JoinedByLayout:
    """Tells halves as a layout does, record by record."""

    def __init__(self, half: Callable[[Record], Half | None]) -> None:
        self._half = half

    def __call__(self, records: Sequence[Record], rejected: Rejected) -> list[Half | None]:
        """Return which halves of predictions records are."""
        del rejected  # a layout skips what is none
        return [self._half(record) for record in records]

    def unseen(self) -> tuple[str, ...]:
        """Return nothing: no filter tells the sides apart."""
        return ()
