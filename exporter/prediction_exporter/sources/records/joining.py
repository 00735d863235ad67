"""Joining: the requests and responses of a source, brought together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from prediction_exporter.config import Predictions
from prediction_exporter.config.records import MOST_WAITING, WAITS
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.layouts.base import SIDES, Side
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.halves import Halves, Pair, SampledHalves
from prediction_exporter.sources.records.sides import Sides, SidesByFilter, SidesByLayout
from prediction_exporter.sources.records.waiting import WaitingHalves

#: Characters of an id that a message shows.
SHOWN = 60


@dataclass(slots=True)
class Met:
    """How many records were requests and responses, and how many of them found each other; an id of each side."""

    requests: int = 0
    responses: int = 0
    pairs: int = 0
    first: dict[Side, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as words."""
        requests, responses = _many(self.requests, "request"), _many(self.responses, "response")
        return f"{_many(self.pairs, 'pair')} of {requests} and {responses}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


class Joined(NamedTuple):
    """What lines are, and what others were that they completed.

    Attributes:
        pairs: of those that are complete now, the lines of the request and of the response.
        whole: lines that are records of both.
        skipped: how many others there are.
    """

    pairs: list[Pair]
    whole: list[bytes]
    skipped: int


class Joiner:
    """Joins the two records of each prediction.

    Args:
        sides: tells which of the two a record is.
        halves: where they wait for each other.

    Attributes:
        halves: the same.
        met: how many there were, and how many of them found each other.
    """

    def __init__(self, sides: Sides, halves: Halves) -> None:
        self._sides = sides
        self.halves = halves
        self.met = Met()

    def join(self, data: bytes, rejected: Rejected) -> Joined:
        """Return the predictions that are complete now, and what else lines are.

        Args:
            data: lines.
            rejected: where those are counted that are refused.

        Raises:
            StateError: what waits cannot be read back.
        """
        told = self._sides(data, rejected)
        pairs = self.halves.meet(told.halves, told.lines, rejected)
        requests = sum(half.side == SIDES[0] for half in told.halves)
        self.met.requests += requests
        self.met.responses += len(told.halves) - requests
        self.met.pairs += len(pairs)
        if len(self.met.first) < len(SIDES):
            for half in reversed(told.halves):
                self.met.first[half.side] = half.id[:SHOWN]
        return Joined(pairs, told.whole, told.skipped)

    def missed(self) -> tuple[str, ...]:
        """Return what is wrong where none of the records found its other half, with the place in the configuration."""
        told, met = self._sides.unseen(), self.met
        if told or met.pairs or not (met.requests or met.responses):
            return told
        if not isinstance(self._sides, SidesByFilter):
            return (f"layout: no request and response have the same id: {met}",)
        if met.requests and met.responses:
            shown = " and ".join(repr(met.first[side]) for side in SIDES)
            return (f"join.id: {self._sides.field} has no value that a request and a response share: {met}, such as {shown}",)
        side = SIDES[1] if met.requests else SIDES[0]
        return (f"join.{side}: no {side} with an id is among the sampled records: {met}",)


def joins(predictions: Predictions) -> bool:
    """Return whether a prediction has two records."""
    if predictions.layout is not None:
        return layout_of(predictions.layout).half is not None
    return predictions.join is not None


def joiner_of(predictions: Predictions, kept: Kept | None, clock: Callable[[], float]) -> Joiner | None:
    """Return what joins records; None where each is whole.

    Args:
        predictions: how they are read.
        kept: gives what the state file has of those that wait; None where they are only looked at.
        clock: Unix time.
    """
    joining = predictions.join
    if not joins(predictions):
        return None
    sides: Sides
    if joining is not None:
        sides = SidesByFilter(joining)
    else:
        assert predictions.layout is not None  # noqa: S101 - it joins
        sides = SidesByLayout(layout_of(predictions.layout))
    if kept is None:
        return Joiner(sides, SampledHalves())
    within, most = (WAITS, MOST_WAITING) if joining is None else (joining.within, joining.max_size)
    return Joiner(sides, WaitingHalves(kept, within=within.seconds, most=int(most), clock=clock))
